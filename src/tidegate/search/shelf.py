"""Curves of a search on the disk: what each set earned, written once by whoever simulated it, read in pieces.

A search of ten thousand sets has gigabytes of curves: nothing ever holds more of them than one file.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from tidegate.core.errors import RunError
from tidegate.core.files import write_atomically
from tidegate.core.fingerprint import fingerprint
from tidegate.core.units import FloatArray, Int64Array

__all__ = ["CurveFile", "CurveShelf"]

_LENGTH: Final = 24


@dataclass(frozen=True, eq=False, kw_only=True)
class CurveFile:
    """What some sets did.

    Parameters
    ----------
    keys
        Of the works that they belong to.
    times
        ``int64 (n_times,)`` closes.
    equity
        ``float64 (n_times, n_sets)`` currency at these closes.
    benchmark
        ``float64 (n_times,)``: what the recipe's benchmark was worth.
    counts
        ``int64 (n_sets, 15)``: rebalances at which each :class:`~tidegate.strategy.seam.Binding` bound.
    orders
        ``int64 (n_sets,)``.
    traded
        ``float64 (n_sets,)``: value bought and sold in the whole window, in currency.
    traded_in_training
        The same in the training part; NaN where nobody asked for it.
    """

    keys: tuple[str, ...]
    times: Int64Array
    equity: FloatArray
    benchmark: FloatArray
    counts: Int64Array
    orders: Int64Array
    traded: FloatArray
    traded_in_training: FloatArray

    def only(self, columns: Sequence[int]) -> CurveFile:
        """Return some of the sets."""
        chosen = list(columns)
        return CurveFile(
            keys=tuple(self.keys[column] for column in chosen),
            times=self.times,
            equity=np.ascontiguousarray(self.equity[:, chosen]),
            benchmark=self.benchmark,
            counts=self.counts[chosen],
            orders=self.orders[chosen],
            traded=self.traded[chosen],
            traded_in_training=self.traded_in_training[chosen],
        )


class CurveShelf:
    """Curve files of a search, by the works that they hold.

    Parameters
    ----------
    folder
        Where they lie; made with the first of them.

    Examples
    --------
    >>> import tempfile
    >>> shelf = CurveShelf(Path(tempfile.mkdtemp()) / "curves")
    >>> one = np.ones(1)
    >>> none = np.zeros(1, dtype=np.int64)
    >>> shelf.put(CurveFile(keys=("a",), times=np.array([7]), equity=one[None], benchmark=one, counts=none[None],
    ...                     orders=none, traded=one, traded_in_training=one))
    >>> [file.keys for file in shelf.read(["a"])]
    [('a',)]
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def put(self, file: CurveFile) -> None:
        """Write what some works did, whole or not at all; the same works again replace their file."""
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / f"{fingerprint(list(file.keys))[:_LENGTH]}.npz"
        arrays = {name: value for name, value in vars(file).items() if name != "keys"}
        write_atomically(path, lambda partial: _save(partial, file.keys, arrays))

    def read(self, keys: Sequence[str]) -> Iterator[CurveFile]:
        """Yield the curves of these works, file by file, each work once, in the order in which they are asked for.

        Raises
        ------
        RunError
            If a work's curve is not there, or a file cannot be read.
        """
        place = {key: number for number, key in enumerate(keys)}
        where = self._where(place)
        missing = [key for key in keys if key not in where]
        if missing:
            raise RunError(
                found=f"{self.folder} without the curves of {len(missing)} of {len(keys)} sets",
                expected="one of each that was simulated",
                hint="repeat the search: it makes what is missing",
            )
        files: dict[Path, list[str]] = {}
        for key in keys:
            files.setdefault(where[key], []).append(key)
        for path, wanted in files.items():
            file = _load(path)
            yield file.only([file.keys.index(key) for key in wanted])

    def clear(self) -> None:
        """Remove every curve."""
        for path in self.folder.glob("*.npz"):
            path.unlink()

    def _where(self, wanted: Mapping[str, int]) -> dict[str, Path]:
        paths = sorted(self.folder.glob("*.npz"))
        return {key: path for path in paths for key in _keys(path) if key in wanted}


def _save(path: Path, keys: tuple[str, ...], arrays: Mapping[str, Any]) -> None:
    with path.open("wb") as file:
        np.savez(file, allow_pickle=False, keys=np.array(keys), **arrays)


def _keys(path: Path) -> list[str]:
    try:
        with np.load(path, allow_pickle=False) as content:
            return [str(key) for key in content["keys"]]
    except (OSError, ValueError, KeyError, zipfile.BadZipFile):
        return []  # a damaged file holds nothing: whoever asks for its works is told that they are missing


def _load(path: Path) -> CurveFile:
    with np.load(path, allow_pickle=False) as content:
        arrays = {name: content[name] for name in content.files if name != "keys"}
        return CurveFile(keys=tuple(str(key) for key in content["keys"]), **arrays)
