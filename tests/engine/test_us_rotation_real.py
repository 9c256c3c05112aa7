"""The rotation on real US stocks and funds, with the parameters of run 462: balances, hashes, engines and invariants.

Set up as rule 19 says: total-return bars from ``adj_close``, float32 widened first, stocks alone are chosen, and the
score of a close is ``close[t-20] / close[t-120] - 1``. What stands here of the data are hashes and sums.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import polars as pl
import pytest

from rotation_kernel import kernel_backtest
from tidegate.core.panel import Panel
from tidegate.core.recipe import BacktestSettings
from tidegate.core.recipe_strategy import StrategySettings
from tidegate.core.time import HOUR
from tidegate.core.units import FloatArray
from tidegate.costs import CostModel
from tidegate.engine.inert import inert_report, probe
from tidegate.engine.inert_settings import WhyInert, unable_to_bind
from tidegate.engine.legacy import ALL, legacy_trial
from tidegate.engine.loop import run_loop
from tidegate.engine.market import Market
from tidegate.engine.market_reading import MarketSources, Roles, market_of
from tidegate.engine.recording import Recording, record_of
from tidegate.engine.reference import ReferenceRun, reference_backtest
from tidegate.engine.sweep import Sweep, Trial, run_trials
from tidegate.evaluate.performance import drawdown
from tidegate.features.windows import lagged
from tidegate.strategy.schedule import fill_sessions
from tidegate.strategy.seam import Binding
from tidegate.strategy.stepwise import RotationStrategy

pytestmark = pytest.mark.realdata

NO_STOCKS = ("SPY", "QQQ", "IWM", "DIA", "XLK", "ARKK", "VTI", "^VIX", "^VIX3M")
DEFENSIVES = ("SHY", "IEF", "GLD", "TLT")
CASH = 30_000.0
FEE = CostModel(commission_bps=10)
RUN_462 = StrategySettings.model_validate(
    {
        "top_n": 30,
        "retain_top_n": 10,
        "weighting": "score",
        "minimum_score": 0.0,
        "max_weight": 0.028,
        "max_exposure": 0.40,
        "volatility_target": 0.045,
        "volatility_of": "benchmark",
        "market_filter": True,
        "market_window": 200,
        "dynamic_exposure": True,
        "drawdown_tiers": (0.08, 0.12, 0.15),
        "drawdown_exposures": (0.80, 0.60, 0.40),
        "max_drawdown": 0.15,
        "max_drawdown_52w": 0.15,
        "risk_off": "defensive",
        "defensive_pick": "lowest_volatility",
        "defensives": DEFENSIVES,
        "max_turnover": 0.08,
    }
)
"""Equity A.2, with tiers relative to the exposure, as rule 4 has them."""

FILLS = 18_328
FINAL_EQUITY = 58_578.226922692455
ORDER_LIST = "a9519e62cd930051f6fdaeac3e733b481c55486770d6330c359a88a88e5d6bb2"


class Run(NamedTuple):
    """What run 462 did by the rules, and how it was written down."""

    market: Market
    sweep: Sweep
    recording: Recording


@pytest.fixture(scope="module")
def bars(real_data: Path) -> pl.DataFrame:
    """Total-return bars of the stocks, the benchmark and the defensive funds."""
    stocks = pl.scan_parquet(real_data / "us_equity_daily.parquet").filter(~pl.col("symbol").is_in(NO_STOCKS))
    funds = pl.scan_parquet(real_data / "us_etf_daily.parquet").filter(pl.col("symbol").is_in((*DEFENSIVES, "SPY")))
    columns = ["date", "symbol", "open", "close", "adj_close", "volume"]
    wide = [pl.col(name).cast(pl.Float64) for name in columns[2:]]
    rows = pl.concat([part.select(*columns[:2], *wide) for part in (stocks, funds)])
    rows = rows.filter(pl.col("date") >= pl.date(2011, 11, 28)).with_columns(
        open=pl.col("open") * pl.col("adj_close") / pl.col("close"), close=pl.col("adj_close")
    )
    return rows.select("date", "symbol", "open", "close", "volume").sort("date", "symbol").collect()


@pytest.fixture(scope="module")
def panel(bars: pl.DataFrame) -> Panel:
    symbols = tuple(sorted(bars["symbol"].unique()))
    days = bars["date"].unique().sort()
    times = days.cast(pl.Datetime("us")).dt.epoch("us").to_numpy() + 21 * HOUR
    matrices: dict[str, FloatArray] = {}
    for name in ("open", "close", "volume"):
        wide = bars.pivot("symbol", index="date", values=name).sort("date")
        matrices[name] = wide.select(symbols).to_numpy().astype(np.float64)
    return Panel(times, symbols, {**matrices, "raw_close": matrices["close"]})


def market_from(panel: Panel) -> Market:
    """Return the market whose orders fill at the next open."""
    stocks = tuple(symbol for symbol in panel.symbols if symbol not in {*DEFENSIVES, "SPY"})
    score = lagged(panel["close"], 20) / lagged(panel["close"], 120) - 1.0
    own = [panel.symbols.index(symbol) for symbol in stocks]
    roles = Roles(traded=stocks, benchmark="SPY", defensives=DEFENSIVES)
    return market_of(panel, BacktestSettings(), roles, MarketSources(score=score[:, own]), impact=False)


@pytest.fixture(scope="module")
def market(panel: Panel) -> Market:
    return market_from(panel)


def run_462(market: Market, **more: Any) -> Sweep:
    return run_trials(market, [Trial(settings=RUN_462, costs=FEE)], initial_cash=CASH, records=True, **more)


@pytest.fixture(scope="module")
def run(market: Market) -> Run:
    sweep = run_462(market)
    return Run(market, sweep, record_of(market, sweep))


def test_the_market_is_that_of_rule_19(market: Market) -> None:
    """Rule 19: 318 stocks may be chosen, five funds are bought by name, and nothing else is there."""
    assert (int(market.candidate.sum()), len(market.symbols)) == (318, 323)
    assert not set(market.symbols) & (set(NO_STOCKS) - {"SPY"})
    assert market.benchmark_place == market.symbols.index("SPY")
    assert market.mark is market.close  # total-return shares
    row, place = 1000, market.symbols.index("AAPL")
    momentum = market.close[row - 20, place] / market.close[row - 120, place] - 1.0
    assert market.score[row, place] == momentum


def test_cash_and_positions_are_the_equity_of_every_day(run: Run) -> None:
    """Acceptance: the books balance to the cent at each of some 3,000 closes."""
    daily, positions = run.recording.daily, run.recording.positions
    held = positions.group_by("time").agg(pl.col("value").sum().alias("held"))
    both = daily.join(held, on="time", how="left").with_columns(pl.col("held").fill_null(0.0))
    off = (both["cash"] + both["held"] - both["equity"]).abs()

    assert daily.height == len(run.market.times) > 3000
    assert off.max() < 0.005
    assert both["cash"].min() >= -0.005
    assert held.height > 2500


def test_fees_sum(run: Run) -> None:
    """Acceptance: what each fill paid, what each day paid, what the ledger booked and the total are one sum."""
    fills, daily = run.recording.fills, run.recording.daily
    charged = fills["commission"].sum()
    booked = run.recording.ledger.filter(pl.col("account") == "commission")["amount"].sum()

    assert charged == pytest.approx(0.0010 * fills["notional"].abs().sum(), rel=1e-12)
    assert daily["commission"].sum() == pytest.approx(charged, abs=0.005)
    assert abs(booked) == pytest.approx(charged, abs=0.005)
    assert run.sweep.paid[0, 0] == pytest.approx(charged, abs=0.005)
    assert charged > 100.0


def test_every_fill_comes_after_its_decision_at_the_open(run: Run) -> None:
    """Rule 1: decided at the close of one session, filled at the open of a later one."""
    fills = run.recording.fills
    assert (fills["decided_at"] < fills["at"]).all()
    places = [run.market.places[symbol] for symbol in fills["symbol"]]
    rows = np.searchsorted(run.market.times, fills["at"].dt.epoch("us").to_numpy())
    np.testing.assert_array_equal(fills["price"].to_numpy(), run.market.fill[rows, places])


def test_the_same_hash_twice_and_on_any_number_of_threads(run: Run) -> None:
    """Acceptance: the same order list twice, on 1 and 2 threads, alone and among others."""
    again = record_of(run.market, run_462(run.market))
    two = run_trials(
        run.market,
        [Trial(settings=RUN_462.model_copy(update={"top_n": top_n}), costs=FEE) for top_n in (20, 30, 40)],
        initial_cash=CASH,
        records=True,
        threads=2,
    )

    assert again.order_list == run.recording.order_list
    assert record_of(run.market, two, 1).order_list == run.recording.order_list
    assert record_of(run.market, two, 0).order_list != run.recording.order_list
    np.testing.assert_array_equal(two.equity[:, 1], run.sweep.equity[:, 0])


def test_the_golden_run(run: Run) -> None:
    """The order list and the money of the shipped version: a change here is one of numbers, for the changelog."""
    assert run.recording.fills.height == FILLS
    assert run.sweep.equity[-1, 0] == pytest.approx(FINAL_EQUITY, rel=1e-9)
    assert run.recording.order_list == ORDER_LIST


def test_event_mode_gives_the_same(run: Run) -> None:
    """Acceptance: bar by bar through the event loop, with ledger and broker, to the bit."""
    strategy = RotationStrategy(
        RUN_462, run.market.symbols, initial_cash=CASH, benchmark_place=run.market.benchmark_place
    )
    other = run_loop(run.market, strategy, costs=FEE, initial_cash=CASH)

    np.testing.assert_array_equal(other.equity, run.sweep.equity)
    np.testing.assert_array_equal(other.counts, run.sweep.counts)
    assert record_of(run.market, other).order_list == run.recording.order_list


def by_both_engines(market: Market, chosen: StrategySettings) -> ReferenceRun:
    """Run the plain reference and the kernel, compare all that they did to the bit, and return it."""
    arguments: dict[str, Any] = {
        "initial_cash": CASH,
        "rebalances": fill_sessions(market.times, chosen),
        "defensives": tuple(market.places[symbol] for symbol in DEFENSIVES),
    }
    plain = reference_backtest(market, chosen, FEE, **arguments)
    compiled = kernel_backtest(market, chosen, FEE, **arguments)

    for name in ("equity", "cash", "orders", "fills", "counts", "shares"):
        assert getattr(plain, name) == getattr(compiled, name), name
    assert [(one.decided_row, one.action, one.binding, one.targets) for one in plain.decisions] == [
        (one.decided_row, one.action, one.binding, one.targets) for one in compiled.decisions
    ]
    return plain


def test_the_plain_reference_gives_the_same(run: Run) -> None:
    """Acceptance: over all twelve years, decision by decision, to the bit."""
    plain = by_both_engines(run.market, RUN_462)

    assert plain.equity == run.sweep.equity[:, 0].tolist()
    assert {"cap", "filter", "turnover", "volatility"} <= set(plain.counts)


def test_the_plain_reference_gives_the_same_through_a_crash(panel: Panel) -> None:
    """Acceptance: 2019-05 to 2021-05 with twice the exposure, where a guard at 5 % locks and opens again."""
    first = int(np.searchsorted(panel.times, np.datetime64("2019-05-01", "us").astype(np.int64)))
    part = market_from(panel.rows(first - 120, first + 504))
    chosen = RUN_462.model_copy(
        update={
            "market_window": 100,
            "max_exposure": 0.8,
            "volatility_target": 0.0,
            "drawdown_tiers": (0.02, 0.03, 0.04),
            "max_drawdown": 0.05,
        }
    )
    plain = by_both_engines(part, chosen)

    assert {"guard", "filter", "turnover", "tier"} <= set(plain.counts)


def test_what_bound_is_counted_once_per_rebalance(run: Run) -> None:
    """Rule 20: the counts of the kernel are those of the decisions that it wrote down."""
    weekly = run.recording.decisions.filter(pl.col("rebalances"))
    seen = weekly.explode("binding")["binding"].drop_nulls().value_counts()
    counted = {
        str(Binding(1 << bit).name).lower(): count for bit, count in enumerate(run.sweep.counts[0].tolist()) if count
    }

    assert dict(seen.iter_rows()) == counted
    assert weekly.height == run.sweep.rebalances[0] > 600


def test_the_cap_is_never_broken(run: Run) -> None:
    """Rules 2 and 11: a stock's target is at most 2.8 %, but where it was more and is on its way down."""
    stocks = run.recording.targets.filter(~pl.col("symbol").is_in((*DEFENSIVES, "SPY")))
    above = stocks.filter(pl.col("weight") > 0.028)
    assert (above["weight"] < above["current"]).all()
    assert stocks["weight"].min() >= 0.0


