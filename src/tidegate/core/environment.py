"""The only door to environment variables, and the description of the environment that a run stores."""

from __future__ import annotations

import hashlib
import os
import platform
from collections.abc import Mapping
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

from tidegate._version import __version__

__all__ = [
    "describe_environment",
    "environment_with",
    "prefer_passive_threads",
    "processor_count",
    "read_variable",
    "resident_bytes",
    "take_variable",
]

_RECORDED_PACKAGES = (
    "numpy",
    "polars",
    "pyarrow",
    "deltalake",
    "lightgbm",
    "xgboost",
    "xgboost-cpu",
    "optuna",
    "scipy",
    "numba",
    "exchange-calendars",
)


def read_variable(name: str, default: str | None = None) -> str | None:
    """Return an environment variable, or ``default`` where it is unset or empty."""
    return os.environ.get(name) or default


def take_variable(name: str) -> str | None:
    """Return an environment variable and forget it, so that no process started from here inherits it."""
    return os.environ.pop(name, None) or None


def environment_with(variables: Mapping[str, str]) -> dict[str, str]:
    """Return the environment for a process to be started: this one's, with further variables."""
    return {**os.environ, **variables}


def processor_count() -> int:
    """Return how many processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def prefer_passive_threads() -> None:
    """Ask OpenMP threads to sleep while they wait, unless the user decided otherwise.

    Spinning threads make boosting ten times slower where other work shares the processors. The OpenMP runtime
    reads the variable once, when it is loaded, so this comes before the import of a library that brings it.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


def describe_environment() -> dict[str, Any]:
    """Return what a run must remember of the machine: versions and platform, never host or user names."""
    return {
        "tidegate": __version__,
        "code": _code_fingerprint(),
        "python": platform.python_version(),
        "system": platform.system(),
        "machine": platform.machine(),
        "packages": {name: _version(name) for name in _RECORDED_PACKAGES},
    }


def resident_bytes() -> int:
    """Return how much memory this process holds for itself.

    Pages of files that it maps are left out: the system takes them back when it needs room.
    """
    import psutil

    memory = psutil.Process().memory_info()
    return int(memory.rss - getattr(memory, "shared", 0))


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "absent"


@cache
def _code_fingerprint() -> str:
    """Return the SHA-256 of the package's sources: one version number can stand for more than one program."""
    root = Path(__file__).parents[1]
    digest = hashlib.sha256()
    for source in sorted(root.rglob("*.py")):
        digest.update(source.relative_to(root).as_posix().encode())
        digest.update(source.read_bytes())
    return digest.hexdigest()
