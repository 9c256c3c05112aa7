from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from tidegate.core.errors import RecipeError
from tidegate.core.fingerprint import fingerprint
from tidegate.core.recipe import (
    RECIPE_SCHEMA,
    BacktestSettings,
    FillPrice,
    LegacySettings,
    Recipe,
    load_recipe,
    shipped_recipes,
)
from tidegate.core.recipe_data import CollectStep

FULL: dict[str, Any] = {
    "schema": 1,
    "name": "full",
    "project": "shelf",
    "seed": 7,
    "data": {
        "dataset": "made-up",
        "interval": "1d",
        "start": "2010-01-01",
        "end": "2020-12-31",
        "cash_rate": "bills",
        "uses": {"funding": "paid"},
        "mode": "research",
        "readiness": {
            "production_days": 420,
            "derivatives_days": 30,
            "bars_fraction": 0.9,
            "secondary_bars_fraction": 0.85,
            "order_books_fraction": 0.7,
            "funding_fraction": 0.7,
            "onchain_fraction": 0.7,
            "derivatives_fraction": 0.4,
            "events_per_symbol": 20,
            "posts_per_symbol": 200,
            "symbol_fraction": 1.0,
            "secondary_interval": "1h",
            "derivatives_interval": "5m",
            "onchain_interval": "1d",
        },
        "quality": {
            "mode": "hard",
            "lookback_days": None,
            "missing_rate": 0.02,
            "invalid_price_rate": 0.005,
            "duplicate_rate": 0.02,
            "stale_ratio": 0.1,
            "minimum_rows": 200,
            "training_fraction": 0.7,
        },
    },
    "universe": {
        "snapshot": None,
        "symbols": [],
        "exclude": ["C"],
        "benchmark": "B",
        "index": "I",
        "references": "funds",
        "survivorship_biased": False,
    },
    "features": {
        "contract": "us-equity",
        "groups": ["price", "volume"],
        "exclude": ["momentum_12_1"],
        "expressions": {"mine": {"formula": "close", "group": "price", "unit": "log", "description": "One's own"}},
        "modules": [],
    },
    "labels": {
        "horizon_bars": 5,
        "target": "hit",
        "touch": {"first_day": 3, "last_day": 5, "rise": 0.04, "sell_within_bars": 5, "top_share": 0.2},
    },
    "split": {
        "scheme": "walk_forward",
        "first_test": "2015-01-01",
        "test_months": 12,
        "train_months": 24,
        "validation_months": 2,
        "calibration_months": 2,
        "minimum_folds": 1,
        "embargo_days": 3,
        "minimum_train_days": 365,
    },
    "models": {
        "ridge": {"penalty": 100.0},
        "lightgbm": {
            "trees": 200,
            "learning_rate": 0.03,
            "leaves": 31,
            "minimum_leaf_rows": 200,
            "row_fraction": 0.8,
            "feature_fraction": 0.8,
            "l2_penalty": 1.0,
            "maximum_bins": 255,
        },
        "xgboost": {"trees": 300},
        "ensemble": {"scale": "rank"},
        "refit": "keep",
    },
    "weights": {"scheme": "none"},
    "tune": {"model": "lightgbm", "space": {"learning_rate": {"low": 0.01, "high": 0.1, "log": True}}},
    "search": {
        "grid": {"top_n": [5, 10]},
        "parts": {"validation_share": 0.2},
        "constraints": {"max_drawdown": {"at_most": 0.15}},
        "perturb": {
            "count": 2,
            "base": {"top_n": 7},
            "steps": {"top_n": 1},
            "bounds": {"top_n": {"low": 3, "high": 12}},
        },
        "random": {"count": 3, "space": {"max_exposure": {"low": 0.2, "high": 0.8}}},
        "optuna": {"trials": 5, "space": {"max_exposure": {"low": 0.2, "high": 0.8}}},
    },
    "calibrate": {"method": "isotonic"},
    "picks": {"top_k": 10},
    "strategy": {
        "scores": "lightgbm",
        "rebalance": "weekly",
        "rebalance_day": "monday",
        "top_n": 10,
        "retain_top_n": 5,
        "minimum_score": 0.0,
        "score_delay_bars": 0,
        "max_score_age_bars": 10,
        "stale_scores": "hold",
        "score_smoothing": 0.0,
        "score_smoothing_carry": False,
        "weighting": "equal",
        "max_weight": 0.5,
        "max_exposure": 1.0,
        "volatility_target": 0.0,
        "volatility_of": "portfolio",
        "volatility_window": None,
        "market_filter": False,
        "market_window": 200,
        "dynamic_exposure": True,
        "drawdown_tiers": [0.1],
        "drawdown_exposures": [0.5],
        "tier_mode": "relative",
        "drawdown_exposure_floor": 0.05,
        "max_drawdown": 0.0,
        "max_drawdown_52w": 0.0,
        "drawdown_recovery_ratio": 0.9,
        "guard_reentry": "time_out",
        "guard_sessions": 63,
        "risk_off": "cash",
        "defensives": [],
        "defensive_pick": "best_momentum",
        "defensive_lookback_bars": 20,
        "risk_off_band": 0.05,
        "idle": "none",
        "max_turnover": 0.0,
        "legacy": {
            "riskoff_keeps_book": False,
            "cap_renormalises": False,
            "vol_target_dead": False,
            "tiers_absolute": False,
            "fee_ignored": False,
            "fill_previous_close": False,
            "guard_without_reentry": False,
            "daily_is_weekly": False,
            "holiday_week_skipped": False,
            "retain_alphabetical": False,
            "score_age_unlimited": False,
        },
    },
    "costs": {
        "preset": "free",
        "commission_bps": 5.0,
        "half_spread_bps": 5.0,
        "minimum_fee": 0.0,
        "stamp_tax_sell_bps": 0.0,
        "impact_coefficient": 0.5,
    },
    "backtest": {
        "initial_cash": 1_000_000.0,
        "fill": "next_open",
        "start": "2016-01-01",
        "end": "2019-12-31",
        "participation": 0.0,
        "lot_shares": 0.0,
        "t_plus_one": False,
        "price_limits": False,
        "wait_bars": 0,
        "accounting": "total_return",
        "delisting_haircut": 0.0,
    },
    "collect": [{"connector": "ohlcv", "settings": {"path": "bars.csv"}}],
}

