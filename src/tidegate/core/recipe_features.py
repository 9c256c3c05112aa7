"""What a recipe says about features: the market's that enter, and a user's own."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import Field, ValidationInfo, field_validator

from tidegate.core.config import Settings, misfit

__all__ = ["FEATURE_NAME", "ExpressionSettings", "FeatureFile", "FeatureName", "FeatureSettings"]

FEATURE_NAME: Final = r"^[a-z][a-z0-9_]{0,63}$"
"""What names of features look like."""
FeatureName = Annotated[str, Field(pattern=FEATURE_NAME)]
_LARGEST_FILE: Final = 200_000


class ExpressionSettings(Settings):
    """A feature of one's own as a formula. The formula alone will do: ``my_bias: close / mean(close, 20) - 1``."""

    formula: Annotated[str, Field(min_length=1, max_length=1000)]
    """What it computes, in the language of `docs/features.md`."""
    group: str | None = None
    """The group it belongs to; none takes ``cross_section`` for a rank, else the group of the columns it reads."""
    unit: str = "number"
    """Unit of the value."""
    description: str | None = None
    """What it means; none repeats the formula."""


class FeatureFile(Settings):
    """A Python file with features of one's own; in a recipe its path is enough. No secrets: a run stores its text.

    The code is part of what a run was, and a changed file is another recipe.
    """

    file: str
    """Name of the file."""
    code: Annotated[str, Field(max_length=_LARGEST_FILE)]
    """What stands in it."""


class FeatureSettings(Settings):
    """What the models see: a market's contract, what of it, and features of one's own."""

    contract: Literal["us-equity", "ashare", "crypto"] = "us-equity"
    """The market whose features they are; `docs/features.md` lists them."""
    groups: tuple[str, ...] = ()
    """Groups of the market's features that enter; empty means all of them. The order is always the contract's."""
    exclude: tuple[str, ...] = ()
    """Single features left out, by name."""
    expressions: dict[FeatureName, ExpressionSettings] = Field(default_factory=dict)
    """Features of one's own as formulas, by name; they enter whatever ``groups`` says.

    They stand after the market's features in alphabetical order.
    """
    modules: tuple[FeatureFile, ...] = ()
    """Python files with features of one's own, each a path from the folder of the recipe; they enter, too."""

    @field_validator("expressions", mode="before")
    @classmethod
    def _formulas_alone(cls, given: Any) -> Any:
        if not isinstance(given, dict):
            return given
        return {name: {"formula": text} if isinstance(text, str) else text for name, text in given.items()}

    @field_validator("modules", mode="before")
    @classmethod
    def _files_by_path(cls, given: Any, info: ValidationInfo) -> Any:
        if not isinstance(given, list | tuple):
            return given
        folder = Path((info.context or {}).get("folder", "."))
        return [_file(folder, path, place) if isinstance(path, str) else path for place, path in enumerate(given)]


def _file(folder: Path, path: str, place: int) -> dict[str, str]:
    """Read a file that a recipe names."""
    try:
        code = (folder / path).read_text(encoding="utf-8")
    except UnicodeDecodeError:
        found = f"{path} is not UTF-8 text"
    except OSError as error:
        found = f"{path}: {error.strerror or error}"
    else:
        return {"file": Path(path).name, "code": code}
    raise misfit("a Python file, its path from the folder of the recipe", at=(str(place),), value=path, hint=found)
