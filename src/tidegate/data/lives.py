"""Symbol lives, point in time: who was listed, under which name and treatment, and who was suspended."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import Final

import numpy as np
import polars as pl

from tidegate.core.clock import now
from tidegate.core.errors import CatalogError
from tidegate.core.time import Instant, moment_of
from tidegate.core.units import Int64Array, Mask
from tidegate.data.catalog import Catalog
from tidegate.data.tables import MOMENT, SYMBOL_LIVES

__all__ = ["NO_TREATMENT", "WITHDRAWN", "Change", "SymbolLives", "withdraw_restated"]

NO_TREATMENT: Final = "none"
"""Detail of the row that ends a special treatment."""

WITHDRAWN: Final = "withdrawn"
"""Detail of the vintage that takes back a day of listing or delisting: as of then it was never right."""

_NOBODY: Final = -1
_KEY: Final = ("symbol", "change", "event_time")
_COLUMNS: Final = ("symbol", "change", "event_time", "known_time", "detail")


class Change(StrEnum):
    """What happened to a symbol."""

    LISTED = "listed"
    DELISTED = "delisted"
    """Stamped with the end of its last day."""
    RENAMED = "renamed"
    """To ``detail``; without one, the symbol means nobody from then on."""
    SPECIAL_TREATMENT = "special_treatment"
    """``detail`` is its kind, or :data:`NO_TREATMENT` where it ends."""
    INDUSTRY = "industry"
    SUSPENDED = "suspended"
    RESUMED = "resumed"


class SymbolLives:
    """The lives of a data set's symbols, as they were known at an instant.

    Every question names times, and each answer uses what was known *by its own time*: a delisting that the source told
    of a week late leaves the week before it as it was. Between two rows the newer event holds, however late it became
    known; of two vintages of one event the one that became known later. An event whose newest vintage is
    :data:`WITHDRAWN` never was, at any time; who reads as of an earlier instant still sees it.

    Parameters
    ----------
    rows
        ``symbol``, ``change``, ``event_time``, ``known_time`` and ``detail``; of rows equal in all but detail the last
        one holds.

    Examples
    --------
    >>> from datetime import datetime, timezone
    >>> day = [datetime(2024, 1, number, tzinfo=timezone.utc) for number in (1, 2, 3, 4)]
    >>> rows = pl.DataFrame({"symbol": ["A", "A"], "change": ["listed", "delisted"], "event_time": [day[1], day[2]],
    ...                      "known_time": [day[1], day[2]], "detail": [None, None]})
    >>> times = np.array([int(moment.timestamp() * 1e6) for moment in day])
    >>> SymbolLives(rows).is_listed(times, ["A"])[:, 0].tolist()
    [False, True, True, False]
    """

    def __init__(self, rows: pl.DataFrame) -> None:
        given = rows.select(
            *(pl.col(name).cast(pl.String) for name in ("symbol", "change", "detail")),
            *(pl.col(name).cast(MOMENT).dt.epoch("us") for name in ("event_time", "known_time")),
        ).sort("known_time", maintain_order=True)
        newest = pl.col("detail").last().over(_KEY)
        self._rows = given.filter(newest.ne_missing(WITHDRAWN), pl.col("detail").ne_missing(WITHDRAWN))

    @classmethod
    def read(
        cls,
        catalog: Catalog,
        dataset: str,
        *,
        as_of: Instant,
        version: int | None = None,
        symbols: Sequence[str] | None = None,
    ) -> SymbolLives:
        """Read the lives of a data set.

        Parameters
        ----------
        as_of
            Nothing that became known later enters; what was known earlier is told apart by the times asked for.

        Raises
        ------
        CatalogError
            If the data set or the version does not exist.
        """
        known = catalog.revisions(SYMBOL_LIVES.name, dataset=dataset, as_of=as_of, version=version, symbols=symbols)
        return cls(known.sort("event_time", "known_time", "recorded_time").select(_COLUMNS).collect())

    @property
    def symbols(self) -> tuple[str, ...]:
        """Every symbol that anything is known of, ascending."""
        return tuple(self._rows["symbol"].unique().sort())

    def lives(self) -> pl.DataFrame:
        """Return ``symbol``, ``listed`` (its first listing) and ``delisted`` (null while it lives), by symbol.

        A symbol that was listed again after its delisting lives.
        """
        first = pl.col("event_time").filter(pl.col("change") == Change.LISTED)
        last = pl.col("event_time").filter(pl.col("change") == Change.DELISTED)
        found = self._rows.group_by("symbol").agg(
            first.min().alias("listed"), first.max().alias("again"), last.max().alias("delisted")
        )
        over = pl.when(pl.col("delisted") > pl.col("again").fill_null(pl.col("delisted") - 1)).then(pl.col("delisted"))
        return found.sort("symbol").select("symbol", pl.col("listed").cast(MOMENT), over.cast(MOMENT).alias("delisted"))

    def is_listed(self, times: Int64Array, symbols: Sequence[str]) -> Mask:
        """Return who was known to be listed, on the first and the last day too.

        A symbol of which no listing is known is not: nobody could have named its first day.

        Parameters
        ----------
        times
            ``int64 (n_times,)``, ascending instants.

        Returns
        -------
        Mask
            ``bool (n_times, n_symbols)``; row *t* uses what was known at ``times[t]``.
        """
        return self._is(Change.LISTED, (Change.LISTED, Change.DELISTED), times, symbols)

    def is_suspended(self, times: Int64Array, symbols: Sequence[str]) -> Mask:
        """Return who was known to be suspended; otherwise as :meth:`is_listed`."""
        return self._is(Change.SUSPENDED, (Change.SUSPENDED, Change.RESUMED), times, symbols)

    def is_special(self, times: Int64Array, symbols: Sequence[str]) -> Mask:
        """Return who was known to be under special treatment, as a share named ST; otherwise as :meth:`is_listed`."""
        rows = self._of(Change.SPECIAL_TREATMENT)
        treated = rows["detail"].ne_missing(NO_TREATMENT).to_numpy() & rows["detail"].is_not_null().to_numpy()
        return _at(treated, _in_force(rows, times, symbols))

    def names(self, at: Instant, symbols: Sequence[str]) -> list[str | None]:
        """Return what each symbol stood for at an instant; None where no name of its own time is known.

        A later name is never an answer: an alias of the future would tell who survives.
        """
        return self._details(Change.RENAMED, at, symbols)

    def industries(self, at: Instant, symbols: Sequence[str]) -> list[str | None]:
        """Return the industry of each symbol as it was known at an instant."""
        return self._details(Change.INDUSTRY, at, symbols)

    def _of(self, *changes: Change) -> pl.DataFrame:
        # A delisting holds from the first instant after its stamp: the last day is a day of listing.
        since = pl.max_horizontal(pl.col("event_time") + (pl.col("change") == Change.DELISTED), "known_time")
        rows = self._rows.filter(pl.col("change").is_in(changes)).with_columns(since.alias("since"))
        ordered = rows.sort("symbol", "since", "event_time", "known_time", "change", maintain_order=True)
        # What becomes known of an older event after a newer one changes nothing.
        return ordered.filter(pl.col("event_time") >= pl.col("event_time").cum_max().over("symbol"))

    def _is(self, wanted: Change, changes: tuple[Change, ...], times: Int64Array, symbols: Sequence[str]) -> Mask:
        rows = self._of(*changes)
        return _at((rows["change"] == wanted).to_numpy(), _in_force(rows, times, symbols))

    def _details(self, change: Change, at: Instant, symbols: Sequence[str]) -> list[str | None]:
        rows = self._of(change)
        details = rows["detail"].to_list()
        newest = _in_force(rows, np.array([at], dtype=np.int64), symbols)[0]
        return [None if row == _NOBODY else details[row] for row in newest.tolist()]

    def __repr__(self) -> str:
        """Return how much is known."""
        changes = ", ".join(
            f"{count} {change}" for change, count in self._rows["change"].value_counts(sort=True).rows()
        )
        return f"SymbolLives({changes or 'nothing'})"


def withdraw_restated(catalog: Catalog | None, rows: pl.DataFrame) -> pl.DataFrame:
    """Return listings and delistings together with rows that take back what they restate.

    The day of an event is part of its key, so a corrected day is a row beside the wrong one. A stored day of a life
    that overlaps the one told, and that ``rows`` do not repeat, gets a vintage :data:`WITHDRAWN` known from now on; a
    withdrawn day that is told again, one that restores it. A listing on a restated day is known no earlier than any
    listing was told before. A stored life that ends before the one told begins, or begins after its end, is another
    holder's of the same symbol and stays.

    Parameters
    ----------
    catalog
        Where earlier rows lie; None changes nothing.
    rows
        Rows of the table but ``recorded_time``, of one data set; one life per symbol.
    """
    stored = None if catalog is None or rows.is_empty() else _stored_days(catalog, rows)
    if stored is None:
        return rows
    is_withdrawn = pl.col("detail").eq_missing(WITHDRAWN)
    stale = _stale(stored.filter(~is_withdrawn), rows)
    present = pl.lit(moment_of(now())).cast(MOMENT)
    back = stale.with_columns(known_time=present, detail=pl.lit(WITHDRAWN), synthetic=pl.lit(value=False))
    wrong = pl.concat([stale, stored.filter(is_withdrawn)]).filter(pl.col("change") == Change.LISTED)
    told = rows.join(wrong.group_by("symbol").agg(pl.col("told").min()), on="symbol", how="left", maintain_order="left")
    again = stored.filter(is_withdrawn).select(*_KEY, again=pl.lit(value=True))
    told = told.join(again, on=_KEY, how="left", maintain_order="left")
    late = pl.when(pl.col("change") == Change.LISTED).then(pl.max_horizontal("known_time", "told"))
    known = pl.when("again").then(pl.max_horizontal("known_time", present)).otherwise(pl.coalesce(late, "known_time"))
    return pl.concat([told.with_columns(known_time=known).select(rows.columns), back.select(rows.columns)])


def _stored_days(catalog: Catalog, rows: pl.DataFrame) -> pl.DataFrame | None:
    """Return the newest vintage of each stored listing and delisting of the same symbols, and when it was ``told``."""
    dataset, symbols = rows["dataset"][0], rows["symbol"].unique().sort().to_list()
    try:
        known = catalog.revisions(SYMBOL_LIVES.name, dataset=dataset, as_of=now(), symbols=symbols)
    except CatalogError:
        return None
    days = known.filter(pl.col("change").is_in([Change.LISTED.value, Change.DELISTED.value])).collect()
    newest = days.sort("known_time", "recorded_time").group_by(_KEY, maintain_order=True)
    return newest.agg(pl.col("known_time").min().alias("told"), pl.exclude("known_time").last())


def _stale(stored: pl.DataFrame, rows: pl.DataFrame) -> pl.DataFrame:
    """Return the stored days of lives that overlap those told and that these do not repeat."""
    event, listed = pl.col("event_time"), pl.col("change") == Change.LISTED
    spans = rows.group_by("symbol").agg(
        event.filter(listed).min().alias("first"), event.filter(~listed).max().alias("last")
    )
    lives = stored.sort("symbol", "event_time").with_columns(
        pl.when(listed).then(event).forward_fill().over("symbol").alias("begin"),
        pl.when(~listed).then(event).backward_fill().over("symbol").alias("end"),
    )
    overlap = pl.all_horizontal(
        (pl.col("end") >= pl.col("first")).fill_null(value=True),
        (pl.col("begin") <= pl.col("last")).fill_null(value=True),
    )
    # Who tells the last day alone says nothing about the first.
    both = lives.join(spans, on="symbol").filter(overlap, ~listed | pl.col("first").is_not_null())
    return both.join(rows, on=_KEY, how="anti", maintain_order="left").select(stored.columns)


def _in_force(rows: pl.DataFrame, times: Int64Array, symbols: Sequence[str]) -> Int64Array:
    """Return ``int64 (n_times, n_symbols)``: which row holds at each time; -1 where none does yet."""
    places = {symbol: place for place, symbol in enumerate(symbols)}
    column = rows["symbol"].replace_strict(places, default=_NOBODY, return_dtype=pl.Int64).to_numpy()
    first = np.searchsorted(times, rows["since"].to_numpy())
    wanted = (column != _NOBODY) & (first < len(times))
    newest = np.full((len(times), len(symbols)), _NOBODY, dtype=np.int64)
    # Within a symbol rows are numbered in the order in which they come to hold.
    np.maximum.at(newest, (first[wanted], column[wanted]), np.flatnonzero(wanted))
    in_force: Int64Array = np.maximum.accumulate(newest, axis=0)
    return in_force


def _at(values: Mask, rows: Int64Array) -> Mask:
    """Return the value of each row named, False where none is."""
    return np.append(values, False)[rows]
