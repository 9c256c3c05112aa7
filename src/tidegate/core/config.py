"""Frozen settings: unknown fields are refused, and a mistake in a YAML file is reported with its line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final, Self, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator
from pydantic_core import ErrorDetails, PydanticCustomError

from tidegate.core.errors import RecipeError
from tidegate.core.layers import Layer, find_place, merge_layers, read_layers, read_text

__all__ = ["Settings", "in_words", "load_settings", "misfit", "parse_settings"]

_CORRECT: Final = "correct this line"
_LISTED: Final = 5
_MOST: Final = 10**18
"""Whole numbers up to here can be added once more and still be 64 bits wide."""
_PATTERNS: Final = {
    r"^[a-z0-9][a-z0-9._-]{0,63}$": "small letters, digits, '.', '_' and '-', at most 64, the first a letter or digit",
    r"^[a-z][a-z0-9_]{0,63}$": "small letters, digits and '_', at most 64, the first a letter",
}
_TYPES: Final = {
    "int": "a whole number",
    "float": "a number",
    "finite_number": "a finite number",
    "bool": "true or false",
    "date": "a date such as 2016-01-31",
    "string_type": "text",
    "tuple_type": "a list such as [A, B]",
    "list_type": "a list such as [A, B]",
}


class Settings(BaseModel):
    """Base of all settings: frozen, keyword-only, closed to unknown fields, units in the names."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", allow_inf_nan=False, validate_default=True, use_attribute_docstrings=True
    )

    @classmethod
    def shelf(cls) -> Mapping[str, Path] | None:
        """Return the files that one of this kind may build on by name; None where it may not say ``extends``."""
        return None

    @classmethod
    def file_lists(cls) -> tuple[tuple[str, ...], ...]:
        """Return the keys of lists of files, whose paths start at the folder of the file that names them."""
        return ()

    @model_validator(mode="after")
    def _whole_numbers_are_64_bits_wide(self) -> Self:
        for name in type(self).model_fields:
            value = getattr(self, name)
            if isinstance(value, int) and abs(value) > _MOST:
                raise misfit("at most 10^18", at=(name,), value=value, hint=_CORRECT)
        return self


SettingsType = TypeVar("SettingsType", bound=Settings)


def load_settings(path: Path, kind: type[SettingsType]) -> SettingsType:
    """Read settings from a YAML file.

    Raises
    ------
    RecipeError
        If the file is not there, not UTF-8 text, not YAML, or does not fit ``kind``; the message names the line.
    """
    return parse_settings(read_text(path), kind, source=str(path), folder=path.parent)


def parse_settings(text: str, kind: type[SettingsType], source: str, folder: Path = Path()) -> SettingsType:
    """Read settings from YAML text; ``source`` names it in messages, and paths in it start at ``folder``.

    A kind with a :meth:`Settings.shelf` may build on another file: ``extends: NAME or FILE``.

    Examples
    --------
    >>> class Shelf(Settings):
    ...     boards: int
    >>> parse_settings("boards: 3", Shelf, source="shelf.yaml").boards
    3
    """
    layers = read_layers(text, source, folder, kind.shelf())
    try:
        return kind.model_validate(merge_layers(layers, kind.file_lists()), context={"folder": folder})
    except ValidationError as error:
        raise _explain(error, kind, layers) from None


def misfit(expected: str, *, at: Sequence[str] = (), value: object = None, hint: str) -> PydanticCustomError:
    """Return what a validator raises when fields do not fit each other; ``at`` leads to the one to be changed.

    Examples
    --------
    >>> error = misfit("fewer boards", at=("boards",), value=4, hint="take one away")
    >>> error.context["at"]
    ('boards',)
    """
    return PydanticCustomError("misfit", expected, {"at": tuple(at), "value": value, "hint": hint})


def _explain(error: ValidationError, kind: type[Settings], layers: Sequence[Layer]) -> RecipeError:
    mistakes = error.errors(include_url=False)
    unknown = [mistake for mistake in mistakes if mistake["type"] == "extra_forbidden"]
    # A misspelt name is a field too few and one too many; the one too many shows what was written.
    if unknown and mistakes[0]["type"] in {"missing", "extra_forbidden"}:
        return _explain_unknown(unknown, mistakes, kind, layers)
    first = mistakes[0]
    context = first.get("ctx", {})
    # A key that may not be used is marked by a part of its own, which stands nowhere in the file.
    location = tuple(part for part in (*first["loc"], *context.get("at", ())) if part != "[key]")
    place = find_place(layers, location)
    name = ".".join(str(part) for part in location) or "the document"
    more = f" (and {len(mistakes) - 1} more)" if len(mistakes) > 1 else ""
    expected, hint = in_words(first, name)
    return RecipeError(
        found=f"{place.source}:{place.line}: {name}{_given(first, place.written)}{more}",
        expected=expected,
        hint=context.get("hint", hint),
    )


