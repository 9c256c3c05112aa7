"""Rows of one file or answer, gathered into batches: every key and known time once, every refusal with a reason."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import polars as pl

from tidegate.core.errors import InputError
from tidegate.core.fingerprint import canonical_json
from tidegate.data.connectors.contract import Batch
from tidegate.data.connectors.items.fields import refusal
from tidegate.data.connectors.items.reading import Record
from tidegate.data.tables import MOMENT, TABLES, TableSpec

__all__ = ["Gathered", "frame_of", "payload_text"]

Values = Mapping[str, Any]

_SHOWN: Final = 2_000
"""Characters of a refused row that the quarantine keeps."""


def frame_of(table: str, rows: list[Values]) -> pl.DataFrame:
    """Return rows as a frame with the columns of a table except ``recorded_time``; instants in microseconds UTC."""
    schema = {name: kind for name, kind in TABLES[table].schema.items() if name != "recorded_time"}
    columns = {
        name: pl.Series(name, [row[name] for row in rows], dtype=pl.Int64() if kind == MOMENT else kind).cast(kind)
        for name, kind in schema.items()
    }
    return pl.DataFrame(columns)


def payload_text(content: Mapping[str, Any]) -> str:
    """Return a payload as canonical JSON, so that equal payloads are equal texts; what says nothing is left out.

    Examples
    --------
    >>> payload_text({"b": 1, "a": None})
    '{"b":1}'
    """
    try:
        return canonical_json({name: value for name, value in content.items() if value is not None})
    except (InputError, RecursionError):
        raise refusal("a payload that is no JSON") from None


@dataclass
class Gathered:
    """Rows on their way into tables.

    Parameters
    ----------
    main
        The tables of items, in the order in which their batches are handed on; links follow them.
    """

    main: tuple[str, ...]
    _rows: dict[str, dict[tuple[Any, ...], Values]] = field(default_factory=dict)
    _moments: dict[tuple[str, str], int] = field(default_factory=dict)
    _refused: list[dict[str, Any]] = field(default_factory=list)

    def add(self, table: str, row: Values, record: Record) -> bool:
        """Take an item, unless the same was taken before; return whether its links may be taken too."""
        spec = TABLES[table]
        member = (table, str(row[spec.member]))
        if self._moments.setdefault(member, row["event_time"]) != row["event_time"]:
            self.refuse(record, f"the same {spec.member} at another time")
            return False
        known = self._rows.setdefault(table, {}).setdefault(_key(spec, row), row)
        if any(known[name] != row[name] for name in spec.values):
            self.refuse(record, f"the same {spec.member}, told differently")
            return False
        return True

    def holds(self, table: str, row: Values) -> Values | None:
        """Return the row of the same key and known time that was taken before."""
        return self._rows.get(table, {}).get(_key(TABLES[table], row))

    def add_link(self, row: Values) -> None:
        """Take a link; of several between the same two, the first counts."""
        self._rows.setdefault("entity_links", {}).setdefault(_key(TABLES["entity_links"], row), row)

    def refuse(self, record: Record, reason: str) -> None:
        """Send a row to the quarantine."""
        row = {"file": record.file, "row_number": record.row_number, "reason": reason, "content": _shown(record)}
        self._refused.append(row)

    def rows(self, table: str) -> list[Values]:
        """Return the rows taken so far."""
        return list(self._rows.get(table, {}).values())

    def batches(self) -> Iterator[Batch]:
        """Yield what was gathered; refused rows go with the first batch."""
        rejected = pl.DataFrame(
            self._refused,
            schema={"file": pl.String(), "row_number": pl.Int64(), "reason": pl.String(), "content": pl.String()},
        )
        for table in (*self.main, "entity_links"):
            rows = self.rows(table)
            if rows or not rejected.is_empty():
                yield Batch(table=table, rows=frame_of(table, rows), rejected=rejected)
                rejected = rejected.clear()


def _shown(record: Record) -> str:
    try:
        return repr(dict(record.content))[:_SHOWN].encode("utf-8", "replace").decode()
    except RecursionError:
        return "brackets within brackets"


def _key(spec: TableSpec, row: Values) -> tuple[Any, ...]:
    return tuple(row[name] for name in (*spec.key, "known_time"))
