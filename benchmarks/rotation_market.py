"""The rotation that the peers were given: 5,296 A-shares, weekly, the best 30 by the return of 20 sessions.

The score of the session before decides and the close of the session fills. A suspended share is traded at its last
close, since most peers know no other way; ours is told so.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl

from tidegate.core.recipe import StrategySettings, Weighting
from tidegate.core.time import DAY, parse_instant
from tidegate.engine.market import Market, carried_forward
from tidegate.strategy import opens_new_week

__all__ = [
    "BAND",
    "CASH",
    "FEE",
    "PERIODS_PER_YEAR",
    "SMALLEST",
    "TOP",
    "Problem",
    "market_of",
    "parameter_sets",
    "problem",
    "settings_of",
]

DATA = Path(os.environ.get("TIDEGATE_TEST_DATA", Path(__file__).resolve().parents[1] / ".." / "shared" / "data"))
TOP: Final = 30
BAND: Final = 10
LOOKBACK: Final = 20
"""Sessions of the return that ranks, and of the volatility."""
CASH: Final = 1e9
FEE: Final = 0.001
PERIODS_PER_YEAR: Final = 242.0
SMALLEST: Final = 1e-6
"""A score below this weighs as much as this."""
WARM_UP: Final = 25
"""No fill until this row: scores and volatilities are complete by then."""
TILED_FROM: Final = parse_instant("2018-01-01")
"""A Monday."""


@dataclass(frozen=True, eq=False)
class Problem:
    """What every contender is given.

    Parameters
    ----------
    times, symbols
        Closes in microseconds, and names in ascending order.
    close
        ``float64 (n_times, n_symbols)`` adjusted, carried forward; NaN before a share is listed.
    score
        ``float64``, same shape; NaN where the share did not trade.
    fills
        Rows at whose close orders fill.
    average
        ``float64 (n_times,)``: the level of an index that earns the mean return of all shares that trade.
    """

    times: np.ndarray
    symbols: tuple[str, ...]
    close: np.ndarray
    score: np.ndarray
    fills: np.ndarray
    average: np.ndarray

    @property
    def volatility(self) -> np.ndarray:
        """Annual deviation of the last 20 returns of the average, known at each close."""
        returns = self.average[1:] / self.average[:-1] - 1.0
        known = np.full(len(self.average), np.nan)
        windows = np.lib.stride_tricks.sliding_window_view(returns, LOOKBACK)
        known[LOOKBACK:] = windows.std(axis=1, ddof=1) * np.sqrt(PERIODS_PER_YEAR)
        return known


def problem(sessions: int | None = None) -> Problem:
    """Return the file as it is, or its returns repeated until there are so many sessions, five to the week."""
    days, symbols, close, volume = _panel()
    if sessions is None:
        times = days.astype("datetime64[D]").astype(np.int64) * DAY + DAY // 2
        weekly = opens_new_week(times)
    else:
        close, volume = _repeated(close, volume, sessions)
        day = np.arange(sessions)
        times = TILED_FROM + (day // 5 * 7 + day % 5) * DAY + DAY // 2
        weekly = day % 5 == 0
    known, trades = carried_forward(close), np.isfinite(close) & (volume > 0.0)
    score = np.full_like(known, np.nan)
    score[LOOKBACK:] = known[LOOKBACK:] / known[:-LOOKBACK] - 1.0
    fills = np.flatnonzero(weekly)
    return Problem(
        times=times,
        symbols=symbols,
        close=known,
        score=np.where(trades, score, np.nan),
        fills=fills[fills > WARM_UP],
        average=_average(known, trades),
    )


def market_of(given: Problem) -> Market:
    """Return the same as the simulated market of the engine.

    Scores before the first decision are taken away, because the strategy has no warm-up of its own. It floors no score
    either: no chosen one is below 0.1 in this file.
    """
    score = given.score.copy()
    score[: given.fills[0] - 1] = np.nan
    count = len(given.symbols)
    return Market(
        times=given.times,
        symbols=given.symbols,
        close=given.close,
        mark=given.close,
        traded=np.isfinite(given.close),
        fill=given.close,
        score=score,
        candidate=np.ones(count, dtype=np.bool_),
        lot=np.zeros(count),
        interest=np.zeros(len(given.times)),
        last_row=np.full(count, -1),
        benchmark=given.average,
    )


def settings_of(exposure: float = 0.95, target: float = 0.0, cap: float = 0.05) -> StrategySettings:
    """Return the parameters; ``cap`` is a part of the exposure, where ours are parts of equity."""
    return StrategySettings(
        top_n=TOP,
        retain_top_n=BAND,
        weighting=Weighting.SCORE,
        max_weight=cap * exposure,
        max_exposure=exposure,
        volatility_target=target,
        volatility_of="benchmark",
        volatility_window=LOOKBACK + 1,
    )


def parameter_sets(count: int) -> list[tuple[float, float, float]]:
    """Return exposure, volatility target and cap of so many sets: a grid of 18, then random ones."""
    grid = [
        (exposure, target, cap) for exposure in (0.6, 0.8, 0.95) for target in (0.0, 0.15, 0.25) for cap in (0.04, 0.05)
    ]
    few, many = np.random.default_rng(7), np.random.default_rng(11)
    near = [_drawn(few, 0.55) for _ in range(12)]
    return [*grid, *near, *(_drawn(many, 0.5) for _ in range(count - len(grid) - len(near)))][:count]


def _drawn(random: np.random.Generator, least: float) -> tuple[float, float, float]:
    exposure, target, cap = (float(random.uniform(*limits)) for limits in ((least, 0.95), (0.1, 0.3), (0.035, 0.06)))
    return exposure, target, cap


def _panel() -> tuple[np.ndarray, tuple[str, ...], np.ndarray, np.ndarray]:
    """Return sessions, symbols, adjusted closes and volumes."""
    frame = pl.read_parquet(
        DATA / "ashare_daily.parquet", columns=["ts_code", "trade_date", "close", "vol", "adj_factor"]
    )
    frame = frame.drop_nulls(["close", "adj_factor"]).unique(["ts_code", "trade_date"], keep="first")
    days, codes = frame["trade_date"].unique().sort(), frame["ts_code"].unique().sort()
    place = frame["trade_date"].rank("dense").to_numpy() - 1, frame["ts_code"].rank("dense").to_numpy() - 1
    close, volume = np.full((2, len(days), len(codes)), np.nan)
    close[place] = frame["close"].cast(pl.Float64) * frame["adj_factor"]
    volume[place] = frame["vol"]
    return days.to_numpy(), tuple(codes), close, volume


def _repeated(close: np.ndarray, volume: np.ndarray, sessions: int) -> tuple[np.ndarray, np.ndarray]:
    """Return so many sessions; each copy starts at the multiple of the first price that the one before ended at."""
    known = carried_forward(close)
    listed = np.argmax(np.isfinite(known), axis=0)
    growth = known[-1] / known[listed, np.arange(known.shape[1])]
    copies = -(-sessions // len(close))
    longer = np.concatenate([close * growth**copy for copy in range(copies)])
    return longer[:sessions], np.tile(volume, (copies, 1))[:sessions]


def _average(close: np.ndarray, trades: np.ndarray) -> np.ndarray:
    changes = np.where(trades[1:] & trades[:-1], close[1:] / close[:-1] - 1.0, np.nan)
    return np.concatenate([[1.0], np.cumprod(1.0 + np.nanmean(changes, axis=1))])
