"""Funding payments from files, and what every source of them shares: whole seconds, and periods told by the times."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final, Literal

import polars as pl

from tidegate.core.clock import now
from tidegate.core.config import Settings
from tidegate.core.errors import CatalogError, DataError, InputError
from tidegate.core.recipe_data import Name
from tidegate.core.time import HOUR, moment_of
from tidegate.core.workspace import Workspace
from tidegate.data.catalog import Catalog
from tidegate.data.connectors.contract import Batch, Call, Task
from tidegate.data.connectors.items.fields import read_instant
from tidegate.data.connectors.local_days import ZoneName
from tidegate.data.connectors.ohlcv.reading import find_files
from tidegate.data.connectors.plain_table import Columns, read_table, typed
from tidegate.data.tables import FUNDING, MOMENT

__all__ = [
    "LONGEST_PERIOD_HOURS",
    "FundingFilesConnector",
    "FundingFilesSettings",
    "FundingPreset",
    "as_stored",
    "funding_rows",
    "sorted_payments",
    "times_of",
]

LONGEST_PERIOD_HOURS: Final = 24.0
"""No venue pays less often than daily; after a longer silence payments are missing, and the period is unknown."""

_OFF: Final = 0.01
"""How far a distance may be from a whole multiple of another, as times are off by a few seconds."""

_COLUMNS: Final = Columns(
    texts=("symbol",),
    numbers=("rate",),
    needed=("rate",),
    aliases={
        "symbol": ("pair", "coin", "ticker", "instrument"),
        "rate": ("funding_rate", "last_funding_rate", "fundingRate"),
    },
)
_TIME_NAMES: Final = ("ts", "time", "timestamp", "funding_time", "calc_time", "datetime", "date")

FundingPreset = Literal["binance-funding"]


class FundingFilesSettings(Settings):
    """Files of funding payments: a symbol, a time and a rate in each row."""

    path: Path
    """A file, a folder or a glob: CSV or Parquet with symbol, ts (or time), funding_rate (or rate)."""
    preset: FundingPreset | None = None
    """What a usual source's files mean: binance-funding keeps them in crypto-funding, from source binance."""
    dataset: Name | None = None
    """Name under which the payments are kept; none is crypto-funding."""
    symbol: str | None = None
    """The symbol of files without a symbol column."""
    timezone: ZoneName | None = None
    """Zone of times of day without an offset; none refuses them."""
    source: str | None = None
    """Where the files are from; none is what the preset says, or file."""


class FundingFilesConnector:
    """Funding payments from files.

    A payment is about its own instant and public then. Its period is the distance to the payment before it, so the
    first payment of a symbol has none: a period is never assumed. A file that holds a payment which an earlier one
    lacked tells a shorter period, which counts from the moment of reading it. Times that are off by milliseconds are
    those of the nearest second.
    """

    name: Final = "funding"
    settings_type: Final = FundingFilesSettings
    tables: Final = (FUNDING.name,)

    def __init__(self, settings: FundingFilesSettings) -> None:
        self.settings = settings
        self.dataset: str = settings.dataset or "crypto-funding"
        self._source = settings.source or ("binance" if settings.preset else "file")
        self._catalog: Catalog | None = None

    def attach(self, workspace: Workspace) -> None:
        """Remember where earlier payments lie, whose periods may be known better."""
        self._catalog = Catalog(workspace)

    def tasks(self) -> Sequence[Task]:
        """Return one task: a symbol's payments may be spread over several files."""
        return [Task(member=self.settings.path.name, what=FUNDING.name)]

    def fetch(self, task: Task, call: Call) -> Iterator[Batch]:  # noqa: ARG002 - files need no patience
        """Yield the payments of all files."""
        files, _ = find_files(self.settings.path)
        payments = pl.concat([_payments(file, self.settings) for file in files])
        good, rejected = sorted_payments(payments)
        if good.is_empty():
            reasons = ", ".join(rejected["reason"].unique().sort())
            raise DataError(
                found=f"{self.settings.path}: {payments.height} rows, every one rejected: {reasons}",
                expected="at least one payment",
                hint="check that this is the file you meant",
            )
        rows = funding_rows(good, dataset=self.dataset, source=self._source)
        yield Batch(table=FUNDING.name, rows=as_stored(self._catalog, rows), rejected=rejected)


def _payments(file: Path, settings: FundingFilesSettings) -> pl.DataFrame:
    """Return ``file``, ``row_number``, ``symbol``, ``time`` and ``rate`` of one file."""
    raw = read_table(file)
    frame = typed(raw, _COLUMNS, file.name).with_columns(times_of(raw, _TIME_NAMES, file, settings.timezone))
    if frame["symbol"].null_count() == frame.height and frame.height:
        if settings.symbol is None:
            raise DataError(
                found=f"{file}: no symbols among {', '.join(raw.columns[:20])}",
                expected="a column symbol",
                hint="name the one symbol of the file with the setting symbol",
            )
        frame = frame.with_columns(pl.lit(settings.symbol).alias("symbol"))
    return frame.select("file", "row_number", "symbol", "time", "rate")


