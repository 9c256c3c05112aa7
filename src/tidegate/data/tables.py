"""The tables of the catalog: columns, keys and units. Every row says what it is about and when it became known."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import polars as pl

__all__ = ["BARS", "MOMENT", "SERIES", "TABLES", "TableSpec"]

MOMENT: Final = pl.Datetime("us", "UTC")


@dataclass(frozen=True, kw_only=True)
class TableSpec:
    """One table.

    Parameters
    ----------
    name
        Folder name in the catalog.
    key
        Columns that, together with ``known_time``, name a row.
    values
        Columns that a revision may change, with their types.
    attributes
        Columns that describe a row's origin and never count as a revision.
    partition
        Key columns that split the table into folders.
    approximate
        Value columns that carry rounding of the source, and the relative difference that is no revision.
    """

    name: str
    key: dict[str, pl.DataType]
    values: dict[str, pl.DataType]
    attributes: dict[str, pl.DataType]
    partition: tuple[str, ...]
    approximate: dict[str, float]

    @property
    def schema(self) -> dict[str, pl.DataType]:
        """Every column in stored order."""
        times = {"known_time": MOMENT, "recorded_time": MOMENT}
        return {**self.key, **times, **self.values, **self.attributes}

    @property
    def member(self) -> str:
        """The key column that names the symbol or series."""
        return "symbol" if "symbol" in self.key else "series"


_TEXT: Final = pl.String()
_NUMBER: Final = pl.Float64()

BARS: Final = TableSpec(
    name="bars",
    # event_time is the bar's close; prices are as traded, volume in shares or coins, traded_value in currency.
    key={"dataset": _TEXT, "interval": _TEXT, "symbol": _TEXT, "event_time": MOMENT},
    # adjustment runs forward: adjusted price = price x adjustment, and no later dividend enters an earlier row.
    values=dict.fromkeys(("open", "high", "low", "close", "volume", "traded_value", "adjustment"), _NUMBER),
    attributes={"calendar": _TEXT, "source": _TEXT, "synthetic": pl.Boolean()},
    partition=("dataset", "interval"),
    # Sources round adj_close to cents, and each download rounds another level: half a cent of ten dollars is 5e-4.
    approximate={"adjustment": 1e-3},
)

SERIES: Final = TableSpec(
    name="series",
    key={"dataset": _TEXT, "series": _TEXT, "event_time": MOMENT},
    values={"value": _NUMBER},
    attributes={"unit": _TEXT, "source": _TEXT, "synthetic": pl.Boolean()},
    partition=("dataset",),
    approximate={},
)

TABLES: Final = {spec.name: spec for spec in (BARS, SERIES)}
