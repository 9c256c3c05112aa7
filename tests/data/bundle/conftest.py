from __future__ import annotations

from pathlib import Path

import pytest
from forgery import stock

from tidegate.core.workspace import Workspace
from tidegate.data.bundle import build_bundle


@pytest.fixture(scope="session")
def stocked(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A workspace with every kind of vintage; tests must not change it."""
    workspace = Workspace.create(tmp_path_factory.mktemp("stocked") / "work")
    stock(workspace)
    return workspace


@pytest.fixture(scope="session")
def bundle(stocked: Workspace, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bundle of all of it; tests must not change it."""
    return build_bundle(stocked, tmp_path_factory.mktemp("bundle") / "all.tar").path
