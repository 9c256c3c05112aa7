"""The money half of a report: its key figures and its sections."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tidegate.report.language import format_value
from tidegate.report.page import Card, Cell, Painter, Section, Table
from tidegate.report.performance_charts import (
    cost_chart,
    drawdown_chart,
    exposure_chart,
    turnover_chart,
    wealth_chart,
)
from tidegate.report.run_files import BacktestFiles, Costs, Curve
from tidegate.report.yearly import COST_PARTS, Year, monthly_returns, years_of

__all__ = ["Money", "money_cards", "money_sections"]

_CURVE_FIGURES = (
    ("total_return", "signed1"), ("cagr", "signed2"), ("volatility", "percent1"), ("sharpe", "decimal2"),
)  # fmt: skip
_SHADE_STEPS = (0.005, 0.02, 0.05, 0.10)


@dataclass(frozen=True, kw_only=True)
class Money:
    """A backtest's files, and how the page calls its benchmark and its index, if it has one."""

    files: BacktestFiles
    benchmark: str
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
            direction="" if not direction else ("up" if direction > 0 else "down"),
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
    years = years_of(money.files.equity)
    return (_wealth(painter, money), _calendar(painter, money, years), _trading(painter, money, years))


def _wealth(painter: Painter, money: Money) -> Section:
    brush, equity, text = painter.brush, money.files.equity, painter.text
    performance = money.files.performance
    bare = performance.note("index_without_dividends") is not None
    key = "wealth" if money.index is None else "wealth_price_index" if bare else "wealth_index"
    return Section(
        title=text("section.wealth"),
        lead=text(f"section.{key}.lead", benchmark=money.benchmark, index=money.index),
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
    rows.append(
        [painter.words(text("figure.drawdown_span")), *(Cell(_span(painter, curve)) for _, curve in curves)]
    )
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
        title=text("table.excess", benchmark=money.benchmark),
        head=[text(f"figure.{name}") for name, _ in specs],
        rows=[[painter.number(getattr(excess, name), spec) for name, spec in specs]],
    )


def _calendar(painter: Painter, money: Money, years: Sequence[Year]) -> Section:
    text = painter.text
    head = [text("figure.year"), text("figure.strategy"), money.benchmark, text("figure.difference")]
    head += [money.index] if money.index is not None else []
    rows = []
    for year in years:
        row = [
            painter.words(str(year.year)),
            _shaded(year.strategy),
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
        cells = [Cell("") if change is None else _shaded(change) for change in months]
        rows.append([painter.words(str(year.year)), *cells, _shaded(year.strategy)])
    head = [
        painter.text("figure.year"),
        *(painter.text(f"month.{month}") for month in range(1, 13)),
        painter.text("figure.whole_year"),
    ]
    return Table(title=painter.text("table.months"), head=head, rows=rows, dense=True)


def _trading(painter: Painter, money: Money, years: Sequence[Year]) -> Section:
    brush, text, costs = painter.brush, painter.text, money.files.performance.costs
    paid = costs.total > 0
    charts = [turnover_chart(brush, years), exposure_chart(brush, money.files.equity)]
    if paid:
        charts.insert(1, cost_chart(brush, years))
    return Section(
        title=text("section.trading"),
        lead=text("section.trading.lead" if paid else "section.trading_free.lead"),
        charts=charts,
        tables=(_cost_table(painter, costs), _cost_years(painter, years), _order_table(painter, money)),
    )


def _cost_table(painter: Painter, costs: Costs) -> Table:
    text = painter.text
    rows = []
    for part in (*COST_PARTS, "total"):
        amount = getattr(costs, part)
        share = amount / costs.total if costs.total else None
        rows.append(
            [
                painter.words(text(f"cost.{part}")),
                painter.number(amount, "count"),
                painter.number(share, "percent1"),
            ]
        )
    rows.append([painter.words(text("cost.interest")), painter.number(costs.interest, "count"), Cell("")])
    return Table(
        title=text("table.costs"), head=["", text("figure.amount"), text("figure.share_of_costs")], rows=rows
    )


def _cost_years(painter: Painter, years: Sequence[Year]) -> Table:
    text = painter.text
    head = [
        text("figure.year"),
        text("figure.turnover"),
        *(text(f"cost.{part}") for part in COST_PARTS),
        text("cost.total"),
    ]
    rows = [
        [
            painter.words(str(year.year)),
            painter.number(year.turnover, "decimal1"),
            *(painter.number(year.costs[part], "percent2") for part in COST_PARTS),
            painter.number(year.cost, "percent2"),
        ]
        for year in years
    ]
    return Table(title=text("table.cost_years"), head=head, rows=rows, folded=True)


def _order_table(painter: Painter, money: Money) -> Table:
    text = painter.text
    rows = [
        [painter.words(painter.language.name_of("order", status)), painter.number(count, "count")]
        for status, count in sorted(money.files.orders.items())
    ]
    return Table(
        title=text("table.orders"),
        head=[text("figure.order_status"), text("figure.orders")],
        rows=rows,
        folded=True,
    )


def _fall(curve: Curve) -> float | None:
    return None if curve.max_drawdown is None else -curve.max_drawdown


def _span(painter: Painter, curve: Curve) -> str:
    if curve.drawdown_start is None or curve.drawdown_end is None:
        return format_value(None, "date")
    return painter.text("unit.span", start=curve.drawdown_start, end=curve.drawdown_end)


def _shaded(change: float) -> Cell:
    strength = sum(1 for step in _SHADE_STEPS if abs(change) >= step)
    return Cell(format_value(change, "signed1"), shade=strength if change > 0 else -strength)
