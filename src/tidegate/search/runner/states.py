"""The states of a work, the one table of how they follow each other, and how many works are in each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from tidegate.core.errors import RunError

__all__ = ["ENDED", "TRANSITIONS", "State", "Tally", "check_transition", "tally_of"]


class State(StrEnum):
    """Where a work stands."""

    PLANNED = "planned"
    """To be handed over; again so while it waits for another try."""
    SUBMITTED = "submitted"
    """Handed over, or being so: whether it arrived is not known yet."""
    RUNNING = "running"
    """Under way over there."""
    SUCCESS = "success"
    """Done, with figures."""
    FAILED = "failed"
    """Refused, or broken, or in trouble until nobody tried any longer."""
    TIMEOUT = "timeout"
    """Never answered, or took too long."""
    MISSING_SCORE = "missing_score"
    """There are no scores to work on."""
    STUCK = "stuck"
    """Neither its status nor its progress changed for too long."""
    DUPLICATE = "duplicate"
    """The same as another work, which is done in its place."""
    CANCELLED = "cancelled"
    """Taken back from outside."""


ENDED: Final = frozenset(State) - {State.PLANNED, State.SUBMITTED, State.RUNNING}
"""States in which nobody works on a work."""

_AGAIN: Final = frozenset({State.PLANNED})
_UNDER_WAY: Final = ENDED - {State.DUPLICATE}

TRANSITIONS: Final[Mapping[State, frozenset[State]]] = MappingProxyType(
    {
        State.PLANNED: ENDED | {State.SUBMITTED},
        State.SUBMITTED: _UNDER_WAY | _AGAIN | {State.RUNNING},
        State.RUNNING: _UNDER_WAY | _AGAIN,
        # What may help is tried again: a stuck work at most once, the others when the search is begun anew.
        State.STUCK: _AGAIN,
        State.TIMEOUT: _AGAIN,
        State.CANCELLED: _AGAIN,
        State.FAILED: _AGAIN,
        State.SUCCESS: frozenset(),
        State.MISSING_SCORE: frozenset(),
        State.DUPLICATE: frozenset(),
    }
)
"""The states that may follow each state."""


def check_transition(before: State, after: State, *, key: str) -> None:
    """Refuse a step that the table does not allow.

    Raises
    ------
    RunError
        If ``after`` may not follow ``before``.

    Examples
    --------
    >>> check_transition(State.PLANNED, State.SUBMITTED, key="top_n=5")
    """
    if after not in TRANSITIONS[before]:
        allowed = ", ".join(sorted(TRANSITIONS[before])) or "nothing: it is done"
        raise RunError(
            found=f"work {key}: {after} after {before}",
            expected=f"after {before}: {allowed}",
            hint="the manifest was changed by somebody else; begin the search anew in another folder",
        )


@dataclass(frozen=True, kw_only=True)
class Tally:
    """How many works there are, and how they ended.

    Examples
    --------
    >>> one = Tally(total=3, succeeded=2)
    >>> one.open, (one + one).succeeded
    (1, 4)
    """

    total: int = 0
    succeeded: int = 0
    failed: int = 0
    timeout: int = 0
    missing_score: int = 0
    stuck: int = 0
    duplicate: int = 0
    cancelled: int = 0

    @property
    def ended(self) -> int:
        """Works on which nobody works any longer."""
        states = (self.failed, self.timeout, self.missing_score, self.stuck, self.duplicate, self.cancelled)
        return self.succeeded + sum(states)

    @property
    def open(self) -> int:
        """Works still to be done."""
        return self.total - self.ended

    def as_dict(self) -> dict[str, int]:
        """Return the numbers by name."""
        return dict(vars(self))

    def __add__(self, other: Tally) -> Tally:
        return Tally(**{name: value + getattr(other, name) for name, value in vars(self).items()})


def tally_of(counts: Mapping[State, int], *, duplicates: int = 0) -> Tally:
    """Put numbers of works by state together; ``duplicates`` are works that were given twice under the same key.

    Examples
    --------
    >>> tally_of({State.SUCCESS: 3, State.RUNNING: 2}, duplicates=1).open
    2
    """
    return Tally(
        total=sum(counts.values()) + duplicates,
        succeeded=counts.get(State.SUCCESS, 0),
        failed=counts.get(State.FAILED, 0),
        timeout=counts.get(State.TIMEOUT, 0),
        missing_score=counts.get(State.MISSING_SCORE, 0),
        stuck=counts.get(State.STUCK, 0),
        duplicate=counts.get(State.DUPLICATE, 0) + duplicates,
        cancelled=counts.get(State.CANCELLED, 0),
    )
