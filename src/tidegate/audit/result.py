"""What a look-ahead audit found, in numbers and in a sentence."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from tidegate.audit.depth import Depth, DepthRun
from tidegate.core.evidence import Evidence, Verdict
from tidegate.core.time import Instant, format_instant

__all__ = ["END", "LOOKAHEAD_CHECK", "WHOLE_ROW", "Finding", "FindingKind", "LookaheadAudit"]

LOOKAHEAD_CHECK: Final = "audit-lookahead"
"""Name of the check in its evidence."""
WHOLE_ROW: Final = "*"
"""Stands for every key, where a whole row is there or not."""
END: Final = "end"
"""Stands for the end of a label, where ends differ."""


_ASKED: Final = ("prefixes", "slices", "poisoned_bars", "silences", "spare_seconds")


class FindingKind(StrEnum):
    """How something shows that it knows what it cannot know, or is not what it says."""

    TRUNCATED = "truncated"
    POISONED = "poisoned"
    VANISHED = "vanished"
    SHORT_LOOKBACK = "short_lookback"
    STALE = "stale"
    KNOWN_TIME = "known_time"
    SPLIT = "split"
    FIT = "fit"
    ENCODER = "encoder"
    FILL = "fill"
    NOT_BIT_STABLE = "not_bit_stable"


_SENTENCES: Final = {
    FindingKind.TRUNCATED: "is {with_future} with the future and {without_future} with all after {as_of} deleted",
    FindingKind.POISONED: "is {with_future} with the true future and {without_future} with garbage after {as_of}",
    FindingKind.VANISHED: "is {with_future} with the future and {without_future} with all after {as_of} deleted",
    FindingKind.SHORT_LOOKBACK: "is {with_future} with all bars and {without_future} with those of its lookback alone",
    FindingKind.STALE: "is still {with_future} although its sources fell silent at {as_of}, longer ago than their"
    " maximum age; {without_future} was expected",
    FindingKind.KNOWN_TIME: "was known before it happened: its known time is {as_of}",
    FindingKind.SPLIT: "is a training sample whose label is known at {as_of}, when the test has begun",
    FindingKind.FIT: "was fitted on a sample that does not belong to its part of the data",
    FindingKind.ENCODER: "is used first then, but was trained on texts until {as_of}",
    FindingKind.FILL: "was decided then and filled at {as_of}, which is not later",
    FindingKind.NOT_BIT_STABLE: "is {with_future}, or {without_future} with other rows beside it: round-off, no leak",
}


_ROUND_OFF: Final = FindingKind.NOT_BIT_STABLE
_TINY: Final = 1e-9
"""Share of its spread below which a difference looks like round-off, and is none."""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """The first of the values that offend in one way, and how many there are.

    Parameters
    ----------
    kind
        In which way.
    stage
        What was computed, the value of a :class:`~tidegate.core.pipeline.StageKind`; of a static check, what it is
        about.
    key
        The key of the stage, the column, or the name of the claim; ``*`` stands for whole rows.
    symbol
        Whose value; None where it is nobody's.
    at
        Instant of the row.
    as_of
        Instant up to which the data were true or there.
    with_future
        The value computed from everything; NaN is missing.
    without_future
        The value computed anew.
    peeks_bars
        How many bars after its row must be there for the value to be what it is with everything; None if that was not
        found out.
    cells
        How many values offend in the same way, over all instants. The sign of a zero offends nobody.
    of_spread
        Size of the difference as a share of the standard deviation of all values of the key; None where there is none.
    key_exists
        Whether what was computed anew has the key at all.
    is_reproducible
        False where the very same run, repeated, differs from itself: chance explains the difference.
    """

    kind: FindingKind
    stage: str
    key: str
    symbol: str | None
    at: Instant
    as_of: Instant
    with_future: float = math.nan
    without_future: float = math.nan
    peeks_bars: int | None = None
    cells: int = 1
    of_spread: float | None = None
    key_exists: bool = True
    is_reproducible: bool = True

    def as_dict(self) -> dict[str, Any]:
        """Return plain values; a missing number is None."""
        return {
            "kind": self.kind.value,
            "stage": self.stage,
            "key": self.key,
            "symbol": self.symbol,
            "at": format_instant(self.at),
            "as_of": format_instant(self.as_of),
            "with_future": _number(self.with_future),
            "without_future": _number(self.without_future),
            "peeks_bars": self.peeks_bars,
            "cells": self.cells,
            "of_spread": self.of_spread,
            "key_exists": self.key_exists,
            "is_reproducible": self.is_reproducible,
        }

    def describe(self) -> str:
        """Return the finding in one sentence."""
        if self.key == WHOLE_ROW:
            return self._describe_row()
        left, right = self._shown_values()
        whose = "" if self.symbol is None else f" of {self.symbol}"
        said = _SENTENCES[self.kind].format(
            with_future=left,
            without_future=right if self.key_exists else "no key of that name",
            as_of=format_instant(self.as_of),
        )
        peeks = "" if self.peeks_bars is None else f"; it peeks {_bars(self.peeks_bars)} ahead"
        count = "" if self.cells == 1 else f" ({self.cells:,} values in all)"
        return f"{self.stage} {self.key}{whose} at {format_instant(self.at)} {said}{peeks}{self._remarks()}{count}"

    def _shown_values(self) -> tuple[str, str]:
        """Return both values, to the last digit where fewer would look the same."""
        values = self.with_future, self.without_future
        if self.key == END:
            return _shown_end(values[0]), _shown_end(values[1])
        short = _shown(values[0]), _shown(values[1])
        return short if short[0] != short[1] else (repr(values[0]), repr(values[1]))

    def _remarks(self) -> str:
        tiny = self.of_spread is not None and 0.0 < self.of_spread < _TINY and self.kind is not _ROUND_OFF
        moves = f"; it moves by {self.of_spread:.0e} of its spread, and garbage moves it too" if tiny else ""
        if self.is_reproducible:
            return moves
        return f"{moves}; it is not reproducible: the same run, repeated, gives other values, so fix its seed first"

    def _describe_row(self) -> str:
        place, until = format_instant(self.at), format_instant(self.as_of)
        count = "" if self.cells == 1 else f" ({self.cells:,} rows in all)"
        there = "only with" if self.kind is FindingKind.VANISHED else "only without"
        if self.kind is FindingKind.POISONED:
            there = "or not depending on"
        return f"{self.stage}: the row at {place} is there {there} what follows {until}{count}"


@dataclass(frozen=True, kw_only=True)
class LookaheadAudit:
    """What an audit looked at and what it found.

    Parameters
    ----------
    subject
        What was audited.
    findings
        Violations, the first offender first.
    warnings
        What is not stable to the bit, and no leak.
    unknowns
        What could not be looked at, in words.
    shortfalls
        What was looked at too little for a verdict that nothing sees the future: in words.
    depth
        What was asked for.
    depth_run
        What was looked at.
    seed
        Drew the instants and the garbage.
    versions
        What the caller says of data and code.

    Examples
    --------
    >>> LookaheadAudit(subject="momentum", depth=Depth(), depth_run=DepthRun(), seed=7).verdict
    <Verdict.INSUFFICIENT_OBSERVATION: 'insufficient_observation'>
    """

    subject: str
    depth: Depth
    depth_run: DepthRun
    seed: int
    findings: tuple[Finding, ...] = ()
    warnings: tuple[Finding, ...] = ()
    unknowns: tuple[str, ...] = ()
    shortfalls: tuple[str, ...] = ()
    versions: Mapping[str, Any] = field(default_factory=dict)

    @property
    def verdict(self) -> Verdict:
        """Failed if anything was found; to have compared nothing, or too little, is not to have passed."""
        if self.findings:
            return Verdict.FAILED
        is_enough = self.depth_run.cells and not self.shortfalls
        return Verdict.PASSED if is_enough else Verdict.INSUFFICIENT_OBSERVATION

    def as_dict(self) -> dict[str, Any]:
        """Return plain values, for JSON and for the evidence."""
        asked = {name: getattr(self.depth, name) for name in _ASKED}
        return {
            "subject": self.subject,
            "verdict": self.verdict.value,
            "seed": self.seed,
            "depth": asked,
            "depth_run": self.depth_run.as_dict(),
            "findings": [finding.as_dict() for finding in self.findings],
            "warnings": [warning.as_dict() for warning in self.warnings],
            "unknowns": list(self.unknowns),
            "shortfalls": list(self.shortfalls),
            "versions": dict(self.versions),
        }

    def evidence(self) -> Evidence:
        """Return the finding as gates consume it."""
        return Evidence.of(LOOKAHEAD_CHECK, self.subject, self.verdict, self.as_dict())

    def describe(self) -> str:
        """Return the first offender in a sentence, or that there is none."""
        if self.findings:
            others = len({(finding.stage, finding.key) for finding in self.findings}) - 1
            beside = f"; {others} more keys offend" if others else ""
            return f"{self.subject}: {self.findings[0].describe()}{beside}"
        run = self.depth_run
        if not run.cells:
            return f"{self.subject}: nothing could be compared; hand over a history in which the pipeline gives values"
        if self.shortfalls:
            return f"{self.subject}: too little could be compared: {self.shortfalls[0]}"
        return (
            f"{self.subject}: nothing saw the future in {run.cells:,} values at {run.prefixes} truncated, "
            f"{run.poisoned} poisoned and {run.slices:,} short histories"
        )


def _shown(value: float) -> str:
    return "missing" if math.isnan(value) else f"{value!r}" if abs(value) < 1e-4 else f"{value:.10g}"


def _shown_end(value: float) -> str:
    return "missing" if math.isnan(value) else format_instant(int(value))


def _number(value: float) -> float | str | None:
    if math.isnan(value):
        return None
    return value if math.isfinite(value) else str(value)


def _bars(count: int) -> str:
    return "1 bar" if count == 1 else f"{count:,} bars"