OF_RETURNS: dict[str, Any] = {**FULL, "labels": {"horizon_bars": 5, "target": "gross"}, "calibrate": None}
"""The same recipe with a target that has no probability."""

OTHER: dict[str, Any] = {
    "name": "other",
    "project": "other",
    "seed": 8,
    "data.dataset": "other",
    "data.interval": "1h",
    "data.start": "2011-01-01",
    "data.end": None,
    "data.cash_rate": None,
    "data.uses.funding": "other",
    "data.mode": "production",
    "data.readiness.production_days": 365,
    "data.readiness.derivatives_days": 20,
    "data.readiness.bars_fraction": 0.8,
    "data.readiness.secondary_bars_fraction": 0.8,
    "data.readiness.order_books_fraction": 0.8,
    "data.readiness.funding_fraction": 0.8,
    "data.readiness.onchain_fraction": 0.8,
    "data.readiness.derivatives_fraction": 0.8,
    "data.readiness.events_per_symbol": 10,
    "data.readiness.posts_per_symbol": 10,
    "data.readiness.symbol_fraction": 0.5,
    "data.readiness.secondary_interval": "2h",
    "data.readiness.derivatives_interval": "1h",
    "data.readiness.onchain_interval": "1h",
    "data.quality.mode": "soft",
    "data.quality.lookback_days": 180,
    "data.quality.missing_rate": 0.1,
    "data.quality.invalid_price_rate": 0.1,
    "data.quality.duplicate_rate": 0.1,
    "data.quality.stale_ratio": 0.2,
    "data.quality.minimum_rows": 100,
    "data.quality.training_fraction": 0.5,
    "universe.snapshot": "best",
    "universe.symbols": ["B", "A"],
    "universe.exclude": [],
    "universe.first": 150,
    "universe.benchmark": "A",
    "universe.index": None,
    "universe.references": None,
    "universe.survivorship_biased": True,
    "features.contract": "ashare",
    "features.groups": ["volume", "price"],
    "features.exclude": [],
    "features.expressions.mine.formula": "open",
    "features.expressions.mine.group": "quality",
    "features.expressions.mine.unit": "currency",
    "features.expressions.mine.description": "other",
    "features.modules": [{"file": "mine.py", "code": "other = 1"}],
    "labels.horizon": "1d",
    "labels.horizon_bars": 6,
    "labels.horizons": ["1d", "7d"],
    "labels.target": "relative_hit",
    "labels.touch.first_day": 2,
    "labels.touch.last_day": 6,
    "labels.touch.rise": 0.05,
    "labels.touch.sell_within_bars": 4,
    "labels.touch.top_share": 0.1,
    "labels.threshold": 0.01,
    "labels.buckets": 10,
    "split.scheme": "holdout",
    "split.first_test": "2015-01-02",
    "split.test_months": 6,
    "split.test_days": 90,
    "split.train_months": None,
    "split.train_days": 500,
    "split.validation_months": 1,
    "split.validation_days": 30,
    "split.calibration_months": 1,
    "split.calibration_days": 30,
    "split.fractions": [0.6, 0.1, 0.1, 0.2],
    "split.minimum_folds": 2,
    "split.embargo_days": 0,
    "split.minimum_train_days": 366,
    "models.ridge.penalty": 100.5,
    "models.lightgbm.trees": 201,
    "models.lightgbm.learning_rate": 0.031,
    "models.lightgbm.leaves": 32,
    "models.lightgbm.minimum_leaf_rows": 201,
    "models.lightgbm.row_fraction": 0.9,
    "models.lightgbm.feature_fraction": 0.9,
    "models.lightgbm.l2_penalty": 0.0,
    "models.lightgbm.maximum_bins": 63,
    "models.lightgbm.objective": "lambdarank",
    "models.lightgbm.early_stopping_rounds": 50,
    "models.lightgbm.maximum_depth": 5,
    "models.lightgbm.l1_penalty": 0.1,
    "models.lightgbm.minimum_gain": 0.1,
    "models.xgboost.objective": "regression",
    "models.xgboost.trees": 301,
    "models.xgboost.early_stopping_rounds": 50,
    "models.xgboost.learning_rate": 0.031,
    "models.xgboost.maximum_depth": 7,
    "models.xgboost.minimum_child_weight": 2.0,
    "models.xgboost.row_fraction": 0.9,
    "models.xgboost.feature_fraction": 0.9,
    "models.xgboost.l1_penalty": 0.1,
    "models.xgboost.l2_penalty": 2.0,
    "models.xgboost.minimum_gain": 0.1,
    "models.xgboost.positive_weight": 2.0,
    "models.xgboost.maximum_bins": 64,
    "models.ensemble.scale": "value",
    "models.refit": "with_validation",
    "weights.scheme": "dollar_volume",
    "weights.alpha": 0.5,
    "weights.dollar_volume_window": 10,
    "weights.uniqueness": True,
    "weights.half_life_days": 365,
    "search.objective": "sharpe",
    "search.constraints.max_drawdown.at_least": 0.05,
    "search.constraints.max_drawdown.at_most": 0.2,
    "search.feasible_by": "point",
    "search.probability": 0.9,
    "search.grid.top_n": [5, 15],
    "search.perturb.count": 3,
    "search.perturb.base.top_n": 8,
    "search.perturb.steps.top_n": 2,
    "search.perturb.reach": 2,
    "search.perturb.bounds.top_n.low": 4,
    "search.perturb.bounds.top_n.high": 11,
    "search.perturb.bounds.top_n.step": 2.0,
    "search.perturb.bounds.top_n.log": True,
    "search.random.count": 4,
    "search.random.space.max_exposure.low": 0.3,
    "search.random.space.max_exposure.high": 0.7,
    "search.random.space.max_exposure.step": 0.1,
    "search.random.space.max_exposure.log": True,
    "search.random.around": 0.35,
    "search.optuna.trials": 6,
    "search.optuna.sampler": "random",
    "search.optuna.batch": 5,
    "search.optuna.startup_trials": 5,
    "search.optuna.space.max_exposure.low": 0.3,
    "search.optuna.space.max_exposure.high": 0.7,
    "search.optuna.space.max_exposure.step": 0.1,
    "search.optuna.space.max_exposure.log": True,
    "search.optuna.storage": "sqlite:///other.db",
    "search.parts.validation_share": 0.1,
    "search.parts.final_share": 0.3,
    "search.parts.validation_from": "2015-01-01",
    "search.parts.final_from": "2017-01-01",
    "search.nested": True,
    "search.first_choice_years": 3.0,
    "search.top": 5,
    "search.block_bars": 10,
    "search.replicates": 500,
    "search.level": 0.05,
    "search.overfitting_blocks": 10,
    "tune.model": "xgboost",
    "tune.trials": 10,
    "tune.minutes": 5.0,
    "tune.memory_gib": 2.0,
    "tune.metric": "rank_ic",
    "tune.beta": 1.0,
    "tune.top_k": 5,
    "tune.inner_folds": 2,
    "tune.pruning": False,
    "tune.startup_trials": 5,
    "tune.space.learning_rate.low": 0.02,
    "tune.space.learning_rate.high": 0.2,
    "tune.space.learning_rate.log": False,
    "calibrate.method": "platt",
    "calibrate.rule": "point",
    "calibrate.target_precision": 0.7,
    "calibrate.minimum_calls": 50,
    "calibrate.minimum_days": 5,
    "calibrate.threshold_low": 0.1,
    "calibrate.threshold_high": 0.9,
    "calibrate.threshold_step": 0.02,
    "picks.top_k": 5,
    "picks.reasons": 2,
    "strategy.scores": "ridge",
    "strategy.rebalance": "daily",
    "strategy.rebalance_day": "friday",
    "strategy.top_n": 11,
    "strategy.retain_top_n": 0,
    "strategy.minimum_score": None,
    "strategy.score_delay_bars": 1,
    "strategy.max_score_age_bars": 9,
    "strategy.stale_scores": "exit",
    "strategy.score_smoothing": 0.5,
    "strategy.score_smoothing_carry": True,
    "strategy.weighting": "rank",
    "strategy.max_weight": 0.4,
    "strategy.max_exposure": 0.9,
    "strategy.volatility_target": 0.1,
    "strategy.volatility_of": "benchmark",
    "strategy.volatility_window": 20,
    "strategy.market_filter": True,
    "strategy.market_window": 100,
    "strategy.dynamic_exposure": False,
    "strategy.drawdown_tiers": [0.2],
    "strategy.drawdown_exposures": [0.4],
    "strategy.tier_mode": "absolute",
    "strategy.drawdown_exposure_floor": 0.0,
    "strategy.max_drawdown": 0.1,
    "strategy.max_drawdown_52w": 0.1,
    "strategy.drawdown_recovery_ratio": 0.8,
    "strategy.guard_reentry": "recovery",
    "strategy.guard_sessions": 21,
    "strategy.risk_off": "defensive",
    "strategy.defensives": ["D", "E"],
    "strategy.defensive_pick": "lowest_volatility",
    "strategy.defensive_lookback_bars": 10,
    "strategy.risk_off_band": 0.1,
    "strategy.idle": "benchmark",
    "strategy.max_turnover": 0.1,
    **{f"strategy.legacy.{name}": True for name in LegacySettings.model_fields},
    "costs.preset": "a-share",
    "costs.commission_bps": None,
    "costs.half_spread_bps": 4.0,
    "costs.minimum_fee": 1.0,
    "costs.stamp_tax_sell_bps": 5.0,
    "costs.impact_coefficient": 0.0,
    "backtest.initial_cash": 1.0,
    "backtest.fill": "next_close",
    "backtest.start": None,
    "backtest.end": None,
    "backtest.participation": 0.1,
    "backtest.lot_shares": 100.0,
    "backtest.t_plus_one": True,
    "backtest.price_limits": True,
    "backtest.wait_bars": 2,
    "backtest.accounting": "raw",
    "backtest.delisting_haircut": 0.3,
    "collect": [],
}
IDLE_IN_TRAINING = (
    *(
        "name",
        "project",
        "strategy.",
        # How parameters are searched is the study's; how long the list is changes no forecast.
        "tune.",
        "search.",
        "picks.",
        *(f"backtest.{name}" for name in BacktestSettings.model_fields if name != "fill"),
    ),
    # What an audit asks of the data and how they were brought change no score.
    *("data.mode", "data.readiness.", "data.quality.", "collect"),
)


