"""The event loop and the kernel do the same, decision by decision and fill by fill, to the last bit."""

from __future__ import annotations

import json
from dataclasses import fields, replace

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from rotation_random import random_case
from tidegate.core.errors import LedgerError
from tidegate.core.recipe_strategy import StrategySettings
from tidegate.engine.broker import SessionReport, SimulatedBroker
from tidegate.engine.loop import EventLoop, run_loop
from tidegate.engine.market import Market
from tidegate.engine.recording import Recording, record_of
from tidegate.engine.sweep import Sweep, Trial, run_trials
from tidegate.strategy.long_short import LongShort
from tidegate.strategy.protocol import Strategy
from tidegate.strategy.stepwise import LongShortStrategy, RotationStrategy

CASH = 100_000.0
seeds = st.integers(0, 10**6)


def strategy_of(market: Market, chosen: StrategySettings | LongShort) -> Strategy:
    if isinstance(chosen, LongShort):
        return LongShortStrategy(chosen, market.symbols)
    return RotationStrategy(
        chosen, market.symbols, initial_cash=CASH, benchmark_place=market.benchmark_place, periods_per_year=252.0
    )


def scene(seed: int) -> tuple[Market, Trial]:
    """Return a market and a parameter set; every fourth is long/short and may borrow."""
    random = np.random.default_rng(seed)
    case = random_case(seed)
    rules = case.rules
    market = replace(case.market, interest=np.nan_to_num(case.market.interest))
    if random.random() < 0.3:  # shares as traded, which are worth something else than adjusted closes tell
        market = replace(market, mark=market.mark * np.exp(random.normal(0.0, 0.5, market.shape[1])))
    if seed % 4 == 0:
        market = replace(market, signals=np.round(random.normal(size=(3, *market.shape)), 1))
        votes = LongShort(gross=float(random.choice([0.8, 1.5])), max_weight=0.2, least_votes=2)
        return market, Trial(settings=votes, costs=case.costs, rules=replace(rules, gross_limit=2.0))
    rebalance = str(random.choice(["daily", "weekly", "monthly"]))
    chosen = case.settings.model_copy(update={"rebalance": rebalance})
    if chosen.legacy.riskoff_keeps_book:
        rules = replace(rules, gross_limit=rules.gross_limit or 2.0)
    return market, Trial(settings=chosen, costs=case.costs, rules=rules)


def by_loop(market: Market, trial: Trial, start: int = 0) -> Sweep:
    strategy = strategy_of(market, trial.settings)
    return run_loop(market, strategy, costs=trial.costs, rules=trial.rules, initial_cash=CASH, start=start)


def by_kernel(market: Market, trial: Trial, start: int = 0) -> Sweep:
    return run_trials(market, [trial], initial_cash=CASH, start=start, records=True)


def assert_same(one: Sweep, other: Sweep) -> None:
    for field in fields(Sweep):
        if field.name not in {"journals", "final_place", "final_shares"}:
            np.testing.assert_array_equal(getattr(one, field.name), getattr(other, field.name), err_msg=field.name)
    np.testing.assert_array_equal(one.final_place[0], other.final_place[0])
    np.testing.assert_array_equal(one.final_shares[0], other.final_shares[0])
    assert_same_journal(one, other)


def assert_same_journal(one: Sweep, other: Sweep) -> None:
    (mine,), (theirs,) = one.journals, other.journals
    np.testing.assert_array_equal(mine.used, theirs.used)
    decisions, targets, orders, fills, flows = mine.used.tolist()
    for names, count in (
        (("decision", "measure"), decisions),
        (("target", "current", "weight", "keep"), targets),
        (("order", "size"), orders),
        (("fill", "paid"), fills),
        (("flow", "amount"), flows),
    ):
        for name in names:
            np.testing.assert_array_equal(getattr(mine, name)[:count], getattr(theirs, name)[:count], err_msg=name)


@settings(max_examples=60)
@given(seed=seeds, start=st.sampled_from([0, 0, 7]))
def test_the_loop_equals_the_kernel_to_the_bit(seed: int, start: int) -> None:
    """Equity J.2: the same decisions, orders, fills, flows and equity, whichever engine runs them."""
    market, trial = scene(seed)
    assert_same(by_loop(market, trial, start), by_kernel(market, trial, start))


def loop_over(market: Market, trial: Trial) -> EventLoop:
    strategy = strategy_of(market, trial.settings)
    rebalances = strategy.schedule(market.times)
    return EventLoop(market, strategy, costs=trial.costs, rules=trial.rules, initial_cash=CASH, rebalances=rebalances)


