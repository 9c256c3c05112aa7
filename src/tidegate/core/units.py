"""Units as types: they cost nothing at run time and stop a weight from being passed as a quantity."""

from __future__ import annotations

from typing import Annotated, Final, NewType

import numpy as np
import numpy.typing as npt
from pydantic import Field

__all__ = [
    "BASIS_POINT",
    "CENT",
    "Bps",
    "Count",
    "Float32Array",
    "FloatArray",
    "Fraction",
    "Int64Array",
    "Mask",
    "Money",
    "Notional",
    "Price",
    "Quantity",
    "Weight",
]

Price = NewType("Price", float)
"""Currency units per share or coin."""
Quantity = NewType("Quantity", float)
"""Shares or coins; negative when sold."""
Notional = NewType("Notional", float)
"""Currency units of a position or trade: quantity times price."""
Money = NewType("Money", float)
"""Currency units of cash."""
Weight = NewType("Weight", float)
"""Fraction of equity."""

Bps = Annotated[float, Field(ge=0.0, le=10_000.0)]
"""Basis points, one way unless said otherwise."""
Fraction = Annotated[float, Field(ge=0.0, le=1.0)]
Count = Annotated[int, Field(ge=1)]

BASIS_POINT: Final = 1e-4
CENT: Final = 0.01

FloatArray = npt.NDArray[np.float64]
Float32Array = npt.NDArray[np.float32]
Int64Array = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]
