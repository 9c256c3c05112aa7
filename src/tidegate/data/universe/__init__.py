"""Universes: which symbols may be held, and since when anybody could know it."""

from tidegate.data.universe.build import UniverseBuilt, build_universe
from tidegate.data.universe.resolve import UniverseSnapshot, membership, resolve_universe
from tidegate.data.universe.rules import Rebalance, UniverseRules
from tidegate.data.universe.survivorship import Survivorship, survivorship_of
from tidegate.data.universe.symbols import (
    EQUAL_WEIGHT,
    own_references,
    reference_symbols,
    symbols_beside,
    symbols_to_read,
    traded_symbols,
    wanted_symbols,
)

__all__ = [
    "EQUAL_WEIGHT",
    "Rebalance",
    "Survivorship",
    "UniverseBuilt",
    "UniverseRules",
    "UniverseSnapshot",
    "build_universe",
    "membership",
    "own_references",
    "reference_symbols",
    "resolve_universe",
    "survivorship_of",
    "symbols_beside",
    "symbols_to_read",
    "traded_symbols",
    "wanted_symbols",
]
