"""The thread by which work hangs on its supervisor: a pipe that ends when the supervisor does, however it ends."""

from __future__ import annotations

import os
import signal
import stat
import threading
from typing import Final

from tidegate.core.clock import sleep
from tidegate.core.environment import take_variable

__all__ = ["LIFELINE_VARIABLE", "ORPHAN_SECONDS", "hold_lifeline"]

LIFELINE_VARIABLE: Final = "TIDEGATE_JOB_LIFELINE"
"""Set by the supervisor: the number of the pipe's end that its child reads."""

ORPHAN_SECONDS: Final = 20.0
"""How long work without a supervisor may take to end by itself."""


def hold_lifeline() -> bool:
    """Interrupt this process when its supervisor is gone; return whether it has one.

    Work that nobody watches would go on for ever without anybody who can see or stop it. An interrupt lets it leave
    everything in order; a process that does not heed it within :data:`ORPHAN_SECONDS` ends at once.
    """
    given = take_variable(LIFELINE_VARIABLE)
    if given is None or not given.isdigit() or not _is_pipe(int(given)):
        return False
    # A shell that starts things in the background lets them ignore interrupts, and all their children with them.
    if threading.current_thread() is threading.main_thread() and signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    threading.Thread(target=_wait_for_the_end, args=(int(given),), name="lifeline", daemon=True).start()
    return True


def _wait_for_the_end(pipe: int) -> None:
    while os.read(pipe, 1):
        pass
    os.kill(os.getpid(), signal.SIGINT)
    sleep(ORPHAN_SECONDS)
    os.kill(os.getpid(), signal.SIGKILL)


def _is_pipe(number: int) -> bool:
    try:
        return stat.S_ISFIFO(os.fstat(number).st_mode)
    except OSError:  # of another process, which passed its variables on but not its files
        return False
