"""One command for the data of a recipe: look, fill what is missing, look again, bundle."""

from tidegate.data.collect.outcome import CollectedRecipe, StepOutcome, StepStatus
from tidegate.data.collect.run import collect, step_names

__all__ = ["CollectedRecipe", "StepOutcome", "StepStatus", "collect", "step_names"]
