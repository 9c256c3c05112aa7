"""From forecasts to target weights: the decision functions that backtest, paper and live trading share."""

from tidegate.strategy.benchmarks import BookState, Decide, buy_and_hold, equal_weight
from tidegate.strategy.schedule import opens_new_week

__all__ = ["BookState", "Decide", "buy_and_hold", "equal_weight", "opens_new_week"]
