"""From a recipe and what its sources deliver to the contract of a run."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from difflib import get_close_matches

from tidegate.core.errors import DataError, RecipeError
from tidegate.core.recipe import FeatureSettings
from tidegate.core.time import DAILY, BarInterval
from tidegate.features.contract import Feature, FeatureContract, FeatureGroup
from tidegate.features.contracts import market_contract
from tidegate.features.sources import Source

__all__ = ["contract_for", "declared_contract"]


def declared_contract(settings: FeatureSettings, interval: BarInterval = DAILY) -> FeatureContract:
    """Return everything that a recipe could choose from: its market's contract and its own features.

    Raises
    ------
    RecipeError
        If there is no such contract.
    """
    return market_contract(settings.contract, interval)


def contract_for(
    columns: Iterable[str],
    settings: FeatureSettings,
    *,
    tables: Collection[str] = (),
    interval: BarInterval = DAILY,
) -> FeatureContract:
    """Return the contract of the features that a recipe asks for and a source can deliver.

    A feature whose columns the source lacks is absent from the contract; it is not filled with a constant
    that a model could mistake for information (D-05). A feature's mask comes with it, whatever its group.

    Parameters
    ----------
    columns
        Columns that the panel of bars has.
    settings
        Contract, groups and exclusions of the recipe.
    tables
        Slower sources that the history has.
    interval
        Size of the bars.

    Raises
    ------
    RecipeError
        If a contract, a group or an excluded name does not exist.
    DataError
        If no feature is left.

    Examples
    --------
    >>> contract_for({"close"}, FeatureSettings(groups=("price",), exclude=("log_return_1",))).names[:2]
    ('log_return_5', 'log_return_10')
    """
    declared = declared_contract(settings, interval)
    _check_known("group", settings.groups, set(FeatureGroup))
    _check_known("feature", settings.exclude, set(declared.names))
    sources = tuple(source for source in declared.sources if source.table in tables)
    available = set(columns).union(*(source.produces for source in sources))
    chosen = {
        feature.name
        for feature in declared.features
        if (not settings.groups or feature.group in settings.groups)
        and feature.name not in settings.exclude
        and available.issuperset(feature.requires)
    }
    chosen |= {one.mask for one in declared.features if one.name in chosen and one.mask is not None}
    if not chosen:
        raise DataError(
            found=f"columns {', '.join(sorted(available)) or 'none'}",
            expected=f"what a feature of {', '.join(settings.groups) or 'the contract ' + settings.contract} needs",
            hint="choose other groups or a source with more columns",
        )
    features = tuple(feature for feature in declared.features if feature.name in chosen)
    return FeatureContract(features, _that_are_read(sources, features), declared.interval)


def _that_are_read(sources: tuple[Source, ...], features: tuple[Feature, ...]) -> tuple[Source, ...]:
    required = {column for feature in features for column in feature.requires}
    return tuple(source for source in sources if required.intersection(source.produces))


def _check_known(kind: str, asked: Iterable[str], known: set[str]) -> None:
    for name in asked:
        if name not in known:
            near = get_close_matches(name, known, n=1)
            raise RecipeError(
                found=f"unknown {kind} {name!r} in the recipe's features",
                expected=f"one of {', '.join(sorted(known))}",
                hint=f"did you mean {near[0]!r}?" if near else "check the spelling",
            )
