"""Dividends and splits from files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, Literal

import polars as pl

from tidegate.core.config import Settings
from tidegate.core.recipe_data import Name
from tidegate.data.connectors.contract import Batch, Call, Task
from tidegate.data.connectors.local_days import ZoneName, day_end, day_start
from tidegate.data.connectors.plain_table import Columns, read_table, typed
from tidegate.data.tables import CORPORATE_ACTIONS

__all__ = ["CorporateActionsConnector", "CorporateActionsSettings"]

_ANNOUNCED: Final = ("announcement_date", "ann_date", "declaration_date", "declared_date")
_COLUMNS: Final = {
    "dividends": Columns(
        texts=("symbol", "currency"),
        dates=("ex_date", "announced"),
        numbers=("dividend",),
        needed=("ex_date", "dividend"),
        aliases={"symbol": ("ticker", "ts_code"), "ex_date": ("ex_dividend_date", "exdate", "date"),
                 "dividend": ("amount", "cash_amount", "dividends"), "announced": _ANNOUNCED},
    ),
    "splits": Columns(
        texts=("symbol", "split"),
        dates=("ex_date", "announced"),
        needed=("ex_date", "split"),
        aliases={"symbol": ("ticker", "ts_code"), "ex_date": ("execution_date", "effective_date", "exdate", "date"),
                 "split": ("ratio", "split_ratio", "split_factor", "stock_splits"), "announced": _ANNOUNCED},
    ),
}  # fmt: skip
_FORWARD: Final = r"^\s*([0-9.]+)\s*(?:[:/]|-?for-?)\s*([0-9.]+)\s*$"


class CorporateActionsSettings(Settings):
    """A file of dividends or splits."""

    path: Path
    """CSV or Parquet file with symbol, ex_date, and dividend or split; a day-by-day file may hold zeros."""
    kind: Literal["dividends", "splits"]
    """What the file tells of."""
    symbol: str | None = None
    """The symbol of a file without a symbol column."""
    dataset: Name = "us-equity"
    """Name under which the actions are kept."""
    currency: str = "USD"
    """Currency of dividends where the file names none."""
    timezone: ZoneName = "America/New_York"
    """Zone in which a day begins and ends."""
    source: str = "file"
    """Where the file is from."""


class CorporateActionsConnector:
    """Dividends per old share and new shares per old share, at the start of their ex-date.

    An action is known at the end of the day of its announcement; without one, at the start of its ex-date: exchanges
    publish it days before (in the United States by rule 10b-17 of the Securities Exchange Act, 17 CFR 240.10b-17).
    """

    name: Final = "corporate-actions"
    settings_type: Final = CorporateActionsSettings
    tables: Final = (CORPORATE_ACTIONS.name,)

    def __init__(self, settings: CorporateActionsSettings) -> None:
        self.settings = settings
        self.dataset = settings.dataset

    def tasks(self) -> Sequence[Task]:
        """Return the one file."""
        return [Task(member=self.settings.path.name, what=self.settings.kind)]

    def fetch(self, task: Task, call: Call) -> Iterator[Batch]:  # noqa: ARG002 - files need no patience
        """Yield the actions of the file."""
        given = typed(read_table(self.settings.path), _COLUMNS[self.settings.kind], self.settings.path.name)
        named = given.with_columns(pl.col("symbol").fill_null(pl.lit(self.settings.symbol, pl.String)))
        sized = named.with_columns(self._size().alias("size"))
        # Day-by-day files write 0 where nothing happens, and a split of one for one is none.
        nothing = 0.0 if self.settings.kind == "dividends" else 1.0
        rows = sized.filter(~pl.col("size").is_in([0.0, nothing]).fill_null(value=False))
        reason = pl.coalesce(
            pl.when(pl.col("symbol").is_null()).then(pl.lit("no symbol")),
            "fault",
            pl.when(pl.col("ex_date").is_null()).then(pl.lit("no ex_date")),
            pl.when(pl.col("size").is_null()).then(pl.lit("no size")),
            pl.when((pl.col("size") < 0) | ~pl.col("size").is_finite()).then(pl.lit("no possible size")),
            pl.when(pl.struct("symbol", "ex_date").is_duplicated()).then(pl.lit("duplicates that disagree")),
        )
        content = [name for name in rows.columns if name not in {"file", "row_number"}]
        judged = rows.unique(content, keep="first", maintain_order=True).with_columns(reason.alias("reason"))
        good = judged.filter(pl.col("reason").is_null())
        yield Batch(
            table=CORPORATE_ACTIONS.name,
            rows=self._rows(good),
            rejected=judged.filter(pl.col("reason").is_not_null()).drop("fault", "size"),
        )

    def _size(self) -> pl.Expr:
        """Return the dividend, or the new shares per old share: a number, or two of them as in ``4:1``."""
        if self.settings.kind == "dividends":
            return pl.col("dividend")
        new, old = (pl.col("split").str.extract(_FORWARD, group).cast(pl.Float64, strict=False) for group in (1, 2))
        return pl.coalesce(pl.col("split").cast(pl.Float64, strict=False), new / old)

    def _rows(self, good: pl.DataFrame) -> pl.DataFrame:
        zone, dividends = self.settings.timezone, self.settings.kind == "dividends"
        starts = day_start("ex_date", zone)
        size, nothing = pl.col("size"), pl.lit(None, pl.Float64)
        currency = pl.col("currency").fill_null(self.settings.currency) if dividends else pl.lit(None, pl.String)
        return good.select(
            pl.lit(self.dataset).alias("dataset"),
            "symbol",
            pl.lit("dividend" if dividends else "split").alias("action"),
            starts.alias("event_time"),
            pl.coalesce(day_end("announced", zone), starts).alias("known_time"),
            (nothing if dividends else size).alias("ratio"),
            (size if dividends else nothing).alias("amount"),
            currency.alias("currency"),
            pl.lit(self.settings.source).alias("source"),
            pl.lit(value=False).alias("synthetic"),
        )
