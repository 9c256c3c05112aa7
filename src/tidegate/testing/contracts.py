"""Contract suites: what every forecaster and every splitter must do, to be run on one's own."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Literal

import numpy as np

from tidegate.core.errors import InputError
from tidegate.core.randomness import generator
from tidegate.core.spans import Spans
from tidegate.core.time import DAY
from tidegate.core.units import Float32Array, FloatArray, Int64Array
from tidegate.models import Forecaster, TrainingRows
from tidegate.split import Fold

__all__ = ["check_forecaster", "check_splitter"]

_ROWS, _FEATURES, _SIDE_BY_SIDE = 600, 5, 20


def check_forecaster(
    make: Callable[[int], Forecaster], *, target: Literal["number", "binary", "order"] = "number"
) -> None:
    """Check an implementation of :class:`tidegate.models.Forecaster`.

    Parameters
    ----------
    make
        Returns a fresh, untrained forecaster for a number of threads, always with the same seed; it stops early by no
        validation rows.
    target
        What it learns: a number, a target of 0 and 1, or the order of the rows of an instant. A learner of orders
        compares rows with each other, so that the promises about weights are not made for it.

    Raises
    ------
    AssertionError
        On the first promise that is not kept; the message names it.

    Examples
    --------
    >>> from tidegate.core.recipe import RidgeSettings
    >>> from tidegate.models import Ridge
    >>> check_forecaster(lambda threads: Ridge(RidgeSettings()))
    """
    rows = _planted_rows(binary=target == "binary")
    features = np.asarray(rows.features)
    untouched = features.copy()
    model = _fit(make(1), rows)
    forecast = model.predict(features)
    _promise(np.array_equal(features, untouched, equal_nan=True), "the features it is handed stay as they are")
    _promise(forecast.shape == (_ROWS,) and forecast.dtype == np.float64, "one float64 per row")
    _promise(bool(np.isfinite(forecast).all()), "a finite forecast despite missing values and a constant feature")
    _promise(float(np.corrcoef(forecast, rows.target)[0, 1]) > 0.5, "a planted signal is found")
    if target == "number":
        unexplained = float(np.var(rows.target - forecast) / np.var(rows.target))
        _promise(unexplained < 0.75, "a planted signal is found, in the unit of the target")
    _promise(
        np.array_equal(forecast, _fit(make(1), rows).predict(features)),
        "a repeat gives the same bits",
    )
    _promise(
        np.array_equal(forecast, _fit(make(2), rows).predict(features)),
        "two threads give the same bits",
    )
    alone = np.concatenate([model.predict(features[row : row + 1]) for row in range(20)])
    _promise(np.array_equal(forecast[:20], alone), "a row's forecast does not depend on the rows beside it")
    _check_importance(model.importance())
    _check_contributions(model, features, forecast, binary=target == "binary")
    _check_source(make, model, rows, forecast)
    _check_validation(make, model, rows, forecast)
    if target != "order":
        _check_weights(make, rows, forecast)
    _check_storage(model, features, forecast)
    _check_refusals(make, rows)


def check_splitter(split: Callable[[Int64Array, Spans | None], Sequence[Fold]], *, seed: int = 7) -> None:
    """Check a splitter on a panel from 2015 to 2020: irregular instants, several samples at each, mixed label lengths.

    Parameters
    ----------
    split
        Takes all decision instants and the spans of the labelled samples, returns folds.
    seed
        Decides the random instants and spans.

    Raises
    ------
    AssertionError
        On the first promise that is not kept; the message names it.
    """
    random = generator(seed, "check-splitter")
    times = 16_436 * DAY + np.cumsum(random.integers(DAY // 24, 4 * DAY, 1100))
    start = random.permutation(np.repeat(times, random.integers(1, 4, len(times))))
    spans = Spans(start, start + random.integers(1, 60 * DAY, len(start)))
    folds = split(times, spans)
    _promise(len(folds) > 0, "at least one fold")
    for before, after in pairwise(folds):
        _promise(before.test_end <= after.test_start, "test windows follow each other and never overlap")
    for fold in folds:
        _check_fold(fold, times, spans)
    order = random.permutation(len(start))
    again = split(times, Spans(spans.start[order], spans.end[order]))
    _promise(
        len(again) == len(folds)
        and all(
            np.array_equal(np.sort(order[other.fitted]), fold.fitted) for fold, other in zip(folds, again, strict=True)
        ),
        "the order of the samples does not matter",
    )
    try:
        split(times, None)
    except InputError:
        return
    _promise(False, "without spans nothing is split")


def _check_fold(fold: Fold, times: Int64Array, spans: Spans) -> None:
    tested, fitted = times[fold.test], fold.fitted
    _promise(fold.train.size > 0 and fold.test.size > 0, "no empty side")
    _promise(bool(np.all((tested >= fold.test_start) & (tested < fold.test_end))), "test rows lie in their window")
    _promise(
        not spans.overlaps(fold.test_start, fold.test_end)[fitted].any(),
        "no training label reaches the test",
    )
    _promise(
        bool(np.all(spans.end[fitted] <= tested.min())),
        "training labels are known before the first test row",
    )
    _promise(len(np.unique(fitted)) == len(fitted), "no sample lies in two parts")
    _check_slices(fold, spans)
    _promise(fold.trained_until == spans.end[fitted].max(), "trained_until is the last label end used")


def _check_slices(fold: Fold, spans: Spans) -> None:
    reached = int(spans.end[fold.train].max())
    for part in (fold.validation, fold.calibration):
        if part is not None:
            decided = spans.start[part.rows]
            _promise(part.rows.size > 0, "no empty slice")
            _promise(bool(np.all((decided >= part.start) & (decided < part.end))), "a slice lies in its window")
            _promise(reached <= part.start, "no label reaches into the slice behind it")
            reached = int(spans.end[part.rows].max())
            _promise(reached == part.reaches <= part.end, "a slice says how far its labels reach, and they end in it")


class _Source:
    """Rows that are read in pieces, as those of a matrix on disk are."""

    def __init__(self, rows: Float32Array) -> None:
        self._rows = rows

    @property
    def shape(self) -> tuple[int, int]:
        return self._rows.shape[0], self._rows.shape[1]

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, rows: slice | Int64Array, /) -> Float32Array:
        return self._rows[rows].copy()


def _planted_rows(*, binary: bool) -> TrainingRows:
    """Return rows with a linear signal in the first feature, a constant feature and missing values."""
    random = generator(7, "check-forecaster")
    features = random.normal(size=(_ROWS, _FEATURES)).astype(np.float32)
    target = features[:, 0].astype(np.float64) + 0.5 * random.normal(size=_ROWS)
    features[:, 1] = 0.1
    features[random.random((_ROWS, _FEATURES)) < 0.05] = np.nan
    instants = np.arange(_ROWS, dtype=np.int64) // _SIDE_BY_SIDE * DAY
    return TrainingRows(
        features=features, target=(target > 0.0).astype(np.float64) if binary else target, instants=instants
    )


def _fit(model: Forecaster, rows: TrainingRows, *, validation: TrainingRows | None = None) -> Forecaster:
    return model.fit(rows.features, rows.target, weight=rows.weight, instants=rows.instants, validation=validation)


def _check_contributions(model: Forecaster, features: Float32Array, forecast: FloatArray, *, binary: bool) -> None:
    parts = model.contributions(features)
    _promise(parts.shape == (_ROWS, _FEATURES + 1) and parts.dtype == np.float64, "a part per feature, and the rest")
    total = parts.sum(axis=1)
    exact = bool(np.allclose(total, forecast, rtol=1e-4, atol=1e-4))
    odds = binary and bool(np.allclose(1.0 / (1.0 + np.exp(-total)), forecast, rtol=1e-4, atol=1e-4))
    _promise(exact or odds, "contributions sum to the forecast, or to the log-odds of a probability")
    _promise(int(np.abs(parts[:, :-1]).mean(axis=0).argmax()) == 0, "the planted feature contributes most")


def _check_source(
    make: Callable[[int], Forecaster], model: Forecaster, rows: TrainingRows, forecast: FloatArray
) -> None:
    source = _Source(np.asarray(rows.features))
    _promise(np.array_equal(model.predict(source), forecast), "rows from a source are forecast to the same bits")
    _promise(
        np.array_equal(_fit(make(1), replace(rows, features=source)).predict(source), forecast),
        "rows from a source teach the same bits",
    )


def _check_validation(
    make: Callable[[int], Forecaster], model: Forecaster, rows: TrainingRows, forecast: FloatArray
) -> None:
    later = replace(rows, target=rows.target[::-1].copy())
    watched = _fit(make(1), rows, validation=later)
    _promise((watched.rounds or 0) <= (model.rounds or 0), "validation rows add no round")
    same = watched.rounds != model.rounds or np.array_equal(watched.predict(rows.features), forecast)
    _promise(same, "nothing is fitted to validation rows")


def _check_weights(make: Callable[[int], Forecaster], rows: TrainingRows, forecast: FloatArray) -> None:
    even = _fit(make(1), replace(rows, weight=np.ones(_ROWS))).predict(rows.features)
    _promise(bool(np.allclose(even, forecast, rtol=1e-6, atol=1e-9)), "weights of 1 are as good as none")
    weight = np.where(np.arange(_ROWS) % 3 == 0, 0.0, 1.5)
    wrong = np.where(weight > 0.0, rows.target, 1.0 - rows.target)
    told, lied = (_fit(make(1), replace(rows, weight=weight, target=seen)) for seen in (rows.target, wrong))
    _promise(
        np.array_equal(told.predict(rows.features), lied.predict(rows.features)),
        "the target of a row of weight 0 teaches nothing",
    )
    heavy = np.where(rows.target > rows.target.mean(), 10.0, 0.1)
    lifted = _fit(make(1), replace(rows, weight=heavy)).predict(rows.features)
    _promise(float(lifted.mean()) > float(forecast.mean()), "heavy rows draw the forecast towards them")


def _check_importance(shares: FloatArray) -> None:
    _promise(shares.shape == (_FEATURES,) and bool((shares >= 0.0).all()), "one share per feature, none negative")
    _promise(abs(float(shares.sum()) - 1.0) < 1e-9, "shares that sum to 1")
    _promise(int(shares.argmax()) == 0, "the planted feature matters most")


def _check_storage(model: Forecaster, features: Float32Array, forecast: FloatArray) -> None:
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "model"
        model.save(place)
        _promise(
            np.array_equal(type(model).load(place).predict(features), forecast),
            "a loaded model gives the same bits",
        )
        for file in place.iterdir():
            whole = file.read_bytes()
            file.write_bytes(whole[: len(whole) // 2])
            _promise(_refuses(lambda: type(model).load(place)), f"a damaged {file.name} is refused")
            file.write_bytes(whole)


def _check_refusals(make: Callable[[int], Forecaster], rows: TrainingRows) -> None:
    features, target, instants = np.asarray(rows.features), rows.target, rows.instants
    missing = target.copy()
    missing[3] = np.nan
    _promise(_refuses(lambda: make(1).fit(features, missing, instants=instants)), "a missing target is refused")
    negative = np.where(np.arange(_ROWS) == 3, -1.0, 1.0)
    refused = _refuses(lambda: make(1).fit(features, target, weight=negative, instants=instants))
    _promise(refused, "a negative weight is refused")
    _promise(_refuses(lambda: make(1).predict(features)), "forecasting before fitting is refused")
    narrow = _fit(make(1), rows)
    _promise(_refuses(lambda: narrow.predict(features[:, :-1])), "rows of another width are refused")


def _refuses(attempt: Callable[[], object]) -> bool:
    try:
        attempt()
    except InputError:
        return True
    return False


def _promise(kept: bool, promise: str) -> None:
    if not kept:
        raise AssertionError(f"not kept: {promise}")
