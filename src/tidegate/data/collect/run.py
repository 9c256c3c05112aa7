"""Collecting what a recipe reads: look, fill what is missing, look again, and bundle it; every step can be repeated."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final, TypeVar

from tidegate.core.clock import now
from tidegate.core.errors import InputError, TidegateError
from tidegate.core.files import write_json
from tidegate.core.progress import SILENT, Progress
from tidegate.core.randomness import unique_suffix
from tidegate.core.recipe import CollectStep, Recipe
from tidegate.core.time import moment_of
from tidegate.core.workspace import Workspace
from tidegate.data.bundle import Bundle, build_bundle
from tidegate.data.catalog import Catalog
from tidegate.data.collect.outcome import CollectedRecipe, StepOutcome, StepStatus
from tidegate.data.connectors import Collected, collect_from, make_connector
from tidegate.data.readiness import ReadinessAudit, audit_readiness

__all__ = ["collect", "step_names"]

READINESS_BEFORE: Final = "readiness-before"
COLLECT: Final = "collect"
READINESS_AFTER: Final = "readiness-after"
BUNDLE: Final = "bundle"

_MOST_NAMED: Final = 5
Result = TypeVar("Result")


def collect(
    workspace: Workspace,
    recipe: Recipe,
    *,
    update: bool = False,
    skip: Sequence[str] = (),
    bundle_path: Path | None = None,
    progress: Progress = SILENT,
) -> CollectedRecipe:
    """Bring the data of a recipe, say what they suffice for, and bundle them.

    The steps are an audit of readiness, each source of ``recipe.collect`` in its order, the audit again, and a bundle.
    A step that fails is reported and stops none of the others; a collection that was interrupted is repeated as it
    was, and asks the sources only for what is not there yet.

    Parameters
    ----------
    update
        Bring every source up to now: leave out the ``end`` of its settings. Only what is closed by now is taken.
    skip
        Steps to leave out: those of :func:`step_names`.
    bundle_path
        Where the bundle goes; none means ``bundles/RECIPE.tar`` in the workspace, where it replaces the one before.

    Raises
    ------
    InputError
        If a step to leave out is none, or the recipe names no source and collecting is not left out.
    """
    _require_steps(recipe, skip)
    moment = f"{moment_of(now()):%Y%m%d-%H%M%S}"
    run = _Run(workspace.root / "collections" / f"{moment}-{recipe.name}-{unique_suffix()}", skip, progress)
    run.folder.mkdir(parents=True)
    write_json(run.folder / "recipe.json", recipe.model_dump(mode="json", by_alias=True))
    catalog = Catalog(workspace)
    path = bundle_path or workspace.root / "bundles" / f"{recipe.name}.tar"

    def look() -> ReadinessAudit:
        return audit_readiness(catalog, recipe, as_of=now())

    before = run.do(READINESS_BEFORE, recipe.name, look, _said_of_audit)
    reports = [
        run.do(step.connector, _named(step), _asking(workspace, step, update, progress), _said)
        for step in recipe.collect
    ]
    after = run.do(READINESS_AFTER, recipe.name, look, _said_of_audit)
    bundle = run.do(
        BUNDLE, path.name, lambda: build_bundle(workspace, path, recipe=recipe, progress=progress), _said_of_bundle
    )
    done = CollectedRecipe(
        recipe=recipe.name,
        folder=run.folder,
        steps=tuple(run.steps),
        before=before,
        collected=tuple(report for report in reports if report is not None),
        after=after,
        bundle=bundle,
    )
    write_json(run.folder / "summary.json", done.as_dict())
    return done


def step_names(recipe: Recipe) -> tuple[str, ...]:
    """Return the steps of a recipe that can be left out; ``collect`` stands for all of its sources.

    Examples
    --------
    >>> from tidegate.core.recipe import load_recipe
    >>> step_names(load_recipe("demo"))[0]
    'readiness-before'
    """
    sources = dict.fromkeys(step.connector for step in recipe.collect)
    return (READINESS_BEFORE, COLLECT, *sources, READINESS_AFTER, BUNDLE)


class _Run:
    """One collection under way: does steps, keeps their results, remembers how they ended."""

    def __init__(self, folder: Path, skip: Sequence[str], progress: Progress) -> None:
        self.folder = folder
        self.steps: list[StepOutcome] = []
        self._skip = set(skip)
        self._progress = progress

    def do(
        self,
        name: str,
        about: str,
        work: Callable[[], Result],
        said_of: Callable[[Result], tuple[StepStatus, str, dict[str, Any]]],
    ) -> Result | None:
        """Do a step and write down its result; None where it was left out or could not be done."""
        if name in self._skip or (COLLECT in self._skip and name not in {READINESS_BEFORE, READINESS_AFTER, BUNDLE}):
            self.steps.append(StepOutcome(name=name, about=about, status=StepStatus.SKIPPED))
            return None
        self._progress.say(f"{name}: {about}")
        file = self.folder / f"{len(self.steps):02}-{name}.json"
        try:
            result = work()
        except TidegateError as error:
            if error.exit_code == 1:  # a bug: whatever comes next could be wrong
                raise
            write_json(file, error.as_dict())
            failed = StepStatus.FAILED
            self._note(
                StepOutcome(name=name, about=about, status=failed, said=error.found, error=error.as_dict()), file
            )
            return None
        status, said, document = said_of(result)
        write_json(file, document)
        self._note(StepOutcome(name=name, about=about, status=status, said=said), file)
        return result

    def _note(self, outcome: StepOutcome, file: Path) -> None:
        self.steps.append(StepOutcome(**{**vars(outcome), "file": file}))
        self._progress.say(f"{outcome.name}: {outcome.status}; {outcome.said}")


def _named(step: CollectStep) -> str:
    return str(step.settings.get("dataset") or step.settings.get("path") or "")


def _asking(workspace: Workspace, step: CollectStep, update: bool, progress: Progress) -> Callable[[], Collected]:
    """Return the work of asking one source."""
    settings = {name: value for name, value in step.settings.items() if not (update and name == "end")}

    def ask() -> Collected:
        return collect_from(workspace, make_connector(step.connector, settings), progress=progress)

    return ask


def _said_of_audit(audit: ReadinessAudit) -> tuple[StepStatus, str, dict[str, Any]]:
    said = "ready" if audit.ready else f"not ready: {', '.join(audit.missing_data_kinds) or 'quality of the bars'}"
    return StepStatus.DONE, said, audit.as_dict()


def _said(report: Collected) -> tuple[StepStatus, str, dict[str, Any]]:
    said = f"{report.appended:,} new rows; members asked: {len(report.members):,}"
    rejected = sum(sum(one.rejected.values()) for one in report.members)
    if rejected:
        said += f"; rejected: {rejected:,}"
    if report.failed:
        names = ", ".join(one.member for one in report.failed[:_MOST_NAMED])
        more = len(report.failed) - _MOST_NAMED
        said += f"; not answered: {names}{f' and {more:,} more' if more > 0 else ''}"
    return StepStatus.DONE if report.complete else StepStatus.FAILED, said, report.as_dict()


def _said_of_bundle(bundle: Bundle) -> tuple[StepStatus, str, dict[str, Any]]:
    said = f"{bundle.manifest.rows:,} rows, {bundle.bytes:,} bytes"
    if bundle.empty:
        said += f"; nothing of {', '.join(bundle.empty)}"
    return StepStatus.DONE, said, bundle.as_dict()


def _require_steps(recipe: Recipe, skip: Sequence[str]) -> None:
    known = step_names(recipe)
    unknown = [name for name in skip if name not in known]
    if unknown:
        raise InputError(
            found=f"no step {', '.join(map(repr, unknown))}",
            expected=f"one of {', '.join(known)}",
            hint="sources are left out by the name of their connector",
        )
    if not recipe.collect and COLLECT not in skip:
        raise InputError(
            found=f"recipe {recipe.name!r}, which names no source",
            expected="a list of connectors under collect:",
            hint="add them to the recipe; to audit and bundle what is there: --skip collect",
        )
