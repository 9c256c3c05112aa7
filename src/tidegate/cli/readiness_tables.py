"""What an audit of readiness found, for the terminal."""

from __future__ import annotations

from rich.console import RenderableType

from tidegate.cli.hints import callable_as
from tidegate.cli.terminal import key_values, table
from tidegate.core.time import format_instant
from tidegate.data.readiness import ReadinessAudit, SourceAudit

__all__ = ["gates_line", "readiness_tables"]

_ABSENT = "–"


def gates_line(audit: ReadinessAudit) -> str:
    """Return the outcome in one line."""
    passed = sum(gate.passed for gate in audit.gates)
    gates = f"{passed} gate{'' if passed == 1 else 's'} passed"
    if passed < len(audit.gates):
        gates = f"{passed} of {len(audit.gates)} gates passed"
    return f"{'ready' if audit.ready else 'not ready'} to train: {gates}, quality of bars {audit.quality.status}"


def readiness_tables(audit: ReadinessAudit, commands: list[str], most: int = 15) -> list[RenderableType]:
    """Return the outcome, every gate, what is missing by year, the longest gaps and what to type.

    Parameters
    ----------
    commands
        What to type, as the user's shell finds it.
    most
        Rows of the longest tables.
    """
    parts: list[RenderableType] = [key_values(f"Readiness of {audit.recipe.name}, mode {audit.mode}", _facts(audit))]
    if not audit.ready:
        parts += ["", "why not:", *(f"  {reason}" for reason in audit.reasons())]
    columns = ("data kind", "data set", "state", "mean", "asked", "worst", "asked", "worst symbol", "known after, s")
    parts += ["", table("Gates", columns, map(_gate_row, audit.sources))]
    years = _years(audit, most)
    gaps = _gaps(audit, most)
    poor = [(one.symbol, f"{one.missing_rate:.2%}", ", ".join(one.reasons)) for one in audit.quality.poor[:most]]
    parts += ["", years] if years is not None else []
    if gaps:
        parts += ["", table("Longest gaps", ("data kind", "symbol", "from", "until", "missing"), gaps)]
    if poor:
        parts += ["", table("Quality of the bars", ("symbol", "missing", "reasons"), poor)]
    if commands:
        parts += ["", "what to type:", *(f"  {callable_as(command)}" for command in commands)]
    return parts


def _facts(audit: ReadinessAudit) -> dict[str, object]:
    quality = audit.quality
    reasons = ", ".join(f"{count:,} {reason}" for reason, count in quality.counts().items())
    facts: dict[str, object] = {
        "verdict": "ready" if audit.ready else "not ready",
        "window": f"{format_instant(audit.scope.start)[:16]} to {format_instant(audit.scope.end)[:16]}",
        "symbols": f"{len(audit.scope.symbols):,}",
        "listings": ", ".join(f"{count:,} {how.replace('_', ' ')}" for how, count in audit.listings.items()) or _ABSENT,
        "quality of bars": f"{quality.status} (mode {quality.mode}{f': {reasons}' if reasons else ''})",
        "training window": "green" if quality.training_data_green else _not_green(audit),
    }
    if audit.missing_data_kinds:
        facts["missing data kinds"] = ", ".join(audit.missing_data_kinds)
    if audit.not_used:
        facts["not used"] = ", ".join(audit.not_used)
    if audit.comment_ratio is not None:
        facts["comments per post"] = f"{audit.comment_ratio:.2f} (told, not asked for)"
    for code, values in audit.notes().items():
        facts[code.replace("_", " ")] = ", ".join(f"{name} {value}" for name, value in values.items())
    if audit.blind_after is not None:
        facts["as of"] = f"{format_instant(audit.as_of)}: earlier than training would ask, so it opens no training"
    return facts


def _not_green(audit: ReadinessAudit) -> str:
    short = sum(not one.training_ready for one in audit.quality.symbols)
    return f"not green: {short:,} symbols with fewer rows than asked"


def _gate_row(source: SourceAudit) -> tuple[str, ...]:
    gate, late = source.gate, source.latency
    judged = gate.symbols > 0
    return (
        gate.name,
        source.dataset or _ABSENT,
        "passed" if gate.passed else "NOT PASSED",
        gate.shown(gate.mean) if judged else _ABSENT,
        gate.shown(gate.least_mean),
        gate.shown(gate.minimum) if judged else _ABSENT,
        gate.shown(gate.least_minimum),
        gate.worst or _ABSENT,
        _ABSENT if late is None else " / ".join(f"{value:,.10g}" for value in (late.p50, late.p90, late.p99)),
    )


def _years(audit: ReadinessAudit, most: int) -> RenderableType | None:
    """Return the missing shares of the last years."""
    found = {source.name: source.by_year() for source in audit.sources if source.by_month.height}
    years = sorted({year for of_kind in found.values() for year in of_kind})[-most:]
    rows = [
        (name, *(f"{of_kind[year]['missing_share']:.2%}" if year in of_kind else _ABSENT for year in years))
        for name, of_kind in found.items()
    ]
    return table("Missing share by year", ("data kind", *years), rows) if rows else None


def _gaps(audit: ReadinessAudit, most: int) -> list[tuple[str, ...]]:
    found = [(source.name, one.member, gap) for source in audit.sources for one in source.members for gap in one.gaps]
    found.sort(key=lambda row: (row[2].start - row[2].end, row[0], row[1], row[2].start))
    return [
        (name, member, format_instant(gap.start)[:16], format_instant(gap.end)[:16], f"{gap.missing:,}")
        for name, member, gap in found[:most]
    ]
