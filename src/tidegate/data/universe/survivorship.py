"""What a recipe's universe knows with hindsight, said in every run that used it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import StrEnum
from typing import Final

import polars as pl

from tidegate.core.clock import now
from tidegate.core.recipe import UniverseSettings
from tidegate.data.catalog import Catalog
from tidegate.data.lives import WITHDRAWN, Change
from tidegate.data.tables import SYMBOL_LIVES, UNIVERSE

__all__ = ["Survivorship", "survivorship_of"]


_MADE_FROM: Final = re.compile(r"bars/(?P<bars>\S+) .*?(?:, lives/(?P<lives>\S+))?")
"""What :meth:`tidegate.data.universe.UniverseRules.describe` says a universe was made from."""


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


def survivorship_of(universe: UniverseSettings, catalog: Catalog, data_versions: Mapping[str, int]) -> Survivorship:
    """Return how a universe was chosen; without snapshots it was chosen today, whatever the data set holds.

    Parameters
    ----------
    data_versions
        ``table/dataset`` to the version that the run read. Snapshots were chosen point in time if the lives that
        they were made from are among them and hold a delisting.
    """
    if universe.survivorship_biased:
        return Survivorship.SURVIVORS_ONLY
    if universe.snapshot is not None:
        knows = _knows_delistings(universe.snapshot, catalog, data_versions)
        return Survivorship.POINT_IN_TIME if knows else Survivorship.SNAPSHOTS_OF_BARS
    return Survivorship.STATIC_LIST if universe.symbols else Survivorship.STATIC_DATA_SET


def _knows_delistings(snapshot: str, catalog: Catalog, data_versions: Mapping[str, int]) -> bool:
    """Return whether the lives that a universe was made from hold a delisting."""
    version = data_versions.get(f"{UNIVERSE.name}/{snapshot}")
    if version is None:
        return False
    rows = catalog.revisions(UNIVERSE.name, dataset=snapshot, as_of=now(), version=version)
    sources = rows.select(pl.col("source").unique()).collect().to_series()
    made = [_MADE_FROM.fullmatch(source or "") for source in sources]
    lives = {found and (found["lives"] or found["bars"]) for found in made}
    return bool(lives) and all(_holds_delisting(name, catalog, data_versions) for name in lives)


def _holds_delisting(dataset: str | None, catalog: Catalog, data_versions: Mapping[str, int]) -> bool:
    version = data_versions.get(f"{SYMBOL_LIVES.name}/{dataset}")
    if dataset is None or version is None:
        return False
    rows = catalog.read(SYMBOL_LIVES.name, dataset=dataset, as_of=now(), version=version)
    told = (pl.col("change") == Change.DELISTED) & pl.col("detail").ne_missing(WITHDRAWN)
    return bool(rows.select(told.any()).collect().item())
