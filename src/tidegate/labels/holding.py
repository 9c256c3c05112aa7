"""What holding cost between the two fills of a label."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np

from tidegate.core.recipe import FillPrice
from tidegate.core.time import BarInterval
from tidegate.core.units import FloatArray, Int64Array
from tidegate.costs import FundingPayments

__all__ = ["Holding"]


@dataclass(frozen=True, eq=False)
class Holding:
    """The funding of positions that are opened and closed at the fills of a panel's rows.

    Parameters
    ----------
    fills
        ``int64 (n_times,)``: the instant at which an order that fills in each row fills.
    funding
        Payments of the panel's symbols, in its order.

    Examples
    --------
    >>> daily, opens = BarInterval("1d"), FillPrice.NEXT_OPEN
    >>> day = daily.microseconds
    >>> Holding.of_fills(np.array([day, 2 * day]), opens, daily, FundingPayments((), ())).fills.tolist()
    [0, 86400000000]
    """

    fills: Int64Array
    funding: FundingPayments

    @classmethod
    def of_fills(cls, times: Int64Array, fill: FillPrice, interval: BarInterval, funding: FundingPayments) -> Self:
        """Take the closes of bars; an order at the open fills one bar before the close of its row.

        That holds of markets that never close, as those of perpetuals.
        """
        return cls(times - interval.microseconds if fill is FillPrice.NEXT_OPEN else times, funding)

    def paid(self, exits: Int64Array, ends: Int64Array) -> FloatArray:
        """Return what a long position paid from the row after each decision to the row of its exit.

        Parameters
        ----------
        exits
            ``int64 (n,)``: the row in which the position of each of the first *n* rows is closed.
        ends
            ``int64 (n_times,)``: by when the label of each row is known.

        Returns
        -------
        paid
            ``float64 (n_times, n_symbols)``, fractions of the notional; NaN where a payment may be missing, and in
            rows without an exit.
        """
        count = len(exits)
        paid = np.full((len(self.fills), len(self.funding.symbols)), np.nan)
        paid[:count] = self.funding.paid(self.fills[1 : 1 + count], self.fills[exits], known_by=ends[:count])
        return paid
