"""Rotation into the names with the best scores: parameters, state and one compiled decision."""

from tidegate.strategy.rotation.decide import decide_rotation
from tidegate.strategy.rotation.guard import observe_equity
from tidegate.strategy.rotation.parameters import ROTATION, ROTATION_STATE, rotation_parameters, rotation_state

__all__ = [
    "ROTATION",
    "ROTATION_STATE",
    "decide_rotation",
    "observe_equity",
    "rotation_parameters",
    "rotation_state",
]
