"""How much memory a step needs at most beyond what was there before it, measured in a process of its own on Linux."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path

__all__ = ["peak_over"]

_FRAME = """
import gc, re
from pathlib import Path
{before}
def memory(name):
    return int(re.search(name + r":\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) * 1024
gc.collect()
Path("/proc/self/clear_refs").write_text("5")  # forget the peak of the preparation
start = memory("VmRSS")
{step}
print(memory("VmHWM") - start, {against})
"""


def peak_over(*, before: str, step: str, against: str) -> float:
    """Return the growth of the peak over a step, as a multiple of a number of bytes.

    Parameters
    ----------
    before, step
        Python code.
    against
        An expression for the number of bytes.
    """
    parts = {"before": textwrap.dedent(before), "step": textwrap.dedent(step), "against": against}
    done = subprocess.run(
        [sys.executable, "-c", _FRAME.format(**parts)],
        cwd=Path(__file__).parent,
        capture_output=True,
        text=True,
        check=True,
    )
    grown, size = done.stdout.split()
    return float(grown) / float(size)
