"""Writing the report of a run: one HTML file that needs no network and no other file."""

from __future__ import annotations

from pathlib import Path

from tidegate.core.errors import RunError
from tidegate.core.files import write_text
from tidegate.core.workspace import Workspace
from tidegate.registry import Run, RunKind, RunStatus, RunStore
from tidegate.report.backtest_page import backtest_page
from tidegate.report.experiment_page import experiment_page
from tidegate.report.language import Language
from tidegate.report.page import Page, Painter
from tidegate.report.run_frame import file_name, found_run
from tidegate.report.search_page import search_page
from tidegate.report.theme import ColourScheme
from tidegate.report.training_page import training_page
from tidegate.report.tuning_page import tuning_page

__all__ = ["write_report"]


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
    only, a tuning run with its search, an experiment with its comparisons, a search among parameter sets or training
    runs with what its choice is worth. Where a training run took tuned parameters, the report of the search is
    written beside it and linked, unless ``path`` asks for one file. The same run gives the same bytes.

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
    return write_text(path or workspace.reports_folder / file_name(run, painter), painter.render(page))


def _page(painter: Painter, workspace: Workspace, run: Run, search: Run | None) -> Page:
    if run.kind is RunKind.BACKTEST:
        return backtest_page(painter, workspace, run)
    if run.kind is RunKind.TUNE:
        return tuning_page(painter, run)
    if run.kind in {RunKind.SEARCH, RunKind.SELECT}:
        return search_page(painter, run)
    return experiment_page(painter, run) if run.kind is RunKind.EXPERIMENT else training_page(painter, run, search)


def _search(workspace: Workspace, run: Run) -> Run | None:
    """Return the finished search that a training run took its parameters from, if the workspace still has it."""
    named = (run.metrics.get("tuned") or {}).get("run") if run.kind is RunKind.TRAIN else None
    found = None if named is None else found_run(workspace, str(named))
    return found if found is not None and found.status is RunStatus.FINISHED else None


def _finished(run: Run) -> Run:
    if run.status is not RunStatus.FINISHED:
        raise RunError(
            found=f"run {run.id}, which is {run.status}",
            expected="a finished run",
            hint="repeat its command: it resumes where it stopped",
        )
    return run
