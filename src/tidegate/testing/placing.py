"""Where the values belong that a function gave for a frame of bars: at which bar, of which symbol.

Never by a blind reindex: what cannot be placed for certain is refused, since values that got lost compare as equal.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from tidegate.core.errors import InputError
from tidegate.core.panel import Panel
from tidegate.core.time import format_instant
from tidegate.core.units import Int64Array
from tidegate.testing.numbers import Numbers, numbers

if TYPE_CHECKING:
    import polars as pl

__all__ = ["Handed", "Table", "placed"]


@dataclass(frozen=True, eq=False, kw_only=True)
class Handed:
    """What a function was handed: bars, as the rows of ``frame``; ``rows`` and ``places`` say where each belongs."""

    bars: Panel
    frame: pl.DataFrame
    rows: Int64Array
    places: Int64Array

    def base(self, key: str) -> Numbers:
        """Return a column of the frame, ``(n, n_symbols)``."""
        values = np.full(self.bars.shape, np.nan)
        values[self.rows, self.places] = numbers(key, self.frame[key])
        return values


@dataclass(frozen=True, eq=False, kw_only=True)
class Table:
    """What a function gave, read from a frame of whichever library.

    Parameters
    ----------
    height
        Rows.
    columns
        Labels (tuples where they have levels) and values.
    symbol, instants, row
        What its columns or its index say of each row, as far as they do; ``row`` counts those handed out.
    in_order
        Whether it may be taken in the order of the rows if it says nothing.
    index
        How its index is to be called in a message.
    """

    height: int
    columns: Sequence[tuple[tuple[str, ...], Any]]
    symbol: Sequence[str] | None = None
    instants: Int64Array | None = None
    row: Int64Array | None = None
    in_order: bool = False
    index: str = "no index"


def placed(table: Table, handed: Handed, name: str) -> dict[str, Numbers]:
    """Return the values by key, ``(n, n_symbols)``.

    Parameters
    ----------
    name
        Key of values that have no name.

    Raises
    ------
    InputError
        If it is not certain where they belong.
    """
    if table.symbol is not None and table.instants is not None:
        return _by_keys(table, handed)
    if table.instants is not None and _is_wide(table, handed.bars):
        return _wide(table, handed.bars, name)
    if table.instants is not None and table.symbol is None and len(np.unique(table.instants)) == table.height:
        return _for_all(table, handed)
    rows = _handed_rows(table, handed)
    if rows is not None:
        return _scattered(table, handed, handed.rows[rows], handed.places[rows])
    raise InputError(
        found=f"{table.height:,} values with {table.index} for {handed.frame.height:,} rows",
        expected="one per row in their order or by their index, or columns symbol and time, or one per time",
        hint="keep symbol and time if rows are dropped, sorted or put together",
    )


def _by_keys(table: Table, handed: Handed) -> dict[str, Numbers]:
    """Place by symbol and time; a given column keeps what it held where rows were dropped, so that it stays itself."""
    assert table.symbol is not None
    assert table.instants is not None
    rows, places = _bar_rows(handed.bars, table.instants), _symbol_places(handed.bars, table.symbol)
    return _scattered(table, handed, rows, places, keep=True)


def _scattered(
    table: Table, handed: Handed, rows: Int64Array, places: Int64Array, *, keep: bool = False
) -> dict[str, Numbers]:
    bars, named = handed.bars, {}
    if len(np.unique(rows * len(bars.symbols) + places)) != len(rows):
        raise InputError(
            found="rows that repeat a symbol and a time",
            expected="one value per symbol and time",
            hint="a join that multiplies rows often lacks a key",
        )
    for key, given in _flat(table):
        values = numbers(key, given)
        whole = keep and key in handed.frame.columns
        named[key] = handed.base(key) if whole else np.full(bars.shape, np.nan, dtype=values.dtype)
        named[key][rows, places] = values
    return named


def _flat(table: Table) -> list[tuple[str, Any]]:
    flat = [("_".join(part for part in label if part), given) for label, given in table.columns]
    return _once(flat)


def _once(columns: list[tuple[str, Any]]) -> list[tuple[str, Any]]:
    keys = [key for key, _ in columns]
    twice = sorted({key for key in keys if keys.count(key) > 1})
    if twice:
        raise InputError(
            found=f"several columns called {', '.join(twice)}",
            expected="names that differ",
            hint="rename them before they are put together",
        )
    return columns


def _symbol_in(label: tuple[str, ...], bars: Panel) -> int | None:
    """Return which part of a label is a symbol."""
    return next((place for place, part in enumerate(label) if part in bars.symbols), None)


def _is_wide(table: Table, bars: Panel) -> bool:
    return bool(table.columns) and all(_symbol_in(label, bars) is not None for label, _ in table.columns)


def _wide(table: Table, bars: Panel, name: str) -> dict[str, Numbers]:
    """Place a frame with a row per time and a column per symbol, or per feature and symbol."""
    assert table.instants is not None
    rows, named = _unique_rows(table, bars), dict[str, Numbers]()
    seen: list[tuple[str, Any]] = []
    for label, given in table.columns:
        at = _symbol_in(label, bars)
        assert at is not None
        key = "_".join(part for place, part in enumerate(label) if place != at and part) or name
        values = numbers(key, given)
        seen.append((f"{key} of {label[at]}", None))
        known = named.get(key)
        if known is None:
            known = np.full(bars.shape, np.nan, dtype=values.dtype)
        elif known.dtype != values.dtype:
            known = known.astype(np.float64)
        known[rows, bars.symbols.index(label[at])] = values
        named[key] = known
    _once(seen)
    return named


def _for_all(table: Table, handed: Handed) -> dict[str, Numbers]:
    """Place one value per time at every row of that time: while one symbol trades alone, these are its own rows."""
    rows, named = _unique_rows(table, handed.bars), {}
    for key, given in _flat(table):
        values = numbers(key, given)
        by_time = np.full(len(handed.bars.times), np.nan, dtype=values.dtype)
        by_time[rows] = values
        named[key] = np.full(handed.bars.shape, np.nan, dtype=values.dtype)
        named[key][handed.rows, handed.places] = by_time[handed.rows]
    return named


def _unique_rows(table: Table, bars: Panel) -> Int64Array:
    assert table.instants is not None
    rows = _bar_rows(bars, table.instants)
    if len(np.unique(rows)) != len(rows):
        raise InputError(
            found="a row per time and a column per symbol, with times that repeat",
            expected="each time once",
            hint="a pivot that lost its index repeats them",
        )
    return rows


def _handed_rows(table: Table, handed: Handed) -> Int64Array | None:
    """Return which of the rows handed out these are, if their index or their order says so and nothing contradicts."""
    height = handed.frame.height
    if table.row is not None:
        fits = not len(table.row) or (table.row.min() >= 0 and table.row.max() < height)
        if fits and len(np.unique(table.row)) == len(table.row) and _agrees(table, handed, table.row):
            return table.row
    says = table.symbol is not None or table.instants is not None
    in_turn = np.arange(height, dtype=np.int64)
    if table.height == height and (table.in_order or says) and _agrees(table, handed, in_turn):
        return in_turn
    return None


def _agrees(table: Table, handed: Handed, rows: Int64Array) -> bool:
    """Whether what a table says of symbols and times is that of these rows."""
    if table.instants is not None and not np.array_equal(handed.bars.times[handed.rows[rows]], table.instants):
        return False
    if table.symbol is None:
        return True
    return [handed.bars.symbols[place] for place in handed.places[rows]] == list(table.symbol)


def _bar_rows(bars: Panel, instants: Int64Array) -> Int64Array:
    rows = np.searchsorted(bars.times, instants)
    is_bar = np.zeros(len(instants), dtype=np.bool_)
    there = rows < len(bars.times)
    is_bar[there] = bars.times[rows[there]] == instants[there]
    if not is_bar.all():
        stranger = int(instants[np.argmin(is_bar)])
        raise InputError(
            found=f"a value at {format_instant(stranger)}, where no bar closes",
            expected="the times of the rows handed out",
            hint="stamp each value with the close of the bar that first knows it",
        )
    return rows.astype(np.int64)


def _symbol_places(bars: Panel, symbols: Sequence[str]) -> Int64Array:
    places = {symbol: place for place, symbol in enumerate(bars.symbols)}
    stranger = next((symbol for symbol in symbols if symbol not in places), None)
    if stranger is not None:
        raise InputError(
            found=f"a value of {stranger!r}",
            expected=f"symbols handed out, such as {bars.symbols[0]}" if bars.symbols else "no value at all",
            hint="give what is about all symbols as one value per time, without a symbol",
        )
    return np.array([places[symbol] for symbol in symbols], dtype=np.int64)
