"""Splits: folds on the time axis that know how long labels last."""

from tidegate.split.borders import known_within
from tidegate.split.disjoint import overlapping, require_disjoint
from tidegate.split.fold import Fold, Slice
from tidegate.split.hold_out import HoldOut, Splitter, current_fold, splitter_for
from tidegate.split.purged import CombinatorialPurged, PurgedKFold, PurgedSplit
from tidegate.split.row_set import RowSet
from tidegate.split.samples import SampleSplit
from tidegate.split.timeline import fold_timeline, group_timeline
from tidegate.split.walk_forward import WalkForward

__all__ = [
    "CombinatorialPurged",
    "Fold",
    "HoldOut",
    "PurgedKFold",
    "PurgedSplit",
    "RowSet",
    "SampleSplit",
    "Slice",
    "Splitter",
    "WalkForward",
    "current_fold",
    "fold_timeline",
    "group_timeline",
    "known_within",
    "overlapping",
    "require_disjoint",
    "splitter_for",
]
