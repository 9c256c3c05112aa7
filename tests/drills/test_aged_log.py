"""A table that has grown old: after a hundred commits and a checkpoint, its first version still reads exactly."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
from deltalake import DeltaTable

from command import execute
from tidegate.core.clock import now
from tidegate.core.workspace import Workspace
from tidegate.data import Catalog
from tidegate.data.delta import DeltaTables
from tidegate.data.tables import BARS
from tidegate.testing import synthetic_bars, synthetic_panel

LATER_COMMITS = 110


def test_version_zero_reads_exactly_after_a_hundred_and_ten_commits(tmp_path: Path) -> None:
    root = tmp_path / "workspace"
    catalog = Catalog(Workspace.create(root))
    bars = synthetic_bars(synthetic_panel(9, LATER_COMMITS + 2, 3), dataset="old")
    days = bars["event_time"].unique().sort()
    catalog.append("bars", bars.filter(pl.col("event_time") <= days[0]))
    first = catalog.read("bars", dataset="old", as_of=now(), version=0).collect()
    tables, log = DeltaTables(root / "catalog"), root / "catalog" / "bars" / "_delta_log"
    long_ago = (datetime.now(UTC) - timedelta(days=400)).timestamp()
    for number in range(1, LATER_COMMITS + 1):
        later = bars.filter(pl.col("event_time") == days[number])
        assert tables.append(BARS, later, recorded_at=datetime.now(UTC), facts={}) == number
        if not list(log.glob("*.checkpoint.parquet")):
            # What makes a log lose its first versions is a checkpoint written when their entries have expired.
            for entry in log.iterdir():
                os.utime(entry, (long_ago, long_ago))

    assert list(log.glob("*.checkpoint.parquet"))
    aged = DeltaTable(root / "catalog" / "bars")
    assert aged.metadata().configuration["delta.enableExpiredLogCleanup"] == "false"
    catalog.append("bars", bars.filter(pl.col("event_time") == days[LATER_COMMITS + 1]))

    assert catalog.read("bars", dataset="old", as_of=now(), version=0).collect().equals(first)
    assert catalog.read("bars", dataset="old", as_of=now()).collect().height == bars.height
    assert len(catalog.history("bars")) == LATER_COMMITS + 2
    listed = execute(["catalog", "--history", "bars", "--json", "--workspace", root]).checked().document
    assert listed[-1]["version"] == 0
