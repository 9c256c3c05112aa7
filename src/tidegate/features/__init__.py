"""Features: a contract of declared features, and the one builder behind training and online use."""

from tidegate.features.builder import MEMBER, FeatureBuilder, build_features, features_at
from tidegate.features.contract import Feature, FeatureContract, FeatureGroup
from tidegate.features.contracts import CONTRACTS, market_contract
from tidegate.features.custom import feature
from tidegate.features.matrix import FeatureMatrix
from tidegate.features.pickable import pickable
from tidegate.features.recent import recent_history
from tidegate.features.selection import contract_for, declared_contract
from tidegate.features.sources import Newest, Source

__all__ = [
    "CONTRACTS",
    "MEMBER",
    "Feature",
    "FeatureBuilder",
    "FeatureContract",
    "FeatureGroup",
    "FeatureMatrix",
    "Newest",
    "Source",
    "build_features",
    "contract_for",
    "declared_contract",
    "feature",
    "features_at",
    "market_contract",
    "pickable",
    "recent_history",
]
