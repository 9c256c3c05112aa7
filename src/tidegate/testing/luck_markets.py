"""Markets in which nothing can be found, and sets that earn what was planted: what a verdict on luck is held to."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np

from tidegate.core.randomness import generator
from tidegate.core.recipe import SearchSettings
from tidegate.core.time import DAY, HOUR, parse_instant
from tidegate.core.units import FloatArray, Int64Array
from tidegate.engine.market import Market
from tidegate.engine.tried import trial_records
from tidegate.search.choice import judge, ranked
from tidegate.search.gathered import Gathered, gather
from tidegate.search.luck import luck_of
from tidegate.search.resampling import History
from tidegate.search.shelf import CurveFile, CurveShelf

__all__ = [
    "BARS_PER_YEAR",
    "INDEX",
    "Judgement",
    "curves_of",
    "gathered_from",
    "judged",
    "noise_market",
    "noise_returns",
    "planted",
]

BARS_PER_YEAR: Final = 261
"""Weekdays."""
INDEX: Final = "INDEX"
"""Symbol of the index, which nobody chooses."""

_FIRST_MONDAY: Final = parse_instant("2012-01-02") + 21 * HOUR
_YEARLY_VOLATILITY: Final = 0.16
_LASTS: Final = 0.98
"""How much of the logarithm of volatility is left a bar later."""
_ROUGH: Final = 0.35
"""Deviation of that logarithm."""
_TAILS: Final = 5
"""Degrees of freedom of returns."""
_SCORE_LASTS: Final = 0.95
_NIGHT: Final = 0.3
"""Part of a bar's return that falls before the open."""
_IMPACT_WINDOW: Final = 20

Carriers = Literal["all", "half", "one", "none"]


class _Held(CurveShelf):
    """A shelf in memory."""

    def __init__(self, file: CurveFile) -> None:
        super().__init__(Path("in memory"))
        self._file = file

    def read(self, keys: Sequence[str]) -> Iterator[CurveFile]:
        yield self._file.only([self._file.keys.index(key) for key in keys])


@dataclass(frozen=True, eq=False, kw_only=True)
class Judgement:
    """What a search says of curves.

    Parameters
    ----------
    gathered
        What is known of them.
    row
        The set that is recommended; None where none keeps the bounds.
    luck
        As :func:`tidegate.search.luck.luck_of` has it.
    """

    gathered: Gathered
    row: int | None
    luck: dict[str, Any]

    @property
    def verdict(self) -> str:
        """``edge``, ``luck`` or ``untested``."""
        return str(self.luck["verdict"])


def judged(file: CurveFile, settings: SearchSettings, *, seed: int, bars_per_year: float = BARS_PER_YEAR) -> Judgement:
    """Choose among curves on the training part, and test what was luck, by the code of a search.

    Examples
    --------
    >>> excess = planted(noise_returns(3, bars=1500, sets=4, correlation=0.5), sharpe=3.0, carriers="one")
    >>> found = judged(curves_of(excess, seed=3), SearchSettings(constraints={}, feasible_by="point"), seed=7)
    >>> found.row, found.verdict
    (0, 'edge')
    """
    gathered = gathered_from(file, settings, seed=seed, bars_per_year=bars_per_year)
    training = gathered.figures["training"]
    resampled = settings.feasible_by == "bootstrap"
    shares = History(_Held(file), gathered, settings, seed).shares_kept() if resampled else None
    feasible = judge(training, settings, shares).feasible
    order = ranked(training, gathered.keys, settings.objective, among=feasible)
    row = int(order[0]) if order.size else None
    trials = trial_records(
        file.keys, market="made up", times=file.times, equity=file.equity, benchmark=file.benchmark, kind="search",
        run="made up", recipe_name="made up",
    )  # fmt: skip
    luck = luck_of(gathered, row, settings, trials, {*file.keys})
    return Judgement(gathered=gathered, row=row, luck=luck)


def gathered_from(
    file: CurveFile, settings: SearchSettings, *, seed: int, bars_per_year: float = BARS_PER_YEAR
) -> Gathered:
    """Return what a search knows of curves, by the code of a search; cash earns nothing."""
    return gather(_Held(file), file.keys, settings, bars_per_year=bars_per_year, seed=seed)


def noise_market(
    seed: int, *, names: int = 60, bars: int = 12 * BARS_PER_YEAR, drift: float = 0.07, knows: float = 0.0
) -> Market:
    """Return a daily market whose scores know nothing, with an index that weighs each name by what it is worth.

    Returns of all names share a factor of 16 % volatility a year; volatility comes in clusters, tails are fat, and
    scores last for some weeks without a relation to anything.

    Parameters
    ----------
    seed
        Decides every number.
    names, bars
        Size, without the index.
    drift
        What each name earns in a year on average, as a fraction.
    knows
        Correlation of scores with what a name earns in the next five bars beside the factor: an edge, on request.

    Examples
    --------
    >>> market = noise_market(3, names=5, bars=40)
    >>> market.shape, market.symbols[0], bool(market.candidate[0])
    ((40, 6), 'INDEX', False)
    """
    random = generator(seed, "noise market", names, bars)
    factor, own = _clustered(random, bars, 1), _clustered(random, bars, names) * random.uniform(1.0, 2.0, names)
    beta = random.uniform(0.6, 1.4, names)
    daily = _YEARLY_VOLATILITY / BARS_PER_YEAR**0.5
    change = np.log1p(np.maximum(drift / BARS_PER_YEAR + daily * (beta * factor + own), -0.5))
    change[0] = 0.0
    first = random.uniform(5.0, 200.0, names)
    close, opened = first * np.exp(np.cumsum(change, axis=0)), np.empty((bars, names))
    opened[0], opened[1:] = first, close[:-1] * np.exp(_NIGHT * change[1:])
    level = close.mean(axis=1) / first.mean()
    opening = opened.mean(axis=1) / first.mean()
    close, opened = np.column_stack([level, close]), np.column_stack([opening, opened])
    score = (1.0 - knows**2) ** 0.5 * _lasting(random.normal(size=(bars, names)), _SCORE_LASTS) + knows * _ahead(own)
    return Market(
        times=_weekdays(bars),
        symbols=(INDEX, *(f"N{place:03d}" for place in range(names))),
        close=close,
        mark=close,
        traded=np.ones(close.shape, dtype=np.bool_),
        fill=opened,
        score=np.column_stack([np.full(bars, np.nan), score]),
        candidate=np.arange(names + 1) > 0,
        lot=np.zeros(names + 1),
        interest=np.zeros(bars),
        last_row=np.full(names + 1, -1, dtype=np.int64),
        benchmark_place=0,
        benchmark=level,
        volatility=_recent_deviation(close),
        daily_value=np.broadcast_to(random.uniform(5e6, 5e8, names + 1), close.shape).copy(),
    )


