"""Features: a contract of declared features, and the one builder behind training and online use."""

from tidegate.features.builder import FeatureBuilder, build_features, features_at
from tidegate.features.contract import Feature, FeatureContract, FeatureGroup
from tidegate.features.contracts import CONTRACTS, market_contract
from tidegate.features.matrix import FeatureMatrix
from tidegate.features.selection import contract_for
from tidegate.features.sources import Newest, Source

__all__ = [
    "CONTRACTS",
    "Feature",
    "FeatureBuilder",
    "FeatureContract",
    "FeatureGroup",
    "FeatureMatrix",
    "Newest",
    "Source",
    "build_features",
    "contract_for",
    "features_at",
    "market_contract",
]
