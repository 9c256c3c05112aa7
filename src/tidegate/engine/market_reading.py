"""Reading a panel as a market: marks, fill prices, limits and what impact is made of, each row from its past alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import polars as pl

from tidegate.core.errors import DataError
from tidegate.core.panel import Panel
from tidegate.core.recipe import BacktestSettings, FillPrice
from tidegate.core.time import DAILY, DAY, BarInterval
from tidegate.core.units import FloatArray, Int64Array, Mask
from tidegate.data.lives import SymbolLives
from tidegate.data.price_limits import at_limit_down, at_limit_up, board_of, limit_percent, limits_of
from tidegate.data.universe import EQUAL_WEIGHT
from tidegate.engine.account_actions import actions_of
from tidegate.engine.market import CorporateActions, Market, carried_forward
from tidegate.features import windows

__all__ = ["MarketSources", "Roles", "filled_at_previous_close", "interest_of", "last_rows", "market_of"]

_IMPACT_WINDOW: Final = 20
_DAYS_PER_INTEREST_YEAR: Final = 365.0
_FAR_OFF: Final = 4.0
"""Traded value over volume further than this factor from the close is in other units than the price."""


@dataclass(frozen=True, eq=False, kw_only=True)
class MarketSources:
    """What stands beside the bars; what is None is not known, and then nothing is made of it.

    Parameters
    ----------
    score
        ``float64 (n_times, n_traded)``, on the traded symbols in their order.
    member
        ``bool (n_times, n_traded)``: who belonged to the universe.
    cash_rate
        ``float64 (n_times,)``: annual rate known at each row, simple, actual/365; NaN earns nothing.
    lives
        Who was delisted when, and who was under special treatment.
    actions
        Rows of the table ``corporate_actions``.
    """

    score: FloatArray | None = None
    member: Mask | None = None
    cash_rate: FloatArray | None = None
    lives: SymbolLives | None = None
    actions: pl.DataFrame | None = None


@dataclass(frozen=True, kw_only=True)
class Roles:
    """Which symbols of a panel may be chosen by score, and which are bought by name.

    Parameters
    ----------
    traded
        May be chosen, ascending; None means every symbol of the panel. Benchmark and defensive assets never are.
    benchmark
        A symbol; None or ``equal-weight`` means that there is none.
    defensives
        In any order.
    """

    traded: tuple[str, ...] | None = None
    benchmark: str | None = None
    defensives: tuple[str, ...] = ()


def market_of(
    panel: Panel,
    settings: BacktestSettings,
    roles: Roles | None = None,
    sources: MarketSources | None = None,
    *,
    interval: BarInterval = DAILY,
    impact: bool = True,
) -> Market:
    """Read a panel's bars as a market of the traded symbols, the benchmark and the defensive assets.

    Row *t* depends on rows up to *t* alone, so that the market of the first rows is :meth:`Market.until` of the whole.

    Parameters
    ----------
    panel
        Bars of all these symbols, and perhaps of others, which are left out.
    settings
        Price of the fills, accounting, limits and lots.
    impact
        Whether what impact is made of is needed.

    Raises
    ------
    DataError
        If benchmark or defensive assets are not in the panel, the price that orders fill at cannot be made of its
        columns, price limits are asked for and no symbol has any, or traded values are not in the units of prices.
    """
    roles, sources = roles or Roles(), sources or MarketSources()
    chosen = panel.symbols if roles.traded is None else roles.traded
    measure = None if roles.benchmark == EQUAL_WEIGHT else roles.benchmark
    apart = {*roles.defensives, *([] if measure is None else [measure])}
    bars = _Bars(panel, tuple(sorted({*chosen, *apart})))
    own = _places(bars.symbols, chosen)
    last_row = last_rows(bars.times, bars.symbols, sources.lives, interval)
    bars.end_at(last_row)
    value = _session_value(bars, settings, impact)
    measures_impact = impact and value is not None
    buy_blocked, sell_blocked = _limits(bars, settings, sources.lives)
    return Market(
        times=bars.times,
        symbols=bars.symbols,
        close=bars.close,
        mark=bars.close if settings.accounting == "total_return" else carried_forward(bars["raw_close"]),
        traded=bars.traded,
        fill=bars.fill(settings),
        score=_spread(sources.score, own, bars.shape, np.nan),
        candidate=_candidates(bars.symbols, set(chosen) - apart),
        lot=np.full(len(bars.symbols), settings.lot_shares),
        interest=interest_of(bars.times, sources.cash_rate),
        last_row=last_row,
        **_benchmark(bars, measure),
        member=None if sources.member is None else _spread(sources.member, own, bars.shape, fill=False),
        volatility=_volatility(bars["close"]) if measures_impact else None,
        daily_value=_daily_value(value) if measures_impact and value is not None else None,
        session_value=value,
        buy_blocked=buy_blocked,
        sell_blocked=sell_blocked,
        actions=_actions(bars, settings, sources.actions),
    )


def _benchmark(bars: _Bars, symbol: str | None) -> dict[str, Any]:
    """Return where the benchmark stands and its closes; nothing where it is no symbol."""
    if symbol is None:
        return {}
    place = bars.symbols.index(symbol)
    return {"benchmark_place": place, "benchmark": np.ascontiguousarray(bars.close[:, place])}


def _candidates(symbols: tuple[str, ...], eligible: set[str]) -> Mask:
    return np.array([symbol in eligible for symbol in symbols], dtype=np.bool_)


def filled_at_previous_close(market: Market) -> FloatArray:
    """Return fill prices of a defect: each row's orders fill at the close before, which made their scores.

    Shares are split before they fill, and so is that price.
    """
    fill = np.full(market.mark.shape, np.nan)
    fill[1:] = market.mark[:-1]
    if market.actions is not None:
        np.divide.at(fill, (market.actions.row, market.actions.place), market.actions.ratio)
    return fill


def interest_of(times: Int64Array, cash_rate: FloatArray | None) -> FloatArray:
    """Return what a unit of cash held since the row before earns: the rate known then, actual/365; 0 where unknown.

    Days are those of the calendar: a close that summer time or a short session moves makes none of them longer.

    Examples
    --------
    >>> interest_of(np.array([0, DAY, 4 * DAY]), np.array([0.0365, np.nan, 0.0365])).round(9).tolist()
    [0.0, 0.0001, 0.0]
    """
    interest = np.zeros(len(times))
    if cash_rate is not None:
        years = np.diff((times - 1) // DAY) / _DAYS_PER_INTEREST_YEAR
        earned = cash_rate[:-1] * years
        interest[1:] = np.where(np.isfinite(earned), earned, 0.0)
    return interest


def last_rows(
    times: Int64Array, symbols: Sequence[str], lives: SymbolLives | None, interval: BarInterval
) -> Int64Array:
    """Return the row of each symbol's last session, ``int64 (n_symbols,)``; -1 where it has none that is known here.

    Only a delisting ends a symbol, never the end of its bars. One that lies a whole bar or more behind the last row is
    not there yet: then no row is the last session.

    Examples
    --------
    >>> rows = {"change": "delisted", "event_time": [3 * DAY, 9 * DAY], "known_time": 0, "detail": [None, None]}
    >>> lives = SymbolLives(pl.DataFrame({"symbol": ["A", "B"], **rows}, schema_overrides={"detail": pl.String}))
    >>> last_rows(np.arange(5) * DAY, ("A", "B", "C"), lives, BarInterval("1d")).tolist()
    [3, -1, -1]
    """
    last = np.full(len(symbols), -1, dtype=np.int64)
    if lives is None:
        return last
    ended = lives.lives().drop_nulls("delisted").select("symbol", pl.col("delisted").dt.epoch("us"))
    places = {symbol: place for place, symbol in enumerate(symbols)}
    for symbol, delisted in ended.iter_rows():
        if symbol in places and delisted < times[-1] + interval.microseconds:
            last[places[symbol]] = np.searchsorted(times, delisted, side="right") - 1
    return last


class _Bars:
    """The columns of some symbols, time-major, and what several readings of them share."""

    def __init__(self, panel: Panel, symbols: tuple[str, ...]) -> None:
        absent = sorted(set(symbols) - set(panel.symbols))
        if absent:
            raise DataError(
                found=f"no bars of {', '.join(absent)}",
                expected="benchmark and defensive assets among the bars",
                hint="name the data set that holds them under universe.references",
            )
        self._panel, self.symbols, self.times = panel, symbols, panel.times
        self._places = None if symbols == panel.symbols else _places(panel.symbols, symbols)
        self._taken: dict[str, FloatArray] = {}
        self.close = carried_forward(self["close"])
        self.traded: Mask = np.isfinite(self["close"])
        if "volume" in panel:
            self.traded &= self["volume"] > 0.0

    def __getitem__(self, name: str) -> FloatArray:
        """Return a column of these symbols in C order, without a copy where the panel has it so."""
        if name not in self._taken:
            column = self._panel[name]
            taken = column if self._places is None else np.take(column, self._places, axis=1)
            self._taken[name] = np.ascontiguousarray(taken)
        return self._taken[name]

    @property
    def shape(self) -> tuple[int, int]:
        return len(self.times), len(self.symbols)

    def end_at(self, last_row: Int64Array) -> None:
        """Let nobody trade after the end of his life: later bars under the same symbol are another's."""
        ended = np.flatnonzero(last_row >= 0)
        self.traded[:, ended] &= np.arange(len(self.times))[:, None] <= last_row[ended]

    def traded_value(self) -> FloatArray | None:
        """Return the currency traded in each bar; None where the source has no volume."""
        if "volume" not in self._panel:
            return None
        return self["traded_value"] if "traded_value" in self._panel else self["volume"] * self["raw_close"]

    def price(self, fill: FillPrice) -> FloatArray:
        """Return the adjusted price that orders fill at, where there is a bar."""
        if fill is not FillPrice.NEXT_VWAP:
            return self[fill.column]
        lacking = [name for name in ("volume", "high", "low") if name not in self._panel]
        if lacking:
            raise DataError(
                found=f"bars without {' and '.join(lacking)}",
                expected="what an average price is made of",
                hint="set backtest.fill: next_open or next_close",
            )
        if "traded_value" not in self._panel:
            return (self["high"] + self["low"] + self["close"]) / 3.0
        with np.errstate(invalid="ignore", divide="ignore"):
            average = self["traded_value"] / self["volume"]
            _require_units(average, self["raw_close"])
            # Sources round the traded value; nobody traded outside of the bar.
            return np.clip(average * (self["close"] / self["raw_close"]), self["low"], self["high"])

    def fill(self, settings: BacktestSettings) -> FloatArray:
        """Return the price at which orders fill, in the currency of the account; NaN where they cannot."""
        price = self.price(settings.fill)
        if settings.accounting == "raw":
            price = self.as_traded(settings.fill, price)
        return np.where(self.traded & (price > 0.0), price, np.nan)

    def range_of(self, fill: FillPrice) -> tuple[FloatArray, FloatArray]:
        """Return the lowest and the highest price, as traded, that an order may meet at this fill."""
        if fill is FillPrice.NEXT_VWAP:
            return self.as_traded(fill, self["low"]), self.as_traded(fill, self["high"])
        price = self.as_traded(fill, self.price(fill))
        return price, price

    def as_traded(self, fill: FillPrice, price: FloatArray) -> FloatArray:
        """Return a price without its adjustment."""
        if fill is FillPrice.NEXT_CLOSE:
            return self["raw_close"]
        with np.errstate(invalid="ignore", divide="ignore"):
            return price * self["raw_close"] / self["close"]


