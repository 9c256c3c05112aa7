"""The one guard of every split: no label of training shares time with a label that is tested."""

from __future__ import annotations

from typing import Any

import numpy as np

from tidegate.core.errors import InputError, LookAheadError
from tidegate.core.spans import Spans
from tidegate.core.units import Int64Array, Mask

__all__ = ["overlapping", "require_as_many", "require_disjoint", "require_spans"]


def overlapping(train: Spans, test: Spans, *, embargo: int = 0) -> Mask:
    """Return, per training sample, whether its span shares time with any span of the test.

    Parameters
    ----------
    train, test
        Spans in any order, of any lengths.
    embargo
        Microseconds kept free after every test span.

    Returns
    -------
    overlapping
        ``bool (len(train),)``. Exact: with test spans ordered by their start, a training span meets one of those that
        start before it ends, if the latest end among these lies after its own start. O((n + m) log m).

    Examples
    --------
    >>> train = Spans(np.array([0, 10, 30]), np.array([12, 15, 40]))
    >>> overlapping(train, Spans(np.array([15]), np.array([20])), embargo=11).tolist()
    [False, False, True]
    """
    if not len(test) or not len(train):
        return np.zeros(len(train), dtype=np.bool_)
    if train.end.max() <= test.start.min():
        return np.zeros(len(train), dtype=np.bool_)
    order = np.argsort(test.start, kind="stable")
    latest = np.maximum.accumulate(test.end[order])
    begun = np.searchsorted(test.start[order], train.end, side="left")
    met: Mask = (begun > 0) & (latest[np.maximum(begun, 1) - 1] + embargo > train.start)
    return met


def require_disjoint(
    train: Spans, test: Spans, *, embargo: int = 0, names: tuple[str, str] = ("training", "test")
) -> None:
    """Refuse a split whose sides share time; every splitter of this room goes through here.

    Parameters
    ----------
    train, test
        Label spans of the two sides, in any order.
    embargo
        Microseconds kept free after every test span.
    names
        How the sides are called in the error.

    Raises
    ------
    LookAheadError
        If the label of a training sample shares time with one of the test: it says how many, and how many decision
        instants both sides hold.

    Examples
    --------
    >>> require_disjoint(Spans(np.array([0]), np.array([5])), Spans(np.array([5]), np.array([9])))
    """
    met = int(np.count_nonzero(overlapping(train, test, embargo=embargo)))
    if not met:
        return
    one, other = names
    shared = len(_common(train.start, test.start))
    raise LookAheadError(
        found=f"{met} of {len(train)} {one} samples whose labels share time with labels of the {other}; "
        f"the two sides share {shared} instants",
        expected=f"no label of {one} that reaches into a label of the {other}" + _and_embargo(embargo),
        hint="divide the time axis for all symbols at once: rows sorted by symbol make a split by symbol"
        if shared
        else "purge by label spans: disjoint dates are not enough",
    )


def require_spans(spans: Spans | None) -> Spans:
    """Return the spans.

    Raises
    ------
    InputError
        If there are none: purging by row counts would leak.
    """
    if spans is None:
        raise InputError(
            found="samples without label spans",
            expected="the start and end of every label: no spans, no split",
            hint="pass labels.spans: only they tell which training labels reach into a test window",
        )
    return spans


def require_as_many(rows: Any, spans: Spans) -> None:
    """Refuse rows that are not as many as their spans; None stands for any.

    Raises
    ------
    InputError
        If the numbers differ.
    """
    if rows is None:
        return
    shape = getattr(rows, "shape", None)
    count = int(shape[0]) if shape else len(rows)
    if count != len(spans):
        raise InputError(
            found=f"{count} rows to split, and {len(spans)} label spans",
            expected="one span for each row, in the same order",
            hint="give the splitter the spans of exactly these rows",
        )


def _common(one: Int64Array, other: Int64Array) -> Int64Array:
    return np.intersect1d(np.unique(one), np.unique(other), assume_unique=True)


def _and_embargo(embargo: int) -> str:
    return f", nor begins within {embargo} microseconds after it" if embargo else ""
