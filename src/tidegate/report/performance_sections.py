"""The money half of a report: its key figures, its ribbon and its sections."""

from __future__ import annotations

from tidegate.report.calendar_section import calendar_section
from tidegate.report.charts import Chart
from tidegate.report.exposure_ribbon import ribbon_chart
from tidegate.report.holdings_chart import book_of, holdings_chart
from tidegate.report.language import format_value
from tidegate.report.limits_section import limits_section
from tidegate.report.page import Card, Painter, Section
from tidegate.report.run_files import BacktestFiles
from tidegate.report.run_money import Money
from tidegate.report.trading_section import trading_section
from tidegate.report.wealth_section import wealth_section
from tidegate.report.yearly import years_of

__all__ = ["money_cards", "money_opening", "money_sections"]


def money_opening(painter: Painter, files: BacktestFiles) -> tuple[Chart, ...]:
    """Return the ribbon of exposure; nothing for a run that did not record which limits were in force."""
    return (ribbon_chart(painter.brush, files.days),) if "binding" in files.equity.columns else ()


def money_cards(painter: Painter, money: Money) -> tuple[Card, ...]:
    """Return the key figures of a backtest."""
    performance = money.files.performance
    strategy, benchmark, excess, costs = (
        performance.strategy,
        performance.benchmark,
        performance.excess,
        performance.costs,
    )
    text = painter.text

    def card(key: str, value: object, spec: str, direction: float | None = None, **detail: object) -> Card:
        return Card(
            name=text(f"figure.{key}"),
            value=format_value(value, spec),
            detail=text(f"card.{key}", **detail),
            direction=_direction(direction),
        )

    return (
        card("cagr", strategy.cagr, "signed1", strategy.cagr, benchmark=benchmark.cagr),
        card(
            "excess",
            excess.annual_log_excess,
            "signed1",
            excess.annual_log_excess,
            t=excess.t_statistic,
            weeks=excess.weeks,
        ),
        card("max_drawdown", strategy.fall, "signed1", benchmark=benchmark.fall),
        card("sharpe", strategy.sharpe, "decimal2", benchmark=benchmark.sharpe),
        card("annual_drag", costs.annual_drag, "percent2", total=costs.total),
        card("annual_turnover", costs.annual_turnover, "decimal1"),
    )


def money_sections(painter: Painter, money: Money) -> tuple[Section, ...]:
    """Return wealth, holdings, limits, calendar returns and trading of a backtest."""
    files = money.files
    years = years_of(files.equity)
    return (
        wealth_section(painter, money),
        _holdings(painter, money),
        limits_section(painter, files.performance),
        calendar_section(painter, files, years, money.others),
        trading_section(painter, files, years),
    )


def _holdings(painter: Painter, money: Money) -> Section:
    text, files = painter.text, money.files
    book = None if files.positions is None else book_of(files.days, files.positions, money.apart)
    key = "holdings_absent" if files.positions is None else "holdings" if book else "holdings_empty"
    return Section(
        title=text("section.holdings"),
        lead=text(f"section.{key}.lead"),
        charts=() if book is None else (holdings_chart(painter.brush, book),),
    )


def _direction(value: float | None) -> str:
    """Return the colour of a card's value; what is shown as zero has none."""
    if value is None or abs(value) < 0.0005:
        return ""
    return "up" if value > 0 else "down"