def _places(symbols: Sequence[str], wanted: Sequence[str]) -> Int64Array:
    """Return where the wanted symbols stand, ``int64 (n_wanted,)``."""
    places = {symbol: place for place, symbol in enumerate(symbols)}
    return np.array([places[symbol] for symbol in wanted], dtype=np.int64)


def _session_value(bars: _Bars, settings: BacktestSettings, impact: bool) -> FloatArray | None:
    """Return the currency traded in each bar where something is made of it."""
    value = bars.traded_value() if impact or settings.participation > 0.0 else None
    if value is None and settings.participation > 0.0:
        raise DataError(
            found="bars without volume",
            expected="volume, of which backtest.participation is a part",
            hint="ingest bars with volume, or leave backtest.participation out",
        )
    return value


def _require_units(average: FloatArray, raw_close: FloatArray) -> None:
    """Refuse traded values in thousands, or volumes in lots: fills far from any price would look like luck."""
    ratio = average / raw_close
    known = np.isfinite(ratio) & (ratio > 0.0)
    middle = float(np.median(ratio[known])) if known.any() else 1.0
    if not 1.0 / _FAR_OFF < middle < _FAR_OFF:
        raise DataError(
            found=f"traded value over volume {middle:.3g} times the close",
            expected="currency and shares, whose ratio is a price",
            hint="ingest the bars with the preset of their source, which knows its units, or fill at next_open",
        )