ALONGSIDE: dict[str, dict[str, object]] = {
    "labels.horizon": {"labels.horizon_bars": None},
    "split.scheme": {"split.fractions": [0.6, 0.1, 0.1, 0.2]},
    "split.test_days": {"split.test_months": None},
    "split.train_days": {"split.train_months": None},
    "split.validation_days": {"split.validation_months": 0},
    "split.calibration_days": {"split.calibration_months": 0},
    "labels.horizons": {"labels.horizon": "1d", "labels.horizon_bars": None},
    "strategy.risk_off": {"strategy.defensives": ["D"]},
    "backtest.lot_shares": {"backtest.accounting": "raw"},
}
"""What has to change with a field, so that the two fit each other."""


def changed_all(content: dict[str, Any], changes: Mapping[str, object]) -> dict[str, Any]:
    def changed(content: dict[str, Any], parts: list[str], value: object) -> dict[str, Any]:
        first, *rest = parts
        return {**content, first: changed(content[first], rest, value) if rest else value}

    for name, one in changes.items():
        content = changed(content, name.split("."), one)
    return content


def with_change(path: str, value: object) -> dict[str, Any]:
    return changed_all(FULL, {**ALONGSIDE.get(path, {}), path: value})


def leaves(content: dict[str, Any], prefix: str = "") -> list[str]:
    return [
        leaf
        for name, value in content.items()
        for leaf in (leaves(value, f"{prefix}{name}.") if isinstance(value, dict) else [prefix + name])
    ]


