"""What the simulated market knows of each bar: marks, fill prices, and what decisions may see of the past."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import Any

import numpy as np

from tidegate.core.units import FloatArray, Int64Array, Mask

__all__ = ["CorporateActions", "Market", "carried_forward"]


@dataclass(frozen=True, eq=False, kw_only=True)
class CorporateActions:
    """What happens to shares held overnight, in order of rows, each array ``(n_actions,)``.

    Parameters
    ----------
    row, place
        ``int64``: the session before whose open it happens, and the symbol.
    ratio
        ``float64``: shares after per share before; 1 where nothing changes.
    cash
        ``float64``: currency paid per share held before; negative where a long position pays, as funding.
    """

    row: Int64Array
    place: Int64Array
    ratio: FloatArray
    cash: FloatArray


@dataclass(frozen=True, eq=False, kw_only=True)
class Market:
    """Matrices ``(n_times, n_symbols)`` of one market; row *t* of what decisions read was known at ``times[t]``.

    Parameters
    ----------
    times, symbols
        ``int64 (n_times,)`` closes in microseconds UTC, and names in ascending order.
    close
        Last adjusted close, carried forward through gaps, NaN before the first: what returns and averages are made of.
    mark
        What one share is worth at the close, in currency, carried forward. The same array as ``close`` where the
        account holds total-return shares.
    traded
        ``bool``: the symbol has a bar, and volume where the source knows it.
    fill
        Price at which orders of this row fill; NaN where they cannot.
    score
        What ranks the symbols; NaN where there is none.
    signals
        ``float64 (n_signals, n_times, n_symbols)``: further scores, of several horizons; None where there are none.
    member
        ``bool``: the symbol belongs to the universe; None where all always do.
    candidate
        ``bool (n_symbols,)``: may be chosen by score; benchmark and defensive assets may not.
    benchmark
        ``float64 (n_times,)``: adjusted closes of the benchmark, carried forward; None where it is no symbol.
    benchmark_place
        Column in which the benchmark can be bought; -1 where it cannot.
    volatility, daily_value
        Deviation of the last 20 returns and mean of the last 20 traded values, known at this close; None where the
        source has no volume, and then there is no impact.
    session_value
        Currency traded in this session, which caps participation in it; None where it is unknown.
    buy_blocked, sell_blocked
        ``bool``: an order of this row cannot be bought, or sold, at its fill price: the share is at its limit. None
        where there are no limits.
    lot
        ``float64 (n_symbols,)``: shares of one lot, 0 where fractions trade.
    interest
        ``float64 (n_times,)``: what a unit of cash held since the close before earns, credited at this row.
    last_row
        ``int64 (n_symbols,)``: row of the symbol's last session by a table of lives; -1 where none is known.
    actions
        Splits, dividends and funding; None in an account of total-return shares.
    """

    times: Int64Array
    symbols: tuple[str, ...]
    close: FloatArray
    mark: FloatArray
    traded: Mask
    fill: FloatArray
    score: FloatArray
    candidate: Mask
    lot: FloatArray
    interest: FloatArray
    last_row: Int64Array
    benchmark_place: int = -1
    benchmark: FloatArray | None = None
    member: Mask | None = None
    signals: FloatArray | None = None
    volatility: FloatArray | None = None
    daily_value: FloatArray | None = None
    session_value: FloatArray | None = None
    buy_blocked: Mask | None = None
    sell_blocked: Mask | None = None
    actions: CorporateActions | None = None

    @cached_property
    def places(self) -> Mapping[str, int]:
        """Column of each symbol."""
        return {symbol: place for place, symbol in enumerate(self.symbols)}

    @property
    def shape(self) -> tuple[int, int]:
        """``(n_times, n_symbols)``."""
        return len(self.times), len(self.symbols)

    def until(self, stop: int) -> Market:
        """Return the first ``stop`` rows over the same memory: what an engine that stopped there had seen."""
        cut: dict[str, Any] = {}
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, np.ndarray) and field.name not in {"candidate", "lot", "last_row"}:
                cut[field.name] = value[:, :stop] if field.name == "signals" else value[:stop]
        return replace(self, **cut)


def carried_forward(values: FloatArray) -> FloatArray:
    """Return each column with gaps filled by the last finite value before them; NaN before the first."""
    filled = np.where(np.isfinite(values), values, np.nan)
    for row in range(1, len(filled)):
        np.copyto(filled[row], filled[row - 1], where=np.isnan(filled[row]))
    return filled
