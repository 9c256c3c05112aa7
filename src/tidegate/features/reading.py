"""What the features of some rows are computed from: every column from its first row that a formula may look back to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tidegate.core.fingerprint import array_fingerprint, fingerprint
from tidegate.core.units import FloatArray, Int64Array, Mask

if TYPE_CHECKING:
    import polars as pl

__all__ = ["Reading"]


@dataclass(frozen=True, eq=False, kw_only=True)
class Reading:
    """The inputs of rows ``start`` to ``stop`` of a history, and nothing else.

    Two readings with one fingerprint give, with the same formulas, the same features to the bit.

    Parameters
    ----------
    start, stop
        Rows whose features are wanted, ``stop`` excluded.
    times
        ``int64 (n_times,)`` instants of the whole history.
    columns
        Name to its first row here, and ``float64 (stop - first, n_symbols)``.
    members
        ``bool (stop - start, n_symbols)``: who belonged to the universe; None means everyone.
    tables
        Rows of slower sources that a formula looks at itself: those known at the last row.
    """

    start: int
    stop: int
    times: Int64Array
    columns: Mapping[str, tuple[int, FloatArray]]
    members: Mask | None
    tables: Mapping[str, pl.DataFrame] = field(default_factory=dict)

    def since(self, first: int, names: Iterable[str]) -> dict[str, FloatArray]:
        """Return columns from a row on."""
        return {name: self.columns[name][1][first - self.columns[name][0] :] for name in names}

    def fingerprint(self) -> str:
        """Return the SHA-256 of all of it, wherever in a history it stands."""
        earliest = min(first for first, _ in self.columns.values())
        values = {name: [first - self.start, array_fingerprint(read)] for name, (first, read) in self.columns.items()}
        times = array_fingerprint(self.times[earliest : self.stop])
        members = None if self.members is None else array_fingerprint(self.members)
        tables = {
            name: [rows.columns, array_fingerprint(rows.hash_rows().to_numpy())] for name, rows in self.tables.items()
        }
        parts = {"times": times, "values": values, "members": members, "tables": tables}
        return fingerprint({"rows": self.stop - self.start, **parts})
