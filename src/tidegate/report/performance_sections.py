"""The money half of a report: its key figures and its sections."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tidegate.report.language import format_value
from tidegate.report.page import Card, Cell, Painter, Section, Table
from tidegate.report.performance_charts import (
    drawdown_chart,
    wealth_chart,
)
from tidegate.report.run_figures import Curve
from tidegate.report.run_files import BacktestFiles
from tidegate.report.trading_section import trading_section
from tidegate.report.yearly import Year, monthly_returns, years_of

__all__ = ["Money", "money_cards", "money_sections"]

_CURVE_FIGURES = (
    ("total_return", "signed1"), ("cagr", "signed2"), ("volatility", "percent1"), ("sharpe", "decimal2"),
)  # fmt: skip
_MONTH_SHADES = (0.005, 0.02, 0.05, 0.10)
_YEAR_SHADES = (0.01, 0.08, 0.18, 0.32)


@dataclass(frozen=True, kw_only=True)
class Money:
    """A backtest's files, and the names of its benchmark (as label and within a sentence) and its index."""

    files: BacktestFiles
    benchmark: str
    benchmark_phrase: str
    index: str | None


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
        card("max_drawdown", _fall(strategy), "signed1", benchmark=_fall(benchmark)),
        card("sharpe", strategy.sharpe, "decimal2", benchmark=benchmark.sharpe),
        card("annual_drag", costs.annual_drag, "percent2", total=costs.total),
        card("annual_turnover", costs.annual_turnover, "decimal1"),
    )


def money_sections(painter: Painter, money: Money) -> tuple[Section, ...]:
    """Return wealth, calendar returns and trading of a backtest."""
    files = money.files
    years = years_of(files.equity)
    return (_wealth(painter, money), _calendar(painter, money, years), trading_section(painter, files, years))


def _wealth(painter: Painter, money: Money) -> Section:
    brush, equity, text = painter.brush, money.files.equity, painter.text
    performance = money.files.performance
    bare = performance.note("index_without_dividends") is not None
    key = "wealth" if money.index is None else "wealth_price_index" if bare else "wealth_index"
    return Section(
        title=text("section.wealth"),
        lead=text(f"section.{key}.lead", benchmark=money.benchmark_phrase, index=money.index),
        charts=(
            wealth_chart(brush, equity, money.benchmark, money.index),
            drawdown_chart(brush, equity, money.benchmark),
        ),
        tables=(_figures_table(painter, money), _excess_table(painter, money)),
    )


def _figures_table(painter: Painter, money: Money) -> Table:
    performance, text = money.files.performance, painter.text
    curves: list[tuple[str, Curve]] = [
        (text("figure.strategy"), performance.strategy),
        (money.benchmark, performance.benchmark),
    ]
    if money.index is not None and performance.index is not None:
        curves.append((money.index, performance.index))
    rows = [
        [
            painter.words(text(f"figure.{name}")),
            *(painter.number(getattr(curve, name), spec) for _, curve in curves),
        ]
        for name, spec in _CURVE_FIGURES
    ]
    rows[3][0] = painter.words(text("figure.sharpe_row"))
    rows.append(
        [
            painter.words(text("figure.max_drawdown")),
            *(painter.number(_fall(curve), "signed1") for _, curve in curves),
        ]
    )
    rows.append([painter.words(text("figure.drawdown_span")), *(Cell(_span(painter, curve)) for _, curve in curves)])
    return Table(title=text("table.figures"), head=["", *(name for name, _ in curves)], rows=rows)


def _excess_table(painter: Painter, money: Money) -> Table:
    excess, text = money.files.performance.excess, painter.text
    specs = (
        ("annual_log_excess", "signed2"),
        ("standard_error", "percent2"),
        ("t_statistic", "change2"),
        ("weeks", "count"),
    )
    return Table(
        title=text("table.excess", benchmark=money.benchmark_phrase),
        head=["", *(text(f"figure.{name}") for name, _ in specs)],
        rows=[
            [
                painter.words(text("figure.strategy")),
                *(painter.number(getattr(excess, name), spec) for name, spec in specs),
            ]
        ],
    )


def _calendar(painter: Painter, money: Money, years: Sequence[Year]) -> Section:
    text = painter.text
    head = [text("figure.year"), text("figure.strategy"), money.benchmark, text("figure.difference")]
    head += [money.index] if money.index is not None else []
    rows = []
    for year in years:
        row = [
            painter.words(str(year.year)),
            _shaded(year.strategy, _YEAR_SHADES),
            painter.number(year.benchmark, "signed1"),
        ]
        row.append(painter.number(year.strategy - year.benchmark, "signed1"))
        rows.append(row + ([painter.number(year.index, "signed1")] if money.index is not None else []))
    return Section(
        title=text("section.calendar"),
        lead=text("section.calendar.lead"),
        tables=(
            _month_table(painter, money, years),
            Table(title=text("table.years"), head=head, rows=rows, folded=True),
        ),
    )


def _month_table(painter: Painter, money: Money, years: Sequence[Year]) -> Table:
    returns = monthly_returns(money.files.equity)
    rows = []
    for year in years:
        months = [returns.get((year.year, month)) for month in range(1, 13)]
        cells = [Cell("") if change is None else _shaded(change, _MONTH_SHADES) for change in months]
        rows.append([painter.words(str(year.year)), *cells, _shaded(year.strategy, _YEAR_SHADES)])
    head = [
        painter.text("figure.year"),
        *(painter.text(f"month.{month}") for month in range(1, 13)),
        painter.text("figure.whole_year"),
    ]
    return Table(title=painter.text("table.months"), head=head, rows=rows, dense=True)


def _direction(value: float | None) -> str:
    """Return the colour of a card's value; what is shown as zero has none."""
    if value is None or abs(value) < 0.0005:
        return ""
    return "up" if value > 0 else "down"


def _fall(curve: Curve) -> float | None:
    return None if curve.max_drawdown is None else -curve.max_drawdown


def _span(painter: Painter, curve: Curve) -> str:
    if curve.drawdown_start is None or curve.drawdown_end is None:
        return format_value(None, "date")
    return painter.text("unit.span", start=curve.drawdown_start, end=curve.drawdown_end)


def _shaded(change: float, steps: Sequence[float]) -> Cell:
    strength = sum(1 for step in steps if abs(change) >= step)
    return Cell(format_value(change, "signed1"), shade=strength if change > 0 else -strength)
