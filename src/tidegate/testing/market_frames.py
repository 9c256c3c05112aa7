"""A panel as a frame of bars, as most people keep them, and back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from tidegate.core.errors import InputError
from tidegate.core.panel import Panel
from tidegate.core.time import format_instant

if TYPE_CHECKING:
    import polars as pl

__all__ = ["bars_frame", "market_bars", "panel_of"]

_OF_THE_MARKET: Final = frozenset({"benchmark_close", "member"})
"""Columns that have a value where the symbol has no bar."""
_HINT: Final = "rename the columns; time is the close of the bar"


def bars_frame(bars: Panel) -> pl.DataFrame:
    """Return a panel as rows by ``symbol`` and ``time``: none where a symbol has no bar, null where a value is missing.

    What is about the whole market (``benchmark_close``, ``member``) makes no bar.

    Examples
    --------
    >>> bars_frame(Panel(np.array([10]), ("A", "B"), {"close": np.array([[1.0, np.nan]])})).drop("time").rows()
    [('A', 1.0)]
    """
    import polars as pl

    own = [name for name in bars.columns if name not in _OF_THE_MARKET] or list(bars.columns)
    there = np.zeros(bars.shape, dtype=np.bool_)
    for name in own:
        there |= ~np.isnan(bars[name])
    places, rows = np.nonzero(there.T)
    columns = {name: column.T[places, rows] for name, column in bars.columns.items()}
    return pl.DataFrame(
        {
            "symbol": pl.Series(bars.symbols, dtype=pl.String).gather(places),
            "time": pl.Series(bars.times[rows]).cast(pl.Datetime("us", "UTC")),
            **columns,
        }
    ).with_columns(pl.col(pl.Float64).fill_nan(None))


def market_bars(bars: Panel, own_bars: int) -> int:
    """Return how many bars of the market hold the newest ``own_bars`` of every symbol, at any of its bars.

    Examples
    --------
    >>> gap = np.array([[1.0], [np.nan], [3.0], [4.0]])
    >>> market_bars(Panel(np.array([10, 20, 30, 40]), ("A",), {"close": gap}), 2)
    3
    """
    frame = bars_frame(bars)
    rows, longest = np.searchsorted(bars.times, frame["time"].dt.epoch("us").to_numpy()), own_bars
    for symbol in bars.symbols:
        own = rows[(frame["symbol"] == symbol).to_numpy()]
        first = own[np.maximum(np.arange(len(own)) - own_bars + 1, 0)]
        longest = max(longest, int((own - first).max(initial=0)) + 1)
    return longest


def panel_of(given: Any) -> Panel:
    """Return a frame of bars, of Polars or pandas, as a panel; columns of text are left out.

    Parameters
    ----------
    given
        ``symbol``, ``time`` (the close of the bar; without a zone it is UTC) and numbers.

    Raises
    ------
    InputError
        If one of them is missing, not of its type, or a symbol has two rows at one time.
    """
    import polars as pl

    rows = _rows_of(given)
    if not {"symbol", "time"} <= set(rows.columns):
        raise InputError(
            found=f"a frame with {', '.join(rows.columns) or 'no columns'}",
            expected="symbol, time, and columns of numbers",
            hint=_HINT,
        )
    if rows["time"].dtype.base_type() not in {pl.Date, pl.Datetime}:
        raise InputError(
            found=f"times of type {rows['time'].dtype}",
            expected="a column of times",
            hint="convert them, in UTC, before the check",
        )
    for name in ("symbol", "time"):
        if rows[name].null_count():
            raise InputError(
                found=f"{rows[name].null_count():,} of {rows.height:,} rows without a {name}",
                expected="every row of one symbol at one time",
                hint=f"drop them, or fill in the {name}",
            )
    return _panel(rows.with_columns(pl.col("symbol").cast(pl.String), pl.col("time").cast(pl.Datetime("us"))))


def _panel(rows: pl.DataFrame) -> Panel:
    import polars as pl

    twice = rows.filter(rows.select("symbol", "time").is_duplicated())
    if twice.height:
        first = twice.row(0, named=True)
        at = format_instant(int(twice["time"].dt.epoch("us")[0]))
        raise InputError(
            found=f"{twice.height:,} rows that share symbol and time with another, the first of {first['symbol']} "
            f"at {at}",
            expected="one row per symbol and time",
            hint="drop the copies, or give each series its own symbol",
        )
    kept = [name for name, kind in rows.schema.items() if kind.is_numeric() or kind == pl.Boolean]
    kept = [name for name in kept if name not in {"symbol", "time"}]
    if not kept:
        raise InputError(
            found=f"no numbers in {', '.join(rows.columns)}",
            expected="symbol, time, and columns of numbers",
            hint="prices that are text are no numbers: convert them",
        )
    times, at_rows = np.unique(rows["time"].dt.epoch("us").to_numpy(), return_inverse=True)
    symbols = sorted(set(rows["symbol"].to_list()))
    places = rows["symbol"].replace_strict(symbols, range(len(symbols)), return_dtype=pl.Int64).to_numpy()
    columns = {}
    for name in kept:
        columns[name] = np.full((len(times), len(symbols)), np.nan)
        columns[name][at_rows, places] = rows[name].cast(pl.Float64).fill_null(np.nan).to_numpy()
    return Panel(times.astype(np.int64), tuple(symbols), columns)


def _rows_of(given: Any) -> pl.DataFrame:
    import polars as pl

    if isinstance(given, pl.LazyFrame):
        return given.collect()
    if isinstance(given, pl.DataFrame):
        return given
    if not (hasattr(given, "iloc") and given.ndim == 2):
        raise InputError(
            found=f"a history of type {type(given).__name__}",
            expected="a History, a Panel, or a frame with symbol, time and numbers",
            hint="pl.DataFrame(...) makes one of a dictionary of columns",
        )
    in_index = [name for name in given.index.names if name in {"symbol", "time"} and name not in given.columns]
    frame = given.reset_index(level=in_index) if in_index else given
    columns: dict[str, pl.Series] = {}
    for name in frame.columns:
        try:
            columns[str(name)] = pl.Series(pl.from_pandas(frame[name].reset_index(drop=True)))
        except (TypeError, ValueError, pl.exceptions.PolarsError):
            columns[str(name)] = pl.Series([None if one is None else str(one) for one in frame[name]], dtype=pl.String)
    return pl.DataFrame(columns)
