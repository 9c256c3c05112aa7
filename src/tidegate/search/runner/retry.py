"""How patient a runner is: what is tried again, after how long, and when it is given up."""

from __future__ import annotations

import errno
from typing import Annotated, Final
from urllib.error import HTTPError, URLError

from pydantic import Field

from tidegate.core.config import Settings
from tidegate.core.errors import (
    SourceDownError,
    SourceGarbledError,
    SourceLimitedError,
    TidegateError,
    WorkspaceError,
)
from tidegate.core.randomness import generator

__all__ = ["Backoff", "RunnerPolicy", "is_transient", "stops_everything"]

Seconds = Annotated[float, Field(gt=0.0)]

_PASSING: Final = (SourceDownError, SourceLimitedError, SourceGarbledError, TimeoutError, ConnectionError)
_PASSING_ANSWERS: Final = frozenset({408, 425, 429, 500, 502, 503, 504})
_PASSING_NUMBERS: Final = frozenset({errno.EAGAIN, errno.EHOSTUNREACH, errno.ENETUNREACH, errno.ENETDOWN})
_DISK_NUMBERS: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS})


class RunnerPolicy(Settings):
    """Patience with a backend. Every wait of a runner is bounded by one of these."""

    first_wait_seconds: Seconds = 1.0
    """Wait before the second try; it doubles with each further one, plus up to as much as the first at random."""
    longest_wait_seconds: Seconds = 60.0
    """No wait is longer, but for one that the backend itself asks for."""
    deadline_seconds: Seconds = 600.0
    """A task in trouble is given up this long after the trouble began."""
    stuck_seconds: Seconds = 900.0
    """A running task whose progress does not change for this long is stuck."""
    queued_seconds: Seconds = 1800.0
    """A task that waits over there for this long is stuck too."""
    longest_seconds: Seconds = 86_400.0
    """No task may take longer, whatever progress it tells of."""
    resubmissions: Annotated[int, Field(ge=0, le=10)] = 1
    """How often a stuck work is handed over once more."""


class Backoff:
    """The waits of one trouble: exponential with jitter, until its deadline.

    Parameters
    ----------
    policy
        Bounds.
    scope
        Who is in trouble; seeds the jitter, so that tasks in the same trouble do not all come back at once.

    Examples
    --------
    >>> waits = Backoff(RunnerPolicy(), "task")
    >>> [int(waits.after(TimeoutError(), at=second)) for second in (0.0, 2.0, 5.0)]
    [1, 2, 4]
    >>> waits.after(TimeoutError(), at=601.0) is None
    True
    """

    def __init__(self, policy: RunnerPolicy, scope: str) -> None:
        self._policy, self._scope = policy, scope
        self.reset()

    def reset(self) -> None:
        """Forget the trouble: it has passed."""
        self._tries, self._since = 0, 0.0

    def copy(self, scope: str) -> Backoff:
        """Return the same trouble of somebody else, as far as it has gone."""
        heir = Backoff(self._policy, scope)
        heir._tries, heir._since = self._tries, self._since
        return heir

    def after(self, error: BaseException, *, at: float) -> float | None:
        """Return the seconds until the next try after an error at ``at``, in seconds of any clock; None to give up."""
        policy = self._policy
        if self._tries == 0:
            self._since = at
        jitter = float(generator(0, "backoff", self._scope, self._tries).uniform(0.0, policy.first_wait_seconds))
        # Beyond 2**30 every wait is capped, and larger powers overflow.
        doubled: float = policy.first_wait_seconds * 2.0 ** min(self._tries, 30)
        self._tries += 1
        wait = max(min(doubled + jitter, policy.longest_wait_seconds), _asked_for(error))
        return wait if at + wait <= self._since + policy.deadline_seconds else None


def is_transient(error: BaseException) -> bool:
    """Return whether trying again may help: no answer, a lost connection, a server that is busy or broken.

    Examples
    --------
    >>> is_transient(TimeoutError()), is_transient(ValueError("no such parameter"))
    (True, False)
    """
    if isinstance(error, HTTPError):
        return error.code in _PASSING_ANSWERS
    if isinstance(error, (*_PASSING, URLError)):
        return True
    return isinstance(error, OSError) and error.errno in _PASSING_NUMBERS


def stops_everything(error: BaseException) -> bool:
    """Return whether an error is none of the work's own: a bug that must be looked at, or a disk that takes no more.

    Such works did not fail; they are done when the search is begun anew.

    Examples
    --------
    >>> stops_everything(OSError(errno.ENOSPC, "No space left on device")), stops_everything(ValueError())
    (True, False)
    """
    if isinstance(error, TidegateError):
        return error.exit_code == 1 or isinstance(error, WorkspaceError)
    return isinstance(error, OSError) and error.errno in _DISK_NUMBERS


def _asked_for(error: BaseException) -> float:
    """Return the seconds for which the backend asked to be left alone; 0 where it did not."""
    return (error.retry_after_seconds or 0.0) if isinstance(error, SourceLimitedError) else 0.0
