"""Somebody's function as a pipeline: of a past, of a panel, of a history, or of a frame of bars."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from tidegate.core.errors import InputError
from tidegate.core.history import History
from tidegate.core.panel import Panel
from tidegate.core.past_view import PastView
from tidegate.core.pipeline import Stage, StageKind
from tidegate.core.time import Instant, format_instant
from tidegate.testing.kinds import FRAMES, FunctionKind
from tidegate.testing.market_frames import bars_frame
from tidegate.testing.numbers import Numbers, numbers
from tidegate.testing.placing import Handed, placed
from tidegate.testing.tables import is_table, named_values, table_of

if TYPE_CHECKING:
    from tidegate.features.contract import Feature

__all__ = ["FeaturePipeline", "FunctionPipeline"]

_ALL: Final = "all"
"""The symbol of a value that is about the whole market."""


@dataclass(frozen=True, kw_only=True)
class FunctionPipeline:
    """A function of one's own as a pipeline with one stage of features.

    Parameters
    ----------
    function
        Of a past view: one value per symbol, or a number. Of a panel or history: ``(n, n_symbols)`` or ``(n,)``. Of a
        frame of bars: a series, an expression, or a frame. Several values come by name.
    kind
        What it takes.
    name
        Key of its value where it has no names itself.
    lookback_bars, bound
        What is declared of all its values; None declares nothing.
    """

    function: Any
    kind: FunctionKind
    name: str = "value"
    lookback_bars: int | None = None
    bound: float = 0.0

    def run(self, history: History) -> Iterator[Stage]:
        """Yield the values of every row; single and double precision are stages of their own."""
        bars, named = history.bars, self._named(history)
        columns = {key: _column(key, values, bars) for key, values in named.items()}
        symbols = bars.symbols
        if columns and all(column.shape[1] == 1 for column in columns.values()) and len(symbols) != 1:
            symbols = (_ALL,)
        shape = (len(bars.times), len(symbols))
        wide = {key: np.broadcast_to(column, shape) for key, column in columns.items()}
        for part in _by_precision(wide):
            yield self._stage(bars, symbols, part)

    def adds_something(self, history: History) -> bool:
        """Whether a function of a frame gives more than the columns that it was handed, as they were."""
        if self.kind not in FRAMES:
            return True
        handed = _handed(history.bars)
        return any(
            key not in handed.frame.columns or not np.array_equal(values, handed.base(key), equal_nan=True)
            for key, values in self._named(history).items()
        )

    def _named(self, history: History) -> dict[str, Numbers]:
        bars = history.bars
        if self.kind is FunctionKind.VIEW:
            return _of_views(self.function, history, self.name)
        if self.kind in FRAMES:
            return _of_frame(self.function, bars, self.kind, self.name)
        return _of_panel(self.function(bars if self.kind is FunctionKind.PANEL else history), bars, self.name)

    def _stage(self, bars: Panel, symbols: tuple[str, ...], wide: Mapping[str, Numbers]) -> Stage:
        shape = (len(bars.times), len(symbols), 0)
        return Stage(
            kind=StageKind.FEATURES,
            times=bars.times,
            symbols=symbols,
            keys=tuple(wide),
            values=np.stack(list(wide.values()), axis=2) if wide else np.empty(shape),
            lookback_bars={} if self.lookback_bars is None else dict.fromkeys(wide, self.lookback_bars),
            bounds={} if self.bound == 0.0 else dict.fromkeys(wide, self.bound),
        )


@dataclass(frozen=True, kw_only=True)
class FeaturePipeline:
    """One feature of a contract as a pipeline."""

    feature: Feature
    sources: tuple[Any, ...] = field(default=())

    def run(self, history: History) -> Iterator[Stage]:
        """Yield its values of every row."""
        yield self._stage(history, 0)

    def newest(self, history: History) -> Stage:
        """Return its values of the newest row."""
        return self._stage(history, len(history.bars.times) - 1)

    def _stage(self, history: History, start: int) -> Stage:
        from dataclasses import replace

        from tidegate.features.builder import FeatureBuilder
        from tidegate.features.contract import FeatureContract

        # A mask is another feature, and checked as such.
        contract = FeatureContract((replace(self.feature, mask=None),), self.sources)
        bars = history.bars
        return Stage(
            kind=StageKind.FEATURES,
            times=bars.times[start:],
            symbols=bars.symbols,
            keys=contract.names,
            values=FeatureBuilder(history, contract).rows(start, len(bars.times)),
            lookback_bars={self.feature.name: self.feature.lookback_bars},
            bounds={self.feature.name: self.feature.bound} if self.feature.bound else {},
        )


def _of_views(function: Any, history: History, name: str) -> dict[str, Numbers]:
    bars = history.bars
    given = []
    for row in range(len(bars.times)):
        at = Instant(int(bars.times[row]))
        values = _by_name(function(PastView(history, at)), bars, name)
        given.append({key: _of_symbols(key, one, bars, at) for key, one in values.items()})
    named = {}
    for key in dict.fromkeys(key for one in given for key in one):
        rows = [one.get(key, np.array([np.nan])) for one in given]
        width = max(len(one) for one in rows)
        stacked = np.stack([np.broadcast_to(one, width) for one in rows])
        named[key] = stacked.astype(_precision(rows), copy=False)
    return named


def _by_name(given: Any, bars: Panel, name: str) -> dict[str, Any]:
    if not isinstance(given, Mapping):
        return {name: given}
    if given and set(given) <= set(bars.symbols) and all(np.ndim(one) == 0 for one in given.values()):
        return {name: [given.get(symbol) for symbol in bars.symbols]}
    return {str(key): one for key, one in given.items()}


def _of_symbols(key: str, given: Any, bars: Panel, at: Instant) -> Numbers:
    """Return one value per symbol, or one for all; a series says by its index whose they are."""
    if hasattr(given, "iloc") and given.ndim == 1 and any(isinstance(one, str) for one in given.index):
        if not given.index.is_unique or not set(given.index) <= set(bars.symbols):
            raise InputError(
                found=f"{key} at {format_instant(at)} by {', '.join(str(one) for one in given.index[:6])}",
                expected=f"an index of symbols, such as {bars.symbols[0]}",
                hint="an array in the order of view.symbols will do, too",
            )
        given = given.reindex(list(bars.symbols))
    values = np.atleast_1d(numbers(key, given))
    if values.ndim != 1 or len(values) not in {1, len(bars.symbols)}:
        raise InputError(
            found=f"{key} of shape {values.shape} at {format_instant(at)} for {len(bars.symbols)} symbols",
            expected="one value per symbol, or one for all",
            hint="the function is handed the past of one instant and asked for that instant's values alone",
        )
    return values


def _of_panel(given: Any, bars: Panel, name: str) -> dict[str, Numbers]:
    values = given if isinstance(given, Mapping) else {name: given}
    named: dict[str, Numbers] = {}
    for key, one in ((str(key), one) for key, one in values.items()):
        if one is None or isinstance(one, Panel | History):
            raise InputError(
                found=f"{key}: {type(one).__name__}",
                expected=f"an array of shape {bars.shape}",
                hint="give the array of one column, or several of them by name",
            )
        found = _of_table(one, bars, key) if is_table(one) else {key: numbers(key, one)}
        named |= found
    return named


def _of_table(given: Any, bars: Panel, key: str) -> dict[str, Numbers]:
    """Return a table with a row per time, and a column per symbol or one for all."""
    table = table_of(given, bars, key)
    if table.instants is not None:
        return placed(table, _handed(bars), key)
    symbols = [label[0] for label, _ in table.columns]
    in_turn = table.row is None or np.array_equal(table.row, np.arange(len(bars.times)))
    if table.height == len(bars.times) and table.symbol is None and in_turn:
        if len(symbols) == 1 and symbols[0] not in bars.symbols:
            return {key: numbers(key, table.columns[0][1])}
        if set(symbols) == set(bars.symbols) and len(symbols) == len(bars.symbols):
            by_symbol = {label[0]: numbers(key, one) for label, one in table.columns}
            return {key: np.stack([by_symbol[symbol] for symbol in bars.symbols], axis=1)}
    raise InputError(
        found=f"{key}: {table.height:,} rows with {table.index} and columns {', '.join(symbols[:6]) or 'none'}",
        expected=f"{len(bars.times):,} rows in the order of the bars, or an index of times, and a column per symbol",
        hint="an array of shape (bars, symbols) leaves no doubt",
    )


def _of_frame(function: Any, bars: Panel, kind: FunctionKind, name: str) -> dict[str, Numbers]:
    import polars as pl

    handed = _handed(bars)
    if isinstance(function, pl.Expr):
        return named_values(function, handed, name)
    if kind is FunctionKind.PANDAS:
        # A copy, or what is written into it would be written into what it is compared with.
        return named_values(function(handed.frame.to_pandas().copy()), handed, name)
    return named_values(function(handed.frame.lazy() if kind is FunctionKind.LAZY else handed.frame), handed, name)


def _handed(bars: Panel) -> Handed:
    frame = bars_frame(bars)
    rows = np.searchsorted(bars.times, frame["time"].dt.epoch("us").to_numpy()).astype(np.int64)
    places = np.searchsorted(np.array(bars.symbols), frame["symbol"].to_numpy().astype(str)).astype(np.int64)
    return Handed(bars=bars, frame=frame, rows=rows, places=places)


def _column(key: str, values: Numbers, bars: Panel) -> Numbers:
    column = values[:, None] if values.ndim == 1 else values
    if column.ndim != 2 or len(column) != len(bars.times) or column.shape[1] not in {1, len(bars.symbols)}:
        raise InputError(
            found=f"{key} of shape {values.shape} for {len(bars.times)} bars of {len(bars.symbols)} symbols",
            expected="one row per bar, and one value per symbol or one for all",
            hint="give missing values as NaN instead of leaving rows out",
        )
    return column


def _precision(values: Sequence[Numbers]) -> Any:
    """Return the type of those that hold anything: rows of missing values are double precision by accident."""
    types = {one.dtype for one in values if not np.isnan(one).all()}
    return types.pop() if len(types) == 1 else np.dtype(np.float64)


def _by_precision(wide: Mapping[str, Numbers]) -> Iterator[dict[str, Numbers]]:
    """Split by type: as one array single precision would pass for double, whose last bits are far smaller."""
    single = {key: one for key, one in wide.items() if one.dtype == np.float32}
    double = {key: one for key, one in wide.items() if key not in single}
    if double or not single:
        yield double
    if single:
        yield single
