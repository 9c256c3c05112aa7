"""What the best names earn when every bar opens a new list and trades of several bars overlap."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from tidegate.core.errors import InputError
from tidegate.core.units import FloatArray, Int64Array
from tidegate.evaluate.classification import net_returns
from tidegate.evaluate.ranked import check_rows, rank_rows
from tidegate.evaluate.ranking import top_places

__all__ = ["StaggeredTrades", "staggered_trades"]


@dataclass(frozen=True, eq=False, kw_only=True)
class StaggeredTrades:
    """A capital in as many parts as a trade has bars, one of which is free at every bar.

    Parameters
    ----------
    instants
        ``int64 (n_instants,)``, ascending: when each list was made.
    returns
        ``float64 (n_instants,)``: net simple return of the part that traded the list, over the whole horizon.
    horizon_bars
        Bars that a trade lasts, and number of parts.
    """

    instants: Int64Array
    returns: FloatArray
    horizon_bars: int

    @property
    def per_bar(self) -> FloatArray:
        """Contribution of each list to the return of the whole capital: ``returns / horizon_bars``."""
        return self.returns / self.horizon_bars

    def sharpe(self, bars_per_year: float) -> float | None:
        """Return ``mean(r) / std(r) * sqrt(bars_per_year / horizon_bars)``, *r* being the returns of the lists.

        Within a part trades follow each other without overlap, so ``bars_per_year / horizon_bars`` of them are a year.
        Annualised by the bars, the same price moves would count once per bar of the horizon (D-38). Parts are taken to
        rise and fall together, so that spreading over them earns nothing: the figure errs on the low side. The
        risk-free rate is 0 and the deviation that of a sample; None with fewer than 2 lists or without spread.
        """
        if len(self.returns) < 2 or np.ptp(self.returns) == 0.0:
            return None
        ratio = float(self.returns.mean() / self.returns.std(ddof=1))
        return ratio * math.sqrt(bars_per_year / self.horizon_bars)


def staggered_trades(
    times: Int64Array,
    score: FloatArray,
    trade_return: FloatArray,
    *,
    symbols: Int64Array | None = None,
    horizon_bars: int,
    round_trip_cost: float,
    top_k: int,
) -> StaggeredTrades:
    """Trade the best names of every instant in equal shares, each list with ``1 / horizon_bars`` of the capital.

    Accounting of crypto 19.4: a forecast over *h* bars that is acted on at every bar holds *h* lists at once, so a list
    has one part in *h* of the capital and not the whole of it (D-38). Each trade pays one round trip. A listed name
    that could not be traded leaves its share in cash; ``net_return_at_k`` of
    :func:`~tidegate.evaluate.classification_figures` leaves it out of its mean.

    Parameters
    ----------
    times
        ``int64 (n,)`` decision instants, one for each bar.
    score
        ``float64 (n,)``, finite.
    trade_return
        ``float64 (n,)``: simple gross return over the horizon, NaN where no trade was possible.
    symbols
        ``int64 (n,)`` codes: of equal scores the lower ranks first; None takes the order of the rows.
    horizon_bars
        Bars from entry to exit, at least 1.
    round_trip_cost
        Cost of buying and selling as a fraction of the notional.
    top_k
        Names of a list.

    Raises
    ------
    DataError
        If there is no row, shapes differ or a score is not finite.
    InputError
        If horizon, cost or ``top_k`` is out of range.

    Examples
    --------
    >>> times, score = np.array([1, 1, 2, 2]), np.array([0.9, 0.1, 0.2, 0.8])
    >>> gross = np.array([0.02, -0.01, 0.03, 0.04])
    >>> found = staggered_trades(times, score, gross, horizon_bars=2, round_trip_cost=0.0, top_k=1)
    >>> found.returns.round(6).tolist(), found.per_bar.round(6).tolist()
    ([0.02, 0.04], [0.01, 0.02])
    """
    if horizon_bars < 1:
        raise InputError(found=f"trades of {horizon_bars} bars", expected="at least 1 bar", hint="set labels.horizon")
    others = () if symbols is None else (symbols,)
    check_rows(score, np.zeros(score.shape), times, trade_return, *others)
    ranked = rank_rows(times, score, symbols)
    chosen = top_places(ranked, top_k)
    net = net_returns(trade_return, round_trip_cost)[ranked.order]
    earned = ranked.sums(np.where(chosen & ~np.isnan(net), net, 0.0))
    return StaggeredTrades(
        instants=ranked.instants, returns=earned / np.minimum(ranked.sizes, top_k), horizon_bars=horizon_bars
    )
