"""Revisions: telling new rows from stored and changed ones, and what a change means."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from tidegate.core.errors import DataError
from tidegate.core.time import Instant, format_instant, moment_of
from tidegate.data.tables import MOMENT, TableSpec

__all__ = ["Revision", "as_revision", "sort_out"]


@dataclass(frozen=True, kw_only=True)
class Revision:
    """How rows that differ from stored ones are to be understood.

    Exactly one of the two: ``known_at``, the instant at which the new values became public; or
    ``correction_reason``, which says that the stored values were never right.
    """

    known_at: Instant | None = None
    correction_reason: str | None = None

    def __post_init__(self) -> None:
        if (self.known_at is None) == (self.correction_reason is None):
            raise DataError(
                found="a revision with both or neither of known-at and correct",
                expected="exactly one",
                hint="--known-at for restated values, --correct --reason for an error of the data",
            )


def sort_out(
    spec: TableSpec, rows: pl.DataFrame, stored: pl.DataFrame | None
) -> tuple[pl.DataFrame, pl.DataFrame, int]:
    """Split rows into new keys and changed values, and count those that are stored already."""
    columns = [name for name in spec.schema if name != "recorded_time"]
    rows = rows.select(pl.col(name).cast(spec.schema[name]) for name in columns)
    if stored is None or stored.is_empty():
        return rows, rows.clear(), 0
    key = list(spec.key)
    fresh = rows.join(stored.select(key), on=key, how="anti")
    both = rows.join(
        stored.select(*key, pl.col("known_time").alias("stored_known_time"), *spec.values),
        on=key,
        suffix="_stored",
    )
    both = both.with_columns(pl.any_horizontal(_differs(spec, name) for name in spec.values).alias("differs"))
    revised = both.filter("differs")
    return fresh, revised.select(*columns, "stored_known_time"), both.height - revised.height


def _differs(spec: TableSpec, name: str) -> pl.Expr:
    new, old = pl.col(name), pl.col(f"{name}_stored")
    tolerance = spec.approximate.get(name)
    if tolerance is None:
        return new.ne_missing(old)
    return ((new - old).abs() > tolerance * old.abs()).fill_null(new.is_null() != old.is_null())


def as_revision(spec: TableSpec, revised: pl.DataFrame, revision: Revision | None) -> pl.DataFrame:
    """Give changed rows the known time that their revision means.

    Raises
    ------
    DataError
        If no revision says what they mean, or restated values would have been known before the stored ones.
    """
    if revision is None:
        first = revised.row(0, named=True)
        raise DataError(
            found=f"{revised.height} rows that differ from stored ones, the first "
            f"{first[spec.member]} at {first['event_time']:%Y-%m-%d %H:%M}",
            expected="new rows or identical ones",
            hint="restated values: --known-at TIME; a mistake in the data: --correct --reason TEXT",
        )
    if revision.known_at is None:
        return revised.with_columns(pl.col("stored_known_time").alias("known_time"))
    if (revised["stored_known_time"] >= moment_of(revision.known_at)).any():
        raise DataError(
            found=f"restated values said to be known at {format_instant(revision.known_at)}",
            expected="a time after the stored values became known",
            hint="a mistake in the data, right from the start, is a correction: --correct --reason TEXT",
        )
    return revised.with_columns(pl.lit(moment_of(revision.known_at)).cast(MOMENT).alias("known_time"))
