"""Training: searches and fits that see the past alone, out-of-sample forecasts and their quality; and their audit."""

from tidegate.train.dataset import Dataset, assemble
from tidegate.train.experiment import Experiment, experiment
from tidegate.train.lookahead import RecipeAudit, audit_recipe, lookahead_subject
from tidegate.train.trainer import train
from tidegate.train.tuner import tune

__all__ = [
    "Dataset",
    "Experiment",
    "RecipeAudit",
    "assemble",
    "audit_recipe",
    "experiment",
    "lookahead_subject",
    "train",
    "tune",
]
