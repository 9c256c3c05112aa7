"""Bringing the shipped data set into a catalog, by the same connector as any file."""

from __future__ import annotations

from typing import Final

import polars as pl

from tidegate.core.progress import SILENT, Progress
from tidegate.core.workspace import Workspace
from tidegate.data.catalog import Catalog
from tidegate.data.connectors.ohlcv import PRESETS, Ingested, OhlcvSettings, ingest_ohlcv
from tidegate.data.demo import demo_bars_path, demo_rates_path
from tidegate.data.revisions import Revision
from tidegate.data.series import append_daily_series

__all__ = ["DEMO_CASH_RATE", "ingest_demo"]

DEMO_CASH_RATE: Final = "us-treasury-3m"
"""Series of the annual cash rate beside the bars."""


def ingest_demo(
    workspace: Workspace,
    settings: OhlcvSettings | None = None,
    *,
    revision: Revision | None = None,
    progress: Progress = SILENT,
) -> Ingested:
    """Ingest the shipped bars and the cash rate into one data set, ``us-large-caps`` by default."""
    settings = settings or OhlcvSettings.model_validate(PRESETS["demo"])
    done = ingest_ohlcv(workspace, list(demo_bars_path()), settings, revision=revision, progress=progress)
    rates = pl.read_parquet(demo_rates_path()).select("date", pl.col("rate").alias("value"))
    append_daily_series(
        Catalog(workspace),
        rates,
        dataset=settings.dataset,
        series=DEMO_CASH_RATE,
        unit="fraction per year",
        source="demo",
        calendar="XNYS",
    )
    return done
