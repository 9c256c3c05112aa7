"""Revisions: telling new rows from stored and changed ones, and what a change means."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from tidegate.core.errors import DataError, LookAheadError
from tidegate.core.time import Instant, format_instant, moment_of
from tidegate.data.ordering import in_order, is_ascending
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
        If a column is missing, unknown or of another type, rows of one call belong to several partitions, lack a key
        or a time, or two of them name the same key and known time.
    LookAheadError
        If a row claims to be known before what it is about, in a table where nothing is announced ahead.
    """
    _require_schema(spec, rows)
    lacking = [name for name in (*spec.key, "known_time") if rows[name].null_count()]
    several = [name for name in spec.partition if rows.height and (rows[name] != rows[name][0]).any()]
    if lacking or several or _has_equal_keys(spec, rows):
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
    if spec.announced_ahead:
        return
    early = rows.filter(pl.col("known_time") < pl.col("event_time"))
    if early.height:
        raise LookAheadError(
            found=f"{early.height} rows of {spec.name} known before their event, the first at {early['event_time'][0]}",
            expected="known_time at or after event_time",
            hint="a bar is known at its close at the earliest",
        )


def _require_schema(spec: TableSpec, rows: pl.DataFrame) -> None:
    wanted = [name for name in spec.schema if name != "recorded_time"]
    missing, unknown = sorted(set(wanted) - set(rows.columns)), sorted(set(rows.columns) - set(wanted))
    wrong = [
        f"{name} as {rows.schema[name]}"
        for name in wanted
        if name in rows.columns and not _fits(rows.schema[name], spec.schema[name])
    ]
    if missing or unknown or wrong:
        found = [f"no {', '.join(missing)}"] if missing else []
        found += [f"unknown {', '.join(unknown)}"] if unknown else []
        raise DataError(
            found=f"rows of {spec.name} with {'; '.join([*found, *wrong])}",
            expected=f"the columns {', '.join(wanted)}",
            hint="tidegate.data.tables tells each column's type and unit",
        )


def _fits(found: pl.DataType, wanted: pl.DataType) -> bool:
    """Whether values of one type can stand for another without a loss: null for anything, whole numbers for any."""
    return found in {wanted, pl.Null()} or (found.is_numeric() and wanted.is_numeric())


def _has_equal_keys(spec: TableSpec, rows: pl.DataFrame) -> bool:
    keys = rows.select(spec.order)
    return not is_ascending(keys, spec.order) and not is_ascending(in_order(keys, spec.order), spec.order)


def sort_out(
    spec: TableSpec, rows: pl.DataFrame, stored: pl.DataFrame | None, revision: Revision | None
) -> tuple[pl.DataFrame, pl.DataFrame, int]:
    """Split rows into new keys or vintages and changed values, and count those that are stored already.

    A row of a stored key with a known time of its own is a further vintage; it says nothing new where it equals the
    vintage known before it. (If a vintage from between arrives later, the source that is asked again says it anew.)
    A row whose key *and* known time are stored can only repeat or change what is there: without a revision it repeats
    if it equals *any* stored version of its key, since an older file that is read again says nothing new; with one,
    only the newest version counts.

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
        fresh, repeated = _new_vintages(spec, rows, rows.clear())
        return fresh, rows.clear(), repeated
    vintage = [*spec.key, "known_time"]
    there = stored.select(vintage).unique()
    fresh, repeated = _new_vintages(spec, rows.join(there, on=vintage, how="anti"), stored)
    both = rows.join(there, on=vintage, how="semi", maintain_order="left")
    revised, identical = _changed(spec, both, stored, revision)
    return fresh, revised.select(columns), repeated + identical


def _new_vintages(spec: TableSpec, rows: pl.DataFrame, stored: pl.DataFrame) -> tuple[pl.DataFrame, int]:
    """Leave out rows that equal the vintage known before them, stored or among the rows; count these."""
    key = list(spec.key)
    public_at_once = bool((rows["known_time"] == rows["event_time"]).all())
    if public_at_once and stored.is_empty():
        return rows, 0
    both = pl.concat(
        [
            stored.unique([*key, "known_time"], keep="last", maintain_order=True)
            .join(rows.select(key).unique(), on=key, how="semi")
            .select(rows.columns)
            .with_columns(is_new=pl.lit(value=False)),
            rows.with_columns(is_new=pl.lit(value=True)),
        ]
    ).sort(*key, "known_time")
    follows = pl.all_horizontal(pl.col(name) == pl.col(name).shift() for name in key)
    before = both.with_columns(pl.col(name).shift().alias(f"{name}_stored") for name in spec.values)
    says_nothing = follows.fill_null(value=False) & ~pl.any_horizontal(_differs(spec, name) for name in spec.values)
    new = before.with_columns(says_nothing=says_nothing).filter("is_new")
    fresh = new.filter(~pl.col("says_nothing")).select(rows.columns)
    return fresh, rows.height - fresh.height


def _changed(
    spec: TableSpec, rows: pl.DataFrame, stored: pl.DataFrame, revision: Revision | None
) -> tuple[pl.DataFrame, int]:
    """Return the rows that change what is stored under their key and known time, and count those that repeat it."""
    key = list(spec.key)
    old = stored.select(*key, pl.col("known_time").alias("stored_known_time"), *spec.values)
    if revision is not None:
        old = old.unique(key, keep="last", maintain_order=True)
    both = rows.join(old, on=key, suffix="_stored", maintain_order="left_right")
    differs = both.select(pl.any_horizontal(_differs(spec, name) for name in spec.values)).to_series()
    vintage = [*key, "known_time"]
    equal = both.filter(~differs).select(vintage).unique()
    changed = both.filter(differs).join(equal, on=vintage, how="anti").unique(vintage, keep="last", maintain_order=True)
    revised = _as_revision(spec, changed.select(*rows.columns, "stored_known_time"), stored, revision)
    return revised, equal.height


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
        # What was public at once and never right was wrong in every vintage, so each of them is corrected; where a
        # source tells vintages apart, it tells which of them is wrong.
        at_once = changed.filter(pl.col("known_time") == pl.col("event_time"))
        vintages = stored.select(*spec.key, pl.col("known_time").alias("vintage")).unique()
        every = at_once.join(vintages, on=list(spec.key)).with_columns(pl.col("vintage").alias("known_time"))
        return pl.concat([every.drop("vintage"), changed.filter(pl.col("known_time") != pl.col("event_time"))])
    if (changed["stored_known_time"] >= moment_of(revision.known_at)).any():
        raise DataError(
            found=f"restated values said to be known at {format_instant(revision.known_at)}",
            expected="a time after the stored values became known",
            hint="a mistake in the data, right from the start, is a correction: --correct --reason TEXT",
        )
    return changed.with_columns(pl.lit(moment_of(revision.known_at)).cast(MOMENT).alias("known_time"))
