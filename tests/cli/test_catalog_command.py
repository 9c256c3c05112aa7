"""``tidegate catalog``: listed, compacted and swept, and no run loses what it read."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from command import assert_refused
from tidegate.core.clock import frozen_clock, now
from tidegate.core.time import DAY, Instant
from tidegate.core.workspace import Workspace
from tidegate.data import Catalog
from tidegate.testing import synthetic_bars, synthetic_panel


@pytest.fixture
def root(stocked: Path, tmp_path: Path) -> Path:
    """A copy of the workspace with its runs, whose bars came in several more files last week."""
    copied = Path(shutil.copytree(stocked, tmp_path / "workspace"))
    workspace = Workspace.open(copied)
    catalog = Catalog(workspace)
    bars = synthetic_bars(synthetic_panel(4, 6, 3), dataset="scattered")
    with frozen_clock(Instant(now() - 8 * DAY)):
        for day in bars["event_time"].unique().sort():
            catalog.append("bars", bars.filter(event_time=day))
        # What compacting replaces is as old as that.
        workspace.database.dispose()
    return copied


def test_what_it_holds_is_listed_as_ever(tidegate: Any, root: Path) -> None:
    listed = tidegate("catalog", "--json", "--workspace", root).checked().document
    assert [(one["dataset"], one["rows"]) for one in listed] == [("made-up", 4200), ("scattered", 18)]
    assert "made-up" in tidegate("catalog", "--workspace", root).checked().out


def test_compacting_says_what_it_did(tidegate: Any, root: Path) -> None:
    (done,) = tidegate("catalog", "compact", "scattered", "--json", "--workspace", root).checked().document
    assert (done["table"], done["files_before"], done["files_after"], done["rows"]) == ("bars", 6, 1, 18)
    said = tidegate("catalog", "compact", "--table", "bars", "--workspace", root).checked().out
    assert "made-up" in said
    commits = tidegate("catalog", "--history", "bars", "--json", "--workspace", root).checked().document
    assert commits[0]["operation"] == "COMPACT"
    listed = tidegate("catalog", "--json", "--workspace", root).checked().document
    assert [(one["dataset"], one["rows"]) for one in listed] == [("made-up", 4200), ("scattered", 18)]


def test_a_sweep_is_shown_before_it_is_made_and_keeps_what_runs_read(tidegate: Any, root: Path, recipe: Path) -> None:
    with frozen_clock(Instant(now() - 8 * DAY)):
        tidegate("catalog", "compact", "--workspace", root).checked()
    (before,) = tidegate("runs", "--kind", "backtest", "--json", "--workspace", root).checked().document

    shown = tidegate("catalog", "vacuum", "--workspace", root).checked().out
    assert "nothing was removed" in shown
    assert "--remove" in shown
    (looked,) = tidegate("catalog", "vacuum", "--json", "--workspace", root).checked().document
    (made,) = tidegate("catalog", "vacuum", "--remove", "--json", "--workspace", root).checked().document

    assert (len(looked["files"]), looked["removed"], made["removed"]) == (6, False, True)
    assert looked["files"] == made["files"]
    assert "nothing to remove" in tidegate("catalog", "vacuum", "--workspace", root).checked().out
    again = tidegate("backtest", recipe, "--json", "--workspace", root).checked().document
    assert again["metrics"] == before["metrics"]


def test_young_files_are_left_alone(tidegate: Any, root: Path) -> None:
    tidegate("catalog", "compact", "--workspace", root).checked()
    (made,) = tidegate("catalog", "vacuum", "--remove", "--json", "--workspace", root).checked().document
    assert made["files"] == []


def test_an_empty_catalog_has_nothing_to_compact_or_to_sweep(tidegate: Any, tmp_path: Path) -> None:
    tidegate("init", "--workspace", tmp_path / "new").checked()
    for command in ("compact", "vacuum"):
        assert tidegate("catalog", command, "--json", "--workspace", tmp_path / "new").checked().document == []


@pytest.mark.parametrize(
    ("arguments", "found"),
    [
        (("compact", "elsewhere"), "no data set 'elsewhere'"),
        (("compact", "--table", "weather"), "no table 'weather'"),
        (("vacuum", "--older-than-days", "0"), "0"),
        (("--workspace", "elsewhere", "vacuum"), "--workspace before vacuum"),
        (("--history", "bars", "compact"), "--history before compact"),
        (("polish",), "polish"),
    ],
)
def test_what_cannot_be_done_is_refused(
    tidegate: Any, root: Path, json_output: bool, arguments: tuple[str, ...], found: str
) -> None:
    more = ["--json"] if json_output else []
    at = [] if arguments[0].startswith("-") else ["--workspace", root]
    assert found in assert_refused(tidegate("catalog", *arguments, *at, *more), json_output=json_output)["found"]


def test_an_object_store_that_does_not_answer_is_no_bug(
    tidegate: Any, root: Path, json_output: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TIDEGATE_CATALOG_URL", "s3://nowhere/catalog")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    more = ["--json"] if json_output else []
    said = assert_refused(tidegate("catalog", "--workspace", root, *more), json_output=json_output)
    assert "cannot be reached" in said["found"]


def test_an_object_store_that_falls_silent_is_no_bug(
    tidegate: Any, root: Path, json_output: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def silent(*_: object, **__: object) -> None:
        raise OSError("object-store error: Generic S3 error: error sending request")

    monkeypatch.setattr(Catalog, "datasets", silent)
    more = ["--json"] if json_output else []
    said = assert_refused(tidegate("catalog", "--workspace", root, *more), json_output=json_output)
    assert "does not answer" in said["found"]
