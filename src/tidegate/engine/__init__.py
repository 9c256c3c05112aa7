"""The engine: one kernel and one loop over bars that settle, fill, mark and ask for decisions."""

from tidegate.engine.backtest import backtest
from tidegate.engine.fill_rules import FillRules
from tidegate.engine.ledger import Account, Ledger
from tidegate.engine.market import CorporateActions, Market
from tidegate.engine.sweep import Sweep, Trial, run_trials

__all__ = ["Account", "CorporateActions", "FillRules", "Ledger", "Market", "Sweep", "Trial", "backtest", "run_trials"]
