"""Rules that turn the figures of a backtest into statements, each a pure function of the figures."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from tidegate.report.run_figures import Curve, Performance
from tidegate.report.statements import CLEAR_T, FEW_WEEKS, FEW_YEARS, Statement, Tone

__all__ = [
    "Backtested",
    "against_index",
    "capacity",
    "costs",
    "engine_notes",
    "fall",
    "inert",
    "limits",
    "loss",
    "luck",
    "money_limits",
    "noted",
    "outcome",
    "risk",
    "short_period",
]

_NOTE_ORDER: Final = (
    "silent_holdings",
    "dq_degraded",
    "revised_macro",
    "survivorship",
    "static_list",
    "static_data_set",
    "snapshots_of_bars",
    "no_price_limits",
    "no_impact",
    "fills_at_next_close",
    "no_cash_rate_after",
    "cash_earns_nothing",
    "expired_orders",
    "stale_scores",
    "equal_weight_benchmark",
    "benchmark_without_costs",
)
_CHOICES: Final = frozenset({"retain", "suspended", "idle", "volatility_unknown"})
"""Constraints that decide which names are held, or none, rather than how much."""

_SAID_ELSEWHERE: Final = frozenset({"index_without_dividends", "nothing_traded"})


@dataclass(frozen=True, kw_only=True)
class Backtested:
    """What the money rules look at.

    Parameters
    ----------
    performance
        The figures.
    benchmark, index
        How the reader calls them; ``index`` is ``None`` where there is none.
    """

    performance: Performance
    benchmark: str
    index: str | None = None


def outcome(tested: Backtested) -> Statement | None:
    """Say what strategy and benchmark earned a year, and who was ahead."""
    strategy, benchmark, excess = _curves(tested)
    if tested.performance.note("nothing_traded"):
        return Statement("outcome.nothing_traded", Tone.BAD, {"years": strategy.years})
    if strategy.cagr is None or benchmark.cagr is None or excess is None:
        return Statement("outcome.unknown", Tone.NEUTRAL, {"years": strategy.years, "total": strategy.total_return})
    points = round(100.0 * (strategy.cagr - benchmark.cagr), 1)
    values = {
        "cagr": strategy.cagr,
        "benchmark": tested.benchmark,
        "benchmark_cagr": benchmark.cagr,
        "years": strategy.years,
        "points": abs(points),
    }
    if points < 0:
        return Statement("outcome.behind", Tone.BAD, values)
    # A lead is praised only where it is money earned and larger than luck brings.
    clear = (tested.performance.excess.t_statistic or 0.0) >= CLEAR_T
    tone = Tone.GOOD if clear and points > 0 and strategy.cagr > 0 else Tone.NEUTRAL
    return Statement("outcome.ahead" if points > 0 else "outcome.level", tone, values)


def loss(tested: Backtested) -> Statement | None:
    """Say so when the account ended below its start."""
    total = tested.performance.strategy.total_return
    if total is None or total >= 0:
        return None
    return Statement("outcome.loss", Tone.BAD, {"loss": -total})


def luck(tested: Backtested) -> Statement | None:
    """Say whether the difference to the benchmark can be told apart from luck."""
    excess = tested.performance.excess
    if tested.performance.note("nothing_traded"):
        return None
    values = {"t": excess.t_statistic, "weeks": excess.weeks}
    if excess.t_statistic is None or excess.weeks < FEW_WEEKS:
        return Statement("luck.too_short", Tone.CAUTION, values)
    if abs(excess.t_statistic) < CLEAR_T:
        return Statement("luck.indistinct", Tone.CAUTION, values)
    if excess.t_statistic > 0:
        return Statement("luck.ahead", Tone.GOOD, values)
    return Statement("luck.behind", Tone.BAD, values)


def risk(tested: Backtested) -> Statement | None:
    """Say so when a higher return came with a lower Sharpe ratio: it was paid for with risk."""
    strategy, benchmark, excess = _curves(tested)
    if excess is None or excess <= 0 or strategy.sharpe is None or benchmark.sharpe is None:
        return None
    if strategy.sharpe >= benchmark.sharpe:
        return None
    return Statement(
        "risk.lower_sharpe", Tone.CAUTION, {"sharpe": strategy.sharpe, "benchmark_sharpe": benchmark.sharpe}
    )


def fall(tested: Backtested) -> Statement | None:
    """Say how deep the worst fall was, beside the benchmark's."""
    strategy, benchmark, _ = _curves(tested)
    if not strategy.max_drawdown or benchmark.max_drawdown is None:
        return None
    own, other = strategy.max_drawdown, benchmark.max_drawdown
    values = {
        "fall": own,
        "start": strategy.drawdown_start,
        "end": strategy.drawdown_end,
        "benchmark_fall": other,
    }
    deeper = own > other
    return Statement("fall.deeper" if deeper else "fall.milder", Tone.BAD if deeper else Tone.NEUTRAL, values)


