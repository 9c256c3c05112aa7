"""A sentence of a verdict, before it has a language."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

__all__ = ["CLEAR_T", "FEW_WEEKS", "FEW_YEARS", "Statement", "Tone", "Verdict"]

CLEAR_T: Final = 2.0
"""Below this absolute t statistic nothing is told apart from luck: 5 % of pure noise lies beyond it."""

FEW_WEEKS: Final = 52
"""With fewer weeks no t statistic is quoted."""

FEW_YEARS: Final = 5.0
"""A shorter period is called short."""


class Tone(StrEnum):
    """How a statement bears on the strategy."""

    GOOD = "good"
    BAD = "bad"
    NEUTRAL = "neutral"
    CAUTION = "caution"


@dataclass(frozen=True)
class Statement:
    """One sentence of the verdict.

    Parameters
    ----------
    key
        The text that says it.
    tone
        How it bears on the strategy.
    values
        What the text's placeholders stand for.
    """

    key: str
    tone: Tone = Tone.NEUTRAL
    values: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What was found, what to keep in mind while reading it, and what it does not show."""

    findings: tuple[Statement, ...]
    cautions: tuple[Statement, ...]
    limits: tuple[Statement, ...]
