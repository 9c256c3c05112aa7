"""The connector ``social``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import polars as pl

from tidegate.core.clock import now
from tidegate.core.errors import CatalogError, DataError
from tidegate.core.workspace import Workspace
from tidegate.data.catalog import Catalog
from tidegate.data.connectors.contract import Batch, Call, Task
from tidegate.data.connectors.items import Gathered, Record, Row, SymbolNames, find_record_files, read_records
from tidegate.data.connectors.social.mapping import ItemRows, item_of
from tidegate.data.connectors.social.settings import SocialSettings
from tidegate.data.connectors.social.shapes import rows_of
from tidegate.data.tables import TABLES

__all__ = ["SocialConnector"]

_TABLES: Final = ("posts", "comments")
_WORDS: Final = ("title", "text", "parent_id")
"""What makes two tellings of one item contradict each other; authors rename themselves."""


class SocialConnector:
    """Posts and comments from files.

    An item is known from ``available_at``, else from its publication plus ``availability_delay_minutes``, else from the
    moment at which it was read; a row that leaves all of that open is rejected (D-10). Counts whose moment of reading
    is told are a further vintage, known since the later of both; other counts are null, and their text is kept in the
    payload beside ``counts_masked`` (D-11). No comment is made up, and comment counts that a source marks as made up
    are dropped (D-19).
    """

    name: Final = "social"
    settings_type: Final = SocialSettings
    tables: Final = ("posts", "comments", "entity_links")

    def __init__(self, settings: SocialSettings) -> None:
        self.settings = settings
        self.dataset = settings.dataset
        self._names = SymbolNames(settings.symbol_names)
        self._catalog: Catalog | None = None
        self._masked = 0

    @property
    def warnings(self) -> list[str]:
        """What the user should know about the last run."""
        if not self._masked:
            return []
        return [f"counts of {self._masked:,} rows are masked: nothing says when they were read"]

    def attach(self, workspace: Workspace) -> None:
        """Remember where earlier posts lie: a post that is read again only brings its counts."""
        self._catalog = Catalog(workspace)

    def tasks(self) -> Sequence[Task]:
        """Return one task per file."""
        return [Task(member=file.name, what=str(file)) for file in find_record_files(self.settings.path)]

    def fetch(self, task: Task, call: Call) -> Iterator[Batch]:  # noqa: ARG002 - files need no patience
        """Yield the posts, comments and links of a file."""
        gathered = Gathered(main=_TABLES)
        for record in read_records(Path(task.what)):
            try:
                for one in rows_of(record, self.settings.shape):
                    self._take(one, gathered)
            except DataError as error:
                gathered.refuse(record, error.found)
        for batch in gathered.batches():
            yield self._without_known(batch)

    def _take(self, record: Record, gathered: Gathered) -> None:
        if record.fault is not None:
            gathered.refuse(record, record.fault)
            return
        row = Row(record.content, columns=self.settings.column_map, timezone=self.settings.timezone)
        item = item_of(row, self.settings, self._names)
        self._masked += item.is_masked
        if self._add(item, record, gathered):
            for link in item.links:
                gathered.add_link(link)

    @staticmethod
    def _add(item: ItemRows, record: Record, gathered: Gathered) -> bool:
        for row in filter(None, (item.plain, item.counted)):
            before = gathered.holds(item.table, row)
            says_nothing = row is item.plain and before is not None and _same_words(row, before)
            if not says_nothing and not gathered.add(item.table, row, record):
                return False
        return True

    def _without_known(self, batch: Batch) -> Batch:
        """Leave out rows without counts of items that are stored with the same words and known time.

        An item that is read a second time for its counts is told once more without them; with the counts of the first
        reading it may be stored already.
        """
        stored = self._stored(batch)
        if stored is None:
            return batch
        spec = TABLES[batch.table]
        vintage = [*spec.key, "known_time"]
        before = stored.sort("recorded_time").unique(vintage, keep="last", maintain_order=True)
        both = batch.rows.filter(pl.col("observed_time").is_null()).join(before, on=vintage, suffix="_stored")
        words = [name for name in _WORDS if name in spec.values]
        same = [pl.col(name).is_null() | pl.col(name).eq_missing(pl.col(f"{name}_stored")) for name in words]
        equal = [pl.col(name).eq_missing(pl.col(f"{name}_stored")) for name in spec.values]
        # Rows that are equal throughout stay: the catalog counts them as there already.
        told = both.filter(pl.all_horizontal(same), ~pl.all_horizontal(equal))
        rows = batch.rows.join(told.select(vintage), on=vintage, how="anti", maintain_order="left")
        return Batch(table=batch.table, rows=rows, rejected=batch.rejected)

    def _stored(self, batch: Batch) -> pl.DataFrame | None:
        """Return what is stored of the items of a batch."""
        if self._catalog is None or batch.table not in _TABLES or batch.rows.is_empty():
            return None
        members = batch.rows[TABLES[batch.table].member].unique().to_list()
        try:
            return self._catalog.revisions(batch.table, dataset=self.dataset, as_of=now(), symbols=members).collect()
        except CatalogError:
            return None


def _same_words(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether an item that is told a second time says nothing else: what it leaves out contradicts nothing."""
    return all(one.get(name) in (None, other.get(name)) for name in _WORDS)
