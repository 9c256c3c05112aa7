"""What a pipeline gives with everything there: the values that every other evaluation must reproduce.

They lie in files, so that memory stays bounded by a block of rows, and so that other processes read them too.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from tidegate.core.errors import InputError
from tidegate.core.pipeline import Stage, StageKind
from tidegate.core.units import FloatArray, Int64Array

__all__ = ["Reference", "ReferenceStage", "Values", "empty_like", "store_reference"]

Values = npt.NDArray[Any]
"""``float (n, n_symbols, n_keys)``."""
_VALUES_FOR_SPREAD: Final = 4_000_000
_ROWS_AT_ONCE: Final = 4096


@dataclass(frozen=True, eq=False, kw_only=True)
class ReferenceStage:
    """One stage over all rows.

    Parameters
    ----------
    declared
        An empty stage with kind, symbols, keys and all that is declared of them.
    times, ends
        ``int64 (n,)``; ``ends`` is empty where the stage is no label.
    file
        Values of ``shape`` and ``dtype``, row after row.
    spreads
        Standard deviation of each key, ``float64 (n_keys,)``, from rows at equal steps; zero where there is none.
    first_known
        Key to the first instant from which an evaluation shows a value of it; a key that never has one is absent.
    """

    declared: Stage
    times: Int64Array
    ends: Int64Array
    file: Path
    dtype: str
    spreads: FloatArray = field(default_factory=lambda: np.empty(0))
    first_known: Mapping[str, int] = field(default_factory=dict)

    @property
    def shape(self) -> tuple[int, int, int]:
        """``(n, n_symbols, n_keys)``."""
        return len(self.times), len(self.declared.symbols), len(self.declared.keys)

    def values(self) -> Values:
        """Return the values, read from the file as they are looked at."""
        if 0 in self.shape:
            return np.empty(self.shape, dtype=self.dtype)
        return np.memmap(self.file, dtype=self.dtype, mode="r", shape=self.shape)

    def find(self, block: Stage) -> bool:
        """Whether a block of rows belongs to this stage."""
        return block.kind is self.declared.kind and (
            block.keys == self.declared.keys or not set(block.keys).isdisjoint(self.declared.keys)
        )


@dataclass(frozen=True, eq=False)
class Reference:
    """The stages of a pipeline, in the order in which it yields them."""

    stages: tuple[ReferenceStage, ...]

    def place_of(self, block: Stage) -> int | None:
        """Return which stage a block belongs to; None if everything had none like it."""
        exact = (place for place, one in enumerate(self.stages) if one.find(block) and block.keys == one.declared.keys)
        alike = (place for place, one in enumerate(self.stages) if one.find(block))
        return next(exact, next(alike, None))


def store_reference(blocks: Iterable[Stage], folder: Path) -> Reference:
    """Write the blocks of a run into files, one per stage.

    Raises
    ------
    InputError
        If blocks of one stage overlap, come out of order, or differ in symbols or type.
    """
    writers: dict[tuple[StageKind, tuple[str, ...]], _Writer] = {}
    for block in blocks:
        key = (block.kind, block.keys)
        if key not in writers:
            writers[key] = _Writer(block, folder / f"stage_{len(writers)}.values")
        writers[key].append(block)
    return Reference(tuple(writer.stored() for writer in writers.values()))


@dataclass
class _Writer:
    first: Stage
    file: Path
    times: list[Int64Array] = field(default_factory=list)
    ends: list[Int64Array] = field(default_factory=list)
    last: int | None = None

    def append(self, block: Stage) -> None:
        if block.symbols != self.first.symbols or block.values.dtype != self.first.values.dtype:
            raise InputError(
                found=f"blocks of {block.kind.value} with other symbols or types from block to block",
                expected="the same in every block of a stage",
                hint="yield every symbol in every block, missing where it has no value",
            )
        if len(block.times):
            if self.last is not None and block.times[0] <= self.last:
                raise InputError(
                    found=f"blocks of {block.kind.value} that overlap or come out of order",
                    expected="consecutive rows",
                    hint="stages that differ in meaning need different keys",
                )
            self.last = int(block.times[-1])
        self.times.append(np.asarray(block.times, dtype=np.int64))
        if block.ends is not None:
            self.ends.append(np.asarray(block.ends, dtype=np.int64))
        with self.file.open("ab") as file:
            np.ascontiguousarray(block.values).tofile(file)

    def stored(self) -> ReferenceStage:
        stage = ReferenceStage(
            declared=empty_like(self.first),
            times=np.concatenate(self.times),
            ends=np.concatenate(self.ends) if self.ends else np.empty(0, dtype=np.int64),
            file=self.file,
            dtype=self.first.values.dtype.str,
        )
        values = stage.values()
        return replace(stage, spreads=_spreads(values), first_known=_first_known(stage, values))


def _spreads(values: Values) -> FloatArray:
    """Return the standard deviation of each key, over as many rows at equal steps as are quickly read."""
    rows = max(_VALUES_FOR_SPREAD // max(values[:1].size, 1), 1)
    sample = np.asarray(values[:: max(-(-len(values) // rows), 1)], dtype=np.float64)
    known = np.isfinite(sample)
    count = np.maximum(known.sum(axis=(0, 1)), 1)
    with np.errstate(over="ignore", invalid="ignore"):
        mean = np.where(known, sample, 0.0).sum(axis=(0, 1)) / count
        spread = np.sqrt((np.where(known, sample - mean, 0.0) ** 2).sum(axis=(0, 1)) / count)
    return np.where(np.isfinite(spread), spread, 0.0)


def _first_known(stage: ReferenceStage, values: Values) -> dict[str, int]:
    """Return when a value of each key is first there: at its row, of a label at the end of it."""
    shown_at = stage.ends if stage.declared.kind is StageKind.LABELS else stage.times
    wanted, found = list(range(len(stage.declared.keys))), dict[str, int]()
    for start in range(0, len(values), _ROWS_AT_ONCE):
        if not wanted:
            break
        there = (~np.isnan(np.asarray(values[start : start + _ROWS_AT_ONCE])[:, :, wanted])).any(axis=1)
        for place, rows in zip(list(wanted), there.T, strict=True):
            if rows.any():
                found[stage.declared.keys[place]] = int(shown_at[start : start + _ROWS_AT_ONCE][rows].min())
                wanted.remove(place)
    return found


def empty_like(stage: Stage) -> Stage:
    """Return a stage without rows that declares the same, in plain dictionaries."""
    nothing = np.empty(0, dtype=np.int64)
    return Stage(
        kind=stage.kind,
        times=nothing,
        symbols=tuple(stage.symbols),
        keys=tuple(stage.keys),
        values=np.empty((0, len(stage.symbols), len(stage.keys)), dtype=stage.values.dtype),
        ends=nothing if stage.kind is StageKind.LABELS else None,
        lookback_bars=_plain(stage.lookback_bars),
        bounds=_plain(stage.bounds),
        table_lookbacks=_plain(stage.table_lookbacks),
        maximum_ages=_plain(stage.maximum_ages),
        neutrals=_plain(stage.neutrals),
        masks=_plain(stage.masks),
    )


def _plain(declared: Mapping[str, Any]) -> dict[str, Any]:
    return dict(declared)
