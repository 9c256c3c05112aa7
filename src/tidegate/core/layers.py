"""YAML files that build on one another: each is read with its lines, and the files together give one content."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final, NamedTuple

import yaml
from yaml.constructor import ConstructorError

from tidegate.core.errors import RecipeError

__all__ = ["EXTENDS", "Layer", "Place", "find_place", "merge_layers", "read_layers", "read_text"]

EXTENDS: Final = "extends"
"""Key by which a file names what it builds on."""


class Layer(NamedTuple):
    """One file: its name in messages, the folder that its paths start from, its nodes with their lines, its content."""

    source: str
    folder: Path
    root: yaml.MappingNode
    content: dict[Any, Any]


class Place(NamedTuple):
    """Where a value stands: its file and line, and whether it is written there or only would be."""

    source: str
    line: int
    written: bool


def read_text(path: Path) -> str:
    """Return the text of a recipe's file.

    Raises
    ------
    RecipeError
        If the file is not there or not UTF-8 text.
    """
    try:
        return path.read_text(encoding="utf-8")
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


def read_layers(text: str, source: str, folder: Path, shelf: Mapping[str, Path] | None) -> list[Layer]:
    """Read a file and everything that it builds on, itself first.

    Parameters
    ----------
    text, source, folder
        The file: its content, its name in messages, and where its paths start.
    shelf
        Files that may be named without a path; None where nothing is built upon and ``extends`` is a key like others.

    Raises
    ------
    RecipeError
        If a file is not YAML, a base is not there, or a file builds on itself.
    """
    layers = [_read(text, source, folder)]
    seen = [_same(Path(source))]
    while shelf is not None and (layer := layers[-1]).content.get(EXTENDS) is not None:
        path = _base(layer, shelf)
        if _same(path) in seen:
            raise RecipeError(
                found=f"{_at(layer)} = {layer.content[EXTENDS]!r}, which builds on this file",
                expected="a chain of recipes with an end",
                hint="take one extends out",
            )
        seen.append(_same(path))
        layers.append(_read(read_text(path), str(path), path.parent))
    return layers


def merge_layers(layers: Sequence[Layer], paths: Sequence[tuple[str, ...]] = ()) -> dict[Any, Any]:
    """Return the content of all files: mappings merge key by key, and of anything else the first file's counts.

    Parameters
    ----------
    layers
        The file, then what it builds on.
    paths
        Keys of lists of files; those of a base keep the folder of the base.
    """
    merged: dict[Any, Any] = {}
    for layer in reversed(layers):
        content = layer.content
        if len(layers) > 1:
            content = {key: value for key, value in content.items() if key != EXTENDS}
        if layer is not layers[0]:
            for path in paths:
                content = _with_folder(content, path, layer.folder)
        merged = _over(merged, content)
    return merged


def find_place(layers: Sequence[Layer], location: Sequence[Any]) -> Place:
    """Return where the value at a location was written, or the line where it belongs."""
    places = [Place(layer.source, *_deepest(layer.root, location)[:2]) for layer in layers]
    if found := next((place for place in places if place.written), None):
        return found
    depths = [_deepest(layer.root, location)[2] for layer in layers]
    return places[depths.index(max(depths))]


def _over(base: Mapping[Any, Any], content: Mapping[Any, Any]) -> dict[Any, Any]:
    merged = dict(base)
    for key, value in content.items():
        below = merged.get(key)
        merged[key] = _over(below, value) if isinstance(below, dict) and isinstance(value, dict) else value
    return merged


def _with_folder(content: dict[Any, Any], path: tuple[str, ...], folder: Path) -> dict[Any, Any]:
    key, *rest = path
    below = content.get(key)
    if rest and isinstance(below, dict):
        return {**content, key: _with_folder(below, tuple(rest), folder)}
    if not rest and isinstance(below, list):
        files = [str((folder / one).absolute()) if isinstance(one, str) else one for one in below]
        return {**content, key: files}
    return content


def _base(layer: Layer, shelf: Mapping[str, Path]) -> Path:
    named = layer.content[EXTENDS]
    if isinstance(named, str) and named in shelf:
        return shelf[named]
    path = layer.folder / named if isinstance(named, str) else layer.folder
    if path.suffix in {".yaml", ".yml"} and path.is_file():
        return path
    near = get_close_matches(str(named), shelf, n=1)
    raise RecipeError(
        found=f"{_at(layer)} = {named!r}, which is not there",
        expected=f"one of {', '.join(shelf)}, or a YAML file, its path from the folder of this one",
        hint=f"did you mean {near[0]!r}?" if near else "check the name or the path",
    )


def _at(layer: Layer) -> str:
    return f"{layer.source}:{_deepest(layer.root, (EXTENDS,))[0]}: {EXTENDS}"


def _same(path: Path) -> str:
    return str(path.resolve())


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


def _read(text: str, source: str, folder: Path) -> Layer:
    try:
        loader = _Loader(text)
        root = loader.get_single_node()
        content: Any = loader.construct_document(root) if root else None
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
    return Layer(source, folder, root, content)


def _deepest(node: yaml.Node, location: Sequence[Any]) -> tuple[int, bool, int]:
    """Return the line of the deepest node along ``location`` that exists, whether it is the last one, and its depth."""
    line = node.start_mark.line + 1
    for depth, part in enumerate(location):
        child = _child(node, part)
        if child is None:
            return line, False, depth
        line, node = child
    return line, True, len(location)


def _child(node: yaml.Node, part: Any) -> tuple[int, yaml.Node] | None:
    if isinstance(node, yaml.MappingNode):
        for key, value in reversed(node.value):  # merged keys come first, and the mapping's own overrule them
            if key.value == str(part):
                return key.start_mark.line + 1, value
    if isinstance(node, yaml.SequenceNode) and str(part).isdecimal() and int(part) < len(node.value):
        child = node.value[int(part)]
        return child.start_mark.line + 1, child
    return None
