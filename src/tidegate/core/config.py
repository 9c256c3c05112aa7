"""Frozen settings: unknown fields are refused, and a mistake in a YAML file is reported with its line."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError
from yaml.constructor import ConstructorError

from tidegate.core.errors import RecipeError

__all__ = ["Settings", "load_settings", "parse_settings"]


class Settings(BaseModel):
    """Base of all settings: frozen, keyword-only, closed to unknown fields, units in the names."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, validate_default=True)


SettingsType = TypeVar("SettingsType", bound=Settings)


def load_settings(path: Path, kind: type[SettingsType]) -> SettingsType:
    """Read settings from a YAML file.

    Raises
    ------
    RecipeError
        If the file is not there, not UTF-8 text, not YAML, or does not fit ``kind``; the message names the line.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise RecipeError(
            found=f"{path}: binary content",
            expected="a YAML text file",
            hint="pass the recipe, not a model or a data file",
        ) from None
    except OSError as error:
        raise RecipeError(
            found=f"{path}: {error.strerror or error}", expected="a YAML recipe", hint="check the path"
        ) from None
    return parse_settings(text, kind, source=str(path))


def parse_settings(text: str, kind: type[SettingsType], source: str) -> SettingsType:
    """Read settings from YAML text; ``source`` names it in messages.

    Examples
    --------
    >>> class Shelf(Settings):
    ...     boards: int
    >>> parse_settings("boards: 3", Shelf, source="shelf.yaml").boards
    3
    """
    root, content = _read(text, source)
    try:
        return kind.model_validate(content)
    except ValidationError as error:
        raise _explain(error, root, source) from None


class _Loader(yaml.SafeLoader):
    """YAML with each key once, whose every refusal knows its line."""

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        node = super().compose_mapping_node(anchor)
        seen: set[str] = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode):
                if key.value in seen:
                    raise ConstructorError(problem=f"{key.value!r} a second time", problem_mark=key.start_mark)
                seen.add(key.value)
        return node

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        try:
            return super().construct_object(node, deep)
        except ValueError as error:  # a number or date in form only, such as 2024-02-30
            raise ConstructorError(problem=str(error), problem_mark=node.start_mark) from None


def _read(text: str, source: str) -> tuple[yaml.MappingNode, Any]:
    try:
        loader = _Loader(text)
        root = loader.get_single_node()
        content = loader.construct_document(root) if root else None
    except RecursionError:
        raise RecipeError(
            found=f"{source}: brackets within brackets without end", expected="a YAML recipe", hint="check the file"
        ) from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f"{source}:{mark.line + 1}" if mark else source
        problem = getattr(error, "problem", None) or "characters that YAML does not allow"
        raise RecipeError(
            found=f"{place}: {problem}", expected="valid YAML with each key once", hint="check indentation and colons"
        ) from None
    if not isinstance(root, yaml.MappingNode):
        raise RecipeError(found=f"{source}: no mapping", expected="keys and values", hint="start from a shipped recipe")
    return root, content


def _explain(error: ValidationError, root: yaml.Node, source: str) -> RecipeError:
    first = error.errors()[0]
    if first["type"] == "missing":
        # A misspelt name is a field too few and one too many; the one too many shows what was written.
        first = next((found for found in error.errors() if found["type"] == "extra_forbidden"), first)
    name = ".".join(str(part) for part in first["loc"]) or "the document"
    line = _line_of(root, first["loc"])
    more = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
    if first["type"] == "extra_forbidden":
        return RecipeError(
            found=f"{source}:{line}: unknown field {name!r}{more}",
            expected="a field that exists",
            hint="check the spelling; docs/recipe.md lists every field",
        )
    given = "" if first["type"] == "missing" or isinstance(first["input"], dict | list) else f" = {first['input']!r}"
    return RecipeError(
        found=f"{source}:{line}: {name}{given}{more}",
        expected=first["msg"].removeprefix("Value error, ").removeprefix("Input should be "),
        hint="put quotes around it" if first["type"] == "string_type" else "correct this line",
    )


def _line_of(node: yaml.Node, location: Sequence[Any]) -> int:
    """Return the line of the deepest node along ``location`` that exists."""
    line = node.start_mark.line + 1
    for part in location:
        child = _child(node, part)
        if child is None:
            break
        line, node = child
    return line


def _child(node: yaml.Node, part: Any) -> tuple[int, yaml.Node] | None:
    if isinstance(node, yaml.MappingNode):
        for key, value in reversed(node.value):  # merged keys come first, and the mapping's own overrule them
            if key.value == str(part):
                return key.start_mark.line + 1, value
    if isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
        child = node.value[part]
        return child.start_mark.line + 1, child
    return None