def noise_returns(seed: int, *, bars: int = 3024, sets: int = 30, correlation: float = 0.7) -> FloatArray:
    """Return excess returns of sets without an edge, ``float64 (n_bars, n_sets)``: 10 % a year, clusters, fat tails."""
    random = generator(seed, "noise returns", bars, sets)
    common, own = random.standard_t(_TAILS, (bars, 1)), random.standard_t(_TAILS, (bars, sets))
    mixed = correlation**0.5 * common + (1.0 - correlation) ** 0.5 * own
    return np.asarray(0.1 / 252**0.5 * mixed * ((_TAILS - 2) / _TAILS) ** 0.5 * _volatility(random, bars, 1))


def planted(excess: FloatArray, *, sharpe: float, carriers: Carriers) -> FloatArray:
    """Return excess returns of which some sets, the first, earn a Sharpe ratio of so much a year of 252 bars on top."""
    sets = excess.shape[1]
    count = {"all": sets, "half": sets // 2, "one": 1, "none": 0}[carriers]
    found = excess.copy()
    found[:, :count] += sharpe * 0.1 / 252
    return found


def curves_of(
    excess: FloatArray, *, seed: int, drift: float = 0.07, beta: float = 1.0, absolute: bool = False
) -> CurveFile:
    """Return sets that earn so much more than a benchmark, or than a part of it, as a search leaves them.

    Parameters
    ----------
    excess
        ``float64 (n_bars, n_sets)``, as fractions.
    seed
        Decides the benchmark.
    drift
        What it earns in a year, with a volatility of 16 %.
    beta
        How much of it the sets hold; the rest is cash, which earns nothing.
    absolute
        Forget it: hold the sets against one that earns nothing.
    """
    bars, sets = excess.shape
    random = generator(seed, "benchmark", bars)
    market = drift / 252 + _YEARLY_VOLATILITY / 252**0.5 * _clustered(random, bars, 1)[:, 0]
    against = np.zeros(bars) if absolute else market
    none = np.zeros(sets, dtype=np.int64)
    return CurveFile(
        keys=tuple(f"{place:03d}" for place in range(sets)),
        times=_weekdays(bars + 1),
        equity=np.vstack([np.ones(sets), np.cumprod(1.0 + beta * market[:, None] + excess, axis=0)]),
        benchmark=np.append(1.0, np.cumprod(1.0 + against)),
        counts=np.zeros((sets, 15), dtype=np.int64),
        orders=none,
        traded=np.zeros(sets),
        traded_in_training=np.full(sets, np.nan),
    )


def _clustered(random: np.random.Generator, bars: int, columns: int) -> FloatArray:
    """Return shocks of unit variance whose size lasts and whose tails are fat."""
    scale = ((_TAILS - 2) / _TAILS) ** 0.5
    shocks: FloatArray = scale * random.standard_t(_TAILS, (bars, columns)) * _volatility(random, bars, columns)
    return shocks


def _volatility(random: np.random.Generator, bars: int, columns: int) -> FloatArray:
    """Return volatilities around 1, their squares 1 on average."""
    log = _ROUGH * _lasting(random.normal(size=(bars, columns)), _LASTS)
    return np.asarray(np.exp(log - _ROUGH**2), dtype=np.float64)


def _lasting(shocks: FloatArray, share: float) -> FloatArray:
    """Return an autoregression of unit variance, in place of its shocks."""
    fresh = (1.0 - share**2) ** 0.5
    for row in range(1, len(shocks)):
        shocks[row] = share * shocks[row - 1] + fresh * shocks[row]
    return shocks


def _ahead(shocks: FloatArray) -> FloatArray:
    """Return what the next five bars bring, each name in its own deviation."""
    sums = np.zeros_like(shocks)
    for lag in range(1, 6):
        sums[:-lag] += shocks[lag:]
    return np.asarray(sums / sums.std(axis=0), dtype=np.float64)


def _recent_deviation(close: FloatArray) -> FloatArray:
    returns = close[1:] / close[:-1] - 1.0
    sums, squares = (np.cumsum(values, axis=0) for values in (returns, returns**2))
    found = np.full(close.shape, np.nan)
    count = _IMPACT_WINDOW
    total, square = sums[count:] - sums[:-count], squares[count:] - squares[:-count]
    found[count + 1 :] = np.sqrt(np.maximum(square / count - (total / count) ** 2, 0.0))
    return found


def _weekdays(count: int) -> Int64Array:
    days = np.arange(count, dtype=np.int64)
    return _FIRST_MONDAY + (days // 5 * 7 + days % 5) * DAY
