"""Parts of a window: sets are chosen on the training part, shown on the next, and the last stays untouched."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Final, Literal

import numpy as np

from tidegate.core.errors import InputError
from tidegate.core.recipe_search import PartSettings
from tidegate.core.time import DAY, format_instant
from tidegate.core.units import Int64Array

__all__ = ["Part", "PartName", "window_parts"]

PartName = Literal["training", "validation", "final"]

_FEWEST_BARS: Final = 2


@dataclass(frozen=True, kw_only=True)
class Part:
    """A stretch of the window.

    Parameters
    ----------
    name
        What it is for.
    first, stop
        Its closes are the rows ``first`` to ``stop - 1``. The close at ``first`` is what its first bar starts from, and
        is the last close of the part before, so that the growths of all parts multiply to that of the window.
    """

    name: PartName
    first: int
    stop: int

    @property
    def rows(self) -> slice:
        """Its closes."""
        return slice(self.first, self.stop)

    @property
    def bars(self) -> int:
        """How many bars lie in it: one fewer than its closes."""
        return self.stop - 1 - self.first


def window_parts(times: Int64Array, settings: PartSettings) -> list[Part]:
    """Cut a window into its parts, in order of time; a part whose share is 0 is left out.

    Shares are of the bars of the window, rounded to whole ones. A day takes the place of the share: the part's first
    bar is then the first that closes on this day or later. A bar belongs to the day that ends with or contains its
    close, UTC.

    Parameters
    ----------
    times
        ``int64 (n_times,)`` ascending closes of the window.
    settings
        Shares, or days.

    Raises
    ------
    InputError
        If a day lies outside the window, or a part would have fewer than two bars.

    Examples
    --------
    >>> parts = window_parts(np.arange(11) * 86_400_000_000, PartSettings())
    >>> [(part.name, part.first, part.stop) for part in parts]
    [('training', 0, 7), ('validation', 6, 9), ('final', 8, 11)]
    """
    last = len(times) - 1
    final = _border(times, settings.final_from, settings.final_share, last)
    validation = _border(times, settings.validation_from, settings.validation_share, last, before=final)
    names: tuple[PartName, ...] = ("training", "validation", "final")
    asked = (True, _is_asked(settings.validation_from, settings.validation_share),
             _is_asked(settings.final_from, settings.final_share))  # fmt: skip
    borders = (0, validation, final, last)
    parts = [
        Part(name=name, first=borders[place], stop=borders[place + 1] + 1)
        for place, name in enumerate(names)
        if asked[place]
    ]
    _require_bars(times, parts)
    return parts


def _is_asked(day: date | None, share: float) -> bool:
    return day is not None or share > 0.0


def _border(times: Int64Array, day: date | None, share: float, last: int, *, before: int | None = None) -> int:
    """Return the row that a part starts from: its share of the window before the part that follows."""
    if day is None:
        return (last if before is None else before) - round(share * last)
    days = ((times - 1) // DAY).astype("datetime64[D]")
    row = int(np.searchsorted(days, np.datetime64(day)))
    if not 0 < row <= last:
        raise InputError(
            found=f"a part from {day} on in a window from {format_instant(times[0])} to {format_instant(times[-1])}",
            expected="a day within the window",
            hint="change validation_from or final_from, or the window",
        )
    return row - 1


def _require_bars(times: Int64Array, parts: list[Part]) -> None:
    for part in parts:
        if part.bars < _FEWEST_BARS:
            raise InputError(
                found=f"{max(part.bars, 0)} bars for the {part.name} part, of {len(times) - 1} in the window",
                expected=f"at least {_FEWEST_BARS} in each part",
                hint="take a longer window, change search.parts, or give the part no share at all",
            )
