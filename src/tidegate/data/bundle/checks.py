"""What rows of a bundle must be before the first of them is appended."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import polars as pl

from tidegate.core.clock import now
from tidegate.core.errors import CatalogError, DataError, LookAheadError
from tidegate.core.time import Instant, Window, format_instant, parse_instant
from tidegate.data.bundle.manifest import BundleFile
from tidegate.data.catalog import Catalog
from tidegate.data.revisions import require_valid, sort_out
from tidegate.data.tables import MOMENT, TableSpec, spec_of

__all__ = ["require_acceptable"]

_FIRST: Final = parse_instant("0001-01-01")
_LAST: Final = parse_instant("9999-12-31")


def require_acceptable(catalog: Catalog, groups: Iterator[pl.DataFrame], file: BundleFile) -> None:
    """Refuse a file that the catalog could not take whole: its first rows must not be stored when its last are refused.

    Parameters
    ----------
    groups
        The rows of the file, group by group.

    Raises
    ------
    DataError
        If rows are out of order, of another data set, known before their event or after the present, or differ from
        stored ones of the same key and known time.
    """
    spec = spec_of(file.table)
    order = _Order(spec, file)
    for rows in groups:
        _require_nameable_times(rows, file)
        try:
            require_valid(spec, rows)
        except LookAheadError as error:
            raise DataError(found=f"{file.file}: {error.found}", expected=error.expected, hint=error.hint) from None
        order.require_next(rows)
        _require_own_rows(rows, file)
        _require_no_conflict(catalog, rows, file)


class _Order:
    """The order in which rows are written: stretches of time one after another, and in each of them by key.

    In this order no key and known time can stand twice, in however many groups a file lies.
    """

    def __init__(self, spec: TableSpec, file: BundleFile) -> None:
        self._key = [*spec.key, "known_time"]
        self._file = file
        self._last: tuple[Any, ...] | None = None
        self._newest: Any = None
        self._barrier: Any = None

    def require_next(self, rows: pl.DataFrame) -> None:
        keys = rows.select(self._key)
        first, last = keys.row(0), keys.row(-1)
        if self._last is not None and first <= self._last:
            self._barrier = self._newest
        newest = rows["event_time"].max()
        overlaps = self._barrier is not None and (rows["event_time"] <= self._barrier).any()
        if overlaps or not keys.equals(keys.sort(self._key)):
            raise DataError(
                found=f"{self._file.file}: rows out of order",
                expected="stretches of time, each sorted by key and known time",
                hint="build the bundle again",
            )
        self._last, self._newest = last, newest if self._newest is None else max(newest, self._newest)


def _require_nameable_times(rows: pl.DataFrame, file: BundleFile) -> None:
    """Refuse instants beyond the calendar before anybody tries to put one into words."""
    for name, kind in rows.schema.items():
        if kind == MOMENT and not rows[name].to_physical().drop_nulls().is_between(_FIRST, _LAST).all():
            raise DataError(
                found=f"{file.file}: {name} in no year from 1 to 9999",
                expected="microseconds since 1970",
                hint="build the bundle again",
            )


def _require_own_rows(rows: pl.DataFrame, file: BundleFile) -> None:
    place = {"dataset": file.dataset} | ({"interval": str(file.interval)} if file.interval else {})
    for name, value in place.items():
        if rows[name][0] != value:
            raise DataError(
                found=f"{file.file}: rows of {name} {rows[name][0]!r}",
                expected=f"{value!r}, as the manifest says",
                hint="build the bundle again",
            )
    present, latest = now(), Instant(int(rows["known_time"].dt.epoch("us").to_numpy().max()))
    if latest > present:
        raise DataError(
            found=f"{file.file}: rows known only at {format_instant(latest)}",
            expected=f"nothing known after the present, {format_instant(present)}",
            hint="check the clock of this machine, then that of the one that built the bundle",
        )


def _require_no_conflict(catalog: Catalog, rows: pl.DataFrame, file: BundleFile) -> None:
    """Ask of each row what an append will ask, without appending it."""
    try:
        catalog.version(file.table, dataset=file.dataset)
    except CatalogError:  # nothing of this data set is stored, so nothing can differ
        return
    moments = rows["event_time"].dt.epoch("us").to_numpy()
    window = Window(start=Instant(int(moments.min()) - 1), end=Instant(int(moments.max())))
    stored = catalog.revisions(file.table, dataset=file.dataset, as_of=_LAST, window=window)
    if file.interval is not None:
        stored = stored.filter(pl.col("interval") == str(file.interval))
    held = stored.sort("event_time", "known_time", "recorded_time").collect()
    try:
        sort_out(spec_of(file.table), rows, held, None)
    except DataError as error:
        raise DataError(
            found=f"{file.file}: {error.found}",
            expected=error.expected,
            hint="the bundle and this catalog disagree about the past; import it into a workspace of its own, "
            "made by: tidegate init --workspace NEW",
        ) from None
