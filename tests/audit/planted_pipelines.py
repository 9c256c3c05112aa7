"""Small pipelines, honest and not, that any process can import, and quickly: what is heavy stays inside functions."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from tidegate.core.errors import DataError
from tidegate.core.history import History
from tidegate.core.panel import Panel
from tidegate.core.pipeline import Claim, Stage, StageKind
from tidegate.core.randomness import generator
from tidegate.core.time import DAY, HOUR
from tidegate.core.units import FloatArray, Int64Array

if TYPE_CHECKING:
    from tidegate.features import FeatureBuilder

Compute = Callable[[History], FloatArray]
SEEN: dict[str, float] = {}


def market(n_times: int = 300, n_symbols: int = 4) -> History:
    from tidegate.testing import synthetic_panel

    return History(synthetic_panel(11, n_times, n_symbols, gaps=0.02))


def funded(n_times: int = 300) -> History:
    """A market with funding every day for the first symbol."""
    import polars as pl

    from tidegate.data.tables import MOMENT
    from tidegate.testing import synthetic_panel

    bars = synthetic_panel(11, n_times, 2)
    known = pl.Series(bars.times - HOUR).cast(MOMENT)
    rows = pl.DataFrame(
        {"symbol": "S0000", "event_time": known, "known_time": known, "rate": generator(3, "funding").random(n_times)}
    )
    return History(bars, {"funding": rows})


@dataclass(frozen=True)
class Of:
    """One stage of one key from a function of the history; beside it an honest one."""

    compute: Compute
    kind: StageKind = StageKind.FEATURES
    lookback: int | None = None
    bound: float = 0.0
    maximum_age: int | None = None
    neutral: float | None = None
    mask: Compute | None = None

    def run(self, history: History) -> Iterator[Stage]:
        bars = history.bars
        keys = ("key", "honest", *(["flag"] if self.mask else []))
        values = [self.compute(history), log_return(history), *([self.mask(history)] if self.mask else [])]
        yield Stage(
            kind=self.kind,
            times=bars.times,
            symbols=bars.symbols,
            keys=keys,
            values=np.stack(values, axis=2),
            lookback_bars={} if self.lookback is None else {"key": self.lookback, "honest": 2},
            bounds={"key": self.bound} if self.bound else {},
            maximum_ages={} if self.maximum_age is None else {"key": self.maximum_age},
            neutrals={} if self.neutral is None else {"key": self.neutral},
            masks={"key": "flag"} if self.mask else {},
        )


@dataclass(frozen=True)
class Labels:
    """Returns over some bars, known after as many as it says."""

    looks: int = 3
    says: int = 3
    fill: float = np.nan

    def run(self, history: History) -> Iterator[Stage]:
        bars = history.bars
        close = np.log(bars["close"])
        values = np.full(close.shape, self.fill)
        values[: -self.looks] = close[self.looks :] - close[: -self.looks]
        later = bars.times[-1] + DAY * np.arange(1, self.says + 1)
        ends = np.concatenate([bars.times, later])[self.says :]
        yield Stage(
            kind=StageKind.LABELS,
            times=bars.times,
            symbols=bars.symbols,
            keys=("return",),
            values=values[:, :, None],
            ends=ends,
        )


@dataclass(frozen=True)
class Claiming(Of):
    """The same, and it claims something."""

    claimed: tuple[Claim, ...] = field(default=())

    def claims(self, history: History) -> Iterable[Claim]:
        return self.claimed


@dataclass(frozen=True)
class Rows:
    """Keeps only the rows that a function of the history picks."""

    kept: Callable[[History], Int64Array]

    def run(self, history: History) -> Iterator[Stage]:
        rows = self.kept(history)
        values = log_return(history)[rows][:, :, None]
        times, symbols = history.bars.times[rows], history.bars.symbols
        yield Stage(kind=StageKind.PREDICTIONS, times=times, symbols=symbols, keys=("forecast",), values=values)


@dataclass(frozen=True)
class Contract:
    """Everything that the us-equity contract can make of the bars, by blocks of rows."""

    def run(self, history: History) -> Iterator[Stage]:
        builder = self._builder(history)
        for start in range(0, len(history.bars.times), 100):
            stop = min(start + 100, len(history.bars.times))
            yield self._stage(builder, start, stop)

    def newest(self, history: History) -> Stage:
        count = len(history.bars.times)
        return self._stage(self._builder(history), count - 1, count)

    def _builder(self, history: History) -> FeatureBuilder:
        from tidegate.core.recipe import FeatureSettings
        from tidegate.features import FeatureBuilder, contract_for

        return FeatureBuilder(history, contract_for(history.bars, FeatureSettings()))

    def _stage(self, builder: FeatureBuilder, start: int, stop: int) -> Stage:
        features = builder.contract.features
        return Stage(
            kind=StageKind.FEATURES,
            times=builder.bars.times[start:stop],
            symbols=builder.bars.symbols,
            keys=builder.contract.names,
            values=builder.rows(start, stop),
            lookback_bars={one.name: one.lookback_bars for one in features},
            bounds={one.name: one.bound for one in features if one.bound},
        )


@dataclass(frozen=True)
class Nothing:
    """Gives no stage."""

    def run(self, history: History) -> Iterator[Stage]:
        return iter(())


@dataclass(frozen=True)
class Raises:
    """Fails wherever there are fewer bars than in the whole history."""

    bars: int

    def run(self, history: History) -> Iterator[Stage]:
        if len(history.bars.times) < self.bars:
            raise ValueError("planted")
        return Of(log_return).run(history)


@dataclass(frozen=True)
class Refuses:
    """Says that a short history is not usable, and predicts only where it is long enough."""

    bars: int = 150

    def run(self, history: History) -> Iterator[Stage]:
        if len(history.bars.times) < self.bars:
            raise DataError(found="too few bars", expected="more", hint="wait")
        return Rows(lambda one: np.arange(self.bars - 1, len(one.bars.times))).run(history)


@dataclass(frozen=True)
class Dies:
    """Ends its process wherever there are fewer bars than in the whole history."""

    bars: int

    def run(self, history: History) -> Iterator[Stage]:
        if len(history.bars.times) < self.bars:
            os._exit(9)
        return Of(log_return).run(history)


def log_return(history: History) -> FloatArray:
    close = np.log(history.bars["close"])
    moved = np.full(close.shape, np.nan)
    moved[1:] = close[1:] - close[:-1]
    return moved


def tomorrow(history: History) -> FloatArray:
    values = np.full(history.bars.shape, np.nan)
    values[:-1] = log_return(history)[1:]
    return values


def centred(history: History) -> FloatArray:
    moved = np.nan_to_num(log_return(history))
    values = moved.copy()
    values[2:-2] = (moved[:-4] + moved[1:-3] + moved[2:-2] + moved[3:-1] + moved[4:]) / 5
    return values


def scaled(history: History) -> FloatArray:
    moved = log_return(history)
    known = ~np.isnan(moved)
    mean = np.where(known, moved, 0.0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
    return moved - mean


def if_it_rises(history: History) -> FloatArray:
    """Leaks only what a later crash or boom would show: by deletion nothing changes."""
    close = history.bars["close"]
    values = log_return(history)
    for row in range(len(close) - 1):
        values[row] += np.where(np.abs(np.nan_to_num(close[row + 1] / close[row], nan=1.0) - 1.0) > 0.2, 1.0, 0.0)
    return values


def standardised_once(history: History) -> FloatArray:
    """Remember the largest close of the first history ever seen."""
    return history.bars["close"] / SEEN.setdefault("close", float(np.nanmax(history.bars["close"])))


def standardised_by_the_past(history: History) -> FloatArray:
    close = np.nan_to_num(history.bars["close"])
    return close / np.maximum.accumulate(np.maximum(close, 1e-9), axis=0)


def _at(history: History, which: Callable[[Panel], np.ndarray], symbols: slice) -> FloatArray:
    values, ahead = log_return(history), tomorrow(history)
    rows = which(history.bars)
    rows = rows[rows < len(values) - 1]
    values[rows, symbols] = ahead[rows, symbols]
    return values


def one_in_hundred(history: History) -> FloatArray:
    return _at(history, lambda bars: np.flatnonzero(bars.times // DAY % 101 == 3), slice(None))


def one_in_five_hundred_of_one_symbol(history: History) -> FloatArray:
    return _at(history, lambda bars: np.flatnonzero(bars.times // DAY % 499 == 3), slice(0, 1))


def on_month_ends(history: History) -> FloatArray:
    months = history.bars.times.astype("datetime64[us]").astype("datetime64[M]").astype(int)
    return _at(history, lambda _: np.flatnonzero(np.diff(months)), slice(None))


def sum_of(bars: int) -> Compute:
    return SumOf(bars)


@dataclass(frozen=True)
class SumOf:
    """The mean of so many returns."""

    bars: int

    def __call__(self, history: History) -> FloatArray:
        moved = log_return(history)
        values = np.full(moved.shape, np.nan)
        if len(moved) >= self.bars:
            windows = np.lib.stride_tricks.sliding_window_view(moved, self.bars, axis=0)
            values[self.bars - 1 :] = windows.sum(axis=2)
        return values


def endless_average(history: History) -> FloatArray:
    moved = np.nan_to_num(log_return(history))
    for row in range(1, len(moved)):
        moved[row] = 0.5 * moved[row - 1] + 0.5 * moved[row]
    return moved


def round_off(history: History) -> FloatArray:
    """Differs in its last bit by how many rows there are."""
    return log_return(history) * (1.0 + np.finfo(float).eps * (len(history.bars.times) % 2))


def last_bit_of_the_future(history: History) -> FloatArray:
    """Differs in its last bit by what comes last."""
    last = np.nan_to_num(history.bars["close"][-1]).sum()
    return log_return(history) * (1.0 + np.finfo(float).eps * (int(last * 1000) % 5))


def funding(history: History) -> FloatArray:
    return _funding(history, 3 * DAY)


def funding_for_ever(history: History) -> FloatArray:
    return _funding(history, 10_000 * DAY)


def funding_or_zero(history: History) -> FloatArray:
    return np.nan_to_num(funding(history))


def funding_is_missing(history: History) -> FloatArray:
    return np.isnan(funding(history)).astype(float)


def never_missing(history: History) -> FloatArray:
    return np.zeros(history.bars.shape)


def _funding(history: History, maximum_age: int) -> FloatArray:
    from tidegate.data.asof import AsOfSource

    rows = history.tables["funding"]
    source = AsOfSource(name="funding", rows=rows, columns={"rate": "rate"}, maximum_age=maximum_age)
    kept = source.between(-(2**60), 2**60)
    columns = [
        kept.standing(history.bars.times, symbol, maximum_age).spread(kept.value("rate"), np.nan)
        for symbol in history.bars.symbols
    ]
    return np.stack(columns, axis=1)


def all_rows(history: History) -> Int64Array:
    return np.arange(len(history.bars.times))


def all_but_last(history: History) -> Int64Array:
    """Drop rows whose label is not known yet."""
    return np.arange(len(history.bars.times) - 1)


def loudest_rows(history: History) -> Int64Array:
    """Keep rows that move more than the median of the whole sample."""
    size = np.nanmean(np.abs(np.nan_to_num(log_return(history))), axis=1)
    return np.flatnonzero(size >= np.median(size))