def reordered(content: Any) -> Any:
    return {key: reordered(content[key]) for key in reversed(content)} if isinstance(content, dict) else content


@pytest.mark.parametrize("name", shipped_recipes())
def test_every_shipped_recipe_loads_by_name_and_by_path(name: str) -> None:
    recipe = load_recipe(name)

    assert recipe.name == name
    assert load_recipe(shipped_recipes()[name]) == recipe
    assert Recipe.model_validate(recipe.model_dump(mode="json", by_alias=True)).fingerprint() == recipe.fingerprint()


def test_a_recipe_survives_its_stored_form() -> None:
    recipe = Recipe.model_validate(FULL)
    stored = Recipe.model_validate(recipe.model_dump(mode="json", by_alias=True))

    assert stored == recipe
    assert stored.fingerprint() == recipe.fingerprint()
    assert stored.training_fingerprint() == recipe.training_fingerprint()


def test_key_order_and_equal_spellings_do_not_count() -> None:
    fingerprint_of_full = Recipe.model_validate(FULL).fingerprint()

    assert Recipe.model_validate(reordered(FULL)).fingerprint() == fingerprint_of_full
    assert Recipe.model_validate(with_change("models.ridge.penalty", 100)).fingerprint() == fingerprint_of_full
    assert Recipe.model_validate(with_change("strategy.minimum_score", -0.0)).fingerprint() == fingerprint_of_full


