"""Evaluation: how good forecasts were and what a strategy earned, with honest uncertainty."""

from tidegate.evaluate.bootstrap import WeekDraws, draw_weeks, week_numbers
from tidegate.evaluate.classification import classification_figures, classification_quarters, net_returns
from tidegate.evaluate.curves import CURVE_FIGURES, curve_figures
from tidegate.evaluate.discrimination import area_under_roc, average_precision, roc_by_instant, within_date_area
from tidegate.evaluate.forecast import (
    ForecastQuality,
    forecast_quality,
    hit_rate,
    quantile_spread,
    rank_correlation,
    summarise_quality,
)
from tidegate.evaluate.inference import newey_west_mean
from tidegate.evaluate.overfitting import BlockSums, Overfitting, block_sums, probability_of_overfitting
from tidegate.evaluate.paired import PairedDifference, holm_adjusted, paired_difference
from tidegate.evaluate.performance import Excess, Performance, drawdown, excess_over, performance
from tidegate.evaluate.precision_recall import CallQuality, best_f_score, call_quality, precision_recall_curve
from tidegate.evaluate.ranked import RankedRows, mean_of_known, rank_rows
from tidegate.evaluate.ranking import (
    TopNames,
    ndcg_over_shuffled,
    rank_ic_by_instant,
    top_names,
    top_places,
    turnover_by_instant,
)
from tidegate.evaluate.reliability import brier_score, expected_calibration_error, reliability_table
from tidegate.evaluate.resampled import RESAMPLED_FIGURES, Resampled, resampled_figures
from tidegate.evaluate.sharpe import (
    SharpeMoments,
    deflated_sharpe,
    expected_maximum_sharpe,
    minimum_track_record,
    probabilistic_sharpe,
    sharpe_moments,
)
from tidegate.evaluate.staggered import StaggeredTrades, staggered_trades
from tidegate.evaluate.stationary import StationaryDraws, draw_stationary, long_run_deviation
from tidegate.evaluate.superior import SuperiorResult, SuperiorTest, superior_predictive_ability

__all__ = [
    "CURVE_FIGURES",
    "RESAMPLED_FIGURES",
    "BlockSums",
    "CallQuality",
    "Excess",
    "ForecastQuality",
    "Overfitting",
    "PairedDifference",
    "Performance",
    "RankedRows",
    "Resampled",
    "SharpeMoments",
    "StaggeredTrades",
    "StationaryDraws",
    "SuperiorResult",
    "SuperiorTest",
    "TopNames",
    "WeekDraws",
    "area_under_roc",
    "average_precision",
    "best_f_score",
    "block_sums",
    "brier_score",
    "call_quality",
    "classification_figures",
    "classification_quarters",
    "curve_figures",
    "deflated_sharpe",
    "draw_stationary",
    "draw_weeks",
    "drawdown",
    "excess_over",
    "expected_calibration_error",
    "expected_maximum_sharpe",
    "forecast_quality",
    "hit_rate",
    "holm_adjusted",
    "long_run_deviation",
    "mean_of_known",
    "minimum_track_record",
    "ndcg_over_shuffled",
    "net_returns",
    "newey_west_mean",
    "paired_difference",
    "performance",
    "precision_recall_curve",
    "probabilistic_sharpe",
    "probability_of_overfitting",
    "quantile_spread",
    "rank_correlation",
    "rank_ic_by_instant",
    "rank_rows",
    "reliability_table",
    "resampled_figures",
    "roc_by_instant",
    "sharpe_moments",
    "staggered_trades",
    "summarise_quality",
    "superior_predictive_ability",
    "top_names",
    "top_places",
    "turnover_by_instant",
    "week_numbers",
    "within_date_area",
]
