"""Rows of a slower source whose later part is garbage."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from tidegate.core.history import COUNTS_OF_A_READING
from tidegate.core.time import DAY, HOUR
from tidegate.core.units import Int64Array, Mask

if TYPE_CHECKING:
    import polars as pl
    from numpy.random import Generator

__all__ = ["poisoned_rows"]

# What a row is about, and where it comes from: a row about something else would be another row, not another value.
_KEPT: Final = frozenset({
    "symbol", "series", "metric", "dataset", "interval", "model", "change", "unit", "source", "synthetic", "item_kind",
    "calendar", "platform",
})  # fmt: skip
_DROPPED: Final = 0.2
_MOST_NEW: Final = 500
_UNIT_RANGE: Final = 1.0


def poisoned_rows(rows: pl.DataFrame, as_of: int, random: Generator) -> pl.DataFrame:
    """Return the rows known at an instant as they were, and other ones for those that came later.

    Of the later ones a fifth is missing and the rest has other values. Further rows restate, with other values and
    after the instant, what was known before, or tell late of what happened before.
    """
    import polars as pl

    known = rows["known_time"].dt.epoch("us").to_numpy()
    later = known > as_of
    places = np.arange(rows.height, dtype=np.float64)
    kept = ~later | (random.random(rows.height) >= _DROPPED)
    restated = _chosen(~later, random)
    late = _chosen(later, random)
    span = max(int(known.max()) - as_of, DAY) if rows.height else DAY
    news = rows[np.concatenate([restated, late])]
    times = as_of + 1 + random.integers(0, span, news.height)
    news = news.with_columns(_moments(times, rows.schema["known_time"]).alias("known_time"))
    if "event_time" in rows.columns and len(late):
        events = news["event_time"].dt.epoch("us").to_numpy().copy()
        events[len(restated) :] = np.minimum(events[len(restated) :], as_of - random.integers(0, 2 * HOUR, len(late)))
        news = news.with_columns(_moments(events, rows.schema["event_time"]).alias("event_time"))
    garbled = pl.concat([_garbled(rows, later, random).filter(pl.Series(kept)), _garbled(news, None, random)])
    order = np.argsort(np.concatenate([places[kept], places[np.concatenate([restated, late])] + 0.5]), kind="stable")
    return _other_readings(garbled[order], as_of, random)


def _chosen(among: Mask, random: Generator) -> Int64Array:
    places = np.flatnonzero(among)
    count = min(max(len(places) // 10, min(len(places), 3)), _MOST_NEW)
    return np.sort(random.choice(places, count, replace=False)) if count else places[:0]


def _moments(instants: Int64Array, kind: pl.DataType) -> pl.Series:
    import polars as pl

    return pl.Series(instants).cast(pl.Datetime("us", "UTC")).cast(kind)


def _garbled(rows: pl.DataFrame, where: Mask | None, random: Generator) -> pl.DataFrame:
    """Return rows with other values, everywhere or in some of them."""
    import polars as pl

    mask = pl.Series(np.ones(rows.height, dtype=bool) if where is None else where)
    changed = {
        name: _other_values(rows[name], random) for name in rows.columns if not _is_kept(name, rows.schema[name])
    }
    return rows.with_columns(
        pl.when(mask).then(values).otherwise(rows[name]).alias(name) for name, values in changed.items()
    )


def _is_kept(name: str, kind: pl.DataType) -> bool:
    return name in _KEPT or name.endswith(("_time", "_id")) or kind.is_nested() or kind.is_temporal()


def _other_values(column: pl.Series, random: Generator) -> pl.Series:
    import polars as pl

    found = column.drop_nulls()
    if column.dtype == pl.Boolean:
        return ~column.fill_null(value=False)
    if not len(found) or not (column.dtype.is_numeric() or column.dtype in {pl.String, pl.Categorical, pl.Enum}):
        return column
    drawn = found.gather(random.integers(0, len(found), len(column)))
    if not column.dtype.is_numeric():
        return drawn.alias(column.name)
    if column.dtype.is_integer():
        low, high = int(found.min()), int(found.max())  # type: ignore[arg-type]
        return pl.Series(column.name, random.integers(low, high + 2, len(column))).cast(column.dtype)
    truth, values = found.to_numpy(), drawn.to_numpy()
    if bool(np.all(np.abs(truth[np.isfinite(truth)]) <= _UNIT_RANGE)) and _looks_bounded(column.name):
        lowest = -1.0 if truth.min() < 0.0 else 0.0
        return pl.Series(column.name, random.uniform(lowest, 1.0, len(column))).cast(column.dtype)
    signs = np.where(random.random(len(values)) < 0.5, -1.0, 1.0) if truth.min() < 0.0 else 1.0
    garbage = values * np.exp(random.normal(0.0, 1.0, len(values))) * signs + np.where(values == 0.0, 1.0, 0.0)
    return pl.Series(column.name, garbage).cast(column.dtype)


def _looks_bounded(name: str) -> bool:
    """Whether a column's unit is a share or a score, which code may rely on."""
    return name in {"sentiment", "confidence", "importance", "novelty", "imbalance"}


def _other_readings(rows: pl.DataFrame, as_of: int, random: Generator) -> pl.DataFrame:
    """Change counts that were read after the instant, of items that were known before."""
    import polars as pl

    if "observed_time" not in rows.columns:
        return rows
    late = pl.col("observed_time") > pl.lit(as_of).cast(pl.Datetime("us", "UTC"))
    factor = pl.Series(np.exp(random.normal(0.0, 1.5, rows.height)))
    counts = [name for name in COUNTS_OF_A_READING if name in rows.columns]
    return rows.with_columns(
        pl.when(late).then((pl.col(name) + 1.0) * factor).otherwise(pl.col(name)).cast(rows.schema[name]).alias(name)
        for name in counts
    )
