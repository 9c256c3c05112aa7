"""CPU seconds of a call, and a line that a reader can put into a table. Runs in the environment of any peer."""

from __future__ import annotations

import platform
import resource
import statistics
import sys
import time
from collections.abc import Callable
from importlib import metadata
from typing import TypeVar

__all__ = ["report"]

T = TypeVar("T")


def report(
    work: str, call: Callable[[], T], says: Callable[[T], str], *, packages: tuple[str, ...], rounds: int
) -> None:
    """Time a call and print what came out of it; the first call, which may compile, is not counted.

    Parameters
    ----------
    says
        What must agree with the other contenders, of the result.
    rounds
        Calls of which the median is taken; with one round there is no call before it.
    """
    before, spent = _peak(), []
    if rounds > 1:
        call()
    for _ in range(rounds):
        start = time.process_time()
        result = call()
        spent.append(time.process_time() - start)
    versions = ", ".join(f"{name} {metadata.version(name)}" for name in packages)
    where = f"Python {platform.python_version()}, {versions}"
    cost = f"{statistics.median(spent):.4f} s of CPU, peak memory {_peak() - before:+.0f} MB"
    sys.stdout.write(f"{work}: {cost}; {says(result)} ({where})\n")


def _peak() -> float:
    """Return the most memory that this process had so far, in MB (Linux counts in kB)."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
