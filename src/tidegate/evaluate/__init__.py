"""Evaluation: how good forecasts were and what a strategy earned, with honest uncertainty."""

from tidegate.evaluate.bootstrap import WeekDraws, draw_weeks, week_numbers
from tidegate.evaluate.classification import classification_figures, classification_quarters, net_returns
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
from tidegate.evaluate.staggered import StaggeredTrades, staggered_trades

__all__ = [
    "CallQuality",
    "Excess",
    "ForecastQuality",
    "PairedDifference",
    "Performance",
    "RankedRows",
    "StaggeredTrades",
    "TopNames",
    "WeekDraws",
    "area_under_roc",
    "average_precision",
    "best_f_score",
    "brier_score",
    "call_quality",
    "classification_figures",
    "classification_quarters",
    "draw_weeks",
    "drawdown",
    "excess_over",
    "expected_calibration_error",
    "forecast_quality",
    "hit_rate",
    "holm_adjusted",
    "mean_of_known",
    "ndcg_over_shuffled",
    "net_returns",
    "newey_west_mean",
    "paired_difference",
    "performance",
    "precision_recall_curve",
    "quantile_spread",
    "rank_correlation",
    "rank_ic_by_instant",
    "rank_rows",
    "reliability_table",
    "roc_by_instant",
    "staggered_trades",
    "summarise_quality",
    "top_names",
    "top_places",
    "turnover_by_instant",
    "week_numbers",
    "within_date_area",
]
