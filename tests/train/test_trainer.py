"""A whole training run: its files, its identity, and what an interruption leaves."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from ashare_market import ashare_history, ashare_recipe

from audited import train
from tidegate.core.errors import CatalogError, DataError, GateNotPassed, RecipeError
from tidegate.core.files import read_json
from tidegate.core.recipe import Recipe
from tidegate.core.time import DAILY
from tidegate.core.workspace import Workspace
from tidegate.data import Catalog
from tidegate.data.recipe_data import read_recipe_data
from tidegate.engine import backtest
from tidegate.evaluate import forecast_quality, newey_west_mean
from tidegate.features import FeatureContract, market_contract
from tidegate.models import load_forecaster
from tidegate.registry import Run, RunStatus, RunStore
from tidegate.train import assemble, trainer
from tidegate.train.fold_run import model_folder, run_fold
from tidegate.train.results import write_quality

RecipeOf = Callable[..., Recipe]
RIDGE = {"strategy": {"scores": "ridge"}}
FILES = {
    "card.md",
    "contract.json",
    "daily_quality.parquet",
    "evaluation.json",
    "folds.json",
    "importance.json",
    "importance_by_fold.json",
    "labels.json",
    "models",
    "plots",
    "recipe.json",
    "scores.parquet",
}


@pytest.fixture(scope="module")
def run(workspace: Workspace, recipe: RecipeOf) -> Run:
    return train(workspace, recipe())


def scores_of(run: Run) -> pl.DataFrame:
    return pl.read_parquet(run.folder / "scores.parquet")


def test_a_finished_run_holds_every_file_and_no_leftover(run: Run) -> None:
    assert run.status is RunStatus.FINISHED
    assert {path.name for path in run.folder.iterdir() if not path.name.startswith(".")} == FILES
    assert run.data_versions == {"bars/made-up": 0}


def test_scores_are_out_of_sample_and_sorted(run: Run) -> None:
    scores = scores_of(run)

    assert scores.schema == {
        "time": pl.Datetime("us", "UTC"),
        "symbol": pl.String(),
        "model": pl.String(),
        "score": pl.Float64(),
        "probability": pl.Float64(),
        "called": pl.Boolean(),
        "fold": pl.Int32(),
        "trained_until": pl.Datetime("us", "UTC"),
    }
    # Equity I.14: for every score row the model knew no label that ends after it.
    assert scores.filter(pl.col("trained_until") > pl.col("time")).is_empty()
    assert scores.equals(scores.sort("model", "time", "symbol"))
    assert scores.select("model", "time", "symbol").is_duplicated().sum() == 0
    assert np.isfinite(scores["score"].to_numpy()).all()


def test_every_close_of_the_test_windows_has_a_score(run: Run, workspace: Workspace, recipe: RecipeOf) -> None:
    panel = read_recipe_data(Catalog(workspace), recipe(), run.data_versions).universe
    first = read_json(run.folder / "folds.json")[0]["test_start"]
    closes = int(np.sum(~np.isnan(panel["close"][panel.times >= first])))
    counts = dict(scores_of(run).group_by("model").len().rows())

    assert counts == {"ridge": closes, "lightgbm": closes}
    # The last rows have no outcome yet and are forecast all the same.
    assert scores_of(run)["time"].dt.epoch("us").max() == panel.times[-1]


def test_the_folds_are_told(run: Run) -> None:
    folds = read_json(run.folder / "folds.json")

    assert [fold["fold"] for fold in folds] == [0, 1]
    assert set(folds[0]) == {
        *("fold", "train_start", "train_end", "test_start", "test_end"),
        *("train_rows", "test_rows", "purged_rows", "embargoed_rows", "trained_until"),
    }
    # Closes at midnight: the sixth decision before the boundary has its exit exactly there.
    assert folds[0]["purged_rows"] == 5


def test_the_planted_signal_is_found(run: Run) -> None:
    """Equity I.14: a synthetic signal is found."""
    evaluation = read_json(run.folder / "evaluation.json")

    for kind in ("ridge", "lightgbm"):
        assert evaluation[kind]["rank_ic"] > 0.1
        assert evaluation[kind]["rank_ic_t"] > 4.0
        assert [row["year"] for row in evaluation[kind]["by_year"]] == [2020, 2021]
        assert run.metrics["models"][kind]["rank_ic"] == evaluation[kind]["rank_ic"]


def test_a_forecast_is_held_against_what_was_forecast(fresh_workspace: Workspace, recipe: RecipeOf) -> None:
    """Scored by returns, a good forecast of volatility looks like a bad one of returns; money stays with returns."""
    chosen = recipe(labels={"horizon_bars": 5, "target": "volatility"}, models={"ridge": {}}, strategy=None)
    run = train(fresh_workspace, chosen)
    found = read_json(run.folder / "evaluation.json")["ridge"]
    data = assemble(read_recipe_data(Catalog(fresh_workspace), chosen, run.data_versions).history(""), chosen)
    scores = np.full(data.target.shape, np.nan)
    rows = np.searchsorted(data.times, scores_of(run)["time"].dt.epoch("us").to_numpy())
    scores[rows, np.searchsorted(data.symbols, scores_of(run)["symbol"].to_numpy())] = scores_of(run)[
        "score"
    ].to_numpy()
    forecast, money = (forecast_quality(data.times, scores, one) for one in (data.target, data.labels.gross))

    assert found["target"] == "volatility"
    assert found["rank_ic"] == pytest.approx(np.nanmean(forecast.rank_ic))
    assert found["gross_rank_ic"] == pytest.approx(np.nanmean(money.rank_ic))
    assert found["gross_hit_rate"] == pytest.approx(np.nanmean(money.hit_rate))
    assert found["quantile_spread"] == pytest.approx(np.nanmean(money.quantile_spread))
    assert found["rank_ic"] != pytest.approx(found["gross_rank_ic"])
    with pytest.raises(RecipeError, match="expected a strategy, to trade by"):
        backtest(fresh_workspace, chosen, train_run=run)


def test_where_returns_are_forecast_both_are_one(run: Run) -> None:
    for found in read_json(run.folder / "evaluation.json").values():
        assert (found["target"], found["gross_rank_ic"], found["gross_hit_rate"]) == (
            *("gross", found["rank_ic"]),
            found["hit_rate"],
        )


def test_a_run_says_what_it_did_not_see(fresh_workspace: Workspace, recipe: RecipeOf) -> None:
    """Crypto D-05: what no source delivers is in no matrix as a constant, and the run says which source it lacks."""
    run = train(fresh_workspace, recipe(features={"groups": ["price", "macro"]}, models={"ridge": {}}, **RIDGE))
    absent = run.metrics["absent_features"]
    used = {one["name"] for one in read_json(run.folder / "contract.json")["features"]}

    assert "no data set under data.uses.macro" in absent.values()
    assert absent
    assert not used & set(absent)
    groups = ("price", "macro")
    asked_for = {one.name for one in market_contract("us-equity", DAILY).features if one.group in groups}
    assert asked_for <= used | set(absent)


def test_the_labels_are_told(run: Run) -> None:
    (told,) = read_json(run.folder / "labels.json")

    assert (told["horizon_bars"], told["round_trip_cost"], told["carry_in_net"]) == (5, 0.002, False)
    assert "net_long_5_bars" in told["names"]


def test_the_errors_of_a_hit_reach_as_far_as_its_trade(tmp_path: Path) -> None:
    """A trade of five days that may wait five more for its sale overlaps with nine others, whatever the horizon."""
    recipe = ashare_recipe()
    data = assemble(ashare_history(5, sessions=200, shares=12), recipe)
    rows, symbols = np.nonzero(data.trainable)
    scores = pl.DataFrame(
        {
            "time": pl.Series(data.times[rows]).cast(pl.Datetime("us", "UTC")),
            "symbol": pl.Series(data.symbols).gather(symbols),
            "model": "ridge",
            "score": np.random.default_rng(2).normal(size=len(rows)) + data.target[rows, symbols],
        }
    )
    found = write_quality(tmp_path, scores, data, "hit")["ridge"]
    matrix = np.full(data.target.shape, np.nan)
    matrix[rows, symbols] = scores["score"].to_numpy()
    of_hits, of_money = (
        newey_west_mean(forecast_quality(data.times, matrix, outcome).rank_ic, lags)
        for outcome, lags in ((data.target, 10), (data.labels.gross, data.labels.horizon_bars))
    )

    assert data.labels.bars_of_target("hit") == 10 != data.labels.horizon_bars == data.labels.bars_of_target("gross")
    assert found["rank_ic_t"] == pytest.approx(of_hits[0] / of_hits[1])
    assert found["gross_rank_ic_t"] == pytest.approx(of_money[0] / of_money[1])


def test_quality_per_day_carries_the_summary(run: Run) -> None:
    daily = pl.read_parquet(run.folder / "daily_quality.parquet")
    means = dict(daily.group_by("model").agg(pl.col("rank_ic").mean()).rows())

    assert daily.columns == ["time", "model", "rank_ic", "hit_rate", "quantile_spread", "count"]
    assert daily["count"].min() > 0
    for kind, mean in means.items():
        assert mean == pytest.approx(run.metrics["models"][kind]["rank_ic"])


def test_importance_is_shared_out(run: Run) -> None:
    declared = market_contract("us-equity", DAILY)
    contract = FeatureContract.from_document(read_json(run.folder / "contract.json"), declared)
    importance = read_json(run.folder / "importance.json")

    assert contract.fingerprint == run.metrics["contract"]
    for kind in ("ridge", "lightgbm"):
        assert set(importance[kind]) == set(contract.names)
        assert sum(importance[kind].values()) == pytest.approx(1.0)


def test_the_stored_model_gives_the_stored_scores(run: Run, workspace: Workspace, recipe: RecipeOf) -> None:
    read = read_recipe_data(Catalog(workspace), recipe(), run.data_versions, sources=True)
    data = assemble(read.history(recipe().universe.benchmark), recipe())
    stored = scores_of(run).filter((pl.col("fold") == 1) & (pl.col("model") == "lightgbm"))
    rows = np.searchsorted(data.times, stored["time"].dt.epoch("us").to_numpy())
    places = np.searchsorted(data.symbols, stored["symbol"].to_numpy())

    forecast = load_forecaster(model_folder(run.folder, "lightgbm", 1)).predict(data.cut(rows, places))

    assert np.array_equal(forecast, stored["score"].to_numpy())


@pytest.mark.parametrize("threads", [1, 2])
def test_a_repeat_gives_the_same_bits(run: Run, workspace: Workspace, recipe: RecipeOf, threads: int) -> None:
    again = train(workspace, recipe(), threads=threads)

    assert again.id != run.id
    assert again.metrics == run.metrics
    assert scores_of(again).equals(scores_of(run))


def test_another_seed_gives_other_scores(run: Run, workspace: Workspace, recipe: RecipeOf) -> None:
    assert train(workspace, recipe(seed=8)).metrics["scores_fingerprint"] != run.metrics["scores_fingerprint"]


def test_an_interrupted_run_goes_on_after_its_last_finished_fold(
    run: Run, fresh_workspace: Workspace, recipe: RecipeOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[int] = []

    def interrupted(folder: Any, recipe: Any, history: Any, data: Any, fold: Any, threads: int) -> None:
        if fold.fold == 1:
            raise KeyboardInterrupt
        run_fold(folder, recipe, history, data, fold, threads)

    monkeypatch.setattr(trainer, "run_fold", interrupted)
    with pytest.raises(KeyboardInterrupt):
        train(fresh_workspace, recipe())
    (broken,) = RunStore(fresh_workspace).list()
    assert broken.status is RunStatus.INTERRUPTED
    first = {path: path.stat().st_mtime_ns for path in broken.folder.rglob("*fold-0/*")}

    def counted(folder: Any, recipe: Any, history: Any, data: Any, fold: Any, threads: int) -> None:
        done.append(fold.fold)
        run_fold(folder, recipe, history, data, fold, threads)

    monkeypatch.setattr(trainer, "run_fold", counted)
    resumed = train(fresh_workspace, recipe())

    assert resumed.id == broken.id
    assert done == [0, 1]
    assert {path: path.stat().st_mtime_ns for path in first} == first, "the finished fold was computed again"
    assert resumed.metrics == run.metrics


def test_a_run_of_other_picks_is_not_taken_up_again(
    fresh_workspace: Workspace, recipe: RecipeOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its figures and picks are of the ten best; a training of the five best makes its own."""

    def stopped(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(trainer, "run_fold", stopped)
    for top_k in (10, 5, 10):
        with pytest.raises(KeyboardInterrupt):
            train(fresh_workspace, recipe(picks={"top_k": top_k}))

    assert sorted(run.recipe["picks"]["top_k"] for run in RunStore(fresh_workspace).list(kind="train")) == [5, 10]


def test_a_half_written_fold_is_computed_again(
    run: Run, fresh_workspace: Workspace, recipe: RecipeOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The model was saved, the forecasts were not: the fold is not finished."""

    def half(folder: Any, recipe: Any, history: Any, data: Any, fold: Any, threads: int) -> None:
        run_fold(folder, recipe, history, data, fold, threads)
        for file in (folder / "folds").iterdir():
            file.unlink()
        raise KeyboardInterrupt

    monkeypatch.setattr(trainer, "run_fold", half)
    with pytest.raises(KeyboardInterrupt):
        train(fresh_workspace, recipe())
    monkeypatch.setattr(trainer, "run_fold", run_fold)

    assert train(fresh_workspace, recipe()).metrics == run.metrics


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"data": {"dataset": "elsewhere"}}, CatalogError, "no data set 'elsewhere'"),
        ({"universe": {"symbols": ["S0001", "GHOST"]}}, GateNotPassed, "the worst GHOST with 0.00%"),
        ({"features": {"groups": ["retrun"]}}, RecipeError, "retrun"),
        ({"split": {"first_test": "2030-01-01"}}, DataError, "first test 2030-01-01"),
    ],
    ids=["data set", "symbol", "group", "split"],
)
def test_what_cannot_be_trained_says_why(
    fresh_workspace: Workspace,
    recipe: RecipeOf,
    changes: dict[str, Any],
    error: type[Exception],
    message: str,
) -> None:
    with pytest.raises(error, match=message):
        train(fresh_workspace, recipe(**changes))
    assert RunStore(fresh_workspace).list(status="finished") == []
