"""Manifests of results, ours and those of the original platform, read as runs.

Nothing is left out in silence: a run without figures carries the reason why.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any, Final

from tidegate.core.errors import InputError
from tidegate.core.recipe_search import FIGURES
from tidegate.core.time import Instant, format_instant, parse_instant
from tidegate.search.runner.manifest import Entry, Manifest
from tidegate.search.runner.states import State
from tidegate.search.scoring.lean_folders import runs_of_folder, runs_of_lines
from tidegate.search.scoring.scored_runs import WINDOW_SLACK, Asked, Listed, ScoredRun, flat_parameters

__all__ = ["read_runs"]

_KnownWindow = tuple[Instant, Instant] | tuple[None, None]

_MANIFEST: Final = "manifest.jsonl"


def read_runs(source: Path, *, artifacts: Path | None = None, asked: Asked = (None, None)) -> Listed:
    """Read a manifest, or a folder of results.

    Parameters
    ----------
    source
        A JSONL manifest, a folder that holds a ``manifest.jsonl``, or a folder of LEAN's results, ``run_<id>`` each.
    artifacts
        Where the folders ``run_<id>`` lie; beside the manifest, or in ``artifacts`` there, if it is not named.
    asked
        Window that was asked for. Where it is not named, the dates among a run's own parameters count.

    Raises
    ------
    InputError
        If there is no such file or folder, it lists no run, or a line is damaged that is not the last.
    """
    if source.is_dir() and not (source / _MANIFEST).is_file():
        return Listed(origin="lean", runs=tuple(runs_of_folder(source, asked)))
    path = source / _MANIFEST if source.is_dir() else source
    lines = _read_lines(path)
    if "event" in lines[0]:
        return _ours(path, asked)
    return Listed(origin="lean", runs=tuple(runs_of_lines(path, lines, artifacts, asked)))


def _read_lines(path: Path) -> list[dict[str, Any]]:
    """Return the objects of a JSONL file; a last line that was torn while it was written is left out.

    A manifest of somebody else may hold empty lines, and its last one need not end: it counts where it is whole.
    """
    try:
        texts = path.read_bytes().splitlines()
    except OSError as error:
        raise InputError(
            found=f"{path}: {error.strerror or error}",
            expected="a manifest, a folder of results or the id of a search run",
            hint="check the path",
        ) from None
    filled = [(number, text) for number, text in enumerate(texts, start=1) if text.strip()]
    lines = [_line(path, number, text, is_last=number == filled[-1][0]) for number, text in filled]
    whole = [line for line in lines if line is not None]
    if not whole:
        raise InputError(
            found=f"{path}, which lists no run", expected="a JSON object a line", hint="pass the manifest of a search"
        )
    return whole


def _line(path: Path, number: int, text: bytes, *, is_last: bool) -> dict[str, Any] | None:
    try:
        content = json.loads(text.decode("utf-8"))
    except (ValueError, RecursionError):
        content = None
    if isinstance(content, dict):
        return content
    if content is None and is_last:
        return None
    raise InputError(
        found=f"{path}:{number}: {text[:60].decode('utf-8', 'replace')!r}",
        expected="one JSON object a line",
        hint="two runs may have been written over each other: split or mend the line",
    )


def _ours(path: Path, asked: Asked) -> Listed:
    manifest = Manifest(path)
    if not manifest.entries:
        raise InputError(
            found=f"{path}, which lists no run", expected="a search that planned one", hint="run the search again"
        )
    window = _window_of(path)
    runs = tuple(_our_run(entry, window, asked) for entry in manifest.entries.values())
    return Listed(origin="tidegate", runs=runs, is_closed=manifest.content()["closed"] is not None)


def _our_run(entry: Entry, window: _KnownWindow, asked: Asked) -> ScoredRun:
    last, train = entry.last, entry.payload.get("train_run")
    figures = {name: _number(last.figures.get(name)) for name in FIGURES}
    if entry.state is not State.SUCCESS:
        said = last.error or (last.same_as and f"same as {last.same_as}")
        reason: str | None = f"its status is {entry.state}" + (f": {said}" if said else "")
    else:
        reason = _another_window(window, asked)
    return ScoredRun(
        id=last.key,
        train=None if train is None else str(train),
        parameters=flat_parameters(entry.payload.get("parameters")),
        figures={} if reason else figures,
        start=window[0],
        end=window[1],
        reason=reason,
    )


def _window_of(path: Path) -> _KnownWindow:
    """Return the window that the figures of a search are of, that of its training part."""
    try:
        parts = json.loads(path.with_name("search.json").read_text(encoding="utf-8"))["parts"]
        found = next(part for part in parts if part["name"] == "training")
        return Instant(int(found["start"])), Instant(int(found["end"]))
    except (OSError, ValueError, LookupError, TypeError, StopIteration):
        return None, None


def _another_window(window: _KnownWindow, asked: Asked) -> str | None:
    for name, instant, day in zip(("start", "end"), window, asked, strict=True):
        if day is not None and instant is None:
            return "no search.json beside the manifest says which window its figures are of"
        if day is not None and instant is not None and abs(instant - parse_instant(day)) > WINDOW_SLACK:
            return f"figures of a training part whose {name} is {format_instant(instant)[:10]}, asked for {day}"
    return None


def _number(value: object) -> float | None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_number and math.isfinite(value) else None  # type: ignore[arg-type]
