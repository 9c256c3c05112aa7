"""The catalog's tables as Delta Lake keeps them, one folder each.

A commit adds a file that was written before it, or nothing; a version once committed stays.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import polars as pl

from tidegate._version import __version__
from tidegate.core.clock import now, sleep
from tidegate.core.errors import CatalogError
from tidegate.core.randomness import unique_suffix
from tidegate.core.time import Instant, Window
from tidegate.data.ordering import in_order, is_ascending
from tidegate.data.storage import Storage
from tidegate.data.stored import Stored, bounds_of, name_of_file
from tidegate.data.tables import MOMENT, TableSpec

if TYPE_CHECKING:
    from deltalake.transaction import AddAction, RemoveAction

__all__ = ["DeltaTables", "OvertakenError", "how_to_bring", "window_of"]

_CONFIGURATION: Final = {
    # By default old versions become unreadable after 30 days; a run must find the version that it read for good.
    "delta.enableExpiredLogCleanup": "false",
    "delta.checkpointInterval": "100",
}
# Several writers of one table take turns, and none of many may give up before its own.
_MOST_ATTEMPTS: Final = 300
_LONGEST_PAUSE_SECONDS: Final = 0.1
# A group holds a few symbols of a long history, or one day of many; groups that cannot matter are skipped.
_ROWS_PER_GROUP: Final = 131_072
_BROUGHT_BY: Final = {
    "trades": "binance-archive",
    "order_books": "ccxt",
    "funding": "funding",
    "metrics": "binance-derivatives",
    "macro": "macro",
    "events": "events",
    "entity_links": "events",
    "posts": "social",
    "comments": "social",
    "symbol_lives": "lives",
    "corporate_actions": "corporate-actions",
}
"""The connector that a user is told of where a table is missing."""


def how_to_bring(table: str, dataset: str | None = None) -> str:
    """Return the hint of an error about a table or a data set that is not there."""
    if table == "bars":
        return f"run: tidegate ingest ohlcv FILE {f'--dataset {dataset}' if dataset else '--preset yahoo-daily'}"
    if table == "universe":
        return f"run: tidegate universe build DATASET {f'--name {dataset} ' if dataset else ''}--top-n N"
    connector = _BROUGHT_BY.get(table)
    if connector is None:
        return "list what is there: tidegate catalog"
    return f"run: tidegate ingest {connector} {f'--dataset {dataset} ' if dataset else ''}... (--help tells the rest)"


class OvertakenError(Exception):
    """Another writer's commit came first and may hold rows of the same keys: what is new must be told anew."""


