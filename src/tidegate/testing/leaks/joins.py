"""Leaks of joins: a slower source is attached at a time at which nobody had it."""

from __future__ import annotations

from typing import Final

import numpy as np
import polars as pl

from tidegate.audit import FindingKind
from tidegate.core.history import History
from tidegate.core.pipeline import BarClaim, Claim
from tidegate.core.time import DAILY, DAY, HOUR, MINUTE
from tidegate.core.units import FloatArray, Int64Array
from tidegate.features.sources import Newest
from tidegate.testing.leaks.leak import HONEST, ClaimingFormulas, Compute, Formulas, Leak, log_close, momentum
from tidegate.testing.leaks.markets import daily_market, exchange_market, hourly_market, misdated_market
from tidegate.testing.leaks.neighbours import feature_leak

__all__ = ["JOINS"]

_YEAR: Final = 365 * DAY
_YOUNG: Final = 60 * DAY


def _joined(history: History, table: str, column: str, rows: pl.DataFrame, maximum_age: int = _YEAR) -> FloatArray:
    """Join a column as of each row by the house's own join; what leaks here is the rows that it is given."""
    newest = Newest(name=table, table=table, columns=((column, column),), maximum_age=maximum_age)
    observe = newest.open({table: rows}, history.bars.symbols)
    return np.array(observe(history.bars.times)[column])


def _macro(history: History) -> pl.DataFrame:
    return history.tables["macro"].filter(pl.col("series") == "output")


def _macro_as_restated(history: History) -> FloatArray:
    newest = pl.col("value").sort_by("known_time").last().over("event_time")
    first = pl.col("known_time").min().over("event_time")
    return _joined(history, "macro", "value", _macro(history).with_columns(value=newest, known_time=first).unique())


def _macro_at_event_time(history: History) -> FloatArray:
    rows = _macro(history).sort("known_time").unique("event_time", keep="first", maintain_order=True)
    return _joined(history, "macro", "value", rows.with_columns(known_time=pl.col("event_time")))


def _macro_as_known(history: History) -> FloatArray:
    return _joined(history, "macro", "value", _macro(history))


def _macro_while_young(history: History) -> FloatArray:
    return _joined(history, "macro", "value", _macro(history), _YOUNG)


def _aged(compute: Compute) -> Formulas:
    return Formulas(formulas={HONEST: momentum, "output": compute}, maximum_ages={"output": _YOUNG})


def _nearest_macro(history: History) -> FloatArray:
    """Merge by the nearest release, before or after."""
    rows = _macro(history).sort("known_time").unique("event_time", keep="first", maintain_order=True)
    released = rows["known_time"].to_physical().to_numpy()
    if not len(released):
        return np.full(history.bars.shape, np.nan)
    times = history.bars.times
    after = np.clip(np.searchsorted(released, times), 0, len(released) - 1)
    before = np.maximum(after - 1, 0)
    nearer = np.abs(released[after] - times) < np.abs(times - released[before])
    values = rows["value"].to_numpy()[np.where(nearer, after, before)]
    return np.broadcast_to(values[:, None], history.bars.shape).copy()


def _engagement_when_crawled(history: History) -> FloatArray:
    posts = history.tables["posts"].with_columns(pl.col("engagement").fill_null(0.0))
    return _joined(history, "posts", "engagement", posts, 60 * DAY)


def _engagement_when_read(history: History) -> FloatArray:
    read = history.tables["posts"].filter(pl.col("observed_time").is_not_null())
    rows = read.with_columns(known_time=pl.max_horizontal("known_time", "observed_time"))
    return _joined(history, "posts", "engagement", rows, 60 * DAY)


def _posts_of_the_day(history: History) -> FloatArray:
    """Count posts in buckets of a day that are stamped at their start."""
    return _counted(history, history.bars.times - history.bars.times % DAY, DAY)


def _posts_of_the_last_day(history: History) -> FloatArray:
    return _counted(history, history.bars.times - DAY, DAY)


