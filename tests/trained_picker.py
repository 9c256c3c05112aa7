"""A small A-share market, a picker that was trained on it, and what it ships; made once for all tests."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from audited import train
from tidegate.core.panel import Panel
from tidegate.core.recipe import Recipe, load_recipe
from tidegate.core.time import DAILY, parse_instant
from tidegate.core.units import FloatArray
from tidegate.core.workspace import Workspace
from tidegate.costs import resolve_recipe
from tidegate.data import Catalog, trading_calendar
from tidegate.data.recipe_data import pinned_versions, read_recipe_data
from tidegate.registry import Artifact, ArtifactStore, Run
from tidegate.split import current_fold, splitter_for
from tidegate.testing import synthetic_bars, synthetic_panel
from tidegate.train.artifact import publish_training
from tidegate.train.dataset import labels_of

SESSIONS, TRAINED, SHARES = 250, 240, 24
LIMITED = "600002.SH"
"""Closes at its upper limit on the last session that was trained on, and is suspended on the next."""
RECIPE = """\
name: small-picker
data:
  dataset: a-share
  readiness: {symbol_fraction: 0.1}
  quality: {mode: soft}
features:
  contract: ashare
labels:
  target: hit
split:
  first_test: 2021-10-01
  test_months: 2
  validation_months: 1
  calibration_months: 2
  minimum_train_days: 60
models:
  ridge: {}
  xgboost: {trees: 12, learning_rate: 0.2, maximum_depth: 2}
  ensemble: {}
calibrate: {minimum_calls: 20, target_precision: 0.35}
picks: {top_k: 3}
strategy: {scores: xgboost, top_n: 3}
costs: {preset: a-share}
"""


@dataclass(frozen=True)
class TrainedPicker:
    """A workspace that tests must not change, the recipe's file, and what was trained."""

    workspace: Workspace
    file: Path
    recipe: Recipe
    run: Run
    artifact: Artifact

    def copied(self, folder: Path) -> Workspace:
        """Return a copy of the workspace, to be changed."""
        self.workspace.database.dispose()
        return Workspace.open(Path(shutil.copytree(self.workspace.root, folder / "workspace")))


def market(sessions: int = SESSIONS) -> Panel:
    """Return the market's first sessions, drifts of weeks in every share."""
    closes = trading_calendar("XSHG").expected(DAILY, parse_instant("2021-01-04"), parse_instant("2022-12-30"))
    times = np.ascontiguousarray(closes[:SESSIONS], dtype=np.int64)
    made = synthetic_panel(5, SESSIONS, SHARES, gaps=0.005, edge=0.4, times=times)
    names = tuple(sorted([f"{600000 + one}.SH" for one in range(18)] + [f"{300001 + one}.SZ" for one in range(6)]))
    columns = {name: column.copy() for name, column in made.columns.items()}
    _limit(columns, names.index(LIMITED), TRAINED - 1)
    return Panel(times, names, columns).rows(0, sessions)


def append(workspace: Workspace, sessions: int) -> None:
    """Bring the market's first sessions to the catalog."""
    Catalog(workspace).append("bars", synthetic_bars(market(sessions), dataset="a-share", calendar="XSHG"))


@cache
def trained_picker() -> TrainedPicker:
    """Train once; the folder is taken away when the tests end."""
    folder = Path(tempfile.mkdtemp(prefix="tidegate-picker-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    workspace = Workspace.create(folder / "workspace")
    append(workspace, TRAINED)
    file = folder / "small-picker.yaml"
    file.write_text(RECIPE, encoding="utf-8")
    recipe = resolve_recipe(load_recipe(file))
    run = train(workspace, recipe)
    artifact = ArtifactStore(workspace).open(run.metrics["artifact"])
    return TrainedPicker(workspace, file, recipe, run, artifact)


def published(
    workspace: Workspace, recipe: Recipe, run: Run, *, folder: Path | None = None, named: str = ""
) -> Artifact:
    """Publish a run once more."""
    catalog = Catalog(workspace)
    history = read_recipe_data(catalog, recipe, pinned_versions(catalog, recipe), sources=True).history("equal-weight")
    times, spans = history.bars.times, labels_of(history, recipe).spans
    return publish_training(
        workspace,
        folder or run.folder,
        recipe,
        run=named or run.id,
        folds=splitter_for(recipe.split).split(times, spans),
        current=current_fold(recipe.split, times, spans),
        data_versions=run.data_versions,
        **{name: run.metrics[name] for name in ("absent_features", "data_notes", "survivorship")},
    )


def _limit(columns: dict[str, FloatArray], place: int, row: int) -> None:
    """Let a share of the main board close at its upper limit, ten per cent above the close before, and stop trading."""
    column = {name: values[:, place] for name, values in columns.items()}
    adjustment = column["close"][row] / column["raw_close"][row]
    raw = np.floor(np.rint(column["raw_close"][row - 1] * 100.0) * 1.1 + 0.5) / 100.0
    column["raw_close"][row - 1] = np.rint(column["raw_close"][row - 1] * 100.0) / 100.0
    column["close"][row - 1] = column["raw_close"][row - 1] * adjustment
    for name in ("open", "high", "low", "close"):
        column[name][row] = raw * adjustment
    column["high"][row - 1] = max(column["high"][row - 1], column["close"][row - 1])
    column["low"][row - 1] = min(column["low"][row - 1], column["close"][row - 1])
    column["raw_close"][row] = raw
    for values in column.values():
        values[row + 1] = np.nan
