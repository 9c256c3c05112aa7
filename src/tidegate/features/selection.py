"""From a recipe and a source's columns to the contract of a run."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

from tidegate.core.errors import DataError, RecipeError
from tidegate.core.recipe import FeatureSettings
from tidegate.features.contract import FeatureContract
from tidegate.features.cross_section import RANKED_FEATURES
from tidegate.features.price import PRICE_FEATURES

__all__ = ["DECLARED_FEATURES", "contract_for"]

DECLARED_FEATURES = PRICE_FEATURES + RANKED_FEATURES
"""Every feature that a recipe can ask for, in contract order."""


def contract_for(panel_columns: Iterable[str], settings: FeatureSettings) -> FeatureContract:
    """Return the contract of the features that a recipe asks for and a source can deliver.

    A feature whose columns the source lacks is absent from the contract; it is not filled with a constant
    that a model could mistake for information.

    Parameters
    ----------
    panel_columns
        Columns that the panel has.
    settings
        Groups and exclusions of the recipe.

    Raises
    ------
    RecipeError
        If a group or an excluded name does not exist.
    DataError
        If no feature is left.

    Examples
    --------
    >>> contract_for({"close"}, FeatureSettings(groups=("volatility", "volume"))).names
    ('volatility_20', 'volatility_60')
    """
    _check_known("group", settings.groups, {feature.group for feature in DECLARED_FEATURES})
    _check_known("feature", settings.exclude, {feature.name for feature in DECLARED_FEATURES})
    available = set(panel_columns)
    chosen = tuple(
        feature
        for feature in DECLARED_FEATURES
        if feature.group in settings.groups
        and feature.name not in settings.exclude
        and available.issuperset(feature.requires)
    )
    if not chosen:
        raise DataError(
            found=f"columns {', '.join(sorted(available)) or 'none'}",
            expected=f"what a feature of the groups {', '.join(settings.groups) or 'none'} needs",
            hint="choose other groups or a source with more columns",
        )
    return FeatureContract(chosen)


def _check_known(kind: str, asked: Iterable[str], known: set[str]) -> None:
    for name in asked:
        if name not in known:
            near = get_close_matches(name, known, n=1)
            raise RecipeError(
                found=f"unknown {kind} {name!r} in the recipe's features",
                expected=f"one of {', '.join(sorted(known))}",
                hint=f"did you mean {near[0]!r}?" if near else "check the spelling",
            )
