"""What a recipe's data cannot deliver of its features, and for want of what."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from tidegate.core.recipe import FeatureSettings
from tidegate.core.time import DAILY, BarInterval
from tidegate.features.contract import FeatureContract
from tidegate.features.selection import contract_for, declared_contract

__all__ = ["undelivered", "wanted_contract"]


def wanted_contract(settings: FeatureSettings, interval: BarInterval = DAILY) -> FeatureContract:
    """Return the features that a recipe asks for, whether or not its data deliver them.

    Raises
    ------
    RecipeError
        If a contract, a group or an excluded name does not exist.
    """
    declared = declared_contract(settings, interval)
    return contract_for(declared.bar_columns, settings, tables=declared.tables, interval=interval)


def undelivered(
    wanted: FeatureContract, *, columns: Iterable[str], tables: Collection[str]
) -> dict[str, tuple[str, ...]]:
    """Return the features that cannot be computed, and what each lacks.

    Parameters
    ----------
    wanted
        From :func:`wanted_contract`.
    columns
        Columns that the panel of bars has.
    tables
        Slower sources that the history has.

    Examples
    --------
    >>> wanted = wanted_contract(FeatureSettings(groups=("volume",)))
    >>> undelivered(wanted, columns=["close"], tables=())["volume_z_20"]
    ('bars without raw_close', 'bars without volume')
    """
    present = set(columns)

    def lacking(column: str) -> str | None:
        source = wanted.source_of(column)
        if source is None:
            return None if column in present else f"bars without {column}"
        return unread(source.table)

    def unread(table: str) -> str | None:
        return None if table in tables else f"no data set under data.uses.{table}"

    lacks = {
        feature.name: [*map(lacking, feature.requires), *map(unread, feature.tables)] for feature in wanted.features
    }
    found = {name: tuple(sorted({one for one in lacked if one is not None})) for name, lacked in lacks.items()}
    return {name: lacked for name, lacked in found.items() if lacked}
