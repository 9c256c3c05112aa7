"""The page about a tuning run: the search for the parameters of a model."""

from __future__ import annotations

from tidegate.registry import Run
from tidegate.report.page import Page, Painter
from tidegate.report.run_frame import appendix, corrections, facts, limits, origin, recipe_of
from tidegate.report.tuning_files import read_study
from tidegate.report.tuning_rules import tuning_verdict
from tidegate.report.tuning_sections import tuning_cards, tuning_sections

__all__ = ["tuning_page"]


def tuning_page(painter: Painter, run: Run) -> Page:
    """Return the page about a tuning run.

    Raises
    ------
    RunError
        If ``study.json`` is missing or incomplete.
    """
    recipe = recipe_of(run)
    study = read_study(run.folder, asked=None if recipe.tune is None else recipe.tune.trials)
    verdict, spans = tuning_verdict(study), [one.judged for one in study.inner_folds]
    period = (min(start for start, _ in spans), max(end for _, end in spans) - 1) if spans else None
    metric = painter.language.name_of("metric", study.metric)
    return Page(
        kind=painter.text("page.tune"),
        title=run.recipe_name,
        subtitle=painter.text("page.tune.subtitle", model=painter.name(study.model), metric=metric),
        facts=facts(painter, run, period),
        verdict=[painter.say(said) for said in verdict.findings],
        cautions=[*corrections(painter, run), *(painter.say(said) for said in verdict.cautions)],
        cards=tuning_cards(painter, study),
        sections=[*tuning_sections(painter, study), limits(painter, verdict)],
        origin=origin(painter, run, recipe, None),
        appendix=appendix(painter, run, recipe),
    )
