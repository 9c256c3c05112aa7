"""How much an audit looks at, and what it did look at."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from tidegate.core.errors import InputError

__all__ = ["FAST", "Depth", "DepthRun"]


@dataclass(frozen=True, kw_only=True)
class Depth:
    """How many instants an audit looks at, and how closely.

    Parameters
    ----------
    prefixes
        Instants at which the future is deleted, and at which it is replaced by garbage; every earlier row is compared.
    slices
        Short stretches of bars whose newest row is computed anew. A leak in one row of a thousand is found by thousands
        of slices, hardly by a dozen prefixes.
    poisoned_bars
        Bars of garbage after an instant; None poisons everything that follows.
    silences
        Instants after which every slower source falls silent, to see that its values are dropped when they are old.
    peeks
        Offenders for which is found out how many bars ahead they look.
    spare_seconds
        Once nothing was found, the future is deleted at further instants, as many as fit by what a run costs; at every
        row, if they all fit. Their order is seeded, so the same count is the same instants; how many there were is in
        the evidence.

    Examples
    --------
    >>> Depth(prefixes=3).of_fits().slices
    0
    """

    prefixes: int = 12
    slices: int = 2000
    poisoned_bars: int | None = None
    silences: int = 1
    peeks: int = 2
    spare_seconds: float = 0.0

    def __post_init__(self) -> None:
        counts = (self.prefixes, self.slices, self.silences, self.peeks)
        if min(*counts, self.spare_seconds) < 0 or (self.poisoned_bars is not None and self.poisoned_bars < 1):
            raise InputError(
                found=f"a depth of {self.prefixes} prefixes, {self.slices} slices, {self.poisoned_bars} poisoned bars",
                expected="counts and seconds from 0 on, and at least one poisoned bar",
                hint="leave a count out for its default",
            )

    def of_fits(self) -> Depth:
        """Return the depth for a pipeline that fits models in each run: a third of the prefixes, no slices."""
        prefixes = max(self.prefixes // 3, min(self.prefixes, 2))
        return replace(self, prefixes=prefixes, slices=0, silences=0, peeks=1, spare_seconds=0.0)


FAST: Final = Depth(prefixes=3, slices=200, poisoned_bars=4096, peeks=1)
"""A quick look: leaks that touch every row, and most of those that touch one in fifty."""


@dataclass(frozen=True, kw_only=True)
class DepthRun:
    """What an audit did look at.

    Parameters
    ----------
    prefixes, poisoned, slices, silences
        Evaluations of each kind.
    spare
        Of the prefixes: those that were added while spare seconds allowed.
    cells
        Values compared.
    instants
        Kind of day or hour to the instants that were drawn from it.
    seconds
        How long it took.
    fresh_processes
        Whether each kind of evaluation ran in a process that had never seen anything later.
    """

    prefixes: int = 0
    poisoned: int = 0
    slices: int = 0
    silences: int = 0
    spare: int = 0
    cells: int = 0
    instants: Mapping[str, int] = field(default_factory=dict)
    seconds: float = 0.0
    fresh_processes: bool = True

    def as_dict(self) -> dict[str, Any]:
        """Return plain values."""
        return {
            "prefixes": self.prefixes,
            "poisoned": self.poisoned,
            "slices": self.slices,
            "silences": self.silences,
            "spare": self.spare,
            "cells": self.cells,
            "instants": dict(self.instants),
            "seconds": round(self.seconds, 3),
            "fresh_processes": self.fresh_processes,
        }
