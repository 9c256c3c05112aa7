"""What settings alone tell of parameters that cannot change anything, before anything has run."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from tidegate.core.recipe_strategy import StrategySettings, Weighting
from tidegate.strategy.seam import Binding

__all__ = ["BINDING_OF", "WhyInert", "unable_to_bind"]


class WhyInert(StrEnum):
    """Why a parameter changes nothing."""

    NEVER_BOUND = "never bound"
    NOBODY_BELOW = "no name scored lower"
    NOBODY_KEPT = "kept no name that had not been chosen anyway"
    SAME_RESULT = "the same result with every value tried"
    SWITCHED_OFF = "what it belongs to is switched off"
    CANNOT_BIND = "cannot bind beside the other parameters"
    NO_TIER = "no tier is lower than max_exposure"
    GUARD_FIRST = "the drawdown guard acts first"
    DOMINATED = "max_drawdown acts first"
    CAP_LEAVES_CASH = "top_n times max_weight is less, so that cash is left"
    TOO_LITTLE_HISTORY = "its window is longer than the history"
    IGNORED_BY_LEGACY = "a legacy switch ignores it"
    SCALED_UP_AGAIN = "a legacy switch scales capped weights up again, so that all are equal"


_OF_TIERS: Final = ("drawdown_tiers", "drawdown_exposures", "tier_mode", "drawdown_exposure_floor")
_OF_VOLATILITY: Final = ("volatility_target", "volatility_of", "volatility_window")
_OF_GUARD: Final = ("max_drawdown", "max_drawdown_52w", "drawdown_recovery_ratio", "guard_reentry", "guard_sessions")
_OF_RISK_OFF: Final = ("risk_off", "risk_off_band")
_OF_PICK: Final = ("defensive_pick", "defensive_lookback_bars")

BINDING_OF: Final = {
    "max_weight": Binding.CAP,
    "max_exposure": Binding.MAX_EXPOSURE,
    "max_turnover": Binding.TURNOVER,
    "minimum_score": Binding.MINIMUM_SCORE,
    "retain_top_n": Binding.RETAIN,
    "idle": Binding.IDLE,
    "market_filter": Binding.FILTER | Binding.NOT_READY,
    "market_window": Binding.FILTER | Binding.NOT_READY,
    "max_score_age_bars": Binding.STALE_SCORES,
    "stale_scores": Binding.STALE_SCORES,
    **dict.fromkeys(_OF_VOLATILITY, Binding.VOLATILITY | Binding.VOLATILITY_UNKNOWN),
    **dict.fromkeys(_OF_TIERS, Binding.TIER),
    **dict.fromkeys(_OF_GUARD, Binding.GUARD),
    **dict.fromkeys((*_OF_RISK_OFF, *_OF_PICK), Binding.GUARD | Binding.FILTER | Binding.TIER | Binding.IDLE),
}
"""The constraints through which a parameter acts."""


@dataclass(frozen=True)
class _Rules:
    """Settings, and how many closes there are to look back on."""

    settings: StrategySettings
    history: int | None

    def of_schedule(self) -> Iterator[tuple[str, WhyInert]]:
        s = self.settings
        if s.rebalance != "weekly" and not (s.rebalance == "daily" and s.legacy.daily_is_weekly):
            yield "rebalance_day", WhyInert.SWITCHED_OFF
        if s.score_smoothing == 0.0:
            yield "score_smoothing_carry", WhyInert.SWITCHED_OFF
        if s.legacy.score_age_unlimited:
            yield "max_score_age_bars", WhyInert.IGNORED_BY_LEGACY

    def of_weights(self) -> Iterator[tuple[str, WhyInert]]:
        s = self.settings
        if s.legacy.cap_renormalises:
            if s.top_n * s.max_weight < 1.0:
                yield "max_weight", WhyInert.SCALED_UP_AGAIN
            elif s.max_weight >= 1.0:
                yield "max_weight", WhyInert.CANNOT_BIND
        elif s.max_weight >= s.max_exposure:
            yield "max_weight", WhyInert.CANNOT_BIND
        elif s.top_n * s.max_weight < s.max_exposure and not self._exposure_scales_tiers:
            yield "max_exposure", WhyInert.CAP_LEAVES_CASH
        if s.max_turnover >= 1.0 and not s.legacy.riskoff_keeps_book:
            yield "max_turnover", WhyInert.CANNOT_BIND

    @property
    def _exposure_scales_tiers(self) -> bool:
        """Whether ``max_exposure`` is more than a limit of its own: what risk-off holds, and a factor of the tiers."""
        s = self.settings
        return s.dynamic_exposure or (self._goes_off and s.risk_off != "cash")

    @property
    def _guarded(self) -> bool:
        return max(self.settings.max_drawdown, self.settings.max_drawdown_52w) > 0.0

    @property
    def _goes_off(self) -> bool:
        """Whether anything can lead to risk-off."""
        s = self.settings
        return self._guarded or s.market_filter or s.dynamic_exposure

    def of_volatility(self) -> Iterator[tuple[str, WhyInert]]:
        s = self.settings
        why = None
        if s.legacy.vol_target_dead and s.volatility_target > 0.0:
            why = WhyInert.IGNORED_BY_LEGACY
        elif s.volatility_target == 0.0:
            why = WhyInert.SWITCHED_OFF
        elif self.history is not None and s.volatility_closes > self.history:
            why = WhyInert.TOO_LITTLE_HISTORY
        if why is None:
            return
        shared = s.weighting is Weighting.INVERSE_VOLATILITY
        for name in _OF_VOLATILITY:
            if name == "volatility_target":
                if why is not WhyInert.SWITCHED_OFF:
                    yield name, why
            elif not shared:
                yield name, why

    def of_tiers(self) -> Iterator[tuple[str, WhyInert]]:
        s = self.settings
        if not s.dynamic_exposure:
            yield from ((name, WhyInert.SWITCHED_OFF) for name in _OF_TIERS)
            return
        is_absolute = s.tier_mode == "absolute" or s.legacy.tiers_absolute
        caps = [exposure if is_absolute else exposure * s.max_exposure for exposure in s.drawdown_exposures]
        if all(cap >= s.max_exposure for cap in caps):
            yield from ((name, WhyInert.NO_TIER) for name in ("drawdown_tiers", "drawdown_exposures"))
            yield "drawdown_exposure_floor", WhyInert.NO_TIER
        elif s.max_drawdown > 0.0 and s.drawdown_tiers[0] >= s.max_drawdown and s.risk_off == "cash":
            yield from ((name, WhyInert.GUARD_FIRST) for name in _OF_TIERS)
            return
        elif min(caps) >= s.drawdown_exposure_floor:
            yield "drawdown_exposure_floor", WhyInert.CANNOT_BIND
        if s.legacy.tiers_absolute:
            yield "tier_mode", WhyInert.IGNORED_BY_LEGACY

    def of_guard(self) -> Iterator[tuple[str, WhyInert]]:
        s = self.settings
        if not self._guarded:
            yield from ((name, WhyInert.SWITCHED_OFF) for name in _OF_GUARD[2:])
            return
        if 0.0 < s.max_drawdown <= s.max_drawdown_52w:
            yield "max_drawdown_52w", WhyInert.DOMINATED
        if s.legacy.guard_without_reentry:
            yield "guard_reentry", WhyInert.IGNORED_BY_LEGACY
        if s.legacy.guard_without_reentry or s.guard_reentry != "time_out":
            yield "guard_sessions", WhyInert.SWITCHED_OFF

    def of_market(self) -> Iterator[tuple[str, WhyInert]]:
        s = self.settings
        reenters = self._guarded and s.guard_reentry == "market_filter" and not s.legacy.guard_without_reentry
        if not s.market_filter and not reenters:
            yield "market_window", WhyInert.SWITCHED_OFF
        elif self.history is not None and s.market_window > self.history:
            yield "market_window", WhyInert.TOO_LITTLE_HISTORY

    def of_risk_off(self) -> Iterator[tuple[str, WhyInert]]:
        s = self.settings
        if not self._goes_off:
            yield from ((name, WhyInert.SWITCHED_OFF) for name in _OF_RISK_OFF)
        picks = s.idle == "defensive" or (s.risk_off == "defensive" and self._goes_off)
        if not picks:
            yield from ((name, WhyInert.SWITCHED_OFF) for name in _OF_PICK)
        elif len(s.defensives) == 1:
            yield from ((name, WhyInert.CANNOT_BIND) for name in _OF_PICK)


def unable_to_bind(settings: StrategySettings, history: int | None = None) -> dict[str, WhyInert]:
    """Return the parameters that limit nothing as they are set, beside the others, and why.

    Nothing changes if such a parameter is taken away, or made still smaller in the case of
    :attr:`WhyInert.SCALED_UP_AGAIN`; another value may well act. :attr:`WhyInert.CAP_LEAVES_CASH` holds as long as no
    holding is suspended.

    Parameters
    ----------
    history
        Closes that there are, those before the account's start included; None means enough.

    Returns
    -------
    dict of str to WhyInert
        A parameter that is off by its own value is not among them.

    Examples
    --------
    >>> unable_to_bind(StrategySettings(max_drawdown=0.15, max_drawdown_52w=0.15))["max_drawdown_52w"]
    <WhyInert.DOMINATED: 'max_drawdown acts first'>
    """
    rules = _Rules(settings, history)
    groups = (
        rules.of_schedule(),
        rules.of_weights(),
        rules.of_volatility(),
        rules.of_tiers(),
        rules.of_guard(),
        rules.of_market(),
        rules.of_risk_off(),
    )
    return {name: why for group in groups for name, why in group}
