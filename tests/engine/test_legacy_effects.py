"""Each defect of the platforms before is measured on its own, and against the run without any."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from rotation_markets import market_of
from tidegate.core.errors import InputError
from tidegate.core.recipe_strategy import StrategySettings, Weighting
from tidegate.core.time import DAY, HOUR, parse_instant
from tidegate.core.units import FloatArray
from tidegate.costs import CostModel
from tidegate.engine.inert import probe
from tidegate.engine.inert_settings import WhyInert
from tidegate.engine.legacy import ALL, DEFAULT, SWITCHES, LegacyEffect, explain_legacy, legacy_trial
from tidegate.engine.market import Market, carried_forward
from tidegate.engine.sweep import Trial, run_trials
from tidegate.evaluate.performance import drawdown, performance
from tidegate.strategy.long_short import LongShort

CASH = 30_000.0
FEE = CostModel(commission_bps=10)


@cache
def market(rows: int = 400, count: int = 20) -> Market:
    """Stocks with a fall of a fifth in the middle, a bond, scores that end before the prices do."""
    random = np.random.default_rng(12)
    daily = random.normal(0.0005, 0.015, (rows, count + 2))
    daily[150:190] -= 0.01
    daily[:, count] = random.normal(0.0001, 0.001, rows)
    close = 50.0 * np.exp(np.cumsum(daily, axis=0))
    score = np.abs(random.normal(0.0, 1.0, (rows, count + 2)))
    score[300:] = np.nan
    names = (*(f"S{place:02d}" for place in range(count)), "SHY", "SPY")
    order = np.argsort(names)
    close, score = close[:, order], score[:, order]
    symbols = tuple(names[place] for place in order)
    days = np.arange(rows, dtype=np.int64) // 5 * 7 + np.arange(rows) % 5
    keep = ~((days % 7 == 0) & (days % 5 == 0))  # some Mondays are holidays
    close, score, days = close[keep], score[keep], days[keep]
    shape = close.shape
    return Market(
        times=parse_instant("2024-01-01") + 21 * HOUR + days * DAY,
        symbols=symbols,
        close=close,
        mark=close,
        traded=np.ones(shape, dtype=np.bool_),
        fill=close * np.exp(np.random.default_rng(1).normal(0, 0.002, shape)),
        score=score,
        candidate=np.array([symbol.startswith(("S0", "S1")) for symbol in symbols]),
        lot=np.zeros(shape[1]),
        interest=np.zeros(shape[0]),
        last_row=np.full(shape[1], -1, dtype=np.int64),
        benchmark_place=symbols.index("SPY"),
        benchmark=np.ascontiguousarray(close[:, symbols.index("SPY")]),
    )


def strategy(**more: Any) -> StrategySettings:
    return StrategySettings.model_validate(
        {
            "top_n": 8,
            "retain_top_n": 4,
            "weighting": "score",
            "max_weight": 0.06,
            "max_exposure": 0.6,
            "volatility_target": 0.1,
            "max_turnover": 0.1,
            "volatility_of": "benchmark",
            "dynamic_exposure": True,
            "drawdown_tiers": (0.02, 0.04),
            "drawdown_exposures": (0.5, 0.4),
            "max_drawdown": 0.06,
            "guard_sessions": 20,
            "risk_off": "defensive",
            "defensives": ("SHY",),
            "stale_scores": "exit",
            **more,
        }
    )


@cache
def effects(rebalance: str = "weekly") -> dict[str, LegacyEffect]:
    trial = Trial(settings=strategy(rebalance=rebalance), costs=FEE)
    return {one.switch: one for one in explain_legacy(market(), trial, initial_cash=CASH)}


def test_each_switch_is_measured_alone_and_all_together() -> None:
    """J.3 and the four switches that the rules add."""
    assert list(effects()) == [DEFAULT, *SWITCHES, ALL]
    assert len(SWITCHES) == 11
    plain = effects()[DEFAULT]
    assert (plain.cagr_points, plain.drawdown_points) == (0.0, 0.0)
    moved = {name for name, one in effects().items() if one.final_equity != plain.final_equity}
    assert moved == {*SWITCHES, ALL} - {"daily_is_weekly"}
    assert effects()["fee_ignored"].cagr_points > 0.0
    for one in effects().values():
        assert one.cagr_points == pytest.approx(100.0 * (one.cagr - plain.cagr))
        assert one.drawdown_points == pytest.approx(100.0 * (one.max_drawdown - plain.max_drawdown))
        assert one.about
        assert one.as_dict()["switch"] == one.switch


def test_a_daily_schedule_that_became_weekly_is_the_weekly_one() -> None:
    """Equity H 13."""
    daily = effects("daily")
    assert daily["daily_is_weekly"].final_equity == effects()[DEFAULT].final_equity
    assert daily["daily_is_weekly"].final_equity != daily[DEFAULT].final_equity


def test_a_switch_that_the_recipe_has_on_is_taken_off_first() -> None:
    trial = Trial(settings=strategy(legacy={"fee_ignored": True}), costs=FEE)
    assert explain_legacy(market(), trial, initial_cash=CASH)[0] == effects()[DEFAULT]


def test_a_single_backtest_gives_the_same_money() -> None:
    for name in ("riskoff_keeps_book", "fill_previous_close", ALL):
        seen, trial = legacy_trial(market(), Trial(settings=strategy(), costs=FEE), name)
        alone = run_trials(seen, [trial], initial_cash=CASH)
        assert alone.equity[-1, 0] == effects()[name].final_equity
        assert performance(alone.times, alone.equity[:, 0], 252.0).cagr == effects()[name].cagr


def test_orders_of_a_defect_fill_at_the_close_that_made_their_scores() -> None:
    """Equity H 5 and B.3: a name that jumps on the day of its score is bought before the jump."""
    closes = [10.0] * 6 + [10.0, 20.0] + [20.0] * 6
    jumps = market_of({"A": closes, "B": [10.0] * 14}, {"A": [0.0] * 6 + [1.0] * 8, "B": 0.5})
    ends = {}
    for name in (DEFAULT, "fill_previous_close"):
        seen, trial = legacy_trial(jumps, Trial(settings=StrategySettings(top_n=1)), name)
        ends[name] = run_trials(seen, [trial], initial_cash=100.0).equity[-1, 0]
    assert ends == {DEFAULT: 100.0, "fill_previous_close": 200.0}


def test_unknown_switches_and_strategies_without_any_are_refused() -> None:
    with pytest.raises(InputError, match="no_such_thing"):
        legacy_trial(market(), Trial(settings=strategy()), "no_such_thing")
    with pytest.raises(InputError, match="without legacy switches"):
        legacy_trial(market(), Trial(settings=LongShort()), "fee_ignored")


def test_ruin_on_margin_is_everything_lost() -> None:
    falls = [10.0 - 0.01 * row for row in range(15)] + [0.01] * 15
    lost = market_of({"A": falls, "D": falls, "SPY": falls}, {"A": 1.0}, benchmark="SPY", not_chosen=["D"])
    settings = StrategySettings(
        top_n=1, rebalance="daily", market_filter=True, market_window=5, risk_off="defensive", defensives=("D",)
    )
    found = {one.switch: one for one in explain_legacy(lost, Trial(settings=settings), initial_cash=1000.0)}
    assert found["riskoff_keeps_book"].max_drawdown >= found[DEFAULT].max_drawdown


@pytest.fixture(scope="module")
def us_stocks(real_data: Path) -> Market:
    """The set-up of rule 19, with two bond funds: total-return bars, score = close[t-20] / close[t-120] - 1."""
    stocks = pl.scan_parquet(real_data / "us_equity_daily.parquet").filter(~pl.col("symbol").is_in(NO_STOCKS))
    funds = pl.scan_parquet(real_data / "us_etf_daily.parquet").filter(pl.col("symbol").is_in(("SHY", "IEF", "SPY")))
    bars = pl.concat([stocks, funds], how="diagonal").filter(pl.col("date") >= pl.date(2012, 1, 1))
    wide = bars.select("date", "symbol", "adj_close").collect().pivot("symbol", index="date", values="adj_close")
    symbols = tuple(sorted(column for column in wide.columns if column != "date"))
    known = wide.sort("date").select(symbols).to_numpy().astype(np.float64)
    close = carried_forward(known)
    score = np.full(close.shape, np.nan)
    score[120:] = close[100:-20] / close[:-120] - 1.0
    days = wide.sort("date")["date"].cast(pl.Datetime("us")).dt.timestamp("us").to_numpy()
    spy = symbols.index("SPY")
    return Market(
        times=days + 21 * HOUR,
        symbols=symbols,
        close=close,
        mark=close,
        traded=np.isfinite(known),
        fill=known,
        score=score,
        candidate=np.array([symbol not in {"SHY", "IEF", "SPY"} for symbol in symbols]),
        lot=np.zeros(len(symbols)),
        interest=np.zeros(len(days)),
        last_row=np.full(len(symbols), -1, dtype=np.int64),
        benchmark_place=spy,
        benchmark=np.ascontiguousarray(close[:, spy]),
    )


NO_STOCKS = ("SPY", "QQQ", "IWM", "DIA", "XLK", "ARKK", "VTI", "^VIX", "^VIX3M")
RUN_462 = StrategySettings(
    top_n=30,
    retain_top_n=10,
    weighting=Weighting.SCORE,
    minimum_score=0.0,
    max_weight=0.028,
    max_exposure=0.4,
    volatility_target=0.045,
    volatility_of="benchmark",
    market_filter=True,
    dynamic_exposure=True,
    drawdown_tiers=(0.08, 0.12, 0.15),
    drawdown_exposures=(0.8, 0.6, 0.4),
    max_drawdown=0.15,
    max_drawdown_52w=0.15,
    risk_off="defensive",
    defensives=("SHY", "IEF"),
    defensive_pick="lowest_volatility",
    max_turnover=0.08,
)
"""Equity A.2."""


def run_as_before(market: Market, **changes: Any) -> list[FloatArray]:
    """Run the parameters of run 462 with every switch on, one curve for each value given."""
    ((name, values),) = changes.items()
    trials = [Trial(settings=RUN_462.model_copy(update={name: value}), costs=FEE) for value in values]
    prepared = [legacy_trial(market, trial, ALL) for trial in trials]
    sweep = run_trials(prepared[0][0], [trial for _, trial in prepared], initial_cash=CASH)
    return [sweep.equity[:, column] for column in range(len(trials))]


@pytest.mark.realdata
def test_the_volatility_target_of_run_462_changed_no_bit(us_stocks: Market) -> None:
    """F.7 (i)."""
    first, *others = run_as_before(us_stocks, volatility_target=(0.045, 0.03, 0.06))
    assert all((one == first).all() for one in others)


@pytest.mark.realdata
def test_the_largest_weight_of_run_462_changed_nothing(us_stocks: Market) -> None:
    """F.7 (ii), equity I 3: below one part in 30 the cap is scaled up again."""
    first, *others = run_as_before(us_stocks, max_weight=(0.028, 0.022, 0.026, 0.030, 0.033))
    for one in others:
        np.testing.assert_allclose(one, first, rtol=1e-12)
    (matters,) = run_as_before(us_stocks, max_weight=(0.035,))
    assert not np.allclose(matters, first, rtol=1e-6)


@pytest.mark.realdata
def test_the_drawdown_of_run_462_grew_with_its_exposure(us_stocks: Market) -> None:
    """F.7 (iii): a guard at 15 % never held anything back; by the rules it does."""
    exposures = (0.60, 0.80)
    falls = [drawdown(one)[0] for one in run_as_before(us_stocks, max_exposure=exposures)]
    assert falls[1] / falls[0] == pytest.approx(exposures[1] / exposures[0], rel=0.10)


@pytest.mark.exhaustive
@pytest.mark.realdata
def test_the_report_names_what_did_nothing_in_run_462(us_stocks: Market) -> None:
    """The inert-parameter report on F.7, as the platform before ran, and by the rules."""
    seen, before = legacy_trial(us_stocks, Trial(settings=RUN_462, costs=FEE), ALL)
    named = {one.parameter: one.why for one in probe(seen, before, initial_cash=CASH)}
    assert named["volatility_target"] is WhyInert.IGNORED_BY_LEGACY
    assert named["max_weight"] is WhyInert.SCALED_UP_AGAIN
    assert named["drawdown_tiers"] is WhyInert.NO_TIER
    now = {one.parameter for one in probe(us_stocks, Trial(settings=RUN_462, costs=FEE), initial_cash=CASH)}
    assert "volatility_target" not in now
    assert "drawdown_tiers" not in now
