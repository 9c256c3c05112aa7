"""What is known of usual series: unit, time of day of their releases, and whether later releases change old values."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, time, timedelta
from fnmatch import fnmatchcase
from typing import Final

import polars as pl

from tidegate.data.connectors.local_days import day_at, day_end

__all__ = ["NEW_YORK", "MacroSeries", "about_series"]

NEW_YORK: Final = "America/New_York"
"""The clock of every release time here."""


@dataclass(frozen=True, kw_only=True)
class MacroSeries:
    """One series, or several whose names are alike.

    Parameters
    ----------
    unit
        None where it is not known.
    is_revised
        Whether later releases change values that were published before. An unknown series counts as revised.
    release_time
        Time of day in New York at which new observations are published; None where it is not known.
    """

    unit: str | None = None
    is_revised: bool = True
    release_time: time | None = None

    def published(self, day: str) -> pl.Expr:
        """Return when the vintages of a column of dates became public.

        At the release time where it is known and was kept and the day brought a new observation: annual revisions and
        the like come at other times of day. Otherwise at the end of the day in New York. Nobody can tell what was new
        on the first day of all.

        Parameters
        ----------
        day
            Name of the column; beside it stands ``period_end``, the day after the period of each observation.
        """
        ended = day_end(day, NEW_YORK)
        if self.release_time is None:
            return ended
        kept = (pl.col(day) >= _USUAL_SINCE) & ~pl.col(day).is_between(*_UNUSUAL)
        is_first = pl.col(day) == pl.col(day).min().over("period_end")
        # A revision may bring years that the archive did not have before.
        is_new = is_first & (pl.col(day) <= pl.col("period_end") + _LATEST_RELEASE)
        regular = pl.col(day).is_in(pl.col(day).filter(is_new).implode()) & (pl.col(day) > pl.col(day).min())
        return pl.when(kept & regular).then(day_at(day, self.release_time, NEW_YORK)).otherwise(ended)


_USUAL_SINCE: Final = date(2000, 1, 1)
_UNUSUAL: Final = (date(2025, 10, 1), date(2026, 3, 31))
"""The shutdown of 2025: releases came at other times of day until all had caught up."""
_LATEST_RELEASE: Final = timedelta(days=62)
"""No new observation comes out so long after its period by the usual calendar."""
_MORNING: Final = time(8, 30)
"""The Labor Department, the Bureau of Economic Analysis and the Census Bureau publish at this time."""
_PERCENT: Final = "percent per year"
_POINTS: Final = "percentage points"


def _statistic(unit: str) -> MacroSeries:
    return MacroSeries(unit=unit, release_time=_MORNING)


def _market(unit: str) -> MacroSeries:
    return MacroSeries(unit=unit, is_revised=False)


_KNOWN: Final = {
    "CPIAUCSL": _statistic("index, 1982-84 = 100"),
    "CPILFESL": _statistic("index, 1982-84 = 100"),
    "PCEPI": _statistic("index, 2017 = 100"),
    "PCEPILFE": _statistic("index, 2017 = 100"),
    "PAYEMS": _statistic("thousand persons"),
    "UNRATE": _statistic("percent"),
    "ICSA": _statistic("persons"),
    "RSAFS": _statistic("million USD"),
    "GDP": _statistic("billion USD per year"),
    "GDPC1": _statistic("billion USD of 2017 per year"),
    "GDPC1_QOQ_SAAR": _statistic("percent per year"),
    "GDPC1*": MacroSeries(release_time=_MORNING),
    "INDPRO": MacroSeries(unit="index, 2017 = 100", release_time=time(9, 15)),
    "DFF": _market(_PERCENT),
    "FEDFUNDS": _market(_PERCENT),
    "DGS[0-9]*": _market(_PERCENT),
    "GS[0-9]*": _market(_PERCENT),
    "IRX_*": _market(_PERCENT),
    "T10Y2Y": _market(_POINTS),
    "T10Y3M": _market(_POINTS),
    "BAMLH0A0HYM2": _market(_POINTS),
    "VIX*": _market("index points"),
    "DXY_*": _market("index points"),
}
"""Names and patterns; the first that fits tells."""


def about_series(name: str) -> MacroSeries:
    """Return what is known of a series, which may be nothing.

    Examples
    --------
    >>> about_series("CPIAUCSL").is_revised, about_series("DGS10").unit
    (True, 'percent per year')
    >>> about_series("MY_INDEX")
    MacroSeries(unit=None, is_revised=True, release_time=None)
    """
    return next((about for pattern, about in _KNOWN.items() if fnmatchcase(name, pattern)), MacroSeries())
