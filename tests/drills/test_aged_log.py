"""A table that has grown old: after a hundred commits and a checkpoint, its first version still reads exactly."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
from command import execute
from deltalake import DeltaTable

from tidegate.core.clock import now
from tidegate.core.workspace import Workspace
from tidegate.data import Catalog
from tidegate.testing import synthetic_bars, synthetic_panel

LATER_COMMITS = 110


def test_version_zero_reads_exactly_after_a_hundred_and_ten_commits(tmp_path: Path) -> None:
    root = tmp_path / "workspace"
    catalog = Catalog(Workspace.create(root))
    bars = synthetic_bars(synthetic_panel(9, LATER_COMMITS + 2, 3), dataset="old")
    days = bars["event_time"].unique().sort()
    catalog.append("bars", bars.filter(pl.col("event_time") <= days[0]))
    first = catalog.read("bars", dataset="old", as_of=now(), version=0).collect()
    for number in range(1, LATER_COMMITS + 1):
        done = catalog.append("bars", bars.filter(pl.col("event_time") == days[number]))
        assert done.version == number

    log = root / "catalog" / "bars" / "_delta_log"
    assert list(log.glob("*.checkpoint.parquet"))
    # What makes a log lose its first versions is a later checkpoint after the entries' retention.
    long_ago = datetime.now(UTC) - timedelta(days=400)
    for entry in log.glob("*.json"):
        lines = [json.loads(line) for line in entry.read_text(encoding="utf-8").splitlines()]
        for line in lines:
            if "commitInfo" in line:
                line["commitInfo"]["timestamp"] = int(long_ago.timestamp() * 1000)
        entry.write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")
    aged = DeltaTable(root / "catalog" / "bars")
    assert aged.metadata().configuration["delta.enableExpiredLogCleanup"] == "false"
    aged.create_checkpoint()
    catalog.append("bars", bars.filter(pl.col("event_time") == days[LATER_COMMITS + 1]))

    assert catalog.read("bars", dataset="old", as_of=now(), version=0).collect().equals(first)
    assert catalog.read("bars", dataset="old", as_of=now()).collect().height == bars.height
    assert len(catalog.history("bars")) == LATER_COMMITS + 2
    listed = execute(["catalog", "--history", "bars", "--json", "--workspace", root]).checked().document
    assert listed[-1]["version"] == 0