def _limits(
    bars: _Bars, settings: BacktestSettings, lives: SymbolLives | None
) -> tuple[Mask, Mask] | tuple[None, None]:
    """Return where the fill price is at the upper and at the lower limit of its session.

    An average is there only if every trade was.
    """
    if not settings.price_limits:
        return None, None
    if not any(board_of(symbol) is not None for symbol in bars.symbols):
        raise DataError(
            found=f"no A-share among {', '.join(bars.symbols[:5])}",
            expected="symbols of Shanghai, Shenzhen or Beijing, whose limits are known",
            hint="leave backtest.price_limits out",
        )
    special = None if lives is None else lives.is_special(bars.times, bars.symbols)
    percent = limit_percent(bars.symbols, bars.times, special)
    up, down = limits_of(bars["close"], bars["raw_close"], percent, bars.times)
    lowest, highest = bars.range_of(settings.fill)
    return at_limit_up(lowest, up), at_limit_down(highest, down)


def _actions(bars: _Bars, settings: BacktestSettings, table: pl.DataFrame | None) -> CorporateActions | None:
    if settings.accounting == "total_return":
        return None
    return actions_of(bars.times, bars.symbols, bars["close"], bars["raw_close"], table)


def _spread(values: FloatArray | Mask | None, own: Int64Array, shape: tuple[int, int], fill: float) -> np.ndarray:
    """Return values of the traded symbols on all symbols, ``fill`` elsewhere."""
    if values is not None and values.shape == shape:
        return np.ascontiguousarray(values)
    laid = np.full(shape, fill)
    if values is not None:
        laid[:, own] = values
    return laid


def _worst_if_unknown(values: FloatArray, worst: np.ufunc) -> FloatArray:
    """Carry values forward; a name with too little history gets the worst of all, since trading it is not free."""
    known = carried_forward(values)
    return np.where(np.isfinite(known), known, worst.reduce(known, axis=1)[:, None])


def _volatility(close: FloatArray) -> FloatArray:
    returns = np.full_like(close, np.nan)
    returns[1:] = close[1:] / close[:-1] - 1.0
    return _worst_if_unknown(windows.rolling_std(returns, _IMPACT_WINDOW), np.fmax)


def _daily_value(value: FloatArray) -> FloatArray:
    return _worst_if_unknown(windows.rolling_mean(value, _IMPACT_WINDOW), np.fmin)
