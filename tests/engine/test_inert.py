"""Parameters that change nothing are found, named, and explained; those that act are not."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rotation_random import random_case
from tidegate.core.errors import InputError
from tidegate.core.recipe_strategy import LegacySettings, StrategySettings, Weighting
from tidegate.core.time import DAY, HOUR, parse_instant
from tidegate.core.units import FloatArray
from tidegate.costs import CostModel
from tidegate.engine.inert import SweptParameter, inert_report, probe
from tidegate.engine.inert_settings import WhyInert, unable_to_bind
from tidegate.engine.market import Market
from tidegate.engine.sweep import Sweep, Trial, run_trials

CASH = 100_000.0
GRID = (0.022, 0.026, 0.028, 0.030, 0.033)
RUN_462: dict[str, Any] = {
    "top_n": 30,
    "retain_top_n": 10,
    "weighting": "score",
    "minimum_score": 0.0,
    "max_exposure": 0.4,
    "max_turnover": 0.08,
}


@cache
def market(rows: int = 130, count: int = 60) -> Market:
    random = np.random.default_rng(3)
    close = 50.0 * np.exp(np.cumsum(random.normal(0.0, 0.02, (rows, count)), axis=0))
    return Market(
        times=parse_instant("2024-01-01") + 21 * HOUR + np.arange(rows, dtype=np.int64) * DAY,
        symbols=tuple(f"S{place:02d}" for place in range(count)),
        close=close,
        mark=close,
        traded=np.ones((rows, count), dtype=np.bool_),
        fill=close,
        score=np.cumsum(random.normal(0.0, 0.2, (rows, count)), axis=0),
        candidate=np.ones(count, dtype=np.bool_),
        lot=np.zeros(count),
        interest=np.zeros(rows),
        last_row=np.full(count, -1, dtype=np.int64),
        benchmark=close.mean(axis=1),
    )


def swept(**grids: Any) -> tuple[list[Trial], Sweep]:
    """Run the product of some values over the parameters of run 462."""
    sets: list[dict[str, Any]] = [dict(RUN_462)]
    for name, values in grids.items():
        sets = [{**one, name: value} for one in sets for value in values]
    trials = [Trial(settings=StrategySettings(**one), costs=CostModel(commission_bps=10)) for one in sets]
    return trials, run_trials(market(), trials, initial_cash=CASH)


def report(**grids: Any) -> dict[str, SweptParameter]:
    return {one.parameter: one for one in inert_report(*swept(**grids))}


def test_weights_below_one_part_were_scaled_up_again() -> None:
    """Equity I 3 and H 2: four of five published values of max_weight were no-ops, and the tool says so."""
    legacy = (LegacySettings(cap_renormalises=True),)
    trials, sweep = swept(max_weight=GRID, legacy=legacy)
    assert np.ptp(sweep.equity, axis=1).max() <= 1e-12 * CASH
    (found,) = inert_report(trials, sweep)
    assert (found.parameter, found.is_inert, found.curves) == ("max_weight", True, 1)
    assert found.why is WhyInert.SCALED_UP_AGAIN
    first_that_matters = report(max_weight=(*GRID, 0.035), legacy=legacy)["max_weight"]
    assert (first_that_matters.is_inert, first_that_matters.curves, first_that_matters.why) == (False, 2, None)


def test_weights_below_one_part_differ_where_the_cap_is_hard() -> None:
    """Equity I 3, the default: every value gives its own curve."""
    found = report(max_weight=GRID)["max_weight"]
    assert (found.is_inert, found.curves, found.values) == (False, 5, ("0.022", "0.026", "0.028", "0.03", "0.033"))


def test_a_dead_volatility_target_changes_no_bit() -> None:
    """F.7 (i) and H 3."""
    dead = (LegacySettings(vol_target_dead=True),)
    trials, sweep = swept(volatility_target=(0.03, 0.045, 0.06), legacy=dead)
    assert (sweep.equity == sweep.equity[:, :1]).all()
    (found,) = inert_report(trials, sweep)
    assert (found.parameter, found.why) == ("volatility_target", WhyInert.IGNORED_BY_LEGACY)
    assert not report(volatility_target=(0.03, 0.045, 0.06))["volatility_target"].is_inert


def test_tiers_above_the_exposure_and_a_dominated_guard_are_named() -> None:
    """H 4: absolute tiers of 0.8 and 0.6 never bind at an exposure of 0.4; 52 weeks never fall deeper than ever."""
    tiers = {
        "dynamic_exposure": (True,),
        "drawdown_tiers": ((0.01, 0.02), (0.005, 0.015)),
        "drawdown_exposures": ((0.8, 0.6),),
        "max_drawdown": (0.03,),
        "max_drawdown_52w": (0.03, 0.04, 0.05),
    }
    absolute = report(**tiers, legacy=(LegacySettings(tiers_absolute=True),))
    assert absolute["drawdown_tiers"].why is WhyInert.NO_TIER
    assert absolute["max_drawdown_52w"].why is WhyInert.DOMINATED
    assert absolute["max_drawdown_52w"].groups == 2
    relative = report(**tiers)
    assert not relative["drawdown_tiers"].is_inert
    assert relative["max_drawdown_52w"].is_inert


def test_what_never_bound_is_told_from_what_nobody_felt() -> None:
    found = report(max_drawdown=(0.9, 0.95), minimum_score=(-90.0, -95.0), stale_scores=("hold", "exit"))
    assert found["max_drawdown"].why is WhyInert.NEVER_BOUND
    assert not found["minimum_score"].is_inert  # it is the origin that scores are weighed from
    assert found["stale_scores"].why is WhyInert.NEVER_BOUND
    equal = report(minimum_score=(-90.0, -95.0), weighting=("equal",))
    assert equal["minimum_score"].why is WhyInert.NOBODY_BELOW


def test_costs_and_fill_rules_are_swept_too() -> None:
    trials = [
        Trial(settings=StrategySettings(top_n=3), costs=CostModel(commission_bps=rate, impact_coefficient=impact))
        for rate in (0, 5)
        for impact in (0.0, 1.0)
    ]
    found = inert_report(trials, run_trials(market(), trials, initial_cash=CASH))
    assert [(one.parameter, one.is_inert, one.groups) for one in found] == [
        ("costs.commission_bps", False, 2),
        ("costs.impact_coefficient", True, 2),
    ]


def test_a_parameter_that_never_varies_alone_is_not_judged() -> None:
    trials = [Trial(settings=StrategySettings(top_n=n, max_exposure=e)) for n, e in ((2, 0.5), (3, 0.6))]
    assert inert_report(trials, run_trials(market(), trials, initial_cash=CASH)) == []


def test_the_report_wants_the_sets_of_its_sweep() -> None:
    trials, sweep = swept(max_weight=GRID)
    with pytest.raises(InputError, match="the sets of the sweep"):
        inert_report(trials[1:], sweep)


def test_one_backtest_is_asked_which_of_its_numbers_did_nothing() -> None:
    """What `tidegate backtest` prints of run 462, in the way that its platform ran it."""
    strategy = StrategySettings.model_validate(
        {
            **RUN_462,
            "max_weight": 0.028,
            "volatility_target": 0.045,
            "dynamic_exposure": True,
            "drawdown_tiers": (0.01, 0.02, 0.03),
            "drawdown_exposures": (0.8, 0.6, 0.4),
            "drawdown_exposure_floor": 0.05,
            "max_drawdown": 0.03,
            "max_drawdown_52w": 0.03,
            "max_score_age_bars": 10,
            "legacy": dict.fromkeys(("cap_renormalises", "vol_target_dead", "tiers_absolute"), True),
        }
    )
    found = {one.parameter: one for one in probe(market(), Trial(settings=strategy), initial_cash=CASH)}
    whys = {name: one.why for name, one in found.items()}
    assert whys == whys | {
        "max_weight": WhyInert.SCALED_UP_AGAIN,
        "volatility_target": WhyInert.IGNORED_BY_LEGACY,
        "drawdown_tiers": WhyInert.NO_TIER,
        "drawdown_exposure_floor": WhyInert.NO_TIER,
        "max_score_age_bars": WhyInert.NEVER_BOUND,
    }
    assert not found.keys() & {"top_n", "max_exposure", "max_turnover", "minimum_score"}
    assert found["max_weight"].tried == ("0.028", "0.0252", "0.0308")
    assert (
        found["max_weight"].as_dict()["why"] == "a legacy switch scales capped weights up again, so that all are equal"
    )


def test_numbers_that_nobody_chose_are_not_listed() -> None:
    assert probe(market(), Trial(settings=StrategySettings(top_n=5)), initial_cash=CASH) == []
    two = probe(
        market(), Trial(settings=StrategySettings(top_n=5, guard_sessions=30, max_turnover=0.0)), initial_cash=CASH
    )
    assert [(one.parameter, one.why) for one in two] == [("guard_sessions", WhyInert.SWITCHED_OFF)]


def test_numbers_that_act_are_never_listed() -> None:
    acting = StrategySettings(top_n=5, max_exposure=0.5, max_weight=0.12, max_turnover=0.1, weighting="rank")
    assert probe(market(), Trial(settings=acting), initial_cash=CASH) == []


def test_a_window_that_never_fills_is_told() -> None:
    strategy = StrategySettings(top_n=5, volatility_target=0.1, volatility_window=500, volatility_of="benchmark")
    found = probe(market(), Trial(settings=strategy), initial_cash=CASH)
    assert {one.parameter: one.why for one in found} == dict.fromkeys(
        ("volatility_target", "volatility_window"), WhyInert.TOO_LITTLE_HISTORY
    )


@pytest.mark.parametrize(
    ("strategy", "name", "why"),
    [
        ({"rebalance": "daily"}, "rebalance_day", WhyInert.SWITCHED_OFF),
        ({"legacy": {"score_age_unlimited": True}}, "max_score_age_bars", WhyInert.IGNORED_BY_LEGACY),
        ({"max_weight": 0.5, "max_exposure": 0.4}, "max_weight", WhyInert.CANNOT_BIND),
        ({"max_weight": 0.02, "top_n": 10}, "max_exposure", WhyInert.CAP_LEAVES_CASH),
        ({"max_turnover": 1.0}, "max_turnover", WhyInert.CANNOT_BIND),
        ({"max_drawdown": 0.1, "guard_reentry": "recovery"}, "guard_sessions", WhyInert.SWITCHED_OFF),
        ({"market_filter": True, "market_window": 300}, "market_window", WhyInert.TOO_LITTLE_HISTORY),
        ({"idle": "defensive", "defensives": ("S00",)}, "defensive_pick", WhyInert.CANNOT_BIND),
        (
            {"dynamic_exposure": True, "drawdown_tiers": (0.1,), "drawdown_exposures": (0.5,), "max_drawdown": 0.1},
            "drawdown_tiers",
            WhyInert.GUARD_FIRST,
        ),
    ],
)
def test_settings_alone_tell(strategy: dict[str, Any], name: str, why: WhyInert) -> None:
    assert unable_to_bind(StrategySettings.model_validate(strategy), history=250)[name] is why


AWAY: dict[str, Any] = {
    "rebalance_day": "thursday",
    "score_smoothing_carry": True,
    "max_score_age_bars": 3,
    "max_weight": 1.0,
    "max_turnover": 0.0,
    "volatility_target": 0.0,
    "volatility_of": "benchmark",
    "volatility_window": 7,
    "max_drawdown_52w": 0.0,
    "drawdown_recovery_ratio": 0.4,
    "guard_reentry": "recovery",
    "guard_sessions": 2,
    "market_window": 3,
    "risk_off_band": 0.9,
    "defensive_pick": "lowest_volatility",
    "defensive_lookback_bars": 9,
    "drawdown_exposure_floor": 0.0,
    "tier_mode": "absolute",
}
"""Another value of each parameter, or none of it."""


def curve(case: Any, strategy: StrategySettings) -> FloatArray:
    seen = replace(case.market, interest=np.nan_to_num(case.market.interest))
    sweep = run_trials(seen, [Trial(settings=strategy, costs=case.costs, rules=case.rules)], initial_cash=10_000.0)
    return sweep.equity[:, 0]


@settings(max_examples=25)
@given(seed=st.integers(0, 10_000))
def test_what_cannot_bind_can_be_taken_away(seed: int) -> None:
    """Whatever else is set, a parameter that is said to limit nothing limits nothing."""
    case = random_case(seed)
    plain = curve(case, case.settings)
    for name, why in unable_to_bind(case.settings, len(case.market.times)).items():
        if name in AWAY and why is not WhyInert.TOO_LITTLE_HISTORY:
            value = case.settings.max_weight / 2 if why is WhyInert.SCALED_UP_AGAIN else AWAY[name]
            changed = StrategySettings.model_validate({**case.settings.model_dump(), name: value})
            np.testing.assert_allclose(curve(case, changed), plain, rtol=1e-9, err_msg=f"{name}: {why}")
    if case.settings.weighting is Weighting.EQUAL and "drawdown_tiers" in unable_to_bind(case.settings):
        off = case.settings.model_copy(update={"dynamic_exposure": False})
        np.testing.assert_allclose(curve(case, off), plain, rtol=1e-9)
