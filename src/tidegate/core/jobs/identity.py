"""Who a process is: its number alone is given to another process sooner or later."""

from __future__ import annotations

import hashlib
import os
import platform
import signal
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final, Self

__all__ = ["ProcessIdentity", "identity_of", "this_process"]

_BOOT: Final = Path("/proc/sys/kernel/random/boot_id")
_NUMBERED_IN: Final = Path("/proc/self/ns/pid")
_TICKS_PER_SECOND: Final = 100


@dataclass(frozen=True)
class ProcessIdentity:
    """A process of one machine, from one start of that machine to the next.

    Parameters
    ----------
    machine
        The machine since its last start, and, in a container, who numbers its processes; nothing readable.
    pid
        The number of the process.
    started
        When it was started, in hundredths of a second since the machine was. A clock that is put right does not
        change it.

    Examples
    --------
    >>> here = this_process()
    >>> here.is_alive, ProcessIdentity.parse(str(here)) == here
    (True, True)
    >>> ProcessIdentity(here.machine, here.pid, here.started - 1).is_alive  # the number was given away again
    False
    """

    machine: str
    pid: int
    started: int

    def __str__(self) -> str:
        return f"{self.machine}/{self.pid}/{self.started}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read what ``str`` wrote."""
        machine, pid, started = text.split("/")
        return cls(machine, int(pid), int(started))

    @property
    def is_here(self) -> bool:
        """Whether it belongs to this machine since its last start, so that its end can be seen from here."""
        return self.machine == _this_machine()

    @property
    def is_alive(self) -> bool:
        """Whether it still runs here; a process of another machine never does."""
        return self.is_here and identity_of(self.pid) == self

    @property
    def is_gone(self) -> bool:
        """Whether it is certain that it ended; nothing is certain about a process of another machine."""
        return self.is_here and not self.is_alive

    def send(self, number: signal.Signals) -> bool:
        """Send it a signal, and to nobody who was given its number since; return whether it was there."""
        import psutil

        try:
            process = psutil.Process(self.pid)
            if not self.is_alive:
                return False
            process.send_signal(number)  # which looks once more whether the number is still the same process
        except psutil.NoSuchProcess:
            return False
        return True


def this_process() -> ProcessIdentity:
    """Return who this process is."""
    return ProcessIdentity(_this_machine(), os.getpid(), _started(os.getpid()) or 0)


def identity_of(pid: int) -> ProcessIdentity | None:
    """Return who has a number on this machine now; None where nobody has, or only one that has ended."""
    started = _started(pid)
    return None if started is None else ProcessIdentity(_this_machine(), pid, started)


def _started(pid: int) -> int | None:
    import psutil

    try:
        process = psutil.Process(pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            return None
        # Both are told against the wall clock, which may be put right in between; their difference does not move.
        since_start: float = process.create_time() - psutil.boot_time()
        return round(since_start * _TICKS_PER_SECOND)
    except psutil.NoSuchProcess:
        return None


@cache
def _this_machine() -> str:
    import psutil

    try:
        start, numbers = _BOOT.read_text(encoding="utf-8").strip(), str(_NUMBERED_IN.readlink())
    except OSError:  # not Linux
        start, numbers = f"{psutil.boot_time():.0f}", ""
    return hashlib.sha256(f"{platform.node()}|{start}|{numbers}".encode()).hexdigest()[:16]
