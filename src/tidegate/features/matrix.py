"""Features of every instant and symbol, with the contract that says what they are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from tidegate.core.errors import InputError
from tidegate.core.fingerprint import array_fingerprint, fingerprint
from tidegate.core.panel import read_only
from tidegate.core.units import Float32Array, Int64Array, Mask
from tidegate.features.contract import FeatureContract, FeatureGroup

__all__ = ["FeatureMatrix"]

_ROWS_PER_BLOCK: Final = 64
_OF_EVERYONE: Final = frozenset({FeatureGroup.CALENDAR, FeatureGroup.MACRO, FeatureGroup.QUALITY})
"""Groups whose values do not depend on whether the symbol traded."""


@dataclass(frozen=True, eq=False)
class FeatureMatrix:
    """Features of every instant and symbol.

    Parameters
    ----------
    times
        ``int64 (n_times,)``, instants in microseconds UTC.
    symbols
        Names of the second axis.
    contract
        Names and meaning of the last axis.
    values
        ``float32 (n_times, n_symbols, n_features)``; row *t* uses what was known at ``times[t]``; NaN is
        missing.

    Raises
    ------
    InputError
        If the shape does not follow from times, symbols and contract.
    """

    times: Int64Array
    symbols: tuple[str, ...]
    contract: FeatureContract
    values: Float32Array

    def __post_init__(self) -> None:
        shape = (len(self.times), len(self.symbols), self.contract.dimension)
        if self.values.shape != shape or self.values.dtype != np.float32:
            raise InputError(
                found=f"feature values {self.values.dtype} {self.values.shape}",
                expected=f"float32 {shape}",
                hint="build them with build_features",
            )
        object.__setattr__(self, "values", read_only(self.values))

    def column(self, name: str) -> Float32Array:
        """Return one feature, ``float32 (n_times, n_symbols)``."""
        if name not in self.contract.names:
            raise InputError(
                found=f"no feature {name!r}",
                expected=f"one of {', '.join(self.contract.names)}",
                hint="check the contract",
            )
        return self.values[:, :, self.contract.names.index(name)]

    def mask(self, name: str) -> Mask:
        """Return where a feature is known, ``bool (n_times, n_symbols)``: missing is a mask, never a number.

        Beside a neutral value that is what its flag says.
        """
        flag = next((one.mask for one in self.contract.features if one.name == name), None)
        return ~np.isnan(self.column(name)) if flag is None else self.column(flag) == 0.0

    def present(self) -> Mask:
        """Return where something is known of the symbol itself, ``bool (n_times, n_symbols)``.

        The calendar, macro series, flags and the neutral values beside them are there for a share that is not yet
        listed, too; they do not count, unless a contract has nothing else.
        """
        flags = {one.mask for one in self.contract.features}
        own = [
            place
            for place, one in enumerate(self.contract.features)
            if one.neutral is None and one.name not in flags and one.group not in _OF_EVERYONE
        ]
        found = np.zeros(self.values.shape[:2], dtype=bool)
        for place in own or range(self.contract.dimension):
            found |= ~np.isnan(self.values[:, :, place])
        return found

    def fingerprint(self) -> str:
        """Return the SHA-256 of contract, times, symbols and values."""
        blocks = range(0, len(self.times), _ROWS_PER_BLOCK)
        values = [array_fingerprint(self.values[start : start + _ROWS_PER_BLOCK]) for start in blocks]
        return fingerprint([self.contract.fingerprint, list(self.symbols), array_fingerprint(self.times), values])
