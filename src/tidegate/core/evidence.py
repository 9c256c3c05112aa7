"""Evidence: what a check looked at and what it found, frozen and fingerprinted, so that a gate can rely on it later."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from tidegate.core.clock import now
from tidegate.core.fingerprint import fingerprint
from tidegate.core.time import Instant

__all__ = ["Evidence", "Verdict"]


class Verdict(StrEnum):
    """What a check concluded; too little to look at is a conclusion of its own."""

    PASSED = "passed"
    FAILED = "failed"
    INSUFFICIENT_OBSERVATION = "insufficient_observation"


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """One finding of one check about one subject.

    Parameters
    ----------
    check
        Name of the check, for example ``audit-data``.
    subject
        What was looked at: a data set with its version, or a run.
    verdict
        The conclusion.
    findings
        Plain values that support it.
    made_at
        When the check ran, microseconds UTC.
    """

    check: str
    subject: str
    verdict: Verdict
    findings: dict[str, Any]
    made_at: Instant

    @classmethod
    def of(cls, check: str, subject: str, verdict: Verdict, findings: dict[str, Any]) -> Evidence:
        """Return evidence made now."""
        return cls(check=check, subject=subject, verdict=verdict, findings=findings, made_at=now())

    def fingerprint(self) -> str:
        """Return the SHA-256 of check, subject, verdict and findings; the time is not part of it."""
        return fingerprint([self.check, self.subject, self.verdict, self.findings])
