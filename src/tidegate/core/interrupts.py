"""Ctrl-C, remembered: where a library swallows the exception and fails in its own way, it was still an interrupt."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

__all__ = ["interrupt_requested", "remembered_interrupts"]

_requested = threading.Event()


@contextmanager
def remembered_interrupts() -> Iterator[None]:
    """Remember SIGINT while the block runs; it still raises ``KeyboardInterrupt``.

    Does nothing outside the main thread, or where the signal is ignored or handled by somebody else.

    Examples
    --------
    >>> with remembered_interrupts():
    ...     interrupt_requested()
    False
    """
    _requested.clear()
    ours = threading.current_thread() is threading.main_thread()
    before = signal.getsignal(signal.SIGINT)
    if not ours or before is not signal.default_int_handler:
        yield
        return
    unraisable = sys.unraisablehook
    signal.signal(signal.SIGINT, _remember)
    sys.unraisablehook = lambda swallowed: _unless_interrupt(swallowed, unraisable)
    try:
        yield
    finally:
        sys.unraisablehook = unraisable
        signal.signal(signal.SIGINT, before)
        _requested.clear()


def interrupt_requested() -> bool:
    """Whether SIGINT came within the present block of :func:`remembered_interrupts`; never outside of one."""
    return _requested.is_set()


def _unless_interrupt(swallowed: Any, otherwise: Callable[[Any], object]) -> None:
    """Keep quiet about an interrupt that fell into a place that cannot raise: it is remembered."""
    if not issubclass(swallowed.exc_type, KeyboardInterrupt):
        otherwise(swallowed)


def _remember(number: int, frame: FrameType | None) -> None:
    _requested.set()
    signal.default_int_handler(number, frame)
