"""Does an expression read more bars than it declares? A question to made-up bars, before real ones are wasted on it.

An expression that remembers more than its lookback (a cumulative sum, an exponential average that is declared too
short) would depend on where in a block a row stands. It is the same in training and online, so no audit of look-ahead
would object; it would only be noise.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from tidegate.core.errors import InputError
from tidegate.core.randomness import generator
from tidegate.core.time import DAY
from tidegate.core.units import FloatArray
from tidegate.features.custom.functions import FromExpression, block_bars
from tidegate.features.inputs import Inputs

__all__ = ["check_reach"]

_SEED: Final = 7
_LATER: Final = 16
_TOLERANCE: Final = 1e-6


def check_reach(expression: FromExpression, bound: float) -> None:
    """Refuse an expression whose value changes by more than ``bound`` when bars before its lookback are there.

    One whose value changes when later bars are there is let through: that is a leak, and the look-ahead audit names it.

    Raises
    ------
    InputError
        If it reads more than it declares.
    """
    length = expression.lookback_bars
    earlier = block_bars(length) - 1
    columns = _made_up(expression.requires, earlier + length + _LATER)
    alone = _newest(expression, columns, earlier, earlier + length)
    with_more = _newest(expression, columns, 0, earlier + length)
    with_later = _newest(expression, columns, earlier, earlier + length + _LATER, row=length - 1)
    if _near(alone, with_later, 0.0) and not _near(alone, with_more, bound):
        raise InputError(
            found=f"feature {expression.name}: an expression that reads more than its {length} bars: "
            f"{alone:g} of those alone, {with_more:g} when {earlier} earlier ones are there",
            expected=f"a value that earlier bars change by no more than bound={bound:g}",
            hint="declare the lookback_bars that it needs; for an exponential average its warm-up, and a bound",
        )


def _made_up(names: Sequence[str], rows: int) -> dict[str, FloatArray]:
    random = generator(_SEED, "probe of an expression")
    return {name: 100.0 * np.exp(np.cumsum(0.01 * random.standard_normal((rows, 1)), axis=0)) for name in names}


def _newest(
    expression: FromExpression, columns: dict[str, FloatArray], start: int, stop: int, row: int | None = None
) -> float:
    """Return the value of a row, by default the last, of rows that are evaluated as one block."""
    cut = {name: column[start:stop] for name, column in columns.items()}
    rows = np.arange(stop - start)
    inputs = Inputs(cut, np.arange(start, stop, dtype=np.int64) * DAY)
    values = expression.evaluated(inputs, rows, np.zeros(stop - start, dtype=np.int64))
    return float(values[-1 if row is None else row, 0])


def _near(one: float, other: float, bound: float) -> bool:
    if np.isnan(one) or np.isnan(other):
        return bool(np.isnan(one) and np.isnan(other))
    return abs(one - other) <= max(bound, _TOLERANCE * max(abs(one), abs(other), _TOLERANCE))
