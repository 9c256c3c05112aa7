"""Models: forecasters behind one protocol, stored in native files that load without executing code."""

from tidegate.models.calibrated import ENSEMBLE, Forecast, calibrated, scores_of_models
from tidegate.models.calibration import Calibrator, fit_calibrator
from tidegate.models.ensemble import Ensemble, fit_ensemble
from tidegate.models.forecaster import Forecaster, load_forecaster, make_forecaster, require_boosting
from tidegate.models.gradient_boosting import GradientBoosting
from tidegate.models.prepared import Prepared, prepare
from tidegate.models.ridge import Ridge
from tidegate.models.rounds import OnRound
from tidegate.models.threshold import Threshold, choose_threshold
from tidegate.models.training_rows import Rows, RowSource, TrainingRows
from tidegate.models.xgboost_trees import XgboostTrees

__all__ = [
    "ENSEMBLE",
    "Calibrator",
    "Ensemble",
    "Forecast",
    "Forecaster",
    "GradientBoosting",
    "OnRound",
    "Prepared",
    "Ridge",
    "RowSource",
    "Rows",
    "Threshold",
    "TrainingRows",
    "XgboostTrees",
    "calibrated",
    "choose_threshold",
    "fit_calibrator",
    "fit_ensemble",
    "load_forecaster",
    "make_forecaster",
    "prepare",
    "require_boosting",
    "scores_of_models",
]
