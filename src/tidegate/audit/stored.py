"""A history and a pipeline in files, so that every process can read them and none is handed more than once."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any, Final

import numpy as np

from tidegate.core.history import History
from tidegate.core.panel import Panel
from tidegate.core.pipeline import Pipeline

__all__ = ["dump", "is_picklable", "load", "load_history", "store_history"]

_NAMES: Final = "names.pickle"


def store_history(history: History, folder: Path) -> None:
    """Write a history: bars as arrays that are mapped, not read, and tables as Arrow files."""
    bars = history.bars
    np.save(folder / "times.npy", bars.times)
    for place, column in enumerate(bars.columns.values()):
        np.save(folder / f"column_{place}.npy", np.ascontiguousarray(column))
    for place, rows in enumerate(history.tables.values()):
        rows.write_ipc(folder / f"table_{place}.arrow")
    names = (bars.symbols, tuple(bars.columns), tuple(history.tables))
    (folder / _NAMES).write_bytes(pickle.dumps(names))


def load_history(folder: Path) -> History:
    """Return a history from :func:`store_history`; its arrays are mapped read-only."""
    symbols, columns, tables = pickle.loads((folder / _NAMES).read_bytes())  # noqa: S301 - written by this audit
    mapped = {name: np.load(folder / f"column_{place}.npy", mmap_mode="r") for place, name in enumerate(columns)}
    bars = Panel(np.load(folder / "times.npy"), symbols, mapped)
    return History(bars, {name: _table(folder / f"table_{place}.arrow") for place, name in enumerate(tables)})


def _table(file: Path) -> Any:
    import polars as pl

    return pl.read_ipc(file)


def dump(content: object, file: Path) -> None:
    """Write an object for other processes, functions of a script or of another function too.

    Raises
    ------
    Exception
        Whatever stands in the way of pickling, if something does.
    """
    import cloudpickle

    file.write_bytes(cloudpickle.dumps(content))


def load(file: Path) -> Any:
    """Return an object from :func:`dump`."""
    return pickle.loads(file.read_bytes())  # noqa: S301 - written by this audit, in a folder of its own


def is_picklable(pipeline: Pipeline, file: Path) -> bool:
    """Write a pipeline for other processes; tell whether that was possible."""
    try:
        dump(pipeline, file)
    except (pickle.PicklingError, AttributeError, TypeError, RecursionError):
        return False
    return True
