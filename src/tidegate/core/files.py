"""Writing files so that a reader sees the old content or the new, never half of either."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tidegate.core.randomness import unique_suffix

__all__ = ["read_json", "write_atomically", "write_json", "write_text"]


def write_atomically(path: Path, write: Callable[[Path], None]) -> Path:
    """Let ``write`` fill a temporary neighbour of ``path``, flush it to disk and rename it into place."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{unique_suffix()}.partial")
    try:
        write(partial)
        with partial.open("r+b") as written:
            os.fsync(written.fileno())
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
    return path


def write_text(path: Path, text: str) -> Path:
    """Write UTF-8 text atomically."""
    return write_atomically(path, lambda partial: _write_text(partial, text))


def write_json(path: Path, content: Any) -> Path:
    """Write readable JSON atomically; NaN is refused rather than written as invalid JSON."""
    return write_text(path, json.dumps(content, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n")


def read_json(path: Path) -> Any:
    """Read a JSON file that :func:`write_json` wrote."""
    return json.loads(path.read_text(encoding="utf-8"))


def _write_text(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")
