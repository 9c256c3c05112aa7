"""Rules that turn the counts of a data audit into statements."""

from __future__ import annotations

from tidegate.core.evidence import Verdict as Outcome
from tidegate.data.audit import BarAudit, Suspicion
from tidegate.report.statements import Statement, Tone, Verdict

__all__ = ["audit_verdict", "covered"]


def covered(present: int, expected: int) -> str:
    """Return a coverage in per cent, rounded down: 100% means that nothing is missing.

    Examples
    --------
    >>> covered(99_999, 100_000), covered(5, 5), covered(0, 0)
    ('99.99%', '100.00%', '–')
    """
    return f"{present * 10_000 // expected / 100:.2f}%" if expected else "–"


def audit_verdict(audit: BarAudit) -> Verdict:
    """Return what an audit found, the outcome first."""
    return Verdict(findings=(_outcome(audit), *_reasons(audit)), cautions=_cautions(audit), limits=())


def _outcome(audit: BarAudit) -> Statement:
    values = {"missing": audit.expected - audit.present, "expected": audit.expected}
    if audit.verdict is not Outcome.PASSED:
        return Statement("coverage.failed", Tone.BAD, values)
    if audit.expected == audit.present:
        return Statement("coverage.complete", Tone.GOOD, values)
    return Statement("coverage.passed", Tone.NEUTRAL, values)


def _reasons(audit: BarAudit) -> tuple[Statement, ...]:
    limits, found = audit.limits, []
    thin = [one for one in audit.worst() if one.coverage < limits.minimum_coverage]
    if thin:
        worst = {"symbol": thin[0].symbol, "coverage": covered(thin[0].present, thin[0].expected)}
        found.append(
            Statement("coverage.thin", Tone.BAD, {"count": len(thin), "limit": limits.minimum_coverage, **worst})
        )
    if audit.mean_coverage < limits.mean_coverage:
        mean = covered(int(audit.mean_coverage * 1_000_000), 1_000_000)
        found.append(Statement("coverage.low_mean", Tone.BAD, {"coverage": mean, "limit": limits.mean_coverage}))
    if limits.missing_at_end is not None:
        late = sum(one.missing_at_end > limits.missing_at_end for one in audit.symbols)
        found += [Statement("coverage.late", Tone.BAD, {"count": late, "limit": limits.missing_at_end})] * bool(late)
    broken = audit.count_of(Suspicion.NOT_POSITIVE)
    return (*found, *([Statement("coverage.not_positive", Tone.BAD, {"count": broken})] * bool(broken)))


def _cautions(audit: BarAudit) -> tuple[Statement, ...]:
    ended = sum(one.missing_at_end > 0 for one in audit.symbols)
    suspects = sum(audit.count_of(kind) for kind in Suspicion)
    ignored = {
        name: sum(getattr(one, name) for one in audit.symbols)
        for name in ("duplicates", "without_close", "synthetic", "unexpected")
    }
    said = (
        (len(audit.shared_gaps), "coverage.shared", {"count": len(audit.shared_gaps)}),
        (ended, "coverage.ended_early", {"count": ended}),
        (suspects, "coverage.suspects", {"count": suspects}),
        (sum(ignored.values()), "coverage.ignored", ignored),
    )
    return tuple(Statement(key, Tone.CAUTION, values) for count, key, values in said if count)
