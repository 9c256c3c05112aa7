"""Rows in the order of their keys: whether they are, how to bring them there, and the newest of each key.

Rows of the catalog are nearly in order already, a few sorted files one after the other. Looking first, and sorting
by a merge of what is sorted, costs a fraction of sorting anew.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import numpy as np
import polars as pl
from polars.io.plugins import register_io_source

from tidegate.core.units import Int64Array, Mask

__all__ = ["in_order", "is_ascending", "newest", "newest_lazily", "parts_of"]

_TIES: Final = ("known_time", "recorded_time")
_ROWS_AT_ONCE: Final = 1_000_000


def is_ascending(rows: pl.DataFrame, key: Sequence[str]) -> bool:
    """Whether rows are in order of a key, and none has the key of another."""
    if rows.height < 2:
        return True
    tied = pl.repeat(value=True, n=rows.height - 1, eager=True)
    for name in key:
        after, before = rows[name].slice(1), rows[name].head(rows.height - 1)
        same = after == before
        if rows.schema[name] == pl.String:
            # Texts change seldom, and to tell which of two comes first takes longer than to see that they differ.
            changes = (tied & ~same).arg_true()
            falls = after.gather(changes) < before.gather(changes)
        else:
            falls = tied & (after < before)
        if falls.any():
            return False
        tied = tied & same
    return not tied.any()


def in_order(rows: pl.DataFrame, key: Sequence[str]) -> pl.DataFrame:
    """Return rows in ascending order of a key of texts and times; those of one key stay as they were."""
    return rows if is_ascending(rows, key) else rows[_order(rows, key)]


def newest(rows: pl.DataFrame, key: Sequence[str]) -> pl.DataFrame:
    """Return the newest known row of each key, sorted by key; a later record wins where both were known at once."""
    return rows if is_ascending(rows, key) else rows[_newest_places(rows, key)]


def newest_lazily(
    rows: pl.LazyFrame, key: Sequence[str], schema: Mapping[str, pl.DataType], *, at_most: int
) -> pl.LazyFrame:
    """Return :func:`newest` of rows that are not read yet; only columns and keys that are asked for are read.

    Parameters
    ----------
    at_most
        How many rows there can be. Many are read part by part: sorted at once they would fill memory twice.
    """

    def frames(
        columns: list[str] | None, predicate: pl.Expr | None, count: int | None, _batch: int | None
    ) -> Iterator[pl.DataFrame]:
        wanted = list(schema) if columns is None else columns
        asked = set() if predicate is None else set(predicate.meta.root_names())
        needed = {*wanted, *asked, *key, *_TIES}
        found, left = rows, count
        # What holds of a key holds of each of its rows. A cut by number comes first, so there must be none.
        if predicate is not None and count is None and asked <= set(key):
            found, predicate = found.filter(predicate), None
        is_text = schema[key[0]] == pl.String
        for part in parts_of(found, key[0], at_most=at_most, rows_at_once=_ROWS_AT_ONCE) if is_text else [found]:
            frame = newest(part.select(name for name in schema if name in needed).collect(), key)
            if left is not None:
                frame = frame.head(left)
                left -= frame.height
            yield (frame if predicate is None else frame.filter(predicate)).select(wanted)

    return register_io_source(frames, schema=dict(schema), is_pure=True)


def parts_of(rows: pl.LazyFrame, name: str, *, at_most: int, rows_at_once: int) -> Iterator[pl.LazyFrame]:
    """Yield rows in parts of about a number of rows, in order of a column of text; equal values stay together.

    Parameters
    ----------
    at_most
        How many rows there can be; few need not be counted.
    """
    if at_most <= rows_at_once:
        yield rows
        return
    counts = rows.group_by(name).len().collect().sort(name)
    numbered = counts.with_columns(part=(pl.col("len").cum_sum() - 1) // rows_at_once)
    for part in numbered.partition_by("part", maintain_order=True):
        yield rows.filter(pl.col(name).is_between(pl.lit(part[name][0]), pl.lit(part[name][-1])))


def _newest_places(rows: pl.DataFrame, key: Sequence[str]) -> pl.Series:
    """Return where the newest row of each key stands, in order of the keys."""
    places = _order(rows, key)
    last = _differs_from_next(rows, key, places)
    if not last.all():
        places = _order(rows, [*key, *_TIES])
        last = _differs_from_next(rows, key, places)
    return pl.Series(places[last])


def _differs_from_next(rows: pl.DataFrame, key: Sequence[str], places: Int64Array) -> Mask:
    differs = np.zeros(len(places), dtype=np.bool_)
    differs[-1:] = True
    for name in key:
        ordered = rows[name].gather(places)
        differs[:-1] |= (ordered.slice(1) != ordered.head(len(ordered) - 1)).to_numpy()
    return differs


def _order(rows: pl.DataFrame, key: Sequence[str]) -> Int64Array:
    return np.lexsort([_numbers(rows[name]) for name in reversed(key)])


def _numbers(values: pl.Series) -> Int64Array:
    """Return numbers in the same order as the values."""
    if values.dtype == pl.String:
        values = values.cast(pl.Enum(values.unique().sort())).to_physical()
    return values.cast(pl.Int64).to_numpy()