def _counted(history: History, starts: Int64Array, length: int) -> FloatArray:
    posts = history.tables["posts"]
    counts = []
    for symbol in history.bars.symbols:
        known = np.sort(posts.filter(pl.col("symbol") == symbol)["known_time"].to_physical().to_numpy())
        last = np.searchsorted(known, starts + length, side="right")
        counts.append(last - np.searchsorted(known, starts, side="right"))
    return np.stack(counts, axis=1).astype(np.float64)


def _back_adjusted(history: History) -> FloatArray:
    """Return closes multiplied by the factors of all later dividends, which is what ``adj_close`` holds."""
    return np.exp(log_close(history)) * _factors(history)[-1:] / _factors(history)


def _forward_adjusted(history: History) -> FloatArray:
    return np.exp(log_close(history)) / _factors(history)


def _factors(history: History) -> FloatArray:
    """Return the product of the factors up to each row."""
    actions = history.tables["corporate_actions"]
    factors = np.ones(history.bars.shape)
    for place, symbol in enumerate(history.bars.symbols):
        rows = actions.filter(pl.col("symbol") == symbol).sort("known_time")
        products = np.cumprod(np.append(1.0, rows["ratio"].to_numpy()))
        days = rows["known_time"].to_physical().to_numpy()
        factors[:, place] = products[np.searchsorted(days, history.bars.times, side="right")]
    return factors


def _value_by_shares_of_today(history: History) -> FloatArray:
    newest = pl.col("value").sort_by("known_time").last().over("symbol")
    shares = _joined(history, "metrics", "value", history.tables["metrics"].with_columns(newest), 5 * _YEAR)
    return log_close(history) + np.log(np.where(shares > 0.0, shares, np.nan))


def _value_by_shares_of_the_day(history: History) -> FloatArray:
    shares = _joined(history, "metrics", "value", history.tables["metrics"], 5 * _YEAR)
    return log_close(history) + np.log(np.where(shares > 0.0, shares, np.nan))


def _candle_at_its_open(history: History) -> FloatArray:
    opened = pl.col("event_time") - pl.duration(hours=1)
    rows = history.tables["bars"].with_columns(event_time=opened, known_time=opened)
    return log_close(history) - np.log(_joined(history, "bars", "close", rows, DAY))


def _candle_at_its_close(history: History) -> FloatArray:
    return log_close(history) - np.log(_joined(history, "bars", "close", history.tables["bars"], DAY))


def _of_sessions() -> ClaimingFormulas:
    return ClaimingFormulas(formulas={HONEST: momentum}, claimed=_session_bars)


def _session_bars(_: History) -> tuple[Claim, ...]:
    return (BarClaim(name="session bars", calendar="XNYS", interval=DAILY),)


