"""Comparing rows of features that should be the same: as they were stored or trained on, and as recomputed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

import numpy as np

from tidegate.core.evidence import Verdict
from tidegate.core.randomness import generator
from tidegate.core.time import Instant, format_instant
from tidegate.core.units import Float32Array, Int64Array

__all__ = ["Comparison", "Mismatch", "SnapshotPair", "compare_snapshots", "sampled_rows"]

_MOST_KEYS: Final = 20
_FEWEST_SNAPSHOTS: Final = 2

SnapshotPair = tuple[int, Float32Array, Float32Array]
"""An instant, and two ``float32 (n_symbols, n_features)``: as it was kept, and recomputed."""


@dataclass(frozen=True, kw_only=True)
class Mismatch:
    """A feature that differs, where it does so first, and at how many snapshots it does.

    None stands for a missing value.
    """

    key: str
    symbol: str
    at: Instant
    kept: float | None
    recomputed: float | None
    snapshots: int

    def as_dict(self) -> dict[str, Any]:
        """Return plain values."""
        return {**self.__dict__, "at": format_instant(self.at)}


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """What comparing snapshots found; a snapshot is one symbol's features at one instant.

    Parameters
    ----------
    instants, snapshots, values
        How many were compared; snapshots without a single value do not count.
    maximum_difference, mean_difference
        Absolute, over values that both sides have.
    mismatched_keys
        How many features differ anywhere.
    mismatches
        The first 20 of them in the order of the contract.
    """

    instants: int = 0
    snapshots: int = 0
    values: int = 0
    maximum_difference: float = 0.0
    mean_difference: float = 0.0
    mismatched_keys: int = 0
    mismatches: tuple[Mismatch, ...] = field(default=())

    @property
    def reason(self) -> str:
        """``ok``, ``payload_mismatch`` or ``insufficient_snapshots`` (crypto 11.4)."""
        if self.mismatched_keys:
            return "payload_mismatch"
        return "insufficient_snapshots" if self.snapshots < _FEWEST_SNAPSHOTS else "ok"

    @property
    def verdict(self) -> Verdict:
        """Whether every snapshot agrees, or too few were there to say so."""
        return {
            "ok": Verdict.PASSED,
            "payload_mismatch": Verdict.FAILED,
            "insufficient_snapshots": Verdict.INSUFFICIENT_OBSERVATION,
        }[self.reason]

    def as_dict(self) -> dict[str, Any]:
        """Return plain values."""
        return {**self.__dict__, "mismatches": [one.as_dict() for one in self.mismatches]}


def compare_snapshots(
    pairs: Iterable[SnapshotPair], keys: Sequence[str], symbols: Sequence[str], *, tolerance: float = 0.0
) -> Comparison:
    """Compare rows of features at the same instants.

    Two instants of one lineage differ with good reason, so comparing those proves nothing (D-25).

    Parameters
    ----------
    pairs
        Instants with both sides of them.
    keys, symbols
        Names of the axes.
    tolerance
        Largest absolute difference that still agrees; a value that is missing on one side alone never does.

    Examples
    --------
    >>> kept = np.array([[1.0, np.nan], [2.0, 3.0]], dtype=np.float32)
    >>> compare_snapshots([(0, kept, kept)], ["a", "b"], ["X", "Y"]).reason
    'ok'
    >>> found = compare_snapshots([(0, kept, kept + np.float32([0, 1]))], ["a", "b"], ["X", "Y"])
    >>> found.reason, found.mismatches[0].key, found.mismatches[0].symbol, found.maximum_difference
    ('payload_mismatch', 'b', 'Y', 1.0)
    """
    found, first, total = Comparison(), dict[int, Mismatch](), 0.0
    for at, kept, recomputed in pairs:
        absent = np.isnan(kept), np.isnan(recomputed)
        both = ~absent[0] & ~absent[1]
        differences = np.where(both, np.abs(kept.astype(np.float64) - recomputed), 0.0)
        wrong = (differences > tolerance) | (absent[0] != absent[1])
        total += float(differences.sum())
        found = replace(
            found,
            instants=found.instants + 1,
            snapshots=found.snapshots + int((~absent[0] | ~absent[1]).any(axis=1).sum()),
            values=found.values + int(both.sum()),
            maximum_difference=max(found.maximum_difference, float(differences.max(initial=0.0))),
        )
        for place in np.flatnonzero(wrong.any(axis=0)).tolist():
            where = np.flatnonzero(wrong[:, place])
            seen = first.get(place) or Mismatch(
                key=keys[place],
                symbol=symbols[where[0]],
                at=Instant(at),
                kept=_number(kept[where[0], place]),
                recomputed=_number(recomputed[where[0], place]),
                snapshots=0,
            )
            first[place] = replace(seen, snapshots=seen.snapshots + len(where))
    mismatches = [first[place] for place in sorted(first)]
    return replace(
        found,
        mean_difference=total / max(found.values, 1),
        mismatched_keys=len(mismatches),
        mismatches=tuple(mismatches[:_MOST_KEYS]),
    )


def sampled_rows(count: int, wanted: int, seed: int, *scope: str) -> Int64Array:
    """Return rows drawn without repetition, ascending; the newest is always among them."""
    if not count:
        return np.empty(0, dtype=np.int64)
    others = generator(seed, *scope).permutation(count - 1)[: wanted - 1]
    return np.sort(np.append(others, count - 1))


def _number(value: np.float32) -> float | None:
    return None if np.isnan(value) else float(value)
