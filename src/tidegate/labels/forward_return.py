"""Forward returns: what a decision could have earned, and until when it reads the future."""

from __future__ import annotations

import numpy as np

from tidegate.core.errors import DataError, InputError
from tidegate.core.horizon import Reach
from tidegate.core.panel import Panel
from tidegate.core.recipe import FillPrice
from tidegate.core.units import FloatArray, Int64Array, Mask
from tidegate.labels.holding import Holding
from tidegate.labels.outcome import Labels

__all__ = ["forward_labels", "forward_returns"]


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
    return forward_labels(panel, Reach.of_bars(horizon_bars), fill, round_trip_cost)


def forward_labels(
    panel: Panel,
    reach: Reach,
    fill: FillPrice,
    round_trip_cost: float,
    *,
    threshold: float = 0.005,
    buckets: int = 5,
    holding: Holding | None = None,
) -> Labels:
    """Label every row over a reach, which may be a time on the clock; otherwise as :func:`forward_returns`.

    With a duration, the exit is the row exactly so long after the entry, and a row without one has no label: no
    neighbour and no shorter horizon takes its place. Its span then ends with the first row after that instant.

    Parameters
    ----------
    panel
        As there. ``benchmark_open`` or ``benchmark_close``, whichever the fill names, is what
        :attr:`Labels.benchmark_excess` is measured over.
    reach
        From entry to exit.
    threshold
        What counts as a move, a fraction of the price, above 0.
    buckets
        Into how many parts :attr:`Labels.bucket` divides the symbols of an instant.
    holding
        What holding costs between the two fills; None where it costs nothing or nobody knows what.

    Examples
    --------
    >>> from tidegate.core.horizon import Horizon
    >>> from tidegate.core.time import MINUTE, BarInterval
    >>> times = np.arange(1, 6) * 5 * MINUTE
    >>> panel = Panel(times, ("A",), {"close": np.array([[8.0], [1.0], [4.0], [2.0], [8.0]])})
    >>> reach = Horizon("10m").reach(BarInterval("5m"))
    >>> labels = forward_labels(panel, reach, FillPrice.NEXT_CLOSE, round_trip_cost=0.0)
    >>> np.exp(labels.gross).ravel().round(9).tolist(), (labels.spans.end // MINUTE).tolist()
    ([2.0, 2.0, nan, nan, nan], [20, 25])
    """
    _check(panel, fill, round_trip_cost, threshold)
    exits, met = _exits(panel.times, reach)
    log_price = _log_price(panel[fill.column])
    benchmark = f"benchmark_{fill.column}"
    return Labels(
        times=panel.times,
        symbols=panel.symbols,
        reach=reach,
        round_trip_cost=round_trip_cost,
        gross=_between(log_price, exits, met),
        exits=exits,
        log_price=log_price,
        benchmark=_between(_log_price(panel[benchmark][:, :1]), exits, met) if benchmark in panel else None,
        threshold=threshold,
        buckets=buckets,
        holding=holding,
    )


def _exits(times: Int64Array, reach: Reach) -> tuple[Int64Array, Mask]:
    """Return the row that ends each label, and whether it is the exit, for the rows that have one."""
    if reach.duration is None:
        exits = np.arange(1 + reach.bars, len(times), dtype=np.int64)
        return exits, np.ones(len(exits), dtype=np.bool_)
    due = times[1:] + reach.duration
    exits = np.searchsorted(times, due)
    exits = exits[exits < len(times)]
    return exits, times[exits] == due[: len(exits)]


def _between(log_price: FloatArray, exits: Int64Array, met: Mask) -> FloatArray:
    """Return the log return from the row after each decision to its exit."""
    gross = np.full(log_price.shape, np.nan)
    count = len(exits)
    gross[:count] = np.where(met[:, np.newaxis], log_price[exits] - log_price[1 : 1 + count], np.nan)
    return gross


def _check(panel: Panel, fill: FillPrice, round_trip_cost: float, threshold: float) -> None:
    if not 0.0 <= round_trip_cost < 1.0:
        raise InputError(
            found=f"a round trip at a cost of {round_trip_cost}",
            expected="a cost in [0, 1)",
            hint="correct the recipe's costs",
        )
    if not 0.0 < threshold < 0.5:
        raise InputError(
            found=f"a threshold of {threshold}",
            expected="a fraction of the price, above 0 and below 0.5",
            hint="half a percent is 0.005",
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
