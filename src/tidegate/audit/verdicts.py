"""From differences to findings: what is a leak, what is round-off, and what is a lookback declared too short."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from tidegate.audit.differences import Difference, Manner
from tidegate.audit.evaluate import Outcome, Task, TaskKind
from tidegate.audit.result import Finding, FindingKind
from tidegate.core.pipeline import StageKind
from tidegate.core.time import Instant

__all__ = ["Judged", "in_order", "judge", "needs_more"]

_STAGES: Final = {kind.value: place for place, kind in enumerate(StageKind)}
_TELLING: Final = (FindingKind.TRUNCATED, FindingKind.VANISHED, *FindingKind)
_KINDS: Final = {kind: _TELLING.index(kind) for kind in FindingKind}
"""Kinds of which it can be told how far they look come first."""
_DRIFT: Final = 1e-9
"""Relative difference that running sums from another first row make in double precision, at most."""


@dataclass(frozen=True)
class Judged:
    """Violations and warnings, merged by kind, stage and key."""

    findings: tuple[Finding, ...]
    warnings: tuple[Finding, ...]


def judge(outcomes: Iterable[Outcome], ends: Iterable[Difference], last: int) -> Judged:
    """Turn the outcomes of all evaluations into findings.

    A last-bit difference where the future is deleted, with none at the same instant where all of it is garbage, is
    round-off; everything else is a leak. What differs in a short history alone is a lookback declared too short.

    Parameters
    ----------
    ends
        Labels of the whole history that are there before their end.
    last
        The last instant of the history.
    """
    every = list(outcomes)
    clean = _equal_under_poison(every)
    prefixes = {
        (one.task.as_of, difference.stage, difference.key)
        for one in every
        if _is_prefix(one)
        for difference in one.differences
        if difference.manner is not Manner.LAST_BITS
    }
    evaluated = {one.task.as_of for one in every if _is_prefix(one)}
    found = [_finding(FindingKind.TRUNCATED, one, last) for one in ends]
    for outcome in every:
        for difference in outcome.differences:
            kind = _kind(outcome.task, difference, clean, prefixes, evaluated)
            found.append(_finding(kind, difference, outcome.task.as_of))
    merged = in_order(_merged(found))
    findings = tuple(one for one in merged if one.kind is not FindingKind.NOT_BIT_STABLE)
    leaking = {(one.stage, one.key) for one in findings}
    warnings = (one for one in merged if one.kind is FindingKind.NOT_BIT_STABLE)
    return Judged(findings, tuple(one for one in warnings if (one.stage, one.key) not in leaking))


def needs_more(outcomes: Iterable[Outcome], *, most: int) -> tuple[Task, ...]:
    """Return further evaluations without which a difference cannot be judged: whole prefixes, and whole poison.

    A short history that differs may lack bars or see the future: the whole past tells, at the first, the last and the
    middle one of its key. A difference in the last bits is round-off only where garbage of the same length changes
    nothing.
    """
    every = list(outcomes)
    prefixes = {one.task.as_of for one in every if _is_prefix(one)}
    whole = {one.task.as_of for one in every if _is_whole_poison(one)}
    asked: dict[tuple[str, str], list[int]] = {}
    small: dict[tuple[str, str], list[int]] = {}
    for one in every:
        for difference in one.differences:
            key = (difference.stage, difference.key)
            if one.task.kind is TaskKind.SLICE:
                asked.setdefault(key, []).append(one.task.as_of)
            elif difference.manner is Manner.LAST_BITS:
                small.setdefault(key, []).append(one.task.as_of)
    truncations = _spread([sorted(instants) for instants in asked.values()], (0, -1, 0.5), prefixes)[:most]
    poisons = _spread(list(small.values()), (0,), whole)[:most]
    return (
        *(Task(kind=TaskKind.TRUNCATE, as_of=as_of) for as_of in truncations),
        *(Task(kind=TaskKind.POISON, as_of=as_of, seed=as_of % 2**31) for as_of in poisons),
    )


def _spread(found: Sequence[Sequence[int]], places: Sequence[float], known: set[int]) -> list[int]:
    """Return one instant of every key, then another of every key: the first, the last, or one at a share of them."""
    chosen = [
        instants[int(place * len(instants)) if 0 < place < 1 else int(place)] for place in places for instants in found
    ]
    return [as_of for as_of in dict.fromkeys(chosen) if as_of not in known]


def in_order(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Return findings with the root first: features before what is made of them, by kind, then by instant."""

    def place(finding: Finding) -> tuple[int, int, int, str]:
        return _STAGES.get(finding.stage, len(_STAGES)), _KINDS[finding.kind], finding.at, finding.key

    return tuple(sorted(findings, key=place))


