"""Evaluation: how good forecasts were and what a strategy earned, with honest uncertainty."""

from tidegate.evaluate.forecast import (
    ForecastQuality,
    forecast_quality,
    hit_rate,
    quantile_spread,
    rank_correlation,
    summarise_quality,
)
from tidegate.evaluate.inference import newey_west_mean
from tidegate.evaluate.performance import Excess, Performance, drawdown, excess_over, performance

__all__ = [
    "Excess",
    "ForecastQuality",
    "Performance",
    "drawdown",
    "excess_over",
    "forecast_quality",
    "hit_rate",
    "newey_west_mean",
    "performance",
    "quantile_spread",
    "rank_correlation",
    "summarise_quality",
]
