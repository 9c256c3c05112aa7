"""Somebody's function as a pipeline: of a past, of a panel, of a history, or of a frame of bars."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from tidegate.core.errors import InputError
from tidegate.core.history import History
from tidegate.core.panel import Panel
from tidegate.core.past_view import PastView
from tidegate.core.pipeline import Stage, StageKind
from tidegate.core.time import Instant
from tidegate.core.units import FloatArray

if TYPE_CHECKING:
    import polars as pl

    from tidegate.features.contract import Feature

__all__ = ["FeaturePipeline", "FunctionKind", "FunctionPipeline", "bars_frame", "kind_of"]

_ALL: Final = "all"
"""The symbol of a value that is about the whole market."""


class FunctionKind(StrEnum):
    """What a function takes."""

    VIEW = "view"
    PANEL = "panel"
    HISTORY = "history"
    FRAME = "frame"
    PANDAS = "pandas"


_KINDS: Final = {
    "PastView": FunctionKind.VIEW,
    "Panel": FunctionKind.PANEL,
    "History": FunctionKind.HISTORY,
    "DataFrame": FunctionKind.FRAME,
}


def kind_of(function: Callable[..., Any]) -> FunctionKind:
    """Return what a function takes, by the annotation of its first parameter.

    Raises
    ------
    InputError
        If it has none that says.
    """
    parameters = list(inspect.signature(function).parameters.values())
    annotation = parameters[0].annotation if parameters else inspect.Parameter.empty
    if annotation is inspect.Parameter.empty:
        annotation = None
    name = annotation if isinstance(annotation, str) else getattr(annotation, "__name__", "")
    module = getattr(annotation, "__module__", "")
    if name.startswith(("pd.", "pandas.")) or module.split(".")[0] == "pandas":
        return FunctionKind.PANDAS
    found = _KINDS.get(name.rsplit(".", maxsplit=1)[-1])
    if found is None:
        raise InputError(
            found=f"a function whose first parameter is annotated with {name or 'nothing'}",
            expected="PastView, Panel, History or DataFrame",
            hint=f"annotate it, or say kind= one of {', '.join(FunctionKind)}",
        )
    return found


@dataclass(frozen=True, kw_only=True)
class FunctionPipeline:
    """A function of one's own as a pipeline with one stage of features.

    Parameters
    ----------
    function
        Of a past view: one value per symbol, or a number. Of a panel or history: ``(n, n_symbols)`` or ``(n,)``. Of a
        frame of bars: a series, an expression, or a frame with ``symbol`` and ``time``. Several values come by name.
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
        """Yield the values of every row."""
        bars = history.bars
        if self.kind is FunctionKind.VIEW:
            named = self._of_views(history, range(len(bars.times)))
        elif self.kind in {FunctionKind.FRAME, FunctionKind.PANDAS}:
            named = _of_frame(self.function, bars, self.kind, self.name)
        else:
            given = self.function(bars if self.kind is FunctionKind.PANEL else history)
            named = _named(given, self.name)
        yield self._stage(bars, named)

    def _of_views(self, history: History, rows: range) -> dict[str, FloatArray]:
        given = [
            _named(self.function(PastView(history, Instant(int(history.bars.times[row])))), self.name) for row in rows
        ]
        keys = dict.fromkeys(key for one in given for key in one)
        missing = np.full(len(history.bars.symbols), np.nan)
        return {key: np.stack([np.atleast_1d(one.get(key, missing)) for one in given]) for key in keys}

    def _stage(self, bars: Panel, named: Mapping[str, FloatArray]) -> Stage:
        symbols, columns = bars.symbols, []
        for key, values in named.items():
            column = values[:, None] if values.ndim == 1 else values
            if len(column) != len(bars.times) or column.shape[1] not in {1, len(symbols)}:
                raise InputError(
                    found=f"{key} of shape {values.shape} for {len(bars.times)} bars of {len(symbols)} symbols",
                    expected="one row per bar, and one value per symbol or one for all",
                    hint="give missing values as NaN instead of leaving rows out",
                )
            columns.append(column)
        if columns and all(column.shape[1] == 1 for column in columns):
            symbols = (_ALL,) if len(bars.symbols) != 1 else symbols
        wide = [np.broadcast_to(column, (len(bars.times), len(symbols))) for column in columns]
        shape = (len(bars.times), len(symbols), 0)
        return Stage(
            kind=StageKind.FEATURES,
            times=bars.times,
            symbols=symbols,
            keys=tuple(named),
            values=np.stack(wide, axis=2) if wide else np.empty(shape),
            lookback_bars={} if self.lookback_bars is None else dict.fromkeys(named, self.lookback_bars),
            bounds={} if self.bound == 0.0 else dict.fromkeys(named, self.bound),
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


def bars_frame(bars: Panel) -> pl.DataFrame:
    """Return a panel as rows by ``symbol`` and ``time``: none where a symbol has no bar, null where a value is missing.

    Examples
    --------
    >>> bars_frame(Panel(np.array([10]), ("A", "B"), {"close": np.array([[1.0, np.nan]])})).drop("time").rows()
    [('A', 1.0)]
    """
    import polars as pl

    there = np.zeros(bars.shape, dtype=np.bool_)
    for column in bars.columns.values():
        there |= ~np.isnan(column)
    places, rows = np.nonzero(there.T)
    columns = {name: column.T[places, rows] for name, column in bars.columns.items()}
    return pl.DataFrame(
        {
            "symbol": pl.Series(bars.symbols, dtype=pl.String).gather(places),
            "time": pl.Series(bars.times[rows]).cast(pl.Datetime("us", "UTC")),
            **columns,
        }
    ).with_columns(pl.col(pl.Float64).fill_nan(None))


def _named(given: Any, name: str) -> dict[str, FloatArray]:
    values = given if isinstance(given, Mapping) else {name: given}
    return {str(key): np.asarray(one, dtype=np.float64) for key, one in values.items()}


def _of_frame(function: Any, bars: Panel, kind: FunctionKind, name: str) -> dict[str, FloatArray]:
    import polars as pl

    frame = bars_frame(bars)
    keys = frame.select("symbol", "time")
    given = function if isinstance(function, pl.Expr) else function(_handed(frame, kind))
    found = _as_frame(given, frame, keys, name)
    if found.select("symbol", "time").is_duplicated().any():
        raise InputError(
            found="rows that repeat a symbol and a time",
            expected="one value per symbol and time",
            hint="a join that multiplies rows often lacks a key",
        )
    rows = np.searchsorted(bars.times, found["time"].cast(pl.Datetime("us", "UTC")).dt.epoch("us").to_numpy())
    places = np.searchsorted(np.array(bars.symbols), found["symbol"].to_numpy().astype(str))
    named = {}
    for key in (column for column in found.columns if column not in {"symbol", "time"}):
        named[key] = np.full(bars.shape, np.nan)
        named[key][rows, places] = found[key].cast(pl.Float64).fill_null(np.nan).to_numpy()
    return named


def _handed(frame: pl.DataFrame, kind: FunctionKind) -> Any:
    return frame.to_pandas() if kind is FunctionKind.PANDAS else frame


def _as_frame(given: Any, frame: pl.DataFrame, keys: pl.DataFrame, name: str) -> pl.DataFrame:
    """Return what a function gave with its keys; what has none is in the order of the rows."""
    import polars as pl

    if isinstance(given, pl.Expr):
        given = frame.select(given.alias(name))
    if isinstance(given, pl.LazyFrame):
        given = given.collect()
    if not isinstance(given, pl.DataFrame | pl.Series) and hasattr(given, "index"):
        given = _from_pandas(given, keys.height)
    values = given.alias(name).to_frame() if isinstance(given, pl.Series) else given
    if not isinstance(values, pl.DataFrame):
        values = pl.DataFrame({name: np.asarray(given, dtype=np.float64)})
    if {"symbol", "time"} <= set(values.columns):
        added = [column for column in values.columns if column not in frame.columns]
        return values.select("symbol", "time", *added)
    if values.height != keys.height:
        raise InputError(
            found=f"{values.height} values for {keys.height} rows",
            expected="one per row, or a frame with symbol and time",
            hint="keep symbol and time if rows are dropped",
        )
    return keys.hstack(values)


def _from_pandas(given: Any, height: int) -> pl.DataFrame:
    """Return a pandas series or frame; one that kept the rows' index is put into their order."""
    import polars as pl

    frame = given.to_frame("value") if given.ndim == 1 else given
    if {"symbol", "time"} <= set(frame.columns):
        return pl.from_pandas(frame.reset_index(drop=True))
    return pl.from_pandas(frame.reindex(range(height)).reset_index(drop=True))
