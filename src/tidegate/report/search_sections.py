"""The sections of a report about a search, in their order; its overview, all that kept the bounds, and what failed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

import polars as pl

from tidegate.report.around_section import around_section
from tidegate.report.best_section import best_section
from tidegate.report.language import format_value
from tidegate.report.luck_section import luck_section
from tidegate.report.page import Cell, Painter, Section, Table
from tidegate.report.search_files import SearchFiles
from tidegate.report.search_result import TRAIN_RUN, SearchResult
from tidegate.report.search_words import bounds_phrase, plain_value, tried_phrase
from tidegate.report.statements import Tone
from tidegate.report.years_section import years_section

__all__ = ["error_table", "feasible_tables", "overview_table", "search_sections"]

_SHOWN: Final = 30
_MOST: Final = 300


def search_sections(painter: Painter, files: SearchFiles) -> tuple[Section, ...]:
    """Return all sections but the limits, in the order in which they answer questions."""
    found = files.result
    around = around_section(painter, found)
    years = years_section(painter, found)
    errors = error_table(painter, found)
    return (
        Section(
            title=painter.text("section.asked"),
            lead=painter.text("section.asked.lead"),
            tables=(overview_table(painter, found),),
        ),
        best_section(painter, files),
        luck_section(painter, files),
        *([around] if around else []),
        *([years] if years else []),
        *_feasible_section(painter, files),
        *([_error_section(painter, errors)] if errors else []),
    )


def overview_table(painter: Painter, found: SearchResult) -> Table:
    """Return what was asked and what became of it, a line each."""
    text, counts = painter.text, found.counts
    runs = text("overview.runs_said", total=counts.total, succeeded=counts.succeeded, failed=counts.failed,
                missing=counts.missing_score)  # fmt: skip
    bounds = bounds_phrase(painter.language, found.constraints) or text("limit.none")
    by = text(f"overview.by_{found.feasible_by}", probability=found.probability)
    market = found.benchmark.get("window") or {}
    rows = [
        ("window", text("overview.span", start=found.window.start, end=found.window.end, bars=found.window.bars)),
        *(
            (f"{part.name}_part", text("overview.span", start=part.start, end=part.end, bars=part.bars))
            for part in found.parts
        ),
        ("objective", text("overview.largest", figure=painter.language.name_of("bounded", found.objective))),
        ("constraints", bounds),
        ("judged_by", by),
        ("runs", runs),
        *([("backend", painter.language.name_of("backend", found.backend))] if found.backend else []),
        ("benchmark", text("overview.market", cagr=market.get("cagr"), fall=market.get("max_drawdown"))),
    ]
    lines = [[painter.words(text(f"overview.{name}")), painter.words(value)] for name, value in rows]
    lines += [
        [painter.words(_axis_name(painter, name)), painter.words(tried_phrase(painter.language, values))]
        for name, values in found.searched.items()
    ]
    return Table(title=text("table.asked"), head=["", text("figure.value")], rows=lines)


def _axis_name(painter: Painter, name: str) -> str:
    return painter.text("overview.train_runs") if name == TRAIN_RUN else name


def _feasible_section(painter: Painter, files: SearchFiles) -> list[Section]:
    tables = feasible_tables(painter, files)
    if not tables:
        return []
    return [
        Section(
            title=painter.text("section.feasible"),
            lead=painter.text(
                "section.feasible.lead", figure=painter.language.name_of("bounded", files.result.objective)
            ),
            tables=tables,
        )
    ]


def feasible_tables(painter: Painter, files: SearchFiles, most: int = _MOST) -> tuple[Table, ...]:
    """Return all sets that kept the bounds, best first; beyond the first thirty they are folded."""
    kept = files.sets.filter(pl.col("feasible").fill_null(value=False))
    kept = kept.sort("rank" if "rank" in kept.columns else "number", nulls_last=True).head(most)
    if kept.is_empty():
        return ()
    rows = [_feasible_row(painter, files.result, row) for row in kept.iter_rows(named=True)]
    head = _feasible_head(painter, files.result)
    count = files.result.counts.feasible
    title = painter.text("table.feasible", shown=min(len(rows), _SHOWN), count=count)
    tables = [Table(title=title, head=head, rows=rows[:_SHOWN], dense=True)]
    if len(rows) > _SHOWN:
        title = painter.text("table.feasible_beyond", first=_SHOWN + 1, last=len(rows), count=count)
        tables.append(Table(title=title, head=head, rows=rows[_SHOWN:], dense=True, folded=True))
    return tuple(tables)


def _feasible_head(painter: Painter, found: SearchResult) -> list[str]:
    text = painter.text
    varied = [*([text("fact.training_run")] if found.is_selection else []), *found.names]
    return [
        text("figure.set"),
        *varied,
        *(text(f"part.{part}") for part in found.part_names),
        text("figure.share_kept_short"),
        text("figure.adjusted_p_short"),
    ]


def _feasible_row(painter: Painter, found: SearchResult, row: Mapping[str, Any]) -> list[Cell]:
    given = json.loads(row["parameters"] or "{}")
    run = [painter.words(str(row.get("train_run")))] if found.is_selection else []
    return [
        painter.words(str(row["number"])),
        *run,
        *(Cell(plain_value(given[name]) if name in given else "") for name in found.names),
        *(Cell(_growth_and_fall(row, part)) for part in found.part_names),
        painter.number(row.get("share_kept"), "percent0"),
        painter.number(row.get("adjusted_p"), "decimal3"),
    ]


def _growth_and_fall(row: Mapping[str, Any], part: str) -> str:
    growth, fall = row.get(f"{part}_cagr"), row.get(f"{part}_max_drawdown")
    return f"{format_value(growth, 'signed1')} / {format_value(fall, 'percent1')}"


def error_table(painter: Painter, found: SearchResult) -> Table | None:
    """Return the sets without a result, with the reason of each; None where there are none."""
    if not found.errors:
        return None
    shown = found.errors[:_MOST]
    rows = [
        [
            painter.words(one.key if one.number is None else str(one.number)),
            painter.words(painter.language.name_of("run_status", one.status), Tone.CAUTION),
            painter.words(one.reason or ""),
        ]
        for one in shown
    ]
    head = [painter.text(f"figure.{name}") for name in ("set", "state", "reason")]
    title = painter.text("table.failed", shown=len(shown), count=len(found.errors))
    return Table(title=title, head=head, rows=rows, folded=len(rows) > _SHOWN)


def _error_section(painter: Painter, table: Table) -> Section:
    return Section(title=painter.text("section.failed"), lead=painter.text("section.failed.lead"), tables=(table,))
