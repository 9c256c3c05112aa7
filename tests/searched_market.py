"""A small market with training runs to search over, made once for all tests."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from audited import train
from tidegate.core.files import read_json
from tidegate.core.recipe import Recipe, load_recipe
from tidegate.core.time import DAY, parse_instant
from tidegate.core.workspace import Workspace
from tidegate.data import Catalog
from tidegate.registry import Run, RunKind, RunStore
from tidegate.testing import synthetic_bars, synthetic_panel

DAYS, NAMES = 900, 10
RECIPE = """\
name: searched
project: shelf
seed: 7
data:
  dataset: made-up
features:
  groups: [price]
  exclude: [log_return_252]
labels:
  horizon_bars: {horizon}
split:
  first_test: 2016-06-01
  test_months: 6
models:
  ridge: {{penalty: 10.0}}
strategy:
  scores: ridge
  top_n: 3
  legacy: {{holiday_week_skipped: false}}
costs:
  preset: us-equity
backtest:
  initial_cash: 250000
search:
  grid:
    max_exposure: [0.3, 0.6, 1.0]
    top_n: [2, 4]
    weighting: [equal, rank]
  constraints: {{max_drawdown: {{at_most: 0.2}}}}
  probability: 0.5
  first_choice_years: 0.5
  nested: true
  block_bars: 10
  replicates: 100
"""


@dataclass(frozen=True)
class SearchedMarket:
    """A workspace that tests must not change, the recipe's file, and the training runs, the oldest first.

    The third one has the scores of the first; the last one failed.
    """

    workspace: Workspace
    file: Path
    recipe: Recipe
    runs: tuple[Run, ...]

    def copied(self, folder: Path) -> Workspace:
        """Return a copy of the workspace, to be changed."""
        self.workspace.database.dispose()
        return Workspace.open(Path(shutil.copytree(self.workspace.root, folder / "workspace")))


@cache
def searched_market() -> SearchedMarket:
    """Train once; the folder is taken away when the tests end."""
    folder = Path(tempfile.mkdtemp(prefix="tidegate-searched-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    workspace = Workspace.create(folder / "workspace")
    midnights = parse_instant("2015-01-01") + np.arange(1, DAYS + 1) * DAY
    panel = synthetic_panel(3, DAYS, NAMES, edge=0.3, times=midnights)
    Catalog(workspace).append("bars", synthetic_bars(panel, dataset="made-up"))
    file = folder / "searched.yaml"
    file.write_text(RECIPE.format(horizon=5), encoding="utf-8")
    recipe = load_recipe(file)
    other = folder / "other.yaml"
    other.write_text(RECIPE.format(horizon=10).replace("name: searched", "name: other"), encoding="utf-8")
    runs = [train(workspace, load_recipe(path)) for path in (file, other, file)]
    return SearchedMarket(workspace, file, recipe, (*runs, failed_training(workspace, recipe)))


def failed_training(workspace: Workspace, recipe: Recipe) -> Run:
    """Return a training run that broke."""
    store = RunStore(workspace)
    try:
        with store.begin(kind=RunKind.TRAIN, recipe=recipe, fingerprint_of_work="none", data_versions={}):
            raise ValueError("the disk is on fire")
    except ValueError:
        return next(store.every(kind=RunKind.TRAIN, status="failed"))


def document_of(run: Run) -> dict[str, Any]:
    """Return what a search found, without who did the work and what others had tried before."""
    document: dict[str, Any] = read_json(run.folder / "search.json")
    del document["backend"], document["luck"]["dsr"], document["luck"]["trials"]
    return document
