"""Forward returns: the only place that reads the future, and it says until when."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from tidegate.core.errors import DataError, InputError
from tidegate.core.panel import Panel, read_only
from tidegate.core.recipe import FillPrice
from tidegate.core.spans import Spans
from tidegate.core.units import FloatArray, Int64Array, Mask

__all__ = ["Labels", "forward_returns"]


@dataclass(frozen=True, eq=False, kw_only=True)
class Labels:
    """What came after each decision.

    Parameters
    ----------
    times
        ``int64 (n_times,)``, decision instants, the rows of the panel.
    symbols
        Names of the second axis.
    horizon_bars
        Rows of the panel between entry and exit.
    round_trip_cost
        Cost of buying and selling once, as a fraction of the notional.
    gross
        ``float64 (n_times, n_symbols)``, log return from the fill after the decision at row *t* to the exit;
        NaN where entry or exit price is missing or has not happened yet.
    spans
        One span per row with a complete horizon. These are the first ``len(spans)`` rows: sample *i* is row
        *i*.
    """

    times: Int64Array
    symbols: tuple[str, ...]
    horizon_bars: int
    round_trip_cost: float
    gross: FloatArray
    spans: Spans

    def __post_init__(self) -> None:
        object.__setattr__(self, "gross", read_only(self.gross))

    @property
    def net_long(self) -> FloatArray:
        """Log return of buying and selling again, after costs: ``gross - cost``."""
        return self.gross - self._log_cost

    @property
    def net_short(self) -> FloatArray:
        """Log return of the opposite position, after the same costs: ``-gross - cost``."""
        return -self.gross - self._log_cost

    @property
    def excess(self) -> FloatArray:
        """``gross`` minus the mean over the symbols that have a label at that instant."""
        labelled = ~np.isnan(self.gross)
        count = labelled.sum(axis=1, keepdims=True)
        total = np.where(labelled, self.gross, 0.0).sum(axis=1, keepdims=True)
        mean: FloatArray = total / np.maximum(count, 1)
        return self.gross - mean

    def target(self, kind: Literal["gross", "excess"]) -> FloatArray:
        """Return what is forecast; costs are never part of it: who decides subtracts them, once."""
        return self.gross if kind == "gross" else self.excess

    def of_members(self, membership: Mask) -> Labels:
        """Return the labels of those that belonged to a universe at the decision; the others have none.

        Parameters
        ----------
        membership
            ``bool (n_times, n_symbols)``.
        """
        return replace(self, gross=np.where(membership, self.gross, np.nan))

    @property
    def _log_cost(self) -> float:
        return -float(np.log1p(-self.round_trip_cost))


def forward_returns(panel: Panel, horizon_bars: int, fill: FillPrice, round_trip_cost: float) -> Labels:
    """Label every row with the return that a decision at its close could have earned.

    The decision at ``times[t]`` fills at row ``t + 1`` and leaves at row ``t + 1 + horizon_bars``, both at
    the price column that ``fill`` names:

    ``gross[t] = ln(price[t + 1 + horizon_bars] / price[t + 1])``.

    Rows are the panel's calendar, the same for every symbol; a symbol without a bar at entry or exit has no
    label there. The span of row *t* is ``[times[t], times[t + 1 + horizon_bars])``. An opening price is known
    before the close that ends its span; ending late is the safe side.

    Parameters
    ----------
    panel
        Adjusted prices; row *t* holds what was known at ``panel.times[t]``.
    horizon_bars
        Rows between entry and exit, at least 1.
    fill
        Which price both fills take.
    round_trip_cost
        Cost of buying and selling once, a fraction of the notional in ``[0, 1)``.

    Raises
    ------
    InputError
        If horizon or cost is out of range.
    DataError
        If the panel lacks the price column.

    Examples
    --------
    >>> prices = np.exp(np.array([[0.0], [1.0], [3.0], [6.0]]))
    >>> panel = Panel(np.array([10, 20, 30, 40]), ("A",), {"close": prices})
    >>> labels = forward_returns(panel, 1, FillPrice.NEXT_CLOSE, round_trip_cost=0.0)
    >>> labels.gross.ravel().round(9).tolist(), labels.spans.end.tolist()
    ([2.0, 3.0, nan, nan], [30, 40])
    """
    _check(panel, horizon_bars, fill, round_trip_cost)
    count = max(len(panel.times) - 1 - horizon_bars, 0)
    log_price = _log_price(panel[fill.column])
    gross = np.full(panel.shape, np.nan)
    gross[:count] = log_price[1 + horizon_bars :] - log_price[1 : 1 + count]
    return Labels(
        times=panel.times,
        symbols=panel.symbols,
        horizon_bars=horizon_bars,
        round_trip_cost=round_trip_cost,
        gross=gross,
        spans=Spans(panel.times[:count], panel.times[len(panel.times) - count :]),
    )


def _check(panel: Panel, horizon_bars: int, fill: FillPrice, round_trip_cost: float) -> None:
    if horizon_bars < 1 or not 0.0 <= round_trip_cost < 1.0:
        raise InputError(
            found=f"a horizon of {horizon_bars} bars at a cost of {round_trip_cost}",
            expected="at least 1 bar and a cost in [0, 1)",
            hint="correct the recipe's labels or costs",
        )
    if fill.column not in panel:
        raise DataError(
            found=f"a source without {fill.column!r} prices",
            expected=f"them, to fill at {fill.value}",
            hint="choose the other fill in the recipe",
        )


def _log_price(price: FloatArray) -> FloatArray:
    """Return logarithms; a price of zero, as some sources write for a missing one, is missing."""
    return np.log(np.where((price > 0.0) & np.isfinite(price), price, np.nan))
