"""What formulas read: some rows of a market, with what several formulas share computed once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

import numpy as np

from tidegate.core.time import DAILY, BarInterval
from tidegate.core.units import FloatArray, Int64Array, Mask
from tidegate.features.frames import frame_of, spread_to_rows
from tidegate.features.windows import lagged, rolling_mean

if TYPE_CHECKING:
    import polars as pl

__all__ = ["Across", "Inputs", "Row", "by_the_clock", "ratio", "where_rows_suffice"]

_PRICES = ("open", "high", "low", "close", "raw_close")
_AMOUNTS = ("volume", "traded_value")
_NO_TABLES: Final[Mapping[str, pl.DataFrame]] = MappingProxyType({})


class Inputs:
    """Columns of some consecutive rows and symbols: contiguous, prices positive or missing.

    Parameters
    ----------
    columns
        Name to ``float64 (n, n_symbols)``; row *t* is what was known at ``times[t]``.
    times
        ``int64 (n,)`` instants of the rows.
    interval
        Size of the bars.
    wanted
        How many of the last rows will be kept; the rows before them are there to be looked back at, and what a formula
        says of them is thrown away.
    symbols
        Names of the second axis; empty where no formula asks for them.
    tables
        Rows of slower sources, every vintage known at the last row, for formulas that look at rows themselves.

    Examples
    --------
    >>> inputs = Inputs({"close": np.array([[1.0], [0.0], [4.0]])})
    >>> inputs.close.ravel().tolist()
    [1.0, nan, 4.0]
    """

    def __init__(
        self,
        columns: Mapping[str, FloatArray],
        times: Int64Array | None = None,
        interval: BarInterval = DAILY,
        wanted: int | None = None,
        *,
        symbols: tuple[str, ...] = (),
        tables: Mapping[str, pl.DataFrame] = _NO_TABLES,
    ) -> None:
        self.symbols, self.tables = symbols, tables
        self._columns = columns
        count = len(next(iter(columns.values()))) if times is None else len(times)
        self.times: Int64Array = np.arange(count, dtype=np.int64) if times is None else times
        self.interval = interval
        self.wanted = count if wanted is None else wanted
        self._remembered: dict[object, FloatArray] = {}
        self._frames: dict[BarInterval, Inputs] = {}

    @property
    def shape(self) -> tuple[int, int]:
        """``(n, n_symbols)``."""
        return len(self.times), next(iter(self._columns.values())).shape[1]

    def raw(self, name: str) -> FloatArray:
        """Return a column as it is."""
        return self._columns[name]

    def column(self, name: str) -> FloatArray:
        """Return a column, infinite values missing."""
        return self.once(("column", name), lambda: _finite(self._columns[name]))

    def price(self, name: str) -> FloatArray:
        """Return a price column; what is not a positive number is missing."""
        return self.once(("price", name), lambda: _where(self._columns[name], lambda column: column > 0.0))

    def amount(self, name: str) -> FloatArray:
        """Return a volume or value column; negative and infinite entries are missing, 0 is a number."""
        return self.once(("amount", name), lambda: _where(self._columns[name], lambda column: column >= 0.0))

    def once(self, key: object, compute: Callable[[], FloatArray]) -> FloatArray:
        """Return what ``compute`` gives, computed once per key: for parts that several formulas share."""
        if key not in self._remembered:
            self._remembered[key] = compute()
        return self._remembered[key]

    @property
    def close(self) -> FloatArray:
        """Adjusted closing price."""
        return self.price("close")

    @cached_property
    def log_close(self) -> FloatArray:
        """Natural logarithm of the adjusted close."""
        return np.log(self.close)

    @cached_property
    def returns(self) -> FloatArray:
        """Log return over one bar."""
        return self.log_return(1)

    def log_return(self, bars: int) -> FloatArray:
        """Return the log return of the close over a number of bars."""
        return self.once(("log_return", bars), lambda: self.log_close - lagged(self.log_close, bars))

    def average(self, window: int) -> FloatArray:
        """Return the simple moving average of the close."""
        return self.once(("average", window), lambda: rolling_mean(self.close, window))

    @cached_property
    def on_the_clock(self) -> bool:
        """Whether a row back is always a bar back: no close is left out, and none stands between two."""
        step = self.interval.microseconds
        return self.interval.is_session or bool(
            np.all(self.times[:1] % step == 0) and np.all(np.diff(self.times) == step)
        )

    def frame(self, interval: BarInterval) -> Inputs:
        """Return longer bars made of these, closed ones only; spread what they say with :meth:`spread`.

        Bars of the same size are these, with missing ones where the rows leave some out.
        """
        if interval not in self._frames:
            columns = {name: self.price(name) for name in _PRICES if name in self._columns}
            columns |= {name: self.amount(name) for name in _AMOUNTS if name in self._columns}
            times, longer = frame_of(self.times, columns, self.interval, interval)
            self._frames[interval] = Inputs(longer, times, interval)
        return self._frames[interval]

    def spread(self, frame: Inputs, values: FloatArray, *, only_wanted: bool = False) -> FloatArray:
        """Return, at each row, the value of the newest longer bar that was closed by then.

        Parameters
        ----------
        frame
            From :meth:`frame`.
        values
            ``float64 (m, n_symbols)``, one row per longer bar.
        only_wanted
            Leave the rows that are only there to be looked back at missing; for the last step of a formula.
        """
        start = len(self.times) - self.wanted if only_wanted else 0
        spread = np.empty((len(self.times), values.shape[1]))
        spread[:start] = np.nan
        spread[start:] = spread_to_rows(self.times[start:], frame.times, values, frame.interval)
        return spread


class Row:
    """What a formula across symbols may look at beside its own values: whole rows of the market.

    Parameters
    ----------
    columns
        Name to ``float64 (n, n_symbols)``, every symbol.
    members
        ``bool (n, n_symbols)``: who belonged to the universe; None means everyone.
    """

    def __init__(self, columns: Mapping[str, FloatArray], members: Mask | None = None) -> None:
        self._columns = columns
        self.members = members

    def column(self, name: str) -> FloatArray:
        """Return a column."""
        return self._columns[name]


Across = Callable[[FloatArray, Row], FloatArray]
"""Maps values of *n* rows over all symbols, NaN for those that do not belong, to ``float64`` of the same shape."""


def by_the_clock(formula: Callable[[Inputs], FloatArray], lookback_bars: int) -> Callable[[Inputs], FloatArray]:
    """Return a formula that counts bars by their closes where rows are left out, so that no horizon grows (D-12).

    A close is a whole multiple of the size of the bars. A close without a row is a missing bar, and a row at any other
    instant is nothing. Rows of sessions are counted as they are: a night is no gap.

    Parameters
    ----------
    formula
        Counts rows; reads the columns of bars alone.
    lookback_bars
        Bars that it reads.
    """

    def counted(bars: Inputs) -> FloatArray:
        if bars.on_the_clock:
            return formula(bars)
        unbroken = bars.frame(bars.interval)
        return bars.spread(unbroken, formula(unbroken), only_wanted=True)

    return where_rows_suffice(counted, lookback_bars)


def where_rows_suffice(formula: Callable[[Inputs], FloatArray], lookback_bars: int) -> Callable[[Inputs], FloatArray]:
    """Return a formula that is missing where rows at other instants than closes take the places of those it reads.

    A lookback counts rows. Where some are no bars of the market, fewer bars stand within it than the formula asks for,
    and what it says would depend on whether older rows happen to be at hand.
    """

    def checked(bars: Inputs) -> FloatArray:
        values = formula(bars)
        if bars.on_the_clock:
            return values
        step, reach = bars.interval.microseconds, lookback_bars - 1
        short = bars.times % step != 0
        short[reach:] |= bars.times[reach:] - bars.times[: max(len(bars.times) - reach, 0)] < reach * step
        return np.where(short[:, np.newaxis], np.nan, values)

    return checked


def ratio(numerator: FloatArray, denominator: FloatArray) -> FloatArray:
    """Divide; where the denominator is 0 the quotient is missing, never infinite."""
    return numerator / np.where(denominator == 0.0, np.nan, denominator)


def _finite(column: FloatArray) -> FloatArray:
    return _where(column, lambda _: True)


def _where(column: FloatArray, usable: Callable[[FloatArray], Mask | bool]) -> FloatArray:
    # Contiguous, since other strides would take other code through logarithms, and other last bits.
    column = np.ascontiguousarray(column)
    return np.where(usable(column) & np.isfinite(column), column, np.nan)
