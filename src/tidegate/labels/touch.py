"""Whether a price touches a goal within some days: as it looks in hindsight, and as it could have been traded."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np

from tidegate.core.errors import DataError, InputError
from tidegate.core.panel import Panel, read_only
from tidegate.core.spans import Spans
from tidegate.core.units import FloatArray, Int64Array, Mask
from tidegate.data.price_limits import at_limit_down, at_limit_up, raw_price
from tidegate.labels.ends import ends_at, spans_until
from tidegate.labels.relative import among_best, percent_rank

__all__ = ["THREE_TO_FIVE", "TouchLabels", "TouchWindow", "fixed_exit", "hindsight_touch"]

_ROUNDING: Final = 1e-6
"""How far below the goal a return still reaches it. Sources keep prices and factors in ``float32``, a part in ten
million off: of two prices that are exactly 4 % apart, noise would decide. A tick is far more than this."""
_HINDSIGHT: Final = "hindsight_touch"
_TRADE: Final = "fixed_exit"


@dataclass(frozen=True, kw_only=True)
class TouchWindow:
    """Which days count, and how far the price must rise.

    Parameters
    ----------
    first_day, last_day
        Rows after the decision's, both inclusive: the day after the decision is day 1.
    rise
        The goal, a fraction of the price: 0.04 is 4 %.

    Raises
    ------
    InputError
        If they are out of order or the goal is not a fraction above 0.
    """

    first_day: int = 3
    last_day: int = 5
    rise: float = 0.04

    def __post_init__(self) -> None:
        if not 1 <= self.first_day <= self.last_day or not 0.0 < self.rise < 1.0:
            raise InputError(
                found=f"days {self.first_day} to {self.last_day} and a rise of {self.rise}",
                expected="days from 1 in ascending order and a fraction between 0 and 1",
                hint="4 % is 0.04",
            )


THREE_TO_FIVE: Final = TouchWindow()
"""A rise of 4 % within days 3 to 5."""


@dataclass(frozen=True, eq=False, kw_only=True)
class TouchLabels:
    """Returns of a window of days, and whether they reach the goal.

    Parameters
    ----------
    times
        ``int64 (n_times,)``, decision instants.
    symbols
        Names of the second axis.
    kind
        ``hindsight_touch`` or ``fixed_exit``; names begin with it.
    window
        Days and goal.
    returns
        ``float64 (n_times, n_symbols)``, simple returns, fractions; NaN where there is no label.
    exits
        ``int64 (n,)``: the row that ends the label of each of the first *n* rows.
    top_share
        Share of the symbols of an instant that are a relative hit; None where nobody asks for one.
    """

    times: Int64Array
    symbols: tuple[str, ...]
    kind: str
    window: TouchWindow
    returns: FloatArray
    exits: Int64Array
    top_share: float | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "returns", read_only(self.returns))

    @property
    def hit(self) -> FloatArray:
        """1 where the return reaches the goal, 0 where it does not; missing stays missing and is never 0.

        A return within a millionth of the goal reaches it: prices that were rounded to ``float32`` are no closer.

        Examples
        --------
        From 10.00 to 10.40 is 4 %, whatever the last bits say:

        >>> close = np.array([10.0, 10.0, 10.0, 10.0, 10.4, 10.0], dtype=np.float32).astype(np.float64)[:, np.newaxis]
        >>> labels = hindsight_touch(Panel(np.arange(6) + 1, ("A",), {"close": close}))
        >>> bool(labels.returns[0, 0] >= 0.04), labels.hit[0].tolist()
        (False, [1.0])
        """
        return np.where(np.isnan(self.returns), np.nan, self.returns >= self.window.rise - _ROUNDING)

    @property
    def rank(self) -> FloatArray:
        """Place of the return among the symbols labelled at that instant, from 0 to 1.

        On a good day nearly all touch the goal, on a bad one none: the date explains most of ``hit``. The rank compares
        symbols within their day.
        """
        return percent_rank(self.returns)

    @property
    def relative_hit(self) -> FloatArray:
        """1 for the best ``top_share`` of the symbols labelled at that instant, 0 for the others.

        As many on a bad day as on a good one: what is left to forecast is which symbol, and not which day. Of equal
        returns all count or none; a symbol that is labelled alone has no place, and so no label.

        Raises
        ------
        InputError
            If no share was asked for.
        """
        if self.top_share is None:
            raise InputError(
                found=f"{self.kind} labels without a share of the best",
                expected="one, to say who is among the best of a day",
                hint="give top_share",
            )
        return among_best(self.returns, self.top_share)

    @property
    def ends(self) -> Int64Array:
        """``int64 (n_times,)``: when the label of each row is known; ``NEVER`` where the data end before."""
        return ends_at(self.times, self.exits)

    @property
    def reach_bars(self) -> int:
        """Bars from a decision to the latest exit that a label may need; 0 where no window is complete."""
        return int(self.exits[0]) if len(self.exits) else 0

    @property
    def spans(self) -> Spans:
        """One span per row with a complete window: the first ones, so that sample *i* is row *i*."""
        return spans_until(self.times, self.ends)

    @property
    def names(self) -> tuple[str, ...]:
        """Names in a :class:`tidegate.labels.LabelSet`, for example ``fixed_exit_hit_3_to_5``."""
        return tuple(f"{self.kind}_{part}_{self.window.first_day}_to_{self.window.last_day}" for part in self._kinds)

    def values(self, name: str) -> FloatArray:
        """Return a label by its name, ``float64 (n_times, n_symbols)``.

        Raises
        ------
        InputError
            If there is no such label.
        """
        if name not in self.names:
            raise InputError(
                found=f"no label {name!r}", expected=f"one of {', '.join(self.names)}", hint="check the name"
            )
        kind = self._kinds[self.names.index(name)]
        values: FloatArray = self.returns if kind == "return" else getattr(self, kind)
        return values

    def target(self, kind: str) -> FloatArray:
        """Return what a recipe forecasts, ``float64 (n_times, n_symbols)``: 0, 1, or NaN where there is no label.

        Raises
        ------
        InputError
            If these are other labels.
        """
        known = {"hindsight_hit": "hit"} if self.kind == _HINDSIGHT else {"hit": "hit", "relative_hit": "relative_hit"}
        if kind not in known:
            raise InputError(
                found=f"no target {kind!r} among {self.kind} labels",
                expected=f"one of {', '.join(known)}",
                hint="check labels.target of the recipe",
            )
        values: FloatArray = getattr(self, known[kind])
        return values

    def as_document(self) -> dict[str, Any]:
        """Return what the labels are made of, as plain values.

        Examples
        --------
        >>> panel = Panel(np.arange(6) + 1, ("A",), {"close": np.ones((6, 1))})
        >>> hindsight_touch(panel).as_document()["last_day"]
        5
        """
        return {
            "kind": self.kind,
            "names": list(self.names),
            "first_day": self.window.first_day,
            "last_day": self.window.last_day,
            "rise": self.window.rise,
            "top_share": self.top_share,
            "ends_after_bars": self.reach_bars or None,
        }

    def of_members(self, membership: Mask) -> TouchLabels:
        """Return the labels of those that belonged to a universe at the decision; the others have none."""
        return replace(self, returns=np.where(membership, self.returns, np.nan))

    @property
    def _kinds(self) -> tuple[str, ...]:
        return ("return", "hit", "rank", *(() if self.top_share is None else ("relative_hit",)))


def hindsight_touch(panel: Panel, window: TouchWindow = THREE_TO_FIVE) -> TouchLabels:
    """Label with the best close of a window: nobody can trade this, since only hindsight knows which day is best.

    ``returns[t] = max over k = first_day .. last_day of close[t + k] / close[t] - 1``, adjusted. Rows are the panel's
    calendar, the same for every symbol. Every close of the window is needed: with one missing, what is left could only
    say that the goal was reached, never that it was not, and labels would favour the ones that rose.

    Useful to compare with results that were reported on such a label; to trade, use :func:`fixed_exit`.

    Parameters
    ----------
    panel
        Adjusted closes; row *t* holds what was known at ``panel.times[t]``.
    window
        Days and goal.

    Examples
    --------
    >>> close = np.array([[100.0], [150.0], [90.0], [103.0], [104.0], [80.0]])
    >>> labels = hindsight_touch(Panel(np.arange(6) + 1, ("A",), {"close": close}))
    >>> labels.returns[0].round(9).tolist(), labels.hit[0].tolist(), labels.spans.end.tolist()
    ([0.04], [1.0], [6])
    """
    count = max(len(panel.times) - window.last_day, 0)
    close = _usable(panel["close"])
    best = np.full((count, len(panel.symbols)), -np.inf)
    for day in range(window.first_day, window.last_day + 1):
        best = np.maximum(best, close[day : day + count])
    returns = np.full(panel.shape, np.nan)
    returns[:count] = best / close[:count] - 1.0
    return TouchLabels(
        times=panel.times,
        symbols=panel.symbols,
        kind=_HINDSIGHT,
        window=window,
        returns=returns,
        exits=np.arange(count, dtype=np.int64) + window.last_day,
    )


def fixed_exit(
    panel: Panel,
    window: TouchWindow = THREE_TO_FIVE,
    *,
    limits: tuple[FloatArray, FloatArray] | None = None,
    sell_within_bars: int = 5,
    top_share: float | None = None,
) -> TouchLabels:
    """Label with a trade that could have been made: in at the next open, out at the close of the window's last day.

    The entry is the open of the row after the decision. There is no label where the symbol is suspended then, or opens
    at its upper limit, where nobody sells. The exit is the close of ``last_day``. Where the symbol is suspended then,
    or closes at its lower limit, where nobody buys, the exit is the first later open at which it can be sold, at most
    ``sell_within_bars`` rows later; to leave such trades out would leave out the worst losses. Only where there is
    still no such open the label is missing.

    Suspended means no price, or no volume where volumes are known. Every row ends with the latest exit that it may
    need, so that labels of the newest rows do not consist of the easy ones alone.

    Parameters
    ----------
    panel
        Adjusted ``open`` and ``close``; with ``limits`` also ``raw_close``, which carries the adjustment.
    window
        ``last_day`` is the day of the exit and ``rise`` the goal; ``first_day`` plays no part.
    limits
        Upper and lower price limits, ``float64 (n_times, n_symbols)`` each, in raw prices, as
        :func:`tidegate.data.price_limits.limit_prices` returns them; None means a market without limits.
    sell_within_bars
        Rows after the last day within which a delayed sale may still happen.
    top_share
        Share of the symbols of an instant that are a relative hit; None for none.

    Raises
    ------
    InputError, DataError
        If the last day is that of the entry, limits have another shape, or the panel lacks a column.

    Examples
    --------
    >>> price = np.array([[100.0], [101.0], [90.0], [103.0], [104.0], [106.05], [100.0]])
    >>> panel = Panel(np.arange(7) + 1, ("A",), {"open": price, "close": price})
    >>> labels = fixed_exit(panel, sell_within_bars=1)
    >>> labels.returns[0].round(9).tolist(), labels.hit[0].tolist(), labels.spans.end.tolist()
    ([0.05], [1.0], [7])
    """
    _check(panel, window, limits, sell_within_bars)
    wait = window.last_day + sell_within_bars
    count, returns = max(len(panel.times) - wait, 0), np.full(panel.shape, np.nan)
    returns[:count] = _trades(panel, window.last_day, wait, _tradable(panel, limits))
    return TouchLabels(
        times=panel.times,
        symbols=panel.symbols,
        kind=_TRADE,
        window=window,
        returns=returns,
        exits=np.arange(count, dtype=np.int64) + wait,
        top_share=top_share,
    )


def _trades(panel: Panel, last_day: int, wait: int, tradable: tuple[Mask, Mask, Mask]) -> FloatArray:
    """Return the simple return of the trade of each row whose longest wait is over."""
    can_buy, can_sell, can_sell_at_close = tradable
    count = max(len(panel.times) - wait, 0)
    entry = np.where(can_buy, panel["open"], np.nan)[1 : 1 + count]
    last = slice(last_day, last_day + count)
    exit_price = np.where(can_sell_at_close[last], panel["close"][last], np.nan)
    for day in range(last_day + 1, wait + 1):
        later = slice(day, day + count)
        waits = np.isnan(exit_price) & can_sell[later]
        exit_price = np.where(waits, panel["open"][later], exit_price)
    return exit_price / entry - 1.0


def _tradable(panel: Panel, limits: tuple[FloatArray, FloatArray] | None) -> tuple[Mask, Mask, Mask]:
    """Return where the open can be bought, where it can be sold, and where the close can be sold."""
    opens, closes = _usable(panel["open"]), _usable(panel["close"])
    traded = panel["volume"] != 0.0 if "volume" in panel else np.ones(panel.shape, dtype=np.bool_)
    opened, closed = traded & ~np.isnan(opens), traded & ~np.isnan(closes)
    if limits is None:
        return opened, opened, closed
    upper, lower = limits
    raw_close = panel["raw_close"]
    raw_open = raw_price({"open": opens, "close": closes, "raw_close": raw_close}, "open")
    can_buy = opened & ~at_limit_up(raw_open, upper)
    return can_buy, opened & ~at_limit_down(raw_open, lower), closed & ~at_limit_down(raw_close, lower)


def _check(
    panel: Panel, window: TouchWindow, limits: tuple[FloatArray, FloatArray] | None, sell_within_bars: int
) -> None:
    if window.last_day < 2 or sell_within_bars < 0:
        raise InputError(
            found=f"an exit on day {window.last_day}, or up to {sell_within_bars} rows later",
            expected="one on day 2 or later: the entry is on day 1",
            hint="lengthen the window",
        )
    needed = ["open", "close", *(["raw_close"] if limits is not None else [])]
    absent = [name for name in needed if name not in panel]
    if absent:
        raise DataError(
            found=f"a source without {', '.join(absent)}",
            expected=f"{', '.join(needed)}, to trade at prices that there were",
            hint="bring bars with these columns",
        )
    if limits is not None and any(one.shape != panel.shape for one in limits):
        raise InputError(
            found=f"limits of shape {limits[0].shape} and {limits[1].shape}",
            expected=f"{panel.shape}",
            hint="one row per time, one place per symbol",
        )


def _usable(price: FloatArray) -> FloatArray:
    """Return prices; one of zero, as some sources write for a missing one, is missing."""
    return np.where((price > 0.0) & np.isfinite(price), price, np.nan)
