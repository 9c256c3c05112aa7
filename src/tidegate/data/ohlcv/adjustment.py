"""Adjustment: a factor that runs forward, made of what a source tells about dividends and splits."""

from __future__ import annotations

from typing import Final

import polars as pl

from tidegate.core.errors import DataError
from tidegate.data.ohlcv.settings import Adjustment, OhlcvSettings

__all__ = ["looks_like_a_split", "require_one_level", "with_adjustment"]

_STEADY: Final = 1.01
"""Largest over smallest ratio of restated to stored closes that still counts as one ratio: closes are rounded."""
_LEAST_SPLIT: Final = 1.15


def require_one_level(rows: pl.DataFrame, settings: OhlcvSettings) -> None:
    """Refuse back-adjusted bars of one symbol from several files: each file has the level of its own download day.

    Raises
    ------
    DataError
        If there are any.
    """
    if settings.adjust is not Adjustment.ADJ_CLOSE:
        return
    files = rows.group_by("symbol").agg(pl.col("file").unique().sort()).filter(pl.col("file").list.len() > 1)
    if files.height:
        symbol, names = files.sort("symbol").row(0)
        raise DataError(
            found=f"back-adjusted bars of {symbol} in {len(names)} files ({', '.join(names[:5])})",
            expected="one file per symbol in one ingest: each download has its own level of adj_close",
            hint="ingest them one after another, oldest first",
        )


def with_adjustment(bars: pl.DataFrame, settings: OhlcvSettings, stored: pl.DataFrame | None) -> pl.DataFrame:
    """Add the column ``adjustment``: the adjusted price is price times adjustment, and no later event enters it.

    Parameters
    ----------
    bars
        Good rows, sorted by symbol and event time.
    stored
        The newest stored bars of these symbols, which back-adjusted ones are chained to; None where there are none.

    Raises
    ------
    DataError
        If a back-adjusted symbol has no bar in common with those stored.
    """
    if settings.adjust is Adjustment.NONE:
        return bars.with_columns(pl.lit(1.0).alias("adjustment"))
    if settings.adjust is Adjustment.FACTOR:
        return bars.with_columns(pl.col("factor").alias("adjustment"))
    # adj_close / close falls by every dividend yet to come; over its first value only those gone by remain.
    ratio = pl.col("adj_close") / pl.col("close")
    own = bars.with_columns((ratio / ratio.first().over("symbol")).alias("adjustment"))
    return own if stored is None else _chained(own, stored)


def _chained(bars: pl.DataFrame, stored: pl.DataFrame) -> pl.DataFrame:
    """Scale each symbol so that its last bar in common with the catalog keeps the stored adjustment.

    A file downloaded after a further dividend has another level throughout; the scale takes exactly that out.
    """
    key = ["symbol", "event_time"]
    common = bars.join(stored.select(*key, pl.col("adjustment").alias("stored")), on=key).sort(key)
    scale = common.group_by("symbol").agg((pl.col("stored") / pl.col("adjustment")).last().alias("scale"))
    loose = bars.select("symbol").unique().join(stored, on="symbol", how="semi").join(scale, on="symbol", how="anti")
    if loose.height:
        raise DataError(
            found=f"{loose.height} symbols without a bar in common with the stored ones, such as "
            f"{loose['symbol'].sort()[0]}",
            expected="new back-adjusted files that overlap the stored ones",
            hint="download again from at least one stored bar on",
        )
    scaled = pl.col("adjustment") * pl.col("scale").fill_null(1.0)
    return bars.join(scale, on="symbol", how="left", maintain_order="left").with_columns(scaled).drop("scale")


def looks_like_a_split(bars: pl.DataFrame, stored: pl.DataFrame) -> str | None:
    """Return a symbol whose closes differ from the stored ones by one ratio far from 1, and that ratio, in words."""
    key = ["symbol", "event_time"]
    ratio = pl.col("close") / pl.col("close_stored")
    common = bars.join(stored.select(*key, "close"), on=key, suffix="_stored")
    ratios = common.group_by("symbol").agg(
        ratio.median().alias("ratio"), (ratio.max() / ratio.min()).alias("spread")
    )
    far = (pl.col("ratio") > _LEAST_SPLIT) | (pl.col("ratio") < 1 / _LEAST_SPLIT)
    split = ratios.filter(far & (pl.col("spread") < _STEADY)).sort("symbol")
    return None if split.is_empty() else f"every close of {split['symbol'][0]} is {split['ratio'][0]:.4g} times"
