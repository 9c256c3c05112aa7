"""The section of a report about earlier years: what would have been chosen then, and how it fared."""

from __future__ import annotations

from collections.abc import Sequence

from tidegate.report.charts import Brush, Chart, bar_gap
from tidegate.report.language import format_value
from tidegate.report.page import Cell, Painter, Section, Sentence, Table
from tidegate.report.search_result import ChosenYear, SearchResult
from tidegate.report.search_words import parameters_phrase

__all__ = ["years_chart", "years_section", "years_sentences", "years_table"]


def years_section(painter: Painter, found: SearchResult) -> Section | None:
    """Return the choices of earlier years; None where none could be made."""
    if not found.years:
        return None
    return Section(
        title=painter.text("section.earlier_years"),
        lead=painter.text("section.earlier_years.lead"),
        sentences=[Sentence(one) for one in years_sentences(painter, found)],
        charts=(years_chart(painter.brush, found.years),),
        tables=(years_table(painter, found),),
    )


def years_sentences(painter: Painter, found: SearchResult) -> list[str]:
    """Say in how many years the choice was ahead of the benchmark, and how the account that followed it did."""
    judged = [
        (own, market)
        for one in found.years
        if (own := one.fared.get("total_return")) is not None
        and (market := one.fared.get("benchmark_total_return")) is not None
    ]
    ahead = sum(own > market for own, market in judged)
    said = [painter.text("years.ahead", ahead=ahead, years=len(judged))] if judged else []
    nested = found.nested
    if nested is not None:
        values = {name: nested.figures.get(name) for name in ("cagr", "max_drawdown", "sharpe")}
        said.append(painter.text("years.nested", start=nested.start, end=nested.end, **values))
    return said


def years_table(painter: Painter, found: SearchResult) -> Table:
    """Return one row per year: the choice, what was known of it, and how it fared."""
    names = ("year", "chosen", "known_then", "that_year", "its_drawdown", "benchmark", "best_possible", "parameters")
    return Table(
        title=painter.text("table.earlier_years"),
        head=[painter.text(f"figure.{name}") for name in names],
        rows=[_row(painter, one) for one in found.years],
        dense=True,
    )


def _row(painter: Painter, one: ChosenYear) -> list[Cell]:
    known = " / ".join(
        format_value(one.known.get(name), spec) for name, spec in (("cagr", "signed1"), ("max_drawdown", "percent1"))
    )
    return [
        painter.words(str(one.year)),
        painter.words(painter.text("years.none") if one.chosen is None else str(one.chosen)),
        Cell(format_value(None, "text") if one.chosen is None else known),
        painter.number(one.fared.get("total_return"), "signed1"),
        painter.number(one.fared.get("max_drawdown"), "percent1"),
        painter.number(one.fared.get("benchmark_total_return"), "signed1"),
        painter.number(one.fared.get("best_total_return"), "signed1"),
        painter.words(parameters_phrase(one.parameters)),
    ]


def years_chart(brush: Brush, years: Sequence[ChosenYear]) -> Chart:
    """Draw the growth of each year's choice beside the benchmark and the best that any set did."""
    figure = brush.figure(bargap=bar_gap(3 * len(years)), bargroupgap=0.06)
    for name, role, key in (
        ("figure.chosen_then", "first", "total_return"),
        ("figure.benchmark", "benchmark", "benchmark_total_return"),
        ("figure.best_possible", "seventh", "best_total_return"),
    ):
        figure.add_bar(
            x=[str(one.year) for one in years],
            y=[one.fared.get(key) for one in years],
            name=brush.language.text(name),
            marker_color=brush.colours[role],
            hovertemplate="%{y:+.1%}",
        )
    figure.update_xaxes(type="category", tickangle=0)
    figure.update_yaxes(tickformat=".0%", zeroline=True, zerolinecolor=brush.colours["muted"], zerolinewidth=1)
    return brush.chart("earlier_years", figure, height=300)
