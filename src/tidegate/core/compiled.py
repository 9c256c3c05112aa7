"""Compiled loops: one decorator, and a cache of machine code that is never stale.

Numba keys a cached function by its own source file alone, so a change in a function that it calls from another file
would go unnoticed. The cache therefore lies in a folder named by a hash of every compiled source and of the version of
Numba.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any, Final, TypeVar, cast

from tidegate.core.environment import read_variable

__all__ = ["allocating", "cache_folder", "compiled", "compiled_before", "inlined"]

F = TypeVar("F", bound=Callable[..., Any])

_PACKAGE: Final = Path(__file__).parents[1]
_ROOMS: Final = ("core", "costs", "evaluate", "strategy", "engine")
_MARK: Final = b"core.compiled import"


def cache_folder() -> Path:
    """Return where compiled code is kept: under ``NUMBA_CACHE_DIR``, the user's cache, or a temporary folder.

    A home that cannot be written to is no obstacle: the code is then compiled once per machine start.
    """
    name = f"tidegate-{_fingerprint()}"
    wished = read_variable("NUMBA_CACHE_DIR") or read_variable("XDG_CACHE_HOME")
    home = read_variable("HOME")
    places = [Path(wished)] if wished else []
    places += [Path(home) / ".cache"] if home else []
    for place in places:
        if _writable(place / "tidegate"):
            return place / "tidegate" / name
    return _private_folder() / name


def _owner() -> int | None:
    return os.getuid() if hasattr(os, "getuid") else None


def _private_folder() -> Path:
    """Return a folder for temporary files that nobody else can write to: cached code is code that runs."""
    place = Path(tempfile.gettempdir()) / f"tidegate-{_owner()}"
    try:
        place.mkdir(mode=0o700, exist_ok=True)
        if _owner() in (place.stat().st_uid, None) and not place.stat().st_mode & 0o022:
            return place
    except OSError:
        pass
    return Path(tempfile.mkdtemp(prefix="tidegate-"))


def compiled_before() -> bool:
    """Return whether this version of the compiled code has run on this machine, so that it need not be compiled."""
    return any(cache_folder().rglob("*.nbc"))


def _writable(folder: Path) -> bool:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return False
    return os.access(folder, os.W_OK)


def _fingerprint() -> str:
    digest = hashlib.sha256(metadata.version("numba").encode())
    for room in _ROOMS:
        for source in sorted((_PACKAGE / room).rglob("*.py")):
            if _MARK in (content := source.read_bytes()) or source.name == "compiled.py":
                digest.update(source.relative_to(_PACKAGE).as_posix().encode())
                digest.update(content)
    return digest.hexdigest()[:16]


def _compile(function: F, **options: Any) -> F:
    """Hand a function to Numba with our cache; other people's functions keep the one that they chose."""
    import numba

    settings: Any = numba.config
    theirs, settings.CACHE_DIR = settings.CACHE_DIR, str(_folder())
    try:
        return cast(F, numba.njit(cache=True, nogil=True, error_model="numpy", **options)(function))
    finally:
        settings.CACHE_DIR = theirs


@cache
def _folder() -> Path:
    folder = cache_folder()
    _drop_empty_files(folder)
    return folder


def _drop_empty_files(folder: Path) -> None:
    """Remove what a machine that went down left empty: Numba takes it for code, and every command ends there."""
    for file in (*folder.rglob("*.nbi"), *folder.rglob("*.nbc")):
        with suppress(OSError):  # another process may have been quicker, or may be the only one to write here
            if file.stat().st_size == 0:
                file.unlink()


def compiled(function: F) -> F:
    """Compile a function of arrays and numbers on its first call; it holds no lock while it runs.

    Arithmetic is that of Python and NumPy, operation by operation: no reordering, no fused multiply-add, so a plain
    loop over the same numbers gives the same bits. Division by zero gives infinities as in NumPy.

    The function makes no arrays of its own: it works in those that it is handed. Nothing needs counting then, and a
    call with a dozen arrays costs nanoseconds instead of half a microsecond.
    """
    return _compile(function, _nrt=False)


def allocating(function: F) -> F:
    """Compile a function that makes arrays; otherwise as :func:`compiled`, and dearer to call."""
    return _compile(function)


def inlined(function: F) -> F:
    """Compile a part of one other function into it, for parts with so many arrays that handing them on costs time."""
    return _compile(function, _nrt=False, forceinline=True)
