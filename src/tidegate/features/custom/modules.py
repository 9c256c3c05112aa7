"""Files of features that a recipe names, run as modules of their own from the text that the recipe holds."""

from __future__ import annotations

import importlib.abc
import importlib.util
import sys
import traceback
from collections import Counter
from functools import cache, partial
from types import ModuleType
from typing import Any

from tidegate.core.errors import RecipeError, TidegateError
from tidegate.core.fingerprint import fingerprint
from tidegate.core.recipe_features import FeatureFile
from tidegate.features.contract import Feature
from tidegate.features.custom.decorator import Loading, loading

__all__ = ["module_features"]

_DIGITS = 16


class _Stored(importlib.abc.InspectLoader):
    """Runs a module from text, and shows it to tracebacks."""

    def __init__(self, file: str, code: str) -> None:
        self.file, self.code = file, code

    def get_source(self, fullname: str) -> str:  # noqa: ARG002 - the protocol's
        return self.code

    def get_code(self, fullname: str) -> Any:  # noqa: ARG002 - the protocol's
        return self.source_to_code(self.code, self.file)


def module_features(module: FeatureFile) -> tuple[Feature, ...]:
    """Run a file and return the features that ``@feature`` made in it, in their order.

    The file runs once per process. What it imports must be installed: files beside it are not part of the recipe.

    Raises
    ------
    RecipeError
        If it does not run, makes no feature, or two of one name; the message names file and line.
    """
    return _features(module.file, module.code)


@cache
def _features(file: str, code: str) -> tuple[Feature, ...]:
    name = f"tidegate_own_{fingerprint([file, code])[:_DIGITS]}"
    made = Loading(module=name, code=code, restore=partial(_formula, file, code))
    spec = importlib.util.spec_from_loader(name, _Stored(file, code), origin=file)
    assert spec is not None
    assert spec.loader is not None
    module: ModuleType = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses look their module up
    try:
        with loading(made):
            spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        sys.modules.pop(name, None)
        raise _explained(file, error) from error
    repeated = [one for one, count in Counter(feature.name for feature in made.features).items() if count > 1]
    if repeated or not made.features:
        fault = f"features {', '.join(repeated)} more than once" if repeated else "no feature"
        raise RecipeError(
            found=f"{file}: {fault}",
            expected="functions under @feature, each with a name of its own",
            hint="from tidegate.features import feature; see docs/features.md",
        )
    return tuple(made.features)


def _formula(file: str, code: str, name: str) -> Any:
    """Return the formula of a feature in another process, where the file runs again."""
    return next(feature.formula for feature in _features(file, code) if feature.name == name)


def _explained(file: str, error: BaseException) -> RecipeError:
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == file]
    line = error.lineno if isinstance(error, SyntaxError) and error.filename == file else (lines or [None])[-1]
    place = file if line is None else f"{file}:{line}"
    if isinstance(error, TidegateError):
        return RecipeError(found=f"{place}: {error.found}", expected=error.expected, hint=error.hint)
    words = (str(error).splitlines() or [""])[0]
    return RecipeError(
        found=f"{place}: {type(error).__name__}: {words}",
        expected="a Python file that runs by itself",
        hint="one file holds it all; what it imports must be installed",
    )