def test_every_process_agrees() -> None:
    code = "from tidegate.core.recipe import *; print(load_recipe('demo').fingerprint())"
    printed = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
        for seed in ("1", "2")
    }

    assert printed == {load_recipe("demo").fingerprint()}


def test_the_changes_below_cover_every_field() -> None:
    every = Recipe.model_validate(FULL).model_dump(by_alias=True)

    assert sorted(leaves(every)) == sorted(["schema", *OTHER])


@pytest.mark.parametrize(("path", "value"), OTHER.items(), ids=OTHER)
def test_each_field_counts_in_the_fingerprint(path: str, value: object) -> None:
    assert Recipe.model_validate(with_change(path, value)).fingerprint() != Recipe.model_validate(FULL).fingerprint()


@pytest.mark.parametrize(("path", "value"), OTHER.items(), ids=OTHER)
def test_the_training_fingerprint_ignores_the_strategy_and_nothing_that_training_reads(
    path: str, value: object
) -> None:
    same = (
        Recipe.model_validate(with_change(path, value)).training_fingerprint()
        == Recipe.model_validate(FULL).training_fingerprint()
    )

    assert same == path.startswith(IDLE_IN_TRAINING)


@pytest.mark.parametrize(("path", "value"), OTHER.items(), ids=OTHER)
def test_the_data_fingerprint_is_of_data_and_universe_alone(path: str, value: object) -> None:
    """An audit speaks for every recipe on the same data, and for none with other limits."""
    same = Recipe.model_validate(with_change(path, value)).data_fingerprint()

    assert (same == Recipe.model_validate(FULL).data_fingerprint()) is not path.startswith(("data.", "universe."))


def test_a_date_among_the_settings_of_a_source_is_text(tmp_path: Path) -> None:
    """YAML reads 2024-01-31 as a date, which a connector reads as text."""
    steps = "collect: [{connector: ccxt, settings: {start: 2024-01-31, symbols: [BTC, ETH], page: 3, all: true}}]"
    path = tmp_path / "collect.yaml"
    path.write_text(yaml.safe_dump({**FULL, "collect": []}).replace("collect: []", steps), encoding="utf-8")

    (step,) = load_recipe(path).collect

    assert step.settings == {"start": "2024-01-31", "symbols": ["BTC", "ETH"], "page": 3, "all": True}


def test_a_data_kind_that_does_not_exist_is_named_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "kinds.yaml"
    path.write_text(yaml.safe_dump(with_change("data.uses", {"fundign": "x"}), sort_keys=False), encoding="utf-8")

    with pytest.raises(RecipeError, match=r"kinds.yaml:\d+: data.uses.fundign = 'fundign'; .*did you mean 'funding'"):
        load_recipe(path)


def test_recipe_and_training_part_are_told_apart() -> None:
    recipe = Recipe.model_validate(FULL)

    assert recipe.fingerprint() == fingerprint(recipe.model_dump())
    assert recipe.fingerprint() != recipe.training_fingerprint()


