"""What trading costs: itemised, never negative, the same everywhere."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np
import numpy.typing as npt
from pydantic import Field

from tidegate.core.config import Settings
from tidegate.core.units import BASIS_POINT, Bps, FloatArray

__all__ = ["CostModel", "ItemisedCosts"]


@dataclass(frozen=True, kw_only=True, eq=False)
class ItemisedCosts:
    """Costs of a batch of trades in currency, each ``float64 (n,)`` and at least 0."""

    commission: FloatArray
    half_spread: FloatArray
    impact: FloatArray
    stamp_tax: FloatArray

    @property
    def total(self) -> FloatArray:
        """Everything paid, ``float64 (n,)``."""
        return self.commission + self.half_spread + self.impact + self.stamp_tax


class CostModel(Settings):
    """Costs of one market; rates are one way.

    What holding costs stands beside them: :func:`tidegate.costs.carry`, from the funding that was paid. The length of a
    holding changes that alone, and never what a trade costs.

    Parameters
    ----------
    commission_bps
        Broker and exchange fees of traded notional.
    half_spread_bps
        Half the quoted spread, paid on each side.
    minimum_fee
        Least commission per order, in currency.
    stamp_tax_sell_bps
        Tax on sales only.
    impact_coefficient
        *k* of the square-root law ``impact = k * sigma * sqrt(notional / ADV)``, a fraction of notional, at least
        0.5 bps where it applies; sigma is the daily return deviation and ADV the average daily traded value, both known
        at the decision. Without volume data there is no impact, and the report says so.

    Notes
    -----
    Square-root impact: Almgren, Thum, Hauptmann and Li (2005), "Direct estimation of equity market impact", Risk 18(7);
    the exponent 1/2 is the common simplification.

    Examples
    --------
    >>> model = CostModel(commission_bps=1, half_spread_bps=2, stamp_tax_sell_bps=5)
    >>> round(model.round_trip_rate() * 1e4, 6)
    11.0
    """

    commission_bps: Bps = 0.0
    half_spread_bps: Bps = 0.0
    minimum_fee: Annotated[float, Field(ge=0.0)] = 0.0
    stamp_tax_sell_bps: Bps = 0.0
    impact_coefficient: Annotated[float, Field(ge=0.0)] = 0.0

    def round_trip_rate(self) -> float:
        """Return the cost of buying and selling as a fraction of notional, without impact and minimum fee.

        Both depend on the size of an order, which a label does not have.
        """
        both_ways = 2.0 * (self.commission_bps + self.half_spread_bps)
        return (both_ways + self.stamp_tax_sell_bps) * BASIS_POINT

    def itemise(
        self,
        notional: FloatArray,
        *,
        volatility: FloatArray | None = None,
        daily_value: FloatArray | None = None,
    ) -> ItemisedCosts:
        """Return the costs of trades.

        Parameters
        ----------
        notional
            ``float64 (n,)`` currency, negative for sales.
        volatility
            ``float64 (n,)`` daily return deviation known at the decision; NaN or None where unknown.
        daily_value
            ``float64 (n,)`` average daily traded value in currency known at the decision; NaN or None where unknown.
        """
        from tidegate.costs.compiled import itemise_batch  # here, since numba is slow to import and few need it

        unknown = np.full(len(notional), np.nan)
        items = np.empty((4, len(notional)))
        itemise_batch(
            self.record(),
            np.ascontiguousarray(notional, dtype=np.float64),
            unknown if volatility is None else np.ascontiguousarray(volatility, dtype=np.float64),
            unknown if daily_value is None else np.ascontiguousarray(daily_value, dtype=np.float64),
            items,
        )
        return ItemisedCosts(commission=items[0], half_spread=items[1], impact=items[2], stamp_tax=items[3])

    def record(self) -> npt.NDArray[np.void]:
        """Return the rates as compiled code reads them, ``(1,)`` of :data:`~tidegate.costs.compiled.COSTS`."""
        from tidegate.costs.compiled import COSTS

        record = np.zeros(1, dtype=COSTS)
        for name in COSTS.names or ():
            record[name] = getattr(self, name)
        return record
