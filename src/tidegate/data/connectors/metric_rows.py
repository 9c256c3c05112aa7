"""Rows of the table ``metrics``, whichever source they come from: checked, each once, nothing filled in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import polars as pl

from tidegate.data.metrics import metric_spec

__all__ = ["metric_rows", "sorted_metrics"]

_KEY: Final = ["symbol", "metric", "event_time"]
_MAY_BE_NEGATIVE: Final = ("basis_rate", "annualized_basis_rate", "open_interest_delta")


def sorted_metrics(observations: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return usable observations sorted by symbol, metric and time, each once; and the others with a ``reason``.

    An observation without a value is in neither: what a venue leaves out is missing, and nothing takes its place.

    Parameters
    ----------
    observations
        Columns ``symbol``, ``metric``, ``event_time`` (null where it is not understood), ``text`` (the value as it was
        delivered; null or empty where it was not), and any others that tell where a row is from.

    Examples
    --------
    >>> texts = {"event_time": [1, 2, 3], "text": ["0.1", "", "?"]}
    >>> good, rejected = sorted_metrics(pl.DataFrame({"symbol": "BTC", "metric": "basis_rate", **texts}))
    >>> good["value"].to_list(), rejected["reason"].to_list()
    ([0.1], ['not a number'])
    """
    given = observations.filter(pl.col("text").str.strip_chars().str.len_chars() > 0)
    rows = given.with_columns(pl.col("text").str.strip_chars().cast(pl.Float64, strict=False).alias("value"))
    conditions = {
        "no symbol": pl.col("symbol").is_null() | (pl.col("symbol") == ""),
        "no usable time": pl.col("event_time").is_null(),
        "not a number": pl.col("value").is_null(),
        "not a finite number": ~pl.col("value").is_finite(),
        "negative": (pl.col("value") < 0) & ~pl.col("metric").is_in(_MAY_BE_NEGATIVE),
        "duplicates that disagree": pl.col("value").n_unique().over(_KEY) > 1,
    }
    reason = pl.coalesce(pl.when(condition).then(pl.lit(name)) for name, condition in conditions.items())
    rows = rows.with_columns(reason.alias("reason"))
    good = rows.filter(pl.col("reason").is_null()).drop("reason", "text")
    rejected = rows.filter(pl.col("reason").is_not_null()).drop("value")
    return good.unique(_KEY, keep="first").sort(_KEY), rejected


def metric_rows(
    observations: pl.DataFrame, *, dataset: str, source: str, units: Mapping[str, str] | None = None
) -> pl.DataFrame:
    """Return rows of the ``metrics`` table; a bucket is public at its end, which is its event time.

    Parameters
    ----------
    observations
        As :func:`sorted_metrics` returns them.
    units
        Unit of metrics that this source does not deliver in that of the dictionary.
    """
    names = observations["metric"].unique()
    unit = {name: (units or {}).get(name, metric_spec(name).unit) for name in names}
    return observations.select(
        pl.lit(dataset).alias("dataset"),
        pl.col("symbol").cast(pl.String),
        pl.col("metric").cast(pl.String),
        "event_time",
        pl.col("event_time").alias("known_time"),
        "value",
        pl.col("metric").replace_strict(unit, return_dtype=pl.String).alias("unit"),
        pl.lit(source).alias("source"),
        pl.lit(value=False).alias("synthetic"),
    )
