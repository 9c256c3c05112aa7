"""Price limits of A-shares: how far a share may move in a session, by its board and its previous close.

===================  =====================  ========================  ==============================
board                codes                  limit                     sessions without one when new
===================  =====================  ========================  ==============================
main board           60 of Shanghai,        10 %, 5 % under special   5; 1 before 2023-04-10
                     00 of Shenzhen         treatment (ST)
ChiNext              30 of Shenzhen         20 %; as the main board   5; 1 before 2020-08-24
                                            before 2020-08-24
STAR market          68 of Shanghai         20 %                      5
Beijing              4, 8 and 92            30 %                      1
===================  =====================  ========================  ==============================

Shanghai and Shenzhen round the limit half up to the cent; Beijing cuts off what exceeds it. On daily bars from 2023-01
to 2024-06 no price of 5,296 shares lies beyond these limits once the first sessions are over.

Sources: trading rules of the exchanges of Shanghai, Shenzhen and Beijing, as in force in 2024.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Final

import numpy as np

from tidegate.core.errors import DataError
from tidegate.core.time import instant_of
from tidegate.core.units import CENT, FloatArray, Int64Array, Mask

__all__ = [
    "CARRIED_SESSIONS",
    "LIMIT_PERCENT",
    "NEW_SESSIONS",
    "Board",
    "at_limit_down",
    "at_limit_up",
    "board_of",
    "limit_percent",
    "limit_prices",
    "limits_of",
    "previous_close",
    "raw_price",
]

CARRIED_SESSIONS: Final = 60
"""A previous close counts for so many sessions of suspension; after a longer one the limit is unknown."""
NEW_SESSIONS: Final = 5
"""The most sessions without a limit that a new listing has."""

LIMIT_PERCENT: Final = "limit_percent"
"""Column of a panel of A-shares: :func:`limit_percent` with the special treatment that was known."""

_CHINEXT_REFORM: Final = instant_of(datetime.fromisoformat("2020-08-24T00:00:00+08:00"))
_MAIN_BOARD_REFORM: Final = instant_of(datetime.fromisoformat("2023-04-10T00:00:00+08:00"))
_MAIN_PERCENT, _GROWTH_PERCENT, _BEIJING_PERCENT, _SPECIAL_PERCENT = 10.0, 20.0, 30.0, 5.0


class Board(StrEnum):
    """Where an A-share is listed, which decides its limit."""

    MAIN = "main"
    CHINEXT = "chinext"
    STAR = "star"
    BEIJING = "beijing"


# Without a market a code counts as that of a share: 000001 is the bank, and 000001.SH the index.
_BOARDS: Final = (
    (Board.MAIN, re.compile(r"60\d{4}(\.SH)?|00\d{4}(\.SZ)?")),
    (Board.CHINEXT, re.compile(r"30\d{4}(\.SZ)?")),
    (Board.STAR, re.compile(r"68\d{4}(\.SH)?")),
    (Board.BEIJING, re.compile(r"([48]\d|92)\d{4}(\.BJ)?")),
)


def board_of(symbol: str) -> Board | None:
    """Return the board of a symbol; None where it is no A-share: an index, a fund, a share in dollars.

    Examples
    --------
    >>> [str(board_of(symbol)) for symbol in ("600519.SH", "300750.SZ", "688981.SH", "920002.BJ", "000001.SH")]
    ['main', 'chinext', 'star', 'beijing', 'None']
    """
    return next((board for board, codes in _BOARDS if codes.fullmatch(symbol.upper())), None)


def limit_percent(symbols: Sequence[str], times: Int64Array, special: Mask | None = None) -> FloatArray:
    """Return how far a price may move, in percent of the previous close.

    Parameters
    ----------
    symbols
        Names of the second axis.
    times
        ``int64 (n_times,)`` closes of the sessions.
    special
        ``bool (n_times, n_symbols)``: who was known to be under special treatment, from
        :meth:`~tidegate.data.lives.SymbolLives.is_special`. Without it nobody is.

    Returns
    -------
    percent
        ``float64 (n_times, n_symbols)``, NaN where the symbol has no board that is known.

    Examples
    --------
    >>> limit_percent(("300750.SZ", "600519.SH"), np.array([0, 2**60])).tolist()
    [[10.0, 10.0], [20.0, 10.0]]
    """
    percent = np.full((len(times), len(symbols)), np.nan)
    for place, board in enumerate(map(board_of, symbols)):
        if board is Board.CHINEXT:
            percent[:, place] = np.where(times < _CHINEXT_REFORM, _MAIN_PERCENT, _GROWTH_PERCENT)
        elif board is not None:
            percent[:, place] = _FIXED[board]
    if special is None:
        return percent
    # Only the main board's ten percent are halved; on the others a treated share moves as far as any.
    return np.where(special & (percent == _MAIN_PERCENT), _SPECIAL_PERCENT, percent)


_FIXED: Final = {Board.MAIN: _MAIN_PERCENT, Board.STAR: _GROWTH_PERCENT, Board.BEIJING: _BEIJING_PERCENT}


def previous_close(close: FloatArray, raw_close: FloatArray) -> FloatArray:
    """Return the previous close as the exchange counts it on each day: adjusted for what left the price overnight.

    Parameters
    ----------
    close, raw_close
        ``float64 (n_times, n_symbols)``: adjusted and unadjusted closes, one row per session.

    Returns
    -------
    previous
        ``float64 (n_times, n_symbols)``, unadjusted currency: ``raw_close[t] * close[s] / close[t]`` rounded to the
        cent, *s* the last session before *t* on which the share traded. NaN without a bar at *t*, and where *s* lies
        more than :data:`CARRIED_SESSIONS` back. The ratio of the two closes at *t* is the adjustment, which is known
        before the open. Sources round it, so that on one ex-date in seven this is off by a cent or a few.

    Examples
    --------
    >>> closes = np.array([[10.0], [np.nan], [11.0]]), np.array([[10.0], [np.nan], [5.5]])
    >>> previous_close(*closes).ravel().tolist()
    [nan, nan, 5.0]
    """
    last, age = _last_traded(~np.isnan(close))
    known = (last >= 0) & (age <= CARRIED_SESSIONS)
    before = np.where(known, np.take_along_axis(close, np.maximum(last, 0), axis=0), np.nan)
    cents: FloatArray = np.rint(before / close * raw_close * 100.0)
    return cents / 100.0


def limit_prices(
    columns: Mapping[str, FloatArray], symbols: Sequence[str], times: Int64Array
) -> tuple[FloatArray, FloatArray]:
    """Return the highest and the lowest price of each session.

    Parameters
    ----------
    columns
        ``close`` (adjusted) and ``raw_close`` of a daily panel, ``float64 (n_times, n_symbols)``; where it has
        :data:`LIMIT_PERCENT`, too, that says who is under special treatment.
    symbols, times
        As in :func:`limit_percent`.

    Returns
    -------
    limit_up, limit_down
        ``float64 (n_times, n_symbols)``, unadjusted currency; see :func:`limits_of`.

    Raises
    ------
    DataError
        If a column is missing.

    Examples
    --------
    >>> close = np.full((7, 1), 10.05)
    >>> up, down = limit_prices({"close": close, "raw_close": close}, ("600519.SH",), np.arange(7) + 2**60)
    >>> up.ravel().tolist(), down[-1].tolist()
    ([nan, nan, nan, nan, nan, 11.06, 11.06], [9.05])
    """
    absent = [name for name in ("close", "raw_close") if name not in columns]
    if absent:
        raise DataError(
            found=f"no column {', '.join(absent)}",
            expected="adjusted and unadjusted closes, which price limits are made of",
            hint="ingest bars with their adjustment",
        )
    percent = columns[LIMIT_PERCENT] if LIMIT_PERCENT in columns else limit_percent(symbols, times)
    return limits_of(columns["close"], columns["raw_close"], percent, times)


def limits_of(
    close: FloatArray, raw_close: FloatArray, percent: FloatArray, times: Int64Array
) -> tuple[FloatArray, FloatArray]:
    """Return the highest and the lowest price of each session, by how far a price may move.

    Parameters
    ----------
    close, raw_close, percent
        ``float64 (n_times, n_symbols)``: adjusted and unadjusted closes, and :func:`limit_percent`.
    times
        ``int64 (n_times,)`` closes of the sessions.

    Returns
    -------
    limit_up, limit_down
        ``float64 (n_times, n_symbols)``, unadjusted currency. Row *t* holds for session *t* and is known before its
        open. NaN means unknown: no bar, no board, no previous close, or a share so new that it may have no limit. Who
        has fewer bars in the :data:`CARRIED_SESSIONS` sessions before than its board leaves free counts as new, and so
        does everyone at the start of the data. A value depends on no row before these sessions.
    """
    cents = np.rint(previous_close(close, raw_close) * 100.0)
    cents[_bars_before(~np.isnan(close)) < _sessions_without(percent, times)] = np.nan
    # Hundredths of cents are whole numbers, so that half a cent is exactly half of one.
    highest, lowest = cents * (100.0 + percent), cents * (100.0 - percent)
    cut = percent == _BEIJING_PERCENT
    up = np.where(cut, np.floor(highest / 100.0), np.floor((highest + 50.0) / 100.0))
    down = np.where(cut, np.ceil(lowest / 100.0), np.floor((lowest + 50.0) / 100.0))
    return up / 100.0, down / 100.0


def raw_price(columns: Mapping[str, FloatArray], name: str) -> FloatArray:
    """Return a price of the session as it was traded: ``open``, ``high`` or ``low`` times ``raw_close / close``."""
    return columns[name] * columns["raw_close"] / columns["close"]


def at_limit_up(price: FloatArray, limit: FloatArray) -> Mask:
    """Return whether an unadjusted price is at the upper limit, within half a cent; False where either is unknown.

    Examples
    --------
    >>> at_limit_up(np.array([11.0, 10.99, 11.0]), np.array([11.0, 11.0, np.nan])).tolist()
    [True, False, False]
    """
    reached: Mask = price > limit - CENT / 2.0
    return reached


def at_limit_down(price: FloatArray, limit: FloatArray) -> Mask:
    """Return whether an unadjusted price is at the lower limit; otherwise as :func:`at_limit_up`."""
    reached: Mask = price < limit + CENT / 2.0
    return reached


def _sessions_without(percent: FloatArray, times: Int64Array) -> Int64Array:
    """Return how many sessions a new listing has no limit in, ``int64 (n_times, n_symbols)``."""
    main = np.where(times < _MAIN_BOARD_REFORM, 1, NEW_SESSIONS)[:, np.newaxis]
    return np.where(percent == _BEIJING_PERCENT, 1, np.where(percent == _GROWTH_PERCENT, NEW_SESSIONS, main))


def _last_traded(traded: Mask) -> tuple[Int64Array, Int64Array]:
    """Return the last row before each that has a bar, -1 where there is none, and how far back it lies."""
    rows = np.arange(len(traded), dtype=np.int64)[:, np.newaxis]
    last = np.full(traded.shape, -1, dtype=np.int64)
    np.maximum.accumulate(np.where(traded, rows, -1)[:-1], axis=0, out=last[1:])
    return last, rows - last


def _bars_before(traded: Mask) -> Int64Array:
    """Return how many of the :data:`CARRIED_SESSIONS` rows before each have a bar."""
    total = np.cumsum(traded, axis=0, dtype=np.int64)  # whole numbers: no start changes a difference of them
    counts = np.zeros(traded.shape, dtype=np.int64)
    counts[1:] = total[:-1]
    counts[CARRIED_SESSIONS + 1 :] -= total[: -CARRIED_SESSIONS - 1]
    return counts
