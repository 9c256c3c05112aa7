"""The look-ahead audit: compute everything again without the future, and with a false one, and compare every row."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from tidegate.audit.claims import check_claims, check_known_times
from tidegate.audit.depth import Depth, DepthRun
from tidegate.audit.evaluate import Outcome, Task, TaskKind
from tidegate.audit.further import in_place_of_refused, shortfalls, spare_tasks, unstable_keys, without_values
from tidegate.audit.peeks import Peek
from tidegate.audit.plan import Plan, make_plan
from tidegate.audit.processes import CannotTravelError
from tidegate.audit.result import WHOLE_ROW, Finding, FindingKind, LookaheadAudit
from tidegate.audit.runs import Looked, Runs, evaluations_here, fresh_evaluations
from tidegate.audit.verdicts import in_order, judge, needs_more
from tidegate.core.clock import elapsed_seconds
from tidegate.core.history import History
from tidegate.core.pipeline import Pipeline, Stage, StageKind
from tidegate.core.progress import SILENT, Progress
from tidegate.core.time import Instant, format_instant

__all__ = ["audit_lookahead"]

_MOST_FURTHER: Final = 6
_ROUNDS: Final = 2
_DEFAULT: Final = Depth()
_PEEKING: Final = {FindingKind.TRUNCATED, FindingKind.VANISHED}
_BY_VALUE: Final = {*_PEEKING, FindingKind.POISONED, FindingKind.SHORT_LOOKBACK}
_IN_THIS_PROCESS: Final = (
    "whether something kept from before the audit helped: it ran in this process, since the pipeline cannot be handed "
    "to a fresh one ({reason})"
)


def audit_lookahead(
    pipeline: Pipeline,
    history: History,
    *,
    subject: str,
    depth: Depth = _DEFAULT,
    seed: int = 7,
    workers: int = 1,
    progress: Progress = SILENT,
    boundaries: Sequence[int] = (),
    since: int | None = None,
    versions: Mapping[str, Any] | None = None,
) -> LookaheadAudit:
    """Look for values that know what nobody knew yet.

    The pipeline runs on everything once, then on histories whose future is deleted, or garbage, and on the bars of a
    declared lookback alone; every earlier row must stay the same to the bit, and none may come or go. Labels may see
    the future up to their end. Claims and known times are checked. No test of this kind sees a constant that was fitted
    elsewhere on all data.

    Parameters
    ----------
    pipeline, history, subject
        What is looked at, all data of it, and its name in the evidence.
    depth, seed
        How many instants are looked at, and what draws them and the garbage.
    workers
        Processes at work at once; each has never seen anything later than what it evaluates. 0 runs everything here,
        which is quicker and may miss what a function kept from before.
    boundaries
        Instants right after which something was fitted again.
    since
        The future is deleted or poisoned at this instant or later: of a fold, where its test begins, since a history
        that ends before it has no forecast to compare. None means wherever the pipeline gives anything.
    versions
        What the caller says of data and code, for the evidence.

    Raises
    ------
    InputError
        If the pipeline fails on everything, or a process dies or does not return; the message says at which instant.
    """
    asked = _Asked(
        pipeline=pipeline, history=history, depth=depth, seed=seed, workers=workers, progress=progress,
        boundaries=tuple(boundaries), since=since,
    )  # fmt: skip
    started = elapsed_seconds()
    found = _found(asked) if len(history.bars.times) else _Found(unknowns=("anything: the history has no bars",))
    return LookaheadAudit(
        subject=subject,
        depth=depth,
        depth_run=replace(found.run, seconds=elapsed_seconds() - started),
        seed=seed,
        findings=found.findings,
        warnings=found.warnings,
        unknowns=found.unknowns,
        shortfalls=found.shortfalls,
        versions=dict(versions or {}),
    )


@dataclass(frozen=True, eq=False, kw_only=True)
class _Asked:
    """What an audit was asked to look at."""

    pipeline: Pipeline
    history: History
    depth: Depth
    seed: int
    workers: int
    progress: Progress
    boundaries: tuple[int, ...]
    since: int | None


@dataclass(frozen=True, eq=False, kw_only=True)
class _Found:
    findings: tuple[Finding, ...] = ()
    warnings: tuple[Finding, ...] = ()
    unknowns: tuple[str, ...] = ()
    shortfalls: tuple[str, ...] = ()
    run: DepthRun = field(default_factory=DepthRun)


def _found(asked: _Asked) -> _Found:
    """Look in fresh processes; where the pipeline cannot be handed to one, look here and say so."""
    if asked.workers <= 0:
        with evaluations_here(asked.pipeline, asked.history, asked.progress) as runs:
            return _look(runs, asked)
    try:
        with fresh_evaluations(asked.pipeline, asked.history, asked.workers, asked.progress) as runs:
            return _look(runs, asked)
    except CannotTravelError as error:
        here = _found(replace(asked, workers=0))
        return replace(here, unknowns=(_IN_THIS_PROCESS.format(reason=error), *here.unknowns))


def _look(runs: Runs, asked: _Asked) -> _Found:
    history, depth = asked.history, asked.depth

    def plan(stages: Sequence[Stage], first: int, begun: Sequence[int]) -> Plan:
        return make_plan(history, stages, first, depth, asked.seed, asked.boundaries, begun, asked.since)

    looked = runs.look(plan)
    everything, outcomes = looked.everything, list(looked.outcomes)
    first = everything.first if asked.since is None else max(everything.first, asked.since)
    spare = _look_further(runs, asked, outcomes, first)
    judged = judge(outcomes, everything.ends, int(history.bars.times[-1]))
    static = (check_claims(everything.claims, history, everything.reference.stages), check_known_times(history))
    seen = _with_peeks(_with_repeats(judged.findings, runs, int(history.bars.times[-1])), runs, depth.peeks)
    run = _depth_run(outcomes, looked, everything.cells + sum(part.cells for part in static), is_fresh=runs.is_fresh)
    return _Found(
        findings=in_order((*seen, *(one for part in static for one in part.findings))),
        warnings=judged.warnings,
        unknowns=(*(one for part in static for one in part.unknowns), *_not_looked_at(outcomes, looked)),
        shortfalls=tuple(shortfalls(outcomes, everything.reference)),
        run=replace(run, spare=spare),
    )


def _look_further(runs: Runs, asked: _Asked, outcomes: list[Outcome], first: int) -> int:
    """Add what the first look leaves open; return how many instants spare time allowed."""
    times, depth = asked.history.bars.times, asked.depth
    outcomes += runs.more(in_place_of_refused(outcomes, times, first, depth.prefixes, asked.seed))
    spare = spare_tasks(outcomes, times, first, depth.spare_seconds * max(asked.workers, 1), asked.seed)
    outcomes += runs.more(spare)
    for _ in range(_ROUNDS):
        further = needs_more(outcomes, most=_MOST_FURTHER)
        if not further:
            break
        outcomes += runs.more(further)
    return len(spare)


def _with_repeats(findings: Sequence[Finding], runs: Runs, last: int) -> tuple[Finding, ...]:
    """Run everything once more where something differs: what then differs from itself is no witness."""
    if not any(one.kind in _BY_VALUE for one in findings):
        return tuple(findings)
    unstable = unstable_keys(runs.more([Task(kind=TaskKind.TRUNCATE, as_of=last)]))
    return tuple(replace(one, is_reproducible=(one.stage, one.key) not in unstable) for one in findings)


def _with_peeks(findings: Sequence[Finding], runs: Runs, most: int) -> tuple[Finding, ...]:
    """Find out of the first offenders how many bars ahead they look."""
    places = [
        place
        for place, one in enumerate(findings)
        if one.kind in _PEEKING
        and one.symbol is not None
        and one.stage != StageKind.LABELS
        and one.key != WHOLE_ROW
        and one.is_reproducible
    ][:most]
    answers = runs.peek([_peek(findings[place]) for place in places])
    known = dict(zip(places, answers, strict=True))
    return tuple(replace(one, peeks_bars=known.get(place)) for place, one in enumerate(findings))


def _peek(finding: Finding) -> Peek:
    assert finding.symbol is not None
    return Peek(stage=finding.stage, key=finding.key, symbol=finding.symbol, at=finding.at, value=finding.with_future)


def _not_looked_at(outcomes: Sequence[Outcome], looked: Looked) -> Iterator[str]:
    silences = [one for one in outcomes if one.task.kind is TaskKind.SILENCE]
    unseen = sorted(set.intersection(*(set(one.unseen) for one in silences))) if silences else []
    if unseen:
        yield f"whether {', '.join(unseen)} are dropped when too old: the bars do not reach so far"
    refused = [one for one in outcomes if one.refused]
    if refused:
        first = refused[0]
        place = f"{first.task.kind.value} {format_instant(Instant(first.task.as_of))}"
        yield f"{len(refused)} of {len(outcomes)} histories, which the pipeline refused: at {place}, {first.refused}"
    yield from without_values(outcomes, looked.everything.reference)
    stages = {stage.declared.kind.value for stage in looked.everything.reference.stages}
    if not stages:
        yield "anything: the pipeline gives no stage"


def _depth_run(outcomes: Sequence[Outcome], looked: Looked, cells: int, *, is_fresh: bool) -> DepthRun:
    done = Counter(one.task.kind for one in outcomes)
    return DepthRun(
        prefixes=done[TaskKind.TRUNCATE],
        poisoned=done[TaskKind.POISON],
        slices=done[TaskKind.SLICE],
        silences=done[TaskKind.SILENCE],
        cells=cells + sum(one.cells for one in outcomes),
        instants=looked.plan.instants,
        fresh_processes=is_fresh,
    )
