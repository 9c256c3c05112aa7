"""Adjustment: a factor that runs forward, made of what a source tells about dividends and splits."""

from __future__ import annotations

from typing import Final

import polars as pl

from tidegate.core.errors import DataError
from tidegate.data.connectors.ohlcv.settings import Adjustment, OhlcvSettings

__all__ = ["find_splits", "require_one_level", "require_whole_history", "with_adjustment"]

_KEY: Final = ["symbol", "event_time"]
_STEADY: Final = 1.01
"""Largest over smallest ratio of restated to stored closes that still counts as one ratio: closes are rounded."""
_LEAST_SPLIT: Final = 1.15
"""The smallest usual split is 5 for 4."""


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
    common = bars.join(stored.select(*_KEY, pl.col("adjustment").alias("stored")), on=_KEY).sort(_KEY)
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


def find_splits(bars: pl.DataFrame, stored: pl.DataFrame) -> pl.DataFrame:
    """Return ``symbol`` and ``ratio`` where all closes differ from the stored ones by one ratio far from 1.

    A source that works a split into its history restates every bar like that.
    """
    ratio = pl.col("close") / pl.col("close_stored")
    common = bars.join(stored.select(*_KEY, "close"), on=_KEY, suffix="_stored")
    ratios = common.group_by("symbol").agg(ratio.median().alias("ratio"), (ratio.max() / ratio.min()).alias("spread"))
    far = (pl.col("ratio") > _LEAST_SPLIT) | (pl.col("ratio") < 1 / _LEAST_SPLIT)
    return ratios.filter(far & (pl.col("spread") < _STEADY)).select("symbol", "ratio").sort("symbol")


def require_whole_history(bars: pl.DataFrame, stored: pl.DataFrame) -> None:
    """Refuse to correct a split in a part of the history: where that part begins, the price would jump.

    A correction that ends with the stored bars at the latest is believed to be about just those bars.

    Raises
    ------
    DataError
        If the new bars of a split symbol go on beyond the stored ones, of which they lack some.
    """
    last = stored.group_by("symbol").agg(pl.col("event_time").max().alias("last"))
    ahead = bars.join(last, on="symbol").filter(pl.col("event_time") > pl.col("last"))
    split = find_splits(bars, stored).join(ahead, on="symbol", how="semi")
    left = stored.join(split, on="symbol", how="semi").join(bars, on=_KEY, how="anti")
    if left.height:
        first = left.sort(_KEY).row(0, named=True)
        raise DataError(
            found=f"a split, and {left.height} stored bars that the file lacks, the first "
            f"{first['symbol']} at {first['event_time']:%Y-%m-%d %H:%M}",
            expected="the whole history: bars left out would keep the prices from before the split",
            hint="download from the first stored bar on; a correction of some bars alone comes without later ones",
        )
