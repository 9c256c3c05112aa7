"""The checkpoint: which tasks of a connector are done for good, so that the next run does not ask again."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from tidegate.core.fingerprint import fingerprint
from tidegate.core.time import Instant
from tidegate.core.workspace import Workspace
from tidegate.data.connectors.contract import Connector, Task

__all__ = ["Checkpoint"]

_WHAT_IS_ASKED_FOR: Final = {
    *("start", "end", "symbols", "series", "kinds", "metrics", "indexes", "base_url", "path"),
    *("page_rows", "page_limit", "timeout_seconds", "pause_seconds"),
}
"""Settings that choose tasks; all others tell what a task's rows mean, and another meaning is another checkpoint."""


class Checkpoint:
    """One line per finished task, written after the task's rows are safe in the catalog.

    A line that a crash tore is left out when it is read: its task is fetched again, and appending it again appends
    nothing.
    """

    def __init__(self, workspace: Workspace, connector: Connector) -> None:
        settings = getattr(connector, "settings", None)
        meaning = {} if settings is None else settings.model_dump(mode="json", exclude=_WHAT_IS_ASKED_FOR)
        if workspace.catalog_url != str(workspace.catalog_folder):  # what is in one bucket is not in another
            meaning["catalog"] = workspace.catalog_url
        name = f"{connector.name}-{connector.dataset}-{fingerprint(meaning)[:12]}.jsonl"
        self._path: Path = workspace.root / "checkpoints" / name
        self._lines = self._read()
        self._done = {line.get("done") for line in self._lines}

    def forget(self) -> None:
        """Start anew, as where the rows themselves are gone."""
        self._path.unlink(missing_ok=True)
        self._lines, self._done = [], set()

    def has(self, task: Task) -> bool:
        """Whether a task is done for good."""
        return task.closed and task.key in self._done

    @property
    def has_rows(self) -> bool:
        """Whether any finished task brought rows, which must then be in the catalog."""
        return any(line.get("rows") for line in self._lines)

    @property
    def cooling_until(self) -> Instant:
        """Instant before which the source is left alone."""
        return Instant(max((int(line["cooling_until"]) for line in self._lines if "cooling_until" in line), default=0))

    def remember(self, task: Task, rows: int) -> None:
        """Note that a task is done for good."""
        self._write({"done": task.key, "rows": rows})

    def cool_down(self, until: Instant) -> None:
        """Note that the source is to be left alone."""
        self._write({"cooling_until": int(until)})

    def _write(self, line: dict[str, Any]) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        torn = self._path.exists() and self._path.read_bytes()[-1:] != b"\n"
        with self._path.open("a", encoding="utf-8") as opened:
            opened.write(("\n" if torn else "") + json.dumps(line) + "\n")
            opened.flush()
            os.fsync(opened.fileno())
        self._lines.append(line)
        self._done.add(line.get("done"))

    def _read(self) -> list[dict[str, Any]]:
        if not self._path.exists():
            return []
        lines = []
        for text in self._path.read_text(encoding="utf-8", errors="replace").splitlines():
            with suppress(ValueError):
                line = json.loads(text)
                if isinstance(line, dict) and _is_sound(line):
                    lines.append(line)
        return lines


def _is_sound(line: dict[str, Any]) -> bool:
    cooling, done = line.get("cooling_until"), line.get("done")
    return isinstance(cooling, int) if done is None else isinstance(done, str)
