"""Walk-forward folds on the time axis, with purge and embargo that follow label spans."""

from __future__ import annotations

import calendar
from datetime import date

import numpy as np

from tidegate.core.errors import DataError, InputError
from tidegate.core.recipe import SplitSettings
from tidegate.core.spans import Spans
from tidegate.core.time import DAY, Instant, format_instant, parse_instant
from tidegate.core.units import Int64Array, Mask
from tidegate.split.fold import Fold

__all__ = ["WalkForward"]


class WalkForward:
    """Calendar-month folds: train on the past, test on the months that follow, move on by as much.

    All symbols share the time axis, so no fold ever trains on one symbol's future to test another's past. A
    training sample stays only if its label ends before the test window and the embargo in front of it:
    ``span.end <= test_start - embargo``. Lengths are durations, never row counts.

    Source for purge and embargo: López de Prado 2018, *Advances in Financial Machine Learning*, chapter 7.

    Parameters
    ----------
    settings
        First test day, lengths in months, embargo in days.

    Examples
    --------
    >>> times = np.arange(0, 800) * DAY
    >>> spans = Spans(times[:-5], times[5:])
    >>> folds = WalkForward(SplitSettings(first_test=date(1971, 1, 1), test_months=6)).split(times, spans)
    >>> [(len(fold.train), len(fold.test), fold.purged_rows) for fold in folds]
    [(361, 181, 4), (542, 184, 4), (726, 70, 4)]
    """

    def __init__(self, settings: SplitSettings) -> None:
        self.settings = settings

    def split(self, times: Int64Array, spans: Spans | None) -> list[Fold]:
        """Return the folds from the first test day to the end of the data.

        Parameters
        ----------
        times
            ``int64 (n_times,)``, all decision instants in ascending order. A test row needs no label: at the
            end of the data a decision can be forecast before its outcome is known.
        spans
            Label spans of the samples that may be trained on; any order, any lengths.

        Returns
        -------
        folds
            In time order. Windows at the beginning with less than ``minimum_train_days`` of training history
            are left out; the last window ends at the calendar boundary even if the data end before it.

        Raises
        ------
        InputError
            If there are no spans: purging by row counts would leak.
        DataError
            If not one fold is possible.
        """
        if spans is None:
            raise InputError(
                found="samples without label spans",
                expected="the start and end of every label",
                hint="pass labels.spans: only they tell which training labels reach into a test window",
            )
        folds: list[Fold] = []
        window, boundary = 0, self._boundary(0)
        while len(times) and boundary <= times[-1]:
            following = self._boundary(window + 1)
            fold = self._fold(len(folds), boundary, following, times, spans)
            if fold is not None:
                folds.append(fold)
            window, boundary = window + 1, following
        if not folds:
            raise self._no_fold(times, spans)
        return folds

    def _boundary(self, window: int) -> Instant:
        return parse_instant(_add_months(self.settings.first_test, window * self.settings.test_months))

    def _fold(
        self, number: int, test_start: Instant, test_end: Instant, times: Int64Array, spans: Spans
    ) -> Fold | None:
        candidates = self._candidates(test_start, spans)
        reaches = spans.end > test_start
        close = spans.end > test_start - self.settings.embargo_days * DAY
        train = np.flatnonzero(candidates & ~close)
        test = np.flatnonzero((times >= test_start) & (times < test_end))
        if not test.size or not self._enough(train, spans, test_start):
            return None
        return Fold(
            fold=number,
            train=train,
            test=test,
            train_start=Instant(int(spans.start[train].min())),
            train_end=Instant(int(spans.start[train].max())),
            test_start=test_start,
            test_end=test_end,
            trained_until=Instant(int(spans.end[train].max())),
            purged_rows=int(np.sum(candidates & reaches)),
            embargoed_rows=int(np.sum(candidates & close & ~reaches)),
        )

    def _candidates(self, test_start: Instant, spans: Spans) -> Mask:
        candidates = spans.start < test_start
        if self.settings.train_months is not None:
            first_day = date.fromisoformat(format_instant(test_start))
            candidates &= spans.start >= parse_instant(_add_months(first_day, -self.settings.train_months))
        return candidates

    def _enough(self, train: Int64Array, spans: Spans, test_start: Instant) -> bool:
        return bool(train.size) and test_start - spans.start[train].min() >= self.settings.minimum_train_days * DAY

    def _no_fold(self, times: Int64Array, spans: Spans) -> DataError:
        ends = (
            f"{format_instant(int(times[0]))} to {format_instant(int(times[-1]))}" if len(times) else "no time at all"
        )
        return DataError(
            found=f"data of {ends} with {len(spans)} labels, first test {self.settings.first_test}",
            expected=f"{self.settings.minimum_train_days} days of labels before a test inside the data",
            hint="move split.first_test, shorten split.minimum_train_days, or bring in more history",
        )


def _add_months(day: date, months: int) -> date:
    """Return the day some months later, the last of the month where that month is shorter."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1]))
