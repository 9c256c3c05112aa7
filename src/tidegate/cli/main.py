"""Running a command and turning whatever happens into an exit code and a message.

Exit codes: 0 done or gate passed, 1 a bug, 2 bad input or precondition, 3 gate or audit not passed, 130 interrupted.
"""

from __future__ import annotations

import errno
import json
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from typer.exceptions import Abort, TyperException

from tidegate.cli.app import app
from tidegate.cli.detached import remembered_words
from tidegate.cli.hints import Typed, as_input_error, next_step
from tidegate.cli.logs import log_path, logger
from tidegate.core.errors import CatalogError, TidegateError, WorkspaceError
from tidegate.core.interrupts import interrupt_requested, remembered_interrupts
from tidegate.core.jobs import current_job, hold_lifeline
from tidegate.core.workspace import explain_refusal

__all__ = ["run"]

_INTERRUPTED: Final = 130
_STARTS_ANEW: Final = ("audit", "lineage")
"""Commands that keep nothing of what an interrupt stops."""
_NO_SPACE = ("no space left on device", "database or disk is full")
_READ_ONLY = ("read-only file system", "readonly database")
_UNREACHED = ("object-store error", "generic s3 error")
_DAMAGED = ("database disk image is malformed", "file is not a database", "parquet: file out of specification")


def run(arguments: Sequence[str]) -> int:
    """Run one command line and return its exit code; nothing is raised."""
    hold_lifeline()
    with remembered_interrupts(), remembered_words(arguments):
        exit_code = _run(arguments)
    if (job := current_job()) is not None:
        job.close()
    return exit_code


def _run(arguments: Sequence[str]) -> int:
    try:
        result = app(args=list(arguments), prog_name="tidegate", standalone_mode=False)
    except (KeyboardInterrupt, Abort):
        return _interrupted(arguments)
    except SystemExit:
        return 0  # whoever read the output has seen enough, as in: tidegate runs | head
    except Exception as error:  # noqa: BLE001 - the process edge: every failure becomes an exit code
        return _interrupted(arguments) if interrupt_requested() else _report(_understood(error, arguments), arguments)
    if result == _INTERRUPTED:  # Typer caught it first
        return _interrupted(arguments)
    return result if isinstance(result, int) else 0


def _understood(error: Exception, arguments: Sequence[str]) -> TidegateError:
    if isinstance(error, TidegateError):
        return error
    if isinstance(error, TyperException):
        return as_input_error(error, arguments)
    return _explained(error)


def _interrupted(arguments: Sequence[str]) -> int:
    logger().warning("interrupted")
    anew = next((word for word in arguments if not word.startswith("-")), "") in _STARTS_ANEW
    then = "nothing was kept, repeat the command to start anew" if anew else "repeat the command to go on"
    print(f"interrupted; {then}", file=sys.stderr)
    return _INTERRUPTED


def _report(error: TidegateError, arguments: Sequence[str]) -> int:
    error.hint = next_step(error, Typed.of(arguments))
    logger().error("stopped", error=type(error).__name__, exit_code=error.exit_code, **error.as_dict())
    if (job := current_job()) is not None:
        job.error(error)
    if "--json" in arguments:
        document = json.dumps(error.as_dict(), ensure_ascii=False)
        # A file name need not be UTF-8; in JSON an escape says the same.
        print(document.encode(errors="backslashreplace").decode())
    else:
        lines = {"Found": error.found, "Expected": error.expected, "Hint": error.hint}
        print("\n".join(f"{name + ':':<10}{text}" for name, text in lines.items()), file=sys.stderr)
    return error.exit_code


class _UnexpectedError(TidegateError):
    exit_code = 1


def _explained(error: Exception) -> TidegateError:
    """Tell a full or read-only disk, which libraries report in their own ways, from a mistake of ours."""
    text = str(error).lower()
    code = error.errno if isinstance(error, OSError) else None
    if isinstance(error, OSError) and isinstance(error.filename, str):
        return explain_refusal(error, Path(error.filename))
    if code == errno.ENOSPC or any(sign in text for sign in _NO_SPACE):
        return WorkspaceError(
            found="no space left on the disk of the workspace",
            expected="room to write",
            hint="free some space, then repeat",
        )
    if code in {errno.EROFS, errno.EACCES} or any(sign in text for sign in _READ_ONLY):
        return WorkspaceError(
            found="a workspace that cannot be written",
            expected="a writable folder",
            hint="check the mount and the permissions",
        )
    summary = str(error).splitlines()[0] if str(error) else ""
    if isinstance(error, FileNotFoundError) or any(sign in text for sign in _DAMAGED):
        return WorkspaceError(
            found=f"a damaged workspace ({summary})",
            expected="every file as it was written",
            hint="repeat the run that wrote it, or restore the workspace from a backup",
        )
    if any(sign in text for sign in _UNREACHED):
        return CatalogError(
            found=f"an object store that does not answer ({summary})",
            expected="an answer",
            hint="check TIDEGATE_CATALOG_URL, AWS_ENDPOINT_URL, the keys in AWS_* and the network",
        )
    logger().error("bug", trace=traceback.format_exc())
    if log_path() is None:
        traceback.print_exc(file=sys.stderr)
    where = f"the trace is in {log_path()}" if log_path() else "the trace is above"
    return _UnexpectedError(
        found=f"{type(error).__name__}: {summary}",
        expected="no such thing: this is a bug",
        hint=f"please report it; {where}",
    )
