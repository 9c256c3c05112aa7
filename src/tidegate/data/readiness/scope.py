"""What an audit of readiness looks at: which symbols, and from when to when each of them owes data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Literal

import polars as pl

from tidegate.core.recipe import Recipe
from tidegate.core.time import DAY, BarInterval, Instant, Window, parse_instant
from tidegate.data.calendars import CONTINUOUS

__all__ = ["Life", "Listing", "Mode", "Scope", "end_of_recipe", "scope_of", "wanted_window"]

Mode = Literal["research", "production"]


class Listing(StrEnum):
    """How the beginning of a symbol's life is known."""

    KNOWN = "known"
    """The table of lives tells it."""
    FIRST_BAR = "first_bar"
    """Nothing tells it, so its first bar stands for it."""
    UNKNOWN = "unknown"
    """Nothing tells it, so the whole window is owed."""


@dataclass(frozen=True, slots=True)
class Life:
    """The stretch in which a symbol owes data, ``start < event_time <= end``."""

    symbol: str
    calendar: str
    start: Instant
    end: Instant
    listing: Listing


@dataclass(frozen=True, kw_only=True)
class Scope:
    """A window and the lives of the symbols in it.

    Parameters
    ----------
    start, end
        The window, ``start < event_time <= end``.
    lives
        Sorted by symbol. A symbol that was not listed within the window is not among them.
    """

    start: Instant
    end: Instant
    lives: tuple[Life, ...]

    @property
    def symbols(self) -> tuple[str, ...]:
        """Names of the lives."""
        return tuple(life.symbol for life in self.lives)

    def last_days(self, days: int) -> Scope:
        """Return the last days of this scope.

        Examples
        --------
        >>> year = Scope(start=Instant(0), end=Instant(365 * DAY), lives=())
        >>> year.last_days(30).start == 335 * DAY
        True
        """
        start = Instant(max(self.start, self.end - days * DAY))
        lives = (
            Life(one.symbol, one.calendar, Instant(max(one.start, start)), one.end, one.listing) for one in self.lives
        )
        return Scope(start=start, end=self.end, lives=tuple(one for one in lives if one.start < one.end))


def end_of_recipe(recipe: Recipe, as_of: Instant) -> Instant:
    """Return the end of what a recipe reads as of an instant."""
    return as_of if recipe.data.end is None else Instant(min(as_of, parse_instant(recipe.data.end) + DAY))


def wanted_window(recipe: Recipe, mode: Mode, as_of: Instant) -> Window:
    """Return the window that a mode looks at, open where only the bars themselves tell its end.

    ``production`` looks at the last days before ``as_of`` whatever the recipe reads: data that ended long ago are no
    production data.
    """
    if mode == "production":
        return Window(start=Instant(as_of - recipe.data.readiness.production_days * DAY), end=as_of)
    start = None if recipe.data.start is None else parse_instant(recipe.data.start)
    return Window(start=start, end=None if recipe.data.end is None else end_of_recipe(recipe, as_of))


def scope_of(
    bars: pl.DataFrame,
    symbols: Sequence[str],
    announced: pl.DataFrame,
    *,
    mode: Mode,
    interval: BarInterval,
    window: Window,
    as_of: Instant,
) -> Scope:
    """Return the scope of an audit.

    A symbol owes data from its listing to its delisting as the table of lives tells them. Where it does not, research
    takes the first bar for the listing, and production owes the whole window, since otherwise ten days of bars would
    count as a full history. A symbol without an announced delisting owes data to the end of the window: a source that
    went silent looks just like a delisting that nobody recorded.

    Parameters
    ----------
    bars
        ``symbol str, event_time, calendar str`` of real bars.
    symbols
        Who is looked at, also without any bar.
    announced
        ``symbol``, ``listed`` and ``delisted`` of :meth:`tidegate.data.lives.SymbolLives.lives`; may be empty.
    window
        See :func:`wanted_window`; its open ends are taken from the first and the last bar.
    """
    ends = bars.group_by("symbol").agg(
        pl.col("event_time").min().dt.epoch("us").alias("first"),
        pl.col("event_time").max().dt.epoch("us").alias("last"),
        pl.col("calendar").min(),
    )
    usual = str(bars["calendar"].mode().sort()[0]) if bars.height else CONTINUOUS
    told = announced.select("symbol", pl.col("listed", "delisted").dt.epoch("us"))
    wanted = pl.DataFrame({"symbol": sorted(symbols)}, schema={"symbol": pl.String()})
    known = wanted.join(ends, on="symbol", how="left").join(told, on="symbol", how="left", maintain_order="left")
    known = known.with_columns(pl.col("calendar").fill_null(usual))
    # What belongs to the first bar came after its open; where markets close, the open is not told by its length.
    open_ended = pl.when(pl.col("calendar") == CONTINUOUS).then(interval.microseconds).otherwise(1)
    known = known.with_columns((pl.col("first") - open_ended).alias("born"))
    end = window.end if window.end is not None else _instant(known["last"].max(), as_of)
    start = window.start if window.start is not None else _instant(known["born"].min(), end)
    end = Instant(max(start, end))  # a recipe may begin after everything that is known
    lives = (_life(row, start, end, mode) for row in known.iter_rows(named=True))
    return Scope(start=start, end=end, lives=tuple(life for life in lives if life is not None))


def _life(row: Mapping[str, Any], start: Instant, end: Instant, mode: Mode) -> Life | None:
    """Return the life of one symbol within a window, or none where it is known not to have lived in it."""
    listing, born = Listing.KNOWN, row["listed"]
    if born is None:
        listing = Listing.UNKNOWN
        if mode == "research" and row["born"] is not None:
            listing, born = Listing.FIRST_BAR, row["born"]
    begins = max(start, start if born is None else born)
    stops = min(end, end if row["delisted"] is None else row["delisted"])
    if begins >= stops and (row["listed"], row["delisted"]) != (None, None):
        return None
    return Life(row["symbol"], row["calendar"], Instant(begins), Instant(max(begins, stops)), listing)


def _instant(value: object, otherwise: Instant) -> Instant:
    return Instant(value) if isinstance(value, int) else otherwise
