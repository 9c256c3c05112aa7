"""The section of a report about the best sets of a search: what they say, and how they did in each part."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from tidegate.report.language import format_value
from tidegate.report.page import Cell, Painter, Section, Table
from tidegate.report.search_charts import growth_chart
from tidegate.report.search_files import SearchFiles
from tidegate.report.search_result import Entry, SearchResult
from tidegate.report.search_words import figure_spec, plain_value

__all__ = ["best_section", "best_tables"]

_SHOWN_FIGURES: Final = ("cagr", "max_drawdown", "volatility", "sharpe", "excess_cagr", "turnover")


def best_section(painter: Painter, files: SearchFiles) -> Section:
    """Return the best sets, or the nearest where nothing kept the bounds, with their growth."""
    found = files.result
    chart = growth_chart(painter.brush, files)
    key = "section.best_sets" if found.top else "section.nearest_sets"
    return Section(
        title=painter.text(key),
        lead=painter.text("section.best_sets.lead" if found.top else "section.nearest_sets.lead"),
        charts=() if chart is None else (chart,),
        tables=best_tables(painter, found),
    )


def best_tables(painter: Painter, found: SearchResult) -> tuple[Table, ...]:
    """Return what the best sets say and how they did; where nothing kept the bounds, the nearest ones."""
    chosen = [
        ("table.best_sets", found.top),
        ("table.by_constraint", found.nearest_by_constraint),
        ("table.by_objective", _others(found)),
    ][slice(0, 1) if found.top else slice(1, 3)]
    tables = [_entries_table(painter, found, key, entries) for key, entries in chosen if entries]
    if found.shown:
        tables.append(_figures_table(painter, found))
    return tuple(tables)


def _others(found: SearchResult) -> tuple[Entry, ...]:
    """Return the best by the objective, unless they are the nearest to the bounds all over again."""
    nearest, best = found.nearest_by_constraint, found.nearest_by_objective
    return () if [one.number for one in nearest] == [one.number for one in best] else best


def _entries_table(painter: Painter, found: SearchResult, key: str, entries: Sequence[Entry]) -> Table:
    text = painter.text
    rows = [
        [
            painter.words(text("unit.set", number=one.number)),
            *([painter.words(str(one.train_run))] if found.is_selection else []),
            *(Cell(plain_value(one.parameters[name]) if name in one.parameters else "") for name in found.names),
            painter.number(one.figure("training", found.objective), figure_spec(found.objective)),
            painter.number(one.share_kept, "percent0"),
            painter.number(one.adjusted_p, "decimal3"),
        ]
        for one in entries
    ]
    head = [
        "",
        *([text("fact.training_run")] if found.is_selection else []),
        *found.names,
        text("figure.on_training", figure=painter.language.name_of("bounded", found.objective)),
        text("figure.share_kept"),
        text("figure.adjusted_p"),
    ]
    return Table(title=text(key, count=len(entries)), head=head, rows=rows)


def _figures_table(painter: Painter, found: SearchResult) -> Table:
    """Return each shown set in each part, the benchmark below them."""
    text = painter.text
    known = _known_figures(found)
    head = ["", text("figure.part")]
    for name in known:
        head.append(text(f"figure.{name}"))
        head += [text("figure.interval")] if name in {"cagr", "max_drawdown"} else []
    rows = [
        _figure_row(painter, known, text("unit.set", number=one.number), part, one.figures.get(part) or {}, one)
        for one in found.shown
        for part in found.part_names
    ]
    rows += [
        _figure_row(painter, known, text("figure.benchmark"), part, found.benchmark.get(part) or {}, None)
        for part in found.part_names
    ]
    return Table(title=text("table.in_parts"), head=head, rows=rows, dense=True)


def _known_figures(found: SearchResult) -> list[str]:
    """Return the figures that at least one shown set has: of some, such as the turnover, nothing may be recorded."""
    return [
        name
        for name in _SHOWN_FIGURES
        if any(one.figure(part, name) is not None for one in found.shown for part in found.part_names)
    ]


def _figure_row(
    painter: Painter,
    known: Sequence[str],
    name: str,
    part: str,
    figures: Mapping[str, float | None],
    entry: Entry | None,
) -> list[Cell]:
    cells = [painter.words(name), painter.words(painter.text(f"part.{part}"))]
    for figure in known:
        spec = figure_spec(figure)
        is_own = entry is not None or not figure.startswith("excess")
        cells.append(painter.number(figures.get(figure) if is_own else None, spec))
        if figure in {"cagr", "max_drawdown"}:
            ends = entry.interval.get(figure) if entry is not None and part == "training" else None
            cells.append(Cell("" if ends is None else " – ".join(format_value(end, spec) for end in ends)))
    return cells
