"""Artifacts: named by their content, verified before they are opened, never half there (equity G.9, crypto 25.3)."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.core.clock import frozen_clock
from tidegate.core.errors import InputError, RunError, WorkspaceError
from tidegate.core.files import read_json, write_json
from tidegate.core.time import SECOND, Instant
from tidegate.core.workspace import Workspace
from tidegate.registry import Artifact, ArtifactManifest, ArtifactParts, ArtifactStore, StoredFile
from tidegate.registry import artifacts as artifacts_module

PARTS = ArtifactParts(
    name="small",
    version="2024-06-21",
    recipe_fingerprint="a" * 64,
    training_fingerprint="b" * 64,
    model_kinds=("ridge",),
    leading_model="ridge",
    contract="c" * 64,
    trained_until=Instant(1_700_000_000 * SECOND),
    split={"current": {"train_start": 1}, "folds": []},
    data_versions={"bars/made-up": 3},
    seed=7,
    environment={"tidegate": "1"},
    metrics={"ridge": {"auc": 0.1 + 0.2, "auc_interval": [0.5, 0.6], "f1": None}},
    calibration={},
)


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace.create(tmp_path / "work")


@pytest.fixture
def store(workspace: Workspace) -> ArtifactStore:
    return ArtifactStore(workspace)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "source"
    (folder / "models" / "ridge").mkdir(parents=True)
    (folder / "models" / "ridge" / "ridge.json").write_text('{"weights": [1.0]}')
    (folder / "card.md").write_text("# Card\n")
    return folder


def published(store: ArtifactStore, source: Path, run: str = "train-1", **changes: Any) -> Artifact:
    return store.publish(source, replace(PARTS, **changes), run=run)


def test_what_was_published_is_opened(store: ArtifactStore, source: Path) -> None:
    made = published(store, source)

    found = store.open(made.id[:8])

    assert found == made
    assert found.parts == PARTS
    assert found.path("models/ridge/ridge.json").read_text() == '{"weights": [1.0]}'
    assert found.document("models/ridge/ridge.json") == {"weights": [1.0]}
    assert found.holds("card.md")
    assert not found.holds("picks.parquet")
    with pytest.raises(InputError, match=r"no file 'picks\.parquet'"):
        found.path("picks.parquet")


def test_equal_work_gives_one_artifact_whichever_run_made_it(store: ArtifactStore, source: Path) -> None:
    with frozen_clock(Instant(5)):
        first = published(store, source, run="train-1")
    with frozen_clock(Instant(9)):
        second = published(store, source, run="train-2")

    assert second == first
    assert (second.origin.run, second.origin.published_at) == ("train-1", 5)
    assert len(list(first.folder.parent.iterdir())) == 1


@pytest.mark.parametrize("changes", [{"seed": 8}, {"data_versions": {"bars/made-up": 4}}, {"contract": "d" * 64}])
def test_other_work_gives_another(store: ArtifactStore, source: Path, changes: dict[str, Any]) -> None:
    assert published(store, source).id != published(store, source, **changes).id


def test_other_content_gives_another(store: ArtifactStore, source: Path) -> None:
    first = published(store, source)
    (source / "card.md").write_text("# Another card\n")

    assert published(store, source).id != first.id
    assert (store.open(first.id).folder / "card.md").read_text() == "# Card\n"


def _edited(folder: Path) -> None:
    rewritten(folder / "models" / "ridge" / "ridge.json", '{"weights": [2.0]}')


def _missing(folder: Path) -> None:
    (folder / "card.md").unlink()


def _extra(folder: Path) -> None:
    (folder / "notes.txt").write_text("more")


def _pickled(folder: Path) -> None:
    (folder / "models" / "model.pkl").write_bytes(b"cos\nsystem\n")


def _linked(folder: Path) -> None:
    (folder / "card.md").unlink()
    (folder / "card.md").symlink_to(folder / "models" / "ridge" / "ridge.json")


def _promoted(folder: Path) -> None:
    manifest = read_json(folder / "manifest.json")
    rewritten_json(folder / "manifest.json", {**manifest, "seed": 8})


def _no_manifest(folder: Path) -> None:
    (folder / "manifest.json").unlink()


def _no_origin(folder: Path) -> None:
    (folder / "origin.json").write_text("{}")


def _more_in_the_manifest(folder: Path) -> None:
    manifest = read_json(folder / "manifest.json")
    rewritten_json(folder / "manifest.json", {**manifest, "note": "not hashed?"})


def rewritten(path: Path, text: str) -> None:
    path.chmod(0o644)
    path.write_text(text)


def rewritten_json(path: Path, content: Any) -> None:
    write_json(path, content)


@pytest.mark.parametrize(
    "damage",
    [_edited, _missing, _extra, _pickled, _linked, _promoted, _no_manifest, _no_origin, _more_in_the_manifest],
)
def test_a_changed_artifact_is_not_opened(store: ArtifactStore, source: Path, damage: Callable[[Path], None]) -> None:
    made = published(store, source)
    damage(made.folder)

    with pytest.raises(InputError):
        store.open(made.id)


def test_a_manifest_of_another_artifact_does_not_pass(store: ArtifactStore, source: Path) -> None:
    """A folder renamed to another id, or a manifest that was swapped, is found by the name alone."""
    made = published(store, source)
    other = made.folder.with_name("0" * 64)
    made.folder.rename(other)

    with pytest.raises(InputError, match="manifest"):
        store.open("0000")


def test_a_newer_manifest_is_refused(store: ArtifactStore, source: Path) -> None:
    made = published(store, source)
    document = {**made.manifest.as_document(), "schema": 2}

    with pytest.raises(InputError, match="upgrade"):
        ArtifactManifest.from_document(document)


@pytest.mark.parametrize(
    "name", ["model.pkl", "model.joblib", "model.pt", "run.py", "model.so", "model", "a.npy", "x.JSON"]
)
def test_nothing_that_could_run_code_is_taken_in(store: ArtifactStore, source: Path, name: str) -> None:
    (source / name).write_bytes(b"anything")

    with pytest.raises(InputError, match=re.escape(name)):
        published(store, source)
    assert store.list() == []


@pytest.mark.parametrize("name", ["manifest.json", "origin.json"])
def test_names_of_its_own_are_not_taken(store: ArtifactStore, source: Path, name: str) -> None:
    (source / name).write_text("{}")

    with pytest.raises(InputError, match=re.escape(name)):
        published(store, source)


def test_nothing_makes_no_artifact(store: ArtifactStore, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()

    with pytest.raises(InputError, match="nothing"):
        published(store, tmp_path / "empty")


def test_links_are_not_followed(store: ArtifactStore, source: Path, tmp_path: Path) -> None:
    (tmp_path / "secret.txt").write_text("secret")
    (source / "link.txt").symlink_to(tmp_path / "secret.txt")

    with pytest.raises(InputError, match=r"link\.txt"):
        published(store, source)


@pytest.mark.parametrize("identifier", ["abcd", "../../etc", "", "zzzz", "ab"])
def test_unknown_names_are_refused(store: ArtifactStore, identifier: str) -> None:
    with pytest.raises(RunError):
        store.open(identifier)


def test_a_beginning_that_fits_two_is_refused(
    store: ArtifactStore, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = published(store, source)
    made.folder.with_name(made.id[:10] + "0" * 54).mkdir()

    with pytest.raises(RunError, match="2 artifacts"):
        store.open(made.id[:6])
    assert store.open(made.id).id == made.id


def test_the_list_shows_newest_labels_first_and_what_is_damaged(store: ArtifactStore, source: Path) -> None:
    old = published(store, source, trained_until=Instant(10))
    new = published(store, source, trained_until=Instant(20))
    bad = published(store, source, seed=9)
    _no_manifest(bad.folder)

    listed = store.list()

    assert [one.id for one in listed] == [new.id, old.id, bad.id]
    assert [one.fault is None for one in listed] == [True, True, False]


def test_loading_has_no_way_to_run_code(project_root: Path) -> None:
    """No pickle anywhere in what publishes, opens and loads artifacts (equity G.9)."""
    rooms = [project_root / "src" / "tidegate" / room for room in ("registry", "models")]
    running = re.compile(r"\b(pickle|joblib|cloudpickle|marshal|shelve|allow_pickle|eval|exec|__import__)\b")

    found = [
        f"{path.name}:{number}"
        for room in rooms
        for path in sorted(room.glob("*.py"))
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if running.search(line.partition("#")[0])
    ]

    assert found == []


KILLED = """
import os, signal, sys
from pathlib import Path
from test_artifacts import PARTS
from tidegate.core.workspace import Workspace
from tidegate.registry import ArtifactStore, artifacts

