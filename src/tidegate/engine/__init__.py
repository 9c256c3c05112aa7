"""The engine: one loop over bars that settles, fills, marks and asks for decisions."""

from tidegate.engine.backtest import backtest, trade
from tidegate.engine.ledger import Account, Ledger
from tidegate.engine.simulate import Simulation, simulate

__all__ = ["Account", "Ledger", "Simulation", "backtest", "simulate", "trade"]
