"""Building features, killed at any moment, then repeated: the same set, and never half of one."""

from __future__ import annotations

import shutil
import signal
import time
from pathlib import Path

import numpy as np
import pytest

from command import execute, started
from tidegate.core.time import MINUTE, parse_instant
from tidegate.core.workspace import Workspace
from tidegate.data import Catalog
from tidegate.features.store import stored_sets
from tidegate.testing import synthetic_bars, synthetic_panel

ROWS, MOMENTS = 100_000, 6
RECIPE = """\
name: killed
data:
  dataset: minutes
  interval: 1m
split:
  first_test: 2015-02-01
models:
  ridge: {}
strategy:
  scores: ridge
costs:
  preset: us-equity
"""


@pytest.fixture(scope="module")
def minutes(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A workspace with so many bars that a set has several blocks, and the recipe."""
    folder = tmp_path_factory.mktemp("minutes")
    workspace = Workspace.create(folder / "workspace")
    times = parse_instant("2015-01-01") + np.arange(1, ROWS + 1) * MINUTE
    panel = synthetic_panel(4, ROWS, 2, times=times)
    Catalog(workspace).append("bars", synthetic_bars(panel, dataset="minutes", interval="1m"))
    workspace.database.dispose()
    recipe = folder / "killed.yaml"
    recipe.write_text(RECIPE, encoding="utf-8")
    return workspace.root, recipe


@pytest.mark.slow
def test_a_build_killed_at_any_moment_is_gone_on_with(minutes: tuple[Path, Path], tmp_path: Path) -> None:
    template, recipe = minutes
    build = ("features", "build", recipe, "--json", "--workspace")
    whole = Path(shutil.copytree(template, tmp_path / "whole"))
    with started([*build, whole]) as undisturbed:
        undisturbed.wait_for_output()
        began = time.monotonic()
        expected = undisturbed.end().checked().document
        duration = time.monotonic() - began
    assert expected["blocks"]["computed"] > 4
    values = np.load(Path(expected["folder"]) / "values.npy")
    kept = []

    for number in range(MOMENTS):
        root = Path(shutil.copytree(template, tmp_path / f"killed-{number}"))
        with started([*build, root]) as doomed:
            doomed.wait_for_output()
            time.sleep(duration * (number + 0.5) / MOMENTS)
            doomed.send(signal.SIGKILL)
            doomed.end()

        for stored in stored_sets(Workspace.open(root)):  # all of it, or none that anybody sees
            assert np.array_equal(stored.values, values, equal_nan=True)
        again = execute([*build, root]).checked().document
        assert again["lineage_id"] == expected["lineage_id"]
        assert np.array_equal(np.load(Path(again["folder"]) / "values.npy"), values, equal_nan=True)
        assert sum(again["blocks"].values()) == expected["blocks"]["computed"]
        kept.append(again["blocks"]["kept"])
        shutil.rmtree(root)
    assert any(0 < count < expected["blocks"]["computed"] for count in kept)  # some went on after a finished block
