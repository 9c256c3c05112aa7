"""Items about symbols (events, posts, comments) as stretches of time in which each vintage of them was the newest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl

from tidegate.core.errors import DataError
from tidegate.core.history import COUNTS_OF_A_READING
from tidegate.core.units import FloatArray, Int64Array, Mask
from tidegate.data.tables import spec_of
from tidegate.features.tallies import Spans

__all__ = ["ItemSpans", "item_spans"]

_NEVER: Final = 2**62
_OBSERVED: Final = "observed_time"


@dataclass(frozen=True, eq=False)
class ItemSpans:
    """Vintages of items, each while it was the newest that was known and its item was young enough.

    Parameters
    ----------
    spans
        Symbol and stretch of time of each.
    first
        ``int64 (m,)`` when the item was first known: what its age is counted from, since a later reading makes nothing
        younger.
    rows
        Their columns; counts are null until they were read (D-11).
    n_symbols
        How many symbols there are.
    """

    spans: Spans
    first: Int64Array
    rows: pl.DataFrame
    n_symbols: int

    def number(self, column: str, least: float, most: float) -> FloatArray:
        """Return a column cut to its range, ``float64 (m,)``; what is missing or no number is NaN."""
        if column not in self.rows.columns:
            return np.full(self.rows.height, np.nan)
        values = self.rows[column].cast(pl.Float64).fill_null(np.nan).to_numpy()
        return np.clip(np.where(np.isfinite(values), values, np.nan), least, most)

    def group(self, name: str) -> Int64Array:
        """Return a number per distinct text of a group that was asked for, ``int64 (m,)``."""
        return self.rows[name].to_numpy()

    def where(self, keep: Int64Array | Mask) -> ItemSpans:
        """Return some of them, by place or mask."""
        chosen = np.flatnonzero(keep) if keep.dtype == np.bool_ else keep
        spans = Spans(self.spans.symbol[chosen], self.spans.start[chosen], self.spans.stop[chosen])
        return ItemSpans(spans, self.first[chosen], self.rows[chosen], self.n_symbols)

    def beginning(self, start: Int64Array) -> ItemSpans:
        """Return the same, none of them before an instant of its own."""
        spans = Spans(self.spans.symbol, np.maximum(self.spans.start, start), self.spans.stop)
        return ItemSpans(spans, self.first, self.rows, self.n_symbols)

    def ending(self, stop: Int64Array) -> ItemSpans:
        """Return the same, none of them after an instant of its own."""
        return ItemSpans(self.spans.until(stop), self.first, self.rows, self.n_symbols)

    def without_counts(self) -> ItemSpans:
        """Return the same before anybody had read its counts."""
        counts = [name for name in COUNTS_OF_A_READING if name in self.rows.columns]
        rows = self.rows.with_columns(pl.lit(None, dtype=self.rows.schema[name]).alias(name) for name in counts)
        return ItemSpans(self.spans, self.first, rows, self.n_symbols)


def item_spans(
    tables: Mapping[str, pl.DataFrame],
    table: str,
    symbols: Sequence[str],
    *,
    columns: Sequence[str],
    keep: int,
    groups: Mapping[str, Sequence[str]] | None = None,
    bucket: int = 1,
) -> ItemSpans:
    """Return when each vintage of each item counts, once per symbol.

    Parameters
    ----------
    table
        ``events``, ``posts`` or ``comments``: rows with ``symbol``, every vintage, ``known_time`` the later of item and
        link. Rows marked ``synthetic`` never count.
    columns
        Columns of the rows that will be read.
    keep
        Microseconds that an item counts from when it was first known, the last one excluded.
    groups
        Name to columns of text: items are numbered by the first of them that says something.
    bucket
        Microseconds to whose next whole multiple instants are rounded: an item counts from the end of its bucket on,
        never from its start (D-48).

    Raises
    ------
    DataError
        If there is no such table, or its rows lack what tells items apart.
    """
    member, rows = spec_of(table).member, _rows_of(tables, table, symbols)
    vintages = _vintages(
        rows, member, symbols, [name for name in columns if name in rows.columns], groups or {}, bucket
    )
    place, item, start, reading = (vintages[name].to_numpy() for name in ("place", "item", "start", "reading"))
    begins = np.flatnonzero(np.diff(item, prepend=-1) | np.diff(place, prepend=-1))
    first = np.repeat(start[begins], np.diff(np.append(begins, len(start))))
    superseded = np.append(start[1:], _NEVER)
    superseded[np.append(begins, len(start))[1:] - 1] = _NEVER
    stop = np.minimum(superseded, first + keep)
    # Until its counts were read a vintage stands without them, and from then on with them.
    unread = np.flatnonzero(start < np.minimum(stop, reading))
    read = np.flatnonzero(np.maximum(start, reading) < stop)
    whole = Spans(place, start, stop)
    parts = [
        ItemSpans(whole, first, vintages, len(symbols)).where(unread).ending(reading[unread]).without_counts(),
        ItemSpans(whole, first, vintages, len(symbols)).where(read).beginning(reading[read]),
    ]
    return _joined(parts)


def _rows_of(tables: Mapping[str, pl.DataFrame], table: str, symbols: Sequence[str]) -> pl.DataFrame:
    """Return the rows of a table, if they tell items apart."""
    if table not in tables:
        raise DataError(
            found=f"no rows of {table!r}",
            expected=f"items about {', '.join(symbols[:3]) or 'symbols'}",
            hint=f"name a data set under data.uses.{table} in the recipe",
        )
    rows = tables[table]
    lacking = [
        name for name in ("symbol", spec_of(table).member, "known_time", "event_time") if name not in rows.columns
    ]
    if lacking:
        raise DataError(
            found=f"rows of {table!r} without {', '.join(lacking)}",
            expected="every vintage of items, with the symbol that each is about",
            hint="read them with tidegate.data.links.vintages_about",
        )
    return rows


def _joined(parts: Sequence[ItemSpans]) -> ItemSpans:
    spans = [part.spans for part in parts]
    return ItemSpans(
        Spans(*(np.concatenate([getattr(one, name) for one in spans]) for name in ("symbol", "start", "stop"))),
        np.concatenate([part.first for part in parts]),
        pl.concat([part.rows for part in parts], how="vertical_relaxed"),
        parts[0].n_symbols,
    )


def _vintages(
    rows: pl.DataFrame,
    member: str,
    symbols: Sequence[str],
    columns: Sequence[str],
    groups: Mapping[str, Sequence[str]],
    bucket: int,
) -> pl.DataFrame:
    """Return place, item, ``start`` and ``reading`` as whole numbers, sorted, the last row of each item and start."""
    genuine = ~pl.col("synthetic").fill_null(value=False) if "synthetic" in rows.columns else pl.lit(value=True)
    places = pl.LazyFrame({"symbol": list(symbols), "place": range(len(symbols))}, schema_overrides={"place": pl.Int64})
    order = [name for name in ("known_time", "recorded_time", "event_time") if name in rows.columns]
    reading = pl.col(_OBSERVED) if _OBSERVED in rows.columns else pl.lit(None, dtype=pl.Datetime("us", "UTC"))
    vintages = (
        rows.lazy()
        .filter(genuine & pl.col("known_time").is_not_null())
        # Rows of equal instants stand in the order in which they came.
        .join(places, on="symbol", maintain_order="left")
        .with_row_index("row")
        .select(
            "place",
            *columns,
            *(pl.col(name).dt.epoch("us").alias(f"_{name}") for name in order),
            *(_numbered(rows, texts).alias(name) for name, texts in groups.items()),
            item=_numbered(rows, [member]),
            event=pl.col("event_time").dt.epoch("us").fill_null(0),
            start=_end_of_bucket(pl.col("known_time"), bucket),
            reading=_end_of_bucket(reading, bucket).fill_null(_NEVER),
        )
        .sort("place", "item", *(f"_{name}" for name in order), maintain_order=True)
        .collect()
    )
    is_last = pl.any_horizontal(pl.col("place", "item", "start") != pl.col("place", "item", "start").shift(-1))
    return vintages.filter(is_last.fill_null(value=True)).drop(f"_{name}" for name in order)


def _numbered(rows: pl.DataFrame, texts: Sequence[str]) -> pl.Expr:
    """Return the place of the first row that says the same: the numbers need only tell texts apart."""
    present = [pl.col(name) for name in texts if name in rows.columns]
    return pl.col("row").first().over(pl.coalesce(*present, pl.lit(""))).cast(pl.Int64)


def _end_of_bucket(moment: pl.Expr, bucket: int) -> pl.Expr:
    return -(-moment.dt.epoch("us") // bucket) * bucket
