"""Leaks of labels: one that is there too early, one that looks further than it says, rows that only a label keeps."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import numpy as np

from tidegate.audit import FindingKind
from tidegate.core.history import History
from tidegate.core.pipeline import Stage, StageKind
from tidegate.core.units import FloatArray, Int64Array
from tidegate.testing.leaks.leak import HONEST, Formulas, Leak, log_close, momentum
from tidegate.testing.leaks.markets import daily_market
from tidegate.testing.leaks.neighbours import SEEN_BY_VALUE, ahead

__all__ = ["HORIZON", "LABELS", "label_ends", "target"]

HORIZON: Final = 5
"""Bars of the label."""
_NOT_YET: Final = np.iinfo(np.int64).max // 4


def target(history: History) -> FloatArray:
    """Return the log return of the next five bars; missing where they have not come."""
    return ahead(log_close(history), HORIZON) - log_close(history)


def label_ends(history: History, bars: int = HORIZON) -> Int64Array:
    """Return the instant at which each label is known; those of the newest rows are not known at all."""
    ends = np.full(len(history.bars.times), _NOT_YET)
    ends[:-bars] = history.bars.times[bars:]
    return ends


def _touch(history: History) -> FloatArray:
    """Return 1 where the close rises by 2 %; a comparison with what is missing is false, and so becomes 0."""
    return (target(history) >= 0.02).astype(np.float64)


def _touch_or_missing(history: History) -> FloatArray:
    return np.where(np.isnan(target(history)), np.nan, _touch(history))


def _ends_within_the_frame(history: History) -> Int64Array:
    return np.minimum(label_ends(history), history.bars.times[-1]) if len(history.bars.times) else label_ends(history)


def _ends_too_early(history: History) -> Int64Array:
    return label_ends(history, HORIZON - 2)


@dataclass(frozen=True)
class _RowsWithLabel:
    """Features of those rows that have a label: ``dropna()`` over features and label together."""

    def run(self, history: History) -> Iterable[Stage]:
        with np.errstate(all="ignore"):
            kept = ~np.isnan(target(history)).all(axis=1)
            values = momentum(history)[kept, :, None]
        bars = history.bars
        yield Stage(
            kind=StageKind.FEATURES, times=bars.times[kept], symbols=bars.symbols, keys=(HONEST,), values=values
        )


def _shifted_over_symbols(history: History) -> FloatArray:
    """Lag by five rows in a long frame sorted by symbol: a symbol's first rows take the last ones of the one before."""
    price = log_close(history)
    long = price.T.ravel()
    shifted = np.full(long.shape, np.nan)
    shifted[HORIZON:] = long[:-HORIZON]
    momenta: FloatArray = price - shifted.reshape(price.T.shape).T
    return momenta


LABELS: Final = (
    Leak(
        name="zero-filled unlabelled tail",
        about="the newest rows have no label yet and get 0, since a comparison with nothing is false",
        source="equity H 16",
        keys=("touch", "end"),
        expected=SEEN_BY_VALUE,
        planted=lambda _: Formulas(formulas={"touch": _touch}, kind=StageKind.LABELS, ends=_ends_within_the_frame),
        clean=lambda _: Formulas(formulas={"touch": _touch_or_missing}, kind=StageKind.LABELS, ends=label_ends),
        history=daily_market,
    ),
    Leak(
        name="label longer than it says",
        about="the label looks five bars ahead and says three, so purging leaves what overlaps the test",
        source="crypto D-33",
        keys=("return",),
        expected=SEEN_BY_VALUE,
        planted=lambda _: Formulas(formulas={"return": target}, kind=StageKind.LABELS, ends=_ends_too_early),
        clean=lambda _: Formulas(formulas={"return": target}, kind=StageKind.LABELS, ends=label_ends),
        history=daily_market,
    ),
    Leak(
        name="rows that only a label keeps",
        about="rows without a label are dropped before features are made, so the newest row never has any",
        source="equity H 16",
        keys=("*", HONEST),
        expected=frozenset({FindingKind.VANISHED}),
        planted=lambda _: _RowsWithLabel(),
        clean=lambda _: Formulas(formulas={HONEST: momentum}),
        history=daily_market,
    ),
    Leak(
        name="shift over symbols",
        about="a lag that is not grouped by symbol takes the end of one symbol for the start of the next",
        source="equity H 21",
        keys=("return_5",),
        expected=SEEN_BY_VALUE,
        planted=lambda _: Formulas(formulas={HONEST: momentum, "return_5": _shifted_over_symbols}),
        clean=lambda _: Formulas(formulas={HONEST: momentum, "return_5": momentum}),
        history=daily_market,
    ),
)
