"""Properties of the kernel: units, order of symbols, stopping and going on, company and threads change nothing."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rotation_random import Case, random_case, random_costs, random_rules, random_settings
from tidegate.core.recipe import BacktestSettings
from tidegate.core.recipe_strategy import LegacySettings, StrategySettings, Weighting
from tidegate.core.time import DAILY, DAY, parse_instant
from tidegate.costs import CostModel
from tidegate.data.panels import panel_of
from tidegate.engine import sweep as sweeping
from tidegate.engine.fill_rules import FillRules, Unfilled
from tidegate.engine.journal import Journal
from tidegate.engine.kernel import advance
from tidegate.engine.market import Market
from tidegate.engine.market_reading import MarketSources, Roles, market_of
from tidegate.engine.recount import written
from tidegate.engine.sweep import Sweep, Trial, run_trials
from tidegate.features.windows import lagged
from tidegate.strategy.seam import Step
from tidegate.testing import synthetic_bars, synthetic_panel

SEEDS = st.integers(0, 10**9)
CASH = 10_000.0


def run(case: Case, cash: float = CASH, **more: Any) -> Sweep:
    trial = Trial(settings=case.settings, costs=case.costs, rules=case.rules)
    return run_trials(case.market, [trial], initial_cash=cash, rebalances=case.rebalances, records=True, **more)


def written_by(sweep: Sweep) -> Journal:
    return written(sweep.journals[0])


def without_lots(case: Case) -> Case:
    return replace(case, market=replace(case.market, lot=np.zeros(len(case.market.symbols))))


# ------------------------------------------------------------------------------------------------------------ scaling


def in_currency(case: Case, factor: float) -> Case:
    """Return the case in another currency: every price, amount and fee times a factor."""
    market = case.market
    amounts = ("close", "mark", "fill", "benchmark", "daily_value", "session_value")
    scaled = {name: value * factor for name in amounts if (value := getattr(market, name)) is not None}
    if market.actions is not None:
        scaled["actions"] = replace(market.actions, cash=market.actions.cash * factor)
    costs = case.costs.model_copy(update={"minimum_fee": case.costs.minimum_fee * factor})
    return replace(case, market=replace(market, **scaled), costs=costs)


@given(seed=SEEDS)
def test_prices_and_cash_twice_as_large_give_twice_the_equity(seed: int) -> None:
    """Scaling invariance: to the last bit, with lots, minimum fees, impact, participation, dividends and all."""
    case = random_case(seed)
    once, twice = run(case), run(in_currency(case, 2.0), 2.0 * CASH)

    for name in ("equity", "cash", "gross"):
        np.testing.assert_array_equal(getattr(twice, name), 2.0 * getattr(once, name), err_msg=name)
    np.testing.assert_array_equal(twice.paid, 2.0 * once.paid)
    np.testing.assert_array_equal(twice.counts, once.counts)
    np.testing.assert_array_equal(written_by(twice).size, written_by(once).size)  # in shares


def without_edges(case: Case) -> Case:
    """Return the case without what the last bit of a number may decide, so that round-off stays round-off.

    Lots and a band of 0 are such edges; so is a fee that is the whole of an order, and a sale under T+1 that leaves
    the last bit of a position.
    """
    case = without_lots(case)
    chosen = case.settings.model_copy(update={"risk_off_band": max(case.settings.risk_off_band, 0.01)})
    costs = case.costs.model_copy(update={"minimum_fee": 0.0})
    return replace(case, settings=chosen, costs=costs, rules=replace(case.rules, t_plus_one=False))


@given(seed=SEEDS, factor=st.sampled_from([0.01, 0.3, 3.0, 7.2, 1234.5]))
def test_another_currency_gives_the_same_equity_in_it(seed: int, factor: float) -> None:
    """Scaling invariance: by a factor that is no power of two, to one part in 10^12."""
    case = without_edges(random_case(seed))
    once, other = run(case), run(in_currency(case, factor), factor * CASH)

    np.testing.assert_allclose(other.equity, factor * once.equity, rtol=1e-12)
    np.testing.assert_array_equal(other.rebalances, once.rebalances)


@given(seed=SEEDS)
def test_shares_at_half_the_price_are_twice_as_many(seed: int) -> None:
    """Scaling invariance: who splits every share in two changes no money, to the last bit."""
    case = without_lots(random_case(seed))
    market = case.market
    halved = {name: getattr(market, name) * 0.5 for name in ("close", "mark", "fill", "benchmark")}
    if market.actions is not None:
        halved["actions"] = replace(market.actions, cash=market.actions.cash * 0.5)
    once, split = run(case), run(replace(case, market=replace(market, **halved)))

    np.testing.assert_array_equal(split.equity, once.equity)
    np.testing.assert_array_equal(split.cash, once.cash)
    np.testing.assert_array_equal(written_by(split).size, 2.0 * written_by(once).size)


# --------------------------------------------------------------------------------------------------- order of symbols

ROTATION = StrategySettings(
    rebalance="daily",
    top_n=4,
    retain_top_n=2,
    weighting=Weighting.RANK,
    max_weight=0.3,
    max_turnover=0.2,
    idle="defensive",
    defensives=("S0001", "S0004"),
    defensive_lookback_bars=5,
    volatility_target=0.2,
    volatility_window=10,
)


def market_of_rows(bars: pl.DataFrame) -> Market:
    """Read rows of bars as a market whose scores are their momentum."""
    panel = panel_of(bars, DAILY)
    score = lagged(panel["close"], 1) / lagged(panel["close"], 6) - 1.0
    roles = Roles(benchmark="S0000", defensives=("S0001", "S0004"))
    return market_of(panel, BacktestSettings(), roles, MarketSources(score=score))


@settings(max_examples=10)
@given(seed=st.integers(0, 1000), order=st.integers(0, 1000))
def test_the_order_of_rows_and_symbols_changes_nothing(seed: int, order: int) -> None:
    """Permutation of symbols, rule 18: long rows in any order are the same market, and the same run to the bit."""
    times = parse_instant("2020-01-06") + np.arange(40, dtype=np.int64) * DAY
    bars = synthetic_bars(synthetic_panel(seed, 40, 14, gaps=0.05, times=times), dataset="made-up")
    one = market_of_rows(bars)
    other = market_of_rows(bars.sample(fraction=1.0, shuffle=True, seed=order))
    trial = Trial(settings=ROTATION, costs=CostModel(commission_bps=10))
    first, second = (run_trials(market, [trial], initial_cash=CASH, records=True) for market in (one, other))

    assert one.symbols == other.symbols
    assert first.orders[0] > 0
    assert_same(first, second)


@given(seed=SEEDS)
def test_names_stand_for_nothing(seed: int) -> None:
    """Permutation of symbols: with other names sums run in another order, which changes round-off alone."""
    random = np.random.default_rng(seed)
    case = random_case(seed)
    names = case.market.symbols
    score = case.market.score + random.normal(0.0, 0.01, case.market.shape)  # without ties, which go by symbol
    market = replace(case.market, score=score, actions=None)
    plain = case.settings.model_copy(update={"legacy": LegacySettings()})
    case = without_edges(replace(case, market=market, settings=plain))
    order = random.permutation(len(names))  # the symbol that was at order[k] is now the k-th by name
    moved: dict[str, Any] = {}
    for field in fields(Market):
        value = getattr(case.market, field.name)
        if isinstance(value, np.ndarray) and field.name not in {"times", "benchmark", "interest"}:
            moved[field.name] = value[..., order]
    moved["benchmark_place"] = int(np.flatnonzero(order == market.benchmark_place)[0])
    defensives = tuple(names[int(np.flatnonzero(order == names.index(name))[0])] for name in plain.defensives)
    renamed = replace(
        case,
        market=replace(case.market, **moved),
        settings=case.settings.model_copy(update={"defensives": defensives}),
    )
    once, other = run(case), run(renamed)

    np.testing.assert_allclose(other.equity, once.equity, rtol=1e-11)
    np.testing.assert_array_equal(other.rebalances, once.rebalances)


# ------------------------------------------------------------------------------------------------ stopping and going on


def assert_same(one: Sweep, other: Sweep) -> None:
    """Compare every array of two sweeps to the bit."""
    for field in fields(Sweep):
        if field.name in {"final_place", "final_shares"}:
            for mine, theirs in zip(getattr(one, field.name), getattr(other, field.name), strict=True):
                np.testing.assert_array_equal(mine, theirs, err_msg=field.name)
        elif field.name != "journals":
            np.testing.assert_array_equal(getattr(one, field.name), getattr(other, field.name), err_msg=field.name)
    for mine, theirs in zip(one.journals, other.journals, strict=True):
        for name, left, right in zip(Journal._fields, written(mine), written(theirs), strict=True):
            np.testing.assert_array_equal(left, right, err_msg=name)


def in_two_parts(case: Case, stop: int) -> Sweep:
    """Run the kernel to a row, and then, with the book and the memory that it left, to the end."""

    def halting(first: int, last: int, *rest: Any) -> bool:
        return bool(advance(first, stop, *rest)) and bool(advance(stop, last, *rest))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sweeping, "advance", halting)
        return run(case)


def waiting_rows(sweep: Sweep) -> list[int]:
    """Return the rows at which something is tried that waited from an earlier one."""
    order = written_by(sweep).order
    order = order[order[:, 4] != Unfilled.LAST_SESSION]
    return np.unique(order[order[:, 2] > order[:, 1] + 1, 2]).tolist()


def slowly_filled(seed: int) -> Case:
    """Return a case in which orders wait: a session takes little of them, and they are tried again for four."""
    case = random_case(seed)
    rules = replace(case.rules, participation=0.02, wait_bars=4)
    return replace(case, rules=rules, rebalances=np.arange(60) % 6 == 1)


@given(seed=SEEDS, stop=st.integers(1, 60))
def test_running_to_a_row_and_then_on_is_running_through(seed: int, stop: int) -> None:
    """Prefix property, equity J.2: to T, then on with the state of T, equals running through, to the bit."""
    case = random_case(seed)
    assert_same(in_two_parts(case, stop), run(case))


@given(seed=SEEDS)
def test_stopping_while_orders_wait_loses_none(seed: int) -> None:
    """Prefix property: stopped where orders wait, what waits is tried again as if nothing had been."""
    case = slowly_filled(seed)
    whole = run(case)

    for stop in waiting_rows(whole)[:3]:
        assert_same(in_two_parts(case, stop), whole)


@given(seed=SEEDS, stop=st.integers(2, 59))
def test_a_market_that_ends_sooner_gives_the_first_rows(seed: int, stop: int) -> None:
    """Prefix property: on the rows up to T alone the orders, fills and money are those of the whole, up to T."""
    case = slowly_filled(seed)
    whole = run(case)
    part = run(replace(case, market=case.market.until(stop), rebalances=case.rebalances[:stop]))
    mine, theirs = written_by(part), written_by(whole)

    for name in ("equity", "cash", "gross", "holdings"):
        np.testing.assert_array_equal(getattr(part, name), getattr(whole, name)[:stop], err_msg=name)
    for events, sizes in (("order", "size"), ("fill", "paid"), ("flow", "amount")):
        before = getattr(theirs, events)[:, 1 if events == "flow" else 2] < stop
        np.testing.assert_array_equal(getattr(mine, events), getattr(theirs, events)[before], err_msg=events)
        np.testing.assert_array_equal(getattr(mine, sizes), getattr(theirs, sizes)[before], err_msg=sizes)


def test_orders_wait_often_enough_to_prove_something() -> None:
    assert sum(bool(waiting_rows(run(slowly_filled(seed)))) for seed in range(30)) > 10


# ------------------------------------------------------------------------------------------------ company and threads


def many_trials(seed: int, count: int) -> tuple[Market, list[Trial]]:
    """Return a market and parameter sets of many groups: other schedules, rankings, costs and switches."""
    random = np.random.default_rng(seed)
    trials = []
    for _ in range(count):
        chosen = random_settings(random).model_copy(
            update={"rebalance": str(random.choice(["daily", "weekly", "monthly"]))}
        )
        trials.append(Trial(settings=chosen, costs=random_costs(random), rules=random_rules(random)))
    return random_case(seed).market, trials


@settings(max_examples=12)
@given(seed=SEEDS, count=st.integers(2, 12), threads=st.sampled_from([2, 3, 5]))
def test_company_and_threads_change_no_bit(seed: int, count: int, threads: int) -> None:
    """Each set gives the same bits on 1 thread and on several, in any order, alone, recorded and not."""
    market, trials = many_trials(seed, count)
    together = run_trials(market, trials, initial_cash=CASH)
    assert_same(run_trials(market, trials, initial_cash=CASH, threads=threads), together)
    backwards = run_trials(market, trials[::-1], initial_cash=CASH, threads=2)
    np.testing.assert_array_equal(backwards.equity[:, ::-1], together.equity)
    recorded = run_trials(market, trials, initial_cash=CASH, records=True, threads=threads)
    assert_same(replace(recorded, journals=()), together)
    bare = run_trials(market, trials, initial_cash=CASH, whole=False)
    np.testing.assert_array_equal(bare.equity, together.equity)
    for number, trial in enumerate(trials):
        alone = run_trials(market, [trial], initial_cash=CASH)
        np.testing.assert_array_equal(alone.equity[:, 0], together.equity[:, number])
        np.testing.assert_array_equal(alone.counts[0], together.counts[number])
        np.testing.assert_array_equal(alone.paid[0], together.paid[number])
        np.testing.assert_array_equal(alone.final_shares[0], together.final_shares[number])


# ------------------------------------------------------------------------------------------- what is never decided


@given(seed=SEEDS)
def test_weights_before_the_limit_stay_below_cap_and_exposure(seed: int) -> None:
    """Rules 2, 7 and 11, equity I 2: beside what is stuck the weights fit in the exposure of the decision."""
    case = random_case(seed)
    changes = {"max_turnover": 0.0, "legacy": LegacySettings(), "idle": "none"}
    case = replace(case, settings=case.settings.model_copy(update=changes))
    journal = written_by(run(case))
    ends = [*journal.decision[1:, 7].tolist(), len(journal.target)]

    for record, measure, end in zip(journal.decision.tolist(), journal.measure.tolist(), ends, strict=True):
        part = slice(record[7], end)
        weights = journal.weight[part][~journal.keep[part]]
        _, tier_cap, _, exposure, _, stuck = measure
        if record[5] != Step.RANKING or not weights.any():
            continue
        assert (weights >= 0.0).all()
        assert (weights <= case.settings.max_weight).all()
        assert exposure <= min(case.settings.max_exposure, tier_cap)
        assert weights.sum() <= max(exposure - stuck, 0.0) + 1e-12


@given(seed=SEEDS)
def test_no_order_on_what_could_not_trade_at_its_decision(seed: int) -> None:
    """Rule 7: whether it is tried at once or waits, an order was decided where the symbol had a bar."""
    case = slowly_filled(seed)
    order = written_by(run(case)).order
    decided = order[order[:, 4] != Unfilled.LAST_SESSION]

    assert case.market.traded[decided[:, 1], decided[:, 3]].all()
    assert (decided[:, 2] > decided[:, 1]).all()


def test_a_planted_order_on_what_is_suspended_is_seen() -> None:
    """The property above is not empty: a mask that lies at the decision brings such orders about."""
    seen = 0
    for seed in range(20):
        case = slowly_filled(seed)
        lying = replace(case, market=replace(case.market, traded=np.ones_like(case.market.traded)))
        order = written_by(run(replace(lying, rules=FillRules()))).order
        decided = order[order[:, 4] != Unfilled.LAST_SESSION]
        seen += not case.market.traded[decided[:, 1], decided[:, 3]].all()
    assert seen > 5
