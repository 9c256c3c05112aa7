"""Writing the report of a run: one HTML file that needs no network and no other file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import yaml
from pydantic import ValidationError

from tidegate.core.errors import RunError
from tidegate.core.files import write_text
from tidegate.core.recipe import Recipe
from tidegate.core.time import format_instant
from tidegate.core.workspace import Workspace
from tidegate.data.universe import EQUAL_WEIGHT
from tidegate.registry import Run, RunKind, RunStatus, RunStore
from tidegate.report.forecast_rules import data_notes, hindsight
from tidegate.report.forecast_sections import forecast_cards, forecast_sections, rank_cards
from tidegate.report.language import Language, format_value
from tidegate.report.page import Page, Painter, Section, Sentence
from tidegate.report.performance_sections import money_cards, money_opening, money_sections
from tidegate.report.run_files import BacktestFiles, ForecastFiles, read_backtest_files, read_forecast_files
from tidegate.report.run_money import Money
from tidegate.report.statements import Tone, Verdict
from tidegate.report.theme import ColourScheme
from tidegate.report.verdict import Backtested, forecast_verdict, money_verdict

__all__ = ["write_report"]

_SHORT = 12


def write_report(
    workspace: Workspace,
    run_id: str,
    *,
    language: str = "en",
    colours: str = "western",
    path: Path | None = None,
) -> Path:
    """Write the report of a finished run and return where it lies.

    A backtest is reported with the forecasts of the training run it traded, a training run with its forecasts
    only. The same run gives the same bytes.

    Parameters
    ----------
    run_id
        A run's id, an unambiguous beginning of it, or ``latest``.
    language
        ``en`` or ``zh``.
    colours
        ``western`` (rises green) or ``chinese`` (rises red); the page has a switch for its reader as well.
    path
        Where to write; the workspace's reports folder by default.

    Raises
    ------
    RunError
        If there is no such run, it is not finished, or its files are incomplete.
    InputError
        If the language or the colours do not exist.
    """
    painter = Painter(Language.load(language), ColourScheme.of(colours))
    run = _finished(RunStore(workspace).get(run_id))
    page = _backtest_page(painter, workspace, run) if run.kind is RunKind.BACKTEST else _training_page(painter, run)
    target = path or workspace.reports_folder / f"{run.id}.{language}.html"
    return write_text(target, painter.render(page))


def _backtest_page(painter: Painter, workspace: Workspace, run: Run) -> Page:
    recipe, files, parent = (
        _recipe(run),
        read_backtest_files(run.folder),
        _parent(workspace, run),
    )
    tested = Backtested(performance=files.performance, benchmark=recipe.universe.benchmark, index=_index(recipe, files))
    money = _money(painter, tested, files, recipe)
    forecasts = None if parent is None else read_forecast_files(parent.folder)
    verdicts = [money_verdict(tested)]
    cards, sections = [*money_cards(painter, money)], [*money_sections(painter, money)]
    if forecasts is None:
        sections.append(
            Section(title=painter.text("section.forecasts"), lead=painter.text("section.forecasts_absent.lead"))
        )
    else:
        verdicts.append(forecast_verdict(forecasts.models, recipe.leading_model))
        cards += rank_cards(painter, forecasts, recipe.leading_model)
        sections += forecast_sections(painter, forecasts)
    sections.append(_limits(painter, verdicts[0]))
    period = (files.performance.strategy.start, files.performance.strategy.end)
    return Page(
        kind=painter.text("page.backtest"),
        title=run.recipe_name,
        subtitle=painter.text(
            "page.backtest.subtitle", start=period[0], end=period[1], benchmark=money.benchmark_phrase
        ),
        facts=_facts(painter, run, period),
        verdict=[painter.say(said) for verdict in verdicts for said in verdict.findings],
        cautions=[*_corrections(painter, run), *(painter.say(said) for said in verdicts[0].cautions)],
        cards=cards,
        sections=sections,
        origin=_origin(painter, run, recipe, parent),
        appendix=_appendix(painter, run, recipe),
        opening=money_opening(painter, files),
    )


def _money(painter: Painter, tested: Backtested, files: BacktestFiles, recipe: Recipe) -> Money:
    name_of = painter.language.name_of
    even = files.equity.get_column("equal_weight", default=None)
    has_even = even is not None and bool((even.is_finite() & (even > 0.0)).fill_null(value=False).all())
    return Money(
        files=files,
        benchmark=name_of("benchmark", tested.benchmark),
        benchmark_phrase=name_of("benchmark_phrase", tested.benchmark),
        index=tested.index,
        equal_weight=name_of("benchmark", EQUAL_WEIGHT) if has_even and tested.benchmark != EQUAL_WEIGHT else None,
        apart=files.picks | _apart(recipe),
    )


def _apart(recipe: Recipe) -> frozenset[str]:
    """Return what a recipe buys for risk-off or idle cash."""
    strategy = recipe.strategy
    if strategy is None:
        return frozenset()
    parked = {recipe.universe.benchmark} if "benchmark" in (strategy.risk_off, strategy.idle) else set()
    return frozenset(strategy.defensives) | parked


def _training_page(painter: Painter, run: Run) -> Page:
    recipe, files = _recipe(run), read_forecast_files(run.folder)
    verdict = forecast_verdict(files.models, recipe.leading_model)
    period = _tested(files, run)
    chosen = hindsight(recipe.universe, run.metrics.get("survivorship"))
    return Page(
        kind=painter.text("page.train"),
        title=run.recipe_name,
        subtitle=painter.text("page.train.subtitle", start=period[0], end=period[1]),
        facts=_facts(painter, run, period),
        verdict=[painter.say(said) for said in verdict.findings],
        cautions=[
            *_corrections(painter, run),
            *(painter.say(said) for said in data_notes(run.metrics.get("data_notes", {}))),
            *(painter.say(said) for said in (*chosen, *verdict.cautions)),
        ],
        cards=forecast_cards(painter, files, recipe.leading_model),
        sections=[*forecast_sections(painter, files), _limits(painter, verdict)],
        origin=_origin(painter, run, recipe, None),
        appendix=_appendix(painter, run, recipe),
    )


def _finished(run: Run) -> Run:
    if run.status is not RunStatus.FINISHED:
        raise RunError(
            found=f"run {run.id}, which is {run.status}",
            expected="a finished run",
            hint="repeat its command: it resumes where it stopped",
        )
    return run


def _recipe(run: Run) -> Recipe:
    try:
        return Recipe.model_validate(run.recipe)
    except ValidationError:
        raise RunError(
            found=f"run {run.id} with a recipe that this version does not know",
            expected="a recipe of this version",
            hint="repeat the run, or report it with the version that made it",
        ) from None


def _parent(workspace: Workspace, run: Run) -> Run | None:
    """Return the training run that was traded, or ``None`` where it left the workspace."""
    if run.parent is None:
        return None
    try:
        parent = RunStore(workspace).get(run.parent)
    except RunError:
        return None
    return parent if parent.folder.is_dir() else None


def _index(recipe: Recipe, files: BacktestFiles) -> str | None:
    return recipe.universe.index if files.performance.index is not None else None


def _tested(files: ForecastFiles, run: Run) -> tuple[int, int]:
    if not files.folds:
        raise RunError(found=f"no fold in run {run.id}", expected="at least one", hint="repeat the training")
    return min(fold.test_start for fold in files.folds), max(fold.test_end for fold in files.folds) - 1


def _corrections(painter: Painter, run: Run) -> list[Sentence]:
    if not run.corrected:
        return []
    return [Sentence(painter.text("caution.corrected", corrections=", ".join(run.corrected)), Tone.BAD)]


def _limits(painter: Painter, verdict: Verdict) -> Section:
    return Section(
        title=painter.text("section.limits"),
        lead=painter.text("section.limits.lead"),
        sentences=[painter.say(said) for said in verdict.limits],
    )


def _facts(painter: Painter, run: Run, period: tuple[int, int]) -> list[tuple[str, str]]:
    text = painter.text
    return [
        (text("fact.project"), run.project),
        (text("fact.run"), run.id),
        (text("fact.period"), text("unit.span", start=period[0], end=period[1])),
        (text("fact.fingerprint"), _recipe(run).fingerprint()[:_SHORT]),
        (text("fact.data_versions"), _versions(run)),
        (text("fact.seed"), str(run.seed)),
        (text("fact.code"), str(run.environment.get("tidegate", format_value(None, "text")))),
        (text("fact.finished"), format_value(run.finished_at, "date")),
    ]


def _versions(run: Run) -> str:
    return ", ".join(f"{table} v{version}" for table, version in sorted(run.data_versions.items())) or format_value(
        None, "text"
    )


def _origin(painter: Painter, run: Run, recipe: Recipe, parent: Run | None) -> list[tuple[str, str]]:
    text, environment = painter.text, run.environment
    packages = ", ".join(f"{name} {version}" for name, version in sorted(environment.get("packages", {}).items()))
    return [
        (text("fact.recipe_fingerprint"), recipe.fingerprint()),
        (text("fact.run_fingerprint"), run.fingerprint),
        (text("fact.training_run"), parent.id if parent else run.parent or run.id),
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


def _appendix(painter: Painter, run: Run, recipe: Recipe) -> Sequence[tuple[str, str]]:
    resolved = yaml.safe_dump(recipe.model_dump(mode="json", by_alias=True), sort_keys=False, allow_unicode=True)
    commands = [f"tidegate audit readiness {recipe.name}.yaml", f"tidegate train {recipe.name}.yaml"]
    commands += [f"tidegate backtest {recipe.name}.yaml"] if run.kind is RunKind.BACKTEST else []
    repeat = painter.text("page.reproduce.how", file=f"{recipe.name}.yaml") + "\n\n" + "\n".join(commands)
    return ((painter.text("page.reproduce"), repeat), (painter.text("page.recipe"), resolved))
