"""Histories whose future is garbage: plausible, and wrong.

Code that copes with a missing future may still read one that is there, so deleting it proves too little. Everything
after an instant is replaced: bars by another market's, rows of the slower sources by other values, some taken away,
some new, among them restatements of what was known before; and readings of counts that were taken later. What was known
at the instant stays as it was, to the bit.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

import numpy as np

from tidegate.audit.poisoned_rows import poisoned_rows
from tidegate.core.history import History
from tidegate.core.panel import Panel
from tidegate.core.randomness import generator
from tidegate.core.units import FloatArray, Mask

if TYPE_CHECKING:
    from numpy.random import Generator

__all__ = ["poisoned"]

_PRICES: Final = ("open", "high", "low", "close")
_AMOUNTS: Final = ("volume", "traded_value")
_OWN_PRICES: Final = ("raw_close",)
_ABOUT_ALL: Final = ("benchmark_close", "member")
_MISSING: Final = 0.08
_NO_VOLUME: Final = 0.05
_WILD: Final = 0.03
_UNLIKE: Final = 3.0
"""How many times as much the garbage moves as the true bars did: a scale that is fitted on it shows."""
_FARTHEST_LOG: Final = 4.0


def poisoned(history: History, as_of: int, *, seed: int, bars: int | None = None) -> History:
    """Return a history that equals the true one up to an instant, and is garbage after it.

    Parameters
    ----------
    history
        The true one.
    as_of
        What was known then stays.
    seed
        Draws the garbage.
    bars
        How many bars of garbage there are; None for as many as there were bars. Instants stay: a calendar is known
        ahead.

    Returns
    -------
    poisoned
        ``poisoned.until(as_of)`` is ``history.until(as_of)``, to the bit.

    Examples
    --------
    >>> panel = Panel(np.array([10, 20, 30]), ("A",), {"close": np.array([[1.0], [2.0], [3.0]])})
    >>> garbage = poisoned(History(panel), 20, seed=7, bars=1).bars["close"]
    >>> garbage[:2].tolist(), bool(garbage[2, 0] == 3.0)
    ([[1.0], [2.0]], False)
    """
    random = generator(seed, "poison", as_of)
    cut = int(np.searchsorted(history.bars.times, as_of, side="right"))
    stop = len(history.bars.times) if bars is None else min(cut + bars, len(history.bars.times))
    tables = {name: poisoned_rows(rows, as_of, random) for name, rows in history.tables.items()}
    return History(_poisoned_bars(history.bars.rows(0, stop), cut, random), tables)


def _poisoned_bars(bars: Panel, cut: int, random: Generator) -> Panel:
    shape = (len(bars.times) - cut, len(bars.symbols))
    if not shape[0]:
        return bars
    past = {name: column[:cut] for name, column in bars.columns.items()}
    garbage = _prices(past, shape, random)
    missing = random.random(shape) < _MISSING
    for name, column in bars.columns.items():
        if name in garbage:
            continue
        if name in _AMOUNTS:
            garbage[name] = _amounts(column, cut, random)
        else:
            garbage[name] = _other(column, cut, random)
    empty = {
        name: values if name in _ABOUT_ALL else np.where(missing, np.nan, values) for name, values in garbage.items()
    }
    return Panel(bars.times, bars.symbols, {name: np.concatenate([past[name], empty[name]]) for name in bars.columns})


def _prices(past: Mapping[str, FloatArray], shape: tuple[int, int], random: Generator) -> dict[str, FloatArray]:
    """Return prices that start elsewhere and move more than they did, ``low <= open, close <= high``."""
    made: dict[str, FloatArray] = {}
    if "close" in past:
        moves = _moves(past["close"])
        walk = random.normal(0.0, 0.8, shape[1]) + np.cumsum(random.normal(size=shape) * moves, axis=0)
        close = _last_known(past["close"]) * np.exp(_folded(walk))
        opened = close * np.exp(random.normal(size=shape) * moves)
        reach = np.abs(random.normal(size=(2, *shape))) * moves
        made["close"], made["open"] = close, opened
        made["high"] = np.maximum(opened, close) * np.exp(reach[0])
        made["low"] = np.minimum(opened, close) * np.exp(-reach[1])
        for name in _OWN_PRICES:
            if name in past:
                made[name] = (
                    close * _last_known(past[name]) / _last_known(past["close"]) * random.choice([0.5, 1.0, 2.0])
                )
    if "benchmark_close" in past:
        column = past["benchmark_close"][:, :1]
        walk = random.normal(0.0, 0.8) + np.cumsum(random.normal(size=(shape[0], 1)) * _moves(column), axis=0)
        made["benchmark_close"] = np.repeat(_last_known(column) * np.exp(_folded(walk)), shape[1], axis=1)
    return {name: values for name, values in made.items() if name in past}


def _moves(close: FloatArray) -> FloatArray:
    """Return a size of moves per symbol, several times that of the past."""
    recent = close[-512:]
    with np.errstate(divide="ignore", invalid="ignore"):
        steps = np.abs(np.diff(np.log(np.where(recent > 0.0, recent, np.nan)), axis=0))
    known = ~np.isnan(steps)
    mean = np.where(known, steps, 0.0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
    typical: FloatArray = _UNLIKE * np.where(mean > 0.0, mean, 0.01)
    return typical


def _last_known(prices: FloatArray) -> FloatArray:
    """Return the last usable price of each symbol; 100 for one that never had any: it is listed by garbage."""
    usable = np.isfinite(prices) & (prices > 0.0)
    level = np.full(prices.shape[1], 100.0)
    if len(prices):
        last = len(prices) - 1 - np.argmax(usable[::-1], axis=0)
        found = prices[last, np.arange(prices.shape[1])]
        level = np.where(usable.any(axis=0), found, level)
    return level


def _folded(log_level: FloatArray) -> FloatArray:
    """Keep a walk near its start, so that no price overflows however long it runs."""
    return _FARTHEST_LOG * np.sin(log_level / _FARTHEST_LOG)


def _amounts(column: FloatArray, cut: int, random: Generator) -> FloatArray:
    """Return volumes of another order of magnitude per symbol, with zeros and wild ones among them."""
    shape = (len(column) - cut, column.shape[1])
    before = column[max(cut - 512, 0) : cut]
    usable = np.isfinite(before) & (before > 0.0)
    mean = np.where(usable, before, 0.0).sum(axis=0) / np.maximum(usable.sum(axis=0), 1)
    level = np.where(mean > 0.0, mean, 1e4) * np.exp(random.normal(0.0, 2.0, shape[1]))
    values = level * np.exp(random.normal(0.0, 1.0, shape))
    values = np.where(random.random(shape) < _WILD, values * 1e3, values)
    return np.where(random.random(shape) < _NO_VOLUME, 0.0, values)


def _other(column: FloatArray, cut: int, random: Generator) -> FloatArray:
    """Return values of a column of unknown meaning: flags turn, numbers change places and size but not their sign."""
    truth = column[cut:]
    finite = column[np.isfinite(column)]
    if _is_flag(finite):
        return np.where(random.random(truth.shape) < 0.5, 1.0 - np.nan_to_num(truth), np.nan_to_num(truth))
    drawn = random.choice(finite, truth.shape) if len(finite) else np.zeros(truth.shape)
    spread = float(np.std(finite)) if len(finite) else 1.0
    values = drawn * np.exp(random.normal(0.0, 1.0, truth.shape))
    if len(finite) and finite.min() < 0.0:
        values = values + _UNLIKE * spread * random.normal(size=truth.shape)
    same_for_all = column.shape[1] > 1 and bool(_equal(truth, truth[:, :1]).all())
    return np.repeat(values[:, :1], column.shape[1], axis=1) if same_for_all else values


def _is_flag(values: FloatArray) -> bool:
    return len(values) > 0 and bool(np.all((values == 0.0) | (values == 1.0)))


def _equal(left: FloatArray, right: FloatArray) -> Mask:
    same: Mask = (left == right) | (np.isnan(left) & np.isnan(right))
    return same
