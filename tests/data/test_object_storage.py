"""The catalog on an object store: the same tables, several machines at once, and errors that say what is wrong."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from object_storage import Bucket
from tidegate.core.clock import now
from tidegate.core.errors import CatalogError, WorkspaceError
from tidegate.core.workspace import Workspace
from tidegate.data import Catalog
from tidegate.data.delta import DeltaTables, OvertakenError
from tidegate.data.storage import Storage
from tidegate.data.tables import FUNDING

WRITERS, APPENDS = 4, 6
# Each writer has a workspace of its own, as on a machine of its own, and appends what all of them have beside its own.
WRITER = """
import sys
from datetime import UTC, datetime
from pathlib import Path
import polars as pl
from tidegate.core.workspace import Workspace
from tidegate.data import Catalog
from tidegate.data.tables import FUNDING

def funding(symbol, hours):
    times = [datetime(2024, 1, 1, hour, tzinfo=UTC) for hour in hours]
    return pl.DataFrame({
        "dataset": "many", "symbol": symbol, "event_time": times, "known_time": times, "rate": 0.01,
        "period_hours": 8.0, "source": "test", "synthetic": False,
    }).cast({name: kind for name, kind in FUNDING.schema.items() if name != "recorded_time"})

root, name, appends = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
catalog = Catalog(Workspace.create(root))
done = [catalog.append("funding", funding(name, [hour])) for hour in range(appends)]
shared = catalog.append("funding", funding("ALL", range(3)))
print(sum(one.appended for one in done), shared.appended, shared.identical)
"""


def funding(symbol: str, *hours: int) -> pl.DataFrame:
    times = [datetime(2024, 1, 1, hour, tzinfo=UTC) for hour in hours]
    return pl.DataFrame(
        {
            "dataset": "many",
            "symbol": symbol,
            "event_time": times,
            "known_time": times,
            "rate": 0.01,
            "period_hours": 8.0,
            "source": "test",
            "synthetic": False,
        }
    ).cast({name: kind for name, kind in FUNDING.schema.items() if name != "recorded_time"})


def written_at_once(roots: list[Path], variables: dict[str, str]) -> list[list[int]]:
    """Run one writer per workspace at the same time, and return what each of them says it did."""
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, str(root), f"S{number}", str(APPENDS)],
            env={**os.environ, **variables},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for number, root in enumerate(roots)
    ]
    said = [writer.communicate(timeout=120) for writer in writers]
    assert [(writer.returncode, errors) for writer, (_, errors) in zip(writers, said, strict=True)] == [(0, "")] * len(
        roots
    )
    return [[int(number) for number in out.split()] for out, _ in said]


@pytest.mark.slow
@pytest.mark.parametrize("place", ["folder", "bucket"])
def test_four_writers_at_once_all_commit_and_store_nothing_twice(
    place: str, bucket: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    variables = dict(bucket.variables()) if place == "bucket" else {}
    roots = [tmp_path / f"work-{number if place == 'bucket' else 0}" for number in range(WRITERS)]
    Workspace.create(roots[0])

    said = written_at_once(roots, variables)

    assert [own for own, _, _ in said] == [APPENDS] * WRITERS
    assert sorted(shared + identical for _, shared, identical in said) == [3] * WRITERS
    assert sum(shared for _, shared, _ in said) == 3
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    catalog = Catalog(Workspace.open(roots[0]))
    assert catalog.read("funding", dataset="many", as_of=now()).collect().height == WRITERS * APPENDS + 3
    assert catalog.revisions("funding", dataset="many", as_of=now()).collect().height == WRITERS * APPENDS + 3
    assert catalog.version("funding") == WRITERS * APPENDS  # and the one that brought what all have


def test_the_tables_lie_in_the_bucket_and_nowhere_else(workspace_on_bucket: Workspace, bucket: Bucket) -> None:
    Catalog(workspace_on_bucket).append("funding", funding("A", 1))
    prefix = workspace_on_bucket.catalog_url.split("/")[-1]
    names = [name.removeprefix(f"{prefix}/funding/") for name in bucket.listing(prefix)]
    assert sorted(name.split("/")[0] for name in names) == ["_delta_log", "many"]
    assert list(workspace_on_bucket.catalog_folder.iterdir()) == []


def test_a_slash_at_the_end_of_the_address_changes_nothing(
    workspace_on_bucket: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    Catalog(workspace_on_bucket).append("funding", funding("A", 1))
    monkeypatch.setenv("TIDEGATE_CATALOG_URL", f"{os.environ['TIDEGATE_CATALOG_URL']}/")
    assert Catalog(workspace_on_bucket).members("funding", "many") == ["A"]


@pytest.mark.parametrize("url", ["http://somewhere", "s3://", "s3://bucket/a b", "s3://Bucket", "gs://bucket", "/a"])
def test_an_address_that_is_no_bucket_is_refused(
    workspace: Workspace, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TIDEGATE_CATALOG_URL", url)
    with pytest.raises(WorkspaceError, match="TIDEGATE_CATALOG_URL"):
        Catalog(workspace)


def test_a_file_that_is_gone_is_said_to_be(workspace_on_bucket: Workspace, bucket: Bucket) -> None:
    catalog = Catalog(workspace_on_bucket)
    catalog.append("funding", funding("A", 1))
    (file,) = tables_of(workspace_on_bucket).present(FUNDING).files["path"]
    Storage(workspace_on_bucket.catalog_url).remove("funding", file)
    with pytest.raises(FileNotFoundError, match="not found"):
        catalog.read("funding", dataset="many", as_of=now()).collect()


def test_a_server_that_does_not_answer_is_said_not_to(
    workspace_on_bucket: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    with pytest.raises(CatalogError, match="cannot be reached"):
        Catalog(workspace_on_bucket).version("funding")


def tables_of(workspace: Workspace) -> DeltaTables:
    return DeltaTables(workspace.catalog_url)


def append(tables: DeltaTables, rows: pl.DataFrame, **named: Any) -> int:
    return tables.append(FUNDING, rows, recorded_at=datetime.now(UTC), facts={}, **named)


@pytest.mark.parametrize("place", ["workspace", "workspace_on_bucket"])
def test_who_comes_second_may_append_what_the_first_cannot_have_brought(
    place: str, request: pytest.FixtureRequest
) -> None:
    tables = tables_of(request.getfixturevalue(place))
    nothing = tables.present(FUNDING)
    assert append(tables, funding("A", 1), seen=nothing) == 0
    assert append(tables, funding("A", 2), seen=nothing) == 1
    assert append(tables, funding("B", 1), seen=nothing) == 2


@pytest.mark.parametrize("place", ["workspace", "workspace_on_bucket"])
def test_who_comes_second_may_not_append_what_the_first_may_have_brought(
    place: str, request: pytest.FixtureRequest
) -> None:
    tables = tables_of(request.getfixturevalue(place))
    append(tables, funding("A", 1))
    seen = tables.present(FUNDING)
    append(tables, funding("A", 2))
    with pytest.raises(OvertakenError):
        append(tables, funding("A", 2, 3), seen=seen)
    assert tables.present(FUNDING).version == 1


def test_a_refused_file_does_not_stay(workspace: Workspace) -> None:
    tables = tables_of(workspace)
    append(tables, funding("A", 1))
    seen = tables.present(FUNDING)
    append(tables, funding("A", 2))
    with pytest.raises(OvertakenError):
        append(tables, funding("A", 2), seen=seen)
    assert len(list(workspace.catalog_folder.rglob("*.parquet"))) == 2


def test_rows_of_a_race_are_told_anew(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between looking at what is stored and appending, another machine appends the same rows."""
    catalog, elsewhere = Catalog(workspace), tables_of(workspace)
    present = DeltaTables.present
    raced = []

    def overtaken(tables: DeltaTables, spec: Any) -> Any:
        seen = present(tables, spec)
        if not raced:
            raced.append(append(elsewhere, funding("A", 1), seen=seen))
        return seen

    with monkeypatch.context() as patch:
        patch.setattr(DeltaTables, "present", overtaken)
        done = catalog.append("funding", funding("A", 1, 2))
    assert (done.version, done.appended, done.identical) == (1, 1, 1)


def test_a_commit_whose_answer_got_lost_is_not_repeated(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    from deltalake.exceptions import CommitFailedError

    commit = DeltaTables._commit

    def unheard(*arguments: Any) -> int:
        commit(*arguments)
        raise CommitFailedError("connection reset")

    with monkeypatch.context() as patch:
        patch.setattr(DeltaTables, "_commit", unheard)
        done = Catalog(workspace).append("funding", funding("A", 1))
    assert done.version == Catalog(workspace).version("funding") == 0


def test_a_commit_that_fails_for_good_says_so(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    from deltalake.exceptions import CommitFailedError

    def failing(*_: Any) -> int:
        raise CommitFailedError("no")

    with monkeypatch.context() as patch:
        patch.setattr(DeltaTables, "_commit", failing)
        with pytest.raises(CommitFailedError):
            Catalog(workspace).append("funding", funding("A", 1))
    with pytest.raises(CatalogError, match="no table"):
        Catalog(workspace).version("funding")
