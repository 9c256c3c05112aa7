"""Macro series: FRED with every vintage, and files whose rules in words tell when a value became public."""

from tidegate.data.connectors.macro.connector import MacroConnector
from tidegate.data.connectors.macro.rules import AvailabilityRule, read_rule
from tidegate.data.connectors.macro.series import MacroSeries, about_series
from tidegate.data.connectors.macro.settings import MacroSettings

__all__ = ["AvailabilityRule", "MacroConnector", "MacroSeries", "MacroSettings", "about_series", "read_rule"]
