"""A search from its plan to what it found: simulate every candidate, read the curves, choose, say what luck did."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence, Set
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import polars as pl

from tidegate.core.clock import elapsed_seconds
from tidegate.core.compiled import compiled_before
from tidegate.core.errors import DataError, InputError, TidegateError
from tidegate.core.files import write_atomically, write_json
from tidegate.core.fingerprint import fingerprint
from tidegate.core.progress import SILENT, Pace, Progress, Reached
from tidegate.core.recipe import Recipe, SearchSettings
from tidegate.core.units import Int64Array
from tidegate.core.workspace import Workspace
from tidegate.registry import Run, RunKind
from tidegate.search.best import Best
from tidegate.search.candidates import Candidate, works_of
from tidegate.search.findings import Evidence, Findings, findings_of
from tidegate.search.gathered import gather
from tidegate.search.ground import Ground
from tidegate.search.parts import window_parts
from tidegate.search.runner.backend import Backend
from tidegate.search.runner.kernel_backend import KernelBackend
from tidegate.search.runner.manifest import Manifest
from tidegate.search.runner.process_backend import ProcessBackend
from tidegate.search.runner.runner import Runner
from tidegate.search.runner.states import State, Tally
from tidegate.search.shelf import PIECE, CurveShelf
from tidegate.search.simulate import Elsewhere, Simulator
from tidegate.search.tried import counted_trials, record_trials

__all__ = ["Plan", "Proposer", "Workers", "conduct", "tidy"]

_CURVES: Final = "curves"
_KERNEL: Final = "kernel"
_SECONDS: Final = 0.2
"""Shortest time between two words about the progress."""
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
    expected
        How many candidates there will be, the proposed ones included.
    defensives
        Every defensive asset that a candidate names.
    """

    kind: RunKind
    recipe: Recipe
    settings: SearchSettings
    train_runs: Mapping[str, Run]
    candidates: Sequence[Candidate]
    propose: Proposer | None = None
    expected: int = 0
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
    tally: Tally = field(default_factory=Tally)

    def work(self) -> None:
        """Do everything that is planned, then everything that is proposed on the way."""
        self._told, self._best, self._pace = -_SECONDS, Best(self.plan.settings, self.manifest), Pace()
        further = self.plan.candidates or self._proposed()
        while further:
            self._round(further)
            further = self._proposed()
        self.manifest.close(self.tally)

    def done(self) -> list[Candidate]:
        """Return the candidates that were simulated, in order of the plan."""
        known = self.manifest.entries
        return [one for one in self.candidates if one.key in known and known[one.key].state is State.SUCCESS]

    def _proposed(self) -> Sequence[Candidate]:
        return [] if self.plan.propose is None else self.plan.propose(self.manifest)

    def _round(self, further: Sequence[Candidate]) -> None:
        works = works_of(further, self.plan.train_runs, self.plan.recipe, self.run)
        before, self.candidates = self.tally, [*self.candidates, *further]
        self.tally = before + self.runner.run(works, lambda tally: self._tell(before + tally))

    def _tell(self, tally: Tally) -> None:
        """Tell how far it is, not so often that the telling takes longer than the work."""
        now, total = elapsed_seconds(), max(self.plan.expected, tally.total)
        if now - self._told < _SECONDS and tally.ended < total:
            return
        self._told = now
        left = self._pace.seconds_left(tally.ended, total)
        best = self._best.objective()
        self.progress.tell(Reached(label="set", done=tally.ended, total=total, best=best, seconds_left=left))


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
    ground, shelf = Ground(workspace, plan.recipe, plan.defensives), CurveShelf(folder / _CURVES)
    manifest = Manifest(folder / "manifest.jsonl")
    if not compiled_before():
        progress.say("compiling the engine, once for this version: about half a minute")
    closes = _closes(plan, ground)
    missing = {one.key: one.missing for one in plan.candidates}
    at_work = _backend(workspace, plan, _Site(ground, shelf, closes), workers, threads)
    runner = Runner(at_work, manifest, missing_score=lambda work: missing.get(work.key))
    course = _Course(plan=plan, manifest=manifest, runner=runner, run=folder.name, progress=progress)
    try:
        course.work()
    finally:
        at_work.close()
        # What was seen has been tried, also where the search was broken off.
        own = _record(workspace, plan, course, shelf, folder.name)
    done = course.done()
    if not done:
        raise DataError(found=f"{course.tally.total} sets, none of them simulated{_first_reason(manifest)}",
                        expected="one at least", hint="correct what the message names")  # fmt: skip
    progress.say(f"reading {len(done)} curves, and what luck did to them")
    setup = ground.setup(done[0].train_run, done[0].settings.scores)
    found = findings_of(_evidence(workspace, plan, course, own, ground, shelf))
    found.document["survivorship"] = setup.survivorship.value
    found.document["notes"] |= setup.notes
    found.document["backend"] = _KERNEL if workers is None else workers.backend
    return _write(folder, found)


