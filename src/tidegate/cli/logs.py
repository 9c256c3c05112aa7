"""The log of a workspace: JSON lines in a rotating file."""

from __future__ import annotations

import logging
from functools import cache
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Any

import structlog

from tidegate.core.errors import WorkspaceError
from tidegate.core.workspace import Workspace, explain_refusal

__all__ = ["log_path", "log_to", "logger"]

_MAXIMUM_BYTES = 5_000_000
_KEPT_FILES = 3


def log_to(workspace: Workspace, command: str, *, required: bool = True) -> None:
    """Send this process's log to the workspace.

    Parameters
    ----------
    required
        A command that only reads goes on without a log where none can be written.

    Raises
    ------
    WorkspaceError
        If its ``logs`` folder cannot be written: then nothing else could be either.
    """
    root = logging.getLogger("tidegate")
    if log_path() != workspace.logs_folder / "tidegate.log":
        for old in root.handlers[:]:
            root.removeHandler(old)
            old.close()
        try:
            root.addHandler(_handler(workspace))
        except WorkspaceError:
            if required:
                raise
            root.addHandler(logging.NullHandler())
        root.setLevel(logging.INFO)
        root.propagate = False
    logger().info("command", command=command)


def log_path() -> Path | None:
    """Return the file that is logged to, if any."""
    handlers = [h for h in logging.getLogger("tidegate").handlers if isinstance(h, RotatingFileHandler)]
    return Path(handlers[0].baseFilename) if handlers else None


@cache
def logger() -> Any:
    """Return the structured logger; silent until :func:`log_to` is called."""
    logging.getLogger("tidegate").addHandler(logging.NullHandler())
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
    )
    return structlog.get_logger("tidegate")


class _QuietHandler(RotatingFileHandler):
    """Keeps a log that cannot be written, as on a full disk, from shouting over the message that says so."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - the library's name
        """Drop the line."""


def _handler(workspace: Workspace) -> RotatingFileHandler:
    try:
        workspace.logs_folder.mkdir(exist_ok=True)
        return _QuietHandler(
            workspace.logs_folder / "tidegate.log",
            maxBytes=_MAXIMUM_BYTES,
            backupCount=_KEPT_FILES,
            encoding="utf-8",
        )
    except OSError as error:
        refusal: WorkspaceError = explain_refusal(error, workspace.root)
        raise refusal from error
