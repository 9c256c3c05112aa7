"""What an audit of readiness found: frozen, ready for a console, for JSON, for heatmaps and for a gate."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from tidegate.core.evidence import Evidence, Verdict
from tidegate.core.fingerprint import fingerprint
from tidegate.core.recipe import DataKind, Recipe
from tidegate.core.time import Instant, format_instant
from tidegate.data.readiness.commands import recommended_commands
from tidegate.data.readiness.gates import Gate, ReasonCode
from tidegate.data.readiness.quality import QualityAudit
from tidegate.data.readiness.scope import Listing, Mode, Scope
from tidegate.data.readiness.sources import SourceAudit

__all__ = ["READINESS_CHECK", "ReadinessAudit", "audit_subject"]

READINESS_CHECK: Final = "audit-readiness"
"""Name of the check in the evidence."""

_WORST: Final = 10


def audit_subject(recipe: Recipe, versions: Mapping[str, int], *, blind_after: Instant | None = None) -> str:
    """Return what an audit is about: the recipe's data, what is asked of them, and their table versions.

    Parameters
    ----------
    versions
        ``table/dataset`` to table version.
    blind_after
        The audit's as-of where these versions hold rows that it did not see; such an audit speaks for no training.
    """
    return fingerprint([recipe.data_fingerprint(), dict(versions), blind_after])


@dataclass(frozen=True, kw_only=True, eq=False)
class ReadinessAudit:
    """A recipe's data: what is there of each kind, whether that suffices, and what to do if it does not.

    Parameters
    ----------
    scope
        The window that was looked at, and the lives of the traded symbols in it.
    training
        The window that the recipe reads, over which the quality of the bars was judged.
    sources
        The bars, then every kind that is judged, one entry for each gate.
    not_used
        Kinds that the recipe does not read and the mode does not ask for.
    versions
        ``table/dataset`` to the table version that was read.
    blind_after
        See :func:`audit_subject`.
    """

    recipe: Recipe
    mode: Mode
    as_of: Instant
    scope: Scope
    training: Scope
    sources: tuple[SourceAudit, ...]
    not_used: tuple[str, ...]
    quality: QualityAudit
    versions: Mapping[str, int]
    blind_after: Instant | None

    @property
    def gates(self) -> tuple[Gate, ...]:
        """One gate per source."""
        return tuple(source.gate for source in self.sources)

    @property
    def ready(self) -> bool:
        """Whether every gate is passed and the quality of the bars blocks nothing."""
        return not self.reasons()

    @property
    def verdict(self) -> Verdict:
        """``passed`` only if nothing speaks against it."""
        return Verdict.PASSED if self.ready else Verdict.FAILED

    @property
    def missing_data_kinds(self) -> tuple[str, ...]:
        """Kinds with a gate that is not passed, in the order of the sources."""
        return tuple(dict.fromkeys(gate.kind for gate in self.gates if not gate.passed))

    @property
    def listings(self) -> dict[str, int]:
        """How the beginning of the symbols' lives is known: number of symbols by :class:`Listing`."""
        counts = Counter(life.listing for life in self.scope.lives)
        return {str(kind): counts[kind] for kind in Listing if counts[kind]}

    @property
    def comment_ratio(self) -> float | None:
        """Comments per post; told, and never asked for."""
        posts, comments = (self._rows(kind) for kind in (DataKind.POSTS, DataKind.COMMENTS))
        return comments / posts if posts and comments is not None else None

    def reasons(self) -> list[str]:
        """Return why the data are not ready, in words; empty if they are."""
        failed: dict[tuple[str, str], list[Gate]] = {}
        for gate in self.gates:
            if not gate.passed:
                failed.setdefault((gate.kind, "; ".join(map(str, gate.reasons))), []).append(gate)
        # What all gates of a kind have in common is said once.
        gates = Counter(gate.kind for gate in self.gates)
        said = [
            f"{kind if len(alike) == gates[kind] else ', '.join(gate.name for gate in alike)}: {why}"
            for (kind, why), alike in failed.items()
        ]
        return said + [f"quality: {reason}" for reason in self.quality.reasons()]

    def notes(self) -> dict[str, dict[str, Any]]:
        """Return what a run on these data must say about them: a code of the report's notes, and its values."""
        revised = sorted({name for source in self.sources for name in source.facts.get("revised", {})})
        found: dict[str, tuple[bool, dict[str, Any]]] = {
            "dq_degraded": (self.quality.status == "dq_degraded", {"count": len(self.quality.poor)}),
            "revised_macro": (bool(revised), {"count": len(revised), "series": ", ".join(revised)}),
        }
        return {code: values for code, (applies, values) in found.items() if applies}

    def recommended_commands(self) -> list[str]:
        """Return what to type to bring what is missing."""
        codes = {reason.code for gate in self.gates for reason in gate.reasons}
        early = ReasonCode.ENDED_EARLY in codes
        return recommended_commands(self.recipe, self.missing_data_kinds, self.scope.symbols, ended_early=early)

    def summary(self) -> dict[str, Any]:
        """Return plain values without symbols and gaps, instants as ISO text."""
        return {
            "recipe": self.recipe.name,
            "mode": self.mode,
            "as_of": format_instant(self.as_of),
            "window": _span(self.scope),
            "training_window": _span(self.training),
            "symbols": len(self.scope.symbols),
            "listings": self.listings,
            "versions": dict(self.versions),
            "ready": self.ready,
            "verdict": str(self.verdict),
            "reasons": self.reasons(),
            "missing_data_kinds": list(self.missing_data_kinds),
            "not_used": list(self.not_used),
            "recommended_commands": self.recommended_commands(),
            "quality": self.quality.as_dict(),
            "comment_post_ratio": self.comment_ratio,
            "notes": self.notes(),
        }

    def as_dict(self) -> dict[str, Any]:
        """Return everything in plain values, ready for JSON."""
        quality = {**self.quality.as_dict(), "by_symbol": [one.as_dict() for one in self.quality.symbols]}
        return {**self.summary(), "sources": [source.as_dict() for source in self.sources], "quality": quality}

    def evidence(self) -> Evidence:
        """Return the summary, the gates and the ten worst symbols of each as evidence for the gate of training."""
        sources = [
            {**source.summary(), "worst": [_without_gaps(one.as_dict()) for one in source.worst(_WORST)]}
            for source in self.sources
        ]
        poor = [one.as_dict() for one in self.quality.poor[:_WORST]]
        findings = {**self.summary(), "sources": sources, "poor_symbols": poor}
        subject = audit_subject(self.recipe, self.versions, blind_after=self.blind_after)
        return Evidence.of(READINESS_CHECK, subject, self.verdict, findings)

    def _rows(self, kind: DataKind) -> int | None:
        rows = [source.rows for source in self.sources if source.kind == kind and source.dataset is not None]
        return sum(rows) if rows else None


def _without_gaps(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if name != "gaps"}


def _span(scope: Scope) -> dict[str, str]:
    return {"start": format_instant(scope.start), "end": format_instant(scope.end)}