def tidy(run: Run) -> Run:
    """Take the curves of a finished search away where they are too many to keep; those that are shown have a file."""
    if run.metrics["counts"]["succeeded"] > _KEPT:
        CurveShelf(run.folder / _CURVES).clear()
    return run


def _closes(plan: Plan, ground: Ground) -> Int64Array | None:
    """Return the closes that every curve must have, once the window has been cut into its parts.

    They are those of the first candidate that can be traded, on the data that most of them have. What is wrong with the
    only training run of a search is told at once; among several, each tells what is wrong with it.

    Raises
    ------
    InputError
        If the window does not hold its parts, or its training part not a block of history.
    """
    wanted = [(one.train_run, one.settings.scores) for one in plan.candidates if one.missing is None]
    asked = list(dict.fromkeys(wanted))
    if len(plan.train_runs) == 1 and plan.kind is RunKind.SEARCH:
        (only,) = plan.train_runs
        closes = ground.times(only, plan.recipe.trading().scores)
        _require_parts(closes, plan.settings)
        return closes
    data_of = {name: fingerprint(run.recipe.get("data")) for name, run in plan.train_runs.items()}
    common = Counter(data_of[name] for name, _ in asked)
    for name, scores in sorted(asked, key=lambda one: -common[data_of[one[0]]]):
        with suppress(TidegateError):
            closes = ground.times(name, scores)
            break
    else:
        return None
    _require_parts(closes, plan.settings)
    return closes


def _require_parts(closes: Int64Array, settings: SearchSettings) -> None:
    """Refuse a window that cannot be judged in the end, before anything is simulated."""
    training = window_parts(closes, settings.parts)[0]
    if settings.block_bars > training.bars:
        raise InputError(
            found=f"search.block_bars {settings.block_bars} and a training part of {training.bars} bars",
            expected="blocks of history that fit into the training part",
            hint="shorten the blocks, or take a longer window",
        )


@dataclass(frozen=True, eq=False)
class _Site:
    ground: Ground
    shelf: CurveShelf
    closes: Int64Array | None


def _backend(workspace: Workspace, plan: Plan, site: _Site, workers: Workers | None, threads: int) -> Backend:
    if workers is None:
        simulator = Simulator(
            ground=site.ground, shelf=site.shelf, settings=plan.settings, threads=threads, closes=site.closes
        )
        # Another training run is another market to read: what it gave is kept before the next one is read.
        return KernelBackend(simulator, batch=PIECE if len(plan.train_runs) == 1 else 1)
    elsewhere = Elsewhere(
        workspace=workspace.root.resolve(),
        curves=site.shelf.folder.resolve(),
        recipe=plan.recipe,
        settings=plan.settings,
        closes=site.closes,
        defensives=plan.defensives,
    )
    return ProcessBackend(elsewhere, workers=workers.count, in_flight=workers.in_flight, backend=workers.backend)


def _record(workspace: Workspace, plan: Plan, course: _Course, shelf: CurveShelf, run: str) -> Set[str]:
    done = course.done()
    return record_trials(workspace, plan.kind, plan.recipe, plan.train_runs, done, shelf, run) if done else frozenset()


def _evidence(
    workspace: Workspace, plan: Plan, course: _Course, own: Set[str], ground: Ground, shelf: CurveShelf
) -> Evidence:
    """Read the curves, and count what was tried."""
    recipe, done = plan.recipe, course.done()
    first = done[0].train_run, done[0].settings.scores
    setup, per_year = ground.setup(*first), ground.bars_per_year(*first)
    interest = setup.market.interest[setup.start + 1 :]
    keys = [one.key for one in done]
    gathered = gather(shelf, keys, plan.settings, bars_per_year=per_year, seed=recipe.seed, interest=interest)
    return Evidence(
        recipe=recipe,
        settings=plan.settings,
        candidates=course.candidates,
        entries=course.manifest.entries,
        done=done,
        shelf=shelf,
        gathered=gathered,
        own_trials=own,
        trials=counted_trials(workspace, plan.train_runs, first[0], gathered.times),
        bars_per_year=per_year,
    )


def _first_reason(manifest: Manifest) -> str:
    reasons = [entry.last.error for entry in manifest.entries.values() if entry.last.error]
    return f": {reasons[0]}" if reasons else ""


def _write(folder: Path, found: Findings) -> dict[str, Any]:
    write_atomically(folder / "sets.parquet", lambda partial: _parquet(found.sets, partial))
    write_atomically(folder / "curves.parquet", lambda partial: _parquet(found.curves, partial))
    write_json(folder / "search.json", found.document)
    return found.metrics()


def _parquet(table: pl.DataFrame, path: Path) -> None:
    table.write_parquet(path)
