"""Rules that turn what an audit of readiness found into statements."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

from tidegate.data.readiness import Listing, ReadinessAudit
from tidegate.report.statements import Statement, Tone, Verdict

__all__ = ["readiness_verdict"]

NameOf = Callable[[str], str]
"""What a reader calls a data kind."""


def readiness_verdict(audit: ReadinessAudit, name_of: NameOf) -> Verdict:
    """Return what an audit of readiness found, the outcome first."""
    findings = (_outcome(audit), *_failed_gates(audit, name_of), *_quality(audit))
    return Verdict(findings=findings, cautions=tuple(_cautions(audit)), limits=())


def _outcome(audit: ReadinessAudit) -> Statement:
    gates = audit.gates
    failed = sum(not gate.passed for gate in gates)
    if failed:
        return Statement("readiness.failed", Tone.BAD, {"count": failed, "gates": len(gates)})
    if not audit.ready:
        return Statement("readiness.blocked", Tone.BAD, {"gates": len(gates)})
    return Statement("readiness.passed", Tone.GOOD, {"gates": len(gates)})


def _failed_gates(audit: ReadinessAudit, name_of: NameOf) -> Iterator[Statement]:
    """Say why gates are not passed; what all gates of a kind have in common is said once."""
    gates_of = Counter(gate.kind for gate in audit.gates)
    sharing = Counter((gate.kind, str(reason)) for gate in audit.gates for reason in gate.reasons)
    said = set()
    for gate in audit.gates:
        for reason in gate.reasons:
            common = sharing[gate.kind, str(reason)] == gates_of[gate.kind]
            name = gate.kind if common else gate.name
            if (name, str(reason)) not in said:
                said.add((name, str(reason)))
                values: dict[str, Any] = {"kind": name_of(name), **reason.values}
                yield Statement(f"readiness.{reason.code}", Tone.BAD, values)


def _quality(audit: ReadinessAudit) -> Iterator[Statement]:
    poor = audit.quality.poor
    if poor and audit.quality.mode == "hard":
        values = {"count": len(poor), "symbols": len(audit.quality.symbols), "worst": poor[0].symbol}
        yield Statement("readiness.poor_bars", Tone.BAD, values)


def _cautions(audit: ReadinessAudit) -> Iterator[Statement]:
    listings, quality, notes = audit.listings, audit.quality, audit.notes()
    late = sum(source.facts.get("known_after_their_close", 0) for source in audit.sources)
    said: tuple[tuple[int, str, dict[str, Any]], ...] = (
        (audit.blind_after is not None, "blind", {}),
        (len(quality.poor) * (quality.mode == "soft"), "degraded", {}),
        (listings.get(Listing.FIRST_BAR, 0), "listing_first_bar", {}),
        (listings.get(Listing.UNKNOWN, 0), "listing_unknown", {}),
        (sum(source.synthetic for source in audit.sources), "synthetic", {}),
        (late, "known_late", {}),
        (sum(not one.training_ready for one in quality.symbols), "few_rows", {}),
        ("revised_macro" in notes, "revised", notes.get("revised_macro", {})),
    )
    for count, key, values in said:
        if count:
            yield Statement(f"readiness.{key}", Tone.CAUTION, {"count": int(count), **values})
