"""The section of a report about trading: what was traded, and what that took away."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from tidegate.report.cost_bridge import bridge_chart, cost_bridge
from tidegate.report.page import Cell, Painter, Section, Table
from tidegate.report.performance_charts import cost_chart, exposure_chart, turnover_chart
from tidegate.report.run_figures import Costs
from tidegate.report.run_files import BacktestFiles
from tidegate.report.yearly import COST_PARTS, Year

__all__ = ["trading_section"]

_ALWAYS_INVESTED: Final = 0.95
"""Exposure is drawn only where it fell below this for more than a twentieth of the time."""


def trading_section(painter: Painter, files: BacktestFiles, years: Sequence[Year]) -> Section:
    """Return turnover, cost, exposure and orders of a backtest."""
    brush, text, costs = painter.brush, painter.text, files.performance.costs
    paid = costs.total > 0
    bridge = cost_bridge(files.equity, files.performance.strategy.years)
    charts = [] if bridge is None or not paid else [bridge_chart(brush, bridge)]
    charts.append(turnover_chart(brush, years))
    if paid:
        charts.append(cost_chart(brush, years))
    is_on_ribbon = "binding" in files.equity.columns
    if not is_on_ribbon and float(files.equity["exposure"].quantile(0.05) or 0.0) < _ALWAYS_INVESTED:
        charts.append(exposure_chart(brush, files.equity))
    return Section(
        title=text("section.trading"),
        lead=text("section.trading.lead" if paid else "section.trading_free.lead"),
        charts=charts,
        tables=(
            *((_cost_table(painter, costs),) if paid else ()),
            _cost_years(painter, years),
            _order_table(painter, files),
            *((_unfilled_table(painter, files),) if files.unfilled else ()),
        ),
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
    return Table(title=text("table.costs"), head=["", text("figure.amount"), text("figure.share_of_costs")], rows=rows)


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


def _order_table(painter: Painter, files: BacktestFiles) -> Table:
    text = painter.text
    rows = [
        [painter.words(painter.language.name_of("order", status)), painter.number(count, "count")]
        for status, count in sorted(files.orders.items())
    ]
    return Table(
        title=text("table.orders"),
        head=[text("figure.order_status"), text("figure.orders")],
        rows=rows,
        folded=True,
    )


def _unfilled_table(painter: Painter, files: BacktestFiles) -> Table:
    text = painter.text
    rows = [
        [painter.words(painter.language.name_of("unfilled", reason)), painter.number(count, "count")]
        for reason, count in sorted(files.unfilled.items(), key=lambda item: (-item[1], item[0]))
    ]
    return Table(
        title=text("table.unfilled"), head=[text("figure.reason"), text("figure.orders")], rows=rows, folded=True
    )
