"""A workspace with a synthetic market, and a recipe small enough to train in a second."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tidegate.core.recipe import Recipe
from tidegate.core.time import DAY, HOUR, parse_instant
from tidegate.core.workspace import Workspace
from tidegate.data import Catalog
from tidegate.testing import synthetic_bars, synthetic_panel

LONG = ("distance_to_high_252", "average_bias_200", "above_average_200", "average_50_above_200")
TIMES = parse_instant(date(2019, 1, 1)) + np.arange(760) * DAY + 24 * HOUR


def _recipe_of(**changes: Any) -> Recipe:
    return Recipe.model_validate(
        {
            "name": "small",
            "data": {"dataset": "made-up"},
            "features": {
                "groups": ["price", "cross_section"],
                "exclude": ["log_return_252", "momentum_12_1", "momentum_12_1_rank", *LONG],
            },
            "labels": {"horizon_bars": 5},
            "split": {"first_test": "2020-03-01", "test_months": 6},
            "models": {"ridge": {}, "lightgbm": {"trees": 20, "leaves": 7, "minimum_leaf_rows": 50}},
            "costs": {"preset": "us-equity"},
            **changes,
        }
    )


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    workspace = Workspace.create(tmp_path_factory.mktemp("train") / "workspace")
    panel = synthetic_panel(21, len(TIMES), 24, gaps=0.01, edge=0.25, times=TIMES)
    Catalog(workspace).append("bars", synthetic_bars(panel, dataset="made-up"))
    return workspace


@pytest.fixture(scope="session")
def recipe() -> Callable[..., Recipe]:
    """Return the small recipe with changes."""
    return _recipe_of


@pytest.fixture
def fresh_workspace(workspace: Workspace, tmp_path: Path) -> Workspace:
    """A workspace of its own with the same bars, for tests that count runs."""
    copy = Workspace.create(tmp_path / "workspace")
    shutil.copytree(workspace.catalog_folder, copy.catalog_folder, dirs_exist_ok=True)
    return copy
