"""The table of the original platform's parameters: how each text is read, and what stands for one that is missing.

Its defaults are not a recipe's: a map that says nothing gets a market filter over 200 closes, a drawdown guard at 12 %
and a turnover limit of 8 %, where a recipe that says nothing limits nothing (spec A.1).
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

__all__ = ["TABLE", "Entry", "pair_tiers", "why_unsupported"]

_TRUE: Final = frozenset({"1", "true", "yes", "y"})
_NOTHING: Final = frozenset({"none", "null"})
_WEEKDAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday")
_DAYS: Final = ("%Y-%m-%d", "%Y/%m/%d")


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One parameter of the original platform.

    Parameters
    ----------
    key, aliases
        Its names; the first one with a text that is not blank counts.
    read
        Turns a text into a value, clamps included; raises ``ValueError`` with what would have been readable.
    default
        What stands for a missing or blank text.
    setting
        Where our recipe says the same; empty where it cannot.
    forgiving
        Whether the original took the default for a text that it could not read. Where it stopped, and where nothing
        is written about it, such a text is refused.
    """

    key: str
    read: Callable[[str], Any]
    default: Any
    setting: str = ""
    aliases: tuple[str, ...] = ()
    forgiving: bool = False


def pair_tiers(tiers: Sequence[float], exposures: Sequence[float]) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return tiers ascending, each once, with their exposures; both empty where either is.

    A short list of exposures goes on with its last value, a long one is cut; of equal tiers the last one counts. A
    drawdown never reaches 1, so a tier from there on is left out.

    Examples
    --------
    >>> pair_tiers([0.12, 0.08, -1.0], [0.8])
    ((0.08, 0.12), (0.8, 0.8))
    """
    ascending = sorted(tier for tier in tiers if tier > 0.0)
    if not ascending or not exposures:
        return (), ()
    padded = [*exposures, *[exposures[-1]] * len(ascending)]
    pairs = {tier: exposure for tier, exposure in zip(ascending, padded, strict=False) if tier < 1.0}
    return tuple(pairs), tuple(pairs.values())


def why_unsupported(key: str) -> str:
    """Return why a parameter that the table lacks does nothing here."""
    if key.startswith("income_sleeve_"):
        return "an options-income sleeve is no part of this strategy"
    return _UNSUPPORTED.get(key, "the original's strategy reads no such parameter, and neither do we")


def _float(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise ValueError("a finite number")
    return value


def _number(low: float = -math.inf, high: float = math.inf) -> Callable[[str], float]:
    return lambda text: min(max(_float(text), low), high)


def _whole(low: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        try:
            return max(int(text), low)
        except ValueError:
            raise ValueError("a whole number") from None

    return read


def _flag(text: str) -> bool:
    return text.strip().lower() in _TRUE


def _parts(text: str) -> list[str]:
    return [part.strip() for part in re.split("[;,]", text) if part.strip()]


def _names(text: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(part.upper() for part in _parts(text)))


def _numbers(text: str) -> tuple[float, ...]:
    return tuple(_float(part) for part in _parts(text))


def _exposures(text: str) -> tuple[float, ...]:
    return tuple(min(max(value, 0.0), 1.0) for value in _numbers(text))


def _day(text: str) -> date:
    for pattern in _DAYS:
        try:
            return datetime.strptime(text.strip(), pattern).date()  # noqa: DTZ007 - a day has no zone
        except ValueError:
            continue
    try:
        return datetime.fromisoformat(text.strip()).date()
    except ValueError:
        raise ValueError("a day such as 2020-01-31") from None


def _optional(text: str) -> float | None:
    return None if text.strip().lower() in _NOTHING else _float(text)


def _cap(text: str) -> float | None:
    value = _optional(text)
    return None if value is None or value <= 0.0 else min(value, 1.0)


def _recovery(text: str) -> float:
    value = _float(text)
    return value if 0.0 < value <= 1.0 else 0.9


def _fee(text: str) -> float:
    value = _float(text)
    if not 0.0 <= value <= 10_000.0:
        raise ValueError("basis points from 0 to 10000")
    return value


def _one_of(choices: dict[str, str], otherwise: str) -> Callable[[str], str]:
    return lambda text: choices.get(text.strip().lower(), otherwise)


def _weekday(text: str) -> str:
    return text.strip().lower() if text.strip() in _WEEKDAYS else "monday"


_FREQUENCY: Final = {"weekly": "weekly", "monthly": "monthly"}
_MODES: Final = {"benchmark": "benchmark", **dict.fromkeys(("defensive", "bond", "safe"), "defensive")}
_IDLE: Final = {"defensive": "defensive", "benchmark": "benchmark"}

TABLE: Final = (
    Entry(
        key="backtest_start",
        aliases=("start_date", "start"),
        read=_day,
        default=date(2015, 1, 1),
        setting="backtest.start",
        forgiving=True,
    ),
    Entry(
        key="backtest_end",
        aliases=("end_date", "end"),
        read=_day,
        default=date(2025, 12, 31),
        setting="backtest.end",
        forgiving=True,
    ),
    Entry(key="initial_cash", read=_float, default=30_000.0, setting="backtest.initial_cash", forgiving=True),
    Entry(key="symbols", read=_names, default=(), setting="universe.symbols"),
    Entry(key="benchmark", read=str.strip, default="SPY", setting="universe.benchmark"),
    Entry(key="top_n", read=_whole(1), default=10, setting="strategy.top_n"),
    Entry(key="retain_top_n", read=_whole(0), default=0, setting="strategy.retain_top_n", forgiving=True),
    Entry(key="weighting", read=_one_of({"score": "score"}, "equal"), default="equal", setting="strategy.weighting"),
    Entry(key="min_score", read=_optional, default=None, setting="strategy.minimum_score"),
    Entry(key="max_weight", read=_cap, default=None, setting="strategy.max_weight"),
    Entry(key="max_exposure", read=_number(0.0, 1.0), default=1.0, setting="strategy.max_exposure"),
    Entry(key="market_filter", read=_flag, default=True, setting="strategy.market_filter"),
    Entry(key="market_ma_window", read=_whole(0), default=200, setting="strategy.market_window"),
    Entry(key="rebalance_frequency", read=_one_of(_FREQUENCY, "daily"), default="weekly", setting="strategy.rebalance"),
    Entry(key="rebalance_day", read=_weekday, default="monday", setting="strategy.rebalance_day"),
    Entry(key="rebalance_time_minutes", read=_whole(0), default=30),
    Entry(key="dynamic_exposure", read=_flag, default=False, setting="strategy.dynamic_exposure"),
    Entry(key="drawdown_tiers", read=_numbers, default=(), setting="strategy.drawdown_tiers"),
    Entry(key="drawdown_exposures", read=_exposures, default=(), setting="strategy.drawdown_exposures"),
    Entry(
        key="drawdown_exposure_floor",
        read=_number(0.0, 1.0),
        default=0.05,
        setting="strategy.drawdown_exposure_floor",
    ),
    Entry(key="drawdown_recovery_ratio", read=_recovery, default=0.9, setting="strategy.drawdown_recovery_ratio"),
    Entry(key="max_drawdown", read=_number(0.0), default=0.12, setting="strategy.max_drawdown"),
    Entry(key="max_drawdown_52w", read=_number(0.0), default=0.12, setting="strategy.max_drawdown_52w"),
    Entry(key="max_turnover_week", read=_number(0.0), default=0.08, setting="strategy.max_turnover"),
    Entry(key="vol_target", read=_number(0.0), default=0.0, setting="strategy.volatility_target"),
    Entry(key="vol_window", read=_whole(5), default=20, setting="strategy.volatility_window"),
    Entry(key="score_csv_path", read=str.strip, default=None),
    Entry(key="score_delay_days", read=_whole(0), default=1, setting="strategy.score_delay_bars"),
    Entry(key="reload_scores", read=_flag, default=True),
    Entry(key="score_smoothing_alpha", read=_number(0.0, 1.0), default=0.0, setting="strategy.score_smoothing"),
    Entry(key="score_smoothing_carry", read=_flag, default=True, setting="strategy.score_smoothing_carry"),
    Entry(key="risk_off_mode", read=_one_of(_MODES, "cash"), default="cash", setting="strategy.risk_off"),
    Entry(
        key="risk_off_symbol",
        aliases=("defensive_symbol",),
        read=_names,
        default=("SGOV",),
        setting="strategy.defensives",
    ),
    Entry(key="risk_off_symbols", read=_names, default=(), setting="strategy.defensives"),
    Entry(
        key="risk_off_pick",
        read=_one_of({"lowest_vol": "lowest_volatility"}, "best_momentum"),
        default="best_momentum",
        setting="strategy.defensive_pick",
    ),
    Entry(key="risk_off_lookback_days", read=_whole(5), default=20, setting="strategy.defensive_lookback_bars"),
    Entry(key="idle_allocation", read=_one_of(_IDLE, "none"), default="none", setting="strategy.idle"),
    Entry(key="fee_bps", read=_fee, default=10.0, setting="costs.commission_bps"),
)
"""Every parameter of spec A.1, in its order, and ``fee_bps`` of B.2."""

_PRICES: Final = "prices are adjusted where bars are ingested, see tidegate ingest ohlcv --adjust"
_THEMES: Final = "the original was given it and never read it"
_UNSUPPORTED: Final = {
    "theme_weights": _THEMES,
    "theme_tilt": _THEMES,
    "symbol_theme_map": _THEMES,
    "cold_start_turnover": "the original's backtest did not read it; max_turnover_week holds from the first trade",
    "price_source_policy": _PRICES,
    "price_policy": _PRICES,
    "price_mode": _PRICES,
    "corporate_action_policy": _PRICES,
    "data_folder": "data come from the catalog of a workspace",
    "pipeline_train_job_id": "scores come from the training run of a recipe",
}
