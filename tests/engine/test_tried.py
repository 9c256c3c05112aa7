"""Every backtest that somebody looks at counts as a trial, once, and the probes inside of one do not."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import polars as pl
import pytest

from audited import train
from tidegate.core.recipe import LegacySettings, Recipe
from tidegate.core.time import DAY, Instant, parse_instant
from tidegate.core.workspace import Workspace
from tidegate.data import Catalog
from tidegate.engine import backtest
from tidegate.engine.backtest import legacy_of_recipe
from tidegate.engine.tried import trial_records
from tidegate.registry import Run, TrialRecord, TrialStore
from tidegate.testing import synthetic_bars, synthetic_panel

ALWAYS = (Instant(0), parse_instant("2100-01-01"))
BASE: dict[str, Any] = {
    "name": "small",
    "data": {"dataset": "made-up"},
    "features": {"groups": ["price"], "exclude": ["log_return_252"]},
    "labels": {"horizon_bars": 5},
    "split": {"first_test": "2016-06-01", "test_months": 6},
    "models": {"ridge": {}},
    "strategy": {"scores": "ridge", "top_n": 2},
    "costs": {"preset": "us-equity"},
}


def recipe_with(**changes: Any) -> Recipe:
    return Recipe.model_validate({**BASE, **changes})


@pytest.fixture(scope="module")
def stocked(tmp_path_factory: pytest.TempPathFactory) -> tuple[Workspace, Run]:
    made = Workspace.create(tmp_path_factory.mktemp("tried") / "work")
    midnights = parse_instant("2015-01-01") + np.arange(1, 701) * DAY
    bars = synthetic_bars(synthetic_panel(3, 700, 6, times=midnights), dataset="made-up")
    Catalog(made).append("bars", bars)
    return made, train(made, recipe_with())


@pytest.fixture
def fresh(stocked: tuple[Workspace, Run]) -> Callable[[], list[TrialRecord]]:
    """Return what asks for the trials that came since the test began."""
    store = TrialStore(stocked[0])
    before = {one.fingerprint for one in store.overlapping("24/7", *ALWAYS)}
    return lambda: [one for one in store.overlapping("24/7", *ALWAYS) if one.fingerprint not in before]


def test_a_backtest_leaves_one_trial_however_often_it_runs(
    stocked: tuple[Workspace, Run], fresh: Callable[[], list[TrialRecord]]
) -> None:
    """Repeated work adds nothing, under another name neither, and the probes of parameters and size do not count."""
    workspace, trained = stocked
    run = backtest(workspace, recipe_with(), train_run=trained)
    backtest(workspace, recipe_with(), train_run=trained)
    backtest(workspace, recipe_with(name="other", project="elsewhere"))
    [found] = fresh()

    curves = pl.read_parquet(run.folder / "equity.parquet")
    times = curves["time"].dt.epoch("us").to_list()
    own, market = (np.diff(curves[name]) / curves[name].to_numpy()[:-1] for name in ("equity", "benchmark"))
    assert (found.start, found.end, found.bars) == (times[0], times[-1], len(times) - 1)
    assert found.sharpe == pytest.approx(own.mean() / own.std(ddof=1), rel=1e-9)
    assert found.excess_sharpe == pytest.approx((own - market).mean() / (own - market).std(ddof=1), rel=1e-9)
    assert (found.kind, found.run, found.recipe_name, found.market) == ("backtest", run.id, "small", "24/7")


def test_another_strategy_is_another_trial(
    stocked: tuple[Workspace, Run], fresh: Callable[[], list[TrialRecord]]
) -> None:
    workspace, trained = stocked
    for changes in ({"top_n": 3}, {"top_n": 4}, {"top_n": 3}):
        backtest(workspace, recipe_with(strategy={"scores": "ridge", **changes}), train_run=trained)

    assert len(fresh()) == 2


def test_a_backtest_that_fails_leaves_none(
    stocked: tuple[Workspace, Run], fresh: Callable[[], list[TrialRecord]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_arguments: Any, **_named: Any) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(sys.modules["tidegate.engine.backtest"], "write_results", fail)
    with pytest.raises(OSError, match="disk full"):
        backtest(stocked[0], recipe_with(strategy={"scores": "ridge", "top_n": 5}), train_run=stocked[1])

    assert fresh() == []


def test_the_switches_that_somebody_looks_at_are_counted(
    stocked: tuple[Workspace, Run], fresh: Callable[[], list[TrialRecord]]
) -> None:
    """The one without switches is the backtest itself, which counts already."""
    workspace, trained = stocked
    recipe = recipe_with(strategy={"scores": "ridge", "top_n": 1})
    run = backtest(workspace, recipe, train_run=trained)
    assert len(fresh()) == 1

    effects = legacy_of_recipe(workspace, recipe, run)
    legacy_of_recipe(workspace, recipe, run)

    assert [one.switch for one in effects] == ["none", *LegacySettings.model_fields, "all"]
    assert len(fresh()) == len(effects)
    assert {one.run for one in fresh()} == {run.id}


def test_curves_without_a_ratio_are_trials_without_one() -> None:
    """What never moved, was ruined, or lasted one bar has no Sharpe ratio, and counts nevertheless."""
    times = np.arange(1, 5) * DAY
    equity = np.array([[1.0, 1.0, 1.0], [1.0, 0.0, 1.1], [1.0, -0.5, 1.3], [1.0, -0.5, 1.2]])
    named = {"market": "XNYS", "kind": "search", "run": "r", "recipe_name": "n"}

    idle, ruined, risen = trial_records("abc", times=times, equity=equity, benchmark=equity[:, 2], **named)
    [single] = trial_records(["d"], times=times[:2], equity=equity[:2, 2:], benchmark=equity[:2, 0], **named)

    assert (idle.sharpe, ruined.sharpe, single.sharpe, single.bars) == (None, None, None, 1)
    assert (ruined.excess_sharpe, risen.excess_sharpe) == (None, None)
    assert idle.excess_sharpe is not None
    assert risen.sharpe is not None
    assert idle.excess_sharpe == pytest.approx(-risen.sharpe)
