"""Revisions: telling new rows from stored and changed ones, and what a change means."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from tidegate.core.errors import DataError, LookAheadError
from tidegate.core.time import Instant, format_instant, moment_of
from tidegate.data.tables import MOMENT, TableSpec

__all__ = ["Revision", "require_valid", "sort_out"]


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


def require_valid(spec: TableSpec, rows: pl.DataFrame) -> None:
    """Refuse rows that no table may hold.

    Raises
    ------
    DataError
        If rows of one call belong to several partitions, lack a key or a time, or two of them have the same key.
    LookAheadError
        If a row claims to be known before what it is about.
    """
    key = list(spec.key)
    lacking = [name for name in (*key, "known_time") if rows[name].null_count()]
    several = [name for name in spec.partition if rows[name].n_unique() > 1]
    if lacking or several or _has_equal_keys(rows.select(spec.member, "event_time")):
        what = (
            f"nothing in {', '.join(lacking)}"
            if lacking
            else f"several of {', '.join(several)}"
            if several
            else "equal keys"
        )
        raise DataError(
            found=f"rows of {spec.name} with {what}",
            expected=f"one {', '.join(spec.partition)} per call and every key once",
            hint="group the rows and drop repetitions first",
        )
    early = rows.filter(pl.col("known_time") < pl.col("event_time"))
    if early.height:
        raise LookAheadError(
            found=f"{early.height} rows of {spec.name} known before their event, the first at {early['event_time'][0]}",
            expected="known_time at or after event_time",
            hint="a bar is known at its close at the earliest",
        )


def _has_equal_keys(keys: pl.DataFrame) -> bool:
    """Whether a key occurs twice; sorting takes a fraction of the memory that a hash of millions of rows does."""
    ordered = keys.sort(keys.columns)
    same = pl.all_horizontal(pl.col(name) == pl.col(name).shift() for name in keys.columns)
    return bool(ordered.select(same.any()).item())


def sort_out(
    spec: TableSpec, rows: pl.DataFrame, stored: pl.DataFrame | None, revision: Revision | None
) -> tuple[pl.DataFrame, pl.DataFrame, int]:
    """Split rows into new keys and changed values, and count those that are stored already.

    Without a revision a row that equals *any* stored version of its key is stored already: an older file that is read
    again says nothing new. With one, only the newest version counts.

    Parameters
    ----------
    stored
        Every stored version of these keys, sorted so that the newest of each comes last; None where there is none.

    Raises
    ------
    DataError
        If values changed and no revision says what that means, or restated values would have been known before the
        stored ones.
    """
    columns = [name for name in spec.schema if name != "recorded_time"]
    rows = rows.select(pl.col(name).cast(spec.schema[name]) for name in columns)
    if stored is None or stored.is_empty():
        return rows, rows.clear(), 0
    key = list(spec.key)
    old = stored.select(*key, pl.col("known_time").alias("stored_known_time"), *spec.values)
    if revision is not None:
        old = old.unique(key, keep="last", maintain_order=True)
    fresh = rows.join(old, on=key, how="anti")
    both = rows.join(old, on=key, suffix="_stored", maintain_order="left_right")
    differs = both.select(pl.any_horizontal(_differs(spec, name) for name in spec.values)).to_series()
    equal = both.filter(~differs).select(key).unique()
    changed = both.filter(differs).join(equal, on=key, how="anti").unique(key, keep="last", maintain_order=True)
    revised = _as_revision(spec, changed.select(*columns, "stored_known_time"), stored, revision)
    return fresh, revised.select(columns), equal.height


def _differs(spec: TableSpec, name: str) -> pl.Expr:
    new, old = pl.col(name), pl.col(f"{name}_stored")
    tolerance = spec.approximate.get(name)
    if tolerance is None:
        return new.ne_missing(old)
    return ((new - old).abs() > tolerance * old.abs()).fill_null(new.is_null() != old.is_null())


def _as_revision(
    spec: TableSpec, changed: pl.DataFrame, stored: pl.DataFrame, revision: Revision | None
) -> pl.DataFrame:
    """Give changed rows the known time that their revision means."""
    if changed.is_empty():
        return changed
    if revision is None:
        first = changed.row(0, named=True)
        raise DataError(
            found=f"{changed.height} rows that differ from stored ones, the first "
            f"{first[spec.member]} at {first['event_time']:%Y-%m-%d %H:%M}",
            expected="new rows or identical ones",
            hint="restated values: --known-at TIME; a mistake in the data: --correct --reason TEXT",
        )
    if revision.known_at is None:
        # What was never right was wrong in every vintage, so each of them is corrected.
        vintages = stored.select(*spec.key, pl.col("known_time").alias("vintage")).unique()
        every = changed.join(vintages, on=list(spec.key)).with_columns(pl.col("vintage").alias("known_time"))
        return every.drop("vintage")
    if (changed["stored_known_time"] >= moment_of(revision.known_at)).any():
        raise DataError(
            found=f"restated values said to be known at {format_instant(revision.known_at)}",
            expected="a time after the stored values became known",
            hint="a mistake in the data, right from the start, is a correction: --correct --reason TEXT",
        )
    return changed.with_columns(pl.lit(moment_of(revision.known_at)).cast(MOMENT).alias("known_time"))
