"""What workers of a pool do in tests; light to import, because each of them does."""

from __future__ import annotations

import errno
import os
import signal
import time
from collections.abc import Sequence
from pathlib import Path

from fake_server import works
from threadpoolctl import threadpool_info

from tidegate.core.errors import LedgerError
from tidegate.search.runner.backend import Outcome, Work
from tidegate.search.runner.states import State


def judge(tried: Sequence[Work]) -> list[Outcome]:
    """Do works: each says how many, so that the outcome depends on nothing else."""
    return [one_outcome(work) for work in tried]


def one_outcome(work: Work) -> Outcome:
    number = work.payload["parameters"]["top_n"]
    if number % 7 == 6:
        return Outcome(key=work.key, status=State.FAILED, error="seven is not allowed")
    return Outcome(key=work.key, figures={"cagr": number / 7.0, "max_drawdown": None})


def judge_with_trouble(tried: Sequence[Work]) -> list[Outcome]:
    """Do works; the folder in the payload says what went wrong once already."""
    for work in tried:
        trouble = work.payload.get("trouble")
        mark = Path(work.payload.get("folder", ".")) / f"{work.key}.{trouble}"
        if trouble and not mark.exists():
            if not trouble.startswith("always"):
                mark.touch()
            if "kills" in trouble:
                os.kill(os.getpid(), signal.SIGKILL)
            elif "hangs" in trouble:
                time.sleep(600.0)
            elif "disk" in trouble:
                raise OSError(errno.ENOSPC, "No space left on device")
            elif "books" in trouble:
                raise LedgerError(found="a hole", expected="none", hint="look")
            else:
                raise ValueError("no such parameter")
    return judge(tried)


def threads(tried: Sequence[Work]) -> list[Outcome]:
    import numpy as np

    np.ones((2, 2)) @ np.ones((2, 2))
    most = max([one["num_threads"] for one in threadpool_info()], default=1)
    named = float(os.environ.get("NUMBA_NUM_THREADS", "0"))
    return [Outcome(key=work.key, figures={"threads": float(most), "named": named}) for work in tried]


def troubled(folder: Path, number: int, trouble: str) -> Work:
    (work,) = works(1, first=number)
    return Work(key=work.key, payload={**work.payload, "trouble": trouble, "folder": str(folder)})
