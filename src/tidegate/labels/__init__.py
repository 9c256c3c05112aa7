"""Labels: what came after each decision, with the span of time that each label is made of."""

from tidegate.labels.build import build_labels
from tidegate.labels.ends import NEVER
from tidegate.labels.forward_return import forward_labels, forward_returns
from tidegate.labels.label_set import LabelPart, LabelSet
from tidegate.labels.outcome import Labels
from tidegate.labels.relative import among_best, excess_over_mean, percent_rank, rank_bucket
from tidegate.labels.touch import TouchLabels, TouchWindow, fixed_exit, hindsight_touch
from tidegate.labels.volatility import realised_volatility
from tidegate.labels.weights import average_uniqueness

__all__ = [
    "NEVER",
    "LabelPart",
    "LabelSet",
    "Labels",
    "TouchLabels",
    "TouchWindow",
    "among_best",
    "average_uniqueness",
    "build_labels",
    "excess_over_mean",
    "fixed_exit",
    "forward_labels",
    "forward_returns",
    "hindsight_touch",
    "percent_rank",
    "rank_bucket",
    "realised_volatility",
]
