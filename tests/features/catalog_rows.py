"""Rows as the catalog keeps them, and the features that a room declares, for tests of slow sources."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl

from tidegate.core.history import History
from tidegate.core.panel import Panel
from tidegate.core.time import DAY, HOUR, BarInterval
from tidegate.core.units import FloatArray, Int64Array
from tidegate.data.tables import MOMENT, spec_of
from tidegate.features import Feature, FeatureContract, build_features
from tidegate.features.sources import Source

__all__ = ["NOON", "at", "bars_at", "built", "garbled_after", "instants", "observed", "rows_of"]

NOON = 1_700_000_000_000_000 // DAY * DAY + 12 * HOUR


def at(hours: float) -> int:
    """The instant some hours after noon."""
    return NOON + round(hours * HOUR)


def instants(*hours: float) -> Int64Array:
    return np.array([at(one) for one in hours], dtype=np.int64)


def rows_of(table: str, *given: Mapping[str, Any]) -> pl.DataFrame:
    """Rows of a table with ``symbol``; times are instants, ``event_time`` and ``recorded_time`` may be left out."""
    schema = {"symbol": pl.String(), **spec_of(table).schema} if table != "macro" else spec_of(table).schema
    whole = [
        {
            **dict.fromkeys(schema),
            "dataset": "test",
            "synthetic": False,
            "event_time": one["known_time"],
            "recorded_time": one["known_time"],
            **one,
        }
        for one in given
    ]
    raw = {name: pl.Int64() if kind == MOMENT else kind for name, kind in schema.items()}
    frame = pl.DataFrame(whole, schema=raw)
    return frame.with_columns(pl.col(name).cast(MOMENT) for name, kind in schema.items() if kind == MOMENT)


def bars_at(times: Int64Array, symbols: Sequence[str] = ("A",)) -> Panel:
    return Panel(times, tuple(symbols), {"close": np.ones((len(times), len(symbols)))})


def observed(
    source: Source, tables: Mapping[str, pl.DataFrame], times: Int64Array, symbols: Sequence[str] = ("A",)
) -> dict[str, FloatArray]:
    """What a source says, asked in one go; asked instant by instant and of a shorter past it says the same."""
    whole = source.open(tables, symbols)(times)
    assert tuple(whole) == source.produces
    return whole


def built(
    features: Sequence[Feature],
    sources: Sequence[Source],
    tables: Mapping[str, pl.DataFrame],
    times: Int64Array,
    symbols: Sequence[str] = ("A",),
) -> dict[str, list[Any]]:
    """Each feature of the tables that are there, as ``{name: [row][symbol]}``; a single symbol as ``[row]``."""
    there = tuple(source for source in sources if source.table in tables)
    columns = {"close"}.union(*(source.produces for source in there))
    chosen = tuple(feature for feature in features if columns.issuperset(feature.requires))
    read = tuple(one for one in there if {name for feature in chosen for name in feature.requires} & set(one.produces))
    contract = FeatureContract(chosen, read, BarInterval("5m"))
    values = build_features(History(bars_at(times, symbols), tables), contract).values
    if len(symbols) == 1:
        values = values[:, 0]
    return {name: values[..., place].tolist() for place, name in enumerate(contract.names)}


def garbled_after(rows: pl.DataFrame, instant: int) -> pl.DataFrame:
    """Rows whose numbers are garbage where they became known later; counts that were read later are, too."""
    numbers = [name for name, kind in rows.schema.items() if kind.is_numeric()]
    later = pl.col("known_time").dt.epoch("us") > instant
    if "observed_time" in rows.columns:
        later |= pl.col("observed_time").dt.epoch("us").fill_null(0) > instant
        numbers = [name for name in numbers if name != "sentiment"]
    return rows.with_columns(
        pl.when(later).then(pl.lit(-987_654).cast(rows.schema[name])).otherwise(pl.col(name)).alias(name)
        for name in numbers
    )
