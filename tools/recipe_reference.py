"""Write ``docs/recipe.md``: every field of a recipe, read from ``tidegate.core.recipe`` and its parts themselves.

Usage: ``python tools/recipe_reference.py`` writes the page; with ``--check`` it only says whether the page is
up to date, and returns 1 if it is not.
"""

from __future__ import annotations

import ast
import inspect
import sys
import types
from collections.abc import Iterator, Sequence
from datetime import date
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from tidegate.core.horizon import Horizon
from tidegate.core.recipe import Recipe, shipped_recipes
from tidegate.core.time import BarInterval
from tidegate.costs import PRESETS, CostModel

__all__ = ["PAGE", "main", "render"]

PAGE = Path(__file__).resolve().parents[1] / "docs" / "recipe.md"

PREFACE = """# The recipe

<!-- Written by tools/recipe_reference.py from src/tidegate/core/recipe*.py; change these and run the tool. -->

A recipe is one YAML file that decides a run completely: which data are read, what the models see and
forecast, how training and test are kept apart, how forecasts become weights, and what trading costs. The
resolved recipe is stored with the run and hashed into its fingerprint.

The least that a recipe must say; all else has defaults:

```yaml
name: my-rotation
data:
  dataset: us-equity          # as named at ingest; tidegate catalog lists them
split:
  first_test: 2015-01-01
models:
  lightgbm: {}                # all its defaults; a key without a value would be no section
costs:
  preset: us-equity
```

Save it as `my-rotation.yaml` and pass the file in place of a shipped recipe's name: `tidegate train
my-rotation.yaml`. The [shipped recipes](#shipped-recipes) are good to copy from.

A recipe may build on another: `extends` names a shipped recipe, or a YAML file by its path from the folder of the
recipe that names it. It then says only what differs:

```yaml
extends: us-rotation
name: us-rotation-low
strategy:
  max_exposure: 0.30
```

Sections merge field by field; a list, a number or a text takes the place of the one below. Sections that are named by
you, such as `search.grid`, merge as well: what the base lists stays unless you list it otherwise. Chains are allowed,
circles are not, and `name` is worth giving, as runs are listed under it. A message about a wrong value names the file
that holds it. What is stored with a run is the resolved recipe, which no longer says `extends`, so a later change of
the base changes no run.

A field that is not listed here is refused, and so is a key given twice; the message names the line and the
field that was probably meant. Fields without a default must be given. Units are part of the names: `_bars`,
`_days`, `_months`, `_bps` (basis points, one way), `_fraction` (between 0 and 1).

YAML reads some words as something else than text. Symbols such as `ON`, `NO`, `TRUE` or `600000` need
quotes: `symbols: [AAPL, "ON", "600000"]`; `600000.SH` does not.
"""

FEATURES = """## Names of features

[features.md](features.md) lists the features of each market by group, says what their values mean, and how to write
one's own under `features.expressions` and `features.modules`. A feature whose columns no source delivers is left out;
`tidegate doctor RECIPE` lists those that a run will have.
"""

_PLAIN_TYPES: dict[object, str] = {
    bool: "true or false",
    int: "whole number",
    float: "number",
    str: "text",
    date: "date",
    BarInterval: "bar interval",
    Horizon: "duration",
    type(None): "none",
    Any: "values",
}
_BOUNDS = (("ge", "at least"), ("gt", "above"), ("le", "at most"), ("lt", "below"))
_UNITS = (
    ("cash_rate", "fraction per year"),
    ("bps", "basis points"),
    ("bars", "bars"),
    ("days", "calendar days"),
    ("months", "calendar months"),
    ("minutes", "minutes"),
    ("gib", "GiB"),
    ("volume_window", "bars"),
    ("calls", "rows"),
    ("rows", "rows"),
    ("fraction", "fraction"),
    ("threshold", "fraction"),
    ("child_weight", ""),
    ("positive_weight", ""),
    ("weight", "fraction of equity"),
    ("exposure", "fraction of equity"),
    ("cash", "currency"),
    ("fee", "currency"),
)


def render() -> str:
    """Return the page as Markdown."""
    parts = [PREFACE, _section("The file", Recipe, ""), *_sections(Recipe), FEATURES, _presets(), _shipped()]
    return "\n".join(parts)


def _sections(settings: type[BaseModel], prefix: str = "") -> Iterator[str]:
    """Yield every section of settings, each followed by the sections inside it."""
    for name, field in settings.model_fields.items():
        section = _section_of(field.annotation)
        if section:
            yield _section(f"`{prefix}{name}`", section, f"{prefix}{name}.")
            yield from _sections(section, f"{prefix}{name}.")


def main(arguments: Sequence[str]) -> int:
    """Write the page, or only compare it under ``--check``."""
    page = render()
    if "--check" not in arguments:
        PAGE.write_text(page, encoding="utf-8")
        print(f"wrote {PAGE.name}")
        return 0
    current = PAGE.read_text(encoding="utf-8") if PAGE.exists() else ""
    if current != page:
        print("docs/recipe.md is out of date; run: python tools/recipe_reference.py")
    return int(current != page)


def _section(title: str, settings: type[BaseModel], prefix: str) -> str:
    meanings = _meanings(settings)
    rows = [
        _row(field.alias or name, _type_of(field), _default_of(field), _unit_of(name), meanings[name])
        for name, field in settings.model_fields.items()
        if prefix or not _section_of(field.annotation)
    ]
    head = ["| field | type | default | unit | meaning |", "|---|---|---|---|---|"]
    links = [] if prefix else ["", "Its sections:", "", *_contents(settings)]
    return "\n".join([f"## {title}", "", _summary(settings), "", *head, *rows, *links, ""])


