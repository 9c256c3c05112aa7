"""Leaks of fits: a scaler, a calibrator, a threshold, a number of steps that was chosen on the test."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final

import numpy as np

from tidegate.audit import FindingKind
from tidegate.core.pipeline import Claim, FillClaim, FitClaim, StageKind
from tidegate.core.units import FloatArray, Mask
from tidegate.testing.leaks.leak import Leak
from tidegate.testing.leaks.markets import daily_market
from tidegate.testing.leaks.neighbours import SEEN_BY_VALUE
from tidegate.testing.leaks.training import TEST_ROW, Trained, Training, fit_ridge, forecast

__all__ = ["FITS"]

_FOUND: Final = SEEN_BY_VALUE | {FindingKind.FIT}
_HELD_OUT: Final = 60
"""Rows before the test that honest calibration, thresholds and stopping use."""
_MONTH: Final = 21
_STEPS: Final = 40


def _everything(samples: Training) -> Mask:
    return np.ones(len(samples.times), dtype=bool)


def _train(samples: Training) -> Mask:
    return samples.train


def _core(samples: Training) -> Mask:
    """Training rows whose labels are known before the held-out rows begin."""
    start = TEST_ROW - _HELD_OUT
    if len(samples.times) <= start:
        return np.zeros(len(samples.times), dtype=bool)
    known: Mask = samples.ends <= samples.times[start]
    return known


def _held_out(samples: Training) -> Mask:
    rows = np.arange(len(samples.times))
    return (rows >= TEST_ROW - _HELD_OUT) & samples.train


def _test(samples: Training) -> Mask:
    return samples.test


_Rows = Callable[[Training], Mask]
_Fitted = Callable[[Training, Mask], FloatArray]


def _raw(samples: Training) -> FloatArray:
    """Forecast every row with a ridge of the core of the training rows."""
    weights = fit_ridge(samples.features, samples.on(_core(samples), samples.target))
    return forecast(samples.features, weights)


def _scaled(samples: Training, fitted_on: Mask) -> FloatArray:
    """Standardise the features by some rows, and forecast the test with a ridge of the training rows."""
    rows = samples.features[fitted_on].reshape(-1, samples.features.shape[2])
    rows = rows[~np.isnan(rows).any(axis=1)]
    mean = rows.mean(axis=0) if len(rows) else np.zeros(samples.features.shape[2])
    deviation = rows.std(axis=0) if len(rows) else np.ones(samples.features.shape[2])
    scaled = np.tanh((samples.features - mean) / np.maximum(deviation, 1e-9))
    weights = fit_ridge(scaled, samples.on(samples.train, samples.target))
    return samples.on(samples.test, forecast(scaled, weights))


def _calibrated(samples: Training, fitted_on: Mask) -> FloatArray:
    """Map forecasts to outcomes by a line that was fitted on some rows."""
    raw = _raw(samples)
    line = fit_ridge(raw[:, :, None], samples.on(fitted_on, samples.target))
    return samples.on(samples.test, forecast(raw[:, :, None], line))


def _decided(samples: Training, fitted_on: Mask) -> FloatArray:
    """Buy above the threshold that would have earned most on some rows."""
    raw = _raw(samples)
    grid = np.linspace(-0.05, 0.05, 41)
    seen, earned = raw[fitted_on], np.nan_to_num(samples.target[fitted_on])
    totals = [np.where(seen > threshold, earned, 0.0).sum() for threshold in grid]
    bought = (raw > grid[int(np.argmax(totals))]).astype(np.float64)
    return samples.on(samples.test, np.where(np.isnan(raw), np.nan, bought))


def _signed(samples: Training, fitted_on: Mask) -> FloatArray:
    """Turn the forecast round where it went against the outcomes of some rows, and scale it by how well it did."""
    raw = _raw(samples)
    # The rows are cut out before they are summed: zeros in the place of the others would change the order of the sum.
    agreement = float(np.nansum(raw[fitted_on] * samples.target[fitted_on]))
    return samples.on(samples.test, agreement * raw)


def _stopped(samples: Training, fitted_on: Mask) -> FloatArray:
    """Descend to the ridge step by step, and keep the step that did best on some rows."""
    complete = ~np.isnan(samples.features).any(axis=2) & ~np.isnan(samples.target)
    train, watched = complete & _core(samples)[:, None], complete & fitted_on[:, None]
    design = np.column_stack([samples.features[train], np.ones(int(train.sum()))])
    wanted = samples.target[train]
    weights = np.zeros(design.shape[1])
    best, least = weights, np.inf
    for _ in range(_STEPS):
        weights = weights - 0.2 * design.T @ (design @ weights - wanted) / max(len(wanted), 1)
        loss = float(np.sum((forecast(samples.features[watched], weights) - samples.target[watched]) ** 2))
        best, least = (weights, loss) if loss < least else (best, least)
    return samples.on(samples.test, forecast(samples.features, best))


def _refitted(samples: Training, *, known: Callable[[Training, int], Mask]) -> FloatArray:
    """Fit again every month, and forecast until the next time."""
    said = np.full(samples.target.shape, np.nan)
    for row in range(TEST_ROW, len(samples.times), _MONTH):
        weights = fit_ridge(samples.features, samples.on(known(samples, row), samples.target))
        months = slice(row, row + _MONTH)
        said[months] = forecast(samples.features[months], weights)
    return said


def _rows_before(samples: Training, row: int) -> Mask:
    return np.arange(len(samples.times)) < row


def _labels_known(samples: Training, row: int) -> Mask:
    known: Mask = samples.ends <= samples.times[row]
    return known


def _refits(seed: int) -> tuple[int, ...]:
    times = daily_market(seed).bars.times
    return tuple(int(instant) for instant in times[TEST_ROW::_MONTH])


def _bought_at_once(samples: Training) -> FloatArray:
    return samples.on(samples.test, np.sign(_raw(samples)))


def _orders(samples: Training, *, lag: int) -> tuple[Claim, ...]:
    """Say that what was decided at a bar of the test is filled some bars later."""
    decided = samples.times[samples.test]
    return (FillClaim(name="orders", decided=decided[: max(len(decided) - lag, 0)], filled=decided[lag:]),)


def _trader(fills_after: int) -> Trained:
    claimed = partial(_orders, lag=fills_after)
    return Trained(key="target", predicts=_bought_at_once, claimed=claimed, kind=StageKind.DECISIONS)


def _fitted(samples: Training, *, fitted: _Fitted, rows: _Rows) -> FloatArray:
    return fitted(samples, rows(samples))


def _claim(samples: Training, *, name: str, rows: _Rows) -> tuple[Claim, ...]:
    fitted_on, allowed = samples.times[rows(samples)], samples.times[samples.train]
    return (FitClaim(name=name, fitted_times=fitted_on, allowed_times=allowed),)


def _fit_leak(
    name: str,
    about: str,
    source: str,
    fitted: _Fitted,
    *,
    key: str,
    planted: _Rows,
    clean: _Rows,
    kind: StageKind = StageKind.PREDICTIONS,
) -> Leak:
    """Return a leak of a statistic that is fitted on the wrong rows, and says so."""
    statistic = f"{key} of the first fold"

    def pipeline(rows: _Rows) -> Trained:
        return Trained(
            key=key,
            predicts=partial(_fitted, fitted=fitted, rows=rows),
            claimed=partial(_claim, name=statistic, rows=rows),
            kind=kind,
        )

    return Leak(
        name=name,
        about=about,
        source=source,
        keys=(key, statistic),
        expected=_FOUND,
        planted=lambda _: pipeline(planted),
        clean=lambda _: pipeline(clean),
        history=daily_market,
    )


FITS: Final = (
    _fit_leak(
        "scaler before the split",
        "everything is standardised first and split afterwards",
        "qlib #770, #1600, crypto D-37",
        _scaled,
        key="forecast",
        planted=_everything,
        clean=_train,
    ),
    _fit_leak(
        "calibrator on test",
        "the line from forecast to outcome is fitted on the rows that are reported",
        "crypto D-40",
        _calibrated,
        key="calibrated_forecast",
        planted=_test,
        clean=_held_out,
    ),
    _fit_leak(
        "threshold on test",
        "the threshold that would have earned most on the test decides the test",
        "crypto D-80, equity H 19",
        _decided,
        key="buy",
        planted=_test,
        clean=_held_out,
        kind=StageKind.DECISIONS,
    ),
    _fit_leak(
        "sign by the test",
        "the forecast is turned round where its correlation with the test is negative, and scaled by it",
        "crypto D-80",
        _signed,
        key="signed_forecast",
        planted=_test,
        clean=_held_out,
    ),
    _fit_leak(
        "early stopping on test",
        "training ends at the step that does best on the test",
        "shapeformer #2, TimeMIL #4, crypto D-40",
        _stopped,
        key="forecast",
        planted=_test,
        clean=_held_out,
    ),
    Leak(
        name="refit on labels not yet known",
        about="a monthly refit uses all rows before it, and the labels of the last five are still open",
        source="crypto D-08, equity H 8",
        keys=("forecast",),
        expected=SEEN_BY_VALUE,
        planted=lambda _: Trained(key="forecast", predicts=partial(_refitted, known=_rows_before)),
        clean=lambda _: Trained(key="forecast", predicts=partial(_refitted, known=_labels_known)),
        history=daily_market,
        refitted=_refits,
    ),
    Leak(
        name="same-bar fill",
        about="an order is filled at the close whose bar it was decided on",
        source="vectorbt #190, #722, equity H 5",
        keys=("orders",),
        expected=frozenset({FindingKind.FILL}),
        planted=lambda _: _trader(fills_after=0),
        clean=lambda _: _trader(fills_after=1),
        history=daily_market,
    ),
)
