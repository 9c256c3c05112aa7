"""Where a feature set comes from, and the id that follows from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tidegate.core.environment import describe_environment
from tidegate.core.fingerprint import array_fingerprint, fingerprint
from tidegate.core.panel import Panel
from tidegate.core.recipe import Recipe
from tidegate.features.contract import FeatureContract

__all__ = ["Origin", "lineage_id"]

_NEVER_READ = {"mode", "readiness", "quality"}
"""Parts of a recipe's data settings that say how data are audited, and not which."""


@dataclass(frozen=True, kw_only=True)
class Origin:
    """What a history was read from.

    Parameters
    ----------
    recipe
        Says which data sets, window and universe.
    versions
        ``table/dataset`` to the table version that was read.
    """

    recipe: Recipe
    versions: Mapping[str, int]

    def as_document(self) -> dict[str, Any]:
        """Return plain values; :meth:`from_document` reads them."""
        return {"recipe": self.recipe.model_dump(mode="json", by_alias=True), "versions": dict(self.versions)}

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Origin:
        """Read what :meth:`as_document` returned."""
        return cls(recipe=Recipe.model_validate(document["recipe"]), versions=dict(document["versions"]))


def lineage_id(origin: Origin, contract: FeatureContract, bars: Panel) -> str:
    """Return the SHA-256 of everything that decides the values of a feature set, and of nothing else.

    Contract, data window, symbols, versions of the sources, and code: the same content has the same id whenever and
    wherever it is built.
    """
    read = origin.recipe.model_dump(include={"data", "universe"}, exclude={"data": _NEVER_READ})
    return fingerprint(
        {
            "read": read,
            "versions": dict(origin.versions),
            "contract": contract.fingerprint,
            "times": array_fingerprint(bars.times),
            "symbols": list(bars.symbols),
            "environment": describe_environment(),
        }
    )
