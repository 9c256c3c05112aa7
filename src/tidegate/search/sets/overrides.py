"""Parameters given by name and text on the command line, in our words or in those of the original platform."""

from __future__ import annotations

import re
from collections.abc import Sequence
from difflib import get_close_matches
from enum import Enum
from typing import Annotated, Any, Final, Literal, get_args, get_origin

from tidegate.core.errors import InputError
from tidegate.core.recipe_strategy import StrategySettings
from tidegate.search.sets.space import Settler, require_searchable, searchable_names
from tidegate.strategy.lean_table import TABLE, Entry

__all__ = ["with_overrides"]

_SECTION: Final = "strategy."
_CALENDAR: Final = "score_delay_days"
_NEVER_A_WORD: Final = "\0"


def with_overrides(base: StrategySettings, given: Sequence[str]) -> StrategySettings:
    """Return a strategy with some parameters in the place of its own.

    Parameters
    ----------
    base
        What holds for everything that is not given.
    given
        Texts such as ``max_exposure=0.6``; lists are parted by commas. Names are those of a recipe's strategy, or of
        the original platform: ``risk_off_symbols=VGSH,IEF`` are the ``defensives``.

    Raises
    ------
    InputError
        If a text is no ``NAME=VALUE``, a name is unknown (the nearest is named), is not the strategy's or is given
        twice, or the strategy refuses a value.

    Examples
    --------
    >>> with_overrides(StrategySettings(), ["vol_target=0.05", "risk_off_symbols=vgsh,IEF"]).defensives
    ('VGSH', 'IEF')
    """
    values: dict[str, Any] = {}
    for text in given:
        name, equals, value = (part.strip() for part in text.partition("="))
        if not equals or not name:
            raise InputError(found=f"{text!r}", expected="NAME=VALUE", hint="such as --set max_exposure=0.6")
        field, read = _read(name, value)
        if field in values:
            raise InputError(found=f"{field} a second time, as {text!r}", expected="each once", hint="leave one out")
        values[field] = read
    return Settler(base, ()).settle(values, "strategy")[0]


def _read(name: str, text: str) -> tuple[str, Any]:
    """Return our name and the value of a text."""
    if name in searchable_names():
        return name, _own_value(name, text)
    entry = next((one for one in TABLE if name in (one.key, *one.aliases)), None)
    if entry is None:
        _refuse_unknown(name)
    if entry is None or not entry.setting.startswith(_SECTION):
        where = entry.setting if entry is not None and entry.setting else "nothing that a strategy reads"
        raise InputError(
            found=f"{name}, which is {where}",
            expected="a parameter of the strategy",
            hint="costs, dates and data stay as the recipe says; write them there",
        )
    field = entry.setting.removeprefix(_SECTION)
    if name == _CALENDAR:
        raise InputError(found=f"{name}, in calendar days", expected="rows of scores", hint=f"write {field}=1")
    return field, _their_value(entry, field, text)


def _refuse_unknown(name: str) -> None:
    theirs = [key for one in TABLE if one.setting.startswith(_SECTION) for key in (one.key, *one.aliases)]
    near = get_close_matches(name, [*searchable_names(), *theirs], n=1)
    if near and not name.startswith(_SECTION):
        raise InputError(
            found=f"a parameter {name!r}", expected="a parameter of the strategy", hint=f"did you mean {near[0]!r}?"
        )
    require_searchable(name, "--set")


def _own_value(name: str, text: str) -> Any:
    """Return a text as the field takes it; numbers, true and false are read by the settings themselves."""
    kinds = list(_kinds(StrategySettings.model_fields[name].annotation))
    if any(get_origin(kind) is tuple for kind in kinds):
        return tuple(part for part in re.split(r"[;,\s]+", text.strip("[]() ")) if part)
    if type(None) in kinds and text.lower() in {"none", "null", ""}:
        return None
    return text.lower() if _choices(kinds) else text


def _their_value(entry: Entry, field: str, text: str) -> Any:
    """Return a text by the original's word for a parameter.

    Their table reads what it does not know as a default of its own, which here would hide a slip of the pen.
    """
    kinds = list(_kinds(StrategySettings.model_fields[field].annotation))
    if any(get_origin(kind) is tuple for kind in kinds):
        return entry.read(text)
    if choices := _choices(kinds):
        word = text.lower()
        known = entry.read(text) != entry.read(_NEVER_A_WORD)
        return entry.read(text) if known and word not in choices else word
    return _own_value(field, text)


def _kinds(annotation: Any) -> list[Any]:
    if get_origin(annotation) is Annotated:
        return _kinds(get_args(annotation)[0])
    options = get_args(annotation) if type(None) in get_args(annotation) else ()
    return [kind for option in options for kind in _kinds(option)] or [annotation]


def _choices(kinds: Sequence[Any]) -> tuple[str, ...]:
    for kind in kinds:
        if get_origin(kind) is Literal:
            return tuple(get_args(kind))
        if isinstance(kind, type) and issubclass(kind, Enum):
            return tuple(str(one.value) for one in kind)
    return ()
