"""A point-in-time universe, from bars to fills: nobody is trained on, forecast or bought before it belongs."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from audited import train
from tidegate.core.errors import CatalogError, DataError
from tidegate.core.files import read_json
from tidegate.core.history import History
from tidegate.core.recipe import Recipe
from tidegate.core.time import DAILY, DAY, Instant, parse_instant
from tidegate.core.workspace import Workspace
from tidegate.data import Catalog
from tidegate.data.recipe_data import pinned_versions, read_recipe_data
from tidegate.data.tables import MOMENT
from tidegate.data.universe import UniverseRules, build_universe, membership, resolve_universe
from tidegate.engine import backtest
from tidegate.features import market_contract
from tidegate.registry import Run
from tidegate.testing import synthetic_bars, synthetic_panel
from tidegate.train import assemble

SHORT_RETURNS = {f"log_return_{bars}" for bars in (1, 5, 10, 20, 60)}
OTHERS = [one.name for one in market_contract("us-equity", DAILY).features if one.name not in SHORT_RETURNS]
BASE: dict[str, Any] = {
    "name": "small",
    "data": {"dataset": "made-up"},
    "universe": {"snapshot": "best", "exclude": ["S0001"]},
    "features": {"exclude": OTHERS},
    "labels": {"horizon_bars": 3},
    "split": {"first_test": "2016-06-01", "test_months": 3},
    "models": {"ridge": {}},
    "strategy": {"scores": "ridge", "top_n": 2},
    "costs": {"preset": "us-equity"},
}
DAYS = np.arange(700) * DAY + parse_instant("2015-01-05")


def recipe_with(**changes: Any) -> Recipe:
    return Recipe.model_validate({**BASE, **changes})


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """Ten symbols whose trading comes and goes, and the five most traded of every month."""
    made = Workspace.create(tmp_path_factory.mktemp("membership") / "work")
    bars = synthetic_bars(synthetic_panel(11, 700, 10, times=DAYS), dataset="made-up")
    phase = (pl.col("event_time").dt.epoch("d") / 25.0 + pl.col("symbol").str.slice(1).cast(pl.Float64)).sin()
    Catalog(made).append("bars", bars.with_columns(traded_value=(3.0 * phase).exp()))
    rules = {"name": "best", "dataset": "made-up", "top_n": 5, "retain": 1, "rebalance": "monthly", "lookback_bars": 5}
    build_universe(Catalog(made), UniverseRules.model_validate({**rules, "exclude": ("S0001",)}))
    return made


@pytest.fixture(scope="module")
def trained(workspace: Workspace) -> Run:
    return train(workspace, recipe_with())


@pytest.fixture(scope="module")
def traded(workspace: Workspace, trained: Run) -> Run:
    return backtest(workspace, recipe_with(), train_run=trained)


def test_the_universe_changes_at_all(workspace: Workspace) -> None:
    data = read_recipe_data(Catalog(workspace), recipe_with(), pinned_versions(Catalog(workspace), recipe_with()))

    assert data.membership is not None
    assert data.membership.shape == data.universe.shape
    assert set(data.membership.sum(axis=1).tolist()) == {0, 5}
    assert 5 < data.membership.any(axis=0).sum() < 10


def test_training_rows_are_those_of_members(workspace: Workspace) -> None:
    recipe = recipe_with()
    data = read_recipe_data(Catalog(workspace), recipe, pinned_versions(Catalog(workspace), recipe))
    every = assemble(History(data.universe), recipe)
    mine = assemble(data.history(recipe.universe.benchmark), recipe)

    assert np.array_equal(mine.trainable, every.trainable & data.membership)
    assert np.array_equal(mine.predictable, every.predictable & data.membership)
    assert np.array_equal(mine.features.values, every.features.values, equal_nan=True)


def test_every_score_and_every_purchase_is_of_a_member(workspace: Workspace, trained: Run, traded: Run) -> None:
    """C.5: a universe of the future would train on and buy names because they became large later."""
    catalog = Catalog(workspace)
    scores = pl.read_parquet(trained.folder / "scores.parquet")
    for moment, part in scores.sample(60, seed=1).group_by("time"):
        belongs = resolve_universe(catalog, "best", parse_instant(moment[0])).symbols
        assert set(part["symbol"]) <= set(belongs)
    fills = pl.read_parquet(traded.folder / "fills.parquet")
    for row in fills.filter(pl.col("quantity") > 0).iter_rows(named=True):
        assert row["symbol"] in resolve_universe(catalog, "best", parse_instant(row["decided_at"])).symbols


def test_what_leaves_the_universe_is_sold_and_the_order_says_so(workspace: Workspace, traded: Run) -> None:
    orders = pl.read_parquet(traded.folder / "orders.parquet")
    sold = orders.filter(pl.col("reason") == "not a member")

    assert sold.height > 0
    assert (sold["wanted"] < 0).all()
    for row in sold.iter_rows(named=True):
        belongs = resolve_universe(Catalog(workspace), "best", parse_instant(row["decided_at"])).symbols
        assert row["symbol"] not in belongs


def test_runs_pin_the_version_of_the_universe(workspace: Workspace, trained: Run, traded: Run) -> None:
    versions = {"bars/made-up": 0, "universe/best": 0}

    assert {name: trained.data_versions[name] for name in versions} == versions
    assert traded.data_versions == trained.data_versions


def test_a_later_snapshot_does_not_reach_a_run_that_pinned_an_earlier_version(
    workspace: Workspace, tmp_path: Path
) -> None:
    copy = Workspace.create(tmp_path / "work")
    shutil.copytree(workspace.catalog_folder, copy.catalog_folder, dirs_exist_ok=True)
    catalog, recipe = Catalog(copy), recipe_with()
    versions = pinned_versions(catalog, recipe)
    before = read_recipe_data(catalog, recipe, versions).membership
    rows = catalog.read("universe", dataset="best", as_of=Instant(int(DAYS[-1]))).collect()
    last = rows.filter(pl.col("event_time") == pl.col("event_time").max()).drop("recorded_time")
    late = pl.lit(DAYS[-3]).cast(pl.Datetime("us", "UTC"))
    catalog.append("universe", last.with_columns(late.alias("event_time"), late.alias("known_time"), is_member=False))

    assert np.array_equal(read_recipe_data(catalog, recipe, versions).membership, before)
    assert not membership(catalog, "best", DAYS, ["S0000", "S0002", "S0003", "S0004", "S0005"])[-1].any()


def codes(run: Run) -> set[str]:
    return {note["code"] for note in read_json(run.folder / "performance.json")["notes"]}


WARNINGS = {"survivorship", "static_list", "static_data_set", "snapshots_of_bars"}


def test_snapshots_without_known_delistings_say_so(trained: Run, traded: Run) -> None:
    assert codes(traded) & WARNINGS == {"snapshots_of_bars"}
    assert {run.metrics["survivorship"] for run in (trained, traded)} == {"snapshots_of_bars"}


def test_snapshots_with_known_lives_need_no_warning(workspace: Workspace, tmp_path: Path) -> None:
    copy = Workspace.create(tmp_path / "work")
    shutil.copytree(workspace.catalog_folder, copy.catalog_folder, dirs_exist_ok=True)
    listed = listings_of([f"S{place:04d}" for place in range(10)])
    gone = listings_of(["GONE"]).with_columns(change=pl.lit("delisted"))
    Catalog(copy).append("symbol_lives", pl.concat([listed, gone]))
    trained = train(copy, recipe_with())
    traded = backtest(copy, recipe_with(), train_run=trained)

    assert not codes(traded) & WARNINGS
    assert {run.metrics["survivorship"] for run in (trained, traded)} == {"point_in_time"}


def listings_of(symbols: list[str]) -> pl.DataFrame:
    begin = pl.lit(DAYS[0]).cast(MOMENT)
    return pl.DataFrame({"symbol": symbols}).select(
        pl.lit("made-up").alias("dataset"),
        "symbol",
        pl.lit("listed").alias("change"),
        begin.alias("event_time"),
        begin.alias("known_time"),
        pl.lit(None, pl.String).alias("detail"),
        pl.lit("test").alias("source"),
        pl.lit(value=False).alias("synthetic"),
    )


@pytest.mark.parametrize(
    ("universe", "code", "stored"),
    [
        ({"symbols": ["S0002", "S0003", "S0004"]}, "static_list", "static_list"),
        ({}, "static_data_set", "static_data_set"),
        ({"survivorship_biased": True}, "survivorship", "survivors_only"),
        ({"survivorship_biased": True, "snapshot": "best"}, "survivorship", "survivors_only"),
    ],
)
def test_every_run_of_a_static_list_carries_the_warning(
    workspace: Workspace, universe: dict[str, Any], code: str, stored: str
) -> None:
    recipe = recipe_with(universe=universe)
    trained = train(workspace, recipe)
    run = backtest(workspace, recipe, train_run=trained)

    assert codes(run) & WARNINGS == {code}
    assert (trained.metrics["survivorship"], run.metrics["survivorship"]) == (stored, stored)


def test_a_universe_that_is_not_there_stops_the_run(workspace: Workspace) -> None:
    with pytest.raises(CatalogError, match=r"no data set 'worst' in universe.*tidegate universe build"):
        train(workspace, recipe_with(universe={"snapshot": "worst"}))


def test_a_universe_of_a_later_time_is_refused(workspace: Workspace) -> None:
    early = recipe_with(data={"dataset": "made-up", "end": "2015-02-20"})

    with pytest.raises(DataError, match="without a member"):
        train(workspace, early)
