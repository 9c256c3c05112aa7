"""Walk-forward folds on the time axis, with purge and embargo that follow label spans."""

from __future__ import annotations

import calendar
from collections import Counter
from datetime import date

from tidegate.core.errors import DataError, InputError
from tidegate.core.recipe import SplitSettings
from tidegate.core.spans import Spans
from tidegate.core.time import DAY, Instant, format_instant, parse_instant
from tidegate.core.units import Int64Array
from tidegate.split.borders import Borders, cut_fold, require_ascending
from tidegate.split.disjoint import require_spans
from tidegate.split.fold import Fold

__all__ = ["WalkForward", "months_before"]


class WalkForward:
    """Calendar folds: train on the past, test on the months or days that follow, move on by as much.

    All symbols share the time axis, so no fold ever trains on one symbol's future to test another's past. Training
    ends where the validation slice begins, that where the calibration slice begins, that where the test begins; the
    slices are cut from the end of the past. A sample stays in its part only if its label ends before the border
    behind it and the embargo in front of that: ``span.end <= border - embargo``. Lengths are durations, never row
    counts.

    Source for purge and embargo: López de Prado 2018, *Advances in Financial Machine Learning*, chapter 7.

    Parameters
    ----------
    settings
        First test day, lengths in months or days, embargo in days.

    Raises
    ------
    InputError
        If the settings name no first test day.

    Examples
    --------
    >>> import numpy as np
    >>> times = np.arange(0, 800) * DAY
    >>> spans = Spans(times[:-5], times[5:])
    >>> folds = WalkForward(SplitSettings(first_test=date(1971, 1, 1), test_months=6)).split(times, spans)
    >>> [(len(fold.train), len(fold.test), fold.purged_rows) for fold in folds]
    [(361, 181, 4), (542, 184, 4), (726, 70, 4)]

    A slice for validation lies between them, with a purge on either side of it:

    >>> settings = SplitSettings(first_test=date(1971, 7, 1), test_months=6, validation_months=2)
    >>> fold = WalkForward(settings).split(times, spans)[0]
    >>> len(fold.train), len(fold.validation.rows), fold.purged_rows
    (481, 57, 8)
    """

    def __init__(self, settings: SplitSettings) -> None:
        if settings.first_test is None:
            raise InputError(
                found="a walk-forward split without a first test day",
                expected="the first day that is tested",
                hint="set split.first_test, or take HoldOut",
            )
        self.settings = settings
        self._first_test: date = settings.first_test

    def split(self, times: Int64Array, spans: Spans | None) -> list[Fold]:
        """Return the folds from the first test day to the end of the data.

        What a fold holds depends on nothing after its test window: more data only add folds.

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
            In time order. Windows with less than ``minimum_train_days`` of training history, or with a slice in
            which no label ends, are left out; the last window ends at the calendar boundary even if the data end
            before it.

        Raises
        ------
        InputError
            If there are no spans: purging by row counts would leak. Or if the times run backwards.
        DataError
            If fewer folds than ``minimum_folds`` are possible; it says how many windows fell out, and why.
        """
        spans = require_spans(spans)
        require_ascending(times)
        folds: list[Fold] = []
        left_out: Counter[str] = Counter()
        window = 0
        while len(times) and self._border(window) <= times[-1]:
            borders = self.borders(window)
            fold = cut_fold(len(folds), borders, embargo=self._embargo, times=times, spans=spans)
            if isinstance(fold, str):
                left_out[fold] += 1
            elif borders.train_end - fold.train_start < self.settings.minimum_train_days * DAY:
                left_out["history"] += 1
            else:
                folds.append(fold)
            window += 1
        if len(folds) < self.settings.minimum_folds:
            raise self._too_few(len(folds), left_out, times, spans)
        return folds

    def borders(self, window: int) -> Borders:
        """Return where the parts of a window lie, counted from 0 at the first test day.

        Lengths in months are counted from the first test day, not from one border to the next, so that windows that
        begin on the last day of a month stay there and never drift.
        """
        chosen = self.settings
        months, days = chosen.calibration_months, chosen.calibration_days
        calibration = self._border(window, months, days) if months or days else None
        validation = None
        if chosen.validation_months or chosen.validation_days:
            total = (months + chosen.validation_months, days + chosen.validation_days)
            validation = self._border(window, *total)
        rolling = (chosen.train_months or 0, chosen.train_days or 0)
        return Borders(
            train_start=self._border(window, *rolling) if any(rolling) else None,
            validation=validation,
            calibration=calibration,
            test_start=self._border(window),
            test_end=self._border(window + 1),
        )

    @property
    def _embargo(self) -> int:
        return self.settings.embargo_days * DAY

    def _border(self, window: int, months: int = 0, days: int = 0) -> Instant:
        """Return the beginning of a test window, or the day some months and days before it."""
        step = self.settings.test_days
        if step is None:
            assert self.settings.test_months is not None  # one of the two is there
            return months_before(self._first_test, months - window * self.settings.test_months, days)
        start = Instant(parse_instant(self._first_test) + window * step * DAY)
        if not months:
            return Instant(start - days * DAY)
        return months_before(date.fromisoformat(format_instant(start)), months, days)

    def _too_few(self, found: int, left_out: Counter[str], times: Int64Array, spans: Spans) -> DataError:
        ends = (
            f"{format_instant(int(times[0]))} to {format_instant(int(times[-1]))}" if len(times) else "no time at all"
        )
        reasons = {
            "history": f"{self.settings.minimum_train_days} days of training history",
            **{name: f"a row for {name}" for name in ("training", "validation", "calibration", "test")},
        }
        lacking = "".join(f", {count} windows without {reasons[name]}" for name, count in sorted(left_out.items()))
        return DataError(
            found=f"data of {ends} with {len(spans)} labels, first test {self._first_test}: {found} folds{lacking}",
            expected=f"at least {self.settings.minimum_folds} folds, each with "
            f"{self.settings.minimum_train_days} days of labels before its test",
            hint="move split.first_test, shorten split.minimum_train_days, make slices longer than the labels, "
            "lower split.minimum_folds, or bring in more history",
        )


def months_before(day: date, months: int, days: int = 0) -> Instant:
    """Return the beginning of the day some months, and then some days, before a day.

    Where that month is shorter it is the last of the month; below 0 it lies after the day.

    Examples
    --------
    >>> format_instant(months_before(date(2024, 3, 31), 1))
    '2024-02-29'
    >>> format_instant(months_before(date(2024, 3, 31), -1, 1))
    '2024-04-29'
    """
    year, month = divmod(day.year * 12 + day.month - 1 - months, 12)
    last = calendar.monthrange(year, month + 1)[1]
    return Instant(parse_instant(date(year, month + 1, min(day.day, last))) - days * DAY)
