"""Random markets and settings of the rotation: gaps, limits, ends, splits, everything at once, the same for a seed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from tidegate.core.recipe_strategy import LegacySettings, StrategySettings, Weighting
from tidegate.core.time import DAY, HOUR, parse_instant
from tidegate.core.units import FloatArray, Mask
from tidegate.costs import CostModel
from tidegate.engine.fill_rules import FillRules
from tidegate.engine.market import CorporateActions, Market, carried_forward

DEFENSIVES = ("GLD", "TLT")
STOCKS = 9
SYMBOLS = tuple(sorted([*DEFENSIVES, "SPY", *(f"S{place}" for place in range(STOCKS))]))
KEPT_BY_THE_CALLER = {"fee_ignored", "fill_previous_close", "daily_is_weekly", "holiday_week_skipped"}


@dataclass(frozen=True)
class Case:
    """All that one run needs, as keyword arguments of an engine say it."""

    market: Market
    settings: StrategySettings
    costs: CostModel
    rules: FillRules
    rebalances: Mask

    def arguments(self) -> dict[str, Any]:
        """Return what follows market, settings and costs."""
        places = tuple(self.market.symbols.index(symbol) for symbol in self.settings.defensives)
        return {
            "initial_cash": 10_000.0,
            "rebalances": self.rebalances,
            "defensives": places,
            "rules": self.rules,
            "periods_per_year": 252.0,
        }


def random_case(seed: int, rows: int = 60) -> Case:
    """Return a case of everything; ``seed`` says which."""
    random = np.random.default_rng(seed)
    every = int(random.integers(1, 6))
    return Case(
        market=random_market(random, rows),
        settings=random_settings(random),
        costs=random_costs(random),
        rules=random_rules(random),
        rebalances=np.arange(rows) % every == int(random.integers(0, every)),
    )


def random_market(random: np.random.Generator, rows: int) -> Market:
    """Return a market in which each complication is there with even chances."""
    count = len(SYMBOLS)
    close = 20.0 * np.exp(np.cumsum(random.normal(0.0, 0.03, (rows, count)), axis=0))
    known = np.where(random.random((rows, count)) < random.choice([0.0, 0.03, 0.15]), np.nan, close)
    for place in random.integers(0, count, 3):
        known[: random.integers(0, rows // 2), place] = np.nan
    last_row = _ends(random, known, rows)
    close = carried_forward(known)
    fill = np.where(np.isfinite(known), known * np.exp(random.normal(0.0, 0.01, known.shape)), np.nan)
    per_day, whole = int(random.integers(1, 3)), random.random() < 0.5
    bars = np.arange(rows, dtype=np.int64)
    spy = SYMBOLS.index("SPY")
    return Market(
        times=parse_instant("2024-01-01") + 15 * HOUR + bars // per_day * DAY + bars % per_day * HOUR,
        symbols=SYMBOLS,
        close=close,
        mark=close,
        traded=np.isfinite(known),
        fill=np.where(random.random(fill.shape) < 0.02, np.nan, fill),
        score=_scores(random, rows),
        candidate=np.array([symbol not in {*DEFENSIVES, "SPY"} for symbol in SYMBOLS]),
        lot=np.where(random.random(count) < 0.5 * whole, 10.0, 0.0),
        interest=np.where(random.random(rows) < 0.1, np.nan, random.uniform(0.0, 2e-4, rows)),
        last_row=last_row,
        benchmark_place=spy,
        benchmark=close[:, spy].copy(),
        member=random.random((rows, count)) < 0.97 if random.random() < 0.5 else None,
        volatility=random.uniform(0.0, 0.05, (rows, count)) if whole else None,
        daily_value=random.uniform(1e4, 1e6, (rows, count)) if whole else None,
        session_value=np.where(random.random((rows, count)) < 0.05, np.nan, random.uniform(0, 4e4, (rows, count))),
        buy_blocked=random.random((rows, count)) < 0.05 if random.random() < 0.5 else None,
        sell_blocked=random.random((rows, count)) < 0.05 if random.random() < 0.5 else None,
        actions=_actions(random, rows) if random.random() < 0.5 else None,
    )


def _ends(random: np.random.Generator, known: FloatArray, rows: int) -> np.ndarray[Any, np.dtype[np.int64]]:
    """End some of the stocks, so that they have no bar afterwards."""
    last_row = np.full(len(SYMBOLS), -1, dtype=np.int64)
    for symbol in ("S1", "S4"):
        if random.random() < 0.5:
            place, last = SYMBOLS.index(symbol), int(random.integers(5, rows))
            last_row[place] = last
            known[last + 1 :, place] = np.nan
    return last_row


def _scores(random: np.random.Generator, rows: int) -> FloatArray:
    """Return scores with ties, with gaps, and with rows that have none."""
    scores = np.round(np.cumsum(random.normal(0.0, 0.4, (rows, len(SYMBOLS))), axis=0), 1)
    scores[random.random(scores.shape) < 0.08] = np.nan
    scores[random.random(rows) < 0.4] = np.nan
    return scores


def _actions(random: np.random.Generator, rows: int) -> CorporateActions:
    count = 30
    return CorporateActions(
        row=np.sort(random.integers(1, rows, count)),
        place=random.integers(0, len(SYMBOLS), count),
        ratio=random.choice([1.0, 1.0, 1.0, 1.01, 0.99], count),
        cash=random.choice([0.0, 0.05, -0.02], count),
    )


def random_settings(random: np.random.Generator) -> StrategySettings:
    """Return settings in which every rule may bind."""

    def one_of(*values: Any) -> Any:
        return values[int(random.integers(0, len(values)))]

    switches = set(LegacySettings.model_fields) - KEPT_BY_THE_CALLER
    return StrategySettings.model_validate(
        {
            "top_n": one_of(1, 2, 3, 5),
            "retain_top_n": one_of(0, 1, 2, 8),
            "minimum_score": one_of(None, None, 0.0, 0.5),
            "score_delay_bars": one_of(0, 0, 1, 3),
            "max_score_age_bars": one_of(1, 2, 10),
            "stale_scores": one_of("hold", "exit"),
            "score_smoothing": one_of(0.0, 0.0, 0.3, 1.0),
            "score_smoothing_carry": one_of(False, True),
            "weighting": one_of(*Weighting),
            "max_weight": one_of(1.0, 0.4, 0.25, 0.1),
            "max_exposure": one_of(1.0, 0.9, 0.4),
            "volatility_target": one_of(0.0, 0.05, 0.3),
            "volatility_of": one_of("portfolio", "benchmark"),
            "volatility_window": one_of(None, 5, 12),
            "market_filter": one_of(False, True),
            "market_window": one_of(1, 4, 15),
            "dynamic_exposure": one_of(False, True),
            "drawdown_tiers": (0.02, 0.05, 0.09),
            "drawdown_exposures": one_of((0.8, 0.5, 0.2), (0.8, 0.3, 0.0)),
            "tier_mode": one_of("relative", "absolute"),
            "drawdown_exposure_floor": one_of(0.0, 0.05, 0.4),
            "max_drawdown": one_of(0.0, 0.04, 0.1),
            "max_drawdown_52w": one_of(0.0, 0.03, 0.1),
            "drawdown_recovery_ratio": one_of(0.5, 0.9, 1.0),
            "guard_reentry": one_of("time_out", "market_filter", "recovery"),
            "guard_sessions": one_of(1, 4, 9),
            "risk_off": one_of("cash", "benchmark", "defensive"),
            "defensives": one_of(DEFENSIVES, DEFENSIVES[::-1]),
            "defensive_pick": one_of("lowest_volatility", "best_momentum"),
            "defensive_lookback_bars": one_of(5, 9),
            "risk_off_band": one_of(0.0, 0.01, 0.05),
            "idle": one_of("none", "defensive", "benchmark"),
            "max_turnover": one_of(0.0, 0.0, 0.05, 0.3),
            "legacy": {one_of(*sorted(switches)): True} if random.random() < 0.4 else {},
        }
    )


def random_costs(random: np.random.Generator) -> CostModel:
    """Return costs, or none."""
    if random.random() < 0.3:
        return CostModel()
    return CostModel(
        commission_bps=10,
        half_spread_bps=3,
        stamp_tax_sell_bps=5,
        minimum_fee=float(random.choice([0.0, 2.0])),
        impact_coefficient=float(random.choice([0.0, 0.5])),
    )


def random_rules(random: np.random.Generator) -> FillRules:
    """Return rules of fills, each in force with even chances."""
    return FillRules(
        participation=float(random.choice([0.0, 0.05])),
        wait_bars=int(random.choice([0, 1, 4])),
        t_plus_one=bool(random.random() < 0.5),
        haircut=float(random.choice([0.0, 0.3])),
        gross_limit=float(random.choice([0.0, 0.0, 1.2])),
    )
