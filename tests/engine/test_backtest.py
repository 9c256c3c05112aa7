"""Backtests of recipes, on a small synthetic data set in a real workspace."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from audited import train
from tidegate.core.errors import DataError, LookAheadError, RunError
from tidegate.core.files import read_json
from tidegate.core.recipe import Recipe
from tidegate.core.time import DAY, parse_instant
from tidegate.core.workspace import Workspace
from tidegate.data import Catalog
from tidegate.data.tables import SYMBOL_LIVES
from tidegate.engine import backtest
from tidegate.registry import Run, RunStore, scores_fingerprint
from tidegate.testing import synthetic_bars, synthetic_panel

LONG = (
    "log_return_120", "log_return_252", "momentum_12_1", "average_bias_120", "average_bias_200", "above_average_200",
    "average_50_above_200", "distance_to_high_252",
)  # fmt: skip
RecipeOf = Callable[..., Recipe]
BASE: dict[str, Any] = {
    "name": "small",
    "data": {"dataset": "made-up"},
    "universe": {"exclude": ["S0007"]},
    "features": {"groups": ["price"], "exclude": [*LONG]},
    "labels": {"horizon_bars": 3},
    "split": {"first_test": "2016-06-01", "test_months": 3},
    "models": {"ridge": {}},
    "strategy": {"scores": "ridge", "top_n": 3},
    "costs": {"preset": "us-equity"},
}


def recipe_with(**changes: Any) -> Recipe:
    return Recipe.model_validate({**BASE, **changes})


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """Eight symbols; S0007 begins late and S0006 ends early, which the table of lives tells."""
    made = Workspace.create(tmp_path_factory.mktemp("backtest") / "work")
    days = np.arange(700) * DAY + parse_instant("2015-01-05")
    panel = synthetic_panel(11, 700, 8, times=days)
    bars = synthetic_bars(panel, dataset="made-up")
    listed = (pl.col("symbol") != "S0007") | (pl.col("event_time") > pl.datetime(2016, 8, 1, time_zone="UTC"))
    alive = (pl.col("symbol") != "S0006") | (pl.col("event_time") < pl.datetime(2016, 3, 1, time_zone="UTC"))
    Catalog(made).append("bars", bars.filter(listed & alive))
    Catalog(made).append("symbol_lives", delisting("S0006", datetime(2016, 3, 1, tzinfo=UTC)))
    return made


def delisting(symbol: str, at: datetime) -> pl.DataFrame:
    row = {"dataset": "made-up", "symbol": symbol, "change": "delisted", "event_time": at, "known_time": at}
    columns = {name: kind for name, kind in SYMBOL_LIVES.schema.items() if name != "recorded_time"}
    return pl.DataFrame([{**row, "detail": None, "source": "made", "synthetic": False}], schema=columns)


@pytest.fixture(scope="module")
def trained(workspace: Workspace) -> Run:
    return train(workspace, recipe_with())


def test_a_backtest_repeats_to_the_bit_and_writes_every_file(workspace: Workspace, trained: Run) -> None:
    first, second = (backtest(workspace, recipe_with(), train_run=trained) for _ in range(2))
    assert first.id != second.id
    assert first.metrics == second.metrics
    names = {"equity.parquet", "orders.parquet", "fills.parquet", "ledger.parquet", "performance.json", "recipe.json"}
    assert names <= {path.name for path in first.folder.iterdir()}
    assert first.parent == trained.id


def test_the_benchmark_pays_no_costs_and_the_report_is_told(workspace: Workspace, trained: Run) -> None:
    run = backtest(workspace, recipe_with(), train_run=trained)
    codes = {note["code"] for note in read_json(run.folder / "performance.json")["notes"]}
    assert {"benchmark_without_costs", "equal_weight_benchmark", "cash_earns_nothing"} <= codes


def test_a_benchmark_that_begins_late_is_refused(workspace: Workspace) -> None:
    recipe = recipe_with(universe={"benchmark": "S0007"})
    train(workspace, recipe)
    with pytest.raises(DataError, match=r"S0007 from 2016-08.* on, backtest from 2016-06"):
        backtest(workspace, recipe)


def test_an_index_that_begins_late_is_refused(workspace: Workspace) -> None:
    recipe = recipe_with(universe={"index": "S0007"})
    train(workspace, recipe)
    with pytest.raises(DataError, match="there from the start"):
        backtest(workspace, recipe)


def test_changed_scores_are_noticed(workspace: Workspace) -> None:
    """Future returns written over honest scores would pass every other check."""
    run = train(workspace, recipe_with(seed=99))
    path = run.folder / "scores.parquet"
    pl.read_parquet(path).with_columns(pl.col("score") + 1e-9).write_parquet(path)
    with pytest.raises(RunError, match="not those it recorded"):
        backtest(workspace, recipe_with(seed=99), train_run=run)


def test_scores_of_a_model_that_knew_later_labels_are_look_ahead(workspace: Workspace) -> None:
    """C.7: a final model that scores its own training dates makes a fantasy backtest."""
    run = train(workspace, recipe_with(seed=98))
    path = run.folder / "scores.parquet"
    forged = pl.read_parquet(path).with_columns((pl.col("time") + pl.duration(days=1)).alias("trained_until"))
    forged.write_parquet(path)
    run.metrics["scores_fingerprint"] = scores_fingerprint(forged)
    with pytest.raises(LookAheadError, match="knew later labels"):
        backtest(workspace, recipe_with(seed=98), train_run=run)


def test_scores_of_another_recipe_are_refused(workspace: Workspace, trained: Run) -> None:
    with pytest.raises(RunError, match="trained by another recipe"):
        backtest(workspace, recipe_with(labels={"horizon_bars": 4}), train_run=trained)
    run = backtest(workspace, recipe_with(), train_run=trained)
    with pytest.raises(RunError, match="a finished train run"):
        backtest(workspace, recipe_with(), train_run=run)


def test_what_others_ingest_changes_no_result(workspace: Workspace, trained: Run, tmp_path: Path) -> None:
    before = backtest(workspace, recipe_with(), train_run=trained)
    Catalog(workspace).append(
        "bars", synthetic_bars(synthetic_panel(1, 20, 2, times=np.arange(20) * DAY), dataset="other")
    )
    again = train(workspace, recipe_with())
    assert again.data_versions == trained.data_versions
    assert again.metrics["scores_fingerprint"] == trained.metrics["scores_fingerprint"]
    assert backtest(workspace, recipe_with()).metrics == before.metrics


def test_a_minimum_score_that_nobody_meets_trades_nothing_and_says_so(workspace: Workspace, trained: Run) -> None:
    recipe = recipe_with(strategy={"scores": "ridge", "minimum_score": 1e9})
    run = backtest(workspace, recipe, train_run=trained)
    found = read_json(run.folder / "performance.json")
    assert "nothing_traded" in {note["code"] for note in found["notes"]}
    assert found["strategy"]["cagr"] == 0.0


def test_no_score_at_all_is_an_error_of_training(workspace: Workspace) -> None:
    ended = recipe_with(universe={"symbols": ["S0005", "S0006"]}, data={"dataset": "made-up", "end": "2016-06-30"})
    only = ended.model_copy(update={"universe": ended.universe.model_copy(update={"exclude": ("S0005",)})})
    with pytest.raises(DataError):
        train(workspace, only)
    assert RunStore(workspace).list(status="failed")


def test_dates_bound_the_backtest(workspace: Workspace, trained: Run) -> None:
    recipe = recipe_with(backtest={"start": "2016-07-04", "end": "2016-08-31", "fill": "next_open"})
    times = pl.read_parquet(backtest(workspace, recipe, train_run=trained).folder / "equity.parquet")["time"]
    assert (str(times[0])[:10], str(times[-1])[:10]) == ("2016-07-05", "2016-09-01"), "closes at the next midnight"