def test_a_newer_recipe_asks_for_an_upgrade_before_it_speaks_of_fields(tmp_path: Path) -> None:
    newer = {**OF_RETURNS, "schema": RECIPE_SCHEMA + 1, "quantum": {"qubits": 3}}
    path = tmp_path / "newer.yaml"
    path.write_text("# from the future\n" + yaml.safe_dump(newer, sort_keys=False), encoding="utf-8")

    with pytest.raises(RecipeError, match=r"newer.yaml:2: schema = 2 .*at most 1; upgrade tidegate"):
        load_recipe(path)


@pytest.mark.parametrize("models", [{"ridge": {}}, {"ridge": {}, "lightgbm": None}])
def test_the_scores_must_come_from_a_model_that_is_trained(tmp_path: Path, models: dict[str, Any]) -> None:
    path = tmp_path / "untrained.yaml"
    path.write_text(yaml.safe_dump({**FULL, "models": models}), encoding="utf-8")

    with pytest.raises(RecipeError, match=r"strategy\.scores = 'lightgbm'; expected a model that is trained: ridge"):
        load_recipe(path)


def test_a_universe_has_one_source(tmp_path: Path) -> None:
    path = tmp_path / "two.yaml"
    path.write_text(
        yaml.safe_dump({**OF_RETURNS, "universe": {"snapshot": "best", "symbols": ["A", "B"]}}, sort_keys=False),
        encoding="utf-8",
    )

    with pytest.raises(
        RecipeError, match=r"universe\.symbols = 'A, B'.*either universe\.snapshot or universe\.symbols"
    ):
        load_recipe(path)


def test_at_least_one_model_is_trained(tmp_path: Path) -> None:
    path = tmp_path / "none.yaml"
    path.write_text(yaml.safe_dump({**OF_RETURNS, "models": {}}), encoding="utf-8")

    with pytest.raises(RecipeError, match=r"none.yaml:\d+: models; expected at least one of ridge, lightgbm"):
        load_recipe(path)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("schema", 0),
        ("name", "Full"),
        ("name", "../full"),
        ("name", "n" * 65),
        ("seed", -1),
        ("seed", 2**31),  # the databases' integer
        ("data.interval", "1w"),
        ("data.uses.funding", "Funding Rates"),
        ("data.mode", "paper"),
        ("data.readiness.bars_fraction", 0.0),
        ("data.readiness.symbol_fraction", 0.0),
        ("data.quality.mode", "softer"),
        ("labels.horizon", "1w"),
        ("labels.horizon_bars", 0),
        ("labels.target", "net"),
        ("labels.threshold", 0.5),
        ("labels.buckets", 1),
        ("split.embargo_days", -1),
        ("models.ridge.penalty", 0.0),
        ("models.lightgbm.learning_rate", float("nan")),
        ("strategy.top_n", 0),
        ("strategy.top_n", 10**20),  # 64 bits hold less
        ("strategy.market_window", 10**20),
        ("strategy.max_weight", 0.0),
        ("strategy.max_exposure", 1.1),
        ("costs.preset", "casino"),
        ("costs.commission_bps", -1.0),
        ("costs.minimum_fee", -1.0),
        ("backtest.initial_cash", 0.0),
        ("backtest.fill", "this_close"),
        ("backtest.participation", 1.5),
        ("backtest.lot_shares", -100),
        ("backtest.wait_bars", -1),
        ("backtest.accounting", "gross"),
        ("backtest.delisting_haircut", 1.1),
        ("universe.references", "US ETFs"),
    ],
)
def test_values_out_of_bounds_are_refused_by_name(tmp_path: Path, path: str, value: object) -> None:
    file = tmp_path / "bad.yaml"
    file.write_text(yaml.safe_dump(with_change(path, value)), encoding="utf-8")

    with pytest.raises(RecipeError, match=rf"bad.yaml:\d+: {path} = "):
        load_recipe(file)


