"""What a job prints: a file that never grows beyond its limit, and whose earlier parts are kept beside it."""

from __future__ import annotations

import logging
import os
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from logging.handlers import RotatingFileHandler
from pathlib import Path
from types import TracebackType
from typing import IO, Final, Self

__all__ = ["JobLog", "follow_lines", "read_last_lines"]

_MAXIMUM_BYTES: Final = 5_000_000
_KEPT_FILES: Final = 3
_LONGEST_LINE: Final = 10_000
_LAST_LINES: Final = 5


class JobLog:
    """Appends lines to a rotating file; the beginning of a log that another process began is kept.

    Parameters
    ----------
    path
        The file; the parts before it are called ``<path>.1`` and so on, the oldest last.
    maximum_bytes
        The size at which a new part begins.

    Attributes
    ----------
    last
        The last lines, oldest first.
    """

    def __init__(self, path: Path, *, maximum_bytes: int = _MAXIMUM_BYTES) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.last: deque[str] = deque(maxlen=_LAST_LINES)
        self._handler = _QuietHandler(path, maxBytes=maximum_bytes, backupCount=_KEPT_FILES, encoding="utf-8")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with suppress(OSError):  # a full disk keeps the rest from being written, and nobody from ending
            self._handler.close()

    def copy(self, output: IO[bytes]) -> None:
        """Append what comes out of a pipe, line by line, until it ends."""
        while line := output.readline(_LONGEST_LINE):
            text = line.decode(errors="replace").rstrip("\r\n")
            if text.strip():
                self.last.append(text.strip())
            self.write(text)

    def write(self, text: str) -> None:
        """Append one line."""
        self._handler.emit(logging.LogRecord("job", logging.INFO, "", 0, text, None, None))


class _QuietHandler(RotatingFileHandler):
    """Goes on where the disk is full: what a job prints must not stop the job."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - the library's name
        """Drop the line."""


def read_last_lines(path: Path, count: int, *, size: int | None = None) -> list[str]:
    """Return the last lines of a log, oldest first, from its earlier parts too; none where nothing was printed.

    Parameters
    ----------
    size
        Only the first so many bytes of the newest part; None reads all of it.
    """
    lines: list[str] = []
    for part in (path, *(path.with_name(f"{path.name}.{number}") for number in range(1, _KEPT_FILES + 1))):
        missing = count - len(lines)
        if missing <= 0 or not part.exists():
            break
        content = part.read_bytes()[: size if part == path else None]
        lines = content.decode(errors="replace").splitlines()[-missing:] + lines
    return lines


def follow_lines(path: Path, size: int) -> Iterator[str | None]:
    """Yield the lines that a log gains after its first ``size`` bytes, and None whenever there is none yet.

    It goes over to each new part, and never ends by itself.
    """
    while not path.exists():
        yield None
    file, unfinished = _opened(path), ""
    file.seek(size)
    try:
        while True:
            line = file.readline()
            unfinished += line
            if unfinished.endswith("\n"):
                yield unfinished.rstrip("\n")
                unfinished = ""
            elif not line and _was_moved_away(file, path):
                file.close()
                file = _opened(path)
            elif not line:
                yield None
    finally:
        file.close()


def _opened(path: Path) -> IO[str]:
    return path.open(encoding="utf-8", errors="replace", newline="\n")


def _was_moved_away(file: IO[str], path: Path) -> bool:
    try:
        return os.fstat(file.fileno()).st_ino != path.stat().st_ino
    except FileNotFoundError:  # the next part is about to begin
        return False
