"""Import of the original A-share trainer's configuration: a JSON file becomes a recipe, every key accounted for.

What the file leaves out takes the default of the original's table (equity G.2), not the recipe's. A file that cannot be
read is an error: the original went on with its defaults and a line in a log.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple

import yaml

from tidegate.core.config import parse_settings
from tidegate.core.errors import InputError
from tidegate.core.recipe import Recipe, shipped_recipes
from tidegate.strategy.lean_effects import Effect
from tidegate.train.original_keys import NEVER_READ, ORIGINAL_KEYS, OriginalKey

__all__ = ["OriginalConfiguration", "OriginalSetting", "load_configuration"]

_SECTIONS: Final = ("data", "optuna", "threshold", "model")
_BASE: Final = "ashare-picker"
_REPLICATED: Final[Mapping[str, Any]] = {
    "labels.target": "hindsight_hit",
    "calibrate.rule": "point",
    "calibrate.method": "none",
}
"""What the original always did, and its file cannot say."""


class OriginalSetting(NamedTuple):
    """What became of one key.

    ``given`` is the value of the file, None where it has none; ``resolved`` the value by the original's table;
    ``setting`` our name for it, empty where there is none.
    """

    key: str
    given: Any
    resolved: Any
    setting: str
    effect: Effect
    why: str


@dataclass(frozen=True, kw_only=True)
class OriginalConfiguration:
    """A configuration as it was understood.

    Parameters
    ----------
    recipe
        The recipe that it becomes.
    text
        The same as YAML, with what each line came from.
    settings
        Every key: those of the original's table in its order, then the others as they were given.
    repeated
        Keys that stand in the file twice or more; the last of each counts, as it did in the original.
    """

    recipe: Recipe
    text: str
    settings: tuple[OriginalSetting, ...]
    repeated: tuple[str, ...]

    def keys_that_are(self, effect: Effect) -> tuple[str, ...]:
        """Return the keys of the file, missing ones left out, with one effect."""
        return tuple(one.key for one in self.settings if one.effect is effect and one.given is not None)

    def as_dict(self) -> dict[str, Any]:
        """Return plain values."""
        return {
            "settings": [{**one._asdict(), "effect": one.effect.value} for one in self.settings],
            "repeated": list(self.repeated),
            "recipe": self.recipe.model_dump(mode="json", by_alias=True),
        }


def load_configuration(path: Path, *, replicate: bool = False) -> OriginalConfiguration:
    """Read a configuration of the original trainer.

    Parameters
    ----------
    path
        A JSON file of the sections ``data``, ``optuna``, ``threshold`` and ``model``, any of them in part.
    replicate
        Take the original's label (``hindsight_hit``) and its rule for the threshold, too. Otherwise the label is a
        trade that can be made, and the threshold must keep its promise by the Wilson bound.

    Raises
    ------
    InputError
        If the file is not one JSON object, a section is none, or a value cannot be read; nothing is guessed then.
    """
    content, repeated = _read(path)
    given = dict(_flattened(content, path))
    changes: dict[str, Any] = {"labels.target": "hit", **(_REPLICATED if replicate else {})}
    sources: dict[str, str] = dict.fromkeys(_REPLICATED, "the original's, by --replicate") if replicate else {}
    settings = []
    for key in ORIGINAL_KEYS:
        setting, changed = _resolved(key, given, path)
        settings.append(setting)
        changes |= changed
        sources |= dict.fromkeys(changed, key.name if key.name in given else f"{key.name}, the original's default")
    known = {key.name for key in ORIGINAL_KEYS}
    settings += [_other(name, value) for name, value in given.items() if name not in known]
    if changes["data.end"] < changes["data.start"]:
        raise InputError(
            found=f"{path}: data from {changes['data.start']} to {changes['data.end']}",
            expected="an end after its start",
            hint="correct data.start_date or data.end_date",
        )
    text = _written(path, changes, sources, settings)
    recipe = parse_settings(text, Recipe, source=f"the recipe of {path.name}")
    return OriginalConfiguration(recipe=recipe, text=text, settings=tuple(settings), repeated=repeated)


def _resolved(key: OriginalKey, given: Mapping[str, Any], path: Path) -> tuple[OriginalSetting, Mapping[str, Any]]:
    value = given.get(key.name, key.default)
    try:
        found = key.read(value)
    except ValueError as error:
        raise InputError(
            found=f"{path}: {key.name} = {json.dumps(value)}", expected=str(error), hint="correct it in the file"
        ) from None
    why = found.why if key.name in given else "; ".join(filter(None, ("missing: the original's default", found.why)))
    effect = Effect.UNSUPPORTED if found.refused else Effect.USED
    return OriginalSetting(key.name, given.get(key.name), value, ", ".join(found.changes), effect, why), found.changes


def _other(name: str, value: Any) -> OriginalSetting:
    """Account for a key that nothing here reads."""
    last = name.rpartition(".")[2]
    if name in NEVER_READ or name.partition(".")[0] in NEVER_READ or last in NEVER_READ:
        return OriginalSetting(name, value, value, "", Effect.INERT, "never read by the original")
    return OriginalSetting(name, value, value, "", Effect.UNSUPPORTED, "a key that the original does not have")


def _flattened(content: Mapping[str, Any], path: Path) -> Iterator[tuple[str, Any]]:
    """Yield dotted names and values of the four sections, and everything else as it stands."""
    for name, value in content.items():
        if name not in _SECTIONS:
            yield name, value
        elif not isinstance(value, dict):
            raise InputError(
                found=f"{path}: {name} is a {type(value).__name__}",
                expected="a section of keys and values",
                hint=f'write {{"{name}": {{...}}}}',
            )
        else:
            yield from ((f"{name}.{key}", inner) for key, inner in value.items())


def _read(path: Path) -> tuple[dict[str, Any], tuple[str, ...]]:
    repeated: list[str] = []

    def pairs(found: list[tuple[str, Any]]) -> dict[str, Any]:
        names = [name for name, _ in found]
        repeated.extend(name for name in dict.fromkeys(names) if names.count(name) > 1)
        return dict(found)

    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"), object_pairs_hook=pairs, parse_constant=_no_number)
        json.dumps(content, ensure_ascii=False).encode()  # half a character cannot be written on
    except OSError as error:
        raise InputError(
            found=f"{path}: {error.strerror or error}", expected="a JSON file", hint="check the path"
        ) from None
    except (ValueError, RecursionError) as error:
        raise InputError(
            found=f"{path}: {error}", expected="one JSON object", hint="correct the file; nothing is guessed from it"
        ) from None
    if not isinstance(content, dict):
        raise InputError(
            found=f"{path}: a {type(content).__name__}", expected="one JSON object", hint='write {"data": {...}, ...}'
        )
    return content, tuple(dict.fromkeys(repeated))


def _written(
    path: Path, changes: Mapping[str, Any], sources: Mapping[str, str], settings: Sequence[OriginalSetting]
) -> str:
    """Return the shipped recipe with the changes, as YAML that says where each came from."""
    content = yaml.safe_load(shipped_recipes()[_BASE].read_text(encoding="utf-8"))
    for place, value in changes.items():
        *sections, name = place.split(".")
        section = content
        for part in sections:
            section = section.setdefault(part, {})
        section[name] = value
    first_test = content["split"].get("first_test")
    head = [
        f"# From {_one_line(path.name)}, on the shipped recipe {_BASE}. A comment names the key that a value came from."
    ]
    unused = [one for one in settings if one.effect is not Effect.USED]
    head += [f"# {one.effect.value}: {_one_line(one.key)} ({one.why})" for one in unused]
    if first_test is not None and not changes["data.start"] < first_test < changes["data.end"]:
        content["split"] = {"scheme": "holdout", "fractions": [0.6, 0.1, 0.1, 0.2]}
        head.append(f"# The shipped first test of {first_test} lies outside these dates: one division of time instead.")
    return "\n".join([*head, *_lines(content, sources, ())]) + "\n"


def _one_line(text: str) -> str:
    """Return a text that cannot leave the comment it stands in."""
    return " ".join("".join(character if character.isprintable() else " " for character in text).split())


def _no_number(name: str) -> float:
    raise ValueError(f"{name}, which is no number of JSON")


def _lines(section: Mapping[str, Any], sources: Mapping[str, str], above: tuple[str, ...]) -> Iterator[str]:
    indent = "  " * len(above)
    for name, value in section.items():
        place = (*above, name)
        if isinstance(value, dict) and value:
            yield f"{indent}{name}:"
            yield from _lines(value, sources, place)
        else:
            said = yaml.safe_dump(value, default_flow_style=True, allow_unicode=True, width=1_000_000)
            source = sources.get(".".join(place))
            yield f"{indent}{name}: {said.removesuffix('...' + chr(10)).strip()}" + (f"  # {source}" if source else "")
