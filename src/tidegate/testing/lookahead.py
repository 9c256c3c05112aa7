"""The look-ahead audit for one's own tests: of a feature, of a function, of a whole pipeline."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from tidegate.audit import Depth, LookaheadAudit, audit_lookahead
from tidegate.audit.functions import FeaturePipeline, FunctionKind, FunctionPipeline, kind_of
from tidegate.core.errors import InputError
from tidegate.core.evidence import Verdict
from tidegate.core.history import History
from tidegate.core.panel import Panel
from tidegate.core.pipeline import Pipeline
from tidegate.core.randomness import generator
from tidegate.core.time import DAY, HOUR, parse_instant
from tidegate.core.units import FloatArray, Int64Array

if TYPE_CHECKING:
    import polars as pl

    from tidegate.features.contract import Feature

__all__ = ["check_feature", "check_pipeline", "sample_history"]

_MANY_PREFIXES: Final = Depth(prefixes=48, slices=0)
_MANY_SLICES: Final = Depth(prefixes=16, slices=400)
_FIRST_MONDAY: Final = parse_instant("2018-01-01") + 21 * HOUR
_HOLIDAYS_A_YEAR: Final = 9


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
        hundreds of short histories are tried.
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
    return check_pipeline(pipeline, history=history, subject=called, depth=chosen, seed=seed, workers=workers)


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
    audit = audit_lookahead(
        pipeline,
        _as_history(history),
        subject=subject or type(pipeline).__name__,
        depth=depth if depth is not None else _MANY_SLICES,
        seed=seed,
        workers=workers,
        boundaries=boundaries,
    )
    if audit.verdict is not Verdict.PASSED:
        raise AssertionError(audit.describe())
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
) -> Pipeline:
    if kind is None and not callable(function) and hasattr(function, "formula"):
        return FeaturePipeline(feature=function, sources=tuple(sources))
    if kind is None:
        taken = FunctionKind.FRAME if hasattr(function, "meta") else kind_of(function)
    else:
        taken = FunctionKind(kind)
    return FunctionPipeline(function=function, kind=taken, name=name, lookback_bars=lookback_bars, bound=bound)


def _name_of(function: Any) -> str:
    name = getattr(function, "name", None) or getattr(function, "__name__", None)
    return name if isinstance(name, str) and name != "<lambda>" else "value"


def _as_history(given: History | Panel | pl.DataFrame | None) -> History:
    if given is None:
        return sample_history()
    if isinstance(given, History):
        return given
    return History(given if isinstance(given, Panel) else _panel_of(given))


def _panel_of(frame: pl.DataFrame) -> Panel:
    import polars as pl

    rows = frame if isinstance(frame, pl.DataFrame) else pl.from_pandas(frame)
    if not {"symbol", "time"} <= set(rows.columns):
        raise InputError(
            found=f"a frame with {', '.join(rows.columns)}",
            expected="symbol, time, and columns of numbers",
            hint="rename the columns; time is the close of the bar",
        )
    moments = rows["time"]
    moments = moments if moments.dtype != pl.Date else moments.cast(pl.Datetime("us"))
    instants = moments.dt.epoch("us").to_numpy()
    times, at = np.unique(instants, return_inverse=True)
    symbols, places = np.unique(rows["symbol"].cast(pl.String).to_numpy().astype(str), return_inverse=True)
    columns = {}
    for name in (name for name, kind in rows.schema.items() if kind.is_numeric() or kind == pl.Boolean):
        columns[name] = np.full((len(times), len(symbols)), np.nan)
        columns[name][at, places] = rows[name].cast(pl.Float64).fill_null(np.nan).to_numpy()
    return Panel(times.astype(np.int64), tuple(symbols.tolist()), columns)
