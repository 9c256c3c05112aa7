from __future__ import annotations

import pytest

from tidegate.core.workspace import Workspace
from tidegate.data import Catalog


@pytest.fixture
def catalog(workspace: Workspace) -> Catalog:
    return Catalog(workspace)