BENCHMARK_NEEDED = "expected a symbol to measure the excess over. Hint: name it under universe.benchmark"


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        ({"horizon": "1d", "horizon_bars": 5}, "labels.horizon_bars = 5; expected either labels.horizon or"),
        ({"horizon_bars": None}, "labels.horizon_bars has no value; expected either labels.horizon or"),
        ({"horizons": ["1d", "7d"]}, "labels.horizon has no value; expected one of labels.horizons: 1d, 7d"),
        ({"horizon": "5d", "horizons": ["1d", "7d"]}, "labels.horizon = '5d'; expected one of labels.horizons: 1d, 7d"),
        (
            {"horizon": "1d", "horizons": ["1d", "7d", "1d"]},
            "labels.horizons = '1d, 7d, 1d'; expected each horizon once",
        ),
        ({"horizon": "1d", "horizons": ["1d", "24h"]}, "labels.horizons = '1d, 24h'; expected each horizon once"),
        ({"horizon": "4h"}, "labels.horizon = '4h'; expected days, which count sessions there"),
        ({"horizon": "1d", "horizons": ["1d", "36h"]}, "labels.horizons = '36h'; expected days, which count sessions"),
        ({"horizon": "1d", "horizons": ["1d", "soon"]}, "labels.horizons.1 = 'soon'; expected a count of s, m, h or d"),
        ({"horizon": "1d", "target": "volatility"}, "labels.target = 'volatility'; expected a horizon of 2 bars or"),
        ({"horizon_bars": 1, "target": "volatility"}, "labels.target = 'volatility'; expected a horizon of 2 bars or"),
        ({"target": "volatility"}, "labels.target = 'volatility'; expected a target that says what to buy"),
        ({"target": "benchmark_excess"}, f"labels.target = 'benchmark_excess'; {BENCHMARK_NEEDED}"),
    ],
)
def test_labels_that_cannot_be_made_are_refused_with_their_line(
    tmp_path: Path, labels: dict[str, Any], said: str
) -> None:
    content = {**OF_RETURNS, "universe": {"benchmark": "equal-weight"}}
    content.pop("labels")
    written = "".join(f"  {name}: {json.dumps(value)}\n" for name, value in labels.items())
    path = tmp_path / "labels.yaml"
    path.write_text(f"{yaml.safe_dump(content)}labels:\n{written}", encoding="utf-8")
    with pytest.raises(RecipeError, match=rf"labels.yaml:\d+: {re.escape(said)}") as refusal:
        load_recipe(path)

    field = said.split()[0].split(".")[1]
    line = int(str(refusal.value).split("labels.yaml:")[1].split(":")[0])
    where = f"  {field}:" if field in labels else "labels:"
    assert path.read_text(encoding="utf-8").splitlines()[line - 1].startswith(where)


def test_a_recipe_may_forecast_and_never_trade() -> None:
    forecast = Recipe.model_validate({**OF_RETURNS, "strategy": None, "labels": {"target": "volatility"}})
    traded = Recipe.model_validate(FULL)

    assert Recipe.model_validate(forecast.model_dump(by_alias=True)) == forecast
    assert (forecast.leading_model, traded.leading_model) == (forecast.models.kinds[-1], traded.trading().scores)
    with pytest.raises(RecipeError, match="strategy: null; expected a strategy, to trade by"):
        forecast.trading()


@pytest.mark.parametrize(("interval", "horizon"), [("7m", "1h"), ("5m", "7m"), ("1h", "30m")])
def test_a_horizon_that_the_bars_do_not_divide_is_refused(tmp_path: Path, interval: str, horizon: str) -> None:
    content = {**OF_RETURNS, "data": {**FULL["data"], "interval": interval}, "labels": {"horizon": horizon}}
    path = tmp_path / "bars.yaml"
    path.write_text(yaml.safe_dump(content), encoding="utf-8")

    with pytest.raises(RecipeError, match=rf"labels.horizon = '{horizon}'; expected a multiple of {interval}"):
        load_recipe(path)


def test_a_recipe_names_its_horizon_once_and_keeps_it_when_stored() -> None:
    """A horizon given as a time leaves no count of bars beside it, and none given means five bars."""
    timed = Recipe.model_validate({**OF_RETURNS, "labels": {"horizon": "5d", "horizons": ["1d", "5d", "20d"]}})
    counted = Recipe.model_validate({**OF_RETURNS, "labels": {}})

    assert (timed.labels.horizon, timed.labels.horizon_bars) == ("5d", None)
    assert [reach.bars for reach in timed.labels.reaches(timed.data.interval)] == [5, 1, 20]
    assert (counted.labels.horizon, counted.labels.horizon_bars) == (None, 5)
    assert [reach.name for reach in counted.labels.reaches(counted.data.interval)] == ["5_bars"]
    for recipe in (timed, counted):
        assert Recipe.model_validate(recipe.model_dump(mode="json", by_alias=True)) == recipe


def test_further_horizons_change_the_purge_and_so_the_training() -> None:
    one, more = (
        Recipe.model_validate({**OF_RETURNS, "labels": {"horizon": "1d", "horizons": horizons}})
        for horizons in (["1d"], ["1d", "7d"])
    )

    assert one.training_fingerprint() != more.training_fingerprint()


