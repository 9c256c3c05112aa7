"""A whole search on a small market: its files, its numbers again, its resumption, and the trials that it leaves."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from searched_market import document_of, searched_market
from tidegate.core.errors import DataError, InputError, RecipeError, RunError
from tidegate.core.files import read_json
from tidegate.core.progress import Reached
from tidegate.core.recipe import Recipe, SearchSettings
from tidegate.core.time import Instant
from tidegate.core.workspace import Workspace
from tidegate.data import Catalog
from tidegate.registry import Run, RunStatus, RunStore, TrialStore, market_of_dataset
from tidegate.search import Workers, conduct, search
from tidegate.search.runner.manifest import Manifest

SETS = 12
SPACE = {"max_exposure": {"low": 0.2, "high": 1.0}}
OPTUNA = {"optuna": {"trials": 12, "batch": 4, "startup_trials": 4, "space": SPACE}}


class Listener:
    """Hears the progress, and may break in."""

    def __init__(self, at: Callable[[Reached], None] | None = None) -> None:
        self.reached: list[Reached] = []
        self.said: list[str] = []
        self._at = at

    def track(self, items: Any, label: str, total: int | None = None) -> Any:
        yield from items

    def tell(self, reached: Reached) -> None:
        self.reached.append(reached)
        if self._at is not None:
            self._at(reached)

    def say(self, text: str) -> None:
        self.said.append(text)


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A workspace that searches have been made in; tests look at runs that they make themselves."""
    return searched_market().copied(tmp_path_factory.mktemp("searched"))


@pytest.fixture(scope="module")
def run(workspace: Workspace) -> Run:
    return search(workspace, searched_market().recipe)


def asked(**given: Any) -> Recipe:
    """The recipe with another section search."""
    settings = {"block_bars": 10, "replicates": 100, "probability": 0.5, "first_choice_years": 0.5, **given}
    bounds = {"constraints": {"max_drawdown": {"at_most": 0.2}}}
    return searched_market().recipe.model_copy(update={"search": SearchSettings.model_validate({**bounds, **settings})})


def trials_of(workspace: Workspace, run: Run) -> list[Any]:
    document = document_of(run)
    start, end = Instant(document["window"]["start"]), Instant(document["window"]["end"])
    return TrialStore(workspace).overlapping(market_of_dataset(Catalog(workspace), "made-up"), start, end)


def test_the_files_are_there_and_agree(run: Run) -> None:
    """Equity E.9: everything that a report needs, with the fully resolved parameters of every set."""
    document = document_of(run)
    sets, shown = pl.read_parquet(run.folder / "sets.parquet"), pl.read_parquet(run.folder / "curves.parquet")
    content = Manifest(run.folder / "manifest.jsonl").content()

    assert (run.status, run.kind, run.parent) == (RunStatus.FINISHED, "search", searched_market().runs[2].id)
    assert document["counts"]["total"] == document["counts"]["succeeded"] == sets.height == SETS
    assert content["closed"]["total"] == content["closed"]["succeeded"] == SETS
    assert content["closed"]["failed"] == 0
    assert set(content["works"]) == set(sets["key"])
    for row in sets.iter_rows(named=True):
        work = content["works"][row["key"]]
        assert {"max_drawdown_52w", "rebalance", "defensives"} <= work["parameters"].keys()
        assert work["figures"]["cagr"] == row["training_cagr"]
        assert work["figures"]["max_drawdown"] == row["training_max_drawdown"]
    assert shown.height == document["window"]["bars"] + 1
    assert document["searched"]["top_n"] == ["2", "4"]
    assert run.metrics["recommended"]["number"] == document["recommended"]["number"]
    assert run.metrics["verdict"] == document["luck"]["verdict"]
    assert document["years"]
    assert "nested" in shown.columns
    assert document["survivorship"]


def test_numbers_repeat_exactly(workspace: Workspace, run: Run) -> None:
    """The same search once more adds no trial, and finds the same to the bit."""
    before = trials_of(workspace, run)

    again = search(workspace, searched_market().recipe)

    assert again.id != run.id
    assert document_of(again) == document_of(run)
    for name in ("sets", "curves"):
        first, second = (pl.read_parquet(one.folder / f"{name}.parquet") for one in (run, again))
        assert first.equals(second, null_equal=True)
    content = [Manifest(one.folder / "manifest.jsonl").content() for one in (run, again)]
    assert content[0] == content[1]
    assert trials_of(workspace, again) == before
    assert len(before) >= SETS


