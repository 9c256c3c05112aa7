"""Ingest: read, understand, check, quarantine, append; one call is one commit."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import polars as pl

from tidegate.core.clock import now
from tidegate.core.errors import DataError
from tidegate.core.files import write_atomically
from tidegate.core.progress import SILENT, Progress
from tidegate.core.randomness import unique_suffix
from tidegate.core.time import moment_of
from tidegate.core.workspace import Workspace
from tidegate.data.catalog import Catalog
from tidegate.data.ohlcv.checks import reject_bad_rows, require_forward_times
from tidegate.data.ohlcv.reading import find_files, read_files
from tidegate.data.ohlcv.settings import Adjustment, OhlcvSettings
from tidegate.data.ohlcv.times import with_event_time
from tidegate.data.revisions import Revision
from tidegate.data.tables import BARS

__all__ = ["Ingested", "ingest_ohlcv"]


@dataclass(frozen=True, kw_only=True)
class Ingested:
    """What an ingest did.

    ``rows`` is what the files held; it equals ``appended + identical + revised + repeated`` plus the sum of
    ``rejected``, whose rows lie in the file ``quarantine``.
    """

    dataset: str
    interval: str
    files: int
    rows: int
    appended: int
    identical: int
    revised: int
    repeated: int
    rejected: dict[str, int]
    quarantine: Path | None
    version: int


def ingest_ohlcv(
    workspace: Workspace,
    path: str | Path | list[Path],
    settings: OhlcvSettings,
    *,
    revision: Revision | None = None,
    progress: Progress = SILENT,
) -> Ingested:
    """Read bar files into the catalog.

    Parameters
    ----------
    path
        A file, a folder or a glob (CSV, Parquet, Feather), or the files themselves.
    settings
        What the columns mean; start from :data:`tidegate.data.ohlcv.PRESETS`.
    revision
        What rows with stored times but other values mean; see :class:`tidegate.data.Revision`.

    Raises
    ------
    DataError
        If a file cannot be used, or no row of it can; nothing is appended then.
    """
    files = path if isinstance(path, list) else find_files(path)
    progress.say(f"reading {len(files)} file{'s' if len(files) > 1 else ''}")
    rows = with_event_time(read_files(files, settings), settings)
    require_forward_times(rows, settings)
    progress.say(f"checking {rows.height:,} rows")
    good, rejected = reject_bad_rows(rows, settings, now())
    quarantine = _quarantine(workspace, settings.dataset, rejected)
    if good.is_empty():
        raise DataError(
            found=f"{rows.height} rows, every one rejected ({_counts(rejected)})",
            expected="at least one good bar",
            hint=f"look at {quarantine}",
        )
    catalog = Catalog(workspace)
    bars = _as_bars(good, settings, _stored_adjustment(catalog, settings))
    progress.say(f"appending {bars.height:,} bars")
    done = catalog.append("bars", bars, revision=revision)
    return Ingested(
        dataset=settings.dataset,
        interval=str(settings.interval),
        files=len(files),
        rows=rows.height,
        appended=done.appended,
        identical=done.identical,
        revised=done.revised,
        repeated=rows.height - good.height - rejected.height,
        rejected=_counts(rejected),
        quarantine=quarantine,
        version=done.version,
    )


def _as_bars(good: pl.DataFrame, settings: OhlcvSettings, stored: pl.DataFrame | None) -> pl.DataFrame:
    """Return rows of the ``bars`` table; a bar is known at its close."""

    def column(name: str, unit: float = 1.0) -> pl.Expr:
        return (pl.col(name) * unit if name in good.columns else pl.lit(None, dtype=pl.Float64)).alias(name)

    return (
        good.sort("symbol", "event_time")
        .with_columns(_adjustment(settings.adjust).alias("adjustment"))
        .pipe(_chain, stored)
        .select(
            pl.lit(settings.dataset).alias("dataset"),
            pl.lit(str(settings.interval)).alias("interval"),
            "symbol",
            "event_time",
            pl.col("event_time").alias("known_time"),
            *(column(name) for name in ("open", "high", "low", "close")),
            column("volume", settings.volume_unit),
            column("traded_value", settings.value_unit),
            "adjustment",
            pl.lit(settings.calendar).alias("calendar"),
            pl.lit(settings.source).alias("source"),
            pl.lit(value=False).alias("synthetic"),
        )
        .select(name for name in BARS.schema if name != "recorded_time")
    )


def _adjustment(kind: Adjustment) -> pl.Expr:
    if kind is Adjustment.FACTOR:
        return pl.col("factor")
    if kind is Adjustment.ADJ_CLOSE:
        # adj_close / close falls by every dividend yet to come; over its first value only those gone by remain.
        ratio = pl.col("adj_close") / pl.col("close")
        return ratio / ratio.first().over("symbol")
    return pl.lit(1.0)


def _stored_adjustment(catalog: Catalog, settings: OhlcvSettings) -> pl.DataFrame | None:
    """Return the stored adjustments that a newer back-adjusted file must be chained to."""
    known = any(
        (summary.table, summary.dataset, summary.interval) == ("bars", settings.dataset, str(settings.interval))
        for summary in catalog.datasets()
    )
    if settings.adjust is not Adjustment.ADJ_CLOSE or not known:
        return None
    bars = catalog.read("bars", dataset=settings.dataset, as_of=now()).filter(
        pl.col("interval") == str(settings.interval)
    )
    return bars.select("symbol", "event_time", pl.col("adjustment").alias("stored")).collect()


def _chain(rows: pl.DataFrame, stored: pl.DataFrame | None) -> pl.DataFrame:
    """Scale each symbol so that its last bar in common with the catalog keeps the stored adjustment.

    A file downloaded after a further dividend has another level throughout; the scale takes exactly that out.
    """
    if stored is None:
        return rows
    common = rows.join(stored, on=["symbol", "event_time"]).sort("symbol", "event_time")
    scale = common.group_by("symbol").agg((pl.col("stored") / pl.col("adjustment")).last().alias("scale"))
    loose = (
        stored.select("symbol")
        .unique()
        .join(rows.select("symbol").unique(), on="symbol")
        .join(scale, on="symbol", how="anti")
    )
    if loose.height:
        raise DataError(
            found=f"{loose.height} symbols without a bar in common with the stored ones, such as {loose['symbol'][0]}",
            expected="new back-adjusted files that overlap the stored ones",
            hint="download again from at least one stored bar on",
        )
    return (
        rows.join(scale, on="symbol", how="left")
        .with_columns(pl.col("adjustment") * pl.col("scale").fill_null(1.0))
        .drop("scale")
    )


def _quarantine(workspace: Workspace, dataset: str, rejected: pl.DataFrame) -> Path | None:
    if rejected.is_empty():
        return None
    name = f"{dataset}-{moment_of(now()):%Y%m%dT%H%M%S}-{unique_suffix()}.parquet"
    return write_atomically(workspace.quarantine_folder / name, rejected.write_parquet)


def _counts(rejected: pl.DataFrame) -> dict[str, int]:
    counted = rejected.group_by("reason").len().sort("len", descending=True)
    return dict(zip(counted["reason"].to_list(), counted["len"].to_list(), strict=True))
