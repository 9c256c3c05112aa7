"""What came after each decision over one horizon, in every form that a model or a report asks for."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np

from tidegate.core.errors import DataError, InputError
from tidegate.core.horizon import Reach
from tidegate.core.panel import read_only
from tidegate.core.spans import Spans
from tidegate.core.units import FloatArray, Int64Array, Mask
from tidegate.costs import Side, carry
from tidegate.labels.ends import ends_at, spans_until
from tidegate.labels.holding import Holding
from tidegate.labels.relative import excess_over_mean, percent_rank, rank_bucket
from tidegate.labels.volatility import realised_volatility

__all__ = ["Labels"]

_KINDS: Final = (
    "gross",
    "excess",
    "benchmark_excess",
    "rank",
    "bucket",
    "volatility",
    "direction",
    "move",
    "move_after_cost",
    "net_long",
    "net_short",
    "carry",
)


@dataclass(frozen=True, eq=False, kw_only=True)
class Labels:
    """What came after each decision, over one horizon.

    Parameters
    ----------
    times
        ``int64 (n_times,)``, decision instants, the rows of the panel.
    symbols
        Names of the second axis.
    reach
        From entry to exit.
    round_trip_cost
        Cost of buying and selling once, as a fraction of the notional: the same over every horizon.
    gross
        ``float64 (n_times, n_symbols)``, log return from the fill after the decision at row *t* to the exit; NaN where
        entry or exit price is missing or has not happened yet.
    exits
        ``int64 (n,)``: the row that ends the label of each of the first *n* rows; later rows have no complete horizon.
    log_price
        ``float64 (n_times, n_symbols)``, logarithm of the price that orders fill at.
    benchmark
        ``float64 (n_times, 1)``, log return of the benchmark between the same two rows; None where there is none.
    threshold
        What counts as a move, a fraction of the price: 0.005 is half a percent.
    buckets
        Into how many parts ``bucket`` divides the symbols of an instant.
    holding
        What holding costs between the two fills; without it no carry is in the net columns.
    """

    times: Int64Array
    symbols: tuple[str, ...]
    reach: Reach
    round_trip_cost: float
    gross: FloatArray
    exits: Int64Array
    log_price: FloatArray
    benchmark: FloatArray | None = None
    threshold: float = 0.005
    buckets: int = 5
    holding: Holding | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "gross", read_only(self.gross))

    @property
    def horizon_bars(self) -> int:
        """Bars between entry and exit."""
        return self.reach.bars

    @property
    def ends(self) -> Int64Array:
        """``int64 (n_times,)``: when the label of each row is known; ``NEVER`` where the data end before."""
        return ends_at(self.times, self.exits)

    @property
    def spans(self) -> Spans:
        """One span per row with a complete horizon: the first ones, so that sample *i* is row *i*."""
        return spans_until(self.times, self.ends)

    @property
    def net_long(self) -> FloatArray:
        """Log return of buying and selling again, after costs: ``gross - cost - carry``.

        ``cost = -ln(1 - c)``, *c* being what :meth:`tidegate.costs.CostModel.round_trip_rate` says: fees, spread and
        tax both ways. Impact and least fees depend on the size of an order, which no label has.

        :attr:`carry` is there where funding is known; elsewhere the net columns do not hold it, and
        :meth:`as_document` says so. It enters as it was paid, a sum of fractions of the notional, and not as a
        logarithm: so the one side receives what the other pays. ``-ln(1 - x)`` differs from *x* by half its square, or
        5e-7 at a carry of 0.1 %. Where a payment may be missing, so is the net return.
        """
        return self._net(Side.LONG)

    @property
    def net_short(self) -> FloatArray:
        """Log return of the opposite position, after the same costs: ``-gross - cost + carry``."""
        return self._net(Side.SHORT)

    @property
    def carry(self) -> FloatArray:
        """What a long position paid in funding while it was held, and a short one received; a fraction of the notional.

        NaN where a payment may be missing, and where there is no label.

        Raises
        ------
        DataError
            If no funding is known.
        """
        if self.holding is None:
            raise DataError(
                found="no funding beside the bars",
                expected="the payments of perpetuals, to say what holding them cost",
                hint="name their data set under data.uses.funding; shares pay none",
            )
        return np.where(np.isnan(self.gross), np.nan, carry(Side.LONG, self.holding.paid(self.exits, self.ends)))

    @property
    def excess(self) -> FloatArray:
        """``gross`` minus the mean over the symbols that have a label at that instant."""
        return excess_over_mean(self.gross)

    @property
    def benchmark_excess(self) -> FloatArray:
        """``gross`` minus the log return of the benchmark between the same two rows of the calendar.

        Raises
        ------
        DataError
            If there is no benchmark.
        """
        if self.benchmark is None:
            raise DataError(
                found="no price of a benchmark beside the bars",
                expected="one, to measure the excess over it",
                hint="name a symbol under universe.benchmark whose bars have the price that orders fill at",
            )
        return self.gross - self.benchmark

    @property
    def rank(self) -> FloatArray:
        """Place among the symbols labelled at that instant, from 0 for the worst to 1 for the best."""
        return percent_rank(self.gross)

    @property
    def bucket(self) -> FloatArray:
        """Which of ``buckets`` equal parts of these symbols it falls in, from 0 for the worst."""
        return rank_bucket(self.gross, self.buckets)

    @property
    def volatility(self) -> FloatArray:
        """Realised volatility between entry and exit; NaN where a single bar between them is missing.

        Raises
        ------
        InputError
            If the horizon is one bar: the absolute value of one return is no volatility.
        """
        if self.horizon_bars < 2:
            raise InputError(
                found=f"the volatility over a horizon of {self.reach.name}, which is one bar",
                expected="at least 2 bars",
                hint="choose a longer horizon or shorter bars",
            )
        volatility = np.full(self.gross.shape, np.nan)
        count = len(self.exits)
        whole = self.exits - np.arange(1, 1 + count) == self.horizon_bars
        moved = realised_volatility(self.log_price, self.horizon_bars)[1 : 1 + count]
        volatility[:count] = np.where(whole[:, np.newaxis], moved, np.nan)
        return np.where(np.isnan(self.gross), np.nan, volatility)

    @property
    def direction(self) -> FloatArray:
        """1 where the price rose, 0 where it fell or stood."""
        return np.where(np.isnan(self.gross), np.nan, self.gross > 0.0)

    @property
    def move(self) -> FloatArray:
        """1 for a rise by more than ``threshold``, -1 for a fall by more than it, 0 for less than either.

        Both are changes of the price as a fraction of the price at entry.
        """
        up, down = np.log1p(self.threshold), np.log1p(-self.threshold)
        return self._three_ways(self.gross > up, self.gross < down)

    @property
    def move_after_cost(self) -> FloatArray:
        """1 where buying paid after costs, -1 where selling did, 0 where neither did."""
        long, short = self.net_long, self.net_short
        return np.where(np.isnan(long), np.nan, self._three_ways(long > 0.0, short > 0.0))

    @property
    def kinds(self) -> tuple[str, ...]:
        """What there is of these labels."""
        absent = {"benchmark_excess"} if self.benchmark is None else set()
        if self.horizon_bars < 2:
            absent.add("volatility")
        if self.holding is None:
            absent.add("carry")
        return tuple(kind for kind in _KINDS if kind not in absent)

    @property
    def names(self) -> tuple[str, ...]:
        """The same with the horizon, for example ``gross_4h``: names in a :class:`tidegate.labels.LabelSet`."""
        return tuple(f"{kind}_{self.reach.name}" for kind in self.kinds)

    def values(self, name: str) -> FloatArray:
        """Return a label by its name with the horizon, ``float64 (n_times, n_symbols)``.

        Raises
        ------
        InputError
            If there is no such label.
        """
        if name not in self.names:
            raise InputError(
                found=f"no label {name!r}", expected=f"one of {', '.join(self.names)}", hint="check the name"
            )
        return self.target(name.removesuffix(f"_{self.reach.name}"))

    def target(self, kind: str) -> FloatArray:
        """Return a kind of label; no target of a recipe holds costs: who decides subtracts them, once.

        Raises
        ------
        InputError, DataError
            If there is no such kind, or not here.
        """
        if kind not in _KINDS:
            raise InputError(found=f"a label {kind!r}", expected=f"one of {', '.join(_KINDS)}", hint="check the name")
        values: FloatArray = getattr(self, kind)
        return values

    def as_document(self) -> dict[str, Any]:
        """Return what the labels are made of, as plain values; ``carry_in_net`` says whether the net columns hold it.

        Examples
        --------
        >>> from tidegate.core.recipe import FillPrice
        >>> from tidegate.labels import forward_returns
        >>> from tidegate.testing import synthetic_panel
        >>> labels = forward_returns(synthetic_panel(7, n_times=9, n_symbols=2), 1, FillPrice.NEXT_OPEN, 0.001)
        >>> labels.as_document()["carry_in_net"], labels.as_document()["round_trip_cost"]
        (False, 0.001)
        """
        return {
            "horizon": self.reach.name,
            "horizon_bars": self.horizon_bars,
            "names": list(self.names),
            "round_trip_cost": self.round_trip_cost,
            "carry_in_net": self.holding is not None,
            "threshold": self.threshold,
            "buckets": self.buckets,
        }

    def of_members(self, membership: Mask) -> Labels:
        """Return the labels of those that belonged to a universe at the decision; the others have none.

        Parameters
        ----------
        membership
            ``bool (n_times, n_symbols)``.
        """
        return replace(self, gross=np.where(membership, self.gross, np.nan))

    def _three_ways(self, up: Mask, down: Mask) -> FloatArray:
        return np.where(np.isnan(self.gross), np.nan, up.astype(np.float64) - down)

    def _net(self, side: Side) -> FloatArray:
        before_carry = float(side) * self.gross - self._log_cost
        if self.holding is None:
            return before_carry
        return before_carry - carry(side, self.holding.paid(self.exits, self.ends))

    @property
    def _log_cost(self) -> float:
        return -float(np.log1p(-self.round_trip_cost))
