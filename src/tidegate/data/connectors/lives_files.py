"""Symbol lives from files: first and last days of listing, corrections of them, and intervals of names."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any, Final

import polars as pl

from tidegate.core.config import Settings
from tidegate.core.recipe_data import Name
from tidegate.core.workspace import Workspace
from tidegate.data.catalog import Catalog
from tidegate.data.connectors.contract import Batch, Call, Task
from tidegate.data.connectors.local_days import ZoneName, day_end, day_start
from tidegate.data.connectors.plain_table import Columns, read_table, typed
from tidegate.data.lives import WITHDRAWN, Change, withdraw_restated
from tidegate.data.tables import SYMBOL_LIVES

__all__ = ["LivesFilesConnector", "LivesFilesSettings"]

_LIVES: Final = Columns(
    texts=("symbol", "asset_type", "status"),
    dates=("ipo_date", "delisting_date"),
    needed=("symbol", "ipo_date", "delisting_date"),
    aliases={"symbol": ("ticker",), "ipo_date": ("list_date",), "delisting_date": ("delist_date",)},
)
_NAMES: Final = Columns(
    texts=("symbol", "canonical"), dates=("start_date", "end_date"), needed=("symbol", "canonical", "start_date")
)
_SINCE_EVER: Final = date(1900, 1, 1)
_NEVER: Final = date(9999, 12, 30)


class LivesFilesSettings(Settings):
    """Files of first and last days of listing."""

    path: Path
    """CSV or Parquet file with symbol, assetType, ipoDate, delistingDate, status."""
    override: Path | None = None
    """File of the same columns; a symbol that it names is as it says, whatever the other file says."""
    symbol_map: Path | None = None
    """File of symbol, canonical, start_date, end_date: what a symbol stood for, and when, both days included."""
    dataset: Name = "us-equity"
    """Name under which the lives are kept."""
    asset_types: tuple[str, ...] = ()
    """Asset types to keep, such as Stock; none keeps all."""
    timezone: ZoneName = "America/New_York"
    """Zone in which a day begins and ends."""
    source: str = "file"
    """Where the file is from."""


class LivesFilesConnector:
    """Lives from files of days.

    A listing is known at the start of its first day: it was announced before. A delisting without a day of
    announcement is known at the end of its last day, and not before. Symbols of one canonical name are one life, from
    the earliest listing to the latest delisting; of several intervals of a name the last in the file wins, and where
    none applies the symbol stands for itself: no later name reaches back. A stored day that a file restates
    is taken back from the moment of reading it.
    """

    name: Final = "lives"
    settings_type: Final = LivesFilesSettings
    tables: Final = (SYMBOL_LIVES.name,)

    def __init__(self, settings: LivesFilesSettings) -> None:
        self.settings = settings
        self.dataset = settings.dataset
        self.warnings: list[str] = []
        self._catalog: Catalog | None = None

    def attach(self, workspace: Workspace) -> None:
        """Remember where earlier days lie, which a file may restate."""
        self._catalog = Catalog(workspace)

    def tasks(self) -> Sequence[Task]:
        """Return one task per file; an override is read together with what it corrects."""
        found = [Task(member=self.settings.path.name, what="lives")]
        if self.settings.symbol_map is not None:
            found.append(Task(member=self.settings.symbol_map.name, what="names"))
        return found

    def fetch(self, task: Task, call: Call) -> Iterator[Batch]:  # noqa: ARG002 - files need no patience
        """Yield the lives or the names."""
        intervals, unreadable = self._intervals()
        if task.what == "names":
            yield Batch(table=SYMBOL_LIVES.name, rows=self._rows(_renames(intervals)), rejected=unreadable)
            return
        lives, rejected = self._lives()
        merged = _merged(_canonical(lives, intervals))
        without = merged.filter(pl.col("ipo_date").is_null()).height
        if without:
            self.warnings.append(f"{without} symbols have no listing date and never count as listed")
        rows = withdraw_restated(self._catalog, self._rows(_changes(merged)))
        yield Batch(table=SYMBOL_LIVES.name, rows=rows, rejected=rejected)

    def _lives(self) -> tuple[pl.DataFrame, pl.DataFrame]:
        """Return one row per entry of the files, and those that are none."""
        good, rejected = _split(_read(self.settings.path, _LIVES))
        if self.settings.override is not None:
            wins, also_rejected = _split(_read(self.settings.override, _LIVES))
            good = pl.concat([good.join(wins, on="symbol", how="anti"), wins])
            rejected = pl.concat([rejected, also_rejected])
        if self.settings.asset_types:
            good = good.filter(pl.col("asset_type").is_in(self.settings.asset_types))
        return good, rejected

    def _intervals(self) -> tuple[pl.DataFrame, pl.DataFrame]:
        """Return the intervals of names in the order of their file, both ends filled in."""
        if self.settings.symbol_map is None:
            nothing = typed(pl.DataFrame(schema=dict.fromkeys(_NAMES.needed, pl.String)), _NAMES, "no names")
            return _split_names(nothing)
        return _split_names(_read(self.settings.symbol_map, _NAMES))

    def _rows(self, changes: pl.DataFrame) -> pl.DataFrame:
        """Return rows of the table from ``symbol``, ``change``, ``day``, ``at_end`` and ``detail``."""
        zone = self.settings.timezone
        moment = pl.when("at_end").then(day_end("day", zone)).otherwise(day_start("day", zone))
        return changes.select(
            pl.lit(self.dataset).alias("dataset"),
            "symbol",
            "change",
            moment.alias("event_time"),
            moment.alias("known_time"),
            "detail",
            pl.lit(self.settings.source).alias("source"),
            pl.lit(value=False).alias("synthetic"),
        )


def _read(file: Path, columns: Columns) -> pl.DataFrame:
    return typed(read_table(file), columns, file.name)


def _split(rows: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return rows that say when somebody was listed, and those that do not, each with its reason."""
    reason = pl.coalesce(
        pl.when(pl.col("symbol").is_null()).then(pl.lit("no symbol")),
        "fault",
        pl.when(pl.col("delisting_date") < pl.col("ipo_date")).then(pl.lit("delisted before it was listed")),
        pl.when(pl.col("ipo_date").is_null() & pl.col("delisting_date").is_null()).then(pl.lit("neither day")),
    )
    return _told_apart(rows, reason)


