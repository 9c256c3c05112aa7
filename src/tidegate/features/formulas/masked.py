"""Values from slower sources beside the flags that say where they are missing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np

from tidegate.core.units import FloatArray
from tidegate.features.contract import Feature, Formula
from tidegate.features.inputs import Inputs

__all__ = ["column", "masked", "missing_flag", "scaled"]

_LARGEST: Final = float(np.finfo(np.float32).max)


def column(name: str) -> Formula:
    """Return the formula that takes a column as it is."""
    return lambda bars: bars.column(name)


def missing_flag(
    name: str, requires: tuple[str, ...], value: Formula, *, group: str, about: str, known_as: str = ""
) -> Feature:
    """Return the feature that is 1 where a value is missing and 0 where it is there.

    Parameters
    ----------
    requires
        Columns that the value needs.
    value
        Formula of the value, or of any other that is missing in the same places.
    about
        What is missing, in words.
    """

    def flag(bars: Inputs) -> FloatArray:
        # What does not fit into a feature array comes out missing, too.
        return (~(np.abs(value(bars)) <= _LARGEST)).astype(np.float64)

    return Feature(
        name=name,
        group=group,
        requires=requires,
        lookback_bars=1,
        description=f"1 where {about}, else 0",
        unit="flag",
        known_as=known_as,
        formula=flag,
    )


def masked(
    name: str,
    requires: tuple[str, ...],
    value: Formula,
    *,
    mask: str,
    group: str,
    unit: str,
    description: str,
    known_as: str = "",
) -> Feature:
    """Return a feature of the newest row that is neutral 0 where it is missing, which its mask tells apart."""
    return Feature(
        name=name,
        group=group,
        requires=requires,
        lookback_bars=1,
        description=description,
        unit=unit,
        mask=mask,
        neutral=0.0,
        known_as=known_as,
        formula=value,
    )


def scaled(requires: str, scale: Callable[[FloatArray], FloatArray]) -> Formula:
    """Return the formula that scales a column."""
    return lambda bars: scale(bars.column(requires))
