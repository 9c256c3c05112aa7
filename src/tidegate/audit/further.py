"""What is run after the plan: instants in place of refused ones, more of them where time is left, offenders again."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

import numpy as np

from tidegate.audit.differences import Difference, Manner
from tidegate.audit.evaluate import Outcome, Task, TaskKind
from tidegate.audit.reference import Reference, ReferenceStage
from tidegate.core.randomness import generator
from tidegate.core.units import Int64Array

__all__ = ["in_place_of_refused", "shortfalls", "spare_tasks", "unstable_keys", "without_values"]

_MOST_NAMED: Final = 5
_WHAT: Final = {TaskKind.TRUNCATE: "truncated", TaskKind.SLICE: "short"}


def in_place_of_refused(
    outcomes: Sequence[Outcome], times: Int64Array, first: int, wanted: int, seed: int
) -> tuple[Task, ...]:
    """Return as many instants as were refused, after the first at which the pipeline ran.

    Parameters
    ----------
    times, first
        ``int64 (n,)`` instants of the bars, and the first at which the pipeline gives anything.
    wanted
        How many truncated histories are to be looked at.
    """
    done = [one for one in outcomes if one.task.kind is TaskKind.TRUNCATE]
    accepted = [one.task.as_of for one in done if not one.refused]
    refused = [one.task.as_of for one in done if one.refused]
    if not refused:
        return ()
    start = min(accepted) if accepted else max(refused) + 1
    return _untried(outcomes, times[times >= max(start, first)], seed, "refused")[: max(wanted - len(accepted), 0)]


def spare_tasks(
    outcomes: Sequence[Outcome], times: Int64Array, first: int, seconds: float, seed: int
) -> tuple[Task, ...]:
    """Return as many further truncated histories as fit into some seconds; none where something was found already."""
    ran = [one.seconds for one in outcomes if one.task.kind is TaskKind.TRUNCATE and not one.refused]
    if not seconds or not ran or any(_differing(outcomes)):
        return ()
    count = int(seconds / max(float(np.median(ran)), 1e-6))
    return _untried(outcomes, times[times >= first], seed, "spare")[:count]


def unstable_keys(again: Iterable[Outcome]) -> set[tuple[str, str]]:
    """Return the stages and keys that differ where the very same run was repeated."""
    return {(one.stage, one.key) for one in _differing(again)}


def shortfalls(outcomes: Sequence[Outcome], reference: Reference) -> Iterator[str]:
    """Say what was looked at too little for a verdict: histories mostly refused, and stages without any value."""
    for kind, what in _WHAT.items():
        done = [one for one in outcomes if one.task.kind is kind]
        refused = [one for one in done if one.refused]
        if 2 * len(refused) > len(done):
            yield f"the pipeline refused {len(refused)} of {len(done)} {what} histories: {refused[0].refused}"
    for stage, silent in _silent_keys(outcomes, reference):
        if silent == stage.declared.keys:
            yield f"{_named(stage, silent)} had no value at any instant that was looked at"


def without_values(outcomes: Sequence[Outcome], reference: Reference) -> Iterator[str]:
    """Name the keys that had no value at any instant looked at, beside others of their stage that had."""
    for stage, silent in _silent_keys(outcomes, reference):
        if silent != stage.declared.keys:
            yield f"{_named(stage, silent)}: no value at any instant that was looked at"


def _silent_keys(outcomes: Sequence[Outcome], reference: Reference) -> Iterator[tuple[ReferenceStage, tuple[str, ...]]]:
    looked_at = [one.task.as_of for one in outcomes if one.task.kind is not TaskKind.SILENCE and not one.refused]
    if not looked_at:
        return
    latest = max(looked_at)
    for stage in reference.stages:
        keys = stage.declared.keys
        silent = tuple(key for key in keys if stage.first_known.get(key, latest + 1) > latest)
        if silent:
            yield stage, silent


def _named(stage: ReferenceStage, keys: Sequence[str]) -> str:
    beside = f" and {len(keys) - _MOST_NAMED:,} more" if len(keys) > _MOST_NAMED else ""
    return f"{stage.declared.kind.value} {', '.join(keys[:_MOST_NAMED])}{beside}"


def _untried(outcomes: Sequence[Outcome], times: Int64Array, seed: int, scope: str) -> tuple[Task, ...]:
    """Return truncated histories at every instant that was not tried, in an order that the seed decides."""
    tried = {one.task.as_of for one in outcomes if one.task.kind is TaskKind.TRUNCATE}
    order = generator(seed, "instants", scope).permutation(times[:-1])
    return tuple(Task(kind=TaskKind.TRUNCATE, as_of=as_of) for as_of in order.tolist() if as_of not in tried)


def _differing(outcomes: Iterable[Outcome]) -> Iterator[Difference]:
    for one in outcomes:
        yield from (difference for difference in one.differences if difference.manner is not Manner.LAST_BITS)
