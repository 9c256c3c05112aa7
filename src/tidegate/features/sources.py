"""Sources: what delivers columns that the bars do not have, as of every instant."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from tidegate.core.errors import DataError
from tidegate.core.units import FloatArray, Int64Array
from tidegate.data.asof import AsOfSource

if TYPE_CHECKING:
    import polars as pl

__all__ = ["Newest", "Observe", "Source", "Where", "chosen_rows", "side_by_side"]

Observe = Callable[[Int64Array], dict[str, FloatArray]]
"""From ascending instants ``int64 (n,)`` to columns ``float64 (n, n_symbols)``; row *t* is what was known then."""

Where = tuple[tuple[str, str | bool], ...]
"""Columns of rows, and the value that chooses rows by each."""

_EVER = 2**60


class Source(Protocol):
    """Delivers columns of slower observations as they were known at any instant.

    Rows are handed over once and prepared; the function that comes back is then asked for stretches of instants, long
    ones in batch and single ones online, and says the same of an instant in both, to the bit.
    """

    @property
    def name(self) -> str:
        """Unique name."""
        ...

    @property
    def table(self) -> str:
        """The table of the history that it reads, named as in the recipe's ``uses``."""
        ...

    @property
    def produces(self) -> tuple[str, ...]:
        """Columns that it delivers."""
        ...

    @property
    def maximum_age(self) -> int:
        """Microseconds after which an observation counts no more."""
        ...

    def as_document(self) -> dict[str, Any]:
        """Return the declaration as plain values; it is part of the contract's fingerprint."""
        ...

    def open(self, tables: Mapping[str, pl.DataFrame], symbols: Sequence[str]) -> Observe:
        """Prepare the rows for some symbols."""
        ...


@dataclass(frozen=True, kw_only=True)
class Newest:
    """The newest known value of a slower source, missing when it grows too old (D-16).

    Parameters
    ----------
    name
        Names the column ``<name>_age``: microseconds since the event of the row that stands, NaN where none does.
    table
        Table of the history, named as in the recipe's ``uses``: ``funding``, ``macro``, ``derivatives``, ...
    columns
        Column that it delivers, and the column of the rows that it comes from.
    where
        Columns of the rows and the values by which they are chosen: ``(("metric", "basis_rate"),)``.
    maximum_age
        Microseconds since the event after which a value counts as missing.

    Examples
    --------
    >>> import polars as pl
    >>> from tidegate.data.tables import MOMENT
    >>> moment = pl.Series([10, 20]).cast(MOMENT)
    >>> rows = pl.DataFrame({"symbol": ["A", "A"], "event_time": moment, "known_time": moment, "rate": [0.1, 0.2]})
    >>> funding = Newest(name="funding", table="funding", columns=(("funding_rate", "rate"),), maximum_age=9)
    >>> observed = funding.open({"funding": rows}, ["A", "B"])(np.array([15, 20, 30]))
    >>> observed["funding_rate"].tolist()
    [[0.1, nan], [0.2, nan], [nan, nan]]
    """

    name: str
    table: str
    columns: tuple[tuple[str, str], ...]
    maximum_age: int
    where: Where = field(default=())

    @property
    def produces(self) -> tuple[str, ...]:
        """Columns that it delivers."""
        return (*(column for column, _ in self.columns), f"{self.name}_age")

    def as_document(self) -> dict[str, Any]:
        """Return the declaration as plain values."""
        return {
            "name": self.name,
            "table": self.table,
            "columns": dict(self.columns),
            "where": dict(self.where),
            "maximum_age": self.maximum_age,
        }

    def open(self, tables: Mapping[str, pl.DataFrame], symbols: Sequence[str]) -> Observe:
        """Prepare the rows for some symbols.

        Raises
        ------
        DataError
            If the history has no such table, or its rows lack a time.
        """
        chosen = chosen_rows(tables, self.table, self.where, self.produces)
        source = AsOfSource(name=self.name, rows=chosen, columns=dict(self.columns), maximum_age=self.maximum_age)
        rows, about_all = source.between(-_EVER, _EVER), not source.has_symbols
        # Microseconds of this century are exact in 53 bits. The last entry is what stands where no row does.
        values = {column: np.append(rows.value(column), np.nan) for column, _ in self.columns}
        event = np.append(rows.event.astype(np.float64), np.nan)
        asked = [""] if about_all else symbols

        def observe(times: Int64Array) -> dict[str, FloatArray]:
            shape = (len(times), len(symbols))
            standing = [rows.standing(times, symbol, self.maximum_age) for symbol in asked]
            made = {
                column: side_by_side([np.repeat(value[one.rows], one.lengths) for one in standing], shape)
                for column, value in values.items()
            }
            ages = [times - np.repeat(event[one.rows], one.lengths) for one in standing]
            return {**made, f"{self.name}_age": side_by_side(ages, shape)}

        return observe


def chosen_rows(tables: Mapping[str, pl.DataFrame], table: str, where: Where, produces: Sequence[str]) -> pl.DataFrame:
    """Return the rows of a table that a source reads.

    Raises
    ------
    DataError
        If the history has no such table, or its rows lack a column by which they are chosen.
    """
    if table not in tables:
        raise DataError(
            found=f"no rows of {table!r}",
            expected=f"them, for {', '.join(produces)}",
            hint=f"name a data set under data.uses.{table} in the recipe",
        )
    import polars as pl

    rows = tables[table]
    lacking = [name for name, _ in where if name not in rows.columns]
    if lacking:
        raise DataError(
            found=f"rows of {table!r} without {', '.join(lacking)}",
            expected=f"the column by which those of {', '.join(produces)} are chosen",
            hint="read the rows from the catalog, or add the column",
        )
    # What is not said to be so is not: a book that nobody calls synthetic is a real one.
    chosen = [
        pl.col(name).fill_null(value=False) == value if isinstance(value, bool) else pl.col(name) == value
        for name, value in where
    ]
    return rows.filter(*chosen)


def side_by_side(columns: Sequence[FloatArray], shape: tuple[int, int]) -> FloatArray:
    """Return one place per symbol; a single column is about all of them and repeated without a copy."""
    if len(columns) == 1:
        return np.broadcast_to(columns[0][:, np.newaxis], shape)
    return np.stack(columns, axis=1) if columns else np.empty(shape)
