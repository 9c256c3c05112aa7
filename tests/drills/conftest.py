"""Workspaces and files for drills: small enough to be broken a hundred times."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from command import execute
from tidegate.core.time import DAY, parse_instant
from tidegate.core.workspace import Workspace
from tidegate.data import Catalog
from tidegate.testing import synthetic_bars, synthetic_panel

RECIPE = """\
name: drill
data:
  dataset: made-up
features:
  groups: [price]
  exclude: [log_return_252]
labels:
  horizon_bars: 5
split:
  first_test: 2016-06-01
  test_months: 2
models:
  ridge: {}
  lightgbm:
    trees: 60
    leaves: 31
    minimum_leaf_rows: 20
strategy:
  scores: ridge
  top_n: 3
costs:
  preset: us-equity
"""


@pytest.fixture(scope="session")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A recipe of four folds and two models."""
    path = tmp_path_factory.mktemp("recipe") / "drill.yaml"
    path.write_text(RECIPE, encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory, recipe: Path) -> Path:
    """A workspace with audited bars to train on; tests copy it."""
    root = tmp_path_factory.mktemp("template") / "workspace"
    execute(["init", "--workspace", root]).checked()
    panel = synthetic_panel(5, 700, 20, edge=0.2, times=parse_instant("2015-01-01") + np.arange(1, 701) * DAY)
    workspace = Workspace.open(root)
    Catalog(workspace).append("bars", synthetic_bars(panel, dataset="made-up"))
    workspace.database.dispose()  # tests copy the files, and nothing may move among them meanwhile
    execute(["audit", "readiness", recipe, "--no-html", "--workspace", root]).checked()
    return root


@pytest.fixture
def root(template: Path, tmp_path: Path) -> Path:
    """A workspace of the test's own, with bars to train on."""
    return Path(shutil.copytree(template, tmp_path / "workspace"))


@pytest.fixture(scope="session")
def bars(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file that takes a good second to ingest: CSV, 80,000 rows, one in a thousand of them bad."""
    random = np.random.default_rng(11)
    days, names = 2000, 40
    low = random.uniform(1.0, 90.0, days * names)
    frame = pl.DataFrame(
        {
            "symbol": np.repeat([f"N{name:03d}" for name in range(names)], days),
            "time": np.tile(np.datetime64("2015-01-01") + np.arange(days), names),
            "open": low * 1.01,
            "high": low * 1.03,
            "low": np.where(np.arange(days * names) % 1000 == 7, -1.0, low),
            "close": low * 1.02,
            "volume": random.integers(1, 9999, days * names),
        }
    )
    path = tmp_path_factory.mktemp("bars") / "bars.csv"
    frame.write_csv(path)
    return path
