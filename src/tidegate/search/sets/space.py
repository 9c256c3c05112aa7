"""What may be searched: parameters of the strategy, each with the values that its own settings allow."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from functools import cache
from types import UnionType
from typing import Annotated, Any, Final, Union, get_args, get_origin

import numpy as np
from pydantic import ConfigDict, TypeAdapter, ValidationError

from tidegate.core.config import in_words
from tidegate.core.errors import InputError
from tidegate.core.recipe_search import Span
from tidegate.core.recipe_strategy import StrategySettings
from tidegate.core.recipe_trading import BacktestSettings, CostSettings
from tidegate.search.sets.parameter_set import Value, parameters_of, plain_value, snapped, text_of

__all__ = ["Dimension", "Settler", "dimensions", "listed", "number_type", "require_searchable", "searchable_names"]

_KEPT: Final = {
    "legacy": "defects of earlier platforms are measured by tidegate backtest --explain-legacy, never searched",
}
_TRADING: Final = "the cheapest costs would always win; costs, fills and data stay as the recipe says"
_SECTIONS: Final = ("costs", "backtest", "data", "universe", "fills", "models", "labels", "split", "features")
_LARGEST: Final = 1e9


def searchable_names() -> tuple[str, ...]:
    """Return the parameters that may be searched: those of the strategy, and nothing else of a recipe (D-06).

    Examples
    --------
    >>> {"max_exposure", "rebalance"} <= set(searchable_names()), "legacy" in searchable_names()
    (True, False)
    """
    return tuple(name for name in StrategySettings.model_fields if name not in _KEPT)


def require_searchable(name: str, place: str) -> None:
    """Refuse what may not be searched; ``place`` names the section of the recipe.

    Raises
    ------
    InputError
        If it is no parameter of the strategy, and why.
    """
    known = searchable_names()
    if name in known:
        return
    bare = name.removeprefix("strategy.")
    head = bare.partition(".")[0]
    near = get_close_matches(bare, known, n=1)
    if head in _KEPT:
        hint = _KEPT[head]
    elif head in _SECTIONS or head in CostSettings.model_fields or head in BacktestSettings.model_fields:
        hint = _TRADING
    else:
        hint = f"did you mean {near[0]!r}?" if near else "docs/recipe.md lists the fields of strategy"
    raise InputError(found=f"{place} with {name!r}", expected="a parameter of the strategy", hint=hint)


def number_type(name: str) -> type[int] | type[float] | None:
    """Return ``int`` for what is counted, ``float`` for another number, None for anything else.

    Examples
    --------
    >>> number_type("top_n"), number_type("minimum_score"), number_type("rebalance")
    (<class 'int'>, <class 'float'>, None)
    """
    kinds = _kinds(StrategySettings.model_fields[name].annotation)
    return next((kind for kind in (int, float) if kind in kinds), None)


def _kinds(annotation: Any) -> set[Any]:
    """Return the plain types of an annotation, none of those inside a list."""
    if get_origin(annotation) in (Union, UnionType):
        return {kind for option in get_args(annotation) for kind in _kinds(option)}
    if hasattr(annotation, "__metadata__"):
        return _kinds(get_args(annotation)[0])
    return {annotation}


class Settler:
    """Makes whole strategies of a base and some parameters.

    Parameters
    ----------
    base
        What holds for everything that is not searched.
    names
        Every searched parameter.
    """

    def __init__(self, base: StrategySettings, names: Sequence[str]) -> None:
        self.base, self.names = base, tuple(names)
        # What nobody chose stays unchosen: reports of inert parameters look at chosen ones alone.
        self._chosen = base.model_dump(exclude_unset=True)

    def settle(self, parameters: Mapping[str, Any], place: str) -> tuple[StrategySettings, dict[str, Value]]:
        """Return the strategy with these parameters, and the values of every searched one.

        Raises
        ------
        InputError
            If the strategy refuses them; the message names the field.
        """
        try:
            settings = StrategySettings.model_validate({**self._chosen, **parameters})
        except ValidationError as error:
            raise _refused(error, parameters, place) from None
        plain = parameters_of(settings, self.names)
        moved = {name: value for name, value in plain.items() if value != getattr(settings, name)}
        return (settings.model_copy(update=moved) if moved else settings), plain


def _refused(error: ValidationError, parameters: Mapping[str, Any], place: str) -> InputError:
    first = error.errors(include_url=False)[0]
    context = first.get("ctx", {})
    at = (*first["loc"], *context.get("at", ()))
    field = str(at[0]) if at else "strategy"
    given = context.get("value") if context.get("at") else parameters.get(field, first["input"])
    together = ", ".join(f"{name} {text_of(value)}" for name, value in parameters.items())
    wanted, hint = in_words(first, field)
    return InputError(
        found=f"{place}.{field} = {given if isinstance(given, str) else text_of(given)} (in the set {together})",
        expected=wanted,
        hint=context.get("hint", hint),
    )


@dataclass(frozen=True, kw_only=True)
class Dimension:
    """One searched parameter and its values: either a list of them, or a range.

    Parameters
    ----------
    name
        Field of the strategy.
    values
        The values to choose from; empty for a range.
    low, high
        Ends of the range, inclusive.
    step
        Distance of its values; 0 where every millionth is one.
    log
        Whether its logarithm is drawn evenly.
    whole
        Whether its values are whole numbers.
    """

    name: str
    values: tuple[Value, ...] = ()
    low: float = 0.0
    high: float = 0.0
    step: float = 0.0
    log: bool = False
    whole: bool = False

    @property
    def size(self) -> int | None:
        """How many values there are; None where they are too many to count or not equally likely."""
        if self.values:
            return len(self.values)
        if self.low == self.high:
            return 1
        return None if self.log or not self.step else math.floor((self.high - self.low) / self.step + 1e-9) + 1

    @property
    def last(self) -> float:
        """The largest value of a range: its upper end, or the last whole step below."""
        return self.low + ((self.size or 1) - 1) * self.step if self.step else self.high

    def at(self, place: int) -> Value:
        """Return the value at a place from 0."""
        return self.values[place] if self.values else self._number(self.low + place * self.step)

    def draw(self, numbers: np.random.Generator) -> Value:
        """Return one value by chance."""
        if (size := self.size) is not None:
            return self.at(int(numbers.integers(size)))
        # Half a unit beyond both ends gives the first and the last whole number the share of the others.
        reach = 0.5 if self.whole else 0.0
        low, high = self.low - reach, self.high + reach
        drawn = math.exp(numbers.uniform(math.log(low), math.log(high))) if self.log else numbers.uniform(low, high)
        return self.nearest(drawn)

    def nearest(self, value: float) -> int | float:
        """Return a number of the range in whole millionths, or whole."""
        return self._number(min(max(value, self.low), self.high))

    def within(self, low: float, high: float) -> Dimension | None:
        """Return the part of the range between two numbers, on the same steps; None where nothing is left."""
        low, high = max(low, self.low), min(high, self.high)
        if self.step:
            first = math.ceil((low - self.low) / self.step - 1e-9)
            last = math.floor((high - self.low) / self.step + 1e-9)
            low, high = self.low + first * self.step, self.low + last * self.step
        elif self.whole:
            low, high = math.ceil(low - 1e-9), math.floor(high + 1e-9)
        return replace(self, low=float(low), high=float(high)) if low <= high + 1e-12 else None

    def _number(self, value: float) -> int | float:
        return round(value) if self.whole else snapped(value)


def dimensions(space: Mapping[str, Span | tuple[Value, ...]], place: str) -> tuple[Dimension, ...]:
    """Return the dimensions that a recipe names, checked against the settings of the strategy.

    Parameters
    ----------
    space
        Span or list of values by name.
    place
        The section of the recipe, for messages.

    Raises
    ------
    InputError
        If a name may not be searched, a list is empty or repeats itself, or a range has an end that its parameter
        refuses.
    """
    return tuple(_dimension(name, given, f"{place}.{name}", place) for name, given in space.items())


def _dimension(name: str, given: Span | tuple[Value, ...], place: str, section: str) -> Dimension:
    require_searchable(name, section)
    if not isinstance(given, Span):
        return Dimension(name=name, values=listed(name, given, place))
    kind = number_type(name)
    if kind is None:
        raise InputError(found=f"{place} as a range", expected="a list of values", hint="it is no number")
    whole = kind is int
    ends = {"low": given.low, "high": given.high, **({} if given.step is None else {"step": given.step})}
    for word, number in ends.items():
        if abs(number) > _LARGEST or (whole and number != round(number)):
            wanted = "a whole number" if whole else f"at most {_LARGEST:.0f}"
            raise InputError(found=f"{place}.{word} = {number!r}", expected=wanted, hint="correct the range")
        plain_value(number, f"{place}.{word}")
    for word in ("low", "high"):
        _require_allowed(name, round(ends[word]) if whole else ends[word], f"{place}.{word}")
    step = given.step or (1.0 if whole and not given.log else 0.0)
    return Dimension(name=name, low=given.low, high=given.high, step=step, log=given.log, whole=whole)


def listed(name: str, given: Sequence[Value], place: str) -> tuple[Value, ...]:
    """Return a list of values as the strategy writes them, each once.

    Raises
    ------
    InputError
        If the list is empty, repeats a value, or holds one that the parameter refuses.
    """
    if not given:
        raise InputError(found=f"{place} without values", expected="at least one", hint="leave the parameter out")
    found = tuple(_require_allowed(name, value, place) for value in given)
    texts = [text_of(value) for value in found]
    if twice := next((text for text in texts if texts.count(text) > 1), None):
        raise InputError(
            found=f"{place} with {twice} twice", expected="each value once", hint="it would be tried a second time"
        )
    return found


def _require_allowed(name: str, value: Any, place: str) -> Value:
    """Return a value as the field of this name writes it, whatever other fields say."""
    try:
        return plain_value(_reader(name).validate_python(value), place)
    except ValidationError as error:
        wanted, hint = in_words(error.errors(include_url=False)[0], name)
        raise InputError(found=f"{place} = {text_of(value)}", expected=wanted, hint=hint) from None


@cache
def _reader(name: str) -> TypeAdapter[Any]:
    field = StrategySettings.model_fields[name]
    kind: Any = Annotated[field.annotation, *field.metadata] if field.metadata else field.annotation
    return TypeAdapter(kind, config=ConfigDict(allow_inf_nan=False))
