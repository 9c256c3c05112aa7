"""A file of JSON lines that only grows: what was appended stays, whatever ends the process that writes."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from tidegate.core.errors import RunError

__all__ = ["AppendLog", "drop_torn_line"]


class AppendLog:
    """JSON objects, one in each line, appended in groups.

    A group is on the disk when :meth:`append` returns. A process that is killed meanwhile leaves some of its lines, the
    last of them perhaps torn; readers leave that one out, and the next writer drops it.

    Parameters
    ----------
    path
        The file; made with the first group. One process at a time may append to it.

    Examples
    --------
    >>> import tempfile
    >>> log = AppendLog(Path(tempfile.mkdtemp()) / "events.jsonl")
    >>> log.append([{"event": "planned"}, {"event": "submitted"}])
    >>> [line["event"] for line in log.read()]
    ['planned', 'submitted']
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._is_whole = False

    def append(self, lines: Iterable[Mapping[str, Any]]) -> None:
        """Write a group and flush it to the disk; a group that does not fit there leaves nothing.

        Raises
        ------
        ValueError
            If a line holds NaN or an infinity, which JSON does not know; nothing was written.
        """
        # What is no Unicode text, such as the name of a file in an error, becomes an escape that JSON knows.
        group = "".join(_text(line) for line in lines).encode(errors="backslashreplace")
        if not group:
            return
        if not self._is_whole:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            drop_torn_line(self.path)
        self._is_whole = False
        with self.path.open("ab", buffering=0) as file:
            before = file.seek(0, os.SEEK_END)
            try:
                _write_all(file.fileno(), group)
                os.fsync(file.fileno())
            except OSError:
                file.truncate(before)
                raise
        self._is_whole = True

    def read(self) -> list[dict[str, Any]]:
        """Return the lines, without a torn last one; none where there is no file.

        Raises
        ------
        RunError
            If another line than the last is damaged; its number is named.
        """
        if not self.path.exists():
            return []
        lines = self.path.read_bytes().splitlines(keepends=True)
        found = [_content(line) for line in lines]
        if found and found[-1] is None:
            found.pop()
        for number, content in enumerate(found, start=1):
            if content is None:
                raise RunError(
                    found=f"{self.path}: line {number} is damaged",
                    expected="a JSON object in each line, as they were written",
                    hint="bring back a copy of the file, or take it away to begin anew",
                )
        return [content for content in found if content is not None]


def drop_torn_line(path: Path) -> None:
    """Cut off the last line of a file of JSON objects where it was not written to its end."""
    if not path.exists():
        return
    content = path.read_bytes()
    lines = content.splitlines(keepends=True)
    if not lines or _content(lines[-1]) is not None:
        return
    with path.open("r+b") as file:
        file.truncate(len(content) - len(lines[-1]))
        os.fsync(file.fileno())


def _text(line: Mapping[str, Any]) -> str:
    return json.dumps(line, ensure_ascii=False, allow_nan=False, separators=(",", ":")) + "\n"


def _content(line: bytes) -> dict[str, Any] | None:
    """Return the object of a line; None where it is torn or damaged."""
    if not line.endswith(b"\n"):
        return None
    try:
        content = json.loads(line)
    except ValueError:
        return None
    return content if isinstance(content, dict) else None


def _write_all(descriptor: int, content: bytes) -> None:
    view = memoryview(content)
    while view:
        view = view[os.write(descriptor, view) :]