@settings(max_examples=40)
@given(seed=seeds, stop=st.integers(1, 58), ahead=st.booleans())
def test_saving_and_taking_up_again_changes_no_bit(seed: int, stop: int, ahead: bool) -> None:
    """Equity J.2: to T on what was there at T, saved as JSON, then on: equal to running through.

    A trader who knows the next session decides before it is saved, others when the next bar comes.
    """
    market, trial = scene(seed)
    whole = by_loop(market, trial)
    early = loop_over(market.until(stop + 1), trial)
    early.run()
    if ahead:
        early.decide(rebalances=bool(strategy_of(market, trial.settings).schedule(market.times)[stop + 1]))
    late = loop_over(market, trial)
    late.restore(json.loads(json.dumps(early.state(), allow_nan=False)))
    late.run()
    first, rest = early.result(), late.result()

    for name in ("equity", "cash", "gross", "holdings"):
        both = np.concatenate([getattr(first, name), getattr(rest, name)[1:]])
        np.testing.assert_array_equal(both, getattr(whole, name), err_msg=name)
    for name in ("counts", "rebalances", "orders", "unfilled", "paid"):
        np.testing.assert_array_equal(getattr(rest, name), getattr(whole, name), err_msg=name)
    np.testing.assert_array_equal(rest.final_shares[0], whole.final_shares[0])
    (before,), (after,), (through,) = first.journals, rest.journals, whole.journals
    for name in ("measure", "target", "current", "weight", "keep", "order", "size", "fill", "paid", "flow", "amount"):
        both = np.concatenate([getattr(before, name), getattr(after, name)])
        np.testing.assert_array_equal(both, getattr(through, name), err_msg=name)


@settings(max_examples=20)
@given(seed=seeds, cut=st.integers(2, 58))
def test_what_comes_later_changes_nothing_before(seed: int, cut: int) -> None:
    """Garbage after a row leaves every bit up to it alone: no array that a decision was handed reaches further."""
    market, trial = scene(seed)
    garbled = replace(
        market,
        **{
            name: np.concatenate([values[:cut], np.flip(values[cut:], axis=0) * 3])
            for name in ("close", "mark", "fill", "score", "benchmark")
            if (values := getattr(market, name)) is not None
        },
        traded=np.concatenate([market.traded[:cut], ~market.traded[cut:]]),
    )
    whole, other = by_loop(market, trial), by_loop(garbled, trial)
    np.testing.assert_array_equal(whole.equity[:cut], other.equity[:cut])


def test_the_comparison_can_fail() -> None:
    """A comparison that no mistake could fail would prove nothing."""
    market, trial = scene(5)
    other = Trial(settings=trial.settings, costs=trial.costs, rules=replace(trial.rules, participation=1e-3))
    with pytest.raises(AssertionError):
        assert_same(by_loop(market, other), by_kernel(market, trial))


class Forgetful(SimulatedBroker):
    """Loses half of the first fill."""

    def fill(self, row: int) -> SessionReport:
        report = super().fill(row)
        if not report.fills:
            return report
        half = report.fills[0]._replace(quantity=report.fills[0].quantity / 2.0)
        return SessionReport(report.orders, [half, *report.fills[1:]])


def test_a_broker_that_reports_less_than_it_did_is_noticed() -> None:
    market, trial = scene(5)
    loop = loop_over(market, trial)
    loop.broker = Forgetful(market, trial.costs, trial.rules, initial_cash=CASH)
    with pytest.raises(LedgerError):
        loop.run()


@settings(max_examples=20)
@given(seed=seeds)
def test_both_are_recorded_alike(seed: int) -> None:
    """The frames that a run keeps are the same; its ledger, counted from the journal, is the one that the loop kept."""
    market, trial = scene(seed)
    loop = loop_over(market, trial)
    loop.run()
    ours = record_of(market, loop.result(), trial=trial)
    theirs = record_of(market, by_kernel(market, trial), trial=trial)
    for field in fields(Recording):
        one, other = getattr(ours, field.name), getattr(theirs, field.name)
        assert one.equals(other) if isinstance(one, pl.DataFrame) else one == other, field.name
    kept, counted = loop.ledger.frame(), ours.ledger.with_columns(pl.col("symbol").cast(pl.String).fill_null(""))
    assert_frame_equal(kept, counted.select(kept.columns), check_dtypes=False, check_exact=True)
