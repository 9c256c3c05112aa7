"""The look-ahead audit for one's own tests: of a feature, of a function, of a whole pipeline."""

from __future__ import annotations

import operator
import warnings
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from tidegate.audit import Depth, LookaheadAudit, audit_lookahead
from tidegate.core.errors import InputError, TidegateError
from tidegate.core.evidence import Verdict
from tidegate.core.history import History
from tidegate.core.panel import Panel
from tidegate.core.pipeline import Pipeline
from tidegate.core.randomness import generator
from tidegate.core.time import DAY, HOUR, parse_instant
from tidegate.core.units import FloatArray, Int64Array
from tidegate.testing.functions import FeaturePipeline, FunctionPipeline
from tidegate.testing.kinds import FRAMES, FunctionKind, kind_of
from tidegate.testing.market_frames import market_bars, panel_of

if TYPE_CHECKING:
    import polars as pl

    from tidegate.features.contract import Feature

__all__ = ["check_feature", "check_pipeline", "sample_history"]

_MANY_PREFIXES: Final = Depth(prefixes=48, slices=0, spare_seconds=5.0)
_MANY_SLICES: Final = Depth(prefixes=16, slices=400, spare_seconds=5.0)
_FIRST_MONDAY: Final = parse_instant("2018-01-01") + 21 * HOUR
_HOLIDAYS_A_YEAR: Final = 9
_CALLER: Final = 2


def check_feature(
    function: Callable[..., Any] | Feature | pl.Expr,
    *,
    history: History | Panel | pl.DataFrame | None = None,
    lookback_bars: int | None = None,
    bound: float = 0.0,
    kind: FunctionKind | str | None = None,
    name: str | None = None,
    sources: Sequence[Any] = (),
    depth: Depth | None = None,
    seed: int = 7,
    workers: int = 1,
) -> LookaheadAudit:
    """Check that a feature does not know what comes after its row; return what was looked at.

    Parameters
    ----------
    function
        A declared feature, a Polars expression, or a function, told by the annotation of its first parameter: of a
        ``PastView`` to one value per symbol, of a ``Panel`` or ``History`` to ``(n, n_symbols)``, of a ``DataFrame``
        sorted by ``symbol`` and ``time`` to a series, an expression, or a frame that keeps both.
    history
        Data, by default :func:`sample_history`; a frame needs ``symbol``, ``time`` and numbers.
    lookback_bars, bound
        Bars that suffice for a value, the present one included, and how much earlier ones may change it; with them
        hundreds of short histories are tried. Of a frame: rows of the symbol itself, wherever it has any.
    kind, name
        What it takes, where no annotation says; what to call it.
    sources
        Of a declared feature: what delivers the columns that the bars lack.
    depth, seed, workers
        See :func:`tidegate.audit.audit_lookahead`.

    Raises
    ------
    AssertionError
        If it looks ahead or nothing could be compared; the message names the first offender and how far it looks.
    InputError
        If the function fails.

    Examples
    --------
    >>> import polars as pl
    >>> check_feature(pl.col("close").log().diff().over("symbol"), lookback_bars=2, workers=0).verdict.value
    'passed'
    """
    called = name or _name_of(function)
    pipeline = _pipeline(function, called, kind, lookback_bars, bound, sources)
    declares = lookback_bars is not None or isinstance(pipeline, FeaturePipeline)
    chosen = depth if depth is not None else _MANY_SLICES if declares else _MANY_PREFIXES
    data = _as_history(history)
    reaching = _across_gaps(pipeline, data)
    audit = check_pipeline(reaching, history=data, subject=called, depth=chosen, seed=seed, workers=workers)
    _refuse_unchanged(pipeline, data, called)
    return audit


def check_pipeline(
    pipeline: Pipeline,
    *,
    history: History | Panel | pl.DataFrame | None = None,
    subject: str | None = None,
    depth: Depth | None = None,
    seed: int = 7,
    workers: int = 1,
    boundaries: Sequence[int] = (),
) -> LookaheadAudit:
    """Check that nothing in a pipeline sees the future: features, labels, forecasts, decisions, splits, fits and fills.

    Parameters
    ----------
    pipeline
        See :class:`tidegate.core.pipeline.Pipeline`.
    history
        Data to try it on, by default :func:`sample_history`.
    subject
        What to call it, by default the name of its class.
    depth, seed, workers, boundaries
        See :func:`tidegate.audit.audit_lookahead`.

    Raises
    ------
    AssertionError
        If something looks ahead, or if nothing could be compared.
    InputError
        If the pipeline fails.
    """
    if not callable(getattr(pipeline, "run", None)):
        raise InputError(
            found=f"a pipeline of type {type(pipeline).__name__}",
            expected="an object with run(history), which yields stages",
            hint="a function is checked by check_feature",
        )
    called, data = subject or type(pipeline).__name__, _as_history(history)
    try:
        audit = audit_lookahead(
            pipeline,
            data,
            subject=called,
            depth=depth if depth is not None else _MANY_SLICES,
            seed=seed,
            workers=workers,
            boundaries=boundaries,
        )
    except TidegateError:
        raise
    except Exception as error:
        raise _failed(called, error) from error
    if audit.verdict is not Verdict.PASSED:
        raise AssertionError(audit.describe())
    for unknown in audit.unknowns:
        warnings.warn(f"{called}: the check does not know {unknown}", stacklevel=_CALLER)
    return audit


