"""Statistics as LEAN writes them: texts read as numbers, and our results written as its summaries."""

from __future__ import annotations

import math
import re
from decimal import Decimal
from typing import Any, Final

from tidegate.core.errors import InputError
from tidegate.core.time import moment_of
from tidegate.evaluate.performance import Performance

__all__ = ["PORTFOLIO_NAMES", "lean_statistics", "lean_summary", "parse_exactly", "parse_statistic"]

_FIGURE: Final = re.compile(
    r"(?P<sign>[-+]?)\$?(?P<sign_after>-?)"
    r"(?P<digits>\d{1,3}(,\d{3})+(\.\d+)?|\d+(\.\d+)?([eE][-+]?\d{1,3})?)\s?(?P<percent>%?)"
)
PORTFOLIO_NAMES: Final = {
    "Compounding Annual Return": "compoundingAnnualReturn",
    "Drawdown": "drawdown",
    "Net Profit": "totalNetProfit",
    "Sharpe Ratio": "sharpeRatio",
    "Sortino Ratio": "sortinoRatio",
    "Annual Standard Deviation": "annualStandardDeviation",
    "Annual Variance": "annualVariance",
    "Portfolio Turnover": "portfolioTurnover",
    "Start Equity": "startEquity",
    "End Equity": "endEquity",
}
"""Names of statistics, as texts and as fractions in ``totalPerformance.portfolioStatistics``."""


def parse_statistic(text: str) -> float:
    """Return a statistic of LEAN as a number; a percentage becomes a fraction.

    Raises
    ------
    InputError
        If it is no finite number, or its thousands are not set apart in threes.

    Examples
    --------
    >>> parse_statistic("1,234.5%"), parse_statistic("$-12.30"), parse_statistic("0.861")
    (12.345, -12.3, 0.861)
    """
    return float(parse_exactly(text))


def parse_exactly(text: str) -> Decimal:
    """Return what :func:`parse_statistic` does, to the last digit written."""
    found = _FIGURE.fullmatch(text.strip())
    digits = found["digits"].replace(",", "") if found else "nan"
    if found is None or not math.isfinite(float(digits)):
        raise InputError(
            found=repr(text), expected="a number such as 14.007%, 1,234.5% or $12.30", hint="LEAN writes no other"
        )
    value = Decimal(found["sign"] + found["sign_after"] + digits)
    return value / 100 if found["percent"] else value


def lean_statistics(performance: Performance, *, start_equity: float, costs: float | None = None) -> dict[str, str]:
    """Return a result as LEAN's texts; those that would be made up are left out.

    The drawdown keeps three digits of its percentage: LEAN's own rounds to 0.1 point.

    Parameters
    ----------
    start_equity, costs
        Money at the start, and all that trading cost, in currency.
    """
    figures = {
        "Compounding Annual Return": f"{performance.cagr:.3%}",
        "Drawdown": f"{performance.max_drawdown:.3%}",
        "Start Equity": f"{start_equity:.2f}",
        "End Equity": f"{start_equity * (1.0 + performance.total_return):.2f}",
        "Net Profit": f"{performance.total_return:.3%}",
        "Annual Standard Deviation": f"{performance.volatility:.3f}",
        "Annual Variance": f"{performance.volatility**2:.3f}",
    }
    if performance.sharpe is not None:
        figures["Sharpe Ratio"] = f"{performance.sharpe:.3f}"
    if costs is not None:
        figures["Total Fees"] = f"${costs:.2f}"
    return figures


def lean_summary(performance: Performance, *, start_equity: float, costs: float | None = None) -> dict[str, Any]:
    """Return a result as the document of a LEAN summary, with every digit beside the texts.

    ``read_summary`` reads it back to the same figures, the dates of the drawdown excepted.
    """
    exact = {
        "Compounding Annual Return": performance.cagr,
        "Drawdown": performance.max_drawdown,
        "Net Profit": performance.total_return,
        "Sharpe Ratio": performance.sharpe,
        "Annual Standard Deviation": performance.volatility,
        "Annual Variance": performance.volatility**2,
        "Start Equity": start_equity,
        "End Equity": start_equity * (1.0 + performance.total_return),
    }
    return {
        "totalPerformance": {
            "portfolioStatistics": {PORTFOLIO_NAMES[name]: value for name, value in exact.items() if value is not None}
        },
        "statistics": lean_statistics(performance, start_equity=start_equity, costs=costs),
        "runtimeStatistics": {},
        "state": {"Status": "Completed"},
        "algorithmConfiguration": {
            "startDate": moment_of(performance.start).isoformat(),
            "endDate": moment_of(performance.end).isoformat(),
        },
    }
