"""How long work tells its progress, without knowing who listens."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol, TypeVar

from tidegate.core.clock import elapsed_seconds

__all__ = ["SILENT", "Pace", "Progress", "Reached"]

Item = TypeVar("Item")

_MINUTE, _HOUR, _DAY = 60.0, 3600.0, 86_400.0


@dataclass(frozen=True, kw_only=True)
class Reached:
    """How far work has come.

    Parameters
    ----------
    label
        What is counted, such as ``"trial"`` or ``"training folds"``.
    done, total
        How many are done, of how many; ``total`` is None where nobody knows.
    best
        The best figure so far, for work that looks for one.
    seconds_left
        A guess; None where there is no ground for one.

    Examples
    --------
    >>> str(Reached(label="trial", done=12, total=50, best=0.6119, seconds_left=490.0))
    'trial 12 of 50, best 0.612, 8 min left'
    """

    label: str
    done: int
    total: int | None = None
    best: float | None = None
    seconds_left: float | None = None

    def __str__(self) -> str:
        of = "" if self.total is None else f" of {self.total:,}"
        best = "" if self.best is None else f", best {self.best:.3g}"
        left = "" if self.seconds_left is None else f", {_duration(self.seconds_left)} left"
        return f"{self.label} {self.done:,}{of}{best}{left}"


class Pace:
    """Guesses how long work will still take, from what it has done since the pace was begun.

    Examples
    --------
    >>> Pace().seconds_left(0, 10) is None
    True
    """

    def __init__(self, done: int = 0) -> None:
        self._done, self._began = done, elapsed_seconds()

    def seconds_left(self, done: int, total: int | None) -> float | None:
        """Return the seconds that ``total - done`` take if each takes as long as those before; None without ground."""
        if total is None or not self._done < done < total:
            return None
        return (elapsed_seconds() - self._began) / (done - self._done) * (total - done)


class Progress(Protocol):
    """A listener to long work; the command line draws a bar, tests stay silent."""

    def track(self, items: Iterable[Item], label: str, total: int | None = None) -> Iterator[Item]:
        """Yield the items and count them under ``label``."""
        ...

    def tell(self, reached: Reached) -> None:
        """Hear how far work has come that counts by itself, such as a search with a best figure."""
        ...

    def say(self, text: str) -> None:
        """Tell the user one line."""
        ...


class _Silent:
    def track(self, items: Iterable[Item], label: str, total: int | None = None) -> Iterator[Item]:  # noqa: ARG002
        yield from items

    def tell(self, reached: Reached) -> None:
        """Drop it."""

    def say(self, text: str) -> None:
        """Drop the line."""


SILENT: Progress = _Silent()


def _duration(seconds: float) -> str:
    """Return a duration in the largest unit that says something."""
    for unit, name in ((_DAY, "d"), (_HOUR, "h"), (_MINUTE, "min")):
        if seconds >= unit:
            return f"{seconds / unit:.1f} {name}" if unit == _HOUR else f"{seconds / unit:.0f} {name}"
    return f"{seconds:.0f} s"