def costs(tested: Backtested) -> Statement | None:
    """Say what trading took away, and when that was more than the strategy fell short by."""
    paid, excess = tested.performance.costs, tested.performance.excess.annual_log_excess
    if paid.total == 0:
        return Statement("costs.none", Tone.CAUTION)
    if paid.annual_drag is None:
        return None
    values = {"drag": paid.annual_drag, "turnover": paid.annual_turnover, "total": paid.total}
    if excess is not None and excess < 0 < excess + paid.annual_drag:
        return Statement("costs.decisive", Tone.BAD, {**values, "difference": -excess})
    return Statement("costs.paid", Tone.NEUTRAL, values)


def against_index(tested: Backtested) -> Statement | None:
    """Set the strategy beside the index, and say when that index pays no dividends."""
    strategy, index = tested.performance.strategy, tested.performance.index
    if index is None or tested.index is None or index.cagr is None or strategy.cagr is None:
        return None
    bare = tested.performance.note("index_without_dividends") is not None
    values = {"index": tested.index, "index_cagr": index.cagr}
    return Statement("index.without_dividends" if bare else "index.plain", Tone.NEUTRAL, values)


def limits(tested: Backtested) -> Statement | None:
    """Say which constraint bound most often, of those that limit what is held."""
    counts, rebalances = tested.performance.binding_counts, tested.performance.rebalances
    if counts is None or not rebalances:
        return None
    limiting = {name: count for name, count in counts.items() if count and name not in _CHOICES}
    if not limiting:
        return Statement("limits.none", Tone.NEUTRAL, {"rebalances": rebalances})
    name = min(limiting, key=lambda name: (-limiting[name], name))
    return Statement(
        "limits.most", Tone.NEUTRAL, {"constraint": name, "count": limiting[name], "rebalances": rebalances}
    )


def inert(tested: Backtested) -> Statement | None:
    """Name the parameters that changed nothing: whoever tunes them tunes nothing."""
    found = tested.performance.inert
    if not found:
        return None
    names = ", ".join(one.parameter for one in found)
    return Statement("inert.some", Tone.CAUTION, {"count": len(found), "parameters": names})


def capacity(tested: Backtested) -> Statement | None:
    """Say how much money the strategy can carry, or why that is not known."""
    found = tested.performance.capacity
    if found is None:
        return None
    if found.nav is None:
        return Statement("capacity.unknown", Tone.CAUTION, {"capacity_reason": found.reason or ""})
    return Statement("capacity.known", Tone.NEUTRAL, {"nav": found.nav, "edge": found.edge})


def short_period(tested: Backtested) -> Statement | None:
    """Say so when the backtest covers few years."""
    years = tested.performance.strategy.years
    return Statement("caution.short_period", Tone.CAUTION, {"years": years}) if years < FEW_YEARS else None


def engine_notes(tested: Backtested) -> tuple[Statement, ...]:
    """Repeat what the engine noted, what matters most first."""
    return noted((note.code, note.values) for note in tested.performance.notes)


def noted(notes: Iterable[tuple[str, Mapping[str, object]]]) -> tuple[Statement, ...]:
    """Return notes, code and values, as cautions, what matters most first, but for those said elsewhere."""
    order = {code: place for place, code in enumerate(_NOTE_ORDER)}
    told = sorted(notes, key=lambda note: order.get(note[0], len(order)))
    return tuple(
        Statement(f"note.{code}", Tone.CAUTION, values) for code, values in told if code not in _SAID_ELSEWHERE
    )


def money_limits(tested: Backtested) -> tuple[Statement, ...]:
    """Return what a backtest leaves open, whatever it found."""
    capacity = "limit.capacity_unknown" if tested.performance.note("no_impact") else "limit.capacity_modelled"
    keys = ("limit.future", "limit.search", capacity, "limit.execution", "limit.taxes")
    return tuple(Statement(key) for key in keys)


def _curves(tested: Backtested) -> tuple[Curve, Curve, float | None]:
    performance = tested.performance
    return performance.strategy, performance.benchmark, performance.excess.annual_log_excess
