"""From borders on the time axis to a fold: every sample in one part, purged at the border behind it."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from tidegate.core.errors import InputError
from tidegate.core.spans import Spans
from tidegate.core.time import Instant
from tidegate.core.units import Int64Array, Mask
from tidegate.split.disjoint import require_disjoint
from tidegate.split.fold import Fold, Slice

__all__ = ["Borders", "cut_fold", "decided_within", "known_within", "require_apart", "require_ascending"]


@dataclass(frozen=True, kw_only=True)
class Borders:
    """Where the parts of one fold begin, in the order of time.

    Parameters
    ----------
    train_start
        First instant of a rolling window; None takes all of the past.
    validation, calibration
        Where the slices begin; None where there is none.
    test_start, test_end
        The test window ``[test_start, test_end)``.
    """

    train_start: Instant | None = None
    validation: Instant | None = None
    calibration: Instant | None = None
    test_start: Instant
    test_end: Instant

    @property
    def train_end(self) -> Instant:
        """Where training has to be over: the beginning of the part behind it."""
        return next(at for at in (self.validation, self.calibration, self.test_start) if at is not None)

    @property
    def validation_end(self) -> Instant:
        """The border behind the validation slice."""
        return self.test_start if self.calibration is None else self.calibration


@dataclass(frozen=True, eq=False, kw_only=True)
class _Part:
    rows: Int64Array
    purged: int
    embargoed: int


def cut_fold(number: int, borders: Borders, *, embargo: int, times: Int64Array, spans: Spans) -> Fold | str:
    """Return the fold that lies between borders, or the name of the part that would hold nothing.

    A sample belongs to the part in which it is decided, and stays if its label ends at or before the border behind
    that part, less the embargo (:func:`known_within`).

    Parameters
    ----------
    number
        Of the fold, from 0.
    borders
        Where its parts begin.
    embargo
        Microseconds kept free in front of every border.
    times
        ``int64 (n_times,)``, ascending decision instants, of which the test takes those in its window.
    spans
        Label spans of the samples that may be trained on, in any order.

    Raises
    ------
    LookAheadError
        If a label reached over a border after all.
    """
    test = np.arange(*np.searchsorted(times, (borders.test_start, borders.test_end)), dtype=np.int64)
    if not test.size:
        return "test"
    parts = {"training": _part(spans, borders.train_start, borders.train_end, embargo)}
    if borders.validation is not None:
        parts["validation"] = _part(spans, borders.validation, borders.validation_end, embargo)
    if borders.calibration is not None:
        parts["calibration"] = _part(spans, borders.calibration, borders.test_start, embargo)
    empty = next((name for name, part in parts.items() if not part.rows.size), None)
    if empty is not None:
        return empty
    train = parts["training"].rows
    validation = _slice(parts.get("validation"), borders.validation, borders.validation_end, spans)
    calibration = _slice(parts.get("calibration"), borders.calibration, borders.test_start, spans)
    reached = [int(spans.end[part.rows].max()) for part in parts.values()]
    fold = Fold(
        fold=number,
        train=train,
        test=test,
        train_start=Instant(int(spans.start[train].min())),
        train_end=Instant(int(spans.start[train].max())),
        test_start=borders.test_start,
        test_end=borders.test_end,
        trained_until=Instant(max(reached)),
        purged_rows=sum(part.purged for part in parts.values()),
        embargoed_rows=sum(part.embargoed for part in parts.values()),
        validation=validation,
        calibration=calibration,
        train_reaches=Instant(reached[0]),
        embargo=embargo,
    )
    require_apart(fold, spans)
    return fold


def require_ascending(times: Int64Array) -> None:
    """Refuse decision instants that run backwards.

    Raises
    ------
    InputError
        If they are not one ascending axis.
    """
    if times.ndim != 1 or bool(np.any(times[1:] < times[:-1])):
        raise InputError(
            found="decision instants that run backwards" if times.ndim == 1 else f"instants of shape {times.shape}",
            expected="one ascending axis of time for all symbols",
            hint="pass the times of the panel, not the rows of a table sorted by symbol",
        )


def decided_within(spans: Spans, start: int | None, border: int) -> Mask:
    """Return which samples are decided in ``[start, border)``, ``bool (n,)``; without a start, before the border."""
    inside = spans.start < border
    return inside if start is None else inside & (spans.start >= start)


def known_within(spans: Spans, start: int | None, border: int, embargo: int = 0) -> Mask:
    """Return which samples belong to the part of time in front of a border, ``bool (n,)``: the rule of the purge.

    They are decided in ``[start, border)``, and their label is known early enough: ``span.end <= border - embargo``.

    Parameters
    ----------
    spans
        Label spans of the samples, in any order.
    start
        Where the part begins, microseconds UTC; None takes all of the past.
    border
        Where the next part begins.
    embargo
        Microseconds kept free in front of it.

    Examples
    --------
    >>> spans = Spans(np.array([0, 10, 20, 30]), np.array([15, 25, 35, 45]))
    >>> known_within(spans, 10, 30).tolist()
    [False, True, False, False]
    >>> known_within(spans, 10, 30, embargo=10).any()
    np.False_
    """
    return decided_within(spans, start, border) & (spans.end <= border - embargo)


def _part(spans: Spans, start: Instant | None, border: Instant, embargo: int) -> _Part:
    kept = known_within(spans, start, border, embargo)
    candidates, known = (
        int(np.count_nonzero(one)) for one in (decided_within(spans, start, border), known_within(spans, start, border))
    )
    rows = np.flatnonzero(kept)
    return _Part(rows=rows, purged=candidates - known, embargoed=known - len(rows))


def _slice(part: _Part | None, start: Instant | None, end: Instant, spans: Spans) -> Slice | None:
    if part is None or start is None:
        return None
    return Slice(
        rows=part.rows,
        start=start,
        end=end,
        reaches=Instant(int(spans.end[part.rows].max())),
        decided_until=Instant(int(spans.start[part.rows].max())),
    )


def require_apart(fold: Fold, spans: Spans) -> None:
    """Hold each part of a fold against the one behind it, by the spans themselves.

    Raises
    ------
    LookAheadError
        If samples of a part share time with samples of the next.
    """
    parts = {"training": fold.train}
    parts |= {
        name: part.rows
        for name, part in (("validation", fold.validation), ("calibration", fold.calibration))
        if part is not None
    }
    parts["test"] = np.flatnonzero(decided_within(spans, fold.test_start, fold.test_end))
    for (name, rows), (behind, following) in pairwise(parts.items()):
        require_disjoint(_of(spans, rows), _of(spans, following), names=(name, behind))


def _of(spans: Spans, rows: Int64Array) -> Spans:
    return Spans(spans.start[rows], spans.end[rows])
