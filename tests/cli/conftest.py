"""Commands run inside the test's process, on a workspace that holds bars, a training run and a backtest."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from command import Done, execute
from tidegate.cli import run
from tidegate.core.time import DAY, parse_instant
from tidegate.core.workspace import Workspace
from tidegate.data import Catalog
from tidegate.testing import synthetic_bars, synthetic_panel

Tidegate = Callable[..., Done]

RECIPE = """\
name: small
data:
  dataset: made-up
features:
  groups: [price]
  exclude: [log_return_252]
labels:
  horizon_bars: 5
split:
  first_test: 2016-06-01
  test_months: 6
models:
  ridge: {}
strategy:
  scores: ridge
  top_n: 2
costs:
  preset: us-equity
"""


@pytest.fixture
def tidegate(capfd: pytest.CaptureFixture[str]) -> Tidegate:
    """Run a command line and return how it ended."""

    def command(*arguments: str | Path) -> Done:
        capfd.readouterr()
        exit_code = run([str(argument) for argument in arguments])
        return Done(exit_code, *capfd.readouterr())

    return command


@pytest.fixture(scope="session")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A recipe that trains in a blink."""
    path = tmp_path_factory.mktemp("recipe") / "small.yaml"
    path.write_text(RECIPE, encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def stocked(tmp_path_factory: pytest.TempPathFactory, recipe: Path) -> Path:
    """A workspace with bars, a finished training run and a finished backtest; tests must not change it."""
    root = tmp_path_factory.mktemp("stocked") / "workspace"
    midnights = parse_instant("2015-01-01") + np.arange(1, 701) * DAY
    panel = synthetic_panel(3, 700, 6, times=midnights)
    workspace = Workspace.create(root)
    Catalog(workspace).append("bars", synthetic_bars(panel, dataset="made-up"))
    workspace.database.dispose()  # tests copy the files, and nothing may move among them meanwhile
    for command in (["audit", "readiness", "--no-html"], ["train"], ["backtest"]):
        execute([*command, recipe, "--workspace", root]).checked()
    return root


@pytest.fixture(params=[False, True], ids=["human", "json"])
def json_output(request: pytest.FixtureRequest) -> bool:
    """Both ways to be told."""
    return bool(request.param)
