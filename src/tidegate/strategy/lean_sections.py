"""The recipe sections that a resolved map of the original platform becomes, and what it gets that it cannot say."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple, TypeVar

from pydantic import ValidationError

from tidegate.core.config import Settings, in_words
from tidegate.core.errors import InputError
from tidegate.core.recipe import BacktestSettings, CostSettings, LegacySettings, StrategySettings, UniverseSettings
from tidegate.strategy.lean_table import TABLE

__all__ = ["LeanMode", "backtest_of", "costs_of", "modes_of", "strategy_of", "universe_of"]

_WEEKDAYS: Final = ("monday", "tuesday", "wednesday", "thursday", "friday")

Section = TypeVar("Section", bound=Settings)


class LeanMode(NamedTuple):
    """A setting that the map cannot name, and what an imported map gets."""

    setting: str
    value: Any
    why: str


def strategy_of(values: Mapping[str, Any], *, legacy: bool) -> StrategySettings:
    """Return the strategy of resolved values by the original's names."""
    bought = "defensive" in (values["risk_off_mode"], values["idle_allocation"])
    return _made(
        StrategySettings,
        rebalance=values["rebalance_frequency"],
        rebalance_day=values["rebalance_day"],
        top_n=values["top_n"],
        retain_top_n=values["retain_top_n"],
        minimum_score=values["min_score"],
        score_delay_bars=_bars_before(values["score_delay_days"], values),
        score_smoothing=values["score_smoothing_alpha"],
        score_smoothing_carry=values["score_smoothing_carry"] and values["score_smoothing_alpha"] > 0.0,
        weighting=values["weighting"],
        max_weight=1.0 if values["max_weight"] is None else values["max_weight"],
        max_exposure=values["max_exposure"],
        volatility_target=values["vol_target"],
        volatility_of="benchmark",
        volatility_window=values["vol_window"],
        market_filter=values["market_filter"],
        market_window=values["market_ma_window"],
        dynamic_exposure=values["dynamic_exposure"] and bool(values["drawdown_tiers"]),
        drawdown_tiers=values["drawdown_tiers"],
        drawdown_exposures=values["drawdown_exposures"],
        tier_mode="absolute",
        drawdown_exposure_floor=values["drawdown_exposure_floor"],
        max_drawdown=_limit(values["max_drawdown"]),
        max_drawdown_52w=_limit(values["max_drawdown_52w"]),
        drawdown_recovery_ratio=values["drawdown_recovery_ratio"],
        risk_off=values["risk_off_mode"],
        defensives=_basket(values) if bought else (),
        defensive_pick=values["risk_off_pick"],
        defensive_lookback_bars=values["risk_off_lookback_days"],
        idle=values["idle_allocation"],
        max_turnover=values["max_turnover_week"],
        legacy=LegacySettings(**dict.fromkeys(LegacySettings.model_fields, legacy)),
    )


def _basket(values: Mapping[str, Any]) -> tuple[str, ...]:
    basket: tuple[str, ...] = values["risk_off_symbols"] or values["risk_off_symbol"]
    return basket


def _limit(drawdown: float) -> float:
    return drawdown if drawdown <= 1.0 else 0.0


def _bars_before(days: int, values: Mapping[str, Any]) -> int:
    """Return how many rows before the decision's close the scores lie that a delay in calendar days reads.

    At a fill session *t* the original read the newest score dated ``t - days`` or earlier. The decision's close is the
    weekday before *t*, so the rows are the weekdays after ``t - days`` and before *t*. Where *t* can be any weekday it
    is the most that there can be, which is never newer than what the original read. Exchange holidays are left out.
    """
    weekly = values["rebalance_frequency"] == "weekly"
    starts = [_WEEKDAYS.index(values["rebalance_day"])] if weekly else range(5)
    return max(sum((start - back) % 7 < 5 for back in range(1, days)) for start in starts)


def costs_of(values: Mapping[str, Any]) -> CostSettings:
    """Return the fee and nothing else, as the map says no more."""
    return _made(CostSettings, preset="free", commission_bps=values["fee_bps"])


def universe_of(values: Mapping[str, Any]) -> UniverseSettings:
    """Return the named symbols without benchmark and defensives, which are never chosen by score."""
    apart = {values["benchmark"], *_basket(values)}
    names = tuple(name for name in values["symbols"] if name not in apart)
    return _made(UniverseSettings, symbols=names, benchmark=values["benchmark"])


def backtest_of(values: Mapping[str, Any]) -> BacktestSettings:
    """Return money and dates."""
    start, end = values["backtest_start"], values["backtest_end"]
    return _made(BacktestSettings, initial_cash=values["initial_cash"], start=start, end=end)


def _made(kind: type[Section], **fields: Any) -> Section:
    """Return a section of a recipe; a value that it refuses is reported under the map's name for it."""
    try:
        return kind(**fields)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        field = str((*first["loc"], *first.get("ctx", {}).get("at", ()))[0])
        key = next((entry.key for entry in TABLE if entry.setting.endswith(f".{field}")), field)
        raise InputError(
            found=f"{key} = {fields.get(field)}", expected=in_words(first, field)[0], hint="correct it in the map"
        ) from None


def modes_of(strategy: StrategySettings) -> tuple[LeanMode, ...]:
    """Return what an imported map gets that it cannot say (rule 3 of the rotation rules), legacy switches included."""
    legacy = strategy.legacy
    stated: tuple[LeanMode, ...] = (
        LeanMode("strategy.volatility_of", "benchmark", f"as the original; over {strategy.volatility_closes} closes"),
        LeanMode("strategy.tier_mode", "absolute", "the original's tiers are caps; a recipe's multiply max_exposure"),
    )
    if not legacy.guard_without_reentry:
        why = f"after {strategy.guard_sessions} sessions with a new peak; the original waited for a recovery alone"
        stated += (LeanMode("strategy.guard_reentry", strategy.guard_reentry, why),)
    if not legacy.score_age_unlimited:
        why = f"older scores are no signal: {strategy.stale_scores}; the original used the last ones for ever"
        stated += (LeanMode("strategy.max_score_age_bars", strategy.max_score_age_bars, why),)
    if not legacy.fill_previous_close:
        why = "the original filled at the close that made the scores"
        stated += (LeanMode("backtest.fill", "next_open", why),)
    if not legacy.fee_ignored:
        why = "the map names a fee and nothing else; a market's preset charges more"
        stated += (LeanMode("costs.half_spread_bps", 0.0, why),)
    switched = (LeanMode(f"strategy.legacy.{name}", True, "--legacy") for name, on in legacy if on)
    return (*stated, *switched)
