"""The only door to the wall clock."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from tidegate.core.time import Instant

__all__ = ["cpu_seconds", "elapsed_seconds", "frozen_clock", "now", "sleep"]

_frozen_at: ContextVar[Instant | None] = ContextVar("_frozen_at", default=None)


def now() -> Instant:
    """Return the present instant, microseconds UTC; the frozen one inside :func:`frozen_clock`."""
    frozen = _frozen_at.get()
    return frozen if frozen is not None else Instant(time.time_ns() // 1_000)


@contextmanager
def frozen_clock(at: Instant) -> Iterator[None]:
    """Hold the clock at ``at``, for tests and for replays.

    Examples
    --------
    >>> with frozen_clock(Instant(42)):
    ...     now()
    42
    """
    token = _frozen_at.set(at)
    try:
        yield
    finally:
        _frozen_at.reset(token)


def elapsed_seconds() -> float:
    """Return a monotonic reading; only differences mean anything."""
    return time.perf_counter()


def cpu_seconds() -> float:
    """Return the processor time that this process has used, in seconds."""
    return time.process_time()


def sleep(seconds: float) -> None:
    """Wait; an interrupt ends it at once."""
    time.sleep(seconds)
