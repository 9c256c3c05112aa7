"""One division of time: training, validation, perhaps calibration, and a test at the end."""

from __future__ import annotations

from datetime import date
from itertools import accumulate
from typing import Protocol

import numpy as np

from tidegate.core.errors import DataError
from tidegate.core.recipe import SplitSettings
from tidegate.core.spans import Spans
from tidegate.core.time import DAY, Instant, format_instant
from tidegate.core.units import Int64Array
from tidegate.split.borders import Borders, cut_fold, require_ascending
from tidegate.split.disjoint import require_spans
from tidegate.split.fold import Fold
from tidegate.split.walk_forward import WalkForward, months_before

__all__ = ["HoldOut", "Splitter", "current_fold", "splitter_for"]


class Splitter(Protocol):
    """Whatever turns decision instants and label spans into folds in time order."""

    def split(self, times: Int64Array, spans: Spans | None) -> list[Fold]:
        """Return the folds.

        Parameters
        ----------
        times
            ``int64 (n_times,)``, all decision instants in ascending order.
        spans
            Label spans of the samples that may be trained on; any order, any lengths.
        """
        ...


class HoldOut:
    """Divide the time once by shares of its length: 60 % training, 20 % validation, 20 % test, or four parts.

    Shares are of the span of time from the first to the last decision, not of rows: a market that lists more names
    each year has most of its rows late. A border is the first decision instant at or after its share of the time, so
    all symbols of an instant lie on one side of it. Purge and embargo are those of :class:`WalkForward`.

    Parameters
    ----------
    settings
        ``fractions``, ``embargo_days`` and ``minimum_train_days``.

    Examples
    --------
    >>> times = np.arange(0, 1001) * DAY
    >>> spans = Spans(times[:-5], times[5:])
    >>> (fold,) = HoldOut(SplitSettings(scheme="holdout")).split(times, spans)
    >>> len(fold.train), len(fold.validation.rows), len(fold.test), fold.purged_rows
    (596, 196, 201, 8)
    """

    def __init__(self, settings: SplitSettings) -> None:
        self.settings = settings

    def split(self, times: Int64Array, spans: Spans | None) -> list[Fold]:
        """Return the one fold, in a list.

        Parameters
        ----------
        times
            ``int64 (n_times,)``, all decision instants in ascending order.
        spans
            Label spans of the samples that may be trained on; any order, any lengths.

        Raises
        ------
        InputError
            If there are no spans, or the times run backwards.
        DataError
            If a part would hold nothing, or training is shorter than ``minimum_train_days``.
        """
        spans = require_spans(spans)
        require_ascending(times)
        if not len(times):
            raise self._refusal("no time at all", "decisions to divide")
        borders = self._borders(times)
        fold = cut_fold(0, borders, embargo=self.settings.embargo_days * DAY, times=times, spans=spans)
        what = f"data of {format_instant(int(times[0]))} to {format_instant(int(times[-1]))} with {len(spans)} labels"
        if isinstance(fold, str):
            raise self._refusal(f"{what}, nothing of which is left for {fold}", "rows in every part")
        if borders.train_end - fold.train_start < self.settings.minimum_train_days * DAY:
            days = (borders.train_end - fold.train_start) // DAY
            raise self._refusal(
                f"{what}, {days} days of training", f"at least {self.settings.minimum_train_days} days of training"
            )
        return [fold]

    def _borders(self, times: Int64Array) -> Borders:
        first, length = int(times[0]), int(times[-1]) - int(times[0])
        shares = list(accumulate(self.settings.fractions))[:-1]
        inner = np.array([first + int(share * length) for share in shares], dtype=np.int64)
        at = [Instant(int(border)) for border in times[np.searchsorted(times, inner)]]
        return Borders(
            validation=at[0],
            calibration=at[1] if len(at) == 3 else None,
            test_start=at[-1],
            test_end=Instant(int(times[-1]) + 1),
        )

    def _refusal(self, found: str, expected: str) -> DataError:
        return DataError(
            found=found,
            expected=expected,
            hint="change split.fractions or split.minimum_train_days, or bring in more history",
        )


def splitter_for(settings: SplitSettings) -> Splitter:
    """Return the splitter that a recipe asks for.

    Examples
    --------
    >>> type(splitter_for(SplitSettings(scheme="holdout"))).__name__
    'HoldOut'
    """
    return HoldOut(settings) if settings.scheme == "holdout" else WalkForward(settings)


def current_fold(settings: SplitSettings, times: Int64Array, spans: Spans | None) -> Fold:
    """Return the fold of today: everything known at the newest decision is learned from, and that is forecast.

    The slices have the lengths that the split gives them in front of a test; those of a ``holdout`` are its shares of
    the time. Its number is 0.

    Parameters
    ----------
    settings
        Of the split.
    times
        ``int64 (n_times,)``, all decision instants in ascending order; the test is the last of them.
    spans
        Label spans of the samples that may be trained on.

    Raises
    ------
    InputError
        If there are no spans, or the times run backwards.
    DataError
        If a part would hold nothing.

    Examples
    --------
    >>> times = np.arange(0, 800) * DAY
    >>> settings = SplitSettings(first_test=date(1971, 1, 1), validation_months=2)
    >>> fold = current_fold(settings, times, Spans(times[:-5], times[5:]))
    >>> fold.test.tolist(), format_instant(fold.trained_until), format_instant(fold.validation.start)
    ([799], '1972-03-10', '1972-01-10')
    """
    spans = require_spans(spans)
    require_ascending(times)
    found = "no time at all"
    if len(times):
        borders = _newest_borders(settings, int(times[0]), int(times[-1]))
        fold = cut_fold(0, borders, embargo=settings.embargo_days * DAY, times=times, spans=spans)
        if isinstance(fold, Fold):
            return fold
        found = f"{len(spans)} labels until {format_instant(int(times[-1]))}, of which none is left for {fold}"
    raise DataError(
        found=found,
        expected="labels in every part in front of the newest decision",
        hint="make slices longer than the labels, or bring in more history",
    )


def _newest_borders(settings: SplitSettings, first: int, last: int) -> Borders:
    if settings.scheme == "holdout":
        lengths = [int(share * (last - first)) for share in settings.fractions[1:-1]]
        behind = [sum(lengths[place:]) for place in range(len(lengths))]
        at = [Instant(last - length) for length in behind]
        return Borders(
            validation=at[0],
            calibration=at[1] if len(at) == 2 else None,
            test_start=Instant(last),
            test_end=Instant(last + 1),
        )
    months, days = settings.calibration_months, settings.calibration_days
    longer = (months + settings.validation_months, days + settings.validation_days)
    return Borders(
        train_start=_length_before(last, settings.train_months or 0, settings.train_days or 0),
        validation=_length_before(last, *longer) if settings.has_validation else None,
        calibration=_length_before(last, months, days),
        test_start=Instant(last),
        test_end=Instant(last + 1),
    )


def _length_before(last: int, months: int, days: int) -> Instant | None:
    if not (months or days):
        return None
    return months_before(date.fromisoformat(format_instant(last)[:10]), months, days)
