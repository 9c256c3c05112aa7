"""The page about a training run: its forecasts, and of a target of 0 and 1 what became of hits, calls and picks."""

from __future__ import annotations

from tidegate.core.errors import RunError
from tidegate.registry import Run
from tidegate.report.forecast_rules import data_notes, hindsight
from tidegate.report.forecast_sections import forecast_cards, forecast_sections
from tidegate.report.hit_rules import hit_verdict
from tidegate.report.hit_sections import hit_cards, hit_sections
from tidegate.report.language import format_value
from tidegate.report.page import Link, Page, Painter, Section, Sentence
from tidegate.report.run_files import ForecastFiles, read_forecast_files
from tidegate.report.run_frame import appendix, corrections, facts, file_name, limits, origin, recipe_of
from tidegate.report.verdict import forecast_verdict

__all__ = ["training_page"]


def training_page(painter: Painter, run: Run, search: Run | None) -> Page:
    """Return the page about a training run.

    Parameters
    ----------
    search
        The tuning run that its parameters come from, whose report lies beside this one; ``None`` without a link.

    Raises
    ------
    RunError
        If a file of the run is missing or incomplete.
    """
    recipe, files = recipe_of(run), read_forecast_files(run.folder)
    leading, hits = recipe.leading_model, files.hits
    ranked = forecast_verdict(files.models, leading)
    verdict = ranked if hits is None else hit_verdict(hits, leading, recipe.labels.target)
    period = _tested(files, run)
    chosen = hindsight(recipe.universe, run.metrics.get("survivorship"))
    ranking, *rest = forecast_sections(painter, files)
    first = () if hits is None else hit_sections(painter, recipe, hits)
    return Page(
        kind=painter.text("page.train"),
        title=run.recipe_name,
        subtitle=painter.text("page.train.subtitle", start=period[0], end=period[1]),
        facts=facts(painter, run, period),
        verdict=[painter.say(said) for said in verdict.findings],
        cautions=[
            *corrections(painter, run),
            *(painter.say(said) for said in data_notes(run.metrics.get("data_notes", {}))),
            *(painter.say(said) for said in (*chosen, *verdict.cautions)),
        ],
        cards=forecast_cards(painter, files, leading) if hits is None else hit_cards(painter, hits, leading),
        sections=[*first, ranking, *_tuned(painter, run, search), *rest, limits(painter, verdict)],
        origin=origin(painter, run, recipe, None),
        appendix=appendix(painter, run, recipe, run),
    )


def _tested(files: ForecastFiles, run: Run) -> tuple[int, int]:
    if not files.folds:
        raise RunError(found=f"no fold in run {run.id}", expected="at least one", hint="repeat the training")
    return min(fold.test_start for fold in files.folds), max(fold.test_end for fold in files.folds) - 1


def _tuned(painter: Painter, run: Run, search: Run | None) -> tuple[Section, ...]:
    """Return where the parameters came from; nothing for a run with those of its recipe."""
    found = run.metrics.get("tuned")
    if not found:
        return ()
    text, named = painter.text, str(found.get("run", format_value(None, "text")))
    links = () if search is None else (Link(text("tuned.link", run=named), file_name(search, painter)),)
    elsewhere = [] if search is not None else [Sentence(text("tuned.command", run=named))]
    return (Section(title=text("section.tuned"), lead=text("section.tuned.lead"), sentences=elsewhere, links=links),)