# ------------------------------------------------------------------------------------ F.7, as the platform before ran


def as_before(market: Market, name: str, values: tuple[float, ...]) -> tuple[list[Trial], Sweep]:
    """Run 462 with every switch on, one set for each value of a parameter."""
    trials, seen = [], market
    for value in values:
        seen, trial = legacy_trial(market, Trial(settings=RUN_462.model_copy(update={name: value}), costs=FEE), ALL)
        trials.append(trial)
    return trials, run_trials(seen, trials, initial_cash=CASH)


def test_f_7_i_the_volatility_target_changes_no_bit(market: Market) -> None:
    """F.7 (i), exactly; the report of a sweep names it."""
    trials, sweep = as_before(market, "volatility_target", (0.045, 0.030, 0.060, 0.0))
    assert (sweep.equity == sweep.equity[:, :1]).all()
    (found,) = inert_report(trials[:3], as_before(market, "volatility_target", (0.045, 0.030, 0.060))[1])
    assert (found.parameter, found.is_inert, found.why) == ("volatility_target", True, WhyInert.IGNORED_BY_LEGACY)


def test_f_7_ii_the_largest_weight_changes_nothing_below_one_part_in_thirty(market: Market) -> None:
    """F.7 (ii), to 1e-12; 0.035 is the first that matters."""
    trials, sweep = as_before(market, "max_weight", (0.028, 0.022, 0.026, 0.030, 0.033))
    np.testing.assert_allclose(sweep.equity, np.broadcast_to(sweep.equity[:, :1], sweep.equity.shape), rtol=1e-12)
    (found,) = inert_report(trials, sweep)
    assert (found.parameter, found.is_inert, found.why) == ("max_weight", True, WhyInert.SCALED_UP_AGAIN)
    _, other = as_before(market, "max_weight", (0.035,))
    assert not np.allclose(other.equity[:, 0], sweep.equity[:, 0], rtol=1e-6)


