"""Models: forecasters behind one protocol, stored in native files that load without executing code."""

from tidegate.models.forecaster import Forecaster, load_forecaster, make_forecaster
from tidegate.models.gradient_boosting import GradientBoosting, require_boosting
from tidegate.models.ridge import Ridge

__all__ = ["Forecaster", "GradientBoosting", "Ridge", "load_forecaster", "make_forecaster", "require_boosting"]
