"""From a recipe and what its sources deliver to the contract of a run."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from difflib import get_close_matches

from tidegate.core.errors import DataError, RecipeError
from tidegate.core.recipe import FeatureSettings
from tidegate.core.time import DAILY, BarInterval
from tidegate.features.contract import Feature, FeatureContract, FeatureGroup
from tidegate.features.contracts import market_contract
from tidegate.features.custom import own_features
from tidegate.features.sources import Source

__all__ = ["contract_for", "declared_contract"]


def declared_contract(settings: FeatureSettings, interval: BarInterval = DAILY) -> FeatureContract:
    """Return everything that a recipe could choose from: its market's contract and its own features.

    The market's features come first, in the market's order; then the recipe's formulas by name, then those of its files
    in their order.

    Raises
    ------
    RecipeError
        If there is no such contract, or a feature of the recipe cannot be read.
    """
    market = market_contract(settings.contract, interval)
    own = own_features(settings, market)
    return FeatureContract((*market.features, *own), market.sources, market.interval) if own else market


def contract_for(
    columns: Iterable[str],
    settings: FeatureSettings,
    *,
    tables: Collection[str] = (),
    interval: BarInterval = DAILY,
) -> FeatureContract:
    """Return the contract of the features that a recipe asks for and a source can deliver.

    A feature whose columns the source lacks is absent from the contract; it is not filled with a constant
    that a model could mistake for information (D-05). A feature's mask comes with it, whatever its group. Features of
    the recipe itself enter whatever its groups say; that one cannot be delivered is an error, since it was asked for by
    name.

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
        If a contract, a group or an excluded name does not exist, or a feature of the recipe cannot be read.
    DataError
        If no feature is left, or one of the recipe's own reads what is not there.

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
    wanted = [one for one in declared.features if _is_asked_for(one, settings)]
    delivered = {
        one.name for one in wanted if available.issuperset(one.requires) and set(tables).issuperset(one.tables)
    }
    for feature in wanted:
        if feature.implementation and feature.name not in delivered:
            raise _undelivered(feature, declared, available, tables)
    chosen = delivered | {one.mask for one in wanted if one.name in delivered and one.mask is not None}
    if not chosen:
        raise DataError(
            found=f"columns {', '.join(sorted(available)) or 'none'}",
            expected=f"what a feature of {', '.join(settings.groups) or 'the contract ' + settings.contract} needs",
            hint="choose other groups or a source with more columns",
        )
    features = tuple(feature for feature in declared.features if feature.name in chosen)
    return FeatureContract(features, _that_are_read(sources, features), declared.interval)


def _is_asked_for(feature: Feature, settings: FeatureSettings) -> bool:
    chosen = not settings.groups or feature.group in settings.groups or bool(feature.implementation)
    return chosen and feature.name not in settings.exclude


def _undelivered(
    feature: Feature, declared: FeatureContract, available: Collection[str], tables: Collection[str]
) -> DataError:
    columns = [column for column in feature.requires if column not in available]
    sources = {source.table for column in columns if (source := declared.source_of(column)) is not None}
    absent = sorted(sources.union(table for table in feature.tables if table not in tables))
    return DataError(
        found=f"no {', '.join([*columns, *(f'rows of {table}' for table in feature.tables if table not in tables)])}",
        expected=f"what the recipe's own feature {feature.name} reads",
        hint=f"name a data set under {', '.join(f'data.uses.{table}' for table in absent)}"
        if absent
        else "choose a source whose bars have it, or take the feature out",
    )


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
                hint=f"did you mean {str(near[0])!r}?" if near else "check the spelling",
            )