class DeltaTables:
    """The tables in one place.

    Parameters
    ----------
    place
        A folder, or the address of a bucket and a prefix; each table lies in a folder of its own name in it.
    """

    def __init__(self, place: str | Path) -> None:
        self.storage = Storage(place)

    def exists(self, spec: TableSpec) -> bool:
        """Whether anything was ever appended to a table."""
        from deltalake import DeltaTable

        with self.storage.reached():
            address = self.storage.address(spec.name)
            return bool(DeltaTable.is_deltatable(address, storage_options=self.storage.options))

    def open(self, spec: TableSpec, version: int | None = None) -> Stored:
        """Return a table at a version, the present one by default.

        Raises
        ------
        CatalogError
            If there is no such table or version.
        """
        from deltalake import DeltaTable
        from deltalake.exceptions import DeltaError

        address = self.storage.address(spec.name)
        try:
            with self.storage.reached():
                return Stored(spec, DeltaTable(address, version=version, storage_options=self.storage.options))
        except (DeltaError, OverflowError) as error:
            if not self.exists(spec):
                raise CatalogError(
                    found=f"no table {spec.name!r} in {self.storage.place}",
                    expected="ingested data",
                    hint=how_to_bring(spec.name),
                ) from None
            raise CatalogError(
                found=f"{spec.name}, {_named(version)}: {str(error).splitlines()[0]}",
                expected="a version that exists",
                hint=f"list them: tidegate catalog --history {spec.name}",
            ) from None

    def present(self, spec: TableSpec) -> Stored:
        """Return a table's present version, also where nothing was ever appended."""
        return self.open(spec) if self.exists(spec) else Stored(spec, None)

    def rows(self, stored: Stored, files: pl.DataFrame) -> pl.LazyFrame:
        """Return the rows of some :attr:`~tidegate.data.stored.Stored.files` of a version.

        Raises
        ------
        CatalogError
            If a file is gone.
        """
        spec = stored.spec
        gone = self.storage.missing(spec.name, files["path"].to_list())
        if gone:
            raise CatalogError(
                found=f"{len(gone)} files of {spec.name} version {stored.version} gone, such as {gone[0]}",
                expected="every file that was written",
                hint="restore the catalog from a backup",
            )
        frames = [
            self.storage.scan(spec.name, part["path"].to_list())
            .with_columns(pl.lit(value).alias(name) for name, value in zip(spec.partition, values, strict=True))
            .select(*spec.schema)
            for values, part in files.partition_by(spec.partition, as_dict=True, maintain_order=True).items()
        ]
        return pl.concat(frames) if frames else pl.LazyFrame(schema=spec.schema)

    def append(
        self,
        spec: TableSpec,
        rows: pl.DataFrame,
        *,
        recorded_at: datetime,
        facts: Mapping[str, str],
        seen: Stored | None = None,
    ) -> int:
        """Append rows of one partition in one commit and return the new version.

        Parameters
        ----------
        facts
            Go into the commit's metadata.
        seen
            The version that the rows are new to; none means the present one.

        Raises
        ------
        OvertakenError
            If another commit came after ``seen`` that may hold rows of the same keys; nothing is appended then.
        CatalogError
            If other writers left it no turn.
        """
        seen = self.present(spec) if seen is None else seen
        stamped = rows.with_columns(pl.lit(recorded_at).cast(MOMENT).alias("recorded_time")).select(*spec.schema)
        file = self.written(spec, stamped)
        try:
            return self.commit(seen, [file], facts, lambda later: _require_apart(seen, later, stamped))
        except OvertakenError:
            # Only here is it sure that no commit refers to it.
            self.storage.remove(spec.name, file.path)
            raise

    def written(self, spec: TableSpec, rows: pl.DataFrame) -> AddAction:
        """Write rows of one partition as a file in order of their keys; return what a commit is to say about it."""
        from deltalake.transaction import AddAction

        ordered, key = rows.drop(spec.partition), spec.order[:-1]
        is_distinct = is_ascending(ordered, key)
        if not is_distinct:
            ordered = in_order(ordered, spec.order)
            is_distinct = is_ascending(ordered, key)
        partition = {name: str(rows[name][0]) for name in spec.partition}
        # The folders are for people: the log tells what belongs where, whatever letters its name has.
        folders = [re.sub(r"[^0-9A-Za-z-]+", "-", value).strip("-") or "other" for value in partition.values()]
        path = "/".join([*folders, name_of_file(is_distinct=is_distinct)])
        return AddAction(
            path=path,
            size=self.storage.write(ordered, spec.name, path, row_group_size=_ROWS_PER_GROUP),
            partition_values=partition,
            modification_time=now() // 1000,
            data_change=True,
            stats=bounds_of(spec, ordered),
        )

    def commit(
        self,
        seen: Stored,
        actions: Sequence[AddAction | RemoveAction],
        facts: Mapping[str, str],
        require_apart: Callable[[Stored], None],
    ) -> int:
        """Commit what was prepared for the version that was ``seen``, or after later ones; return the new version.

        Parameters
        ----------
        actions
            Files to add, the first of them written for this commit, and to leave out.
        require_apart
            Is shown a version that others made meanwhile, and raises if what was prepared does not hold there.

        Raises
        ------
        CatalogError
            If other writers left it no turn.
        """
        from deltalake.exceptions import DeltaError

        state = seen
        for _ in range(_MOST_ATTEMPTS):
            try:
                with self.storage.reached():
                    return self._commit(state, actions, facts)
            except DeltaError:
                later = self.present(seen.spec)
                if actions[0].path in later.files["path"]:
                    return later.version  # the commit was made, and only the answer got lost
                if later.version <= state.version:
                    raise
                require_apart(later)
                state = later
            sleep(int(unique_suffix(), 16) / 16**6 * _LONGEST_PAUSE_SECONDS)
        raise CatalogError(
            found=f"{seen.spec.name} changed by others {_MOST_ATTEMPTS} times in a row",
            expected="a turn for this writer too",
            hint="repeat the command; let fewer writers append at once",
        )

    def _commit(self, state: Stored, actions: Sequence[AddAction | RemoveAction], facts: Mapping[str, str]) -> int:
        from deltalake import CommitProperties, Schema
        from deltalake.transaction import AddAction, create_table_with_add_actions

        spec = state.spec
        metadata = {f"tidegate.{name}": fact for name, fact in {"code_version": __version__, **facts}.items()}
        named: dict[str, Any] = {
            "partition_by": list(spec.partition),
            # Delta Lake would try again by itself, but without looking at what came between.
            "commit_properties": CommitProperties(custom_metadata=metadata, max_commit_retries=0),
        }
        schema = Schema.from_arrow(pl.DataFrame(schema=spec.schema).to_arrow().schema)
        if state.table is not None:
            state.table.create_write_transaction(list(actions), "append", schema, **named)
            return state.version + 1
        address, options = self.storage.address(spec.name), self.storage.options
        added = [action for action in actions if isinstance(action, AddAction)]
        create_table_with_add_actions(
            address, schema, added, configuration=_CONFIGURATION, storage_options=options, **named
        )
        return 0


def _require_apart(seen: Stored, later: Stored, rows: pl.DataFrame) -> None:
    """Refuse to commit after commits that may have brought rows of the same keys."""
    spec, members = seen.spec, rows[seen.spec.member]
    same = {name: str(rows[name][0]) for name in spec.partition}
    files = later.holding(same, members=[str(members.min()), str(members.max())], window=window_of(rows))
    if not set(files["path"]) <= set(seen.files["path"]):
        raise OvertakenError


def window_of(rows: pl.DataFrame) -> Window:
    """Return the window that the events of rows span."""
    events = rows["event_time"].dt.epoch("us").to_numpy()
    return Window(start=Instant(int(events.min()) - 1), end=Instant(int(events.max())))


def _named(version: int | None) -> str:
    return "its present version" if version is None else f"version {version}"
