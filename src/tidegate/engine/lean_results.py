"""Summaries of backtests by LEAN, read into the figures that our own backtests have.

LEAN's statistics are texts: ``"14.007%"``, ``"1,234.5%"``, ``"$12.30"``. Its drawdown is rounded to 0.1 point, so a
limit on it accepts what exceeds the limit (B.5); ``totalPerformance.portfolioStatistics`` holds the same as fractions,
often with more digits, and then counts. A figure that is missing is never 0 (E.8).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any, Final, TypeGuard

from tidegate.core.errors import InputError
from tidegate.core.time import DAY, SECOND, Instant, format_instant, parse_instant
from tidegate.engine.lean_statistics import PORTFOLIO_NAMES, parse_exactly
from tidegate.evaluate.performance import Performance

__all__ = ["LeanSummary", "read_summary"]

_AGREES: Final = Decimal("0.001")
"""Texts are rounded to 0.1 point at the coarsest; what is further apart are two figures."""
_ROUNDED_DIGITS: Final = 3
"""Digits of a fraction that LEAN rounds drawdowns to, in both places."""
_DONE: Final = frozenset({"success", "completed"})
_WINDOW_SLACK: Final = 7 * DAY
"""A window opens and closes on sessions, which a weekend with holidays keeps away from the dates asked for."""
_DAYS_PER_YEAR: Final = 365.25
_FAR: Final = 253_402_300_800
"""Seconds since 1970 at which calendars end."""
_ZONED: Final = re.compile(r"T.*(Z|[-+]\d\d:\d\d)$")


@dataclass(frozen=True, kw_only=True)
class LeanSummary:
    """What a backtest by LEAN says of itself.

    Parameters
    ----------
    performance
        The figures of our own backtests. LEAN's growth takes 365 days as a year; it dates no drawdown, so
        ``drawdown_start`` and ``drawdown_end`` are the two ends of the window.
    start_equity, end_equity
        In currency; None where the summary does not say.
    sortino, turnover
        The Sortino ratio and the part of the account that is traded on a mean day; None where it does not say.
    is_drawdown_rounded
        Whether the drawdown is known to 0.1 point only: what is printed as 15 % may be anything below 15.05 %.
    statistics
        Every statistic as its text, those of the running algorithm included, which win where both have one (D.7).
    """

    performance: Performance
    start_equity: float | None
    end_equity: float | None
    sortino: float | None
    turnover: float | None
    is_drawdown_rounded: bool
    statistics: dict[str, str]

    def as_dict(self) -> dict[str, Any]:
        """Return plain values."""
        performance = self.performance.as_dict()
        equity = {"start_equity": self.start_equity, "end_equity": self.end_equity}
        ratios = {"sortino": self.sortino, "turnover": self.turnover, "is_drawdown_rounded": self.is_drawdown_rounded}
        return {"performance": performance, **equity, **ratios, "statistics": self.statistics}


def read_summary(
    path: Path, *, status: str | None = None, window: tuple[date | None, date | None] = (None, None)
) -> LeanSummary:
    """Read a ``*-summary.json`` of LEAN.

    Parameters
    ----------
    status
        What the platform that ran it says of the run, where it does.
    window
        First and last day asked for. LEAN shortens a backtest to the data that it has, and the figures then are of
        another window.

    Raises
    ------
    InputError
        If the file cannot be read, the run did not succeed, growth, drawdown, deviation or profit are missing, two
        places contradict each other, or the window is another one.
    """
    content = _object(path)
    try:
        return _summary(content, status, window)
    except InputError as error:
        raise InputError(found=f"{path}: {error.found}", expected=error.expected, hint=error.hint) from None


def _object(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"), parse_float=Decimal)
    except OSError as error:
        raise InputError(
            found=f"{path}: {error.strerror or error}", expected="a summary by LEAN", hint="check the path"
        ) from None
    except (ValueError, RecursionError) as error:
        raise InputError(
            found=f"{path}: {error}", expected="a JSON document", hint="pass the file that ends in -summary.json"
        ) from None
    if not isinstance(content, dict):
        raise InputError(
            found=f"{path}: no JSON object",
            expected="a summary by LEAN",
            hint="pass the file that ends in -summary.json",
        )
    return content


def _summary(content: Mapping[str, Any], status: str | None, window: tuple[date | None, date | None]) -> LeanSummary:
    _require_success(content, status)
    figures = _Figures(_texts(content, "statistics"), _portfolio(content))
    start, end = _window(content)
    _require_window((start, end), window)
    opening, closing = figures.find("Start Equity"), figures.find("End Equity")
    profit = _profit(figures, opening, closing)
    performance = Performance(
        cagr=figures.need("Compounding Annual Return"),
        volatility=_deviation(figures.need("Annual Standard Deviation")),
        sharpe=figures.find("Sharpe Ratio"),
        max_drawdown=_drawdown(figures.need("Drawdown")),
        drawdown_start=start,
        drawdown_end=end,
        total_return=profit,
        years=(end - start) / DAY / _DAYS_PER_YEAR,
        start=start,
        end=end,
    )
    statistics = {**_texts(content, "statistics"), **_texts(content, "runtimeStatistics")}
    return LeanSummary(
        performance=performance,
        start_equity=opening,
        end_equity=closing,
        sortino=figures.find("Sortino Ratio"),
        turnover=figures.find("Portfolio Turnover"),
        is_drawdown_rounded=figures.digits("Drawdown") <= _ROUNDED_DIGITS,
        statistics=statistics,
    )


@dataclass(frozen=True)
class _Figures:
    texts: Mapping[str, str]
    portfolio: Mapping[str, Any]

    def need(self, name: str) -> float:
        found = self.find(name)
        if found is None:
            raise InputError(
                found=f"no statistic {name!r}",
                expected="growth, drawdown, deviation and profit of a finished backtest",
                hint="a missing figure is not 0: run the backtest again",
            )
        return found

    def find(self, name: str) -> float | None:
        """Return a figure from its text or from the fractions, whichever has more digits."""
        known = self._exactly(name)
        return float(known) if known is not None else None

    def digits(self, name: str) -> int:
        """Return how many digits a figure that is there has after the point, as a fraction."""
        known = self._exactly(name)
        return _digits(known) if known is not None else 0

    def _exactly(self, name: str) -> Decimal | None:
        known = [_figure(name, place[key]) for place, key in self._places(name) if place.get(key) not in (None, "")]
        if len(known) == 2 and abs(known[0] - known[1]) > max(_AGREES, abs(known[0]) * _AGREES / 10):
            raise InputError(
                found=f"{name} {known[1]} as a text and {known[0]} as a fraction",
                expected="one figure in both places",
                hint="the file is of two runs or was changed: run the backtest again",
            )
        return max(known, key=_digits) if known else None

    def _places(self, name: str) -> tuple[tuple[Mapping[str, Any], str], ...]:
        # Of equally exact ones the first is taken, and that is the fraction.
        return ((self.portfolio, PORTFOLIO_NAMES[name]), (self.texts, name))


def _figure(name: str, value: Any) -> Decimal:
    try:
        return parse_exactly(str(value))
    except InputError as error:
        raise InputError(found=f"{name} {error.found}", expected=error.expected, hint=error.hint) from None


def _digits(value: Decimal) -> int:
    exponent = value.normalize().as_tuple().exponent
    return -exponent if isinstance(exponent, int) else 0


def _drawdown(depth: float) -> float:
    if not 0.0 <= depth <= 1.0:
        raise InputError(
            found=f"a drawdown of {depth:g}",
            expected="a fraction from 0 to 1",
            hint="the file is damaged: run it again",
        )
    return depth


def _deviation(volatility: float) -> float:
    if volatility < 0.0:
        raise InputError(
            found=f"a deviation of {volatility:g}", expected="at least 0", hint="the file is damaged: run it again"
        )
    return volatility


def _profit(figures: _Figures, opening: float | None, closing: float | None) -> float:
    """Return the growth of the account, which has more digits than its text, if the two are one figure."""
    if opening is None or closing is None:
        return figures.need("Net Profit")
    if opening <= 0.0:
        raise InputError(
            found=f"a start equity of {opening:g}", expected="more than 0", hint="the file is damaged: run it again"
        )
    profit, said = closing / opening - 1.0, figures.find("Net Profit")
    if said is not None and abs(said - profit) > float(_AGREES) * max(1.0, abs(profit) / 10.0):
        raise InputError(
            found=f"Net Profit {said:g} and an equity from {opening:g} to {closing:g}",
            expected="one figure in both places",
            hint="the file is of two runs or was changed: run the backtest again",
        )
    return profit


def _texts(content: Mapping[str, Any], name: str) -> dict[str, str]:
    part = content.get(name) or {}
    if not isinstance(part, dict):
        raise InputError(found=f"{name} that is no object", expected="names and texts", hint="pass LEAN's own file")
    return {key: str(value) for key, value in part.items() if value is not None}


def _portfolio(content: Mapping[str, Any]) -> Mapping[str, Any]:
    whole = content.get("totalPerformance")
    part = whole.get("portfolioStatistics") if isinstance(whole, dict) else None
    return part if isinstance(part, dict) else {}


def _require_success(content: Mapping[str, Any], status: str | None) -> None:
    state = content.get("state")
    state = state if isinstance(state, dict) else {}
    for said in (status, content.get("status"), state.get("Status", state.get("status"))):
        if said is not None and str(said).strip().lower() not in _DONE:
            raise InputError(
                found=f"a backtest that is {str(said)!r}",
                expected="one that succeeded",
                hint="figures of a backtest that stopped half way are of another window: run it again",
            )
    problem = state.get("RuntimeError", state.get("runtimeError"))
    if problem:
        raise InputError(
            found=f"a backtest that stopped: {str(problem).splitlines()[0]}",
            expected="one without a runtime error",
            hint="correct the algorithm and run it again",
        )


def _window(content: Mapping[str, Any]) -> tuple[Instant, Instant]:
    """Return the first and last instant of the equity curve, or what the algorithm was set to where there is none."""
    curve = _equity_instants(content)
    start, end = (curve[0], curve[-1]) if len(curve) > 1 else _set_window(content)
    if not start < end:
        raise InputError(
            found=f"a window from {format_instant(start)} to {format_instant(end)}",
            expected="an end after its start",
            hint="the file is damaged: run the backtest again",
        )
    return start, end


def _set_window(content: Mapping[str, Any]) -> tuple[Instant, Instant]:
    settings = content.get("algorithmConfiguration")
    names = ("startDate", "endDate")
    dates = [str(settings[name]) for name in names if settings.get(name)] if isinstance(settings, dict) else []
    if len(dates) < len(names):
        raise InputError(
            found="neither an equity curve nor algorithmConfiguration.startDate and endDate",
            expected="the window of the backtest",
            hint="pass the summary of a recent LEAN; older ones do not say what their figures are about",
        )
    # A time of day without a zone is that of the algorithm; the day is all that matters here.
    start, end = (parse_instant(one if _ZONED.search(one) else one[:10]) for one in dates)
    return start, end


def _equity_instants(content: Mapping[str, Any]) -> list[Instant]:
    points: Any = content
    for name in ("charts", "Strategy Equity", "series", "Equity", "values"):
        points = points.get(name) if isinstance(points, dict) else None
    if not isinstance(points, list):
        return []
    seconds = [point.get("x") if isinstance(point, dict) else point[0] for point in points if _is_point(point)]
    return sorted(Instant(int(one * SECOND)) for one in seconds if _is_number(one) and 0 < one < _FAR)


def _is_number(value: Any) -> TypeGuard[int | Decimal]:
    return isinstance(value, int | Decimal) and not isinstance(value, bool)


def _is_point(point: Any) -> bool:
    return isinstance(point, dict) or (isinstance(point, list) and len(point) > 1)


def _require_window(found: tuple[Instant, Instant], asked: tuple[date | None, date | None]) -> None:
    for name, instant, day in zip(("start", "end"), found, asked, strict=True):
        if day is not None and abs(instant - parse_instant(day)) > _WINDOW_SLACK:
            raise InputError(
                found=f"a backtest whose {name} is {format_instant(instant)[:10]}, asked for {day}",
                expected=f"within {_WINDOW_SLACK // DAY} days of it",
                hint="LEAN shortens a backtest to the data that it has: bring them, or ask for this window",
            )
