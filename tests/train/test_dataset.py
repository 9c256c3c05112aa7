"""What may be trained on and what may be forecast, and the planted tests on the whole chain."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from tidegate.core.clock import frozen_clock
from tidegate.core.errors import DataError
from tidegate.core.history import History
from tidegate.core.panel import Panel
from tidegate.core.randomness import generator
from tidegate.core.recipe import Recipe
from tidegate.core.time import DAY, parse_instant
from tidegate.core.workspace import Workspace
from tidegate.costs import PRESETS
from tidegate.data import Catalog
from tidegate.data.recipe_data import read_recipe_data
from tidegate.evaluate import forecast_quality, newey_west_mean
from tidegate.split import WalkForward
from tidegate.testing import synthetic_panel
from tidegate.train import Dataset, assemble
from tidegate.train.dataset import labels_of
from tidegate.train.fold_run import fold_scores, run_fold

RecipeOf = Callable[..., Recipe]
VERSIONS = {"bars/made-up": 0}


def test_a_row_is_trained_on_with_a_label_and_forecast_with_a_close(recipe: RecipeOf) -> None:
    panel = synthetic_panel(31, 60, 6, gaps=0.1)
    data = assemble(History(panel), recipe())

    assert np.array_equal(data.trainable, data.features.present() & ~np.isnan(data.labels.gross))
    assert np.array_equal(data.predictable, data.features.present() & ~np.isnan(panel["close"]))
    assert data.trainable[:-6].any(axis=1).all()
    assert not data.trainable[-6:].any()
    assert data.predictable[-6:].any(axis=1).all()


def test_who_did_not_trade_takes_no_place_in_a_tested_list(recipe: RecipeOf) -> None:
    """Live lists leave such a name out: the figures of the tests are of the same lists."""
    panel = synthetic_panel(31, 60, 6)
    volume = panel["volume"].copy()
    volume[50, 2] = 0.0
    traded, idle = (
        assemble(History(panel), recipe()),
        assemble(History(panel.with_columns({"volume": volume})), recipe()),
    )

    assert traded.predictable[50, 2]
    assert np.argwhere(traded.predictable != idle.predictable).tolist() == [[50, 2]]


def test_samples_and_their_features_agree(recipe: RecipeOf) -> None:
    data = assemble(History(synthetic_panel(32, 60, 6, gaps=0.1)), recipe())
    rows, symbols = data.samples(np.array([40, 30]), data.trainable)

    assert set(rows) == {30, 40}
    assert len(rows) == data.trainable[[30, 40]].sum()
    for place, (row, symbol) in enumerate(zip(rows, symbols, strict=True)):
        expected = data.features.values[row, symbol]
        assert np.array_equal(data.cut(rows, symbols)[place], expected, equal_nan=True)


def test_the_excess_is_forecast_where_the_recipe_says_so(recipe: RecipeOf) -> None:
    panel = synthetic_panel(33, 60, 6)
    data = assemble(History(panel), recipe(labels={"horizon_bars": 5, "target": "excess"}))

    np.testing.assert_allclose(np.nansum(data.target, axis=1), 0.0, atol=1e-12)


@pytest.mark.parametrize("target", ["gross", "excess", "rank", "volatility"])
def test_each_target_is_the_label_of_the_trained_horizon(recipe: RecipeOf, target: str) -> None:
    settings = {"horizon": "2d", "horizons": ["1d", "2d", "10d"], "target": target}
    chosen = recipe(labels=settings, strategy=None)
    data = assemble(History(synthetic_panel(33, 60, 6, gaps=0.05)), chosen)

    assert np.array_equal(data.target, data.labels.values(f"{target}_2d"), equal_nan=True)
    assert data.labels.horizon_bars == 2
    assert len(data.labels.spans) == 60 - 11, "the purge follows the longest horizon in use"


def test_the_excess_over_the_benchmark_needs_its_price_at_the_fill(recipe: RecipeOf) -> None:
    panel = synthetic_panel(33, 60, 6)
    chosen = recipe(labels={"target": "benchmark_excess"}, universe={"benchmark": "SPY"})
    opens = np.repeat(np.exp(np.arange(60) * 0.001)[:, np.newaxis], 6, axis=1)
    data = assemble(History(panel.with_columns({"benchmark_open": opens})), chosen)

    np.testing.assert_allclose(data.target[:54], data.labels.gross[:54] - 0.005)
    with pytest.raises(DataError, match=r"name a symbol under universe\.benchmark"):
        assemble(History(panel.with_columns({"benchmark_close": opens})), chosen)


def test_the_benchmark_stands_beside_the_bars_of_a_recipe(workspace: Workspace, recipe: RecipeOf) -> None:
    chosen = recipe(labels={"target": "benchmark_excess"}, universe={"benchmark": "S0003"})
    read = read_recipe_data(Catalog(workspace), chosen, VERSIONS)
    data = assemble(read.history("S0003"), chosen)
    opens = np.log(read.panel["open"][:, read.panel.symbols.index("S0003")])
    expected = data.labels.gross[:-6] - (opens[6:] - opens[1:-5])[:, np.newaxis]

    np.testing.assert_allclose(data.target[:-6], expected)
    assert "S0003" not in data.symbols


def test_labels_alone_are_those_that_training_uses(recipe: RecipeOf) -> None:
    """Crypto D-32: one cost model, whoever asks."""
    panel, member = synthetic_panel(33, 60, 6), np.tile([1.0, 1.0, 0.0, 1.0, 1.0, 1.0], (60, 1))
    history = History(panel.with_columns({"member": member}))
    alone, data = labels_of(history, recipe()), assemble(history, recipe())

    assert np.isnan(alone.gross[:, 2]).all()
    assert not data.predictable[:, 2].any()

    assert alone.names == data.labels.names
    for name in alone.names:
        assert np.array_equal(alone.values(name), data.labels.values(name), equal_nan=True)
    assert alone.round_trip_cost == PRESETS["us-equity"].round_trip_rate()


def universe_of(workspace: Workspace, recipe: Recipe) -> Panel:
    return read_recipe_data(Catalog(workspace), recipe, VERSIONS).universe


def test_benchmark_and_index_are_not_traded_unless_listed(workspace: Workspace, recipe: RecipeOf) -> None:
    measured = {"benchmark": "S0003", "index": "S0004", "exclude": ["S0005"]}
    panel = universe_of(workspace, recipe(universe=measured))
    listed = universe_of(workspace, recipe(universe={**measured, "symbols": ["S0001", "S0003"]}))

    assert len(panel.symbols) == 21
    assert not {"S0003", "S0004", "S0005"} & set(panel.symbols)
    assert listed.symbols == ("S0001", "S0003")


def test_nothing_after_the_end_of_the_data_is_read(workspace: Workspace, recipe: RecipeOf) -> None:
    until = recipe(data={"dataset": "made-up", "end": "2020-06-30"})
    panel = universe_of(workspace, until)

    assert panel.times[-1] == parse_instant("2020-07-01"), "the bar that closes at the midnight after the last day"


def test_nothing_that_is_not_known_yet_is_read(workspace: Workspace, recipe: RecipeOf) -> None:
    with frozen_clock(parse_instant("2020-05-05T12:00:00Z")):
        panel = universe_of(workspace, recipe())

    assert panel.times[-1] == parse_instant("2020-05-05")


def mean_ic(folder: Path, recipe: Recipe, data: Dataset) -> tuple[float, float]:
    """Train every fold with ridge and return the mean rank IC with its standard error."""
    scores = np.full(data.target.shape, np.nan)
    history = History(Panel(data.times, data.symbols, {"close": np.ones(data.target.shape)}))
    for fold in WalkForward(recipe.split).split(data.times, data.labels.spans):
        run_fold(folder, recipe, history, data, fold, threads=1)
        part = pl.read_parquet(fold_scores(folder, fold.fold))
        rows = np.searchsorted(data.times, part["time"].dt.epoch("us").to_numpy())
        scores[rows, np.searchsorted(data.symbols, part["symbol"].to_numpy())] = part["score"].to_numpy()
    quality = forecast_quality(data.times, scores, np.asarray(data.labels.gross))
    return newey_west_mean(quality.rank_ic, data.labels.horizon_bars)


def planted(edge: float, recipe: Recipe) -> Dataset:
    times = parse_instant("2017-01-01") + np.arange(1300) * DAY
    return assemble(History(synthetic_panel(34, 1300, 30, edge=edge, times=times)), recipe)


@pytest.fixture
def ridge(recipe: RecipeOf) -> Recipe:
    split = {"first_test": "2018-07-01", "test_months": 12}
    return recipe(models={"ridge": {}}, strategy={"scores": "ridge"}, split=split)


def test_a_planted_signal_is_found(tmp_path: Path, ridge: Recipe) -> None:
    mean, error = mean_ic(tmp_path, ridge, planted(0.2, ridge))

    assert mean > 0.1
    assert mean / error > 5.0


def test_shuffled_labels_teach_nothing(tmp_path: Path, ridge: Recipe) -> None:
    """Equity I.14 and I.15: with permuted labels the IC is about 0; otherwise labels reach the test."""
    data = planted(0.2, ridge)
    random = generator(1, "shuffle")
    order = random.permutation(np.flatnonzero(data.trainable.any(axis=1)))
    target = data.target.copy()
    target[np.sort(order)] = random.permuted(data.target[order], axis=1)
    shuffled = replace(data, target=target, trainable=data.trainable & ~np.isnan(target))
    mean, error = mean_ic(tmp_path, ridge, shuffled)

    assert abs(mean) < max(0.03, 3.0 * error)


def test_pure_noise_teaches_nothing(tmp_path: Path, ridge: Recipe) -> None:
    mean, error = mean_ic(tmp_path, ridge, planted(0.0, ridge))

    assert abs(mean / error) < 3.0


def test_a_label_among_the_features_would_be_seen(tmp_path: Path, ridge: Recipe) -> None:
    """The guarded thing, broken: with the outcome as a feature, noise is forecast almost perfectly."""
    data = planted(0.0, ridge)
    values = data.features.values.copy()
    values[:, :, 0] = data.labels.gross
    leaking = replace(data, features=replace(data.features, values=values))

    assert mean_ic(tmp_path, ridge, leaking)[0] > 0.8


def test_a_fold_without_a_usable_row_says_so(tmp_path: Path, ridge: Recipe) -> None:
    data = planted(0.0, ridge)
    nothing = replace(data, trainable=np.zeros_like(data.trainable))

    with pytest.raises(DataError, match="no usable row"):
        mean_ic(tmp_path, ridge, nothing)
