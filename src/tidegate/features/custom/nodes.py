"""The parts of a formula, each of which knows what it reads, how far back, and what it is worth on some rows.

A value that is not a finite number is missing, and what is computed from a missing value is missing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np

from tidegate.core.units import FloatArray
from tidegate.features.custom.calls import CALLS
from tidegate.features.inputs import Inputs, ratio

__all__ = ["BINARY", "COMPARED", "Binary", "Call", "Column", "Negative", "Node", "Number"]

_PRICES: Final = frozenset({"open", "high", "low", "close", "raw_close", "benchmark_close"})
_AMOUNTS: Final = frozenset({"volume", "traded_value"})
_Operator = Callable[[FloatArray, FloatArray], FloatArray]


def _flag(compare: Callable[[FloatArray, FloatArray], FloatArray]) -> _Operator:
    def compared(left: FloatArray, right: FloatArray) -> FloatArray:
        unknown = np.isnan(left) | np.isnan(right)
        return np.where(unknown, np.nan, compare(left, right).astype(np.float64))

    return compared


BINARY: Final[Mapping[str, _Operator]] = {
    "+": np.add,
    "-": np.subtract,
    "*": np.multiply,
    "/": ratio,
    "**": np.power,
}
"""Operators of numbers; a quotient by 0 is missing."""
COMPARED: Final[Mapping[str, _Operator]] = {
    "<": _flag(np.less),
    "<=": _flag(np.less_equal),
    ">": _flag(np.greater),
    ">=": _flag(np.greater_equal),
    "==": _flag(np.equal),
    "!=": _flag(np.not_equal),
}
"""Comparisons give 1 or 0, and nothing where either side is missing."""


class Node(Protocol):
    """A part of a formula."""

    @property
    def columns(self) -> frozenset[str]:
        """Columns that it reads."""
        ...

    @property
    def lookback(self) -> int:
        """Rows that its value at *t* reads, row *t* included."""
        ...

    def __str__(self) -> str:
        """Return its one canonical spelling, from which it could be read again."""
        ...

    def value(self, inputs: Inputs) -> FloatArray:
        """Return ``float64 (n, n_symbols)``; row *t* reads rows ``<= t``."""
        ...


@dataclass(frozen=True)
class Number:
    """A constant."""

    number: float
    columns = frozenset[str]()
    lookback = 1

    def __str__(self) -> str:
        return f"{self.number:g}" if float(f"{self.number:g}") == self.number else repr(self.number)

    def value(self, inputs: Inputs) -> FloatArray:
        """Return the constant on every row."""
        return inputs.once(("number", self.number), lambda: np.full(inputs.shape, self.number))


@dataclass(frozen=True)
class Column:
    """A column of the bars or of a source."""

    name: str
    lookback = 1

    @property
    def columns(self) -> frozenset[str]:
        """Its name."""
        return frozenset({self.name})

    def __str__(self) -> str:
        return self.name

    def value(self, inputs: Inputs) -> FloatArray:
        """Return the column; a price that is not positive is missing, and so is a negative amount."""
        if self.name in _PRICES:
            return inputs.price(self.name)
        return inputs.amount(self.name) if self.name in _AMOUNTS else inputs.column(self.name)


@dataclass(frozen=True)
class Negative:
    """The negative of a part."""

    of: Node

    @property
    def columns(self) -> frozenset[str]:
        """Columns of the part."""
        return self.of.columns

    @property
    def lookback(self) -> int:
        """Rows that the part reads."""
        return self.of.lookback

    def __str__(self) -> str:
        return f"(-{self.of})"

    def value(self, inputs: Inputs) -> FloatArray:
        """Return the negative."""
        return -self.of.value(inputs)


@dataclass(frozen=True)
class Binary:
    """Two parts and the operator between them."""

    operator: str
    left: Node
    right: Node

    @property
    def columns(self) -> frozenset[str]:
        """Columns of both."""
        return self.left.columns | self.right.columns

    @property
    def lookback(self) -> int:
        """Rows that the longer of both reads."""
        return max(self.left.lookback, self.right.lookback)

    def __str__(self) -> str:
        return f"({self.left} {self.operator} {self.right})"

    def value(self, inputs: Inputs) -> FloatArray:
        """Return what the operator makes of both, finite or missing."""
        operator = BINARY.get(self.operator) or COMPARED[self.operator]
        return _finite(operator, self.left.value(inputs), self.right.value(inputs))


@dataclass(frozen=True)
class Call:
    """A function of parts, and of the whole number at its end where it has one: rows, or a period."""

    name: str
    parts: tuple[Node, ...]
    rows: int = 0

    @property
    def columns(self) -> frozenset[str]:
        """Columns of all parts."""
        return frozenset[str]().union(*(part.columns for part in self.parts))

    @property
    def lookback(self) -> int:
        """Rows that the longest part reads, and those that the function adds."""
        return max(part.lookback for part in self.parts) + CALLS[self.name].earlier_rows(self.rows)

    def __str__(self) -> str:
        words = [str(part) for part in self.parts] + [str(self.rows)] * bool(self.rows)
        return f"{self.name}({', '.join(words)})"

    def value(self, inputs: Inputs) -> FloatArray:
        """Return the function of the parts; formulas that hold the same call share it."""
        call = CALLS[self.name]

        def computed() -> FloatArray:
            values = [part.value(inputs) for part in self.parts]
            return _finite(lambda *some: call.compute(some, self.rows), *values)

        return inputs.once(("call", str(self)), computed)


def _finite(compute: Callable[..., FloatArray], *values: FloatArray) -> FloatArray:
    with np.errstate(all="ignore"):
        computed = compute(*values)
    return np.where(np.isfinite(computed), computed, np.nan)
