"""Samples of a data set as rows that are read when they are asked for, so that no fold copies its features."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from tidegate.core.errors import InputError
from tidegate.core.units import Float32Array, Int64Array

__all__ = ["Cells"]


@dataclass(frozen=True, eq=False)
class Cells:
    """Chosen cells of a matrix of features, as the rows that a model is trained on.

    Nothing is copied until rows are asked for, and then these alone: who asks for pieces holds one piece in memory.

    Parameters
    ----------
    values
        ``float32 (n_times, n_symbols, n_features)``; it may lie in a file that is mapped into memory.
    rows, symbols
        ``int64 (n,)``: positions on the first two axes, one pair per sample.
    columns
        ``int64``: the features that are seen, by their places; None sees all of them.

    Raises
    ------
    InputError
        If the two have different lengths, or one lies outside.

    Examples
    --------
    >>> values = np.arange(12, dtype=np.float32).reshape(3, 2, 2)
    >>> cells = Cells(values, np.array([0, 2, 2]), np.array([1, 0, 1]))
    >>> cells.shape, cells[1:].tolist(), cells[np.array([0])].tolist()
    ((3, 2), [[8.0, 9.0], [10.0, 11.0]], [[2.0, 3.0]])
    """

    values: Float32Array
    rows: Int64Array
    symbols: Int64Array
    columns: Int64Array | None = None
    _lines: Float32Array = field(init=False, repr=False)
    _places: Int64Array = field(init=False, repr=False)

    def __post_init__(self) -> None:
        n_times, n_symbols, n_features = self.values.shape
        aligned = self.rows.ndim == 1 and self.rows.shape == self.symbols.shape
        if not aligned or not _within(self.rows, n_times) or not _within(self.symbols, n_symbols):
            raise InputError(
                found=f"rows {self.rows.shape} and symbols {self.symbols.shape} of features {self.values.shape}",
                expected="pairs of positions inside the matrix",
                hint="take both from Dataset.samples",
            )
        # A plain view: a piece of a mapped file is then an ordinary array.
        lines = self.values.view(np.ndarray).reshape(n_times * n_symbols, n_features)
        object.__setattr__(self, "_lines", lines)
        object.__setattr__(self, "_places", self.rows * n_symbols + self.symbols)

    @property
    def shape(self) -> tuple[int, int]:
        """``(n, n_features)``."""
        return len(self._places), self.values.shape[2] if self.columns is None else len(self.columns)

    def __len__(self) -> int:
        return len(self._places)

    def __getitem__(self, which: slice | Int64Array) -> Float32Array:
        """Return some rows, ``float32 (k, n_features)``, as a copy."""
        found: Float32Array = np.take(self._lines, self._places[which], axis=0)
        return found if self.columns is None else np.ascontiguousarray(found[:, self.columns])


def _within(places: Int64Array, size: int) -> bool:
    return not places.size or (int(places.min()) >= 0 and int(places.max()) < size)
