"""What a strategy is shown of a market: slices that end at one close, made when they are asked for."""

from __future__ import annotations

import numpy as np

from tidegate.core.errors import InputError
from tidegate.core.panel import Panel, read_only
from tidegate.core.past_view import PastView
from tidegate.core.time import Instant
from tidegate.core.units import FloatArray
from tidegate.engine.market import Market
from tidegate.engine.sweep import past_of
from tidegate.strategy.protocol import Scores
from tidegate.strategy.seam import Past

__all__ = ["Feed", "MarketSight", "panel_of"]


class Feed:
    """A market as one bar after the other.

    Parameters
    ----------
    market
        Row *t* was known at ``times[t]``.
    panel
        What Python functions see of it, on the same rows and symbols; None makes it from the market.

    Raises
    ------
    InputError
        If panel and market differ in rows or symbols.
    """

    def __init__(self, market: Market, panel: Panel | None = None) -> None:
        if panel is not None and not (panel.symbols == market.symbols and np.array_equal(panel.times, market.times)):
            raise InputError(
                found=f"a panel of {panel.shape} and a market of {market.shape}, or other names or instants",
                expected="the same rows and symbols",
                hint="make the market from that panel",
            )
        self.symbols, self.times = market.symbols, market.times
        self._market, self._panel = market, panel
        self._past = past_of(market)
        member = np.zeros((0, 0), dtype=np.bool_) if market.member is None else np.ascontiguousarray(market.member)
        self._scores = Scores(
            read_only(np.ascontiguousarray(market.score)), self._past.traded, read_only(member),
            read_only(market.candidate),
        )  # fmt: skip

    def at(self, row: int) -> MarketSight:
        """Return what is known at the close of a row."""
        return MarketSight(self, row)

    def close(self, row: int, place: int) -> float:
        """Return one close."""
        return self._past.close.item(row, place)

    def past(self, start: int, stop: int) -> Past:
        """Return rows from ``start`` up to but without ``stop``."""
        past = self._past
        signals = past.signals
        if signals.shape[0]:
            signals = read_only(np.ascontiguousarray(signals[:, start:stop]))
        return Past(past.close[start:stop], past.mark[start:stop], past.traded[start:stop], past.benchmark[start:stop],
                    signals)  # fmt: skip

    def scores(self, stop: int) -> Scores:
        """Return the first rows of what ranks the symbols."""
        known = self._scores
        return Scores(known.score[:stop], known.traded[:stop], known.member[:stop], known.candidate)

    def view(self, row: int) -> PastView:
        """Return the past as Python functions read it."""
        if self._panel is None:
            self._panel = panel_of(self._market)
        return PastView(self._panel, Instant(int(self.times[row])))


class MarketSight:
    """What is known at one close of a market (see :class:`tidegate.strategy.protocol.Sight`)."""

    __slots__ = ("_feed", "row")

    def __init__(self, feed: Feed, row: int) -> None:
        self._feed = feed
        self.row = row

    @property
    def at(self) -> Instant:
        """Instant of the close."""
        return Instant(int(self._feed.times[self.row]))

    @property
    def symbols(self) -> tuple[str, ...]:
        """Names in ascending order."""
        return self._feed.symbols

    def close(self, place: int = 0) -> float:
        """Return the newest close of one symbol."""
        return self._feed.close(self.row, place)

    def past(self) -> Past:
        """Return every row up to the close, as compiled strategies read them."""
        return self._feed.past(0, self.row + 1)

    def newest(self) -> Past:
        """Return the row of the close alone."""
        return self._feed.past(self.row, self.row + 1)

    def scores(self) -> Scores:
        """Return what ranks the symbols, every row up to the close."""
        return self._feed.scores(self.row + 1)

    def view(self) -> PastView:
        """Return the past as Python functions read it."""
        return self._feed.view(self.row)


def panel_of(market: Market) -> Panel:
    """Return a market as columns for decision functions in Python.

    ``close`` is NaN where a symbol did not trade, ``mark`` is carried forward; ``score`` and, where the market knows
    them, ``member`` and ``signal_0`` and so on are as they stand there.
    """
    columns: dict[str, FloatArray] = {
        "close": np.where(market.traded, market.close, np.nan),
        "mark": market.mark,
        "score": market.score,
    }
    if market.member is not None:
        columns["member"] = market.member.astype(np.float64)
    if market.signals is not None:
        columns.update({f"signal_{number}": values for number, values in enumerate(market.signals)})
    return Panel(market.times, market.symbols, columns)
