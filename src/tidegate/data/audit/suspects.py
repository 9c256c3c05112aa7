"""Bars that are there but may be wrong. A finding is a suspicion to look at, never a deletion."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from tidegate.core.time import Instant
from tidegate.core.units import FloatArray, Int64Array, Mask
from tidegate.data.audit.findings import AuditLimits, SuspectBar, Suspicion

__all__ = ["Suspects", "find_suspects", "worst_examples"]

# Prices that were stored as 32-bit numbers or adjusted by a factor miss their own low or high by this much.
_ROUNDING = 1e-6
# Factors that turn the median and the mean absolute deviation of normal data into their standard deviation.
_NORMAL_SCALE = 1.4826
_NORMAL_MEAN_SCALE = 1.2533


@dataclass(frozen=True, eq=False)
class Suspects:
    """All findings of one kind; a finding is a run of bars, often of one.

    Parameters
    ----------
    first, last
        ``int64 (n_findings,)``: rows of the run's first and last bar.
    value
        ``float64 (n_findings,)``: see :class:`Suspicion`.
    bars
        ``int64 (n_findings,)``: bars of the run.
    """

    kind: Suspicion
    first: Int64Array
    last: Int64Array
    value: FloatArray
    bars: Int64Array

    def counts(self, member: Int64Array, size: int) -> Int64Array:
        """Return suspect bars per member."""
        return np.bincount(member[self.first], weights=self.bars, minlength=size).astype(np.int64)


def find_suspects(bars: pl.DataFrame, off_calendar: FloatArray, limits: AuditLimits) -> list[Suspects]:
    """Look at every bar once for each suspicion.

    Parameters
    ----------
    bars
        ``member i64, time i64, ordinal i64, open, high, low, close, volume, price f64``, sorted by member and
        time; ``price`` is the adjusted close, of which returns are taken.
    off_calendar
        ``float64 (n_bars,)``: seconds to the nearest close that the calendar owes; 0 for an owed bar.
    """
    names = ("open", "high", "low", "close", "volume")
    opened, high, low, close, volume = (bars[name].cast(pl.Float64).to_numpy() for name in names)
    member = bars["member"].to_numpy()
    follows = np.zeros(len(member), dtype=np.bool_)
    follows[1:] = member[1:] == member[:-1]
    stays = follows.copy()
    stays[1:] &= close[1:] == close[:-1]
    still = _runs(Suspicion.UNCHANGED_PRICE, np.ones(len(member), dtype=np.bool_), stays)
    lowest = np.fmin(np.fmin(opened, high), np.fmin(low, close))
    return [
        _extreme_returns(bars, follows, limits),
        _singles(Suspicion.OUTSIDE_RANGE, _beyond_range(opened, high, low, close), _ROUNDING),
        _at(Suspicion.NOT_POSITIVE, np.flatnonzero(lowest <= 0), lowest),
        _runs(Suspicion.ZERO_VOLUME, volume == 0, follows),
        _chosen(still, still.bars >= limits.unchanged_run_bars),
        _singles(Suspicion.OFF_CALENDAR, off_calendar, 0.0),
    ]


def worst_examples(suspects: Suspects, bars: pl.DataFrame, names: list[str], limit: int) -> list[SuspectBar]:
    """Return the findings of the largest magnitude, ties by time, as examples with symbol and time."""
    times, member = bars["time"].to_numpy(), bars["member"].to_numpy()
    order = np.lexsort((times[suspects.first], -np.abs(suspects.value)))[:limit]
    return [
        SuspectBar(
            kind=suspects.kind,
            symbol=names[member[suspects.first[i]]],
            at=Instant(int(times[suspects.first[i]])),
            until=Instant(int(times[suspects.last[i]])),
            value=float(suspects.value[i]),
        )
        for i in order
    ]


def _extreme_returns(bars: pl.DataFrame, follows: Mask, limits: AuditLimits) -> Suspects:
    """Judge log returns of neighbouring bars by their symbol's median and median absolute deviation.

    A return across a gap covers more than one bar and is not judged.
    """
    price, ordinal = bars["price"].to_numpy(), bars["ordinal"].to_numpy()
    judged = follows.copy()
    judged[1:] &= (np.diff(ordinal) == 1) & (ordinal[:-1] >= 0) & (price[1:] > 0) & (price[:-1] > 0)
    row = np.flatnonzero(judged)
    step = np.log(price[row] / price[row - 1])
    found = (
        pl.DataFrame({"member": bars["member"].gather(row), "row": row, "step": step})
        .with_columns(
            pl.len().over("member").alias("count"),
            (pl.col("step") - pl.col("step").median().over("member")).abs().alias("distance"),
        )
        .with_columns(_scale(pl.col("distance"), limits.return_scale_floor).over("member").alias("scale"))
        .filter(
            pl.col("count") >= limits.returns_to_judge,
            pl.col("distance") > limits.extreme_return_scales * pl.col("scale"),
        )
    )
    row = found["row"].to_numpy()
    return Suspects(Suspicion.EXTREME_RETURN, row, row, found["step"].to_numpy(), np.ones_like(row))


def _scale(distance: pl.Expr, floor: float) -> pl.Expr:
    """Return the robust scale of distances from the median.

    Where more than half of them are equal, as with prices that move by single ticks, the median absolute
    deviation is zero and the mean takes over (Iglewicz and Hoaglin, How to Detect and Handle Outliers, 1993).
    """
    usual, coarse = _NORMAL_SCALE * distance.median(), _NORMAL_MEAN_SCALE * distance.mean()
    return pl.max_horizontal(pl.when(usual > floor).then(usual).otherwise(coarse), floor)


def _beyond_range(opened: FloatArray, high: FloatArray, low: FloatArray, close: FloatArray) -> FloatArray:
    """Return how far open or close lies beyond low or high, as a fraction of the close; NaN if unknown."""
    above, below = np.fmax(opened, close) - high, low - np.fmin(opened, close)
    excess = np.fmax(np.fmax(above, below), low - high)
    share: FloatArray = np.divide(excess, close, out=np.full(len(close), np.nan), where=close > 0)
    return share


def _singles(kind: Suspicion, value: FloatArray, limit: float) -> Suspects:
    return _at(kind, np.flatnonzero(value > limit), value)


def _at(kind: Suspicion, row: Int64Array, value: FloatArray) -> Suspects:
    return Suspects(kind, row, row, value[row], np.ones_like(row))


def _runs(kind: Suspicion, hit: Mask, follows: Mask) -> Suspects:
    """Join neighbouring hits of which each follows the one before."""
    row = np.flatnonzero(hit)
    new = np.ones(len(row), dtype=np.bool_)
    new[1:] = (np.diff(row) != 1) | ~follows[row[1:]]
    begins = np.flatnonzero(new)
    bars = np.diff(np.append(begins, len(row)))
    return Suspects(kind, row[begins], row[begins + bars - 1], bars.astype(np.float64), bars)


def _chosen(suspects: Suspects, which: Mask) -> Suspects:
    kept = (suspects.first[which], suspects.last[which], suspects.value[which], suspects.bars[which])
    return Suspects(suspects.kind, *kept)
