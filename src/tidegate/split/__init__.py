"""Splits: one object that decides which samples may train and which instants are tested."""

from tidegate.split.walk_forward import Fold, WalkForward

__all__ = ["Fold", "WalkForward"]
