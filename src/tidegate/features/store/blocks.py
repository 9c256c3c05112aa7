"""The values of a feature set as one file, written and checked a block of rows at a time."""

from __future__ import annotations

import io
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np

from tidegate.core.files import read_json, write_atomically, write_json
from tidegate.core.fingerprint import array_fingerprint
from tidegate.core.units import Float32Array, Mask
from tidegate.features.contract import FeatureContract
from tidegate.features.reading import Reading

__all__ = ["Block", "BlockFile", "rows_per_block"]

_VALUES_PER_BLOCK: Final = 2**25
_ROWS_PER_BLOCK: Final = 2**14
_BLOCKS: Final = "blocks.json"


def rows_per_block(n_symbols: int, n_features: int) -> int:
    """Return how many rows make a block: what an interrupt may cost, a rebuild repeats and memory holds.

    Examples
    --------
    >>> rows_per_block(10, 120), rows_per_block(5_300, 40)
    (16384, 158)
    """
    return min(max(_VALUES_PER_BLOCK // (n_symbols * n_features), 1), _ROWS_PER_BLOCK)


@dataclass(frozen=True, kw_only=True)
class Block:
    """A finished block of rows.

    Parameters
    ----------
    start, stop
        Its rows, ``stop`` excluded.
    inputs
        Fingerprint of the contract, the code and everything that its features were computed from.
    values
        Fingerprint of its values.
    missing
        Of each feature, at how many bars it is missing.
    bars
        How many bars the block has: rows at which a symbol has a close.
    """

    start: int
    stop: int
    inputs: str
    values: str
    missing: tuple[int, ...]
    bars: int

    @classmethod
    def of(cls, reading: Reading, inputs: str, values: Float32Array, present: Mask, contract: FeatureContract) -> Block:
        """Return the block that was computed from a reading; ``present`` says where there is a bar."""
        return cls(
            start=reading.start,
            stop=reading.stop,
            inputs=inputs,
            values=_digest(values),
            missing=_missing_counts(contract, values, present),
            bars=int(present.sum()),
        )

    def at(self, start: int) -> Block:
        """Return the same block as it stands in a set where it begins at another row."""
        return replace(self, start=start, stop=start + self.stop - self.start)

    def as_document(self) -> dict[str, Any]:
        """Return plain values."""
        return {**self.__dict__, "missing": list(self.missing)}

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Block:
        """Read what :meth:`as_document` returned."""
        return cls(**{**document, "missing": tuple(document["missing"])})


class BlockFile:
    """``values.npy`` of a feature set, and beside it the list of its finished blocks.

    A block is flushed to disk before the list names it, so what the list names is there, whenever the process ends.
    Blocks are written, not mapped: a full disk is then an error instead of the end of the process.

    Parameters
    ----------
    folder
        Of the set.
    shape
        ``(n_times, n_symbols, n_features)`` of the whole.
    """

    def __init__(self, folder: Path, shape: tuple[int, int, int]) -> None:
        self.folder, self.shape = folder, shape
        self.path = folder / "values.npy"
        self._header = _header(shape)
        self._row = 4 * shape[1] * shape[2]
        self.finished: list[Block] = []

    @classmethod
    def of(cls, folder: Path) -> BlockFile | None:
        """Return the file that a folder holds, finished or not; None if it holds none that can be read."""
        with suppress(OSError, ValueError, TypeError, KeyError), (folder / "values.npy").open("rb") as file:
            np.lib.format.read_magic(file)
            n_times, n_symbols, n_features = np.lib.format.read_array_header_1_0(file)[0]
            found = cls(folder, (n_times, n_symbols, n_features))
            file.seek(0)
            if file.read(len(found._header)) != found._header:  # other numbers than those that are written here
                return None
            found.finished = [Block.from_document(entry) for entry in read_json(folder / _BLOCKS)]
            return found
        return None

    def make(self) -> None:
        """Make the file without a block in it."""
        (self.folder / _BLOCKS).unlink(missing_ok=True)
        write_atomically(self.path, lambda partial: _write_bytes(partial, self._header))

    def read(self, block: Block) -> Float32Array | None:
        """Return the values of a finished block; None if they are not what was written."""
        shape = (block.stop - block.start, *self.shape[1:])
        with suppress(OSError, ValueError), self.path.open("rb") as file:
            file.seek(len(self._header) + block.start * self._row)
            values = np.fromfile(file, dtype="<f4", count=int(np.prod(shape))).reshape(shape)
            if _digest(values) == block.values:
                return values
        return None

    def write(self, block: Block, values: Float32Array) -> None:
        """Write the values of a block, and remember it as finished."""
        with self.path.open("r+b") as file:
            file.seek(len(self._header) + block.start * self._row)
            file.write(np.ascontiguousarray(values, dtype="<f4").data)
            file.flush()
            os.fsync(file.fileno())
        self.finished = [*(other for other in self.finished if other.start != block.start), block]
        write_json(self.folder / _BLOCKS, [one.as_document() for one in self.finished])


def _write_bytes(path: Path, content: bytes) -> None:
    path.write_bytes(content)


def _header(shape: tuple[int, int, int]) -> bytes:
    held = io.BytesIO()
    declared = {"descr": "<f4", "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(held, declared)
    return held.getvalue()


def _missing_counts(contract: FeatureContract, values: Float32Array, present: Mask) -> tuple[int, ...]:
    """Return at how many of the present bars each feature is missing: not a number, or flagged by its mask."""
    places = {name: place for place, name in enumerate(contract.names)}
    flags = {place: places[one.mask] for place, one in enumerate(contract.features) if one.mask is not None}
    missing = np.isnan(values)
    missing[:, :, list(flags)] |= values[:, :, list(flags.values())] > 0.0
    return tuple(missing[present].sum(axis=0, dtype=np.int64).tolist())


def _digest(values: Float32Array) -> str:
    """Return the SHA-256 of the values, bit by bit."""
    return array_fingerprint(np.ascontiguousarray(values, dtype="<f4").view(np.int32))
