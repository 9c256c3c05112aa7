"""The page about an experiment: models and groups of features held against each other."""

from __future__ import annotations

from tidegate.registry import Run
from tidegate.report.experiment_charts import figure_spec, measure_name
from tidegate.report.experiment_files import read_experiment
from tidegate.report.experiment_rules import experiment_verdict
from tidegate.report.experiment_sections import experiment_cards, experiment_sections
from tidegate.report.language import format_value
from tidegate.report.page import Page, Painter, Sentence
from tidegate.report.run_frame import appendix, corrections, facts, limits, origin, recipe_of
from tidegate.report.statements import Statement

__all__ = ["experiment_page"]


def experiment_page(painter: Painter, run: Run) -> Page:
    """Return the page about an experiment.

    Raises
    ------
    RunError
        If ``experiment.json`` is missing or incomplete.
    """
    recipe, found = recipe_of(run), read_experiment(run.folder)
    verdict = experiment_verdict(found)
    period = (int(found.parts[0]["test_start"]), int(found.parts[-1]["test_end"])) if found.parts else None
    return Page(
        kind=painter.text("page.experiment"),
        title=run.recipe_name,
        subtitle=painter.text(
            "page.experiment.subtitle",
            models=", ".join(painter.name(model) for model in found.models),
            target=found.target,
            protocol=painter.language.name_of("protocol", found.protocol),
            parts=len(found.parts),
        ),
        facts=facts(painter, run, period),
        verdict=[_said(painter, said) for said in verdict.findings],
        cautions=[*corrections(painter, run), *(painter.say(said) for said in verdict.cautions)],
        cards=experiment_cards(painter, found),
        sections=[*experiment_sections(painter, found), limits(painter, verdict)],
        origin=origin(painter, run, recipe, None),
        appendix=appendix(painter, run, recipe),
    )


def _said(painter: Painter, statement: Statement) -> Sentence:
    """Return a finding as a sentence, the difference shown as its measure asks for."""
    values = dict(statement.values)
    if "metric" not in values:
        return painter.say(statement)
    measure = str(values.pop("metric"))
    values["difference"] = format_value(values["difference"], figure_spec(measure))
    values["measure"] = measure_name(painter.brush, measure)
    return painter.say(Statement(statement.key, statement.tone, values))
