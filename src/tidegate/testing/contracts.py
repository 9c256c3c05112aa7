"""Contract suites: what every forecaster and every splitter must do, to be run on one's own."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np

from tidegate.core.errors import InputError
from tidegate.core.randomness import generator
from tidegate.core.spans import Spans
from tidegate.core.time import DAY
from tidegate.core.units import Float32Array, FloatArray, Int64Array
from tidegate.models import Forecaster
from tidegate.split import Fold

__all__ = ["check_forecaster", "check_splitter"]

_ROWS, _FEATURES = 600, 5


def check_forecaster(make: Callable[[int], Forecaster]) -> None:
    """Check an implementation of :class:`tidegate.models.Forecaster`.

    Parameters
    ----------
    make
        Returns a fresh, untrained forecaster for a number of threads, always with the same seed.

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
    features, target = _planted_rows()
    untouched = features.copy()
    model = make(1).fit(features, target)
    forecast = model.predict(features)
    _promise(np.array_equal(features, untouched, equal_nan=True), "the features it is handed stay as they are")
    _promise(forecast.shape == (_ROWS,) and forecast.dtype == np.float64, "one float64 per row")
    _promise(bool(np.isfinite(forecast).all()), "a finite forecast despite missing values and a constant feature")
    unexplained = float(np.var(target - forecast) / np.var(target))
    _promise(unexplained < 0.75, "a planted signal is found")
    _promise(
        np.array_equal(forecast, make(1).fit(features, target).predict(features)),
        "a repeat gives the same bits",
    )
    _promise(
        np.array_equal(forecast, make(2).fit(features, target).predict(features)),
        "two threads give the same bits",
    )
    alone = np.concatenate([model.predict(features[row : row + 1]) for row in range(20)])
    _promise(np.array_equal(forecast[:20], alone), "a row's forecast does not depend on the rows beside it")
    _check_importance(model.importance())
    _check_storage(model, features, forecast)
    _check_refusals(make, features, target)


def check_splitter(split: Callable[[Int64Array, Spans | None], Sequence[Fold]], *, seed: int = 7) -> None:
    """Check a splitter on irregular decision instants and label spans from 2015 to 2020.

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
    order = random.permutation(len(times))
    spans = Spans(times[order], times[order] + random.integers(1, 60 * DAY, len(times)))
    folds = split(times, spans)
    _promise(len(folds) > 0, "at least one fold")
    for before, after in pairwise(folds):
        _promise(before.test_end <= after.test_start, "test windows follow each other and never overlap")
    for fold in folds:
        _check_fold(fold, times, spans)
    try:
        split(times, None)
    except InputError:
        return
    _promise(False, "without spans nothing is split")


def _check_fold(fold: Fold, times: Int64Array, spans: Spans) -> None:
    tested = times[fold.test]
    _promise(fold.train.size > 0 and fold.test.size > 0, "no empty side")
    _promise(bool(np.all((tested >= fold.test_start) & (tested < fold.test_end))), "test rows lie in their window")
    _promise(
        not spans.overlaps(fold.test_start, fold.test_end)[fold.train].any(),
        "no training label reaches the test",
    )
    _promise(
        bool(np.all(spans.end[fold.train] <= tested.min())),
        "training labels are known before the first test row",
    )
    _promise(fold.trained_until == spans.end[fold.train].max(), "trained_until is the last label end used")


def _planted_rows() -> tuple[Float32Array, FloatArray]:
    """Return rows with a linear signal in the first feature, a constant feature and missing values."""
    random = generator(7, "check-forecaster")
    features = random.normal(size=(_ROWS, _FEATURES)).astype(np.float32)
    target = features[:, 0].astype(np.float64) + 0.5 * random.normal(size=_ROWS)
    features[:, 1] = 0.1
    features[random.random((_ROWS, _FEATURES)) < 0.05] = np.nan
    return features, target


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


def _check_refusals(make: Callable[[int], Forecaster], features: Float32Array, target: FloatArray) -> None:
    missing = target.copy()
    missing[3] = np.nan
    _promise(_refuses(lambda: make(1).fit(features, missing)), "a missing target is refused")
    _promise(_refuses(lambda: make(1).predict(features)), "forecasting before fitting is refused")
    narrow = make(1).fit(features, target)
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
