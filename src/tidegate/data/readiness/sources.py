"""What an audit says about one data kind, or one metric of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from tidegate.data.readiness.coverage import MONTHS, MemberCoverage
from tidegate.data.readiness.gates import Gate
from tidegate.data.readiness.rows import Latency

__all__ = ["SourceAudit"]


@dataclass(frozen=True, kw_only=True, eq=False)
class SourceAudit:
    """One data kind, or one metric of it.

    Parameters
    ----------
    name
        As its gate's.
    kind
        The data kind alone.
    dataset
        Where it is read from; none where the recipe does not read it.
    gate
        What was asked of it.
    members
        What each symbol, or series, has of what it owes. What is counted and not owed at fixed times is laid on days.
    by_month
        ``symbol str, month str, expected i64, present i64``.
    synthetic
        Rows that never count.
    facts
        What else was found, in plain values.
    """

    name: str
    kind: str
    dataset: str | None
    gate: Gate
    members: tuple[MemberCoverage, ...] = ()
    by_month: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=MONTHS))
    synthetic: int = 0
    latency: Latency | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def rows(self) -> int:
        """Real rows, or linked items, of all members."""
        return sum(one.count for one in self.members)

    def by_year(self) -> dict[str, dict[str, float | int]]:
        """Return what is owed, what is there and the missing share by calendar year."""
        year = pl.col("month").str.head(4).alias("year")
        years = self.by_month.group_by(year).agg(pl.col("expected", "present").sum()).sort("year")
        return {
            name: {"expected": owed, "present": there, "missing_share": (owed - there) / owed if owed else 0.0}
            for name, owed, there in years.iter_rows()
        }

    def worst(self, limit: int | None = None) -> list[MemberCoverage]:
        """Return members, those with the least first, by the measure of the gate."""
        if self.gate.measure == "count":
            return sorted(self.members, key=lambda one: (one.count, one.member))[:limit]
        return sorted(self.members, key=lambda one: (one.coverage, one.member))[:limit]

    def summary(self) -> dict[str, Any]:
        """Return plain values, without the members."""
        return {
            "name": self.name,
            "kind": self.kind,
            "dataset": self.dataset,
            "rows": self.rows,
            "synthetic": self.synthetic,
            "latency": None if self.latency is None else self.latency.as_dict(),
            "gate": self.gate.as_dict(),
            "by_year": self.by_year(),
            **self.facts,
        }

    def as_dict(self) -> dict[str, Any]:
        """Return plain values with every member and every gap."""
        return {**self.summary(), "members": [one.as_dict() for one in self.members]}
