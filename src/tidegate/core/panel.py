"""Panels: dense, time-major, read-only matrices of one market."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

from tidegate.core.errors import InputError
from tidegate.core.fingerprint import array_fingerprint, fingerprint
from tidegate.core.units import FloatArray, Int64Array

__all__ = ["Panel", "read_only"]


def read_only(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return a view of ``array`` that refuses to be written to."""
    view = array.view()
    view.flags.writeable = False
    return view


@dataclass(frozen=True, eq=False)
class Panel:
    """One matrix per column, one row per instant, one place per symbol.

    Parameters
    ----------
    times
        ``int64 (n_times,)``, strictly increasing instants (microseconds UTC): the closes of the bars. Row *t* of every
        column holds what was known at ``times[t]``.
    symbols
        Names in ascending order, ``n_symbols`` of them.
    columns
        Name to ``float64 (n_times, n_symbols)``; NaN means that the value is missing.

    Raises
    ------
    InputError
        If times or symbols are not strictly ascending or an array has another shape.

    Examples
    --------
    >>> panel = Panel(np.array([10, 20]), ("A", "B"), {"close": np.array([[1.0, 2.0], [1.5, np.nan]])})
    >>> panel["close"][1, 0]
    np.float64(1.5)
    """

    times: Int64Array
    symbols: tuple[str, ...]
    columns: Mapping[str, FloatArray]

    def __post_init__(self) -> None:
        if self.times.ndim != 1 or self.times.dtype != np.int64:
            raise InputError(
                found=f"times of shape {self.times.shape} and type {self.times.dtype}",
                expected="one dimension of int64",
                hint="instants are whole microseconds UTC",
            )
        if np.any(np.diff(self.times) <= 0) or list(self.symbols) != sorted(set(self.symbols)):
            raise InputError(
                found="times or symbols out of order",
                expected="both strictly ascending",
                hint="sort before building a panel",
            )
        shape = (len(self.times), len(self.symbols))
        columns = {name: np.asarray(column, dtype=np.float64) for name, column in self.columns.items()}
        for name, column in columns.items():
            if column.shape != shape:
                raise InputError(
                    found=f"column {name!r} of shape {column.shape}",
                    expected=f"{shape}",
                    hint="one row per time, one place per symbol",
                )
        object.__setattr__(self, "times", read_only(self.times))
        frozen = {name: read_only(column) for name, column in columns.items()}
        object.__setattr__(self, "columns", MappingProxyType(frozen))

    def __getitem__(self, name: str) -> FloatArray:
        try:
            return self.columns[name]
        except KeyError:
            raise InputError(
                found=f"no column {name!r}",
                expected=f"one of {', '.join(sorted(self.columns))}",
                hint="the source may not deliver it",
            ) from None

    def __contains__(self, name: object) -> bool:
        return name in self.columns

    def __iter__(self) -> Iterator[str]:
        return iter(self.columns)

    @property
    def shape(self) -> tuple[int, int]:
        """``(n_times, n_symbols)``."""
        return len(self.times), len(self.symbols)

    def with_columns(self, extra: Mapping[str, FloatArray]) -> Panel:
        """Return the same panel with further columns."""
        return Panel(self.times, self.symbols, {**self.columns, **extra})

    def rows(self, start: int, stop: int) -> Panel:
        """Return the rows ``start`` to ``stop`` (exclusive) as a panel over the same memory."""
        cut = {name: column[start:stop] for name, column in self.columns.items()}
        return Panel(self.times[start:stop], self.symbols, cut)

    def take(self, symbols: tuple[str, ...]) -> Panel:
        """Return the panel of a subset of symbols, in ascending order.

        Raises
        ------
        InputError
            If one of them is not in the panel.
        """
        places = {symbol: place for place, symbol in enumerate(self.symbols)}
        absent = sorted(set(symbols) - set(places))
        if absent:
            raise InputError(
                found=f"no symbol {', '.join(absent)}",
                expected="symbols of the panel",
                hint="check the universe's names",
            )
        where = [places[symbol] for symbol in symbols]
        return Panel(self.times, symbols, {name: column[:, where] for name, column in self.columns.items()})

    def fingerprint(self) -> str:
        """Return the SHA-256 of times, symbols and every column."""
        arrays = {name: array_fingerprint(column) for name, column in self.columns.items()}
        return fingerprint({"times": array_fingerprint(self.times), "symbols": list(self.symbols), "columns": arrays})
