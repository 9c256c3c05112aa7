"""Parameter sets that are tried, and the key by which two of them are one and the same."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final, Literal

from tidegate.core.errors import InputError
from tidegate.core.recipe_strategy import StrategySettings

__all__ = [
    "MILLIONTHS",
    "Origin",
    "ParameterSet",
    "Value",
    "key_of",
    "parameters_of",
    "plain_value",
    "snapped",
    "text_of",
]

Value = bool | int | float | str | tuple[Any, ...] | None
Origin = Literal["grid", "perturb", "random", "optuna", "given"]

MILLIONTHS: Final = 1_000_000
"""Units of a number that keys count: the finest step of any parameter, and far coarser than rounding errors."""
_ROUNDING: Final = 1e-9
"""Part of a number that may be an error of earlier arithmetic."""


@dataclass(frozen=True, kw_only=True)
class ParameterSet:
    """One set of parameters to be tried.

    Parameters
    ----------
    number
        Its place in the search, from 0.
    key
        What :func:`key_of` says; unique within a search.
    origin
        Who proposed it.
    parameters
        Values of the searched parameters by name, the same names in every set of a search.
    settings
        The whole strategy.
    """

    number: int
    key: str
    origin: Origin
    parameters: Mapping[str, Value]
    settings: StrategySettings


def snapped(value: float) -> float:
    """Return the nearest number of whole millionths, which is how every searched number is written down.

    Examples
    --------
    >>> snapped(0.035 - 0.005)
    0.03
    """
    return round(value * MILLIONTHS) / MILLIONTHS


def text_of(value: object) -> str:
    """Return the one way to write a value: numbers by their whole millionths, so no rounding error tells two apart.

    Examples
    --------
    >>> text_of(0.030000000000000002), text_of(30), text_of((0.05, 0.1)), text_of(None), text_of(True)
    ('0.03', '30', '[0.05, 0.1]', 'none', 'true')
    """
    if value is None or isinstance(value, bool):
        return "none" if value is None else str(value).lower()
    if isinstance(value, float):
        return _decimal(round(value * MILLIONTHS))
    if isinstance(value, tuple | list):
        return "[" + ", ".join(text_of(one) for one in value) + "]"
    return str(value.value) if isinstance(value, Enum) else str(value)


def key_of(parameters: Mapping[str, Value]) -> str:
    """Return the canonical key of a set, whatever the order of its names (equity E.2).

    Examples
    --------
    >>> key_of({"max_weight": 0.035 - 0.005, "max_exposure": 0.7})
    'max_exposure=0.7 max_weight=0.03'
    """
    return " ".join(f"{name}={text_of(parameters[name])}" for name in sorted(parameters))


def parameters_of(settings: StrategySettings, names: Sequence[str]) -> dict[str, Value]:
    """Return what a strategy says of some parameters, as plain values.

    Raises
    ------
    InputError
        If a number is finer than a millionth, which no key could tell from its neighbour.
    """
    return {name: plain_value(getattr(settings, name), name) for name in names}


def plain_value(value: Any, place: str) -> Value:
    """Return a value without enums and rounding errors.

    Raises
    ------
    InputError
        If a number is finer than a millionth; ``place`` names it.
    """
    if isinstance(value, Enum):
        return str(value.value)
    if isinstance(value, tuple):
        return tuple(plain_value(one, place) for one in value)
    if not isinstance(value, float):
        plain: Value = value
        return plain
    if abs(value - snapped(value)) > _ROUNDING * max(abs(value), 1e-3):
        raise InputError(
            found=f"{place} = {value!r}",
            expected="at most six decimals where parameters are searched",
            hint="round it; a finer step changes no result",
        )
    return snapped(value)


def _decimal(millionths: int) -> str:
    whole, part = divmod(abs(millionths), MILLIONTHS)
    digits = f"{part:06d}".rstrip("0")
    return f"{'-' if millionths < 0 else ''}{whole}{'.' + digits if digits else ''}"