def sample_history(seed: int = 7, n_times: int = 400, n_symbols: int = 6) -> History:
    """Return a random daily market in which leaks show: holidays, gaps, a listing and an end, days without volume.

    Parameters
    ----------
    seed
        Decides every number.
    n_times, n_symbols
        Size.

    Examples
    --------
    >>> bars = sample_history().bars
    >>> bars.shape, bool(np.isnan(bars["close"][:10]).any(axis=0).sum() >= 1)
    ((400, 6), True)
    """
    from tidegate.testing.market import synthetic_panel

    random = generator(seed, "sample-history")
    panel = synthetic_panel(seed, n_times, n_symbols, gaps=0.02, times=_business_days(random, n_times))
    columns = {name: column.copy() for name, column in panel.columns.items()}
    _stop_trading(columns, random.random(panel.shape) < 0.03)
    if n_symbols > 1:
        for column in columns.values():
            column[: n_times // 4, 0] = np.nan  # listed late
            column[n_times - n_times // 8 :, -1] = np.nan  # gone early
    benchmark = np.nanmean(panel["close"] / panel["close"][0], axis=1, keepdims=True) if n_times else np.empty((0, 1))
    columns["benchmark_close"] = np.repeat(100.0 * benchmark, n_symbols, axis=1)
    return History(Panel(panel.times, panel.symbols, columns))


def _stop_trading(columns: dict[str, FloatArray], where: np.ndarray) -> None:
    """Let single bars repeat the close before them, without any volume."""
    for row, place in zip(*np.nonzero(where), strict=True):
        before = columns["close"][row - 1, place] if row else np.nan
        if np.isnan(before) or np.isnan(columns["close"][row, place]):
            continue
        for name in ("open", "high", "low", "close"):
            columns[name][row, place] = before
        columns["volume"][row, place] = columns["traded_value"][row, place] = 0.0


def _business_days(random: np.random.Generator, count: int) -> Int64Array:
    """Return closes of weekdays, some of them holidays, a whole week of them once a year."""
    days = np.arange(2 * count + 20, dtype=np.int64)
    weekdays = days // 5 * 7 + days % 5
    is_free = random.random(len(weekdays)) < _HOLIDAYS_A_YEAR / 260
    is_free |= (weekdays % 364) // 7 == 39
    return _FIRST_MONDAY + weekdays[~is_free][:count] * DAY


def _pipeline(
    function: Any,
    name: str,
    kind: FunctionKind | str | None,
    lookback_bars: int | None,
    bound: float,
    sources: Sequence[Any],
) -> FunctionPipeline | FeaturePipeline:
    declared, allowed = _lookback(lookback_bars), _bound(bound)
    if kind is None and not callable(function) and hasattr(function, "formula"):
        return FeaturePipeline(feature=function, sources=tuple(sources))
    return FunctionPipeline(
        function=function, kind=_kind(function, kind), name=name, lookback_bars=declared, bound=allowed
    )


def _refuse_unchanged(pipeline: Pipeline, history: History, called: str) -> None:
    if isinstance(pipeline, FunctionPipeline) and not pipeline.adds_something(history):
        raise InputError(
            found=f"{called}, which returns the columns that it was handed, as they were",
            expected="a column that is new or changed",
            hint="return the frame that the column was added to",
        )


def _across_gaps(pipeline: Pipeline, history: History) -> Pipeline:
    """Declare in bars of the market what a frame's rows reach: across the days on which their symbol had no bar."""
    if not isinstance(pipeline, FunctionPipeline) or pipeline.kind not in FRAMES or pipeline.lookback_bars is None:
        return pipeline
    return replace(pipeline, lookback_bars=market_bars(history.bars, pipeline.lookback_bars))


def _kind(function: Any, kind: FunctionKind | str | None) -> FunctionKind:
    import polars as pl

    if isinstance(function, pl.Expr):
        return FunctionKind.FRAME
    if not callable(function):
        raise InputError(
            found=f"a feature of type {type(function).__name__}",
            expected="a declared feature, a Polars expression or a function",
            hint="hand over the function itself, not what it returns",
        )
    if kind is None:
        return kind_of(function)
    if kind not in set(FunctionKind):
        raise InputError(
            found=f"kind {kind!r}", expected=f"one of {', '.join(FunctionKind)}", hint="it says what the function takes"
        )
    return FunctionKind(kind)


def _lookback(given: Any) -> int | None:
    if given is None:
        return None
    try:
        bars = -1 if isinstance(given, bool) else operator.index(given)
    except TypeError:
        bars = -1
    if bars < 1:
        raise InputError(
            found=f"lookback_bars {given!r}",
            expected="a whole number, at least 1",
            hint="the present bar counts: a value of it alone has a lookback of 1",
        )
    return bars


def _bound(given: Any) -> float:
    is_number = isinstance(given, int | float | np.number) and not isinstance(given, bool)
    if not is_number or not np.isfinite(given) or given < 0:
        raise InputError(
            found=f"bound {given!r}",
            expected="a finite number, at least 0",
            hint="the largest change that bars before the lookback can make",
        )
    return float(given)


def _name_of(function: Any) -> str:
    name = getattr(function, "name", None) or getattr(function, "__name__", None)
    return name if isinstance(name, str) and name != "<lambda>" else "value"


def _as_history(given: History | Panel | pl.DataFrame | None) -> History:
    if given is None:
        return sample_history()
    if isinstance(given, History):
        return given
    return History(given if isinstance(given, Panel) else panel_of(given))


def _failed(subject: str, error: Exception) -> InputError:
    return InputError(
        found=f"{subject}, which fails: {type(error).__name__}: {error}",
        expected="values, on the history and on what was known of it at any instant",
        hint="run it on history.until(...) yourself; the error above this one says where",
    )