def _is_prefix(outcome: Outcome) -> bool:
    return outcome.task.kind is TaskKind.TRUNCATE


def _is_whole_poison(outcome: Outcome) -> bool:
    return outcome.task.kind is TaskKind.POISON and outcome.task.bars is None


def _equal_under_poison(outcomes: Iterable[Outcome]) -> Mapping[int, set[tuple[str, str]]]:
    """Return, by instant at which all that follows was poisoned, the keys that it changed."""
    return {
        one.task.as_of: {(difference.stage, difference.key) for difference in one.differences}
        for one in outcomes
        if _is_whole_poison(one)
    }


def _kind(
    task: Task,
    difference: Difference,
    poisoned: Mapping[int, set[tuple[str, str]]],
    prefixes: set[tuple[int, str, str]],
    evaluated: set[int],
) -> FindingKind:
    if difference.manner is Manner.STALE:
        return FindingKind.STALE
    if task.kind is TaskKind.SLICE:
        return _kind_of_slice(task, difference, prefixes, evaluated)
    if difference.manner is Manner.LAST_BITS and _is_round_off(task, difference, poisoned):
        return FindingKind.NOT_BIT_STABLE
    if task.kind is TaskKind.POISON:
        return FindingKind.POISONED
    return FindingKind.VANISHED if difference.manner is Manner.GONE else FindingKind.TRUNCATED


def _is_round_off(task: Task, difference: Difference, poisoned: Mapping[int, set[tuple[str, str]]]) -> bool:
    """Whether garbage of the same length changes nothing: at this instant, or where it was tried for this key."""
    key = (difference.stage, difference.key)
    if task.as_of in poisoned:
        return key not in poisoned[task.as_of]
    return bool(poisoned) and all(key not in changed for changed in poisoned.values())


def _kind_of_slice(
    task: Task, difference: Difference, prefixes: set[tuple[int, str, str]], evaluated: set[int]
) -> FindingKind:
    """Judge a difference in a short history by what the whole past gave; a leak shows there too."""
    leaks = {(stage, key) for _, stage, key in prefixes}
    here = (task.as_of, difference.stage, difference.key)
    if here in prefixes or (task.as_of not in evaluated and (difference.stage, difference.key) in leaks):
        return FindingKind.VANISHED if difference.manner is Manner.GONE else FindingKind.TRUNCATED
    return FindingKind.NOT_BIT_STABLE if _is_drift(difference) else FindingKind.SHORT_LOOKBACK


def _is_drift(difference: Difference) -> bool:
    if difference.manner is Manner.LAST_BITS:
        return True
    gap = abs(difference.with_future - difference.without_future)
    return gap <= _DRIFT * max(abs(difference.with_future), abs(difference.without_future))


def _finding(kind: FindingKind, difference: Difference, as_of: int) -> Finding:
    return Finding(
        kind=kind,
        stage=difference.stage,
        key=difference.key,
        symbol=difference.symbol,
        at=Instant(difference.at),
        as_of=Instant(as_of),
        with_future=difference.with_future,
        without_future=difference.without_future,
        cells=difference.cells,
        of_spread=None if math.isnan(difference.of_spread) else difference.of_spread,
        key_exists=difference.key_exists,
    )


def _merged(findings: Iterable[Finding]) -> list[Finding]:
    """Keep the earliest offender of each kind, stage and key, and count the others."""
    first: dict[tuple[FindingKind, str, str], Finding] = {}
    for one in findings:
        key = (one.kind, one.stage, one.key)
        before = first.get(key)
        if before is None:
            first[key] = one
        else:
            earlier = before if (before.at, before.as_of) <= (one.at, one.as_of) else one
            first[key] = replace(earlier, cells=before.cells + one.cells)
    return list(first.values())
