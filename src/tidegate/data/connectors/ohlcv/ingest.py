"""Ingest: read, understand, check, quarantine, append; one call is one commit."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import polars as pl

from tidegate.core.clock import now
from tidegate.core.errors import CatalogError, DataError
from tidegate.core.progress import SILENT, Progress
from tidegate.core.randomness import unique_suffix
from tidegate.core.time import format_instant, moment_of
from tidegate.core.workspace import Workspace
from tidegate.data.catalog import Appended, Catalog
from tidegate.data.connectors.ohlcv.adjustment import (
    find_splits,
    require_one_level,
    require_whole_history,
    with_adjustment,
)
from tidegate.data.connectors.ohlcv.checks import reject_bad_rows, require_forward_times
from tidegate.data.connectors.ohlcv.reading import find_files, read_files
from tidegate.data.connectors.ohlcv.settings import Adjustment, OhlcvSettings
from tidegate.data.connectors.ohlcv.times import with_event_time
from tidegate.data.connectors.quarantine import count_reasons, quarantine
from tidegate.data.revisions import Revision
from tidegate.data.tables import BARS

__all__ = ["Ingested", "bar_rows", "bars_of", "ingest_ohlcv"]

_SPLIT_HINT = 'download the whole history again and ingest it with --correct --reason "split"'


@dataclass(frozen=True, kw_only=True)
class Ingested:
    """What an ingest did.

    ``rows`` is what the files held; it equals ``appended + identical + revised + repeated`` plus the sum of
    ``rejected``, whose rows lie in the CSV file ``quarantine``. ``identical`` bars were in the catalog already;
    ``repeated`` ones stand in the files more than once.
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
        What the columns mean; start from :data:`tidegate.data.connectors.ohlcv.PRESETS`.
    revision
        What rows with stored times but other values mean; see :class:`tidegate.data.Revision`.

    Raises
    ------
    DataError
        If a file cannot be used, or no row of it can; nothing is appended then.
    """
    _require_sensible(revision, settings)
    files, skipped = (path, []) if isinstance(path, list) else find_files(path)
    progress.say(f"reading {_count(len(files), 'file')}")
    if skipped:
        progress.say(f"skipped {_count(len(skipped), 'file')} of another kind: {', '.join(skipped)}")
    good, rejected, read = _good_and_rejected(files, settings, progress)
    kept = quarantine(workspace, settings.dataset, rejected)
    reasons = count_reasons(rejected)
    if good.is_empty():
        raise DataError(
            found=f"{read} rows, every one rejected: {', '.join(reasons)}",
            expected="at least one good bar",
            hint=f"look at {kept}",
        )
    done = _append(workspace, good, settings, revision)
    new = done.appended + done.revised
    progress.say(f"appended {_count(new, 'bar')}" if new else f"{_count(done.identical, 'bar')} already there")
    return Ingested(
        dataset=settings.dataset,
        interval=str(settings.interval),
        files=len(files),
        rows=read,
        appended=done.appended,
        identical=done.identical,
        revised=done.revised,
        repeated=read - good.height - rejected.height,
        rejected=reasons,
        quarantine=kept,
        version=done.version,
    )


def _good_and_rejected(
    files: list[Path], settings: OhlcvSettings, progress: Progress
) -> tuple[pl.DataFrame, pl.DataFrame, int]:
    """Return good bars sorted by symbol and event time, rejected rows as they stand, and how many rows were read."""
    rows = with_event_time(read_files(files, settings), settings)
    require_forward_times(rows, settings)
    require_one_level(rows, settings)
    progress.say(f"checking {_count(rows.height, 'row')}")
    good, rejected = reject_bad_rows(rows, settings, now())
    # Where a bar stood in its file is of no further use, and there are millions of them.
    return good.drop("file", "row_number", "time").sort("symbol", "event_time"), rejected, rows.height


def _require_sensible(revision: Revision | None, settings: OhlcvSettings) -> None:
    """Refuse a revision that cannot be meant."""
    if revision is None or revision.known_at is None:
        return
    if revision.known_at > now():
        raise DataError(
            found=f"--known-at {format_instant(revision.known_at)}, which is yet to come",
            expected="when the restated values became public",
            hint="give a time of the past",
        )
    if settings.adjust is Adjustment.ADJ_CLOSE:
        raise DataError(
            found="--known-at with back-adjusted bars",
            expected="a correction: after a split such a source rescales every bar, and bars known only since then "
            "would be missing from the history",
            hint=_SPLIT_HINT,
        )


def _append(workspace: Workspace, good: pl.DataFrame, settings: OhlcvSettings, revision: Revision | None) -> Appended:
    """Append good rows to what is stored, which nobody else may change between the look and the append."""
    catalog = Catalog(workspace)
    with workspace.lock(f"ingest-{settings.dataset}"):
        bars = _adjusted(catalog, good, settings, revision)
        try:
            return catalog.append("bars", bar_rows(bars, settings), revision=revision, run=_name(settings))
        except DataError as error:
            stored = None if revision else _stored(catalog, good, settings)
            splits = None if stored is None else find_splits(bars, stored)
            if splits is None or splits.is_empty():
                raise
            symbol, ratio = splits.row(0)
            raise DataError(
                found=error.found,
                expected=error.expected,
                hint=f"every close of {symbol} is {ratio:.4g} times the stored one, which looks like a split: "
                f"{_SPLIT_HINT}",
            ) from None


def bars_of(
    catalog: Catalog, files: list[Path], settings: OhlcvSettings, progress: Progress = SILENT
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return what files hold as rows of the ``bars`` table, adjusted to fit what is stored, and the rejected rows."""
    good, rejected, _ = _good_and_rejected(files, settings, progress)
    return bar_rows(_adjusted(catalog, good, settings, None), settings), rejected


