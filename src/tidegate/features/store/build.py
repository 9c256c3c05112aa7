"""Building a feature set on disk, a block of rows at a time; blocks whose inputs did not change are kept."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tidegate.core.clock import now
from tidegate.core.environment import describe_environment
from tidegate.core.errors import TidegateError
from tidegate.core.files import write_atomically, write_json
from tidegate.core.fingerprint import fingerprint
from tidegate.core.history import History
from tidegate.core.progress import SILENT, Progress
from tidegate.core.units import Float32Array, Int64Array
from tidegate.core.workspace import Workspace
from tidegate.features.builder import FeatureBuilder
from tidegate.features.contract import FeatureContract
from tidegate.features.store.blocks import Block, BlockFile, rows_per_block
from tidegate.features.store.lineage import Origin, lineage_id
from tidegate.features.store.stored import LINEAGE_DIGITS, MANIFEST, StoredFeatures

__all__ = ["BuiltFeatures", "build_stored"]


@dataclass(frozen=True, eq=False, kw_only=True)
class BuiltFeatures:
    """A finished feature set, and how much of it had to be computed.

    Parameters
    ----------
    stored
        The set.
    computed, kept
        Blocks that were computed, and blocks that were there already or were taken over from an earlier set because
        their inputs are the same.
    """

    stored: StoredFeatures
    computed: int
    kept: int


def build_stored(
    workspace: Workspace,
    history: History,
    contract: FeatureContract,
    origin: Origin,
    *,
    progress: Progress = SILENT,
) -> BuiltFeatures:
    """Build the features of every row of a history into a folder of the workspace.

    Memory is bounded by a block of rows. A set is there when its manifest is; what an interrupt leaves is gone on with
    when the same set is asked for again, and of a finished one whose files are damaged the bad blocks are computed
    again. Each block remembers a fingerprint of exactly what it was computed from, its
    lookback and the observations of slower sources included, so after appended bars only the last blocks are computed,
    and after a restatement those that read it; the result is the one of a build from nothing, to the bit.

    Parameters
    ----------
    workspace
        The set lies in ``features/<recipe>-<first digits of its lineage id>``.
    history
        Row *t* of its bars holds what was known at ``times[t]``.
    contract
        What to compute.
    origin
        What the history was read from.

    Raises
    ------
    DataError
        If the history lacks a column or table that the contract requires.
    WorkspaceError
        If another process builds features of the same recipe right now.
    """
    builder = FeatureBuilder(history, contract)
    name = origin.recipe.name
    identity = lineage_id(origin, contract, history.bars)
    folder = workspace.features_folder / f"{name}-{identity[:LINEAGE_DIGITS]}"
    with workspace.lock(f"features-{name}", wait_seconds=0.0):
        _describe(folder, builder)
        if (stored := _intact(folder, builder)) is not None:
            return BuiltFeatures(stored=stored, computed=0, kept=len(stored.blocks))
        (folder / MANIFEST).unlink(missing_ok=True)  # a damaged set is not finished while it is mended
        computed, blocks = _build_blocks(folder, builder, progress)
        document = {
            "lineage_id": identity,
            "built_at": now(),
            **origin.as_document(),
            "contract": contract.fingerprint,
            "environment": describe_environment(),
            "blocks": [block.as_document() for block in blocks],
        }
        write_json(folder / MANIFEST, document)
        _forget_unfinished(folder)
    return BuiltFeatures(stored=StoredFeatures.open(folder), computed=computed, kept=len(blocks) - computed)


def _intact(folder: Path, builder: FeatureBuilder) -> StoredFeatures | None:
    """Return the finished set of a folder, every value read and compared with its digest; None if one is amiss."""
    try:
        stored = StoredFeatures.open(folder)
    except TidegateError:
        return None
    rows = builder.bars.shape[0]
    starts = range(0, rows, rows_per_block(builder.bars.shape[1], builder.contract.dimension))
    whole = stored.values.dtype == np.float32 and stored.values.shape == (
        *builder.bars.shape,
        builder.contract.dimension,
    )
    covered = {row for block in stored.blocks for row in (block.start, block.stop)} >= {*starts, rows}
    return stored if whole and covered and not stored.altered() else None


def _describe(folder: Path, builder: FeatureBuilder) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / "contract.json", builder.contract.as_document())
    write_json(folder / "symbols.json", list(builder.bars.symbols))
    write_atomically(folder / "times.npy", lambda partial: _save(partial, builder.bars.times))


def _save(path: Path, times: Int64Array) -> None:
    with path.open("wb") as file:
        np.save(file, times)


def _build_blocks(folder: Path, builder: FeatureBuilder, progress: Progress) -> tuple[int, list[Block]]:
    """Bring every block of a set to its end; return how many were computed, and all of them."""
    contract, bars = builder.contract, builder.bars
    shape = (*bars.shape, contract.dimension)
    earlier = _Earlier(folder)
    file = BlockFile.of(folder)
    if file is None or file.shape != shape:
        file = BlockFile(folder, shape)
        file.make()
    code = fingerprint([contract.fingerprint, describe_environment()])
    rows = rows_per_block(shape[1], shape[2])
    starts = range(0, shape[0], rows)
    blocks, computed = [], 0
    for start in progress.track(starts, "blocks of features", total=len(starts)):
        reading = builder.read(start, min(start + rows, shape[0]))
        inputs = fingerprint([code, reading.fingerprint()])
        found = earlier.find(inputs)
        values = builder.compute(reading) if found is None else found.values
        present = ~np.isnan(bars["close"][start : reading.stop])
        block = Block.of(reading, inputs, values, present, contract) if found is None else found.block.at(start)
        if found is None or found.folder != folder or found.block.start != start:
            file.write(block, values)
        computed += found is None
        blocks.append(block)
    return computed, blocks


@dataclass(frozen=True, eq=False)
class _Found:
    folder: Path
    block: Block
    values: Float32Array


class _Earlier:
    """The finished blocks of a set and of its earlier versions, by the fingerprint of their inputs."""

    def __init__(self, folder: Path) -> None:
        self._blocks: dict[str, tuple[BlockFile, Block]] = {}
        for other in [*_earlier_versions(folder), folder]:
            if (file := BlockFile.of(other)) is not None:
                self._blocks |= {block.inputs: (file, block) for block in file.finished}

    def find(self, inputs: str) -> _Found | None:
        """Return a block that was computed from these inputs, if its values are still those that were written."""
        if inputs not in self._blocks:
            return None
        file, block = self._blocks[inputs]
        values = file.read(block)
        return None if values is None else _Found(file.folder, block, values)


def _earlier_versions(folder: Path) -> list[Path]:
    """Return the other sets of the same recipe, finished or not."""
    name = folder.name[: -LINEAGE_DIGITS - 1]
    return sorted(other for other in folder.parent.glob(f"{name}-{'[0-9a-f]' * LINEAGE_DIGITS}") if other != folder)


def _forget_unfinished(folder: Path) -> None:
    """Remove what interrupted builds of the same recipe left that nobody will go on with."""
    for other in _earlier_versions(folder):
        if not (other / MANIFEST).exists():
            shutil.rmtree(other, ignore_errors=True)
