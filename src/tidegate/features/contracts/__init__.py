"""The shipped contracts, one per market: which features exist there, in which order, from which sources."""

from __future__ import annotations

from importlib import import_module
from typing import Final

from tidegate.core.errors import RecipeError
from tidegate.core.time import BarInterval
from tidegate.features.contract import FeatureContract

__all__ = ["CONTRACTS", "market_contract"]

CONTRACTS: Final = ("us-equity", "ashare", "crypto")
"""Names of the shipped contracts."""


def market_contract(name: str, interval: BarInterval) -> FeatureContract:
    """Return a shipped contract, every feature of it.

    Parameters
    ----------
    name
        One of :data:`CONTRACTS`.
    interval
        Size of the bars that it will be built from.

    Raises
    ------
    RecipeError
        If there is none of that name.

    Examples
    --------
    >>> market_contract("us-equity", BarInterval("1d")).names[0]
    'log_return_1'
    """
    if name not in CONTRACTS:
        raise RecipeError(
            found=f"features.contract {name!r}",
            expected=f"one of {', '.join(CONTRACTS)}",
            hint="see docs/features.md",
        )
    module = import_module(f"tidegate.features.contracts.{name.replace('-', '_')}")
    contract: FeatureContract = module.contract(interval)
    return contract
