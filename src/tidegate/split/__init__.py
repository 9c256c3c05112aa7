"""Splits: folds on the time axis that know how long labels last."""

from tidegate.split.fold import Fold, Slice
from tidegate.split.walk_forward import WalkForward

__all__ = ["Fold", "Slice", "WalkForward"]