def _hour_by_its_left_label(history: History) -> FloatArray:
    """Return the close of the hour that a row lies in: resampled with the label at the left, joined on the label."""
    return _last_of(history, (history.bars.times - 15 * MINUTE) // HOUR)


def _hour_that_is_closed(history: History) -> FloatArray:
    price = log_close(history)
    ends = np.where(history.bars.times[:, None] % HOUR == 0, np.arange(len(price))[:, None], -1)
    newest = np.maximum.accumulate(ends, axis=0)
    return np.where(newest >= 0, np.take_along_axis(price, np.maximum(newest, 0), axis=0), np.nan) - price


def _last_of(history: History, group: Int64Array) -> FloatArray:
    """Return the last close of the rows that share a group, as a distance from each row's own."""
    price = log_close(history)
    last = np.searchsorted(group, group, side="right") - 1
    return price[last] - price


def _day_so_far_unfinished(history: History) -> FloatArray:
    """Spread the whole day's high over the day, as a longer bar that is merged before it closed."""
    high = np.ascontiguousarray(history.bars["high"])
    day = (history.bars.times - 15 * MINUTE) // DAY
    starts = np.flatnonzero(np.append(True, day[1:] != day[:-1]))
    highest = np.maximum.reduceat(np.where(np.isnan(high), -np.inf, high), starts, axis=0)
    return np.repeat(highest, np.diff(np.append(starts, len(day))), axis=0) / np.exp(log_close(history))


def _day_so_far(history: History) -> FloatArray:
    high = np.ascontiguousarray(history.bars["high"])
    day = (history.bars.times - 15 * MINUTE) // DAY
    highest = np.where(np.isnan(high), -np.inf, high)
    for start in np.flatnonzero(np.append(True, day[1:] != day[:-1])):
        rows = slice(start, int(np.searchsorted(day, day[start], side="right")))
        highest[rows] = np.maximum.accumulate(highest[rows], axis=0)
    return highest / np.exp(log_close(history))


JOINS: Final = (
    feature_leak(
        "restated macro value",
        "a statistic stands in every row as it was restated later",
        "feast #6615, #2980",
        _macro_as_restated,
        _macro_as_known,
        key="output",
    ),
    feature_leak(
        "joined on event time",
        "a statistic stands from the end of its month on, and was released twelve days later",
        "feast #6615, crypto D-10",
        _macro_at_event_time,
        _macro_as_known,
        key="output",
    ),
    feature_leak(
        "nearest merge",
        "the nearest release is merged, be it before or after",
        "crypto D-34",
        _nearest_macro,
        _macro_as_known,
        key="output",
    ),
    Leak(
        name="merge without tolerance",
        about="the last known statistic stands for ever, however long its source has been silent",
        source="crypto D-16, D-59",
        keys=("output",),
        expected=frozenset({FindingKind.STALE}),
        planted=lambda _: _aged(_macro_as_known),
        clean=lambda _: _aged(_macro_while_young),
        history=daily_market,
    ),
    feature_leak(
        "crawl-time counts",
        "likes and comments as of the crawl are attached to posts of long before",
        "TradingAgents #805, crypto D-11",
        _engagement_when_crawled,
        _engagement_when_read,
        key="engagement",
    ),
    feature_leak(
        "bucket stamped at its start",
        "posts are counted by day and the day's count stands in all of its rows",
        "crypto D-48",
        _posts_of_the_day,
        _posts_of_the_last_day,
        key="posts",
    ),
    feature_leak(
        "adj_close as a level",
        "a close is adjusted back by dividends that were paid later",
        "CrossSection #95, equity H 18",
        _back_adjusted,
        _forward_adjusted,
        key="adjusted_close",
    ),
    feature_leak(
        "shares of today",
        "market value in every row by the shares outstanding at the end",
        "equity H 18",
        _value_by_shares_of_today,
        _value_by_shares_of_the_day,
        key="log_market_value",
    ),
    feature_leak(
        "candle joined at its open",
        "a candle of an hour carries the instant of its open and is joined on it",
        "freqtrade #12507, crypto D-09",
        _candle_at_its_open,
        _candle_at_its_close,
        key="distance_from_candle",
        history=hourly_market,
    ),
    Leak(
        name="every bar stamped at open",
        about="all bars of a vendor carry the instant at which they began, so each row holds its whole session",
        source="nautilus_trader #4577, #1537, #995, crypto D-09",
        keys=("session bars",),
        expected=frozenset({FindingKind.KNOWN_TIME}),
        planted=lambda _: _of_sessions(),
        clean=lambda _: _of_sessions(),
        history=exchange_market,
        planted_history=misdated_market,
    ),
    feature_leak(
        "resampled with the closing label",
        "hourly bars labelled at the left are merged into quarters of an hour",
        "freqtrade #1198, pandas PR #26754",
        _hour_by_its_left_label,
        _hour_that_is_closed,
        key="distance_from_hour",
        history=hourly_market,
    ),
    feature_leak(
        "unfinished longer bar",
        "the high of the whole day stands in the day's first row",
        "go-trader #732, freqtrade PR #3744",
        _day_so_far_unfinished,
        _day_so_far,
        key="distance_from_high",
        history=hourly_market,
    ),
)
