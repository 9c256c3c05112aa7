"""What a look-ahead audit found, for the terminal."""

from __future__ import annotations

from rich.console import RenderableType

from tidegate.audit import Finding, LookaheadAudit
from tidegate.cli.terminal import key_values, table
from tidegate.core.evidence import Verdict
from tidegate.core.time import format_instant
from tidegate.train import RecipeAudit

__all__ = ["lookahead_tables"]

_SHOWN = 15
_VERDICTS = {
    Verdict.PASSED: "passed: nothing saw the future",
    Verdict.FAILED: "NOT PASSED: something saw the future",
    Verdict.INSUFFICIENT_OBSERVATION: "NOT PASSED: too little to look at",
}


def lookahead_tables(audit: RecipeAudit) -> list[RenderableType]:
    """Return verdict, depth, and the first offenders."""
    facts: dict[str, object] = {
        "verdict": _VERDICTS[audit.verdict],
        "contract": f"{audit.contract.fingerprint[:12]}, {audit.contract.dimension} features",
        "violations": f"{len(audit.findings):,}",
        "not bit-stable": f"{len(audit.warnings):,}",
    }
    shown: list[RenderableType] = [key_values(f"Look-ahead audit of {audit.recipe.name}", facts)]
    columns = ("part", "verdict", "prefixes", "poisoned", "slices", "values compared", "seconds")
    shown += ["", table("What was looked at", columns, [_depth_row(name, one) for name, one in audit.parts.items()])]
    failed = [part for part in audit.parts.values() if part.findings]
    if failed:
        shown += ["", *(part.describe() for part in failed)]
        rows = [_finding_row(finding) for finding in audit.findings[:_SHOWN]]
        heads = ("what", "stage", "key", "symbol", "row", "known until", "with the future", "without", "peeks, bars")
        shown += ["", table(f"The first of {len(audit.findings):,} violations", heads, rows)]
    if audit.warnings:
        names = sorted({warning.key for warning in audit.warnings})
        shown += ["", f"not bit-stable, which is round-off and no leak: {', '.join(names)}"]
    return shown


def _depth_row(name: str, part: LookaheadAudit) -> tuple[str, ...]:
    run = part.depth_run
    counts = (run.prefixes, run.poisoned, run.slices, run.cells)
    return (name, part.verdict.value, *(f"{count:,}" for count in counts), f"{run.seconds:.0f}")


def _finding_row(finding: Finding) -> tuple[str, ...]:
    values = (finding.with_future, finding.without_future)
    return (
        finding.kind.value,
        finding.stage,
        finding.key,
        finding.symbol or "–",
        format_instant(finding.at),
        format_instant(finding.as_of),
        *(f"{value:.9g}" for value in values),
        "–" if finding.peeks_bars is None else f"{finding.peeks_bars:,}",
    )