step, left = sys.argv[3], int(sys.argv[4])
real = getattr(artifacts, step)

def dying(*arguments, **named):
    global left
    if left == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    left -= 1
    return real(*arguments, **named)

setattr(artifacts, step, dying)
ArtifactStore(Workspace.open(Path(sys.argv[1]))).publish(Path(sys.argv[2]), PARTS, run="train-1")
"""


@pytest.mark.skipif(os.name == "nt", reason="there is no SIGKILL")
@pytest.mark.parametrize(("step", "left"), [("_digest", 1), ("write_json", 1), ("_flush", 2)])
def test_a_killed_publication_leaves_no_half_artifact(
    workspace: Workspace, store: ArtifactStore, source: Path, step: str, left: int
) -> None:
    """Killed while copying, before the manifest's neighbour, and before the rename."""
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent)}
    arguments = [sys.executable, "-c", KILLED, str(workspace.root), str(source), step, str(left)]

    done = subprocess.run(arguments, env=environment, check=False, capture_output=True)

    assert done.returncode == -signal.SIGKILL, done.stderr
    assert store.list() == []
    assert any(one.name.startswith(".staged-") for one in workspace.artifacts_folder.iterdir())
    made = published(store, source)
    assert [one.name for one in workspace.artifacts_folder.iterdir()] == [made.id]


def test_a_failed_publication_leaves_nothing(
    workspace: Workspace, store: ArtifactStore, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(artifacts_module, "write_json", full)

    with pytest.raises(WorkspaceError, match="no space"):
        published(store, source)
    assert list(workspace.artifacts_folder.iterdir()) == []


numbers = st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(10**18), 10**18) | st.none() | st.booleans()


@given(st.dictionaries(st.text(max_size=5), numbers | st.lists(numbers, max_size=3), max_size=4))
def test_a_manifest_reads_back_as_it_was(figures: dict[str, Any]) -> None:
    """Every float survives JSON, so that the name of an artifact can be checked from its manifest alone."""
    import json

    files = {"b.json": StoredFile(sha256="1" * 64, size=3), "a/c.txt": StoredFile(sha256="2" * 64, size=0)}
    manifest = ArtifactManifest(parts=replace(PARTS, metrics={"ridge": figures}), files=files)

    again = ArtifactManifest.from_document(json.loads(json.dumps(manifest.as_document())))

    assert again.identifier == manifest.identifier
