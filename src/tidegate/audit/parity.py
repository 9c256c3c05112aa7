"""Parity: the row that was trained on against the row that is computed online at the same instant."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from tidegate.audit.snapshots import Comparison, SnapshotPair, compare_snapshots, sampled_rows
from tidegate.core.evidence import Evidence
from tidegate.core.history import History
from tidegate.core.past_view import PastView
from tidegate.core.progress import SILENT, Progress
from tidegate.core.time import Instant
from tidegate.core.units import Int64Array
from tidegate.features import FeatureBuilder, FeatureContract, features_at

__all__ = ["PARITY_CHECK", "ParityAudit", "audit_parity"]

PARITY_CHECK: Final = "audit-parity"


@dataclass(frozen=True, kw_only=True)
class ParityAudit:
    """What comparing training rows with online rows found, to the bit.

    Parameters
    ----------
    subject
        What evidence is about.
    contract
        Fingerprint of the features.
    comparison
        The figures.
    """

    subject: str
    contract: str
    comparison: Comparison

    def as_dict(self) -> dict[str, Any]:
        """Return plain values."""
        found = self.comparison
        return {
            "passed": found.reason == "ok",
            "reason": found.reason,
            "contract": self.contract,
            **found.as_dict(),
        }

    def evidence(self) -> Evidence:
        """Return evidence for a gate."""
        return Evidence.of(PARITY_CHECK, self.subject, self.comparison.verdict, self.as_dict())


def audit_parity(
    history: History,
    contract: FeatureContract,
    *,
    subject: str,
    instants: int = 200,
    seed: int = 7,
    progress: Progress = SILENT,
) -> ParityAudit:
    """Compare batch with online features at random instants: never two definitions of one feature (D-02).

    The batch side is computed in long stretches, as for training; the online side from a view that ends at the instant,
    opened anew each time.

    Parameters
    ----------
    history
        Row *t* of its bars holds what was known at ``times[t]``.
    contract
        What is compared.
    subject
        What the evidence will be about.
    instants
        How many are drawn; the newest is always among them.
    seed
        Draws them.
    """
    rows = sampled_rows(len(history.bars.times), instants, seed, PARITY_CHECK, contract.fingerprint)
    pairs = progress.track(_pairs(history, contract, rows), "training row against online row", total=len(rows))
    comparison = compare_snapshots(pairs, contract.names, history.bars.symbols)
    return ParityAudit(subject=subject, contract=contract.fingerprint, comparison=comparison)


def _pairs(history: History, contract: FeatureContract, rows: Int64Array) -> Iterator[SnapshotPair]:
    times = history.bars.times
    for first, block in FeatureBuilder(history, contract).blocks():
        for row in rows[(rows >= first) & (rows < first + len(block))].tolist():
            as_of = Instant(int(times[row]))
            yield as_of, block[row - first], features_at(PastView(history, as_of), contract)
