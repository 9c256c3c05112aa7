"""One command for the data of a recipe: every step does its own, and what fails is said and stops nothing."""

from __future__ import annotations

import json
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import collect_source
import polars as pl
import pytest

from tidegate.core.clock import frozen_clock
from tidegate.core.errors import InputError, LookAheadError
from tidegate.core.recipe import Recipe
from tidegate.core.time import parse_instant
from tidegate.core.workspace import Workspace
from tidegate.data import Catalog
from tidegate.data.bundle import import_bundle
from tidegate.data.collect import CollectedRecipe, StepStatus, collect, step_names
from tidegate.data.connectors import CONNECTORS

NOW = parse_instant("2025-03-01")
DAYS = 300


@pytest.fixture(autouse=True)
def sources(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(CONNECTORS, "remembered", "collect_source:RememberedConnector")
    collect_source.ASKED.clear()


@pytest.fixture
def bars(tmp_path: Path) -> Path:
    """Daily bars of two symbols over three hundred days."""
    days = [date(2024, 1, 1) + timedelta(days=number) for number in range(DAYS)]
    prices = [100.0 + number % 7 for number in range(DAYS)]
    frames = [
        pl.DataFrame({"symbol": symbol, "time": days, **dict.fromkeys(("open", "high", "low", "close"), prices)})
        for symbol in ("A", "B")
    ]
    path = tmp_path / "bars.csv"
    pl.concat(frames).with_columns(volume=10.0).write_csv(path)
    return path


def files(bars: Path, **more: Any) -> dict[str, Any]:
    return {"connector": "ohlcv", "settings": {"path": str(bars), "dataset": "d", "calendar": "24/7", **more}}


def remembered(**settings: Any) -> dict[str, Any]:
    return {"connector": "remembered", "settings": settings}


def recipe(*steps: dict[str, Any], **data: Any) -> Recipe:
    return Recipe.model_validate(
        {
            "name": "small",
            "data": {"dataset": "d", "start": "2024-01-01", "end": "2024-10-26", **data},
            "split": {"first_test": "2024-06-01"},
            "models": {"ridge": {}},
            "strategy": {"scores": "ridge"},
            "costs": {"preset": "free"},
            "collect": list(steps),
        }
    )


def collected(workspace: Workspace, *steps: dict[str, Any], **options: Any) -> CollectedRecipe:
    with frozen_clock(NOW):
        return collect(workspace, recipe(*steps, **options.pop("data", {})), **options)


def outcomes(done: CollectedRecipe) -> dict[str, str]:
    return {step.name: step.status.value for step in done.steps}


def test_data_are_looked_at_collected_looked_at_again_and_bundled(
    workspace: Workspace, bars: Path, tmp_path: Path
) -> None:
    done = collected(workspace, files(bars), remembered(), data={"uses": {"funding": "paid"}, "readiness": {}})

    assert list(outcomes(done).items()) == [
        ("readiness-before", "done"),
        ("ohlcv", "done"),
        ("remembered", "done"),
        ("readiness-after", "done"),
        ("bundle", "done"),
    ]
    assert done.complete
    assert done.appended == 2 * DAYS + 6
    assert done.before is not None
    assert done.before.missing_data_kinds == ("bars", "funding")
    assert done.after is not None
    assert "bars" not in done.after.missing_data_kinds
    assert done.bundle is not None
    assert done.bundle.path == workspace.root / "bundles" / "small.tar"
    there = Workspace.create(tmp_path / "there")
    with frozen_clock(NOW):
        assert import_bundle(there, done.bundle.path).appended == done.bundle.manifest.rows == 2 * DAYS + 6


def test_every_step_leaves_its_result_behind(workspace: Workspace, bars: Path) -> None:
    done = collected(workspace, files(bars))

    assert done.folder.parent == workspace.root / "collections"
    assert done.folder.name.startswith("20250301-000000-small-")
    names = sorted(path.name for path in done.folder.iterdir())
    assert names == [
        "00-readiness-before.json",
        "01-ohlcv.json",
        "02-readiness-after.json",
        "03-bundle.json",
        "recipe.json",
        "summary.json",
    ]
    documents = {name: json.loads((done.folder / name).read_text(encoding="utf-8")) for name in names}
    assert documents["00-readiness-before.json"]["ready"] is False
    assert documents["01-ohlcv.json"]["members"][0]["appended"] == 2 * DAYS
    assert documents["02-readiness-after.json"]["ready"] is True
    assert documents["03-bundle.json"]["sha256"]
    assert documents["summary.json"] == done.as_dict()
    assert (documents["summary.json"]["complete"], documents["summary.json"]["ready"]) == (True, True)
    assert documents["recipe.json"]["collect"][0]["connector"] == "ohlcv"


def test_a_collection_repeated_changes_nothing(workspace: Workspace, bars: Path) -> None:
    first = collected(workspace, files(bars), remembered())
    versions = {entry.table: entry.version for entry in Catalog(workspace).datasets()}
    assert first.bundle is not None
    content = first.bundle.path.read_bytes()

    again = collected(workspace, files(bars), remembered())

    assert again.appended == 0
    assert {entry.table: entry.version for entry in Catalog(workspace).datasets()} == versions
    assert first.bundle.path.read_bytes() == content
    assert again.folder != first.folder


@pytest.mark.parametrize(
    ("broken", "found"),
    [
        (files(Path("nowhere.csv")), "nowhere.csv"),
        ({"connector": "hearsay"}, "connector 'hearsay'"),
        (remembered(symbol="A"), "unknown setting 'symbol'"),
        (remembered(refused=["B"]), "not answered: B"),
    ],
)
def test_a_step_that_fails_is_said_and_stops_none_of_the_others(
    workspace: Workspace, bars: Path, broken: dict[str, Any], found: str
) -> None:
    done = collected(workspace, broken, files(bars))

    failed = [step for step in done.steps if step.status is StepStatus.FAILED]
    assert [step.name for step in failed] == [broken["connector"]]
    assert found in failed[0].said or found in json.dumps([report.as_dict() for report in done.collected])
    assert failed[0].file is not None
    assert json.loads(failed[0].file.read_text(encoding="utf-8"))
    assert not done.complete
    assert done.ready
    assert done.bundle is not None


def test_a_member_that_fails_takes_nothing_from_the_others(workspace: Workspace, bars: Path) -> None:
    done = collected(workspace, remembered(refused=["A"]), files(bars))

    assert Catalog(workspace).members("funding", "paid") == ["B"]
    assert not done.complete


def test_a_bundle_that_cannot_be_built_is_a_step_that_failed(workspace: Workspace, bars: Path) -> None:
    done = collected(workspace, files(bars), bundle_path=workspace.root / "small.zip")

    assert outcomes(done)["bundle"] == "failed"
    assert done.bundle is None
    assert done.steps[-1].error is not None
    assert "small.tar" in done.steps[-1].error["hint"]
    assert not done.complete


def test_data_that_do_not_suffice_are_no_failure(workspace: Workspace, bars: Path) -> None:
    done = collected(workspace, files(bars), data={"uses": {"funding": "paid"}})

    assert done.complete
    assert done.ready is False
    assert done.as_dict()["missing_data_kinds"] == ["funding"]
    assert done.bundle is not None
    assert done.bundle.empty == ("funding/paid",)


@pytest.mark.parametrize("name", ["readiness-before", "collect", "ohlcv", "remembered", "readiness-after", "bundle"])
def test_each_step_can_be_left_out(workspace: Workspace, bars: Path, name: str) -> None:
    collected(workspace, files(bars), remembered())
    collect_source.ASKED.clear()
    done = collected(workspace, files(bars), remembered(), skip=[name])

    skipped = {step for step, outcome in outcomes(done).items() if outcome == "skipped"}
    assert skipped == ({"ohlcv", "remembered"} if name == "collect" else {name})
    assert done.complete
    assert (done.before is None, done.after is None, done.bundle is None) == (
        name == "readiness-before",
        name == "readiness-after",
        name == "bundle",
    )
    assert bool(collect_source.ASKED) == (name not in {"collect", "remembered"})
    assert done.ready is (None if name == "readiness-after" else True)


def test_a_step_that_is_none_is_refused_before_anything_is_done(workspace: Workspace, bars: Path) -> None:
    with pytest.raises(InputError, match="no step 'bundles'; expected one of readiness-before, collect, ohlcv"):
        collected(workspace, files(bars), skip=["bundles"])
    assert not (workspace.root / "collections").exists()
    assert step_names(recipe(files(bars), files(bars))).count("ohlcv") == 1


def test_a_recipe_without_sources_only_audits_and_bundles(workspace: Workspace, bars: Path) -> None:
    collected(workspace, files(bars), skip=["bundle"])

    with pytest.raises(InputError, match="names no source"):
        collected(workspace)
    assert list(outcomes(collected(workspace, skip=["collect"]))) == ["readiness-before", "readiness-after", "bundle"]


def test_an_update_goes_on_to_now(workspace: Workspace, bars: Path) -> None:
    step = remembered(end="2024-01-02")

    assert collected(workspace, files(bars), step).appended == 2 * DAYS + 2
    assert collected(workspace, files(bars), step, update=True).appended == 4
    assert {end for _, end in collect_source.ASKED} == {date(2024, 1, 2), None}


def test_a_bug_is_not_a_failed_step(workspace: Workspace, bars: Path) -> None:
    with pytest.raises(LookAheadError):
        collected(workspace, files(bars), remembered(breaks_with="a bug"))


def test_an_interrupted_collection_is_repeated(workspace: Workspace, bars: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        collected(workspace, files(bars), remembered(breaks_with="an interrupt"))
    [left] = (workspace.root / "collections").iterdir()
    assert (left / "01-ohlcv.json").exists()
    assert not (left / "summary.json").exists()

    done = collected(workspace, files(bars), remembered())
    assert done.complete
    assert done.appended == 6


def test_two_sources_of_one_connector_are_two_steps(workspace: Workspace, bars: Path) -> None:
    done = collected(workspace, files(bars), files(bars, dataset="e"))

    assert [(step.name, step.about) for step in done.steps[1:3]] == [("ohlcv", "d"), ("ohlcv", "e")]
    assert {entry.dataset for entry in Catalog(workspace).datasets()} == {"d", "e"}
    assert len(list(done.folder.glob("*-ohlcv.json"))) == 2


def test_production_bundles_all_that_its_audit_looks_at(workspace: Workspace, bars: Path) -> None:
    """The last days lie outside of the recipe's own window, and must be in the bundle all the same."""
    done = collected(workspace, files(bars), data={"mode": "production", "end": "2024-02-01"})

    assert done.bundle is not None
    assert done.bundle.manifest.rows == 2 * DAYS
