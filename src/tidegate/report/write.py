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
from tidegate.report.hit_rules import hit_verdict
from tidegate.report.hit_sections import hit_cards, hit_sections
from tidegate.report.language import Language, format_value
from tidegate.report.page import Link, Page, Painter, Section, Sentence
from tidegate.report.performance_sections import money_cards, money_opening, money_sections
from tidegate.report.run_files import BacktestFiles, ForecastFiles, read_backtest_files, read_forecast_files
from tidegate.report.run_money import Money
from tidegate.report.statements import Tone, Verdict
from tidegate.report.theme import ColourScheme
from tidegate.report.tuning_files import read_study
from tidegate.report.tuning_rules import tuning_verdict
from tidegate.report.tuning_sections import tuning_cards, tuning_sections
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
    only, a tuning run with its search. Where a training run took tuned parameters, the report of the search is written
    beside it and linked, unless ``path`` asks for one file. The same run gives the same bytes.

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
    search = _search(workspace, run) if path is None else None
    if search is not None:
        write_report(workspace, search.id, language=language, colours=colours)
    page = _page(painter, workspace, run, search)
    return write_text(path or workspace.reports_folder / _file_name(run, painter), painter.render(page))


def _file_name(run: Run, painter: Painter) -> str:
    return f"{run.id}.{painter.language.code}.html"


def _page(painter: Painter, workspace: Workspace, run: Run, search: Run | None) -> Page:
    if run.kind is RunKind.BACKTEST:
        return _backtest_page(painter, workspace, run)
    return _tuning_page(painter, run) if run.kind is RunKind.TUNE else _training_page(painter, run, search)


def _search(workspace: Workspace, run: Run) -> Run | None:
    """Return the finished search that a training run took its parameters from, if the workspace still has it."""
    named = (run.metrics.get("tuned") or {}).get("run") if run.kind is RunKind.TRAIN else None
    found = None if named is None else _found(workspace, str(named))
    return found if found is not None and found.status is RunStatus.FINISHED else None


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


def _training_page(painter: Painter, run: Run, search: Run | None) -> Page:
    recipe, files = _recipe(run), read_forecast_files(run.folder)
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
        facts=_facts(painter, run, period),
        verdict=[painter.say(said) for said in verdict.findings],
        cautions=[
            *_corrections(painter, run),
            *(painter.say(said) for said in data_notes(run.metrics.get("data_notes", {}))),
            *(painter.say(said) for said in (*chosen, *verdict.cautions)),
        ],
        cards=forecast_cards(painter, files, leading) if hits is None else hit_cards(painter, hits, leading),
        sections=[*first, ranking, *_tuned(painter, run, search), *rest, _limits(painter, verdict)],
        origin=_origin(painter, run, recipe, None),
        appendix=_appendix(painter, run, recipe),
    )


def _tuned(painter: Painter, run: Run, search: Run | None) -> tuple[Section, ...]:
    """Return where the parameters came from; nothing for a run with those of its recipe."""
    found = run.metrics.get("tuned")
    if not found:
        return ()
    text, named = painter.text, str(found.get("run", format_value(None, "text")))
    links = () if search is None else (Link(text("tuned.link", run=named), _file_name(search, painter)),)
    elsewhere = [] if search is not None else [Sentence(text("tuned.command", run=named))]
    return (Section(title=text("section.tuned"), lead=text("section.tuned.lead"), sentences=elsewhere, links=links),)


def _tuning_page(painter: Painter, run: Run) -> Page:
    recipe, study = _recipe(run), read_study(run.folder)
    verdict, spans = tuning_verdict(study), [one.judged for one in study.inner_folds]
    period = (min(start for start, _ in spans), max(end for _, end in spans) - 1) if spans else None
    metric = painter.language.name_of("metric", study.metric)
    return Page(
        kind=painter.text("page.tune"),
        title=run.recipe_name,
        subtitle=painter.text("page.tune.subtitle", model=painter.name(study.model), metric=metric),
        facts=_facts(painter, run, period),
        verdict=[painter.say(said) for said in verdict.findings],
        cautions=[*_corrections(painter, run), *(painter.say(said) for said in verdict.cautions)],
        cards=tuning_cards(painter, study),
        sections=[*tuning_sections(painter, study), _limits(painter, verdict)],
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
    return None if run.parent is None else _found(workspace, run.parent)


def _found(workspace: Workspace, identifier: str) -> Run | None:
    """Return a run that another names, or ``None`` where it left the workspace."""
    try:
        found = RunStore(workspace).get(identifier)
    except RunError:
        return None
    return found if found.folder.is_dir() else None


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


def _facts(painter: Painter, run: Run, period: tuple[int, int] | None) -> list[tuple[str, str]]:
    text = painter.text
    judged = [] if period is None else [(text("fact.period"), text("unit.span", start=period[0], end=period[1]))]
    return [
        (text("fact.project"), run.project),
        (text("fact.run"), run.id),
        *judged,
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
    """Return the training run that a report rests on; a search rests on none."""
    if run.kind is RunKind.TUNE:
        return []
    behind = parent.id if parent else run.parent if run.kind is RunKind.BACKTEST else None
    return [(painter.text("fact.training_run"), behind or run.id)]


def _appendix(painter: Painter, run: Run, recipe: Recipe) -> Sequence[tuple[str, str]]:
    resolved = yaml.safe_dump(recipe.model_dump(mode="json", by_alias=True), sort_keys=False, allow_unicode=True)
    made = "tune" if run.kind is RunKind.TUNE else "train"
    commands = [f"tidegate audit readiness {recipe.name}.yaml", f"tidegate {made} {recipe.name}.yaml"]
    commands += [f"tidegate backtest {recipe.name}.yaml"] if run.kind is RunKind.BACKTEST else []
    repeat = painter.text("page.reproduce.how", file=f"{recipe.name}.yaml") + "\n\n" + "\n".join(commands)
    return ((painter.text("page.reproduce"), repeat), (painter.text("page.recipe"), resolved))
