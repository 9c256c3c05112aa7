"""Each set of a search does what a backtest of the same recipe does, to the bit, in this process or another one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from searched_market import searched_market
from tidegate.core.recipe import Recipe, SearchSettings
from tidegate.core.workspace import Workspace
from tidegate.costs import resolve_recipe
from tidegate.engine.backtest import backtest
from tidegate.search import simulate
from tidegate.search.candidates import candidates_of, works_of
from tidegate.search.ground import Ground
from tidegate.search.parts import window_parts
from tidegate.search.runner.backend import Outcome, Work
from tidegate.search.runner.states import State
from tidegate.search.sets.plan import planned_sets
from tidegate.search.shelf import CurveShelf
from tidegate.search.simulate import Elsewhere, Simulator

RUN = searched_market


def works(recipe: Recipe, place: int = 0) -> list[Work]:
    market = searched_market()
    sets = planned_sets(recipe.search or SearchSettings(), recipe.trading(), seed=7)
    run = market.runs[place]
    return works_of(candidates_of(sets, run), {run.id: run}, recipe, "search")


def simulator(folder: Path, recipe: Recipe, **given: Any) -> Simulator:
    settings = recipe.search or SearchSettings()
    ground = Ground(searched_market().workspace, recipe)
    return Simulator(ground=ground, shelf=CurveShelf(folder), settings=settings, **given)


def with_search(**given: Any) -> Recipe:
    recipe = resolve_recipe(searched_market().recipe)
    return recipe.model_copy(update={"search": SearchSettings.model_validate(given)})


def test_every_set_equals_the_backtest_of_its_own_recipe(tmp_path: Path) -> None:
    """Equity H 11 is of the past: one engine, whether a set is tried alone or among others."""
    grid = {"max_exposure": [0.4, 1.0], "top_n": [2, 5], "rebalance": ["weekly", "monthly"], "weighting": ["rank"]}
    recipe = with_search(grid=grid, objective="sharpe")
    asked = works(recipe)
    outcomes = simulator(tmp_path / "curves", recipe)(asked)
    file = next(CurveShelf(tmp_path / "curves").read([one.key for one in asked]))
    own = searched_market().copied(tmp_path)

    for place in (0, 3, 6):
        strategy = recipe.trading().model_validate(asked[place].payload["parameters"])
        alone = recipe.model_copy(update={"strategy": strategy, "search": None})
        done = backtest(own, alone, train_run=searched_market().runs[0])
        table = pl.read_parquet(done.folder / "equity.parquet")
        np.testing.assert_array_equal(table["equity"].to_numpy(), file.equity[:, place])
        if strategy.rebalance == recipe.trading().rebalance:  # the benchmark of the search trades when its recipe does
            np.testing.assert_array_equal(table["benchmark"].to_numpy(), file.benchmark)
    assert {one.status for one in outcomes} == {State.SUCCESS}
    assert len({one.figures["cagr"] for one in outcomes}) == len(asked)


def test_threads_and_company_change_nothing(tmp_path: Path) -> None:
    recipe = with_search(grid={"max_exposure": [0.4, 0.7, 1.0], "top_n": [2, 5]})
    asked = works(recipe)

    together = simulator(tmp_path / "one", recipe)(asked)
    threaded = simulator(tmp_path / "two", recipe, threads=3)(asked)
    alone = [simulator(tmp_path / "three", recipe)([one])[0] for one in asked[::-1]][::-1]

    assert together == threaded == alone


def test_a_run_that_is_gone_fails_by_itself(tmp_path: Path) -> None:
    recipe = with_search(grid={"top_n": [2, 5]})
    first, second = works(recipe)
    lost = Work(key="lost", payload={**second.payload, "train_run": "train-gone"})

    outcomes = simulator(tmp_path, recipe)([lost, first])

    assert [one.key for one in outcomes] == ["lost", first.key]
    assert [one.status for one in outcomes] == [State.FAILED, State.SUCCESS]
    assert "train-gone" in (outcomes[0].error or "")
    assert len(list(tmp_path.iterdir())) == 1


def test_other_closes_than_those_of_the_search_fail(tmp_path: Path) -> None:
    recipe = with_search(grid={"top_n": [2]})

    (outcome,) = simulator(tmp_path, recipe, closes=np.arange(3))(works(recipe))

    assert outcome.status is State.FAILED
    assert "closes in the window" in (outcome.error or "")
    assert not list(tmp_path.iterdir())


def test_turnover_of_the_training_part_is_that_of_an_account_that_ends_there(tmp_path: Path) -> None:
    recipe = with_search(grid={"top_n": [2, 5]}, objective="turnover")
    asked = works(recipe)
    outcomes = simulator(tmp_path, recipe)(asked)
    file = next(CurveShelf(tmp_path).read([one.key for one in asked]))

    assert (file.traded_in_training > 0.0).all()
    assert (file.traded_in_training < file.traded).all()
    end = window_parts(file.times, SearchSettings().parts)[0].stop - 1
    years = (file.times[end] - file.times[0]) / (365.25 * 86_400e6)
    expected = file.traded_in_training / file.equity[: end + 1].mean(axis=0) / years
    assert [one.figures["turnover"] for one in outcomes] == pytest.approx(expected, rel=1e-12)


def test_it_travels_as_a_few_settings(tmp_path: Path) -> None:
    recipe = with_search(grid={"top_n": [2, 5]})
    asked = works(recipe)
    here = simulator(tmp_path / "here", recipe)(asked)
    elsewhere = Elsewhere(
        workspace=searched_market().workspace.root,
        curves=tmp_path / "there",
        recipe=recipe,
        settings=recipe.search or SearchSettings(),
    )
    try:
        there: list[Outcome] = [one for work in asked for one in elsewhere([work])]
        assert len(simulate._ARRIVED) == 1  # its markets are read once
    finally:
        simulate._ARRIVED.clear()

    assert here == there


def test_equal_work_has_one_key_and_anything_that_decides_changes_it() -> None:
    recipe = with_search(grid={"top_n": [2]})
    (base,), (twin,), (other,) = (works(recipe, place) for place in (0, 2, 1))
    richer = recipe.model_copy(update={"backtest": recipe.backtest.model_copy(update={"initial_cash": 1e7})})

    assert base.idempotency_key == twin.idempotency_key
    assert base.payload["train_run"] != twin.payload["train_run"]
    assert len({base.idempotency_key, other.idempotency_key, works(richer)[0].idempotency_key}) == 3
    assert {"scores_sha256", "data", "code", "parameters", "run", "train_run"} <= base.payload.keys()


def test_scores_that_nobody_knows_are_nobody_elses() -> None:
    recipe, market = with_search(grid={"top_n": [2]}), searched_market()
    unknown = [type(run)(**{**vars(run), "metrics": {}, "recipe": market.runs[0].recipe}) for run in market.runs[:2]]
    sets = planned_sets(recipe.search or SearchSettings(), recipe.trading(), seed=7)

    keys = {works_of(candidates_of(sets, run), {run.id: run}, recipe, "s")[0].idempotency_key for run in unknown}

    assert len(keys) == 2


def test_a_workspace_is_opened_where_the_work_arrives() -> None:
    assert Workspace.open(searched_market().workspace.root).root == searched_market().workspace.root
