"""Variants of a set of features: all of them, and what is left without each group."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from tidegate.core.errors import InputError
from tidegate.core.units import Int64Array, Mask
from tidegate.features import FeatureContract, FeatureMatrix

__all__ = ["FULL", "Variant", "known_of", "variants_of"]

FULL: Final = "full"
"""Name of the variant that sees every feature."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Variant:
    """A choice of features.

    Parameters
    ----------
    name
        ``full``, or ``without`` and the group.
    group
        What is left out; None in ``full``.
    columns
        ``int64``, places of the features that are left, in contract order.
    """

    name: str
    group: str | None
    columns: Int64Array

    def as_document(self) -> dict[str, Any]:
        """Return plain values."""
        return {"name": self.name, "without": self.group, "features": len(self.columns)}


def variants_of(contract: FeatureContract, without: Sequence[str] = ()) -> list[Variant]:
    """Return the full set of features, and what is left of it without each group.

    A flag that says where a feature of the group is missing goes with it, whatever its own group, unless it serves
    another feature that stays: what is left out leaves no trace.

    Parameters
    ----------
    without
        Groups to leave out, one at a time; empty means each that the contract has, except one that is all there is.

    Raises
    ------
    InputError
        If a group is not there, or nothing would be left.

    Examples
    --------
    >>> from tidegate.core.time import DAILY
    >>> from tidegate.features import market_contract
    >>> [(one.name, len(one.columns)) for one in variants_of(market_contract("ashare", DAILY), ["volume"])]
    [('full', 50), ('without volume', 44)]
    """
    present = tuple(dict.fromkeys(feature.group for feature in contract.features))
    unknown = sorted(set(without) - set(present))
    if unknown:
        raise InputError(
            found=f"no feature of group {', '.join(unknown)}",
            expected=f"some of {', '.join(present)}",
            hint="see the features of each group: tidegate features show RECIPE",
        )
    left = {group: _left(contract, group) for group in dict.fromkeys(without or present)}
    empty = [group for group, columns in left.items() if not columns.size]
    if empty and without:
        raise InputError(
            found=f"no feature is left without {', '.join(empty)}",
            expected="a group beside which the contract has others",
            hint="add features to the recipe, or compare models alone",
        )
    everything = Variant(name=FULL, group=None, columns=np.arange(contract.dimension, dtype=np.int64))
    return [everything] + [
        Variant(name=f"without {group}", group=group, columns=columns)
        for group, columns in left.items()
        if columns.size
    ]


def known_of(features: FeatureMatrix, group: str) -> Mask:
    """Return where something is known of a group, ``bool (n_times, n_symbols)``; its flags tell nothing by themselves.

    A value that stands for what is missing is not known.
    """
    flags = {one.mask for one in features.contract.features}
    known = np.zeros(features.values.shape[:2], dtype=np.bool_)
    for one in features.contract.features:
        if one.group == group and one.name not in flags:
            known |= features.mask(one.name)
    return known


def _left(contract: FeatureContract, group: str) -> Int64Array:
    gone = {one.mask for one in contract.features if one.group == group}
    needed = {one.mask for one in contract.features if one.group != group}
    kept = [
        place
        for place, one in enumerate(contract.features)
        if one.group != group and (one.name not in gone or one.name in needed)
    ]
    return np.array(kept, dtype=np.int64)
