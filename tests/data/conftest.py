from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from object_storage import Bucket, CannotStartError, object_storage
from tidegate.core.workspace import Workspace


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace.create(tmp_path / "work")


@pytest.fixture(scope="session")
def bucket() -> Iterator[Bucket]:
    """A bucket on an object store that lives as long as the session; skipped where it cannot run."""
    try:
        with object_storage() as found:
            yield found
    except CannotStartError as reason:
        pytest.skip(f"the object store cannot run here: {reason}")


@pytest.fixture
def workspace_on_bucket(tmp_path: Path, bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """A workspace whose catalog lies in a bucket."""
    for name, value in bucket.variables().items():
        monkeypatch.setenv(name, value)
    return Workspace.create(tmp_path / "work")
