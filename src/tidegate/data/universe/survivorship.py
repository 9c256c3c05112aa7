"""What a recipe's universe knows with hindsight, said in every run that used it."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from tidegate.core.recipe import UniverseSettings
from tidegate.data.tables import SYMBOL_LIVES

__all__ = ["Survivorship", "survivorship_of"]


class Survivorship(StrEnum):
    """How the names of a run were chosen."""

    POINT_IN_TIME = "point_in_time"
    """By snapshots, each with what was known at its time, listings and delistings too."""
    SNAPSHOTS_OF_BARS = "snapshots_of_bars"
    """By snapshots of the bars that are there; nothing tells whether delisted names are among them."""
    STATIC_LIST = "static_list"
    """By one list for the whole period."""
    STATIC_DATA_SET = "static_data_set"
    """By being in the data set."""
    SURVIVORS_ONLY = "survivors_only"
    """From data that hold only names which survived, whoever chose among them."""

    @property
    def note(self) -> str | None:
        """Code of the warning that a report gives; None where there is nothing to warn of."""
        if self is Survivorship.POINT_IN_TIME:
            return None
        return "survivorship" if self is Survivorship.SURVIVORS_ONLY else self.value


def survivorship_of(universe: UniverseSettings, data_versions: Mapping[str, int]) -> Survivorship:
    """Return how a universe was chosen; without snapshots it was chosen today, whatever the data set holds.

    Parameters
    ----------
    data_versions
        ``table/dataset`` of what the run read; ``symbol_lives`` is among them where the catalog knows of delistings.

    Examples
    --------
    >>> survivorship_of(UniverseSettings(symbols=("A", "B")), {}).note
    'static_list'
    """
    if universe.survivorship_biased:
        return Survivorship.SURVIVORS_ONLY
    if universe.snapshot is not None:
        knows_lives = any(name.startswith(f"{SYMBOL_LIVES.name}/") for name in data_versions)
        return Survivorship.POINT_IN_TIME if knows_lives else Survivorship.SNAPSHOTS_OF_BARS
    return Survivorship.STATIC_LIST if universe.symbols else Survivorship.STATIC_DATA_SET
