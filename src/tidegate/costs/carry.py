"""What holding a perpetual costs: the funding that was paid while the position was open."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, Final, Self

import numpy as np

from tidegate.core.errors import InputError
from tidegate.core.units import FloatArray, Int64Array, Mask

if TYPE_CHECKING:
    import polars as pl

__all__ = ["FundingPayments", "Side", "carry"]

_DISTANCES: Final = 3
_HOLE: Final = 1.5


class Side(IntEnum):
    """Which way a position looks."""

    LONG = 1
    SHORT = -1


def carry(side: Side, paid: FloatArray) -> FloatArray:
    """Return what holding a position cost, as a fraction of its notional; negative where it earned.

    ``carry = side * sum of the rates paid while held``: what a long position pays, the short one receives. No length of
    a funding period is part of it, since every rate is that of its own period.

    Parameters
    ----------
    side
        Long or short.
    paid
        From :meth:`FundingPayments.paid`; any shape.

    Examples
    --------
    >>> carry(Side.LONG, np.array([0.0003])).tolist(), carry(Side.SHORT, np.array([0.0003])).tolist()
    ([0.0003], [-0.0003])
    """
    return float(side) * paid


@dataclass(frozen=True, eq=False)
class _Payments:
    """One symbol's payments in order of time.

    ``known`` ascends too. ``usual`` has one place more: the distance that was usual before each payment, and after the
    last one; NaN where there was none. ``holes`` counts, before each payment, those that came too late after another.
    """

    paid_at: Int64Array
    known: Int64Array
    rates: FloatArray
    usual: FloatArray
    holes: Int64Array

    @classmethod
    def of(cls, paid_at: Int64Array, known: Int64Array, rates: FloatArray) -> Self:
        """Take payments sorted by instant and then by known time."""
        first = np.ones(len(paid_at), dtype=np.bool_)
        first[1:] = paid_at[1:] != paid_at[:-1]
        paid_at, known, rates = paid_at[first], known[first], rates[first]
        # One that arrives after a later one is left out. Who looks back between the two sees a hole, and so must we.
        in_turn = known <= np.minimum.accumulate(known[::-1])[::-1] if len(known) else first
        paid_at, known, rates = paid_at[in_turn], known[in_turn], rates[in_turn]
        distance = np.full(len(paid_at), np.nan)
        distance[1:] = np.diff(paid_at)
        usual = _usual(distance)
        late = ~(distance <= _HOLE * usual[:-1])
        return cls(paid_at, known, rates, usual, np.concatenate([[0], np.cumsum(late)]))

    def between(self, entered: Int64Array, left: Int64Array, known_by: Int64Array) -> FloatArray:
        """Return the rates paid, summed for each position; NaN where one may be missing."""
        if not len(self.paid_at):
            return np.full(len(entered), np.nan)
        known = np.searchsorted(self.known, known_by, side="right")
        stop = np.minimum(np.searchsorted(self.paid_at, left, side="right"), known)
        start = np.minimum(np.searchsorted(self.paid_at, entered, side="right"), stop)
        total = _sums(self.rates, start, stop)
        return np.where(self._is_whole(start, stop, left, known), total, np.nan)

    def _is_whole(self, start: Int64Array, stop: Int64Array, left: Int64Array, known: Int64Array) -> Mask:
        """Say where no payment can be missing: neither between those there are, nor after the last of them."""
        before = np.maximum(stop - 1, 0)
        due = self.paid_at[before] + self.usual[stop]
        following = np.minimum(stop, len(self.paid_at) - 1)
        came = (stop < known) & (self.holes[following + 1] == self.holes[following])
        whole: Mask = (start > 0) & (self.holes[stop] == self.holes[start]) & ((left < due) | came)
        return whole


@dataclass(frozen=True, eq=False)
class FundingPayments:
    """Funding payments of some symbols, as they were paid.

    Parameters
    ----------
    symbols
        In the order of the results.
    of_each
        The payments of each of them; :meth:`of_rows` reads them from a table.

    Notes
    -----
    A payment changes hands between those who hold at its instant, ``rate * notional`` from long to short where the rate
    is positive (Binance, "Introduction to Binance Futures Funding Rates"). So a position that is opened at the instant
    of a payment comes too late for it, and one that is closed at that instant still pays: ``(entry, exit]``. Positions
    that follow each other pay every payment once.

    The usual distance of payments is the median of the last three before; it is 4 hours for some symbols, 8 for others,
    and changes. Where a payment is further than 1.5 times that from the one before, another may be missing between, and
    every position that pays after it or leaves after it was due is without a sum: missing rather than cheap. So
    is one that was opened before the second payment, when no distance was known yet.

    Examples
    --------
    >>> import polars as pl
    >>> hours = [0, 8, 16, 24]
    >>> moments = pl.Series([hour * 3_600_000_000 for hour in hours]).cast(pl.Datetime("us", "UTC"))
    >>> rows = pl.DataFrame({"symbol": "BTC", "event_time": moments, "known_time": moments, "rate": 0.0001})
    >>> payments = FundingPayments.of_rows(rows, ["BTC"])
    >>> entered, left = (np.array([hour * 3_600_000_000]) for hour in (9, 25))
    >>> payments.paid(entered, left, known_by=left).tolist()
    [[0.0002]]
    """

    symbols: tuple[str, ...]
    of_each: tuple[_Payments, ...]

    @classmethod
    def of_rows(cls, rows: pl.DataFrame, symbols: Sequence[str]) -> Self:
        """Take rows of the ``funding`` table: ``symbol``, ``event_time``, ``known_time`` and ``rate``.

        Of several vintages of a payment the first one counts: it is what was paid. A row without a finite rate is none.
        """
        import polars as pl

        usable = rows.filter(pl.col("rate").is_finite()).sort("symbol", "event_time", "known_time", maintain_order=True)
        parts = {str(name): part for (name,), part in usable.group_by("symbol", maintain_order=True)}
        none = usable.clear()
        return cls(tuple(symbols), tuple(_read(parts.get(symbol, none)) for symbol in symbols))

    def paid(self, entered: Int64Array, left: Int64Array, *, known_by: Int64Array) -> FloatArray:
        """Return the rates paid in ``(entered, left]``, summed: what a long position of each symbol paid.

        Parameters
        ----------
        entered, left
            ``int64 (n,)``, instants of the fills that open and close a position.
        known_by
            ``int64 (n,)``, instants by which the sum must be known; payments that became known later do not count.

        Returns
        -------
        paid
            ``float64 (n, n_symbols)``, fractions of the notional; NaN where a payment may be missing.

        Raises
        ------
        InputError
            If the three do not have one length.
        """
        if not entered.shape == left.shape == known_by.shape:
            raise InputError(
                found=f"{entered.shape} entries, {left.shape} exits, {known_by.shape} instants of knowledge",
                expected="one of each per position",
                hint="align them",
            )
        columns = [one.between(entered, left, known_by) for one in self.of_each]
        return np.stack(columns, axis=1) if columns else np.empty((len(entered), 0))


def _read(rows: pl.DataFrame) -> _Payments:
    instants = [rows[name].dt.epoch("us").to_numpy().astype(np.int64) for name in ("event_time", "known_time")]
    return _Payments.of(instants[0], instants[1], rows["rate"].to_numpy().astype(np.float64))


def _usual(distance: FloatArray) -> FloatArray:
    """Return the median of the last distances before each payment and after the last; of two, the smaller."""
    padded = np.concatenate([np.full(_DISTANCES, np.nan), distance])
    last = np.sort(np.lib.stride_tricks.sliding_window_view(padded, _DISTANCES), axis=1)  # NaN comes last
    middle = np.maximum((~np.isnan(last)).sum(axis=1) - 1, 0) // 2
    usual: FloatArray = last[np.arange(len(last)), middle]
    return usual


def _sums(values: FloatArray, start: Int64Array, stop: Int64Array) -> FloatArray:
    """Return the sum of each stretch from its own first value on, so that what lies outside changes no bit."""
    borders = np.stack([start, stop], axis=1).ravel()
    sums: FloatArray = np.add.reduceat(np.append(values, 0.0), borders)[::2]
    return np.where(stop > start, sums, 0.0)
