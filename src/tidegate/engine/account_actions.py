"""What dividends and splits do to shares as traded, from the table of actions and from what the adjustment adds.

The adjustment of the bars says what a share earned beside its price: where it moves and no row of the table says why,
the difference is paid in further shares, which is what an account of total return does. So both accounts grow alike,
whatever the table lacks.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np
import polars as pl

from tidegate.core.units import FloatArray, Int64Array
from tidegate.engine.market import CorporateActions

__all__ = ["actions_of"]

_STEADY: Final = 1e-3
"""An adjustment that moved less than this since the last action did not move: sources round it to cents."""

_Action = tuple[int, int, float, float]
"""Row, place, ratio and cash."""


def actions_of(
    times: Int64Array, symbols: Sequence[str], close: FloatArray, raw_close: FloatArray, table: pl.DataFrame | None
) -> CorporateActions:
    """Read what happens to shares held: each action at the first bar on or after its ex-date, in order of rows.

    Parameters
    ----------
    close, raw_close
        ``float64 (n_times, n_symbols)``: adjusted and unadjusted closes, NaN without a bar.
    table
        Rows of ``corporate_actions``: ``symbol``, ``event_time``, ``ratio`` (new shares per old one) and ``amount``
        (currency per old share). None means that there is none.

    Notes
    -----
    A dividend *d* moves the adjustment by ``1 / (1 - d / P)``, *P* the close before (Yahoo Finance, "What is the
    adjusted close?", multipliers after the standard of CRSP). A split counts where the adjustment, or the price itself
    if that does not move, moved by about its ratio; otherwise the prices hold it already.
    """
    told, explained = _told(times, symbols, close, raw_close, table)
    found = sorted([*told, *_unexplained(close, raw_close, explained)], key=lambda one: one[:2])
    rows, places, ratios, cash = zip(*found, strict=True) if found else ((), (), (), ())
    return CorporateActions(
        row=np.array(rows, dtype=np.int64),
        place=np.array(places, dtype=np.int64),
        ratio=np.array(ratios, dtype=np.float64),
        cash=np.array(cash, dtype=np.float64),
    )


def _told(
    times: Int64Array, symbols: Sequence[str], close: FloatArray, raw_close: FloatArray, table: pl.DataFrame | None
) -> tuple[list[_Action], dict[int, list[tuple[int, float]]]]:
    """Return the table's actions, and by row how far they move the adjustment of which symbol."""
    told: list[_Action] = []
    explained: dict[int, list[tuple[int, float]]] = {}
    for place, wanted in _by_place(symbols, table):
        bars = np.flatnonzero(np.isfinite(close[:, place]) & np.isfinite(raw_close[:, place]))
        for index, ratio, cash in _at_bars(times, bars, wanted):
            row, before = int(bars[index]), int(bars[index - 1])
            price = raw_close[[before, row], place]
            moved = _log_step(close[[before, row], place] / price)
            split, by_split = _split(ratio, moved, _log_step(price))
            due = -float(np.log1p(-min(cash / float(price[0]), 0.99)))
            # What is left of the move is the dividend's if it is nearer to it than to nothing.
            by_cash = due if abs(moved - by_split - due) < abs(moved - by_split) else 0.0
            if split != 1.0 or cash != 0.0:
                told.append((row, place, split, cash))
                explained.setdefault(row, []).append((place, by_split + by_cash))
    return told, explained


def _by_place(symbols: Sequence[str], table: pl.DataFrame | None) -> Iterator[tuple[int, pl.DataFrame]]:
    if table is None or table.is_empty():
        return
    rows = table.filter(pl.col("symbol").is_in(list(symbols))).select(
        "symbol", pl.col("event_time").dt.epoch("us"), pl.col("ratio").fill_null(1.0), pl.col("amount").fill_null(0.0)
    )
    places = {symbol: place for place, symbol in enumerate(symbols)}
    for (symbol,), part in rows.sort("symbol", "event_time").group_by("symbol", maintain_order=True):
        yield places[str(symbol)], part


def _at_bars(times: Int64Array, bars: Int64Array, wanted: pl.DataFrame) -> Iterator[tuple[int, float, float]]:
    """Yield place among a symbol's bars, ratio and cash per old share of each bar that something happens before."""
    first = np.searchsorted(bars, np.searchsorted(times, wanted["event_time"].to_numpy(), side="right"))
    ratios, amounts = wanted["ratio"].to_numpy(), wanted["amount"].to_numpy()
    for index in np.unique(first[(first > 0) & (first < len(bars))]).tolist():
        here = first == index
        yield index, float(np.prod(ratios[here])), float(np.sum(amounts[here]))


def _split(ratio: float, moved: float, price_moved: float) -> tuple[float, float]:
    """Return the ratio that applies, 1 where prices hold it already, and how much of the adjustment's move it is."""
    if ratio == 1.0:
        return 1.0, 0.0
    wanted = float(np.log(ratio))
    if abs(moved - wanted) < abs(moved):
        return ratio, wanted
    return (ratio, 0.0) if abs(price_moved + wanted) < abs(price_moved) else (1.0, 0.0)


def _log_step(pair: FloatArray) -> float:
    return float(np.log(pair[1] / pair[0]))


def _unexplained(
    close: FloatArray, raw_close: FloatArray, explained: dict[int, list[tuple[int, float]]]
) -> Iterator[_Action]:
    """Yield further shares where the adjustment has moved, since the last of them, by more than was explained."""
    paid = np.full(close.shape[1], np.nan)
    for row in range(len(close)):
        with np.errstate(invalid="ignore", divide="ignore"):
            level = np.log(close[row] / raw_close[row])
        for place, moved in explained.get(row, ()):
            paid[place] += moved
        started = np.isnan(paid) & np.isfinite(level)
        paid[started] = level[started]
        gap = level - paid
        for place in np.flatnonzero(np.abs(gap) > _STEADY).tolist():
            yield row, place, float(np.exp(gap[place])), 0.0
            paid[place] = level[place]
