"""A recipe's own features, declared like the market's."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches
from typing import Final

from tidegate.core.errors import RecipeError
from tidegate.core.fingerprint import fingerprint
from tidegate.core.recipe_features import ExpressionSettings, FeatureSettings
from tidegate.core.units import FloatArray
from tidegate.features.contract import Feature, FeatureContract, FeatureGroup
from tidegate.features.custom.bars import in_bars
from tidegate.features.custom.modules import module_features
from tidegate.features.custom.nodes import Node
from tidegate.features.custom.syntax import ReadFormula, read_formula
from tidegate.features.formulas.cross_section import centred_ranks
from tidegate.features.inputs import Inputs, Row

__all__ = ["BAR_COLUMNS", "expression_feature", "own_features"]

BAR_COLUMNS: Final = (
    "open",
    "high",
    "low",
    "close",
    "raw_close",
    "volume",
    "traded_value",
    "benchmark_close",
    "member",
)
"""Columns that a panel of bars may have."""


def own_features(settings: FeatureSettings, market: FeatureContract) -> tuple[Feature, ...]:
    """Return a recipe's own features: its formulas by name, then those of its files in their order.

    Parameters
    ----------
    settings
        The recipe's section.
    market
        The contract of its market: what its sources deliver, formulas may read.

    Raises
    ------
    RecipeError
        If one cannot be read, or has a name that another feature has.
    """
    expressions = (
        expression_feature(name, settings.expressions[name], market) for name in sorted(settings.expressions)
    )
    made = [*expressions, *(feature for file in settings.modules for feature in module_features(file))]
    taken = {feature.name: "the market's contract" for feature in market.features}
    for feature in made:
        if feature.name in taken:
            raise RecipeError(
                found=f"a feature of your own named {feature.name!r}, which is in {taken[feature.name]} already",
                expected="a name of its own",
                hint="rename it, for example my_" + feature.name,
            )
        taken[feature.name] = "the recipe"
    return tuple(made)


def expression_feature(name: str, settings: ExpressionSettings, market: FeatureContract) -> Feature:
    """Return the feature of a formula.

    Parameters
    ----------
    name
        What it is called.
    settings
        The formula and what is said of it.
    market
        Whose sources deliver the columns beside those of the bars.

    Raises
    ------
    RecipeError
        If the formula cannot be read; the message names the place in it.
    """
    known = {*BAR_COLUMNS, *market.requires, *(column for source in market.sources for column in source.produces)}
    formula = read_formula(settings.formula, known, name=f"features.expressions.{name}")
    requires = tuple(sorted(formula.node.columns))
    lookback = formula.node.lookback
    if settings.group is not None and settings.group not in set(FeatureGroup):
        near = get_close_matches(settings.group, list(FeatureGroup), n=1)
        raise RecipeError(
            found=f"unknown group {settings.group!r} of features.expressions.{name}",
            expected=f"one of {', '.join(FeatureGroup)}",
            hint=f"did you mean {str(near[0])!r}?" if near else "leave it out, and it follows from the columns",
        )
    written = " ".join(settings.formula.split())
    return Feature(
        name=name,
        group=settings.group or _group_of(formula, market),
        requires=requires,
        lookback_bars=lookback,
        description=f"{settings.description}: {written}" if settings.description else written,
        unit="rank" if formula.ranked and settings.unit == "number" else settings.unit,
        implementation=fingerprint(str(formula)),
        formula=ExpressionFormula(formula.node, requires, lookback),
        across=_ranked if formula.ranked else None,
    )


@dataclass(frozen=True)
class ExpressionFormula:
    """Computes the parts of a formula, counting bars."""

    node: Node
    requires: tuple[str, ...]
    lookback_bars: int

    def __call__(self, inputs: Inputs) -> FloatArray:
        """Return ``float64 (n, n_symbols)``; row *t* reads rows ``<= t``."""
        return in_bars(self.node.value, self.requires, self.lookback_bars)(inputs)


def _ranked(values: FloatArray, _: Row) -> FloatArray:
    return centred_ranks(values)


def _group_of(formula: ReadFormula, market: FeatureContract) -> str:
    """Return the group of the first of the market's features that reads most of the same."""
    if formula.ranked:
        return FeatureGroup.CROSS_SECTION.value
    of_sources = {column for column in formula.node.columns if market.source_of(column) is not None}
    if of_sources:
        return next(one.group for one in market.features if of_sources.intersection(one.requires))
    of_amounts = formula.node.columns <= {"volume", "traded_value"}
    return FeatureGroup.VOLUME.value if of_amounts else FeatureGroup.PRICE.value
