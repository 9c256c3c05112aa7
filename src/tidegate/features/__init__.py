"""Features: a contract of declared features, and the one builder behind training and online use."""

from tidegate.features.builder import FeatureMatrix, build_features, features_at
from tidegate.features.contract import Feature, FeatureContract
from tidegate.features.selection import DECLARED_FEATURES, contract_for

__all__ = [
    "DECLARED_FEATURES",
    "Feature",
    "FeatureContract",
    "FeatureMatrix",
    "build_features",
    "contract_for",
    "features_at",
]