def _row(name: str, *cells: str) -> str:
    return f"| `{name}` | {' | '.join(cells)} |"


def _contents(settings: type[BaseModel]) -> list[str]:
    meanings = _meanings(settings)
    sections = {name: field for name, field in settings.model_fields.items() if _section_of(field.annotation)}
    return [
        f"* [`{name}`](#{name}): {meanings[name]}{' Must be given.' if field.is_required() else ''}"
        for name, field in sections.items()
    ]


def _presets() -> str:
    fields = list(CostModel.model_fields)
    head = [f"| preset | {' | '.join(f'`{field}`' for field in fields)} |", f"|---|{'--:|' * len(fields)}"]
    rows = [
        f"| `{name}` | {' | '.join(f'{getattr(model, field):g}' for field in fields)} |"
        for name, model in PRESETS.items()
    ]
    return "\n".join(["## Cost presets", "", "What an unset field of `costs` takes:", "", *head, *rows, ""])


def _shipped() -> str:
    lines = [f"* [`{name}`](../src/tidegate/recipes/{path.name})" for name, path in shipped_recipes().items()]
    head = ["## Shipped recipes", "", "Each can be named in place of a file:", ""]
    where = [
        "",
        "They lie inside the installed package; this prints where:",
        "",
        "```console",
        '$ python -c "from tidegate.core.recipe import shipped_recipes; print(shipped_recipes())"',
        "```",
        "",
    ]
    return "\n".join([*head, *lines, *where])


def _summary(settings: type[BaseModel]) -> str:
    return (inspect.getdoc(settings) or "").split("\n\n")[0].replace("``", "`")


def _meanings(settings: type[BaseModel]) -> dict[str, str]:
    """Return the text under each field; a field without one is an error, the reference has no gaps."""
    body = ast.parse(inspect.getsource(settings).lstrip()).body[0]
    assert isinstance(body, ast.ClassDef)
    found: dict[str, str] = {}
    for statement, following in zip(body.body, [*body.body[1:], None], strict=True):
        if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
            found[statement.target.id] = _string(following)
    silent = [name for name, text in found.items() if not text]
    if silent:
        raise SystemExit(f"{settings.__name__}: no description under {', '.join(silent)}")
    return found


def _string(statement: ast.stmt | None) -> str:
    if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):
        return " ".join(str(statement.value.value).replace("``", "`").split()).replace("|", "\\|")
    return ""


def _section_of(annotation: object) -> type[BaseModel] | None:
    """Return the settings class behind an annotation, also behind ``Class | None``."""
    for option in (annotation, *get_args(annotation)):
        if isinstance(option, type) and issubclass(option, BaseModel):
            return option
    return None


def _type_of(field: FieldInfo) -> str:
    return _describe(field.annotation, field.metadata)


def _describe(annotation: Any, metadata: Sequence[object] = ()) -> str:
    origin = get_origin(annotation)
    if origin is Annotated:
        inner, *own = get_args(annotation)
        return _describe(inner, _flat(own))
    if origin in {Union, types.UnionType}:
        options = [_describe(option, metadata) for option in get_args(annotation)]
        return (", or " if any("," in option for option in options) else " or ").join(options)
    if origin is Literal:
        return " or ".join(f"`{option}`" for option in get_args(annotation))
    if origin in {tuple, list}:
        inner = _describe(get_args(annotation)[0])
        return f"list of {'sections' if inner == 'section' else inner}"
    if origin is dict:
        key, inner = map(_describe, get_args(annotation))
        return f"mapping of {key} to {inner}"
    if isinstance(annotation, type) and issubclass(annotation, StrEnum):
        return " or ".join(f"`{option.value}`" for option in annotation)
    if _section_of(annotation):
        return "section"
    return _PLAIN_TYPES[annotation] + _bounds(metadata)


def _flat(metadata: Sequence[object]) -> list[object]:
    return [part for item in metadata for part in (item.metadata if isinstance(item, FieldInfo) else [item])]


def _bounds(metadata: Sequence[object]) -> str:
    named = [(getattr(item, key, None), word) for item in metadata for key, word in _BOUNDS]
    words = [f"{word} {str(bound).removesuffix('.0')}" for bound, word in named if bound is not None]
    pattern = next((str(found) for item in metadata if (found := getattr(item, "pattern", None))), "")
    letters = (" of a-z, 0-9, `_`" + ", `.`, `-`" * ("." in pattern)) if pattern else ""
    return letters + (f", {' and '.join(words)}" if words else "")


def _mapping(default: dict[str, Any]) -> str:
    """Return a mapping as it is written in a recipe, of a section what differs from its defaults."""
    inner = (
        f"{name}: {_mapping(value.model_dump(exclude_defaults=True)) if isinstance(value, BaseModel) else value}"
        for name, value in default.items()
    )
    return "{" + ", ".join(inner) + "}"


def _default_of(field: FieldInfo) -> str:
    default = field.get_default(call_default_factory=True)
    if default is PydanticUndefined:
        return "must be given"
    if isinstance(default, dict):
        return f"`{_mapping(default)}`"
    if default is None:
        return "none"
    if isinstance(default, BaseModel):
        return "its defaults"
    if isinstance(default, tuple):
        return f"`[{', '.join(map(str, default))}]`"
    return f"`{str(default).lower() if isinstance(default, bool) else default}`"


def _unit_of(name: str) -> str:
    return next((unit for word, unit in _UNITS if f"_{name}".endswith(f"_{word}")), "")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
