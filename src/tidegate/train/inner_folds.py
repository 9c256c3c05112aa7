"""Folds inside the past of the first test window, by which a set of parameters is judged."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from tidegate.core.errors import DataError
from tidegate.core.spans import Spans
from tidegate.core.time import DAY, Instant, format_instant
from tidegate.core.units import Int64Array
from tidegate.split import Fold, Slice, known_within

__all__ = ["InnerFold", "inner_folds"]

_BLOCKS_BEFORE: Final = 2
"""Blocks of time in front of the first one that judges."""
_STOPPING_SHARE: Final = 0.2
"""Share of what is known before a judged block that early stopping looks at."""


@dataclass(frozen=True, eq=False, kw_only=True)
class InnerFold:
    """One fold of a study: learn, stop early on what comes next, be judged on what comes after that.

    Parameters
    ----------
    number
        From 0.
    train
        ``int64``, positions of the training samples in the spans.
    stopping
        The slice that early stopping looks at; None where no model stops early.
    judged
        The slice that the metric is taken on. Nothing that is fitted has seen it.
    """

    number: int
    train: Int64Array
    stopping: Slice | None
    judged: Slice

    def as_document(self) -> dict[str, Any]:
        """Return plain values: instants in microseconds UTC and counts of rows."""
        document: dict[str, Any] = {
            "fold": self.number,
            "train_rows": len(self.train),
            "judged": self.judged.as_document(),
        }
        if self.stopping is not None:
            document["stopping"] = self.stopping.as_document()
        return document


def inner_folds(
    spans: Spans, fold: Fold, count: int, *, stops_early: bool = False, embargo_days: int = 0
) -> list[InnerFold]:
    """Divide what a fold trains and validates on, and nothing else of it, into expanding folds in time.

    The instants of training part and validation slice are cut into ``count + 2`` blocks of equally many: the first two
    are only learnt from, each of the others is judged by a model that learnt from all before it. One inner fold alone
    is judged on the validation slice where there is one. Early stopping gets a slice of its own, the last fifth of the
    instants whose labels are known when the block begins: a block that both stopped the boosting and judged it would
    flatter those that stop by luck (D-40). Samples whose label reaches over the border behind them, or into the embargo
    in front of it, are left out. A label that is longer than a block leaves none to judge, and is refused.

    Parameters
    ----------
    spans
        Label spans of all samples, the ones that the fold's positions count.
    fold
        Its calibration slice and its test window are never looked at.
    count
        How many inner folds.
    stops_early
        Whether the model stops early, and so needs a slice for it.
    embargo_days
        Calendar days kept free in front of each border.

    Raises
    ------
    DataError
        If a part is left without a sample.

    Examples
    --------
    >>> from datetime import date
    >>> from tidegate.core.recipe import SplitSettings
    >>> from tidegate.split import WalkForward
    >>> times = np.arange(0, 800) * DAY
    >>> spans = Spans(times[:-5], times[5:])
    >>> fold = WalkForward(SplitSettings(first_test=date(1971, 7, 1), test_months=6)).split(times, spans)[0]
    >>> [(len(one.train), len(one.judged.rows)) for one in inner_folds(spans, fold, 3)]
    [(212, 105), (321, 104), (429, 109)]
    """
    parts = [fold.train] if fold.validation is None else [fold.train, fold.validation.rows]
    seen = np.sort(np.concatenate(parts))
    end = _end(fold)
    instants = np.unique(spans.start[seen])
    borders = [*_borders(instants, fold, count), end]
    return [
        _inner_fold(number, spans, seen, borders[number : number + 2], stops_early, embargo_days * DAY)
        for number in range(count)
    ]


def _end(fold: Fold) -> int:
    """Return where the part of the past that a study may look at ends."""
    if fold.validation is not None:
        return int(fold.validation.end)
    return int(fold.test_start if fold.calibration is None else fold.calibration.start)


def _borders(instants: Int64Array, fold: Fold, count: int) -> list[int]:
    """Return where each judged block begins."""
    if count == 1 and fold.validation is not None:
        return [int(fold.validation.start)]
    blocks = count + _BLOCKS_BEFORE
    return [int(instants[len(instants) * place // blocks]) for place in range(_BLOCKS_BEFORE, blocks)]


def _inner_fold(
    number: int, spans: Spans, seen: Int64Array, borders: list[int], stops_early: bool, embargo: int
) -> InnerFold:
    start, end = borders
    judged = _slice(spans, seen, start, end, 0)
    train_end, stopping = start, None
    if stops_early:
        # Of what is known by then: long labels would otherwise leave the slice next to nothing.
        past = np.unique(spans.start[_within(spans, seen, None, start, embargo)])
        train_end = int(past[int(len(past) * (1.0 - _STOPPING_SHARE))]) if past.size else start
        stopping = _slice(spans, seen, train_end, start, embargo)
    train = _within(spans, seen, None, train_end, embargo)
    found = {
        "training": len(train),
        "judged": len(judged.rows),
        "stopping": 1 if stopping is None else len(stopping.rows),
    }
    if not all(found.values()):
        empty = " and ".join(name for name, size in found.items() if not size)
        window = f"{format_instant(start)[:10]} to {format_instant(end)[:10]}"
        raise DataError(
            found=f"inner fold {number}, judged on {window}, without {empty} samples; labels last {_days(spans, seen)}",
            expected="some in each of its parts, all of whose labels end within it",
            hint="lower tune.inner_folds, give the first test window a longer past, or forecast a shorter horizon",
        )
    return InnerFold(number=number, train=train, stopping=stopping, judged=judged)


def _days(spans: Spans, seen: Int64Array) -> str:
    """Return how long the longest label of the past lasts."""
    return f"up to {float(np.max(spans.end[seen] - spans.start[seen])) / DAY:.4g} days"


def _within(spans: Spans, seen: Int64Array, start: int | None, end: int, embargo: int) -> Int64Array:
    """Return those of the samples seen that are decided from ``start`` on and known before ``end``."""
    return seen[known_within(spans, start, end, embargo)[seen]]


def _slice(spans: Spans, seen: Int64Array, start: int, end: int, embargo: int) -> Slice:
    rows = _within(spans, seen, start, end, embargo)
    reaches = int(spans.end[rows].max()) if rows.size else start
    return Slice(rows=rows, start=Instant(start), end=Instant(end), reaches=Instant(reaches))
