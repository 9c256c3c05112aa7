"""What a connector is: it lists tasks and fetches them. Retrying, appending and remembering are done for it.

A user adds a source by writing one class with two methods and running :func:`tidegate.testing.check_connector` on it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol, TypeVar

import polars as pl

from tidegate.core.time import Instant, format_instant

__all__ = ["Batch", "Call", "Connector", "SourceStatus", "Task"]

Answer = TypeVar("Answer")


class SourceStatus(StrEnum):
    """How a source answered about one member."""

    SUCCESS = "success"
    EMPTY = "empty"
    """It answered that there is nothing."""
    FAILURE = "failure"
    RATE_LIMITED = "rate_limited"
    COOLDOWN = "cooldown"
    """It was not asked, because it failed too often a moment ago."""


@dataclass(frozen=True, kw_only=True)
class Task:
    """The smallest piece of work that is fetched, appended and remembered as one.

    Parameters
    ----------
    member
        Symbol, series or file that the failure report names.
    what
        What of it: a table, a metric, a file.
    start, end
        Stretch ``[start, end)`` of event times; None where the source is not asked by time.
    closed
        Whether the answer can no longer grow. Only closed tasks are remembered and left out by the next run.
    """

    member: str
    what: str = ""
    start: Instant | None = None
    end: Instant | None = None
    closed: bool = False

    @property
    def key(self) -> str:
        """The name under which a finished task is remembered."""
        bounds = ["" if at is None else format_instant(at) for at in (self.start, self.end)]
        return "|".join((self.what, self.member, *bounds))


@dataclass(frozen=True, kw_only=True)
class Batch:
    """Rows of one table.

    Parameters
    ----------
    table
        Name of a :data:`tidegate.data.tables.TABLES` entry.
    rows
        Its columns except ``recorded_time``, of one data set and one partition; no row twice.
    rejected
        Rows that no table may hold: any columns, and ``reason``.
    """

    table: str
    rows: pl.DataFrame
    rejected: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema={"reason": pl.String()}))


class Call(Protocol):
    """Makes one request of a source: paces it, repeats it after a passing failure, counts it."""

    def __call__(self, request: Callable[[], Answer]) -> Answer:
        """Return the answer of ``request``.

        Raises
        ------
        SourceError
            The last one that ``request`` raised, when repeating it does not help.
        """
        ...


class Connector(Protocol):
    """A source of data.

    Attributes
    ----------
    name
        As typed after ``tidegate ingest``.
    dataset
        Data set that its rows belong to.
    """

    name: str
    dataset: str

    def tasks(self) -> Sequence[Task]:
        """Return the work to do, in the order in which it should be done; cheap, and without asking the source.

        Raises
        ------
        InputError
            If the settings name something that cannot be fetched.
        """
        ...

    def fetch(self, task: Task, call: Call) -> Iterator[Batch]:
        """Yield the rows of a task as they arrive.

        Every request goes through ``call`` and raises nothing but a :class:`~tidegate.core.errors.SourceError` when
        the source is at fault. A page that is full is followed by the next one; a page that brings nothing new ends
        in :class:`~tidegate.core.errors.SourceGarbledError`, never in an endless loop. No hole is filled.
        """
        ...
