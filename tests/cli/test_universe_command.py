"""``tidegate universe``: built, built again, shown as of a day, refused in words."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from tidegate.core.workspace import Workspace

BUILD = ("universe", "build", "made-up", "--name", "best", "--top-n", "3", "--retain", "1", "--rebalance", "monthly")


@pytest.fixture
def own(stocked: Path, tmp_path: Path) -> Path:
    """A workspace with the same bars, for tests that write."""
    made = Workspace.create(tmp_path / "workspace")
    shutil.copytree(Workspace.open(stocked).catalog_folder, made.catalog_folder, dirs_exist_ok=True)
    made.database.dispose()
    return tmp_path / "workspace"


def test_a_universe_is_built_once_and_shown_as_of_a_day(tidegate: Any, own: Path) -> None:
    first = tidegate(*BUILD, "--json", "--workspace", own).checked().document
    again = tidegate(*BUILD, "--json", "--workspace", own).checked().document
    shown = tidegate("universe", "show", "best", "--as-of", "2015-06-15", "--json", "--workspace", own).document

    assert first["snapshots"] == again["snapshots"]
    assert first["rows"]["appended"] == again["rows"]["identical"] > 0
    assert again["rows"]["appended"] == 0
    assert first["warnings"]
    assert (len(shown["symbols"]), shown["as_of"]) == (3, "2015-06-01")
    assert shown["snapshot"] in {one["snapshot"] for one in first["snapshots"]}


def test_people_are_told_too(tidegate: Any, own: Path) -> None:
    built = tidegate(*BUILD, "--workspace", own).checked().out
    shown = tidegate("universe", "show", "best", "--workspace", own).checked().out

    assert "bars/made-up 1d: top 3 to 4 by traded value of 20 bars, monthly" in built
    assert "3 in the last one" in built
    assert "were listed is not known" in built
    assert "members" in shown
    assert "S00" in shown


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("build", "nowhere", "--top-n", "3"), "no data set 'nowhere'"),
        (("build", "made-up", "--top-n", "3", "--name", "No Capitals"), "small letters, digits"),
        (("build", "made-up", "--top-n", "3", "--interval", "1w"), "--interval 1w"),
        (("build", "made-up", "--top-n", "3", "--start", "soon"), "a date such as"),
        (("build", "made-up", "--top-n", "3", "--correct"), "--correct without --reason"),
        (("build", "made-up", "--top-n", "0"), "--top-n"),
        (("show", "best", "--as-of", "2015-06-15"), "tidegate universe build DATASET"),
        (("show", "best", "--as-of", "some day"), "an ISO date or time"),
    ],
)
def test_what_cannot_be_is_refused_in_words(
    tidegate: Any, stocked: Path, options: tuple[str, ...], message: str
) -> None:
    done = tidegate("universe", *options, "--workspace", stocked)

    assert done.exit_code == 2
    assert message in " ".join(done.err.split())
    assert "Traceback" not in done.err


def test_before_the_first_snapshot_there_is_none(tidegate: Any, own: Path) -> None:
    tidegate(*BUILD, "--workspace", own).checked()
    done = tidegate("universe", "show", "best", "--as-of", "2015-01-15", "--workspace", own)

    assert done.exit_code == 2
    assert "no snapshot of universe 'best' known at 2015-01-15" in " ".join(done.err.split())


def test_a_recipe_trades_it(tidegate: Any, own: Path, recipe: Path, tmp_path: Path) -> None:
    tidegate(*BUILD, "--workspace", own).checked()
    mine = tmp_path / "mine.yaml"
    mine.write_text(recipe.read_text(encoding="utf-8") + "universe:\n  snapshot: best\n", encoding="utf-8")

    tidegate("audit", "readiness", mine, "--no-html", "--workspace", own).checked()
    tidegate("train", mine, "--workspace", own).checked()
    tidegate("backtest", mine, "--workspace", own).checked()
    listed = tidegate("runs", "latest", "--json", "--workspace", own).checked().document

    run = listed[0] if isinstance(listed, list) else listed
    assert run["data_versions"]["universe/best"] == 0
    assert run["metrics"]["survivorship"] == "snapshots_of_bars"
