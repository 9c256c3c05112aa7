"""What a function of a frame gave, whichever library made it, with all that it says of where its values belong."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

import numpy as np

from tidegate.core.errors import InputError
from tidegate.core.panel import Panel
from tidegate.core.units import Int64Array
from tidegate.testing.numbers import Numbers, numbers
from tidegate.testing.placing import Handed, Table, placed

__all__ = ["is_table", "named_values", "table_of"]


def named_values(given: Any, handed: Handed, name: str) -> dict[str, Numbers]:
    """Return what a function of a frame gave by key, ``(n, n_symbols)``.

    Parameters
    ----------
    given
        A series, a frame, an expression, an array, or several of them by name.
    name
        Key of a value that has no name.

    Raises
    ------
    InputError
        If it is nothing of the kind, or if it is not certain where its values belong.
    """
    import polars as pl

    if isinstance(given, Mapping):
        return _several({str(key): one for key, one in given.items()}, handed)
    if isinstance(given, list | tuple) and given and all(_is_column(one) for one in given):
        return _several({f"{name}_{place}": one for place, one in enumerate(given)}, handed)
    if isinstance(given, pl.Expr):
        given = _evaluated(given, handed, name)
    return placed(table_of(given, handed.bars, name), handed, name)


def is_table(given: Any) -> bool:
    """Whether something is a series or a frame."""
    import polars as pl

    return isinstance(given, pl.DataFrame | pl.Series | pl.LazyFrame) or hasattr(given, "iloc")


def table_of(given: Any, bars: Panel, name: str) -> Table:
    """Read a series, a frame or an array.

    Raises
    ------
    InputError
        If it is none of them.
    """
    import polars as pl

    if isinstance(given, pl.LazyFrame):
        given = given.collect()
    if isinstance(given, pl.Series):
        given = given.alias(name).to_frame()
    if isinstance(given, pl.DataFrame):
        return _of_polars(given)
    if hasattr(given, "iloc"):
        return _of_pandas(given if given.ndim == 2 else given.to_frame(name), bars)
    if given is None or isinstance(given, str | bytes) or np.ndim(given) == 0:
        raise InputError(
            found="None" if given is None else f"one {type(given).__name__} for all rows",
            expected="one value per row",
            hint="does it end with return, and is it not the mean of a column instead of a column?",
        )
    values = numbers(name, given)
    if values.ndim > 2:
        raise InputError(found=f"an array of shape {values.shape}", expected="one value per row", hint="give columns")
    wide = values[:, None] if values.ndim == 1 else values
    labels = [name] if values.ndim == 1 else [f"{name}_{place}" for place in range(wide.shape[1])]
    columns = [((label,), wide[:, place]) for place, label in enumerate(labels)]
    return Table(height=len(values), columns=columns, in_order=True)


def _several(given: Mapping[str, Any], handed: Handed) -> dict[str, Numbers]:
    found: dict[str, Numbers] = {}
    for key, one in given.items():
        values = named_values(one, handed, key)
        found |= values if len(values) == 1 and key in values else {f"{key}_{inner}": v for inner, v in values.items()}
        if len(values) == 1 and key not in values:
            found[key] = found.pop(f"{key}_{next(iter(values))}")
    return found


def _is_column(one: Any) -> bool:
    import polars as pl

    return isinstance(one, pl.Expr) or is_table(one) or (isinstance(one, np.ndarray) and one.ndim > 0)


def _evaluated(expression: Any, handed: Handed, name: str) -> Any:
    import polars as pl

    try:
        return handed.frame.select(expression.alias(name))
    except pl.exceptions.DuplicateError:
        return handed.frame.select(expression)  # of several columns, which keep their names


def _of_polars(frame: Any) -> Table:
    symbol = _symbols(frame["symbol"].to_list()) if "symbol" in frame.columns else None
    instants = _polars_instants(frame["time"]) if "time" in frame.columns else None
    columns = [((name,), frame[name]) for name in frame.columns if name not in {"symbol", "time"}]
    return Table(height=frame.height, columns=columns, symbol=symbol, instants=instants, in_order=True)


def _of_pandas(frame: Any, bars: Panel) -> Table:
    """Read columns and levels of the index; a level without a name is told by what it holds."""
    labels = [tuple(str(part) for part in label) if isinstance(label, tuple) else (str(label),) for label in frame]
    said: dict[str, Any] = {}
    columns = []
    for place, label in enumerate(labels):
        key = "_".join(part for part in label if part)
        if key in {"symbol", "time"} and key not in said:
            said[key] = frame.iloc[:, place]
        else:
            columns.append((label, frame.iloc[:, place].reset_index(drop=True)))
    strange = None
    for number in range(frame.index.nlevels):
        level = frame.index.get_level_values(number)
        role = _role(frame.index.names[number], level, bars)
        if role is None:
            strange = strange or f"an index of {level.dtype}" + (f" called {level.name}" if level.name else "")
        elif role not in said:
            said[role] = level
    if strange is not None and not {"symbol", "time"} <= set(said) and len(frame):
        said.pop("row", None)  # a level that is not understood may say that they are not those rows
    return Table(
        height=len(frame),
        columns=columns,
        symbol=_symbols(list(said["symbol"])) if "symbol" in said else None,
        instants=_pandas_instants(said["time"]) if "time" in said else None,
        row=np.asarray(said["row"], dtype=np.int64) if "row" in said else None,
        index=strange or f"an index of {' and '.join(sorted(said)) or 'nothing'}",
    )


def _role(name: Any, level: Any, bars: Panel) -> str | None:
    """Return what a level of an index is: ``symbol``, ``time``, ``row``, or nothing that is known."""
    kind = getattr(level.dtype, "kind", "O")
    if not len(level):
        return name if name in {"symbol", "time"} else "row"
    if name == "symbol":
        return "symbol"
    if name == "time" or kind == "M":
        return "time"
    if kind in "iu":
        return "row"
    if all(isinstance(one, str) and one in bars.symbols for one in set(level)):
        return "symbol"
    return None


def _symbols(given: list[Any]) -> list[str]:
    if any(one is None or one != one or type(one).__name__ == "NAType" for one in given):
        raise _nameless("symbol")
    return [str(one) for one in given]


def _polars_instants(times: Any) -> Int64Array:
    import polars as pl

    if times.null_count():
        raise _nameless("time")
    if times.dtype.base_type() not in {pl.Datetime, pl.Date}:
        raise _timeless(times.dtype)
    instants: Int64Array = times.cast(pl.Datetime("us")).dt.epoch("us").to_numpy()
    return instants


def _pandas_instants(times: Any) -> Int64Array:
    series = times.to_series().reset_index(drop=True) if hasattr(times, "to_series") else times
    if series.isna().any():
        raise _nameless("time")
    is_time = not len(series) or getattr(series.dtype, "kind", "O") == "M"
    if not is_time and not all(isinstance(one, date) for one in series):
        raise _timeless(series.dtype)
    return numbers("time", series).astype(np.int64)


def _nameless(what: str) -> InputError:
    return InputError(
        found=f"a value without a {what}",
        expected="symbol and time of every value",
        hint="drop rows that belong to none; a join, a shift or a resampling made them",
    )


def _timeless(kind: Any) -> InputError:
    return InputError(
        found=f"times of type {kind}", expected="the times of the rows handed out", hint="leave the column as it was"
    )
