"""Small and read-only disks: real mounts in a mount namespace that ends with the command that made it."""

from __future__ import annotations

import shlex
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import pytest

from command import Done, execute


@cache
def _refusal() -> str | None:
    """Return why no mount can be made here, or nothing if one can."""
    if shutil.which("unshare") is None:
        return "no unshare on this machine"
    try_it = "mount -t tmpfs -o size=1m tmpfs /mnt && mount --bind /mnt /mnt && mount -o remount,bind,ro /mnt"
    done = subprocess.run(["unshare", "-m", "sh", "-c", try_it], capture_output=True, text=True, check=False)
    return f"no private mounts here: {done.stderr.strip()}" if done.returncode else None


class Disk:
    """A shell in a mount namespace of its own, which sees a mount that nobody else sees."""

    def __init__(self, folder: Path, prepare: str) -> None:
        folder.mkdir()
        self.folder = folder
        self._keeper = subprocess.Popen(
            ["unshare", "-m", "sh", "-c", f"{prepare} && echo ready && exec sleep 3600"],
            cwd=folder.parent,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._keeper.stdout is not None
        assert self._keeper.stdout.readline() == "ready\n"

    @property
    def id(self) -> int:
        """The process that keeps the mount."""
        return self._keeper.pid

    def shell(self, script: str) -> Done:
        """Run a shell script that sees the mount."""
        inside = ["nsenter", "-m", f"-t{self.id}", "sh", "-c", script]
        done = subprocess.run(inside, capture_output=True, text=True, check=False, cwd="/")
        return Done(done.returncode, done.stdout, done.stderr)

    def run(self, *arguments: str | Path) -> Done:
        """Run a tidegate command that sees the mount."""
        return execute(arguments, mounts_of=self.id)

    def seen_from_outside(self, path: Path) -> Path:
        """Return where other processes find a path of the mount."""
        return Path(f"/proc/{self.id}/root{path}")

    def fill(self, leave_kilobytes: int = 0) -> None:
        """Write the disk full, but for some kilobytes."""
        self.shell(f"dd if=/dev/zero of={self.folder}/ballast bs=1k; sync")
        if leave_kilobytes:
            self.shell(f"truncate -s -{leave_kilobytes}K {self.folder}/ballast")

    def free(self) -> None:
        """Take away what :meth:`fill` wrote."""
        self.shell(f"rm -f {self.folder}/ballast")

    def close(self) -> None:
        """End the namespace, and with it the mount."""
        self._keeper.kill()
        self._keeper.communicate()


@contextmanager
def small_disk(folder: Path, megabytes: int) -> Iterator[Disk]:
    """Mount a disk of a few megabytes on a new folder."""
    with _mounted(folder, [f"mount -t tmpfs -o size={megabytes}m tmpfs {shlex.quote(str(folder))}"]) as disk:
        yield disk


@contextmanager
def read_only_disk(folder: Path, content: Path) -> Iterator[Disk]:
    """Mount what lies at ``content`` read-only on a new folder."""
    source, target = shlex.quote(str(content)), shlex.quote(str(folder))
    with _mounted(folder, [f"mount --bind {source} {target}", f"mount -o remount,bind,ro {target}"]) as disk:
        yield disk


@contextmanager
def _mounted(folder: Path, steps: Sequence[str]) -> Iterator[Disk]:
    if reason := _refusal():
        pytest.skip(reason)
    disk = Disk(folder, " && ".join(steps))
    try:
        yield disk
    finally:
        disk.close()
