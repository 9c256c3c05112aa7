"""The workspace: one folder for catalog, database, runs, reports, quarantine and logs; nothing is written elsewhere."""

from __future__ import annotations

import errno
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path

from filelock import FileLock, Timeout
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from tidegate.core.database import DATABASE_SCHEMA, connect, connect_file, create_or_upgrade, schema_of
from tidegate.core.environment import read_variable
from tidegate.core.errors import WorkspaceError
from tidegate.core.files import read_json, write_json

__all__ = ["WORKSPACE_SCHEMA", "Workspace"]

WORKSPACE_SCHEMA = DATABASE_SCHEMA
_MARKER = "workspace.json"
_DATABASE = "tidegate.sqlite"
_LEAST_ROOM_BYTES = 1_000_000
# What Delta Lake cannot hold in an address, whatever the escape.
_UNFIT = re.compile(r"[\[\]^|\\\x00-\x1f\ud800-\udfff]|%[0-9A-Fa-f]{2}")
_BUCKET = re.compile(r"s3://[a-z0-9][a-z0-9.-]+(/[\w.-]+)*/?", re.ASCII)
_FOLDERS = ("catalog", "runs", "artifacts", "reports", "quarantine", "logs", "recipes", "locks")


class Workspace:
    """An opened workspace.

    Use :meth:`create` for a new one and :meth:`open` for an existing one; both check the schema.

    Examples
    --------
    >>> import tempfile
    >>> workspace = Workspace.create(Path(tempfile.mkdtemp()) / "work")
    >>> Workspace.open(workspace.root).catalog_folder.name
    'catalog'
    """

    def __init__(self, root: Path) -> None:
        self.root = root.resolve()

    @classmethod
    def create(cls, root: Path) -> Workspace:
        """Make a workspace, or open the one that is already there.

        Raises
        ------
        WorkspaceError
            If ``root`` is a folder with other content, a file, or cannot be written.
        """
        if (root / _MARKER).exists():
            return cls.open(root)
        if root.is_file() or (root.is_dir() and any(root.iterdir()) and not _only_ours(root)):
            raise WorkspaceError(
                found=f"{root} with other content",
                expected="a new or empty folder",
                hint="name a folder that does not exist yet",
            )
        workspace = cls(root)
        workspace._require_plain_name()
        with _explained(root):
            for folder in _FOLDERS:
                (root / folder).mkdir(parents=True, exist_ok=True)
            with workspace.lock("schema"):
                create_or_upgrade(workspace.database)
                # The marker comes last: a workspace whose making was interrupted is simply made again.
                write_json(root / _MARKER, {"schema": WORKSPACE_SCHEMA})
        return workspace

    @classmethod
    def open(cls, root: Path) -> Workspace:
        """Open an existing workspace.

        Raises
        ------
        WorkspaceError
            If there is none, it was made by an older or newer version, or it was moved to where its tables cannot be
            read.
        """
        workspace = cls(root)
        schema = workspace._read_schema()
        workspace._require_plain_name()
        if schema < WORKSPACE_SCHEMA:
            raise WorkspaceError(
                found=f"{root}: workspace schema {schema}",
                expected=f"{WORKSPACE_SCHEMA}",
                hint=f"run: tidegate init --upgrade --workspace {root}",
            )
        return workspace

    @classmethod
    def upgrade(cls, root: Path) -> tuple[Workspace, int]:
        """Bring an older workspace to this version's schema; return it and the schema that was found."""
        workspace = cls(root)
        found = workspace._read_schema()
        with _explained(root), workspace.lock("schema"):
            for folder in _FOLDERS:
                (root / folder).mkdir(exist_ok=True)
            create_or_upgrade(workspace.database)
            write_json(root / _MARKER, {"schema": WORKSPACE_SCHEMA})
        return workspace, found

    @cached_property
    def database(self) -> Engine:
        """The database: SQLite in the workspace, or the one that ``TIDEGATE_DATABASE_URL`` names."""
        url = read_variable("TIDEGATE_DATABASE_URL")
        return connect(url) if url else connect_file(self.root / _DATABASE, writable=self.is_writable)

    @property
    def is_writable(self) -> bool:
        """Whether anything can be written: not on a disk that is full or mounted read-only."""
        try:
            self.require_writable()
        except WorkspaceError:
            return False
        return True

    def require_writable(self) -> None:
        """Refuse to begin what could not be brought to an end.

        Raises
        ------
        WorkspaceError
            If the disk is mounted read-only, or full but for a scrap.
        """
        with _explained(self.root):
            if not os.access(self.root, os.W_OK):
                raise OSError(errno.EROFS, os.strerror(errno.EROFS))
            if shutil.disk_usage(self.root).free < _LEAST_ROOM_BYTES:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    @property
    def catalog_folder(self) -> Path:
        """Where the tables lie, unless ``TIDEGATE_CATALOG_URL`` names another place."""
        return self.root / "catalog"

    @property
    def catalog_url(self) -> str:
        """Where the tables lie: the folder of the workspace, or the bucket that ``TIDEGATE_CATALOG_URL`` names.

        Raises
        ------
        WorkspaceError
            If the variable names something else, or a prefix that Delta Lake cannot hold.
        """
        url = read_variable("TIDEGATE_CATALOG_URL")
        if url is None:
            return str(self.catalog_folder)
        if not _BUCKET.fullmatch(url):
            raise WorkspaceError(
                found=f"TIDEGATE_CATALOG_URL={url}",
                expected="s3://BUCKET or s3://BUCKET/PREFIX of letters, digits, dots, hyphens and underscores",
                hint="correct it, or unset it to keep the catalog in the workspace",
            )
        return url.rstrip("/")

    @property
    def runs_folder(self) -> Path:
        """Where each run has a folder of its own."""
        return self.root / "runs"

    @property
    def features_folder(self) -> Path:
        """Where each feature set has a folder of its own."""
        return self.root / "features"

    @property
    def artifacts_folder(self) -> Path:
        """Where what was trained is kept for good, each artifact in a folder that is named by its content."""
        return self.root / "artifacts"

    @property
    def reports_folder(self) -> Path:
        """Where reports are written."""
        return self.root / "reports"

    @property
    def quarantine_folder(self) -> Path:
        """Where rejected rows wait to be looked at."""
        return self.root / "quarantine"

    @property
    def logs_folder(self) -> Path:
        """Where the rotating log lies."""
        return self.root / "logs"

    @contextmanager
    def lock(self, name: str, wait_seconds: float = 600.0) -> Iterator[None]:
        """Hold a lock that the operating system releases when this process ends, however it ends.

        Raises
        ------
        WorkspaceError
            If another process keeps it longer than ``wait_seconds``.
        """
        self.require_writable()
        with _explained(self.root):
            folder = self.root / "locks"
            folder.mkdir(parents=True, exist_ok=True)
            held = FileLock(folder / f"{name}.lock")
            try:
                held.acquire(timeout=wait_seconds, poll_interval=0.05)
            except Timeout:
                raise WorkspaceError(
                    found=f"{name!r} in use by another command",
                    expected="it to be free",
                    hint="wait for that command to end, then repeat",
                ) from None
        try:
            yield
        finally:
            held.release()

    def _require_plain_name(self) -> None:
        if unfit := _UNFIT.search(self.root.as_posix()):
            raise WorkspaceError(
                found=f"{unfit[0]!r} in {self.root}", expected="a plain folder name", hint="name or move it otherwise"
            )

    def _read_schema(self) -> int:
        marker = self.root / _MARKER
        if not marker.exists():
            raise WorkspaceError(
                found=f"no workspace at {self.root}",
                expected="a folder made by tidegate init",
                hint=f"run: tidegate init --workspace {self.root}",
            )
        try:
            marked, stored = int(read_json(marker)["schema"]), self._schema_of_database()
        except (OSError, ValueError, LookupError, TypeError, OverflowError, ImportError, SQLAlchemyError) as error:
            raise WorkspaceError(
                found=f"{self.root}: unreadable ({str(error).splitlines()[0]})",
                expected="a workspace",
                hint="restore it from a backup; a disk that is full or read-only can be the cause too",
            ) from None
        if max(marked, stored) > WORKSPACE_SCHEMA:
            raise WorkspaceError(
                found=f"{self.root}: workspace schema {max(marked, stored)}",
                expected=f"at most {WORKSPACE_SCHEMA}",
                hint="upgrade tidegate",
            )
        return min(marked, stored)

    def _schema_of_database(self) -> int:
        file = self.root / _DATABASE
        if not read_variable("TIDEGATE_DATABASE_URL") and not (file.is_file() and file.stat().st_size):
            raise FileNotFoundError(errno.ENOENT, "the database is gone", str(file))
        return schema_of(self.database)


def _only_ours(root: Path) -> bool:
    """Whether a folder holds nothing but what an interrupted :meth:`Workspace.create` leaves behind."""
    return all(path.name in _FOLDERS or path.name.startswith((_DATABASE, f".{_MARKER}")) for path in root.iterdir())


@contextmanager
def _explained(root: Path) -> Iterator[None]:
    """Turn the operating system's refusals into errors that say what to do."""
    try:
        yield
    except OSError as error:
        raise explain_refusal(error, root) from error


def explain_refusal(error: OSError, root: Path) -> WorkspaceError:
    """Return the error that tells a user about a full, read-only or forbidden folder."""
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return WorkspaceError(
            found=f"no space left under {root}", expected="room to write", hint="free some space, then repeat"
        )
    if error.errno in {errno.EROFS, errno.EACCES, errno.EPERM}:
        return WorkspaceError(
            found=f"{root} cannot be written",
            expected="a writable folder",
            hint="check the mount and the permissions",
        )
    return WorkspaceError(
        found=f"{root}: {error.strerror or error}",
        expected="a usable file or folder",
        hint="check the path",
    )