def _adjusted(catalog: Catalog, good: pl.DataFrame, settings: OhlcvSettings, revision: Revision | None) -> pl.DataFrame:
    _require_same_calendar(catalog, settings)
    chained = settings.adjust is Adjustment.ADJ_CLOSE
    stored = _stored(catalog, good, settings) if chained or revision else None
    bars = with_adjustment(good, settings, stored)
    if revision and stored is not None:
        require_whole_history(bars, stored)
    return bars


def _name(settings: OhlcvSettings) -> str:
    """Return the name under which the commit remembers this ingest."""
    return f"ingest-{settings.dataset}-{moment_of(now()):%Y%m%d-%H%M%S}-{unique_suffix()}"


def _stored(catalog: Catalog, rows: pl.DataFrame, settings: OhlcvSettings) -> pl.DataFrame | None:
    """Return the newest stored closes and adjustments of the symbols of these rows."""
    members = rows["symbol"].unique().to_list()
    try:
        bars = catalog.read("bars", dataset=settings.dataset, as_of=now(), symbols=members)
    except CatalogError:
        return None
    same = bars.filter(pl.col("interval") == str(settings.interval))
    return same.select("symbol", "event_time", "close", "adjustment").collect()


def _require_same_calendar(catalog: Catalog, settings: OhlcvSettings) -> None:
    """Refuse bars of a second market in a data set: no panel could hold both."""
    try:
        bars = catalog.revisions("bars", dataset=settings.dataset, as_of=now())
    except CatalogError:
        return
    same = bars.filter(pl.col("interval") == str(settings.interval))
    others = set(same.select(pl.col("calendar").unique()).collect()["calendar"]) - {settings.calendar}
    if others:
        raise DataError(
            found=f"bars of calendar {settings.calendar} for {settings.dataset} {settings.interval}, whose stored "
            f"ones are of {' and '.join(sorted(others))}",
            expected="one calendar per data set",
            hint="ingest each market into its own data set: --dataset NAME",
        )


def bar_rows(good: pl.DataFrame, settings: OhlcvSettings) -> pl.DataFrame:
    """Return rows of the ``bars`` table; a bar is known at its close."""

    def column(name: str, unit: float = 1.0) -> pl.Expr:
        return (pl.col(name) * unit if name in good.columns else pl.lit(None, dtype=pl.Float64)).alias(name)

    return good.select(
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
    ).select(name for name in BARS.schema if name != "recorded_time")


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}" if number == 1 else f"{number:,} {what}s"
