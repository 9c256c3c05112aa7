"""Which parameters of an original map do something with the values they have, and which cannot."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from tidegate.core.recipe_strategy import StrategySettings

__all__ = ["Effect", "Facts", "binding_tiers", "judge"]


class Effect(StrEnum):
    """What a parameter does to a backtest."""

    USED = "used"
    INERT = "inert"
    """Read, and unable to change anything beside the other values."""
    UNSUPPORTED = "unsupported"
    """Nothing here reads it."""


@dataclass(frozen=True, kw_only=True)
class Facts:
    """A map as it was resolved.

    Parameters
    ----------
    values
        Resolved values by the original's names.
    strategy
        The settings that they became.
    """

    values: Mapping[str, Any]
    strategy: StrategySettings

    @property
    def guarded(self) -> bool:
        """Whether a drawdown can lock the book."""
        return max(self.strategy.max_drawdown, self.strategy.max_drawdown_52w) > 0.0

    @property
    def leaves_stocks(self) -> bool:
        """Whether there is a risk-off that has money to place."""
        return (self.guarded or self.strategy.market_filter) and self.strategy.max_exposure > 0.0

    @property
    def buys_defensives(self) -> bool:
        """Whether a defensive asset can ever be bought."""
        return self.strategy.idle == "defensive" or (self.leaves_stocks and self.strategy.risk_off == "defensive")


def binding_tiers(strategy: StrategySettings) -> tuple[float, ...]:
    """Return the tiers whose exposure, floor included, is below ``max_exposure`` where it counts.

    Tiers are absolute caps. In cash nothing is held that a tier could make smaller, so behind a guard that goes to cash
    only the tiers before the guard count.

    Examples
    --------
    >>> settings = {"dynamic_exposure": True, "tier_mode": "absolute", "drawdown_tiers": (0.08, 0.12)}
    >>> binding_tiers(StrategySettings(**settings, drawdown_exposures=(0.8, 0.4), max_exposure=0.5))
    (0.12,)
    """
    if not strategy.dynamic_exposure:
        return ()
    guard = strategy.max_drawdown if strategy.max_drawdown > 0.0 and strategy.risk_off == "cash" else 1.0
    return tuple(
        tier
        for tier, exposure in zip(strategy.drawdown_tiers, strategy.drawdown_exposures, strict=True)
        if max(exposure, strategy.drawdown_exposure_floor) < strategy.max_exposure and tier < guard
    )


def judge(key: str, facts: Facts) -> tuple[Effect, str]:
    """Return what a parameter of the table does, and why."""
    if key in _UNSUPPORTED:
        return Effect.UNSUPPORTED, _UNSUPPORTED[key]
    inert = _INERT.get(key, _never)(facts)
    if inert is not None:
        return Effect.INERT, inert
    used = _USED.get(key)
    return Effect.USED, used(facts) if used else ""


def _never(facts: Facts) -> str | None:  # noqa: ARG001 - the shape of its neighbours
    return None


def _dead_target(facts: Facts) -> str | None:
    dead = facts.strategy.legacy.vol_target_dead and facts.strategy.volatility_target > 0.0
    return "legacy.vol_target_dead ignores it" if dead else None


def _volatility_window(facts: Facts) -> str | None:
    if facts.strategy.volatility_target == 0.0:
        return "there is no vol_target"
    return _dead_target(facts)


def _cap(facts: Facts) -> str | None:
    strategy, cap = facts.strategy, facts.values["max_weight"]
    if cap is None:
        return None
    if strategy.legacy.cap_renormalises:
        lifted = cap * strategy.top_n <= 1.0
        return f"every cap up to 1/top_n = {1.0 / strategy.top_n:.4g} gives equal weights above it" if lifted else None
    return f"no weight exceeds max_exposure {strategy.max_exposure:g}" if cap >= strategy.max_exposure else None


def _tiers(facts: Facts) -> str | None:
    strategy = facts.strategy
    if not strategy.drawdown_tiers:
        named = facts.values["tiers_given"]
        return "tiers and exposures go together, and one of them is empty" if named else None
    if not strategy.dynamic_exposure:
        return "dynamic_exposure is off"
    if binding_tiers(strategy):
        return None
    return f"no tier goes below max_exposure {strategy.max_exposure:g} where it counts, as an absolute cap"


def _dynamic(facts: Facts) -> str | None:
    if not facts.values["dynamic_exposure"]:
        return None
    return _tiers(facts) if facts.strategy.drawdown_tiers else "there is no tier that it could switch on"


def _floor(facts: Facts) -> str | None:
    strategy = facts.strategy
    if not strategy.dynamic_exposure:
        return "no tiers are switched on"
    lowest = min(strategy.drawdown_exposures)
    if strategy.drawdown_exposure_floor <= lowest:
        return f"no tier goes below it, the lowest is {lowest:g}"
    return f"no tier is below max_exposure {strategy.max_exposure:g}" if lowest >= strategy.max_exposure else None


def _guard(facts: Facts) -> str | None:
    return "a drawdown never exceeds 1, so it is off" if facts.values["max_drawdown"] > 1.0 else None


def _guard_52w(facts: Facts) -> str | None:
    if facts.values["max_drawdown_52w"] > 1.0:
        return "a drawdown never exceeds 1, so it is off"
    limit, short = facts.strategy.max_drawdown, facts.strategy.max_drawdown_52w
    if 0.0 < limit <= short:
        return f"max_drawdown {limit:g} fires first: no 52-week drawdown is deeper than the whole one"
    return None


def _market_window(facts: Facts) -> str | None:
    return None if facts.strategy.market_filter else "there is no market filter"


def _rebalance_day(facts: Facts) -> str | None:
    strategy = facts.strategy
    weekly = strategy.rebalance == "weekly" or (strategy.rebalance == "daily" and strategy.legacy.daily_is_weekly)
    return None if weekly else f"rebalances are {strategy.rebalance}"


def _recovery(facts: Facts) -> str | None:
    return None if facts.guarded else "there is no drawdown guard"


def _turnover(facts: Facts) -> str | None:
    limit = facts.strategy.max_turnover
    return "half the sum of weight changes never exceeds 1" if limit >= 1.0 and not _keeps_book(facts) else None


def _keeps_book(facts: Facts) -> bool:
    return facts.strategy.legacy.riskoff_keeps_book


def _carry(facts: Facts) -> str | None:
    return None if facts.strategy.score_smoothing > 0.0 else "there is no score_smoothing_alpha"


def _risk_off(facts: Facts) -> str | None:
    return None if facts.leaves_stocks else "neither market filter nor drawdown guard is on"


def _defensives(facts: Facts) -> str | None:
    return None if facts.buys_defensives else "no defensive asset is ever bought: risk_off_mode, idle_allocation"


def _one_defensive(facts: Facts) -> str | None:
    if facts.values["risk_off_symbols"]:
        return "risk_off_symbols comes first"
    return _defensives(facts)


def _pick(facts: Facts) -> str | None:
    only = len(facts.strategy.defensives) == 1
    return _defensives(facts) or ("there is one defensive asset to pick from" if only else None)


def _fee(facts: Facts) -> str | None:
    return (
        "legacy.fee_ignored: the original stored it and never charged it" if facts.strategy.legacy.fee_ignored else None
    )


def _why_tiers(facts: Facts) -> str:
    strategy = facts.strategy
    binding = binding_tiers(strategy)
    idle = [f"{tier:g}" for tier in strategy.drawdown_tiers if tier not in binding]
    if not strategy.drawdown_tiers:
        return "none"
    return "absolute caps" + (f"; cannot bind: {', '.join(idle)}" if idle else "")


def _why_delay(facts: Facts) -> str:
    days, bars = facts.values["score_delay_days"], facts.strategy.score_delay_bars
    if days == 0:
        return "0 days would be the score of the session that trades; the close before it is the newest that is known"
    rows = "the row of the decision's close" if bars == 0 else f"{bars} rows before the decision's close"
    return f"{days} calendar {'day is' if days == 1 else 'days are'} {rows}; holidays are not counted"


def _off(name: str, words: str) -> Callable[[Facts], str]:
    return lambda facts: words if facts.values[name] else "off"


_UNSUPPORTED: Final = {
    "rebalance_time_minutes": "bars are daily: orders fill at the open or the close of the session",
    "score_csv_path": "kept with the map; a recipe trades the scores of its own model",
}
_INERT: Final[dict[str, Callable[[Facts], str | None]]] = {
    "max_weight": _cap,
    "market_ma_window": _market_window,
    "rebalance_day": _rebalance_day,
    "dynamic_exposure": _dynamic,
    "drawdown_tiers": _tiers,
    "drawdown_exposures": _tiers,
    "drawdown_exposure_floor": _floor,
    "drawdown_recovery_ratio": _recovery,
    "max_drawdown": _guard,
    "max_drawdown_52w": _guard_52w,
    "max_turnover_week": _turnover,
    "vol_target": _dead_target,
    "vol_window": _volatility_window,
    "reload_scores": lambda _: "scores do not change while a backtest runs",
    "score_smoothing_carry": _carry,
    "risk_off_mode": _risk_off,
    "risk_off_symbol": _one_defensive,
    "risk_off_symbols": _defensives,
    "risk_off_pick": _pick,
    "risk_off_lookback_days": _pick,
    "fee_bps": _fee,
}
_USED: Final[dict[str, Callable[[Facts], str]]] = {
    "benchmark": lambda facts: (
        "" if facts.values["benchmark"].isupper() else "as written; symbols are put into capitals, the benchmark is not"
    ),
    "rebalance_frequency": lambda facts: (
        "by legacy.daily_is_weekly every week"
        if facts.strategy.rebalance == "daily" and facts.strategy.legacy.daily_is_weekly
        else "every session; the original made daily weekly"
        if facts.strategy.rebalance == "daily"
        else ""
    ),
    "symbols": lambda facts: (
        "benchmark and defensives are not chosen by score"
        if facts.values["symbols"]
        else "none named: every symbol of the data set; the original's six tickers are not taken over"
    ),
    "max_weight": lambda facts: (
        "none"
        if facts.values["max_weight"] is None
        else "raised to a sum of 1 again, then times max_exposure"
        if facts.strategy.legacy.cap_renormalises
        else "a weight of equity; the original multiplied it by max_exposure"
    ),
    "rebalance_day": lambda _: "or the next session of that week; a weekday in other capitals is Monday",
    "drawdown_tiers": _why_tiers,
    "drawdown_exposures": _why_tiers,
    "max_drawdown": _off("max_drawdown", "of the whole curve"),
    "max_drawdown_52w": _off("max_drawdown_52w", "of the last 252 closes"),
    "max_turnover_week": _off("max_turnover_week", "half the sum of weight changes, defensives included"),
    "vol_target": _off("vol_target", "of the benchmark, as exposure is lowered to target / volatility"),
    "vol_window": lambda _: "closes of the benchmark",
    "score_delay_days": _why_delay,
    "score_smoothing_alpha": _off("score_smoothing_alpha", "advances once per rebalance"),
    "fee_bps": lambda _: "charged one way; the original stored it and never charged it",
}