def _explain_unknown(
    unknown: list[ErrorDetails], mistakes: list[ErrorDetails], kind: type[Settings], layers: Sequence[Layer]
) -> RecipeError:
    first, *others = [(".".join(map(str, one["loc"])), find_place(layers, one["loc"])) for one in unknown]
    also = ", ".join(f"{name!r} in line {place.line}" for name, place in others[:_LISTED])
    fields = _fields_at(kind, unknown[0]["loc"][:-1])
    near = get_close_matches(str(unknown[0]["loc"][-1]), fields, n=1)
    # The field that was meant is missing only because its name is misspelt.
    meant = sum(one["type"] == "missing" and one["loc"] == (*unknown[0]["loc"][:-1], *near) for one in mistakes)
    rest = len(mistakes) - 1 - min(len(others), _LISTED) - meant
    notes = "; ".join([f"also {also}"] * bool(also) + [f"and {rest} more"] * bool(rest))
    return RecipeError(
        found=f"{first[1].source}:{first[1].line}: unknown field {first[0]!r}{notes and f' ({notes})'}",
        expected=f"one of {', '.join(fields)}",
        hint=f"did you mean {near[0]!r}?" if near else "check the spelling; docs/recipe.md lists every field",
    )


def _given(mistake: ErrorDetails, written: bool) -> str:
    context = mistake.get("ctx", {})
    value = context["value"] if context.get("at") else mistake["input"]
    if mistake["type"] == "missing":
        return " is missing"
    if isinstance(value, dict | list | tuple | BaseModel):
        return ""
    if value is None:
        return " has no value"
    if isinstance(value, date):
        return f" = {value}"  # which is how it stands in the file
    return f" = {value!r}{'' if written else ', its default'}"


def in_words(mistake: ErrorDetails, name: str) -> tuple[str, str]:
    """Return what belongs in a field, and what to do, without the words of the validator.

    Parameters
    ----------
    mistake
        One entry of ``ValidationError.errors()``.
    name
        The field's name with dots.
    """
    kind, context = mistake["type"], mistake.get("ctx", {})
    key = name.rpartition(".")[2]
    if kind == "missing":
        return "a value: this field has no default", f"add {key!r}"
    if kind in {"model_type", "model_attributes_type", "dict_type"}:
        return "a section of fields", f"write its fields on the lines below, indented; for its defaults {key}: {{}}"
    if kind in {"literal_error", "enum"}:
        choices = [word.strip("'") for word in str(context["expected"]).replace(" or ", ", ").split(", ")]
        near = get_close_matches(str(mistake["input"]), choices, n=1)
        return f"one of {', '.join(choices)}" if len(choices) > 1 else choices[0], (
            f"did you mean {near[0]!r}?" if near else "choose one of these"
        )
    if kind in {"too_long", "too_short"}:
        bound = f"at most {context['max_length']}" if kind == "too_long" else f"at least {context['min_length']}"
        return f"{bound} entries, not {context['actual_length']}", _CORRECT
    if kind == "string_pattern_mismatch":
        pattern = str(context["pattern"])
        return _PATTERNS.get(pattern, f"text like {pattern}"), _CORRECT
    words = next((words for start, words in _TYPES.items() if kind.startswith(start)), None)
    hint = "put quotes around it" if kind == "string_type" else _CORRECT
    if words is None:
        words = mistake["msg"].removeprefix("Value error, ").removeprefix("Input should be ")
        words = words.replace("greater than or equal to", "at least").replace("less than or equal to", "at most")
    return words, hint


def _fields_at(kind: type[BaseModel], location: Sequence[Any]) -> list[str]:
    """Return the fields, as they are written in a file, of the section that a location leads to."""
    for part in location:
        field = next((one for name, one in kind.model_fields.items() if part in {name, one.alias}), None)
        inner = _section(field.annotation) if field else None
        kind = inner or kind  # a number stands for a place in a list, whose section was found with its name
    return [field.alias or name for name, field in kind.model_fields.items()]


def _section(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for option in get_args(annotation) if (found := _section(option))), None)
