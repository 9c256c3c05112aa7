"""``tidegate bundle``: what it prints, what it refuses, and how it ends."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from command import Done, assert_refused
from tidegate.core.time import DAY, parse_instant
from tidegate.core.workspace import Workspace
from tidegate.data import Catalog
from tidegate.testing import synthetic_bars, synthetic_panel

Tidegate = Callable[..., Done]


RECIPE = """\
name: small
data:
  dataset: made-up
split:
  first_test: 2016-06-01
models:
  ridge: {}
strategy:
  scores: ridge
costs:
  preset: us-equity
"""


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("recipe") / "small.yaml"
    path.write_text(RECIPE, encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def stocked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with nothing but bars; tests must not change it."""
    workspace = Workspace.create(tmp_path_factory.mktemp("stocked") / "workspace")
    panel = synthetic_panel(3, 700, 6, times=parse_instant("2015-01-01") + np.arange(1, 701) * DAY)
    Catalog(workspace).append("bars", synthetic_bars(panel, dataset="made-up"))
    return workspace.root


@pytest.fixture
def bundle(tidegate: Tidegate, stocked: Path, tmp_path: Path) -> Path:
    path = tmp_path / "carried" / "small.tar"
    tidegate("bundle", "build", path, "--workspace", stocked).checked()
    return path


@pytest.fixture
def elsewhere(tidegate: Tidegate, tmp_path: Path) -> Path:
    tidegate("init", "--workspace", tmp_path / "elsewhere").checked()
    return tmp_path / "elsewhere"


def test_a_bundle_is_built_and_imported_elsewhere(tidegate: Tidegate, bundle: Path, elsewhere: Path) -> None:
    done = tidegate("bundle", "import", bundle, "--workspace", elsewhere, "--json").checked().document
    again = tidegate("bundle", "import", bundle, "--workspace", elsewhere, "--json").checked().document

    assert (done["appended"], done["identical"]) == (4200, 0)
    assert (again["appended"], again["identical"]) == (0, 4200)
    assert done["files"][0]["file"] == "bars/made-up/1d.parquet"
    held = tidegate("catalog", "--workspace", elsewhere, "--json").checked().document
    assert [entry["rows"] for entry in held] == [4200]


def test_the_document_of_a_build_tells_all(tidegate: Tidegate, stocked: Path, recipe: Path, tmp_path: Path) -> None:
    path = tmp_path / "x.tar"
    asked = ("bundle", "build", path, "--recipe", recipe, "--start", "2016-01-01", "--end", "2016-01-31", "--json")
    done = tidegate(*asked, "--workspace", stocked).checked().document

    assert done["manifest"]["recipe"] == "small"
    assert done["manifest"]["scope"]["end"] == "2016-02-01"  # the last day is part of it
    assert done["rows"] == 31 * 6
    assert path.with_name("x.tar.sha256").read_text(encoding="utf-8") == f"{done['sha256']}  x.tar\n"


def test_what_is_shown_names_files_and_what_to_do_next(
    tidegate: Tidegate, stocked: Path, bundle: Path, elsewhere: Path
) -> None:
    names = tidegate("catalog", "--symbols", "made-up", "--workspace", stocked, "--json").checked().document
    built = tidegate("bundle", "build", bundle, "--symbol", names[0], "--workspace", stocked).checked()
    imported = tidegate("bundle", "import", bundle, "--workspace", elsewhere).checked()

    assert "bars/made-up/1d.parquet" in built.out
    assert "small.tar.sha256" in built.out
    assert "700" in imported.out
    assert "next: " in imported.out


def test_a_bundle_without_its_side_file_needs_a_word(
    tidegate: Tidegate, bundle: Path, elsewhere: Path, json_output: bool
) -> None:
    """D-24."""
    bundle.with_name("small.tar.sha256").unlink()
    flags = ["--json"] if json_output else []

    said = assert_refused(
        tidegate("bundle", "import", bundle, "--workspace", elsewhere, *flags), json_output=json_output
    )
    assert "small.tar.sha256" in said["found"]
    assert "--no-strict" in said["hint"]
    tidegate("bundle", "import", bundle, "--no-strict", "--workspace", elsewhere).checked()


def test_a_changed_bundle_is_refused(tidegate: Tidegate, bundle: Path, elsewhere: Path, json_output: bool) -> None:
    """D-24."""
    content = bytearray(bundle.read_bytes())
    content[len(content) // 2] ^= 1
    bundle.write_bytes(content)
    flags = ["--json"] if json_output else []

    for strict in ("--strict", "--no-strict"):
        done = tidegate("bundle", "import", bundle, strict, "--workspace", elsewhere, *flags)
        assert "SHA-256" in assert_refused(done, json_output=json_output)["found"]
    assert tidegate("catalog", "--workspace", elsewhere, "--json").document == []


def test_a_bundle_beyond_the_limit_is_refused(tidegate: Tidegate, bundle: Path, elsewhere: Path) -> None:
    done = tidegate("bundle", "import", bundle, "--limit-gigabytes", "0.0001", "--workspace", elsewhere)
    assert "--limit-gigabytes" in assert_refused(done, json_output=False)["hint"]


@pytest.mark.parametrize(
    "wrong",
    [
        ("--recipe", "nothing"),
        ("--table", "shares"),
        ("--dataset", "nothing"),
        ("--symbol", "NOBODY"),
        ("--start", "yesterday"),
        ("--start", "2017-01-01", "--end", "2016-01-01"),
        ("--as-of", "2016-01-01T10:00"),
        ("--as-of", "2190-01-01"),
        ("--recipe", "demo", "--table", "bars"),
    ],
)
def test_a_wrong_wish_is_refused(
    tidegate: Tidegate, stocked: Path, tmp_path: Path, wrong: tuple[str, ...], json_output: bool
) -> None:
    flags = ["--json"] if json_output else []
    done = tidegate("bundle", "build", tmp_path / "x.tar", *wrong, "--workspace", stocked, *flags)

    assert_refused(done, json_output=json_output)
    assert not list(tmp_path.glob("*x.tar*"))


def test_an_import_needs_a_workspace(tidegate: Tidegate, bundle: Path, tmp_path: Path) -> None:
    assert_refused(tidegate("bundle", "import", bundle, "--workspace", tmp_path / "nowhere"), json_output=False)


def test_what_was_carried_is_a_catalog_like_any_other(
    tidegate: Tidegate, bundle: Path, elsewhere: Path, tmp_path: Path
) -> None:
    stick = Path(shutil.copytree(bundle.parent, tmp_path / "stick"))
    shutil.rmtree(bundle.parent)
    tidegate("bundle", "import", stick / "small.tar", "--workspace", elsewhere).checked()

    held = tidegate("audit", "data", "--no-html", "--workspace", elsewhere, "--json").document
    assert held[0]["dataset"] == "made-up"