def times_of(raw: pl.DataFrame, names: Sequence[str], file: Path, timezone: str | None) -> pl.Series:
    """Return the instants of a file's time column as ``time``; null where there is none or it is not understood.

    Parameters
    ----------
    names
        What the column may be called, the likeliest first; capitals, blanks and ``_`` make no difference.
    timezone
        Zone of times without an offset; None refuses them.

    Raises
    ------
    DataError
        If there is no such column, or its times have no zone and ``timezone`` names none.
    """
    plain = {_plain(name): name for name in reversed(raw.columns)}
    found = next((plain[_plain(name)] for name in names if _plain(name) in plain), None)
    if found is None:
        raise DataError(
            found=f"{file}: no time among the columns {', '.join(raw.columns[:20])}",
            expected=f"one of {', '.join(names)}",
            hint="rename the column",
        )
    column = raw[found]
    has_zone = isinstance(column.dtype, pl.Datetime) and column.dtype.time_zone is not None
    if has_zone:
        return column.dt.convert_time_zone("UTC").cast(MOMENT).alias("time")
    moments = pl.Series("time", [_instant(value, timezone) for value in column], dtype=pl.Int64)
    if len(column) and moments.null_count() == len(column):
        raise DataError(
            found=f"{file}: no usable time in column {found!r}, such as {str(column[0])[:40]!r}",
            expected="times with an offset, or numbers of seconds, ms or us since 1970",
            hint="times of day without an offset need the setting timezone",
        )
    return moments.cast(MOMENT)


def _plain(name: str) -> str:
    return "".join(name.split()).replace("_", "").casefold()


def _instant(value: object, timezone: str | None) -> int | None:
    with suppress(InputError):
        return read_instant(value, timezone=timezone)
    return None


def sorted_payments(payments: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return usable payments sorted by symbol and time, in whole seconds and each once; and the others with a reason.

    Parameters
    ----------
    payments
        Columns ``symbol``, ``time`` (:data:`~tidegate.data.tables.MOMENT`), ``rate`` (fraction per period), and any
        others that tell where a row is from.
    """
    rows = payments.with_columns(pl.col("time").dt.round("1s"))
    key = ["symbol", "time"]
    conditions = {
        "no symbol": pl.col("symbol").is_null() | (pl.col("symbol") == ""),
        "no usable time": pl.col("time").is_null(),
        "no rate": pl.col("rate").is_null(),
        "not a finite number": ~pl.col("rate").is_finite(),
        # Percents are a hundred times too large; no venue lets a payment reach the position's own value.
        "rate of 100 % and more": pl.col("rate").abs() >= 1.0,
        "duplicates that disagree": pl.col("rate").n_unique().over(key) > 1,
    }
    reason = pl.coalesce(pl.when(condition).then(pl.lit(name)) for name, condition in conditions.items())
    rows = rows.with_columns(reason.alias("reason"))
    good = rows.filter(pl.col("reason").is_null()).drop("reason")
    return good.unique(key, keep="first").sort(key), rows.filter(pl.col("reason").is_not_null())


def funding_rows(payments: pl.DataFrame, *, dataset: str, source: str) -> pl.DataFrame:
    """Return rows of the ``funding`` table; a payment is public when it is made.

    ``period_hours`` is the distance to the symbol's payment before, and null where there is none, where it is further
    away than :data:`LONGEST_PERIOD_HOURS`, and where the distance is a multiple of the one before: a payment between
    may be missing. Only the next distance tells a longer period from a hole, and what comes later has no say.

    Parameters
    ----------
    payments
        As :func:`sorted_payments` returns them.

    Examples
    --------
    >>> from datetime import UTC, datetime
    >>> times = [datetime(2024, 1, 1, hour, tzinfo=UTC) for hour in (0, 8, 12)]
    >>> frame = pl.DataFrame({"symbol": "BTC", "time": times, "rate": 1e-4}, schema_overrides={"time": MOMENT})
    >>> funding_rows(frame, dataset="mine", source="file")["period_hours"].to_list()
    [None, 8.0, 4.0]
    """
    hours = pl.col("time").diff().over("symbol").dt.total_microseconds() / HOUR
    times = pl.col("hours") / pl.col("hours").shift().over("symbol")
    may_lack_one = (times > 2 - _OFF) & ((times - times.round()).abs() < _OFF)
    return payments.with_columns(hours.alias("hours")).select(
        pl.lit(dataset).alias("dataset"),
        pl.col("symbol").cast(pl.String),
        pl.col("time").alias("event_time"),
        pl.col("time").alias("known_time"),
        pl.col("rate").cast(pl.Float64),
        pl.when((pl.col("hours") <= LONGEST_PERIOD_HOURS) & ~may_lack_one.fill_null(value=False))
        .then("hours")
        .alias("period_hours"),
        pl.lit(source).alias("source"),
        pl.lit(value=False).alias("synthetic"),
    )


def as_stored(catalog: Catalog | None, rows: pl.DataFrame) -> pl.DataFrame:
    """Return rows with the better of two periods of a payment: a period is derived, not delivered.

    The stored one stays where the new one is unknown, as at the beginning of a file, or longer, as where the file lacks
    a payment. A new one that is shorter, or the first that is known, makes a further vintage of the payment, known from
    now on: what was stored stays readable as it stood.
    """
    if catalog is None or rows.is_empty():
        return rows
    try:
        members = rows["symbol"].unique().to_list()
        found = catalog.read(FUNDING.name, dataset=rows["dataset"][0], as_of=now(), symbols=members)
        stored = found.select("symbol", "event_time", "rate", pl.col("period_hours").alias("stored")).collect()
    except CatalogError:
        return rows
    key = ["symbol", "event_time", "rate"]
    both = rows.join(stored.with_columns(there=True), on=key, how="left", maintain_order="left")
    told, before = pl.col("period_hours"), pl.col("stored")
    better = pl.col("there") & told.is_not_null() & (before.is_null() | (told < before))
    return both.with_columns(
        pl.when(pl.col("there") & ~better).then(before).otherwise(told).alias("period_hours"),
        pl.when(better).then(pl.lit(moment_of(now())).cast(MOMENT)).otherwise("known_time").alias("known_time"),
    ).select(rows.columns)
