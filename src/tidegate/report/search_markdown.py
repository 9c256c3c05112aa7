"""The report of a search as Markdown, in English: sentences and tables of the page, without its charts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from tidegate.report.best_section import best_tables
from tidegate.report.language import MISSING, Language, format_value
from tidegate.report.luck_section import luck_tables, meanings
from tidegate.report.page import Painter, Table
from tidegate.report.search_files import SearchFiles, read_search
from tidegate.report.search_result import SearchResult
from tidegate.report.search_rules import search_verdict
from tidegate.report.search_sections import feasible_tables, overview_table
from tidegate.report.search_words import figure_spec, plain_value, said, tried_phrase
from tidegate.report.theme import ColourScheme
from tidegate.report.years_section import years_sentences, years_table

__all__ = ["search_markdown"]

_FEASIBLE: Final = 8
_ERRORS: Final = 10
_NEIGHBOURS: Final = 8


def search_markdown(folder: Path) -> str:
    """Return the report of a search or a selection as Markdown.

    Raises
    ------
    RunError
        If a file is missing or incomplete.
    """
    painter = Painter(Language.load("en"), ColourScheme.WESTERN)
    files = read_search(folder)
    return "\n".join(_lines(painter, files, folder.name)).rstrip() + "\n"


def _lines(painter: Painter, files: SearchFiles, name: str) -> Iterator[str]:
    found, text = files.result, painter.text
    verdict = search_verdict(found)
    findings = [said(painter.language, one) for one in verdict.findings]
    yield f"# {text('page.select' if found.is_selection else 'page.search')}: {name}"
    yield from ("", f"**{findings[0]}**", "")
    yield from (f"- {one}" for one in findings[1:])
    yield from _part(text("section.asked"), [overview_table(painter, found)])
    yield from _part(text("section.best_sets" if found.top else "section.nearest_sets"), best_tables(painter, found))
    yield from _part(text("section.luck"), luck_tables(painter, found)[:1], meanings(painter, found.luck))
    yield from _part(text("section.around"), [], _around(painter, found))
    if found.years:
        title = text("section.earlier_years")
        yield from _part(title, [years_table(painter, found)], years_sentences(painter, found))
    yield from _part(text("section.feasible"), feasible_tables(painter, files, most=_FEASIBLE))
    yield from _part(text("section.failed"), [], _errors(painter, found))
    yield from _part(text("page.cautions"), [], [said(painter.language, one) for one in verdict.cautions])
    yield from _part(text("section.limits"), [], [said(painter.language, one) for one in verdict.limits])


def _around(painter: Painter, found: SearchResult) -> list[str]:
    """Return a line per neighbour of the best set and per parameter that changed nothing."""
    around, spec = None if found.is_selection else found.plateau, figure_spec(found.objective)
    neighbours = () if around is None else around.counted[:_NEIGHBOURS]
    lines = [
        painter.text(
            "around.neighbour",
            parameter=one.parameter,
            before=plain_value(one.before),
            after=plain_value(one.after),
            objective=format_value(one.objective, spec),
            fall=one.max_drawdown,
            bounds=painter.text("around.keeps" if one.feasible else "around.breaks"),
        )
        for one in neighbours
    ]
    return lines + [
        painter.text("around.inert", parameter=one.parameter, tried=tried_phrase(painter.language, one.values),
                     why=painter.language.name_of("inert", one.why))
        for one in found.inert
        if one.why is not None
    ]  # fmt: skip


def _errors(painter: Painter, found: SearchResult) -> list[str]:
    lines = [
        f"{one.key if one.number is None else painter.text('unit.set', number=one.number)}, "
        f"{painter.language.name_of('run_status', one.status)}: {one.reason or MISSING}"
        for one in found.errors[:_ERRORS]
    ]
    beyond = len(found.errors) - len(lines)
    return [*lines, painter.text("around.more", count=beyond)] if beyond else lines


def _part(title: str, tables: Sequence[Table], sentences: Sequence[str] = ()) -> Iterator[str]:
    """Yield the lines of a part; one that has nothing to say is left out."""
    if not tables and not sentences:
        return
    yield from ("", f"## {title}")
    if sentences:
        yield from ("", *(f"- {_cell(one)}" for one in sentences))
    for table in tables:
        yield from ("", f"{table.title}:", "") if len(tables) > 1 else ("",)
        yield from _table(table)


def _table(table: Table) -> Iterator[str]:
    rows = [[_cell(cell.text) for cell in row] for row in table.rows]
    numeric = [all(row[place].numeric for row in table.rows) for place in range(len(table.head))]
    yield _line([_cell(name) for name in table.head])
    yield _line(["---:" if one else "---" for one in numeric])
    yield from (_line(row) for row in rows)


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _cell(text: str) -> str:
    """Return text that neither ends a cell nor its line."""
    return text.replace("|", "\\|").replace("\n", " ")
