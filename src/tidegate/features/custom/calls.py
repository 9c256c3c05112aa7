"""The functions of the language of formulas."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

import numpy as np

from tidegate.core.units import FloatArray
from tidegate.features.inputs import ratio
from tidegate.features.windows import (
    decaying_mean,
    lagged,
    rolling_max,
    rolling_mean,
    rolling_min,
    rolling_std,
    rolling_sum,
    warm_up,
)

__all__ = ["CALLS", "CallSpec", "ema_keeps"]


@dataclass(frozen=True, kw_only=True)
class CallSpec:
    """A function of the language.

    Parameters
    ----------
    written
        As a user writes it.
    meaning
        In words.
    compute
        Values of the parts and the whole number at the end (0 where there is none) to ``float64 (n, n_symbols)``.
    parts
        How many parts it takes, each a formula.
    least
        The smallest whole number that may stand at the end; 0 means that the function takes none.
    earlier_rows
        How many rows before those of its parts it reads.
    """

    written: str
    meaning: str
    compute: Callable[[Sequence[FloatArray], int], FloatArray]
    parts: int = 1
    least: int = 0
    earlier_rows: Callable[[int], int] = lambda _: 0


def ema_keeps(period: int) -> float:
    """Return the share of its weight that each further row keeps: ``1 - 2 / (period + 1)``."""
    return (period - 1) / (period + 1)


def _window(written: str, meaning: str, compute: Callable[[FloatArray, int], FloatArray], least: int = 1) -> CallSpec:
    return CallSpec(
        written=written,
        meaning=meaning,
        compute=lambda values, rows: compute(values[0], rows),
        least=least,
        earlier_rows=lambda rows: rows - 1,
    )


def _back(written: str, meaning: str, compute: Callable[[FloatArray, int], FloatArray]) -> CallSpec:
    return CallSpec(
        written=written,
        meaning=meaning,
        compute=lambda values, rows: compute(values[0], rows),
        least=1,
        earlier_rows=lambda rows: rows,
    )


def _each(written: str, meaning: str, compute: Callable[[FloatArray], FloatArray]) -> CallSpec:
    return CallSpec(written=written, meaning=meaning, compute=lambda values, _: compute(values[0]))


def _ema(values: FloatArray, period: int) -> FloatArray:
    keep = ema_keeps(period)
    return decaying_mean(values, warm_up(keep), keep)


def _zscore(values: FloatArray, rows: int) -> FloatArray:
    return ratio(values - rolling_mean(values, rows), rolling_std(values, rows))


def _clip(values: Sequence[FloatArray], _: int) -> FloatArray:
    return np.minimum(np.maximum(values[0], values[1]), values[2])


def _where(values: Sequence[FloatArray], _: int) -> FloatArray:
    condition, chosen, otherwise = values
    return np.where(np.isnan(condition), np.nan, np.where(condition != 0.0, chosen, otherwise))


CALLS: Final[Mapping[str, CallSpec]] = MappingProxyType(
    {
        "lag": _back("lag(x, k)", "what x was k bars before", lagged),
        "delta": _back("delta(x, k)", "x - lag(x, k)", lambda values, rows: values - lagged(values, rows)),
        "mean": _window("mean(x, n)", "mean of the last n bars, the present one included", rolling_mean),
        "sum": _window("sum(x, n)", "their sum", rolling_sum),
        "min": _window("min(x, n)", "the smallest of them", rolling_min),
        "max": _window("max(x, n)", "the largest of them", rolling_max),
        "std": _window("std(x, n)", "their sample standard deviation, divisor n - 1", rolling_std, least=2),
        "zscore": _window("zscore(x, n)", "(x - mean(x, n)) / std(x, n); missing where that is 0", _zscore, least=2),
        "ema": CallSpec(
            written="ema(x, n)",
            meaning="exponential average, alpha = 2 / (n + 1), cut off after the bars that hold all but a millionth of "
            "its weight",
            compute=lambda values, rows: _ema(values[0], rows),
            least=2,
            earlier_rows=lambda rows: warm_up(ema_keeps(rows)) - 1,
        ),
        "log": _each("log(x)", "natural logarithm; missing where x is not above 0", np.log),
        "exp": _each("exp(x)", "e to the power of x", np.exp),
        "abs": _each("abs(x)", "x without its sign", np.abs),
        "sqrt": _each("sqrt(x)", "square root; missing where x is below 0", np.sqrt),
        "sign": _each("sign(x)", "-1, 0 or 1", np.sign),
        "clip": CallSpec(written="clip(x, a, b)", meaning="x, at least a and at most b", compute=_clip, parts=3),
        "where": CallSpec(
            written="where(c, a, b)",
            meaning="a where c is not 0, b where it is, missing where c is",
            compute=_where,
            parts=3,
        ),
    }
)
"""Name to function; ``rank`` is not among them, since it looks across symbols."""
