"""What an audit of bars found: frozen, ready for a console, for JSON, for a heatmap and for a gate."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import polars as pl

from tidegate.core.evidence import Evidence, Verdict
from tidegate.core.time import BarInterval, Instant, format_instant
from tidegate.data.audit.findings import AuditLimits, SharedGap, SuspectBar, Suspicion, SymbolAudit, in_percent

__all__ = ["BarAudit"]


@dataclass(frozen=True, kw_only=True, eq=False)
class BarAudit:
    """One data set: its symbols, what they lack in common, and whether that is acceptable.

    Parameters
    ----------
    rows
        All rows looked at, the useless ones included.
    first, last
        Outermost real bars of the data set.
    owed_since_last
        Bars that its calendars owe between the last bar and ``as_of``.
    by_month
        ``symbol str, month str, expected i64, present i64``, for a heatmap.
    suspect_bars
        The worst examples of each suspicion.
    """

    dataset: str
    interval: BarInterval
    as_of: Instant
    version: int | None
    rows: int
    first: Instant
    last: Instant
    owed_since_last: int
    symbols: tuple[SymbolAudit, ...]
    shared_gaps: tuple[SharedGap, ...]
    suspect_bars: tuple[SuspectBar, ...]
    by_month: pl.DataFrame
    limits: AuditLimits = field(default_factory=AuditLimits)

    @property
    def expected(self) -> int:
        """Owed bars of all symbols."""
        return sum(one.expected for one in self.symbols)

    @property
    def present(self) -> int:
        """Owed bars of all symbols that are there."""
        return sum(one.present for one in self.symbols)

    @property
    def coverage(self) -> float:
        """Share of all owed bars that are there."""
        return self.present / self.expected if self.expected else 0.0

    @property
    def minimum_coverage(self) -> float:
        """Coverage of the worst symbol."""
        return min(one.coverage for one in self.symbols)

    @property
    def mean_coverage(self) -> float:
        """Mean of the symbols' coverages, each symbol counting once."""
        return sum(one.coverage for one in self.symbols) / len(self.symbols)

    def count_of(self, kind: Suspicion) -> int:
        """Return the number of bars under one suspicion."""
        return sum(one.suspects.get(kind, 0) for one in self.symbols)

    def worst(self, limit: int | None = None) -> list[SymbolAudit]:
        """Return symbols, the least covered first, then by what they lack at the end and by suspicions."""

        def badness(one: SymbolAudit) -> tuple[float, int, int, str]:
            return one.coverage, -one.missing_at_end, -sum(one.suspects.values()), one.symbol

        return sorted(self.symbols, key=badness)[:limit]

    def reasons(self) -> list[str]:
        """Return why the audit does not pass, in words; empty if it does."""
        limits, found = self.limits, []
        least = limits.minimum_coverage
        thin = [one for one in self.worst() if one.coverage < least]
        if thin:
            named = f"{thin[0].symbol} with {in_percent(thin[0].coverage)}"
            found.append(f"{_count(len(thin), 'symbol')} below {least:.2%} coverage, the worst {named}")
        if self.mean_coverage < limits.mean_coverage:
            found.append(f"mean coverage {in_percent(self.mean_coverage)} below {limits.mean_coverage:.2%}")
        if limits.missing_at_end is not None:
            late = sum(one.missing_at_end > limits.missing_at_end for one in self.symbols)
            missing = _count(limits.missing_at_end, "bar")
            found += [f"{_count(late, 'symbol')} missing more than {missing} at the end"] * bool(late)
        broken = self.count_of(Suspicion.NOT_POSITIVE)
        return found + [f"{_count(broken, 'bar')} with a price that is not positive"] * bool(broken)

    @property
    def verdict(self) -> Verdict:
        """``passed`` only if nothing speaks against it."""
        return Verdict.FAILED if self.reasons() else Verdict.PASSED

    def summary(self) -> dict[str, Any]:
        """Return the data set in plain values, instants as ISO text, without its symbols."""
        names = ("expected", "present", "coverage", "minimum_coverage", "mean_coverage", "owed_since_last")
        return {
            "dataset": self.dataset,
            "interval": str(self.interval),
            "as_of": format_instant(self.as_of),
            "version": self.version,
            "symbols": len(self.symbols),
            "rows": self.rows,
            "first": format_instant(self.first),
            "last": format_instant(self.last),
            **{name: getattr(self, name) for name in names},
            "symbols_with_gaps": sum(bool(one.gaps) for one in self.symbols),
            "symbols_ended_early": sum(one.missing_at_end > 0 for one in self.symbols),
            "unexpected": sum(one.unexpected for one in self.symbols),
            "duplicates": sum(one.duplicates for one in self.symbols),
            "without_close": sum(one.without_close for one in self.symbols),
            "synthetic": sum(one.synthetic for one in self.symbols),
            "suspects": {str(kind): self.count_of(kind) for kind in Suspicion},
            "verdict": str(self.verdict),
            "reasons": self.reasons(),
        }

    def as_dict(self) -> dict[str, Any]:
        """Return everything in plain values, ready for JSON."""
        return {
            **self.summary(),
            "shared_gaps": [gap.as_dict() for gap in self.shared_gaps],
            "suspect_bars": [bar.as_dict() for bar in self.suspect_bars],
            "by_symbol": [one.as_dict() for one in self.symbols],
        }

    def evidence(self) -> Evidence:
        """Return the summary, the shared gaps and the ten worst symbols as evidence for a gate."""
        subject = f"bars/{self.dataset}/{self.interval}" + ("" if self.version is None else f"@{self.version}")
        worst = [{key: value for key, value in one.as_dict().items() if key != "gaps"} for one in self.worst(10)]
        findings = {
            **self.summary(),
            "shared_gaps": [gap.as_dict() for gap in self.shared_gaps],
            "worst": worst,
        }
        return Evidence.of("audit-data", subject, self.verdict, findings)

    def table_rows(self, limit: int | None = None) -> list[dict[str, str]]:
        """Return one row of text per symbol for a console table, the worst first."""
        return [one.table_row() for one in self.worst(limit)]


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"