def test_a_process_pool_and_this_process_agree_to_the_bit(workspace: Workspace, run: Run) -> None:
    """Equity I 10 to 12: who does the work, and in what order it ends, shows nowhere."""
    pooled = search(workspace, searched_market().recipe, workers=Workers(count=2, in_flight=3))

    assert document_of(pooled) == document_of(run)
    first, second = (pl.read_parquet(one.folder / "sets.parquet") for one in (run, pooled))
    assert first.equals(second, null_equal=True)
    assert len(list((pooled.folder / "curves").iterdir())) == SETS > len(list((run.folder / "curves").iterdir()))
    content = [Manifest(one.folder / "manifest.jsonl").content() for one in (run, pooled)]
    assert content[0] == content[1]


def test_an_interrupted_search_ends_as_any_other(
    workspace: Workspace, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Equity I 11: nothing is done twice, and the end is the same."""
    monkeypatch.setattr(conduct, "PIECE", 5)
    monkeypatch.setattr(conduct, "_SECONDS", 0.0)

    def break_in(reached: Reached) -> None:
        if reached.done >= 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        search(workspace, searched_market().recipe, progress=Listener(break_in))
    store = RunStore(workspace)
    broken = store.list(kind="search", limit=1)[0]
    assert broken.status is RunStatus.INTERRUPTED
    left = Manifest(broken.folder / "manifest.jsonl").entries
    assert sum(entry.state == "success" for entry in left.values()) == 5

    listener = Listener()
    resumed = search(workspace, searched_market().recipe, progress=listener)

    assert resumed.id == broken.id
    assert listener.said[0].startswith("resuming")
    assert document_of(resumed) == document_of(run)
    attempts = [entry.last.attempt for entry in Manifest(resumed.folder / "manifest.jsonl").entries.values()]
    assert attempts == [1] * SETS


def test_a_search_that_is_broken_off_has_been_seen_and_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Equity E.10, H 6: figures were shown, so they were tried."""
    monkeypatch.setattr(conduct, "PIECE", 5)
    monkeypatch.setattr(conduct, "_SECONDS", 0.0)
    own = searched_market().copied(tmp_path / "own")

    def break_in(reached: Reached) -> None:
        if reached.done >= 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        search(own, searched_market().recipe, progress=Listener(break_in))

    everything = Instant(0), Instant(2**62)
    counted = TrialStore(own).overlapping(market_of_dataset(Catalog(own), "made-up"), *everything)
    assert [one.kind for one in counted].count("search") == 5


def test_trials_of_two_searches_are_counted_together(workspace: Workspace, run: Run) -> None:
    """Equity E.10, H 6: another grid counts on top; a set that both have counts once."""
    before = len(trials_of(workspace, run))

    wider = search(workspace, asked(grid={"max_exposure": [0.6, 0.8], "top_n": [2]}))

    assert len(trials_of(workspace, wider)) == before + 1  # 0.6 with equal weights was tried before
    told = read_json(wider.folder / "search.json")["luck"]["dsr"]
    assert (told["trials"], told["trials_here"], told["trials_elsewhere"]) == (before + 1, 2, before - 1)


def test_optuna_proposes_by_what_the_grid_did(workspace: Workspace) -> None:
    recipe = asked(grid={"max_exposure": [0.3, 1.0]}, **OPTUNA)

    first, second = search(workspace, recipe), search(workspace, recipe)

    sets = pl.read_parquet(first.folder / "sets.parquet")
    assert sets["origin"].to_list() == ["grid"] * 2 + ["optuna"] * 12
    assert sets["key"].n_unique() == 14
    assert document_of(first) == document_of(second)
    assert (first.folder / "optuna.log").exists()


def test_an_interrupted_optuna_search_proposes_the_same(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conduct, "_SECONDS", 0.0)
    recipe = asked(**OPTUNA)
    whole = search(workspace, recipe)

    def break_in(reached: Reached) -> None:
        assert reached.total == 12
        if reached.done >= 8:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        search(workspace, recipe, progress=Listener(break_in))
    resumed = search(workspace, recipe)

    assert document_of(resumed) == document_of(whole)
    assert Manifest(resumed.folder / "manifest.jsonl").content() == Manifest(whole.folder / "manifest.jsonl").content()


def test_the_best_so_far_is_told(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conduct, "PIECE", 3)
    monkeypatch.setattr(conduct, "_SECONDS", 0.0)
    listener = Listener()

    done = search(workspace, searched_market().recipe, progress=listener)

    assert [one.done for one in listener.reached] == [3, 6, 9, 12]
    best = [one.best for one in listener.reached]
    sets = pl.read_parquet(done.folder / "sets.parquet").filter(pl.col("feasible_by_point"))
    assert best[-1] == sets["training_cagr"].max()
    known = [one for one in best if one is not None]
    assert known == sorted(known)


def test_curves_of_very_many_sets_go_once_they_are_read(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conduct, "_KEPT", 11)

    done = search(workspace, searched_market().recipe)

    assert not list((done.folder / "curves").iterdir())
    assert pl.read_parquet(done.folder / "curves.parquet").width > 2


def test_lost_curves_end_the_resumption_and_not_every_later_search(workspace: Workspace) -> None:
    def break_in(reached: Reached) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        search(workspace, searched_market().recipe, progress=Listener(break_in))
    broken = RunStore(workspace).list(kind="search", limit=1)[0]
    shutil.rmtree(broken.folder / "curves")

    with pytest.raises(RunError, match="without the curves of 12 of 12"):
        search(workspace, searched_market().recipe)
    assert search(workspace, searched_market().recipe).status is RunStatus.FINISHED


def test_a_bound_on_turnover_is_judged_by_the_training_part(workspace: Workspace) -> None:
    bounds = {"turnover": {"at_most": 1e9}}
    done = search(workspace, asked(grid={"top_n": [2, 4]}, constraints=bounds, feasible_by="point"))

    sets = pl.read_parquet(done.folder / "sets.parquet")
    assert sets["training_turnover"].is_between(0.1, 1e9).all()
    assert sets["final_turnover"].null_count() == 2
    assert sets["feasible"].all()


def test_the_scores_of_a_run_of_another_recipe_are_traded(workspace: Workspace, run: Run) -> None:
    """D.6: its own data, models and labels; strategy, costs and money are ours, and the run says so."""
    other = searched_market().runs[1]

    done = search(workspace, asked(grid={"top_n": [2, 4]}), train_run=other)

    assert done.parent == other.id
    assert done.recipe["labels"]["horizon_bars"] == 10
    assert done.recipe["name"] == "searched"
    own = RunStore(workspace).get(done.id)
    assert RunStore(workspace).latest_training(Recipe.model_validate(own.recipe)).id == other.id
    first, second = (pl.read_parquet(one.folder / "sets.parquet")["window_cagr"][0] for one in (run, done))
    assert first != second


def test_what_cannot_be_searched_is_refused_before_anything_is_begun(workspace: Workspace) -> None:
    store, recipe = RunStore(workspace), searched_market().recipe
    before = len(list(store.every()))

    with pytest.raises(RecipeError, match="without a section search"):
        search(workspace, recipe.model_copy(update={"search": None}))
    with pytest.raises(RecipeError, match="names no sets"):
        search(workspace, recipe.model_copy(update={"search": SearchSettings()}))
    with pytest.raises(RunError, match="failed train run"):
        search(workspace, recipe, train_run=searched_market().runs[3])
    with pytest.raises(InputError, match="top_m"):
        search(workspace, asked(grid={"top_m": [1, 2]}))
    with pytest.raises(InputError, match="which the recipe does not carry"):
        search(workspace, asked(grid={"scores": ["lightgbm"]}))

    assert len(list(store.every())) == before


def test_what_is_wrong_with_the_only_training_run_is_told_as_it_is(tmp_path: Path) -> None:
    """No set is simulated, and none is recorded as failed for what is no fault of its own."""
    own, recipe = searched_market().copied(tmp_path), searched_market().recipe
    late = recipe.model_copy(update={"backtest": recipe.backtest.model_copy(update={"start": date(2017, 6, 17)})})
    with pytest.raises((DataError, InputError), match="bars"):
        search(own, late)
    path = RunStore(own).get(searched_market().runs[2].id).folder / "scores.parquet"
    pl.read_parquet(path).with_columns(pl.col("score") + 1.0).write_parquet(path)
    with pytest.raises(RunError, match="scores"):
        search(own, recipe)

    for broken in RunStore(own).list(kind="search"):
        assert broken.status is RunStatus.FAILED
        assert not Manifest(broken.folder / "manifest.jsonl").entries


def test_blocks_longer_than_the_training_part_are_refused_before_anything_is_simulated(workspace: Workspace) -> None:
    with pytest.raises(InputError, match=r"search\.block_bars 100000"):
        search(workspace, asked(grid={"top_n": [2]}, block_bars=100_000))

    broken = next(RunStore(workspace).every(kind="search"))
    assert broken.status is RunStatus.FAILED
    assert not Manifest(broken.folder / "manifest.jsonl").entries


def test_the_growth_of_parts_multiplies_to_that_of_the_window(run: Run) -> None:
    sets = pl.read_parquet(run.folder / "sets.parquet")
    growth = np.prod([1.0 + sets[f"{part}_total_return"] for part in ("training", "validation", "final")], axis=0)

    np.testing.assert_allclose(growth, 1.0 + sets["window_total_return"], rtol=1e-12)


def test_a_training_run_without_the_strategy_s_model_is_traded_by_its_own(workspace: Workspace) -> None:
    recipe, trained = asked(grid={"top_n": [2]}), searched_market().runs[0]
    other = recipe.model_copy(update={"strategy": recipe.trading().model_copy(update={"scores": "lightgbm"})})

    done = search(workspace, other, train_run=trained)

    assert done.recipe["strategy"]["scores"] == trained.recipe["strategy"]["scores"] != "lightgbm"
