"""Curves of a search on the disk: what each set earned, written once by whoever simulated it, read in pieces.

A search of ten thousand sets has gigabytes of curves: nothing ever holds more of them than one file and one piece. Who
simulated what together shows in the files and nowhere else: pieces are cut by the order in which curves are asked for,
so that sums over them are equal to the bit, whoever did the work.
"""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path
from typing import Any, Final

import numpy as np

from tidegate.core.errors import RunError
from tidegate.core.files import write_atomically
from tidegate.core.fingerprint import fingerprint
from tidegate.core.units import FloatArray, Int64Array

__all__ = ["PIECE", "CurveFile", "CurveShelf"]

PIECE: Final = 256
"""Curves that are read at once."""
_LENGTH: Final = 24
_BROKEN: Final = (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error)


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
    piece
        Curves that are read at once.

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

    def __init__(self, folder: Path, piece: int = PIECE) -> None:
        self.folder, self._at_once = folder, piece
        self._listed: dict[Path, tuple[int, int, tuple[str, ...]]] = {}
        self._held: tuple[Path, CurveFile] | None = None

    def put(self, file: CurveFile) -> None:
        """Write what some works did, whole or not at all; the same works again replace their file."""
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / f"{fingerprint(list(file.keys))[:_LENGTH]}.npz"
        arrays = {name: value for name, value in vars(file).items() if name != "keys"}
        write_atomically(path, lambda partial: _save(partial, file.keys, arrays))

    def read(self, keys: Sequence[str]) -> Iterator[CurveFile]:
        """Yield the curves of these works in the order in which they are asked for, some at a time.

        Pieces have as many curves as the shelf was told, fewer where closes or benchmark change, whatever files they
        come from.

        Raises
        ------
        RunError
            If a work's curve is not there, or a file cannot be read.
        """
        self._held, where = None, self._where()
        missing = [key for key in keys if key not in where]
        if missing:
            raise RunError(
                found=f"{self.folder} without the curves of {len(missing)} of {len(keys)} sets",
                expected="one of each that was simulated",
                hint="repeat the search: it makes what is missing",
            )
        try:
            for first in range(0, len(keys), self._at_once):
                yield from self._piece(keys[first : first + self._at_once], where)
        finally:
            self._held = None

    def clear(self) -> None:
        """Remove every curve."""
        for path in self.folder.glob("*.npz"):
            path.unlink()
        self._listed.clear()

    def _piece(self, keys: Sequence[str], where: Mapping[str, Path]) -> Iterator[CurveFile]:
        parts: list[CurveFile] = []
        wanted: dict[Path, list[str]] = {}
        for key in keys:
            wanted.setdefault(where[key], []).append(key)
        for path, here in wanted.items():
            file = self._opened(path)
            if file.keys == tuple(keys):
                yield file
                return
            place = {key: column for column, key in enumerate(file.keys)}
            parts.append(file.only([place[key] for key in here]))
        of = {key: (part, column) for part in parts for column, key in enumerate(part.keys)}
        alike = _alike(parts)
        for _, some in groupby(keys, lambda key: alike[id(of[key][0])]):
            yield _joined([of[key] for key in some])

    def _opened(self, path: Path) -> CurveFile:
        if self._held is None or self._held[0] != path:
            self._held = None  # before the next one is there
            self._held = path, _load(path)
        return self._held[1]

    def _where(self) -> dict[str, Path]:
        """Return which file holds the curve of each work; a file is looked into once."""
        before, self._listed = self._listed, {}
        for path in sorted(self.folder.glob("*.npz")):
            state = path.stat()
            stamp, known = (state.st_mtime_ns, state.st_size), before.get(path)
            self._listed[path] = known if known and known[:2] == stamp else (*stamp, tuple(_keys(path)))
        return {key: path for path, (*_, keys) in self._listed.items() for key in keys}


def _alike(parts: Sequence[CurveFile]) -> dict[int, int]:
    """Return the number of the first part with the same closes and benchmark, by identity of the part."""
    return {
        id(part): next(
            number
            for number, other in enumerate(parts)
            if np.array_equal(part.times, other.times) and np.array_equal(part.benchmark, other.benchmark)
        )
        for part in parts
    }


def _joined(columns: Sequence[tuple[CurveFile, int]]) -> CurveFile:
    def every(name: str, axis: int = 0) -> Any:
        return np.stack([np.take(getattr(part, name), column, axis=axis) for part, column in columns], axis=axis)

    return replace(
        columns[0][0],
        keys=tuple(part.keys[column] for part, column in columns),
        equity=every("equity", axis=1),
        counts=every("counts"),
        orders=every("orders"),
        traded=every("traded"),
        traded_in_training=every("traded_in_training"),
    )


def _save(path: Path, keys: tuple[str, ...], arrays: Mapping[str, Any]) -> None:
    with path.open("wb") as file:
        np.savez(file, allow_pickle=False, keys=np.array(keys), **arrays)


def _keys(path: Path) -> list[str]:
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as content:
            return [str(key) for key in content["keys"]]
    except _BROKEN:
        return []  # a damaged file holds nothing: whoever asks for its works is told that they are missing


def _load(path: Path) -> CurveFile:
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as content:
            arrays = {name: content[name] for name in content.files if name != "keys"}
            return CurveFile(keys=tuple(str(key) for key in content["keys"]), **arrays)
    except (*_BROKEN, TypeError) as error:
        raise RunError(
            found=f"{path}, which cannot be read ({type(error).__name__}: {error})",
            expected="curves as they were written",
            hint="take the file away and repeat the search",
        ) from None