def _split_names(rows: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    reason = pl.coalesce(
        pl.when(pl.col("symbol").is_null()).then(pl.lit("no symbol")),
        pl.when(pl.col("canonical").is_null()).then(pl.lit("no canonical name")),
        "fault",
        pl.when(pl.col("end_date") < pl.col("start_date")).then(pl.lit("ends before it starts")),
    )
    good, rejected = _told_apart(rows, reason)
    ends = pl.col("start_date").fill_null(_SINCE_EVER), pl.col("end_date").fill_null(_NEVER)
    return good.with_columns(*ends).with_row_index("place"), rejected


def _told_apart(rows: pl.DataFrame, reason: pl.Expr) -> tuple[pl.DataFrame, pl.DataFrame]:
    judged = rows.with_columns(reason.alias("reason")).drop("fault")
    good = judged.filter(pl.col("reason").is_null()).drop("reason", "file", "row_number")
    return good, judged.filter(pl.col("reason").is_not_null())


def _canonical(lives: pl.DataFrame, intervals: pl.DataFrame) -> pl.DataFrame:
    """Replace each symbol by what it stood for on its first day, or on its last one where the first is unknown."""
    numbered = lives.with_row_index("life").with_columns(pl.coalesce("ipo_date", "delisting_date").alias("day"))
    within = pl.col("day").is_between("start_date", "end_date")
    named = (
        numbered.join(intervals, on="symbol").filter(within).sort("place").group_by("life").agg(pl.last("canonical"))
    )
    joined = numbered.join(named, on="life", how="left", maintain_order="left")
    return joined.with_columns(pl.coalesce("canonical", "symbol").alias("symbol"))


def _merged(lives: pl.DataFrame) -> pl.DataFrame:
    """Return one life per symbol: earliest listing, latest delisting, and none where one of them goes on."""
    last = pl.when(pl.col("delisting_date").is_null().any()).then(None).otherwise(pl.col("delisting_date").max())
    return lives.group_by("symbol", maintain_order=True).agg(
        pl.col("ipo_date").min(), last.alias("delisting_date"), pl.col("asset_type").first(), pl.col("status").last()
    )


def _changes(lives: pl.DataFrame) -> pl.DataFrame:
    def told(change: Change, day: str, detail: str, *, at_end: bool) -> pl.DataFrame:
        # A status of that very word is no withdrawal of the day.
        said = pl.when(pl.col(detail) != WITHDRAWN).then(pl.col(detail))
        return lives.filter(pl.col(day).is_not_null()).select(
            "symbol",
            pl.lit(change.value).alias("change"),
            pl.col(day).alias("day"),
            pl.lit(at_end).alias("at_end"),
            said.alias("detail"),
        )

    return pl.concat(
        [
            told(Change.LISTED, "ipo_date", "asset_type", at_end=False),
            told(Change.DELISTED, "delisting_date", "status", at_end=True),
        ]
    )


def _renames(intervals: pl.DataFrame) -> pl.DataFrame:
    """Return what a symbol stands for from each day on at which that changes; nothing after a last interval."""
    found: list[dict[str, Any]] = []
    for (symbol,), own in intervals.group_by("symbol", maintain_order=True):
        starts, ends, names = own["start_date"], own["end_date"], own["canonical"]
        days = sorted({*starts, *(day + timedelta(days=1) for day in ends if day < _NEVER)})
        meant: str | None = None
        for day in days:
            fitting = [name for first, last, name in zip(starts, ends, names, strict=True) if first <= day <= last]
            now_meant = fitting[-1] if fitting else None
            if now_meant != meant:
                found.append({"symbol": symbol, "day": day, "detail": now_meant})
            meant = now_meant
    schema = {"symbol": pl.String, "day": pl.Date, "detail": pl.String}
    return pl.DataFrame(found, schema=schema).with_columns(
        pl.lit(Change.RENAMED.value).alias("change"), pl.lit(value=False).alias("at_end")
    )
