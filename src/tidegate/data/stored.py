"""What a version of a table holds: its files, and the times and members in each of them, as the log tells."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote

import polars as pl

from tidegate.core.randomness import unique_suffix
from tidegate.core.time import Window, moment_of
from tidegate.data.tables import TableSpec

if TYPE_CHECKING:
    from deltalake import DeltaTable

__all__ = ["Layout", "Stored", "bounds_of", "name_of_file"]

# Delta Lake lets writers cut times in the log to milliseconds, so the last one may have been this much later.
_PRECISION: Final = timedelta(milliseconds=1)
# A file's name is what every reader of the log sees of it, and the only place of the log that is free.
_DISTINCT: Final = "distinct-"
_VINTAGES: Final = "vintages-"


@dataclass(frozen=True, eq=False)
class Stored:
    """A version of a table.

    Parameters
    ----------
    spec
        The table.
    table
        Delta Lake's view of it at that version; None where nothing was ever appended.
    """

    spec: TableSpec
    table: DeltaTable | None

    @cached_property
    def version(self) -> int:
        """The number of the version; -1 where nothing was ever appended."""
        return -1 if self.table is None else int(self.table.version())

    @cached_property
    def files(self) -> pl.DataFrame:
        """``path`` and ``rows`` of each file, its partition, and ``first_`` and ``last_`` of members and times.

        In order of partition and time.
        """
        spec, bounded = self.spec, _bounded(self.spec)
        schema: dict[str, pl.DataType] = {"path": pl.String(), "rows": pl.Int64()}
        schema |= dict.fromkeys(spec.partition, pl.String())
        schema |= {f"{place}_{name}": kind for name, kind in bounded.items() for place in ("first", "last")}
        if self.table is None:
            return pl.DataFrame(schema=schema)
        told = pl.DataFrame(self.table.get_add_actions(flatten=True))
        names = {"path": "path", "rows": "num_records"}
        names |= {name: f"partition.{name}" for name in spec.partition}
        for name in bounded:
            names |= {f"first_{name}": f"min.{name}", f"last_{name}": f"max.{name}"}
        paths = pl.Series("path", [unquote(path) for path in told["path"]], dtype=pl.String)
        # A file of another writer may come without bounds: null stands for any.
        there = {label: told[label] for label in told.columns} | {"path": paths}
        columns = [
            there[label].cast(schema[name]).alias(name)
            if label in there
            else pl.Series(name, [None] * len(paths), dtype=schema[name])
            for name, label in names.items()
        ]
        files = pl.DataFrame(columns).with_columns(
            (pl.selectors.starts_with("last_") & pl.selectors.datetime()) + _PRECISION
        )
        return files.sort(*spec.partition, "first_event_time", "path")

    def history(self) -> list[dict[str, Any]]:
        """Return what Delta Lake remembers of each commit, newest first."""
        return [] if self.table is None else self.table.history()

    def unreferenced(self, retention_hours: int, kept_versions: Sequence[int]) -> list[str]:
        """Return the paths below the table, older than the retention, that Delta Lake finds no kept version to need."""
        if self.table is None:
            return []
        return self.table.vacuum(
            retention_hours=retention_hours,
            dry_run=True,
            enforce_retention_duration=False,
            full=True,
            keep_versions=list(kept_versions),
        )

    @property
    def datasets(self) -> list[str]:
        """The data sets in it, ascending."""
        return self.files["dataset"].unique().sort().to_list()

    def holding(
        self, same: Mapping[str, str], *, members: Sequence[str] | None = None, window: Window | None = None
    ) -> pl.DataFrame:
        """Return the :attr:`files` that may hold rows of such a partition, such members and such event times."""
        member = self.spec.member
        wanted = [pl.col(name) == value for name, value in same.items()]
        if members:
            wanted += [pl.col(f"last_{member}") >= min(members), pl.col(f"first_{member}") <= max(members)]
        if window is not None and window.start is not None:
            wanted.append(pl.col("last_event_time") > moment_of(window.start))
        if window is not None and window.end is not None:
            wanted.append(pl.col("first_event_time") <= moment_of(window.end))
        return self.files.filter(*(condition.fill_null(value=True) for condition in wanted))


@dataclass(frozen=True)
class Layout:
    """How the rows of some files lie, as far as their names and bounds tell before they are read.

    Parameters
    ----------
    files
        In the order in which their rows should follow each other.
    is_distinct
        Whether it is sure that no two rows have the same key.
    is_in_order
        Whether it is sure that the rows are in order of the key.
    """

    files: pl.DataFrame
    is_distinct: bool
    is_in_order: bool

    @classmethod
    def of(cls, files: pl.DataFrame, key: Sequence[str]) -> Layout:
        """Return the layout of files of one table; ``key`` is what tells rows of them apart."""
        names = [path.rpartition("/")[2] for path in files["path"]]
        are_ours = all(name.startswith((_DISTINCT, _VINTAGES)) for name in names)
        are_distinct = all(name.startswith(_DISTINCT) for name in names)
        if files.height <= 1:
            return cls(files, are_distinct, is_in_order=are_ours)
        for name in key:
            ordered = files.sort(f"first_{name}") if f"first_{name}" in files.columns else files.head(0)
            if are_ours and ordered.height == files.height and _follow_each_other(ordered, name):
                return cls(ordered, are_distinct, is_in_order=name == key[0])
        return cls(files, is_distinct=False, is_in_order=False)


def _follow_each_other(files: pl.DataFrame, name: str) -> bool:
    follows = (files[f"first_{name}"] > files[f"last_{name}"].shift()).slice(1)
    return not follows.has_nulls() and bool(follows.all())


def name_of_file(*, is_distinct: bool) -> str:
    """Return an unused name for a file of rows in order; it tells that, and whether any two have the same key."""
    return f"{_DISTINCT if is_distinct else _VINTAGES}{unique_suffix()}{unique_suffix()}.parquet"


def bounds_of(spec: TableSpec, rows: pl.DataFrame) -> str:
    """Return what the log is to say of a file with these rows, which are in order, in the words of Delta Lake.

    References
    ----------
    https://github.com/delta-io/delta/blob/master/PROTOCOL.md#per-file-statistics
    """
    names, leading = list(_bounded(spec)), spec.order[0]
    ends = rows.select(pl.col(leading).first().alias("least"), pl.col(leading).last().alias("most"))
    least = rows.select(pl.col(names).exclude(leading).min(), ends["least"].alias(leading))
    most = rows.select(pl.col(names).exclude(leading).max(), ends["most"].alias(leading))
    return json.dumps(
        {
            "numRecords": rows.height,
            "minValues": _plain(least),
            "maxValues": _plain(most),
            "nullCount": dict.fromkeys(names, 0),
        }
    )


def _bounded(spec: TableSpec) -> dict[str, pl.DataType]:
    """Return the columns whose first and last value the log tells of each file, with their types."""
    return {name: kind for name, kind in spec.schema.items() if name in {*spec.order, "recorded_time"}}


def _plain(row: pl.DataFrame) -> dict[str, str]:
    times = pl.selectors.datetime().dt.strftime("%Y-%m-%dT%H:%M:%S%.6fZ")
    return row.with_columns(times).row(0, named=True)
