"""The frame of every report of a run: its facts, its origin, how to repeat it, and what it does not show."""

from __future__ import annotations

from collections.abc import Sequence

import yaml
from pydantic import ValidationError

from tidegate.core.errors import RunError
from tidegate.core.recipe import Recipe
from tidegate.core.time import format_instant
from tidegate.core.workspace import Workspace
from tidegate.registry import Run, RunKind, RunStore
from tidegate.report.language import format_value
from tidegate.report.page import Painter, Section, Sentence
from tidegate.report.statements import Tone, Verdict

__all__ = ["appendix", "corrections", "facts", "file_name", "found_run", "limits", "origin", "recipe_of"]

_SHORT = 12
_MADE_ALONE = frozenset({RunKind.TUNE, RunKind.EXPERIMENT, RunKind.SEARCH, RunKind.SELECT})
"""Kinds whose command is their own name, and which need no training run behind them."""


def recipe_of(run: Run) -> Recipe:
    """Return the recipe of a run.

    Raises
    ------
    RunError
        If this version does not know its vocabulary.
    """
    try:
        return Recipe.model_validate(run.recipe)
    except ValidationError:
        raise RunError(
            found=f"run {run.id} with a recipe that this version does not know",
            expected="a recipe of this version",
            hint="repeat the run, or report it with the version that made it",
        ) from None


def found_run(workspace: Workspace, identifier: str) -> Run | None:
    """Return a run that another names, or ``None`` where it left the workspace."""
    try:
        found = RunStore(workspace).get(identifier)
    except RunError:
        return None
    return found if found.folder.is_dir() else None


def corrections(painter: Painter, run: Run) -> list[Sentence]:
    """Say which errors of the data were corrected after the run had read them."""
    if not run.corrected:
        return []
    return [Sentence(painter.text("caution.corrected", corrections=", ".join(run.corrected)), Tone.BAD)]


def limits(painter: Painter, verdict: Verdict) -> Section:
    """Return the section about what a report does not show."""
    return Section(
        title=painter.text("section.limits"),
        lead=painter.text("section.limits.lead"),
        sentences=[painter.say(said) for said in verdict.limits],
    )


def facts(painter: Painter, run: Run, period: tuple[int, int] | None) -> list[tuple[str, str]]:
    """Return the head of a report; a run without a ``period`` names none."""
    text = painter.text
    judged = [] if period is None else [(text("fact.period"), text("unit.span", start=period[0], end=period[1]))]
    return [
        (text("fact.project"), run.project),
        (text("fact.run"), run.id),
        *judged,
        (text("fact.fingerprint"), recipe_of(run).fingerprint()[:_SHORT]),
        (text("fact.data_versions"), _versions(run)),
        (text("fact.seed"), str(run.seed)),
        (text("fact.code"), str(run.environment.get("tidegate", format_value(None, "text")))),
        (text("fact.finished"), format_value(run.finished_at, "date")),
    ]


def _versions(run: Run) -> str:
    return ", ".join(f"{table} v{version}" for table, version in sorted(run.data_versions.items())) or format_value(
        None, "text"
    )


def origin(painter: Painter, run: Run, recipe: Recipe, parent: Run | None) -> list[tuple[str, str]]:
    """Return where a report comes from: fingerprints, runs, machine and packages; ``parent`` is the run behind it."""
    text, environment = painter.text, run.environment
    packages = ", ".join(f"{name} {version}" for name, version in sorted(environment.get("packages", {}).items()))
    return [
        (text("fact.recipe_fingerprint"), recipe.fingerprint()),
        (text("fact.run_fingerprint"), run.fingerprint),
        *_ancestor(painter, run, parent),
        (
            text("fact.finished"),
            format_instant(run.finished_at) if run.finished_at is not None else format_value(None, "text"),
        ),
        (
            text("fact.platform"),
            " ".join(str(environment.get(part, "")) for part in ("system", "machine", "python")).strip(),
        ),
        (text("fact.packages"), packages or format_value(None, "text")),
    ]


def _ancestor(painter: Painter, run: Run, parent: Run | None) -> list[tuple[str, str]]:
    """Return the training run that a report rests on; what is made alone has one only where it says so."""
    if run.kind in _MADE_ALONE:
        return [] if run.parent is None else [(painter.text("fact.training_run"), run.parent)]
    behind = parent.id if parent else run.parent if run.kind is RunKind.BACKTEST else None
    return [(painter.text("fact.training_run"), behind or run.id)]


def appendix(painter: Painter, run: Run, recipe: Recipe, trained: Run | None = None) -> Sequence[tuple[str, str]]:
    """Return how to repeat a run, and its whole recipe.

    Parameters
    ----------
    trained
        The training run behind it: one that took over what a search found is repeated by searching.
    """
    resolved = yaml.safe_dump(recipe.model_dump(mode="json", by_alias=True), sort_keys=False, allow_unicode=True)
    searched = trained is not None and bool(trained.metrics.get("tuned"))
    made = run.kind.value if run.kind in _MADE_ALONE else "tune" if searched else "train"
    commands = [f"tidegate audit readiness {recipe.name}.yaml", *_made_by(run, f"tidegate {made} {recipe.name}.yaml")]
    commands += [f"tidegate backtest {recipe.name}.yaml"] if run.kind is RunKind.BACKTEST else []
    repeat = painter.text("page.reproduce.how", file=f"{recipe.name}.yaml") + "\n\n" + "\n".join(commands)
    return ((painter.text("page.reproduce"), repeat), (painter.text("page.recipe"), resolved))


def _made_by(run: Run, command: str) -> list[str]:
    """Return a command with the training runs that it took: a search trades one, a selection chooses among many."""
    if run.kind is RunKind.SEARCH and run.parent is not None:
        return [f"{command} --train-run {run.parent}"]
    if run.kind is RunKind.SELECT:
        taken = run.metrics.get("train_runs")
        if not taken:
            return [f"{command} --project {run.project}"]
        return [f"printf '%s\\n' {' '.join(taken)} > runs.txt", f"{command} --runs runs.txt"]
    return [command]


def file_name(run: Run, painter: Painter) -> str:
    """Return what the report of a run is called in the workspace's reports folder."""
    return f"{run.id}.{painter.language.code}.html"