def test_an_unknown_name_lists_the_recipes_there_are() -> None:
    with pytest.raises(
        RecipeError,
        match="no recipe 'dmeo'; expected one of ashare-picker, crypto-horizons, demo, us-rotation, us-rotation-30, ",
    ):
        load_recipe("dmeo")
    with pytest.raises(RecipeError, match=r"absent.yaml: No such file"):
        load_recipe("absent.yaml")


def test_each_fill_names_its_column() -> None:
    columns = {FillPrice.NEXT_OPEN: "open", FillPrice.NEXT_CLOSE: "close", FillPrice.NEXT_VWAP: "close"}
    assert {fill: fill.column for fill in FillPrice} == columns


@pytest.mark.parametrize(
    "address", ["https://bob:pass@news.example/rss", "https://news.example/rss?page=1&apiKey=abc", "x?access_token=1"]
)
def test_a_recipe_keeps_no_secret(address: str) -> None:
    """It is stored with every run, and shown with it."""
    with pytest.raises(ValidationError, match="without user, password or key"):
        CollectStep(connector="events", settings={"feeds": [address]})
    assert CollectStep(connector="events", settings={"feeds": ["https://news.example/rss?page=1"]}).settings


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            {"strategy.market_filter": True},
            "universe.benchmark = 'equal-weight'; expected a symbol, which the strategy",
        ),
        ({"strategy.idle": "benchmark"}, "universe.benchmark = 'equal-weight'; expected a symbol, which the strategy"),
        (
            {"strategy.max_drawdown": 0.1, "strategy.guard_reentry": "market_filter"},
            "universe.benchmark = 'equal-weight'; expected a symbol, which the strategy decides by. Hint: name one",
        ),
        (
            {"strategy.defensives": ["D", "E"], "universe.symbols": ["A", "D"]},
            "universe.symbols = 'D'; expected names that are not defensive assets too",
        ),
        ({"backtest.lot_shares": 100}, "backtest.accounting = 'total_return'; expected accounting: raw"),
        ({"backtest.price_limits": True}, "costs.preset = 'us-equity'; expected one of a-share, free"),
        ({"backtest.t_plus_one": True}, "costs.preset = 'us-equity'; expected one of a-share, free"),
        (
            {"backtest.price_limits": True, "costs.preset": "a-share", "data.interval": "1h", "labels": {}},
            "data.interval = '1h'; expected 1d",
        ),
    ],
)
def test_rules_that_the_market_or_the_universe_cannot_have_are_refused(
    tmp_path: Path, changes: dict[str, object], said: str
) -> None:
    plain = {
        **OF_RETURNS,
        "universe": {"benchmark": "equal-weight", "symbols": [], "exclude": []},
        "costs": {"preset": "us-equity"},
    }
    content = changed_all({**plain, "backtest": {"accounting": "total_return"}}, changes)
    path = tmp_path / "rules.yaml"
    path.write_text(yaml.safe_dump(content), encoding="utf-8")

    with pytest.raises(RecipeError, match=rf"rules.yaml:\d+: {re.escape(said)}"):
        load_recipe(path)


def test_a_defensive_asset_may_be_listed_where_it_is_excluded() -> None:
    changes = {"strategy.defensives": ["D"], "universe.symbols": ["A", "D"], "universe.exclude": ["D"]}

    assert Recipe.model_validate(changed_all(OF_RETURNS, changes)).trading().defensives == ("D",)


@pytest.mark.parametrize("preset", ["a-share", "free"])
def test_price_limits_go_with_the_market_that_has_them(preset: str) -> None:
    changes = {"backtest.price_limits": True, "backtest.t_plus_one": True, "costs.preset": preset}

    assert Recipe.model_validate(changed_all(OF_RETURNS, changes)).backtest.price_limits


@pytest.mark.parametrize("step", [1e-300, 1e-9, 0.6])
def test_a_step_between_thresholds_has_a_floor(step: float) -> None:
    """A grid of a billion thresholds would never end."""
    with pytest.raises(ValidationError, match=r"calibrate\.threshold_step"):
        Recipe.model_validate(with_change("calibrate.threshold_step", step))


def test_a_holdout_without_a_calibration_share_is_told_to_write_four() -> None:
    """Months of calibration play no part in it."""
    with pytest.raises(ValidationError) as caught:
        Recipe.model_validate(changed_all(FULL, {"split.scheme": "holdout", "split.fractions": [0.6, 0.2, 0.2]}))
    (found,) = (one["ctx"] for one in caught.value.errors())

    assert found["at"] == ("split", "fractions")
    assert found["hint"].startswith("write four")
