"""The page about a search or a selection: what is recommended under the bounds, and what of it may be luck."""

from __future__ import annotations

from tidegate.registry import Run
from tidegate.report.page import Page, Painter, Sentence
from tidegate.report.run_frame import appendix, corrections, facts, limits, origin, recipe_of
from tidegate.report.search_cards import search_cards
from tidegate.report.search_charts import trade_off_chart
from tidegate.report.search_files import read_search
from tidegate.report.search_rules import search_verdict
from tidegate.report.search_sections import search_sections
from tidegate.report.search_words import bounds_phrase, said
from tidegate.report.statements import Statement

__all__ = ["search_page"]


def search_page(painter: Painter, run: Run) -> Page:
    """Return the page about a search or a selection.

    Raises
    ------
    RunError
        If a file is missing or incomplete.
    """
    recipe, files = recipe_of(run), read_search(run.folder)
    found = files.result
    verdict = search_verdict(found)
    opening = trade_off_chart(painter.brush, files)
    kind = "select" if found.is_selection else "search"
    return Page(
        kind=painter.text(f"page.{kind}"),
        title=run.recipe_name,
        subtitle=painter.text(
            "page.search.subtitle",
            sets=found.counts.total,
            figure=painter.language.name_of("bounded", found.objective),
            bounds=bounds_phrase(painter.language, found.constraints) or painter.text("bound.none"),
        ),
        facts=facts(painter, run, (found.window.start, found.window.end)),
        verdict=[_sentence(painter, one) for one in verdict.findings],
        cautions=[*corrections(painter, run), *(_sentence(painter, one) for one in verdict.cautions)],
        cards=search_cards(painter, found),
        sections=[*search_sections(painter, files), limits(painter, verdict)],
        origin=origin(painter, run, recipe, None),
        appendix=appendix(painter, run, recipe),
        opening=() if opening is None else (opening,),
    )


def _sentence(painter: Painter, statement: Statement) -> Sentence:
    return Sentence(said(painter.language, statement), statement.tone)
