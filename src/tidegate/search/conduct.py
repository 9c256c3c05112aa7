"""A search from its plan to what it found: simulate every candidate, read the curves, choose, say what luck did."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import polars as pl

from tidegate.core.errors import DataError
from tidegate.core.files import write_atomically, write_json
from tidegate.core.progress import SILENT, Pace, Progress, Reached
from tidegate.core.recipe import Recipe, SearchSettings
from tidegate.core.workspace import Workspace
from tidegate.registry import Run, RunKind
from tidegate.search.backend import Backend, Work
from tidegate.search.best import Best
from tidegate.search.candidates import Candidate, works_of
from tidegate.search.findings import Evidence, Findings, findings_of
from tidegate.search.gathered import gather
from tidegate.search.ground import Ground
from tidegate.search.kernel_backend import KernelBackend
from tidegate.search.manifest import Manifest
from tidegate.search.process_backend import ProcessBackend
from tidegate.search.runner import Runner
from tidegate.search.shelf import CurveShelf
from tidegate.search.simulate import Elsewhere, Simulator
from tidegate.search.states import State, Tally
from tidegate.search.tried import record_trials

__all__ = ["Plan", "Proposer", "Workers", "conduct"]

CURVES: Final = "curves"
_KEPT: Final = 1000
"""Up to so many sets all curves stay in the run's folder; of more only those that are shown."""

Proposer = Callable[[Manifest], Sequence[Candidate]]


@dataclass(frozen=True, eq=False, kw_only=True)
class Plan:
    """What is to be held against each other.

    Parameters
    ----------
    kind
        ``search`` or ``select``.
    recipe
        Strategy, costs, money and dates.
    settings
        What is asked of the candidates.
    train_runs
        Training runs by id.
    candidates
        Those that are known beforehand.
    propose
        Returns further ones after the manifest so far, none when it is done; None where all are known beforehand.
    defensives
        Every defensive asset that a candidate names.
    """

    kind: RunKind
    recipe: Recipe
    settings: SearchSettings
    train_runs: Mapping[str, Run]
    candidates: Sequence[Candidate]
    propose: Proposer | None = None
    defensives: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Workers:
    """Processes that simulate, one set at a time each.

    Parameters
    ----------
    count
        How many; as many as there are processors by default.
    in_flight
        Most sets handed over at a time.
    backend
        ``loky`` for processes of this machine, or any backend of joblib.
    """

    count: int | None = None
    in_flight: int = 8
    backend: str = "loky"


@dataclass(eq=False, kw_only=True)
class _Course:
    plan: Plan
    manifest: Manifest
    runner: Runner
    run: str
    progress: Progress
    candidates: list[Candidate] = field(default_factory=list)

    def work(self) -> Tally:
        """Do everything that is planned, and everything that is proposed on the way."""
        self.candidates = list(self.plan.candidates)
        tally = self._round() if self.candidates else Tally()
        while self.plan.propose is not None and (further := self.plan.propose(self.manifest)):
            self.candidates += further
            tally = self._round()
        return tally

    def _round(self) -> Tally:
        works: list[Work] = works_of(self.candidates, self.plan.train_runs, self.plan.recipe, self.run)
        pace, best = Pace(), Best(self.plan.settings, self.manifest)

        def tell(tally: Tally) -> None:
            left = pace.seconds_left(tally.ended, tally.total)
            self.progress.tell(
                Reached(label="set", done=tally.ended, total=tally.total, best=best.objective(), seconds_left=left)
            )

        return self.runner.run(works, tell)


def conduct(
    workspace: Workspace,
    plan: Plan,
    folder: Path,
    *,
    workers: Workers | None = None,
    threads: int = 1,
    progress: Progress = SILENT,
) -> dict[str, Any]:
    """Carry a plan out in the folder of its run, and return the metrics of the run.

    What an interrupted run had done is not done again.

    Parameters
    ----------
    workers
        Processes that do the works; None does them in this one.

    Raises
    ------
    DataError
        If not one candidate could be simulated; the message says why.
    """
    settings, recipe = plan.settings, plan.recipe
    ground = Ground(workspace, recipe, plan.defensives)
    shelf = CurveShelf(folder / CURVES)
    manifest = Manifest(folder / "manifest.jsonl")
    missing = {one.key: one.missing for one in plan.candidates}
    at_work = _backend(workspace, plan, ground, shelf, workers, threads)
    try:
        runner = Runner(at_work, manifest, missing_score=lambda work: missing.get(work.key))
        course = _Course(plan=plan, manifest=manifest, runner=runner, run=folder.name, progress=progress)
        tally = course.work()
    finally:
        at_work.close()
    done = [one for one in course.candidates if manifest.entries[one.key].state is State.SUCCESS]
    if not done:
        raise DataError(found=f"{tally.total} sets, none of them simulated{_first_reason(manifest)}",
                        expected="one at least", hint="correct what the message names")  # fmt: skip
    progress.say(f"reading {len(done)} curves, and what luck did to them")
    first = done[0].train_run, done[0].settings.scores
    per_year = ground.bars_per_year(*first)
    gathered = gather(shelf, [one.key for one in done], settings, bars_per_year=per_year, seed=recipe.seed)
    own, counted = record_trials(workspace, plan.kind, recipe, plan.train_runs, done, gathered, folder.name)
    found = findings_of(
        Evidence(
            recipe=recipe,
            settings=settings,
            candidates=course.candidates,
            entries=manifest.entries,
            done=done,
            shelf=shelf,
            gathered=gathered,
            own_trials=own,
            trials=counted,
            bars_per_year=per_year,
        )
    )
    found.document["survivorship"] = ground.setup(*first).survivorship.value
    return _write(folder, found, keep=len(done) <= _KEPT)


def _backend(
    workspace: Workspace, plan: Plan, ground: Ground, shelf: CurveShelf, workers: Workers | None, threads: int
) -> Backend:
    if workers is None:
        return KernelBackend(Simulator(ground=ground, shelf=shelf, settings=plan.settings, threads=threads))
    elsewhere = Elsewhere(
        workspace=workspace.root.resolve(),
        curves=shelf.folder.resolve(),
        recipe=plan.recipe,
        settings=plan.settings,
        defensives=plan.defensives,
    )
    return ProcessBackend(elsewhere, workers=workers.count, in_flight=workers.in_flight, backend=workers.backend)


def _first_reason(manifest: Manifest) -> str:
    reasons = [entry.last.error for entry in manifest.entries.values() if entry.last.error]
    return f": {reasons[0]}" if reasons else ""


def _write(folder: Path, found: Findings, *, keep: bool) -> dict[str, Any]:
    write_atomically(folder / "sets.parquet", lambda partial: _parquet(found.sets, partial))
    write_atomically(folder / "curves.parquet", lambda partial: _parquet(found.curves, partial))
    write_json(folder / "search.json", found.document)
    if not keep:
        CurveShelf(folder / CURVES).clear()
    return found.metrics()


def _parquet(table: pl.DataFrame, path: Path) -> None:
    table.write_parquet(path)
