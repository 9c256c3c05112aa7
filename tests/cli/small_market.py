"""A workspace with the bars of a small made-up market, and a recipe for its features."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tidegate.core.panel import Panel
from tidegate.core.time import DAY, parse_instant
from tidegate.core.workspace import Workspace
from tidegate.data import Catalog
from tidegate.testing import synthetic_bars, synthetic_panel

ROWS, SYMBOLS = 700, 6
RECIPE = """\
name: small
data:
  dataset: made-up
features:
  groups: [price, volume, cross_section]
  exclude: [log_return_252]
split:
  first_test: 2016-06-01
  test_months: 6
models:
  ridge: {}
strategy:
  scores: ridge
costs:
  preset: us-equity
"""


def panel(rows: int = ROWS) -> Panel:
    """Return the market's first rows."""
    whole = synthetic_panel(
        3, ROWS, SYMBOLS, gaps=0.005, times=parse_instant("2015-01-01") + np.arange(1, ROWS + 1) * DAY
    )
    return whole.rows(0, rows)


def stock(folder: Path, rows: int = ROWS) -> tuple[Path, Path]:
    """Return a new workspace with bars, and the recipe."""
    workspace = Workspace.create(folder / "workspace")
    append(workspace, rows)
    workspace.database.dispose()  # tests copy the files
    recipe = folder / "small.yaml"
    recipe.write_text(RECIPE, encoding="utf-8")
    return workspace.root, recipe


def append(workspace: Workspace, rows: int) -> None:
    """Bring the market's first rows to the catalog; those that are there already change nothing."""
    Catalog(workspace).append("bars", synthetic_bars(panel(rows), dataset="made-up"))
