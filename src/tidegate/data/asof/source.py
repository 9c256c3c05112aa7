"""The slower sources of an as-of join: which rows of them can matter, and where those of each symbol lie."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
import polars as pl

from tidegate.core.errors import DataError, InputError
from tidegate.core.units import FloatArray, Int64Array
from tidegate.data.asof.standing import Standing, newest_known
from tidegate.data.asof.symbols import SYMBOL, instants_of, spans_of
from tidegate.data.tables import MOMENT

__all__ = ["AsOfSource", "SourceRows"]

_TIMES: Final = ("event_time", "known_time")
# Columns that tell apart rows which must never stand in for each other.
_KINDS: Final = ("dataset", "interval", "series", "metric", "model")


@dataclass(frozen=True, kw_only=True)
class AsOfSource:
    """One slower source of an as-of join.

    Parameters
    ----------
    name
        Names the column ``<name>_age``.
    rows
        ``event_time``, ``known_time``, the columns below, and ``symbol`` where the source is about symbols: one that
        has none is joined to every symbol. Give every vintage (:meth:`tidegate.data.Catalog.revisions`): with only the
        newest, a restated value would be missing until its restatement.
    columns
        Name of each value in the result, and the column of ``rows`` that it comes from, a number or a flag.
    maximum_age
        Microseconds since the event after which a value counts as missing (D-16).

    Raises
    ------
    InputError
        If the age is not positive or a column is missing.
    """

    name: str
    rows: pl.LazyFrame | pl.DataFrame
    columns: Mapping[str, str]
    maximum_age: int

    def __post_init__(self) -> None:
        if self.maximum_age <= 0:
            raise InputError(
                found=f"a maximum age of {self.maximum_age} us for {self.name}",
                expected="a positive one",
                hint="a source without bound would let a dead feed pass for fresh",
            )
        lacking = [name for name in _TIMES if self.schema.get(name) != MOMENT]
        lacking += [name for name in self.columns.values() if name not in self.schema]
        if lacking or not self.columns:
            raise InputError(
                found=f"source {self.name} without {', '.join(lacking) or 'any column'}",
                expected="event_time and known_time in microseconds UTC, and at least one value",
                hint=f"it has: {', '.join(f'{name} {kind}' for name, kind in self.schema.items())}",
            )

    @cached_property
    def schema(self) -> pl.Schema:
        """Columns and types of ``rows``."""
        return self.rows.lazy().collect_schema()

    @property
    def has_symbols(self) -> bool:
        """Whether its rows are about symbols."""
        return SYMBOL in self.schema

    @property
    def produces(self) -> dict[str, pl.DataType]:
        """The columns that it brings into the result, with their types."""
        brought: dict[str, pl.DataType] = {}
        for column in self.columns:
            brought |= {column: pl.Float64(), f"{column}_missing": pl.Boolean()}
        return {**brought, f"{self.name}_age": pl.Duration("us")}

    def between(self, first: int, last: int) -> SourceRows:
        """Return the rows that can matter to instants from ``first`` to ``last``, by symbol.

        Raises
        ------
        DataError
            If rows lack a time or symbol, or mix what must not stand in for each other.
        """
        keys = [*_TIMES, *([SYMBOL] if self.has_symbols else [])]
        kinds = [kind for kind in _KINDS if kind in self.schema]
        young = pl.col("event_time") >= pl.lit(first - self.maximum_age).cast(MOMENT)
        known = pl.col("known_time") <= pl.lit(last).cast(MOMENT)
        # A row that lacks a key is let through, so that it is refused below instead of dropped in silence.
        wanted = young & known | pl.any_horizontal(pl.col(*keys).is_null())
        recorded = ["recorded_time"] if "recorded_time" in self.schema else []
        values = [pl.col(column).cast(pl.Float64).alias(f"value {name}") for name, column in self.columns.items()]
        rows = self.rows.lazy().filter(wanted).select(*keys, *recorded, *kinds, *values).collect()
        self._require_usable(rows, keys, kinds)
        return SourceRows(rows)

    def _require_usable(self, rows: pl.DataFrame, keys: list[str], kinds: list[str]) -> None:
        empty = [key for key in keys if rows[key].null_count()]
        mixed = [kind for kind in kinds if rows[kind].n_unique() > 1]
        if empty or mixed:
            raise DataError(
                found=f"rows of {self.name} with {f'nothing in {empty[0]}' if empty else f'several of {mixed[0]}'}",
                expected="times in every row, and one thing per source",
                hint="a row that nobody knows when it was known belongs nowhere; filter to one thing per source",
            )


class SourceRows:
    """The rows of one source in memory, by symbol."""

    def __init__(self, rows: pl.DataFrame) -> None:
        spans = {"": (0, rows.height)}
        if SYMBOL in rows.columns:
            spans, rows = _by_symbol(rows)
        self._spans = spans
        self._instants = {name: instants_of(rows[name]) for name in rows.columns if name.endswith("_time")}
        self._has_symbols = SYMBOL in rows.columns
        self._ascending: dict[str, bool] = {}
        self._values = {
            name.removeprefix("value "): rows[name].fill_null(np.nan).to_numpy()
            for name in rows.columns
            if name.startswith("value ")
        }

    def value(self, column: str) -> FloatArray:
        """Return a value of every row; NaN where it is missing."""
        return self._values[column]

    @property
    def event(self) -> Int64Array:
        """Return the event time of every row."""
        return self._instants["event_time"]

    def standing(self, times: Int64Array, symbol: str, maximum_age: int) -> Standing:
        """Return which row stands at each of some ascending instants for a symbol."""
        first, stop = self._that_matter(symbol if self._has_symbols else "", times, maximum_age)
        cut = {name: instants[first:stop] for name, instants in self._instants.items()}
        standing = newest_known(
            times, cut["known_time"], cut["event_time"], maximum_age=maximum_age, recorded=cut.get("recorded_time")
        )
        return Standing(np.where(standing.rows < 0, -1, standing.rows + first), standing.lengths)

    def _that_matter(self, symbol: str, times: Int64Array, maximum_age: int) -> tuple[int, int]:
        """Return where the rows lie that are young enough for the first instant and not about later than the last."""
        first, stop = self._spans.get(symbol, (0, 0))
        event = self.event[first:stop]
        if symbol not in self._ascending:
            self._ascending[symbol] = bool(np.all(event[1:] >= event[:-1]))
        if not len(times) or not self._ascending[symbol]:
            return first, stop
        young = int(np.searchsorted(event, times[0] - maximum_age, side="left"))
        return first + young, first + int(np.searchsorted(event, times[-1], side="right"))


def _by_symbol(rows: pl.DataFrame) -> tuple[dict[str, tuple[int, int]], pl.DataFrame]:
    """Return rows with each symbol's together, and where each symbol's lie."""
    runs = spans_of(rows[SYMBOL])
    if len(dict(runs)) < len(runs):
        rows = rows.sort(SYMBOL, maintain_order=True)
        runs = spans_of(rows[SYMBOL])
    return dict(runs), rows
