"""Tables of a search for the terminal: verdict first, then the best sets, luck, counts and warnings (equity E.9)."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest
from test_tables import drawn

from search_folder import write_search
from tidegate.cli.search_tables import search_tables
from tidegate.core.errors import RunError
from tidegate.core.recipe import Recipe
from tidegate.core.workspace import Workspace
from tidegate.registry import Run, RunKind, RunStore

RECIPE: dict[str, Any] = {
    "name": "rotation",
    "data": {"dataset": "synthetic-us"},
    "split": {"first_test": date(2014, 1, 1)},
    "models": {"ridge": {}, "lightgbm": {}},
    "costs": {"preset": "us-equity"},
}


@pytest.fixture
def run(tmp_path: Path) -> Run:
    store = RunStore(Workspace.create(tmp_path / "work"))
    recipe = Recipe.model_validate(RECIPE)
    with store.begin(kind=RunKind.SEARCH, recipe=recipe, fingerprint_of_work="f", data_versions={}) as begun:
        begun.finish({})
    return store.get(begun.id)


def told(run: Run, **options: Any) -> list[str]:
    found = write_search(run.folder, **{"years": 4, **options})
    return drawn(*search_tables(run, found), width=200).splitlines()


def test_the_verdict_comes_first(run: Run) -> None:
    lines = told(run)

    assert "is recommended, and what it earned over the benchmark is more than the luck of a search." in lines[0]
    assert lines[2].startswith("  The bounds were met: ")


def test_the_best_sets_stand_in_their_parts(run: Run) -> None:
    lines = told(run)

    head = next(line for line in lines if line.startswith("set "))
    for name in ("max_exposure", "volatility_target", "training", "validation", "final", "kept", "adjusted p"):
        assert name in head
    first = lines.index(head)
    assert lines[first - 1] == "Top 3, return a year / largest drawdown"
    assert lines[first + 4].startswith("benchmark ")
    assert all(line.count(" / ") == 3 for line in lines[first + 1 : first + 5])


def test_luck_and_what_was_counted(run: Run) -> None:
    lines = told(run)

    assert "SPA p 0.004 (lower 0.004, upper 0.006), blocks of 21 bars, 1,000 replicates; own adjusted p 0.006" in lines
    assert "beside 0.25 of the benchmark: alpha +1.3% a year, adjusted p 0.006 (best of all sets 0.004)" in lines
    assert "beside it, as no gates: DSR 0.971 at 64 trials, PBO 0.47 over 12,870 splits" in lines
    assert "30 sets: 29 succeeded, 1 failed, 0 without scores; trials counted: 64 (search 60, backtest 4)" in lines


def test_idle_parameters_are_a_warning(run: Run) -> None:
    assert any("These parameters changed nothing: max_drawdown_52w." in line for line in told(run))


def test_nothing_feasible_shows_both_kinds_of_nearest(run: Run) -> None:
    lines = told(run, limit=0.001, verdict="untested")

    assert lines[0] == "No set kept the bounds (drawdown at most 0.1%): nothing is recommended."
    assert any(line.startswith("Nothing kept the bounds; nearest to them") for line in lines)
    assert any(line.startswith("Best by the objective, bounds aside") for line in lines)
    assert not any(line.startswith(("SPA p", "beside 0.")) for line in lines)
    assert any(line.endswith("trials counted: 64 (search 60, backtest 4)") for line in lines)


def test_the_best_are_not_repeated_where_they_are_the_nearest(run: Run) -> None:
    found = write_search(run.folder, years=4, limit=0.001, verdict="luck")
    found["nearest"]["by_objective"] = found["nearest"]["by_constraint"]

    lines = drawn(*search_tables(run, found), width=200).splitlines()

    assert sum(line.startswith("set ") for line in lines) == 1


def test_a_selection_names_its_training_runs(run: Run) -> None:
    lines = told(run, selection=True, limit=0.5, verdict="luck")

    assert lines[0].startswith("Training run train-")
    head = next(line for line in lines if line.startswith("set "))
    assert "training run" in head
    assert "horizon" in head


def test_an_incomplete_document_is_named(run: Run) -> None:
    found = write_search(run.folder, years=4)
    del found["luck"]

    with pytest.raises(RunError, match="luck"):
        search_tables(run, found)
