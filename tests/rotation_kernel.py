"""The compiled kernel, called and told like the plain reference, so that the same tests hold both to the rules."""

from __future__ import annotations

from tidegate.core.recipe_strategy import StrategySettings
from tidegate.core.units import Mask
from tidegate.costs import CostModel
from tidegate.engine.fill_rules import FillRules, Unfilled
from tidegate.engine.journal import Journal
from tidegate.engine.market import Market
from tidegate.engine.reference import PlainFill, PlainOrder, ReferenceRun
from tidegate.engine.sweep import Sweep, Trial, run_trials
from tidegate.strategy.long_short import LongShort
from tidegate.strategy.reference import PlainDecision
from tidegate.strategy.seam import Action, Binding, Step

__all__ = ["as_reference", "kernel_backtest"]


def kernel_backtest(
    market: Market,
    settings: StrategySettings | LongShort,
    costs: CostModel,
    *,
    initial_cash: float,
    rebalances: Mask,
    defensives: tuple[int, ...] = (),
    rules: FillRules | None = None,
    periods_per_year: float = 252.0,
) -> ReferenceRun:
    """Run the kernel as :func:`~tidegate.engine.reference.reference_backtest` is run."""
    if len(market.times) < 2:
        return ReferenceRun(equity=[initial_cash], cash=[initial_cash], exposure=[0.0], shares=[0.0] * market.shape[1])
    if isinstance(settings, StrategySettings):
        assert tuple(market.places[symbol] for symbol in settings.defensives) == defensives
    trial = Trial(settings=settings, costs=costs, rules=rules or FillRules())
    sweep = run_trials(
        market, [trial], initial_cash=initial_cash, rebalances=rebalances, periods_per_year=periods_per_year,
        records=True,
    )  # fmt: skip
    return as_reference(market, sweep)


def as_reference(market: Market, sweep: Sweep) -> ReferenceRun:
    """Tell a recorded run of one parameter set, of the kernel or the event loop, as the reference tells its own."""
    journal = sweep.journals[0]
    run = ReferenceRun(equity=sweep.equity[:, 0].tolist(), cash=sweep.cash[:, 0].tolist())
    run.exposure = ((sweep.equity - sweep.cash) / sweep.equity)[:, 0].tolist()
    _tell_trades(run, journal)
    for at in range(int(journal.used[0])):
        run.decisions.append(_decision(journal, at))
    for bit, count in enumerate(sweep.counts[0].tolist()):
        if count:
            run.counts[str(Binding(1 << bit).name).lower()] = count
    shares = [0.0] * market.shape[1]
    for place, held in zip(sweep.final_place[0].tolist(), sweep.final_shares[0].tolist(), strict=True):
        shares[place] = held
    run.shares = shares
    return run


def _tell_trades(run: ReferenceRun, journal: Journal) -> None:
    exits = set()
    for record, size in zip(*(part[: journal.used[2]].tolist() for part in (journal.order, journal.size)), strict=True):
        _, _, row, place, reason = record
        if reason == Unfilled.LAST_SESSION:
            exits.add((row, place))
        else:
            run.orders.append(PlainOrder(row, place, *size, Unfilled(reason)))
    for record, paid in zip(*(part[: journal.used[3]].tolist() for part in (journal.fill, journal.paid)), strict=True):
        run.fills.append(PlainFill(*record[1:], *paid))
    for at in reversed(range(len(run.fills))):  # nobody decided a forced exit, which is the last fill of its symbol
        fill = run.fills[at]
        if (fill.row, fill.place) in exits:
            exits.remove((fill.row, fill.place))
            run.fills[at] = fill._replace(decided_row=fill.row)


def _decision(journal: Journal, at: int) -> PlainDecision:
    """Return one decision as the reference writes it: without zeros, and without what keeps its shares."""
    _, row, rebalances, action, binding, step, _, first = journal.decision[at].tolist()
    end = int(journal.decision[at + 1, 7]) if at + 1 < journal.used[0] else int(journal.used[1])
    places, weights = journal.target[first:end].tolist(), journal.weight[first:end].tolist()
    kept = journal.keep[first:end].tolist()
    trades = action == Action.TRADE
    names = {str(one.name).lower() for one in Binding if one & binding}
    wanted = zip(places, weights, kept, strict=True)
    return PlainDecision(
        row,
        row + 1,
        bool(rebalances),
        "trade" if trades else "hold",
        names,
        Step(step).name,
        {place: weight for place, weight, keeps in wanted if not keeps and weight != 0.0} if trades else None,
        {place for place, keeps in zip(places, kept, strict=True) if keeps},
    )
