"""Parameters and state of the rotation as records of numbers, which compiled code reads."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from tidegate.core.errors import InputError
from tidegate.core.recipe_strategy import MOST_DEFENSIVES, MOST_TIERS, StrategySettings, Weighting

__all__ = ["RING", "ROTATION", "ROTATION_STATE", "WEIGHTINGS", "rotation_parameters", "rotation_state"]

RING: Final = 252
"""Closes that the 52-week guard looks back over."""

WEIGHTINGS: Final = tuple(Weighting)
_REENTRIES: Final = ("time_out", "market_filter", "recovery")
_PLACES_TO_HIDE: Final = ("cash", "benchmark", "defensive")
_IDLES: Final = ("none", "benchmark", "defensive")

ROTATION: Final = np.dtype(
    [
        ("top_n", np.int64),
        ("band", np.int64),
        ("minimum_score", np.float64),
        ("score_origin", np.float64),
        ("weighting", np.int64),
        ("max_weight", np.float64),
        ("max_exposure", np.float64),
        ("volatility_target", np.float64),
        ("volatility_of_benchmark", np.bool_),
        ("volatility_closes", np.int64),
        ("periods_per_year", np.float64),
        ("market_filter", np.bool_),
        ("market_window", np.int64),
        ("tiers", np.int64),
        ("tier_drawdown", np.float64, (MOST_TIERS,)),
        ("tier_cap", np.float64, (MOST_TIERS,)),
        ("tier_floor", np.float64),
        ("max_drawdown", np.float64),
        ("max_drawdown_52w", np.float64),
        ("recovery_ratio", np.float64),
        ("reentry", np.int64),
        ("guard_sessions", np.int64),
        ("risk_off", np.int64),
        ("risk_off_band", np.float64),
        ("defensives", np.int64),
        ("defensive", np.int64, (MOST_DEFENSIVES,)),
        ("pick_by_momentum", np.bool_),
        ("lookback", np.int64),
        ("benchmark_place", np.int64),
        ("idle", np.int64),
        ("max_turnover", np.float64),
        ("exit_when_stale", np.bool_),
        ("keeps_book", np.bool_),
        ("renormalises", np.bool_),
        ("alphabetical", np.bool_),
    ],
    align=True,
)
"""One parameter set of the rotation."""

ROTATION_STATE: Final = np.dtype(
    [
        ("peak", np.float64),
        ("drawdown", np.float64),
        ("drawdown_52w", np.float64),
        ("ring_count", np.int64),
        ("ring_highest", np.float64),
        ("locked", np.bool_),
        ("locked_for", np.int64),
        ("triggers", np.int64),
        ("risk_off", np.bool_),
        ("pick", np.int64),
        ("ring", np.float64, (RING,)),
    ],
    align=True,
)
"""What the rotation remembers from close to close, beside its smoothed scores."""


def rotation_parameters(
    settings: StrategySettings,
    places: Mapping[str, int],
    *,
    benchmark_place: int = -1,
    periods_per_year: float = 252.0,
) -> npt.NDArray[np.void]:
    """Return the record of one parameter set, ``(1,)`` of :data:`ROTATION`.

    Parameters
    ----------
    places
        Column of each symbol.
    benchmark_place
        Column of the benchmark; -1 where it cannot be bought.
    periods_per_year
        Bars of a year, which volatilities are scaled by: 252 sessions, or 365 days.

    Raises
    ------
    InputError
        If a defensive asset is no symbol of the market.
    """
    absent = [symbol for symbol in settings.defensives if symbol not in places]
    if absent:
        raise InputError(
            found=f"no bars of {', '.join(absent)}",
            expected="every defensive asset in the data",
            hint="bring its bars, or take it out of strategy.defensives",
        )
    record = np.zeros(1, dtype=ROTATION)
    numbers = {**_selection(settings), **_limits(settings), **_retreat(settings)}
    numbers |= {"periods_per_year": periods_per_year, "benchmark_place": benchmark_place}
    for name, value in numbers.items():
        record[name] = value
    record["tier_drawdown"][0, : len(settings.drawdown_tiers)] = settings.drawdown_tiers
    record["tier_cap"][0, : len(settings.drawdown_tiers)] = _tier_caps(settings)
    record["defensive"][0, : len(settings.defensives)] = [places[symbol] for symbol in settings.defensives]
    return record


def _selection(settings: StrategySettings) -> dict[str, Any]:
    """Return what decides which names are held, and their raw weights."""
    return {
        "top_n": settings.top_n,
        "band": settings.top_n + settings.retain_top_n,
        "minimum_score": -np.inf if settings.minimum_score is None else settings.minimum_score,
        "score_origin": settings.minimum_score or 0.0,
        "weighting": WEIGHTINGS.index(settings.weighting),
        "exit_when_stale": settings.stale_scores == "exit",
        "alphabetical": settings.legacy.retain_alphabetical,
    }


def _limits(settings: StrategySettings) -> dict[str, Any]:
    """Return what limits weights, exposure and turnover."""
    return {
        "max_weight": settings.max_weight,
        "max_exposure": settings.max_exposure,
        "volatility_target": 0.0 if settings.legacy.vol_target_dead else settings.volatility_target,
        "volatility_of_benchmark": settings.volatility_of == "benchmark",
        "volatility_closes": settings.volatility_closes,
        "tiers": len(settings.drawdown_tiers) if settings.dynamic_exposure else 0,
        "tier_floor": settings.drawdown_exposure_floor,
        "max_turnover": settings.max_turnover,
        "renormalises": settings.legacy.cap_renormalises,
    }


def _retreat(settings: StrategySettings) -> dict[str, Any]:
    """Return when stocks are left, what for, and how the way back goes."""
    reentry = "recovery" if settings.legacy.guard_without_reentry else settings.guard_reentry
    return {
        "market_filter": settings.market_filter,
        "market_window": settings.market_window,
        "max_drawdown": settings.max_drawdown,
        "max_drawdown_52w": settings.max_drawdown_52w,
        "recovery_ratio": settings.drawdown_recovery_ratio,
        "reentry": _REENTRIES.index(reentry),
        "guard_sessions": settings.guard_sessions,
        "risk_off": _PLACES_TO_HIDE.index(settings.risk_off),
        "risk_off_band": settings.risk_off_band,
        "defensives": len(settings.defensives),
        "pick_by_momentum": settings.defensive_pick == "best_momentum",
        "lookback": settings.defensive_lookback_bars,
        "idle": _IDLES.index(settings.idle),
        "keeps_book": settings.legacy.riskoff_keeps_book,
    }


def _tier_caps(settings: StrategySettings) -> list[float]:
    """Return the exposure that each tier allows, before the floor."""
    if settings.tier_mode == "relative" and not settings.legacy.tiers_absolute:
        return [settings.max_exposure * exposure for exposure in settings.drawdown_exposures]
    return [min(settings.max_exposure, exposure) for exposure in settings.drawdown_exposures]


def rotation_state(count: int, initial_cash: float) -> npt.NDArray[np.void]:
    """Return the state after the first close, at which nothing is held: one record for each of ``count`` sets.

    Peaks start at the initial cash.
    """
    state = np.zeros(count, dtype=ROTATION_STATE)
    state["peak"], state["pick"] = initial_cash, -1
    state["ring"][:, 0], state["ring_count"], state["ring_highest"] = initial_cash, 1, initial_cash
    return state
