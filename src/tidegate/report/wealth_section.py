"""The section of a report about wealth: growth, falls, and the figures of every curve side by side."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from tidegate.report.language import format_value
from tidegate.report.page import Cell, Painter, Section, Sentence, Table
from tidegate.report.performance_charts import drawdown_chart, sharpe_chart, wealth_chart
from tidegate.report.run_figures import Curve, DrawdownPeriod
from tidegate.report.run_money import Money

__all__ = ["wealth_section"]

_CURVE_FIGURES: Final = (
    ("total_return", "signed1"), ("cagr", "signed2"), ("volatility", "percent1"), ("sharpe", "decimal2"),
)  # fmt: skip
_DEEPEST: Final = 10


def wealth_section(painter: Painter, money: Money) -> Section:
    """Return growth, drawdowns and rolling Sharpe ratio of a backtest, and its figures beside those of the others."""
    brush, files, text = painter.brush, money.files, painter.text
    bare = files.performance.note("index_without_dividends") is not None
    key = "wealth" if money.index is None else "wealth_price_index" if bare else "wealth_index"
    sharpe = sharpe_chart(brush, files.days, money.benchmark, money.sessions_per_year)
    return Section(
        title=text("section.wealth"),
        lead=text(f"section.{key}.lead", benchmark=money.benchmark_phrase, index=money.index),
        charts=(
            wealth_chart(brush, files.equity, money.benchmark, money.index, money.equal_weight),
            drawdown_chart(brush, files.equity, money.benchmark),
            *((sharpe,) if sharpe else ()),
        ),
        tables=tuple(_tables(painter, money)),
        sentences=() if files.performance.drawdowns is not None else (Sentence(text("absent.drawdowns")),),
    )


def _tables(painter: Painter, money: Money) -> Iterator[Table]:
    yield _figures_table(painter, money)
    yield _excess_table(painter, money)
    if money.files.performance.drawdowns:
        yield _drawdown_table(painter, money.files.performance.drawdowns)


def _figures_table(painter: Painter, money: Money) -> Table:
    text, curves = painter.text, money.curves(painter.text("figure.strategy"))
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
            *(painter.number(curve.fall, "signed1") for _, curve in curves),
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


def _drawdown_table(painter: Painter, periods: tuple[DrawdownPeriod, ...]) -> Table:
    text = painter.text
    deepest = sorted(periods, key=lambda period: (-period.depth, period.peak))[:_DEEPEST]
    names = ("peak", "trough", "recovered", "depth", "sessions")
    rows = [
        [
            painter.words(format_value(period.peak, "date")),
            painter.number(period.trough, "date"),
            Cell(text("drawdown.open") if period.recovered is None else format_value(period.recovered, "date")),
            painter.number(-period.depth, "signed1"),
            painter.number(period.sessions, "count"),
        ]
        for period in deepest
    ]
    return Table(
        title=text("table.drawdowns", shown=len(deepest), count=len(periods)),
        head=[text(f"figure.{name}") for name in names],
        rows=rows,
    )


def _span(painter: Painter, curve: Curve) -> str:
    if curve.drawdown_start is None or curve.drawdown_end is None:
        return format_value(None, "date")
    return painter.text("unit.span", start=curve.drawdown_start, end=curve.drawdown_end)
