"""Sums over things that come and go, exact in any order, so that they are the same whatever else was ever there.

A sum of floats remembers in its last bits the order of its terms and what was taken away again. Here each term is a
whole number of ``2 ** -40``: adding what comes and taking away what goes leaves exactly what is there. One running sum
over a whole history therefore says the same of an instant as a sum over only what that instant sees, in a tenth of the
time, and deleting what became known later changes no bit of it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from tidegate.core.errors import DataError
from tidegate.core.units import FloatArray, Int64Array

__all__ = ["LEAST_TERM", "Spans", "Tally", "by_group", "each_time", "tally"]

_PARTS: Final = 2.0**40
_LARGEST: Final = 2.0**20
LEAST_TERM: Final = 1.0 / _PARTS
"""What a term is rounded to. Terms are cut at a million, and sums up to eight million fit."""


@dataclass(frozen=True, eq=False)
class Spans:
    """When things were there: thing *i* of symbol ``symbol[i]`` at ``start[i] <= t < stop[i]``.

    Parameters
    ----------
    symbol
        ``int64 (m,)`` place of the symbol.
    start, stop
        ``int64 (m,)`` instants.
    """

    symbol: Int64Array
    start: Int64Array
    stop: Int64Array

    def until(self, stop: Int64Array) -> Spans:
        """Return the same things, none of them after an instant of its own."""
        return Spans(self.symbol, self.start, np.maximum(np.minimum(self.stop, stop), self.start))


class Tally:
    """Running sums by symbol; made by :func:`tally` and :func:`by_group`.

    Parameters
    ----------
    symbol, instants
        ``int64 (m,)`` of each change; the changes of a symbol add up to 0.
    changes
        Name to ``int64 (m,)`` whole numbers of ``2 ** -40``.
    n_symbols
        How many symbols there are.

    Raises
    ------
    DataError
        If a sum does not fit into 63 bits.
    """

    def __init__(
        self, symbol: Int64Array, instants: Int64Array, changes: Mapping[str, Int64Array], n_symbols: int
    ) -> None:
        order = np.lexsort((instants, symbol))
        self._instants = instants[order]
        # All that comes goes: the running sum is 0 again where the next symbol begins.
        self._sums = {name: np.append(0, np.cumsum(amounts[order])) for name, amounts in changes.items()}
        self._bounds = np.searchsorted(symbol[order], np.arange(n_symbols + 1))
        # No term is larger than 2 ** 60, so that no sum passes 2 ** 63 without having stood between.
        too_large = [name for name, sums in self._sums.items() if max(int(sums.max()), -int(sums.min())) > 2**62]
        if too_large:
            raise DataError(
                found=f"more at one instant than {', '.join(too_large)} can be added up of",
                expected="at most a few hundred thousand items about a symbol within a day",
                hint="check the times at which the items became known",
            )

    def at(self, times: Int64Array) -> dict[str, FloatArray]:
        """Return each sum at some instants, ``float64 (n, n_symbols)``."""
        places = np.empty((len(times), len(self._bounds) - 1), dtype=np.int64)
        for symbol, first in enumerate(self._bounds[:-1]):
            own = self._instants[first : self._bounds[symbol + 1]]
            places[:, symbol] = first + np.searchsorted(own, times, side="right")
        return {name: sums[places] / _PARTS for name, sums in self._sums.items()}


def tally(spans: Spans, terms: Mapping[str, FloatArray], n_symbols: int) -> Tally:
    """Return the sums over what is there.

    Parameters
    ----------
    terms
        Name to ``float64 (m,)``; NaN counts as 0.

    Examples
    --------
    >>> spans = Spans(np.array([0, 0]), np.array([10, 20]), np.array([30, 40]))
    >>> tally(spans, {"weight": np.array([1.0, 0.5])}, 1).at(np.array([9, 10, 20, 30, 40]))["weight"].ravel().tolist()
    [0.0, 1.0, 1.5, 0.5, 0.0]
    """
    symbol, instants = np.tile(spans.symbol, 2), np.concatenate([spans.start, spans.stop])
    return Tally(symbol, instants, {name: _come_and_go(_whole(values)) for name, values in terms.items()}, n_symbols)


def by_group(
    spans: Spans,
    group: Int64Array,
    terms: Mapping[str, FloatArray],
    functions: Mapping[str, Callable[[Mapping[str, FloatArray]], FloatArray]],
    n_symbols: int,
) -> Tally:
    """Return sums over groups of functions of the sums within each group.

    Parameters
    ----------
    group
        ``int64 (m,)`` what each thing belongs to: its publisher, its author.
    terms
        As in :func:`tally`.
    functions
        Name to a function of the sums of one group, ``{term: float64 (k,)}`` to ``float64 (k,)``; 0 where nothing is
        there.

    Examples
    --------
    >>> spans = Spans(np.zeros(3, np.int64), np.array([1, 2, 3]), np.array([9, 9, 9]))
    >>> groups = {"authors": lambda sums: (sums["n"] > 0).astype(np.float64)}
    >>> by_group(spans, np.array([5, 5, 6]), {"n": np.ones(3)}, groups, 1).at(np.array([2, 3, 9]))["authors"].tolist()
    [[1.0], [2.0], [0.0]]
    """
    symbol, instants = np.tile(spans.symbol, 2), np.concatenate([spans.start, spans.stop])
    order = np.lexsort((instants, np.tile(group, 2), symbol))
    # A group's terms cancel at its end, so that one running sum serves all groups.
    sums = {name: np.cumsum(_come_and_go(_whole(values))[order]) / _PARTS for name, values in terms.items()}
    changes = {name: np.diff(_whole(function(sums)), prepend=0) for name, function in functions.items()}
    return Tally(symbol[order], instants[order], changes, n_symbols)


def each_time(numerator: FloatArray, denominator: FloatArray) -> FloatArray:
    """Return a quotient of sums; missing where nothing is there to divide by."""
    quotient: FloatArray = np.full(numerator.shape, np.nan)
    return np.divide(numerator, denominator, out=quotient, where=denominator > 0.0)


def _whole(values: FloatArray) -> Int64Array:
    cut = np.clip(np.nan_to_num(values, nan=0.0), -_LARGEST, _LARGEST)
    return np.rint(cut * _PARTS).astype(np.int64)


def _come_and_go(amounts: Int64Array) -> Int64Array:
    return np.concatenate([amounts, -amounts])