def test_f_7_iii_the_drawdown_grows_with_the_exposure(market: Market) -> None:
    """F.7 (iii), within 10 %: the guard at 15 % held nothing back."""
    _, sweep = as_before(market, "max_exposure", (0.60, 0.80))
    falls = [drawdown(np.ascontiguousarray(sweep.equity[:, column]))[0] for column in range(2)]
    assert falls[1] / falls[0] == pytest.approx(0.80 / 0.60, rel=0.10)


def test_the_inert_report_names_what_run_462_never_felt(market: Market) -> None:
    """Acceptance: as before, the volatility target and the cap among others; by the rules neither."""
    seen, before = legacy_trial(market, Trial(settings=RUN_462, costs=FEE), ALL)
    named = {one.parameter: one.why for one in probe(seen, before, initial_cash=CASH)}
    now = {one.parameter for one in probe(market, Trial(settings=RUN_462, costs=FEE), initial_cash=CASH)}

    assert named["volatility_target"] is WhyInert.IGNORED_BY_LEGACY
    assert named["max_weight"] is WhyInert.SCALED_UP_AGAIN
    assert named["drawdown_tiers"] is named["drawdown_exposures"] is WhyInert.NO_TIER
    assert unable_to_bind(RUN_462)["max_drawdown_52w"] is WhyInert.DOMINATED
    assert not {"volatility_target", "max_weight"} & now
