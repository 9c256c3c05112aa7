"""Files of derivatives metrics: what their columns hold is told by the columns' names."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

import polars as pl

from tidegate.core.errors import DataError
from tidegate.core.time import BarInterval
from tidegate.data.catalog import Catalog
from tidegate.data.connectors.contract import Batch, Task
from tidegate.data.connectors.funding_files import as_stored, funding_rows, sorted_payments, times_of
from tidegate.data.connectors.metric_rows import metric_rows, sorted_metrics
from tidegate.data.connectors.ohlcv.reading import find_files
from tidegate.data.connectors.plain_table import Columns, read_table, typed
from tidegate.data.metrics import DERIVATIVES, metric_spec
from tidegate.data.tables import FUNDING, METRICS

__all__ = ["FilePreset", "MetricFiles"]

FilePreset = Literal["okx-statistics"]

_PRESETS: Final[dict[str, dict[str, Any]]] = {
    "okx-statistics": {"interval": BarInterval("1h"), "volume_unit": "USD", "source": "okx"},
}
_TIMES: Final = ("ts", "timestamp", "time", "create_time", "datetime", "date")
_ALIASES: Final = {
    "ratio": ("long_short_ratio",),
    "open_interest": ("oi", "sum_open_interest"),
    "open_interest_value": ("oi_value", "sum_open_interest_value"),
    "taker_buy_volume": ("buy_vol",),
    "taker_sell_volume": ("sell_vol",),
    "taker_buy_sell_ratio": ("buy_sell_ratio",),
    "funding_rate": ("funding",),
    **dict.fromkeys(DERIVATIVES, ()),
}
"""Our metric, or ``ratio`` and ``funding_rate``, to what else a column of it is called."""
_COLUMNS: Final = Columns(texts=("symbol", *_ALIASES), aliases={"symbol": ("pair", "coin"), **_ALIASES})


@dataclass(frozen=True, kw_only=True)
class MetricFiles:
    """Files and what they mean; fields as those of the connector's settings."""

    path: Path
    dataset: str
    preset: FilePreset | None
    interval: BarInterval | None
    stamp: str
    symbol: str | None
    ratio: str
    volume_unit: str | None
    timezone: str | None
    source: str | None
    warnings: list[str]
    """What the reader of the report should know; added to."""

    def tasks(self) -> Sequence[Task]:
        """Return one task per file.

        Raises
        ------
        DataError
            If there is no file, or ``ratio`` is no metric of the dictionary.
        """
        metric_spec(self.ratio)
        files, _ = find_files(self.path)
        return [Task(member=file.name, what=str(file.parent)) for file in files]

    def fetch(self, task: Task, catalog: Catalog | None) -> Iterator[Batch]:
        """Yield the metrics and the funding of one file."""
        file = Path(task.what) / task.member
        raw = read_table(file)
        frame = typed(raw, _COLUMNS, file.name).with_columns(times_of(raw, _TIMES, file, self.timezone))
        values = {name: frame[name] for name in _ALIASES if frame[name].null_count() < frame.height}
        if not values:
            raise DataError(
                found=f"{file}: no values of a metric in columns {', '.join(raw.columns[:20])}",
                expected=f"a column such as {', '.join(_ALIASES)}",
                hint="rename the column",
            )
        frame = self._named(frame, file, raw.columns).select("file", "row_number", "symbol", "time")
        if "funding_rate" in values:
            rates = values.pop("funding_rate").cast(pl.Float64, strict=False).alias("rate")
            yield self._funding(frame.with_columns(rates), catalog)
        if values:
            if _leave_out_what_is_no_amount(values):
                self.warnings.append(
                    f"{file.name}: open interest repeats its value in currency and is no amount of coins"
                )
            yield self._metrics(frame, values)

    def _named(self, frame: pl.DataFrame, file: Path, names: list[str]) -> pl.DataFrame:
        """Return the rows with the one symbol of a file that names none."""
        if frame["symbol"].null_count() < frame.height:
            return frame
        if self.symbol is None:
            raise DataError(
                found=f"{file}: no symbol in columns {', '.join(names[:20])}",
                expected="a column symbol",
                hint="name the one symbol of the file with the setting symbol",
            )
        return frame.with_columns(pl.lit(self.symbol).alias("symbol"))

    def _funding(self, payments: pl.DataFrame, catalog: Catalog | None) -> Batch:
        good, rejected = sorted_payments(payments)
        rows = funding_rows(good, dataset=self.dataset, source=self._setting("source", "file"))
        return Batch(table=FUNDING.name, rows=as_stored(catalog, rows), rejected=rejected)

    def _metrics(self, frame: pl.DataFrame, values: dict[str, pl.Series]) -> Batch:
        values = {self.ratio if name == "ratio" else name: column for name, column in values.items()}
        _add_what_follows(values)
        given = self._setting("interval", None)
        size = _smallest_distance(frame) if given is None else given.microseconds
        instants = pl.col("time").dt.epoch("us")
        on_grid = pl.when(instants % size == 0).then(pl.col("time"))
        end = on_grid + pl.duration(microseconds=size if self.stamp == "start" else 0)
        observations = frame.with_columns(end.alias("event_time")).drop("time")
        good, rejected = sorted_metrics(
            pl.concat(
                observations.with_columns(pl.lit(name).alias("metric"), column.alias("text"))
                for name, column in values.items()
            )
        )
        unit = self._setting("volume_unit", "coins")
        units = dict.fromkeys(("taker_buy_volume", "taker_sell_volume"), unit)
        rows = metric_rows(good, dataset=self.dataset, source=self._setting("source", "file"), units=units)
        return Batch(table=METRICS.name, rows=rows, rejected=rejected)

    def _setting(self, name: str, otherwise: Any) -> Any:
        """Return what is set, else what the preset says, else ``otherwise``."""
        preset = _PRESETS.get(self.preset or "", {})
        given = getattr(self, name)
        return given if given is not None else preset.get(name, otherwise)


def _smallest_distance(frame: pl.DataFrame) -> int:
    """Return the size of the buckets of rows that follow each other.

    A size that were merely assumed could be too small, and values would count as known before their bucket ended.
    """
    ordered = frame.select("symbol", pl.col("time").dt.epoch("us")).drop_nulls().unique().sort("symbol", "time")
    same = pl.col("symbol") == pl.col("symbol").shift()
    distance = ordered.select(pl.col("time").diff().filter(same).min()).item()
    if distance is None:
        raise DataError(
            found="rows that do not tell how long their buckets are",
            expected="two rows of a symbol, or the setting interval",
            hint="for example --interval 5m",
        )
    return int(distance)


def _leave_out_what_is_no_amount(values: dict[str, pl.Series]) -> bool:
    """Drop an open interest that repeats its own value: it is in currency, and would pass for coins."""
    names = ("open_interest", "open_interest_value")
    repeats = set(names) <= set(values) and values[names[0]].equals(values[names[1]])
    if repeats:
        del values[names[0]]
    return repeats


def _add_what_follows(values: dict[str, pl.Series]) -> None:
    """Add the ratio of taker volumes where a file has these alone: it is their quotient by definition."""
    names = ("taker_buy_volume", "taker_sell_volume")
    if "taker_buy_sell_ratio" in values or not set(names) <= set(values):
        return
    bought, sold = (values[name].cast(pl.Float64, strict=False) for name in names)
    values["taker_buy_sell_ratio"] = (bought / sold).set(sold <= 0, None).cast(pl.String)
