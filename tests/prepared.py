"""A process that has loaded everything and forks one child per command: a hundred commands need one start.

It reads one JSON request a line and answers with one. A child is a process like any other: a session of its own,
its own end, its own exit code, and, if asked, the mounts of another process.
"""

from __future__ import annotations

import ctypes
import gc
import json
import os
import signal
import sys
from importlib import import_module
from typing import Any

LOADED = (
    "alembic.command",
    "alembic.runtime.migration",
    "exchange_calendars",
    "lightgbm",
    "sqlalchemy.dialects.sqlite.pysqlite",
    "tidegate.cli.main",
    "tidegate.data",
    "tidegate.engine",
    "tidegate.report",
    "tidegate.train",
)


def become(request: dict[str, Any]) -> None:
    """Turn a fresh child into the process of a command."""
    os.setsid()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if request["mounts_of"] is not None:
        enter_mounts(request["mounts_of"])
    for number, name in ((1, request["out"]), (2, request["err"])):
        file = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(file, number)
        os.close(file)
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    sys.argv = ["tidegate", *request["arguments"]]


def enter_mounts(process: int) -> None:
    with open(f"/proc/{process}/ns/mnt") as namespace:  # noqa: PTH123
        if ctypes.CDLL(None, use_errno=True).setns(namespace.fileno(), 0):
            raise OSError(ctypes.get_errno(), "setns")
    os.chdir("/")


def answer(document: object) -> None:
    print(json.dumps(document), flush=True)


def serve() -> bool:
    """Serve requests; return whether this is a child that has a command to run."""
    for line in sys.stdin:
        request = json.loads(line)
        if "wait" in request:
            ended, status = os.waitpid(request["wait"], 0 if request["block"] else os.WNOHANG)
            answer(os.waitstatus_to_exitcode(status) if ended else None)
        elif child := os.fork():
            answer(child)
        else:
            become(request)
            return True
    return False


def end(exit_code: int) -> None:
    """End as any process does, connections closed, but without taking down all that the parent had loaded."""
    gc.collect()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(exit_code)


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for name in LOADED:
        import_module(name)
    gc.freeze()
    answer("ready")
    if serve():
        from tidegate.__main__ import main

        try:
            main()
        except SystemExit as leaving:
            end(int(leaving.code or 0))
