"""Leaks of splits: training samples that know how the test goes."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final

import numpy as np

from tidegate.audit import FindingKind
from tidegate.core.pipeline import Claim, SplitClaim
from tidegate.core.units import FloatArray, Mask
from tidegate.testing.leaks.labels import HORIZON
from tidegate.testing.leaks.leak import Leak
from tidegate.testing.leaks.markets import daily_market
from tidegate.testing.leaks.neighbours import SEEN_BY_VALUE
from tidegate.testing.leaks.training import TEST_ROW, Trained, Training, fit_ridge, forecast

__all__ = ["SPLITS"]

_FOLD: Final = "first fold"
_KEY: Final = "forecast"
_Chosen = Callable[[Training], Mask]
"""From the samples to which of them are trained on, ``bool (n, n_symbols)``."""
_FOUND: Final = SEEN_BY_VALUE | {FindingKind.SPLIT}


def _predicted(samples: Training, *, chosen: _Chosen) -> FloatArray:
    """Forecast the test with a ridge of the chosen samples."""
    weights = fit_ridge(samples.features, np.where(chosen(samples), samples.target, np.nan))
    return samples.on(samples.test, forecast(samples.features, weights))


def _claim(samples: Training, *, chosen: _Chosen) -> tuple[Claim, ...]:
    """Say which samples were trained on: those that have a label."""
    rows = np.nonzero(chosen(samples) & ~np.isnan(samples.target))[0]
    return (
        SplitClaim(
            name=_FOLD,
            train_times=samples.times[rows],
            train_ends=samples.ends[rows],
            test_times=samples.times[samples.test],
            test_ends=samples.ends[samples.test],
        ),
    )


def _purged_by_spans(samples: Training) -> Mask:
    return np.broadcast_to(samples.train[:, None], samples.target.shape)


def _purged_by_rows(samples: Training) -> Mask:
    """Drop the last rows of a long frame before the test, as many as the label has bars: but a bar is five rows."""
    long = np.arange(samples.target.size).reshape(samples.target.shape)
    early: Mask = long < TEST_ROW * samples.target.shape[1] - HORIZON
    return early


def _purged_one_bar(samples: Training) -> Mask:
    early = np.arange(len(samples.times)) < TEST_ROW - 1
    return np.broadcast_to(early[:, None], samples.target.shape)


def _not_purged(samples: Training) -> Mask:
    return np.broadcast_to((samples.times < samples.test_start)[:, None], samples.target.shape)


def _first_by_symbol(samples: Training) -> Mask:
    """Take the first three of five samples of a frame that is sorted by symbol and then time."""
    by_symbol = np.arange(samples.target.size).reshape(samples.target.T.shape).T
    first: Mask = by_symbol < 0.6 * samples.target.size
    return first


def _leak(name: str, about: str, source: str, chosen: _Chosen) -> Leak:
    def pipeline(chosen: _Chosen) -> Trained:
        return Trained(
            key=_KEY,
            predicts=partial(_predicted, chosen=chosen),
            claimed=partial(_claim, chosen=chosen),
        )

    return Leak(
        name=name,
        about=about,
        source=source,
        keys=(_KEY, _FOLD),
        expected=_FOUND,
        planted=lambda _: pipeline(chosen),
        clean=lambda _: pipeline(_purged_by_spans),
        history=daily_market,
        refitted=lambda seed: (int(daily_market(seed).bars.times[TEST_ROW]),),
    )


SPLITS: Final = (
    _leak(
        "purge by rows",
        "the last five rows before the test are dropped, which in a frame of five symbols is one bar",
        "timeseriescv #8, crypto D-08",
        _purged_by_rows,
    ),
    _leak(
        "purge shorter than the label",
        "one bar is dropped before the test, and labels reach five bars ahead",
        "openquant #65, crypto D-08",
        _purged_one_bar,
    ),
    _leak(
        "nothing is purged",
        "a split by date leaves training labels that end in the test",
        "openquant #27, mlfinlab #295",
        _not_purged,
    ),
    _leak(
        "sorted-by-symbol split",
        "the first three fifths of a frame sorted by symbol are all times of some symbols",
        "crypto D-36, equity H 15",
        _first_by_symbol,
    ),
)
