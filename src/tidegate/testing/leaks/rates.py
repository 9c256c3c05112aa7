"""Leaks that touch few values: in every row, in one of a hundred or five hundred, in one symbol, on one kind of day."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from types import MappingProxyType
from typing import Final

import numpy as np

from tidegate.core.history import History
from tidegate.core.randomness import derive_seed, generator
from tidegate.core.time import DAY, HOUR, parse_instant
from tidegate.core.units import FloatArray, Int64Array, Mask
from tidegate.features.windows import lagged, rolling_mean, rolling_std
from tidegate.testing.leaks.leak import HONEST, Compute, Formulas, log_close, momentum
from tidegate.testing.leaks.neighbours import ahead
from tidegate.testing.market import synthetic_panel

__all__ = ["RARE_KEY", "RARE_LEAKS", "RareLeak", "Rate", "history_of", "leaking_at"]

RARE_KEY: Final = "sometimes"
"""Key of the feature that leaks now and then; the honest one is beside it."""
_FIRST_MONDAY: Final = parse_instant("2001-01-01") + 21 * HOUR
_HOLIDAYS: Final = 0.03


class Rate(StrEnum):
    """Which values a leak touches."""

    EVERY_ROW = "every row"
    ONE_IN_100 = "1 % of rows"
    ONE_IN_500 = "0.2 % of rows"
    ONE_SYMBOL = "one symbol"
    MONTH_ENDS = "month ends"
    AFTER_HOLIDAYS = "days after holidays"


@dataclass(frozen=True, kw_only=True)
class RareLeak:
    """A formula that leaks, the honest one that stands in all other rows, and the lookback that both declare.

    Parameters
    ----------
    about
        How far it shows: in the newest row alone, in a few, or in every earlier one.
    planted, clean
        The formulas.
    lookback_bars
        Declared for the feature.
    """

    about: str
    planted: Compute
    clean: Compute
    lookback_bars: int


def _returns(history: History) -> FloatArray:
    return log_close(history) - lagged(log_close(history), 1)


def _centred(history: History) -> FloatArray:
    return ahead(rolling_mean(_returns(history), 7), 3)


def _scaled(history: History) -> FloatArray:
    values = momentum(history)
    there = ~np.isnan(values)
    centred = values - np.where(there, values, 0.0).sum(axis=0) / np.maximum(there.sum(axis=0), 1)
    variance = np.where(there, centred**2, 0.0).sum(axis=0) / np.maximum(there.sum(axis=0), 1)
    scaled: FloatArray = centred / np.sqrt(variance)
    return scaled


RARE_LEAKS: Final[Mapping[str, RareLeak]] = MappingProxyType(
    {
        "shift(-1)": RareLeak(
            about="shows in the newest row only",
            planted=lambda history: ahead(_returns(history), 1),
            clean=_returns,
            lookback_bars=2,
        ),
        "centred window": RareLeak(
            about="shows in the newest three rows",
            planted=_centred,
            clean=lambda history: rolling_mean(_returns(history), 7),
            lookback_bars=8,
        ),
        "full-sample scaler": RareLeak(
            about="shows in every row",
            planted=_scaled,
            clean=lambda history: momentum(history) / rolling_std(_returns(history), 20),
            lookback_bars=21,
        ),
    }
)
"""Name to leak, of three kinds that an audit finds more or less easily."""


def leaking_at(rate: Rate, seed: int, leak: str = "shift(-1)") -> Formulas:
    """Return a pipeline with a feature that leaks at a rate and is honest everywhere else.

    Parameters
    ----------
    rate
        Which values leak.
    seed
        Draws the rows or the symbol; which those are depends on instant and symbol alone, never on the frame.
    leak
        One of :data:`RARE_LEAKS`.

    Examples
    --------
    >>> pipeline = leaking_at(Rate.ONE_IN_100, seed=7)
    >>> [stage.keys for stage in pipeline.run(history_of(Rate.ONE_IN_100, 7, n_times=50))]
    [('momentum_5', 'sometimes')]
    """
    return Formulas(
        formulas={HONEST: momentum, RARE_KEY: partial(_sometimes, rate=rate, seed=seed, leak=leak)},
        lookback_bars={HONEST: 6, RARE_KEY: RARE_LEAKS[leak].lookback_bars},
    )


def history_of(rate: Rate, seed: int, n_times: int | None = None) -> History:
    """Return a market in which the rate means something: days for kinds of days, hours for the other rates.

    Parameters
    ----------
    rate
        What will be planted.
    seed
        Draws the market.
    n_times
        Rows; by default 5,000 days, which is twenty years, or 20,000 hours.
    """
    if rate in (Rate.MONTH_ENDS, Rate.AFTER_HOLIDAYS):
        times = _sessions(seed, n_times or 5_000)
    else:
        times = _FIRST_MONDAY + np.arange(n_times or 20_000, dtype=np.int64) * HOUR
    return History(synthetic_panel(seed, len(times), 3, gaps=0.01, times=times))


def _sessions(seed: int, count: int) -> Int64Array:
    days = np.arange(2 * count, dtype=np.int64)
    weekdays = _FIRST_MONDAY + (days // 5 * 7 + days % 5) * DAY
    kept: Int64Array = weekdays[generator(seed, "zoo", "holidays").random(len(days)) >= _HOLIDAYS][:count]
    return kept


def _sometimes(history: History, *, rate: Rate, seed: int, leak: str) -> FloatArray:
    rare = RARE_LEAKS[leak]
    return np.where(_touched(rate, seed, history), rare.planted(history), rare.clean(history))


def _touched(rate: Rate, seed: int, history: History) -> Mask:
    """Return where a rate touches, ``bool (n_times, n_symbols)``."""
    times, shape = history.bars.times, history.bars.shape
    if rate is Rate.ONE_SYMBOL:
        return np.broadcast_to(np.arange(shape[1]) == seed % shape[1], shape)
    return np.broadcast_to(_ROWS[rate](times, seed)[:, None], shape)


def _drawn(times: Int64Array, seed: int, one_in: int) -> Mask:
    """Draw rows by a hash of their instant (Steele, Lea and Flood 2014, https://doi.org/10.1145/2660193.2660195)."""
    mixed = times.astype(np.uint64) + np.uint64(derive_seed(seed, "zoo", "rows"))
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    drawn: Mask = (mixed ^ (mixed >> np.uint64(31))) % np.uint64(one_in) == 0
    return drawn


def _ends_month(times: Int64Array, _: int) -> Mask:
    """Return whether the next weekday is of another month: a calendar knows, and no row to come is asked."""
    days = times // DAY
    following = days + np.where((days + 3) % 7 == 4, 3, 1)
    ends: Mask = _month(days) != _month(following)
    return ends


def _month(days: Int64Array) -> Int64Array:
    return days.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64)


def _follows_holiday(times: Int64Array, _: int) -> Mask:
    """Return whether the weekday before was no session."""
    days = times // DAY
    expected = days - np.where((days + 3) % 7 == 0, 3, 1)
    return np.append(False, days[:-1] != expected[1:])


_ROWS: Final[Mapping[Rate, Callable[[Int64Array, int], Mask]]] = MappingProxyType(
    {
        Rate.EVERY_ROW: lambda times, _: np.ones(len(times), dtype=bool),
        Rate.ONE_IN_100: lambda times, seed: _drawn(times, seed, 100),
        Rate.ONE_IN_500: lambda times, seed: _drawn(times, seed, 500),
        Rate.MONTH_ENDS: _ends_month,
        Rate.AFTER_HOLIDAYS: _follows_holiday,
    }
)
