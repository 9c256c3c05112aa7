"""Reading feature sets from disk: found by lineage, mapped into memory, refused unless finished."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import numpy as np

from tidegate.core.errors import InputError
from tidegate.core.files import read_json
from tidegate.core.time import Instant
from tidegate.core.units import Float32Array, Int64Array
from tidegate.core.workspace import Workspace
from tidegate.features.contract import FeatureContract
from tidegate.features.matrix import FeatureMatrix
from tidegate.features.selection import declared_contract
from tidegate.features.store.blocks import Block, BlockFile
from tidegate.features.store.lineage import Origin

__all__ = ["LINEAGE_DIGITS", "MANIFEST", "StoredFeatures", "find_stored", "stored_sets"]

MANIFEST: Final = "manifest.json"
"""Written last: where it is, the set is finished."""
LINEAGE_DIGITS: Final = 12
"""Of the lineage id, at the end of a folder's name."""
_SHORTEST_ID: Final = 6


@dataclass(frozen=True, eq=False, kw_only=True)
class StoredFeatures:
    """A finished feature set; its values stay on disk until they are touched.

    Parameters
    ----------
    folder
        Where it lies.
    lineage_id
        SHA-256 of everything that decides its values.
    built_at
        When it was built.
    origin
        What its inputs were read from.
    times
        ``int64 (n_times,)``.
    symbols
        Names of the second axis.
    values
        ``float32 (n_times, n_symbols, n_features)``, read-only; row *t* uses what was known at ``times[t]``.
    blocks
        The blocks that it was built in.
    """

    folder: Path
    lineage_id: str
    built_at: Instant
    origin: Origin
    times: Int64Array
    symbols: tuple[str, ...]
    values: Float32Array
    blocks: tuple[Block, ...]

    @classmethod
    def open(cls, folder: Path) -> StoredFeatures:
        """Open a finished set.

        Raises
        ------
        InputError
            If there is none, or its files are not those that were written.
        """
        if not (folder / MANIFEST).is_file():
            raise InputError(
                found=f"no finished feature set in {folder}",
                expected=f"a folder with {MANIFEST}",
                hint="run: tidegate features build RECIPE",
            )
        try:
            manifest = read_json(folder / MANIFEST)
            return cls(
                folder=folder,
                lineage_id=str(manifest["lineage_id"]),
                built_at=Instant(manifest["built_at"]),
                origin=Origin.from_document(manifest),
                times=np.load(folder / "times.npy"),
                symbols=tuple(read_json(folder / "symbols.json")),
                values=np.load(folder / "values.npy", mmap_mode="r"),
                blocks=tuple(Block.from_document(entry) for entry in manifest["blocks"]),
            )
        except (OSError, ValueError, LookupError, TypeError) as error:
            raise InputError(
                found=f"a damaged feature set in {folder} ({str(error).splitlines()[0]})",
                expected="every file as it was written",
                hint="delete the folder, then run: tidegate features build RECIPE",
            ) from None

    @cached_property
    def contract(self) -> FeatureContract:
        """Names and meaning of the last axis, with their code.

        Raises
        ------
        InputError
            If a feature is declared otherwise today.
        """
        recipe = self.origin.recipe
        declared = declared_contract(recipe.features, recipe.data.interval)
        return FeatureContract.from_document(read_json(self.folder / "contract.json"), declared)

    def matrix(self) -> FeatureMatrix:
        """Return the set as training takes it, over the same memory."""
        return FeatureMatrix(self.times, self.symbols, self.contract, self.values)

    def altered(self) -> tuple[Block, ...]:
        """Return the blocks whose values are not those that were written."""
        file = BlockFile(self.folder, (len(self.times), len(self.symbols), self.values.shape[2]))
        return tuple(block for block in self.blocks if file.read(block) is None)

    def missing_by_group(self) -> dict[str, float]:
        """Return the share of values that are missing at the bars there are, by group of features."""
        document: Mapping[str, Any] = read_json(self.folder / "contract.json")
        groups = np.array([feature["group"] for feature in document["features"]])
        missing = np.sum([block.missing for block in self.blocks], axis=0)
        bars = max(sum(block.bars for block in self.blocks), 1)
        return {str(group): float(missing[groups == group].mean() / bars) for group in dict.fromkeys(groups)}


def stored_sets(workspace: Workspace) -> Iterator[StoredFeatures]:
    """Yield the finished feature sets of a workspace, in the order of their names."""
    for manifest in sorted(workspace.features_folder.glob(f"*/{MANIFEST}")):
        yield StoredFeatures.open(manifest.parent)


def find_stored(workspace: Workspace, identifier: str) -> StoredFeatures | None:
    """Return the one set whose lineage id, or folder, begins with some characters; None if there is none.

    Raises
    ------
    InputError
        If there are several, or the beginning is too short to mean one.
    """
    folders = [manifest.parent for manifest in sorted(workspace.features_folder.glob(f"*/{MANIFEST}"))]
    digits = identifier[:LINEAGE_DIGITS]
    found = [one for one in folders if one.name.startswith(identifier) or one.name[-LINEAGE_DIGITS:].startswith(digits)]
    if not found:
        return None
    if len(identifier) < _SHORTEST_ID or len(found) > 1:
        raise InputError(
            found=f"{identifier!r}, which begins {len(found)} feature sets",
            expected=f"at least {_SHORTEST_ID} characters that mean one",
            hint=f"such as {found[0].name}",
        )
    return StoredFeatures.open(found[0])
