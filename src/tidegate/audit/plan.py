"""What an audit will look at: which instants, which slices, and in which order so that no process sees ahead."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from tidegate.audit.depth import Depth
from tidegate.audit.evaluate import Task, TaskKind, sliced_keys
from tidegate.audit.instants import choose_instants, starts, strata
from tidegate.core.history import History
from tidegate.core.pipeline import Stage
from tidegate.core.randomness import derive_seed, generator
from tidegate.core.units import Int64Array

__all__ = ["Plan", "in_turn", "make_plan"]

_ANYWHERE_OF_PREFIXES: Final = 0.34
_ANYWHERE_OF_SLICES: Final = 0.5
_ALWAYS: Final = 2


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Evaluations by what is done, each in order of instants, and how many instants each stratum gave.

    ``begun`` are those of them, truncated and poisoned, that lie where forecasts, decisions or tests begin and are
    always among them.
    """

    truncated: tuple[Task, ...]
    slices: tuple[Task, ...]
    poisoned: tuple[Task, ...]
    silenced: tuple[Task, ...]
    instants: Mapping[str, int]
    begun: tuple[Task, ...] = ()


def make_plan(
    history: History,
    stages: Sequence[Stage],
    first: int,
    depth: Depth,
    seed: int,
    boundaries: Sequence[int],
    begun: Sequence[int] = (),
    since: int | None = None,
) -> Plan:
    """Draw the instants of an audit.

    Parameters
    ----------
    stages
        What the pipeline declares of each of its stages.
    first
        The first instant at which it gives anything.
    boundaries, begun
        Instants right after which something was fitted again; instants at which forecasts, decisions and tests begin.
    since
        No instant before this one is drawn; None means from ``first`` on.
    """
    times = history.bars.times
    if since is not None:
        first, begun = max(first, since), [one for one in begun if one >= since]
    found_kinds = strata(history, boundaries, begun)
    kinds = {name: found[(found >= first) & (found < times[-1])] for name, found in found_kinds.items()}
    always = _always(times, begun, seed)[: max(depth.prefixes - 1, 1)]  # the rest of the rows is looked at too
    usable = times[times >= first]
    prefixes = choose_instants(
        kinds,
        usable,
        depth.prefixes,
        seed=seed,
        random_share=_ANYWHERE_OF_PREFIXES,
        scope="prefixes",
        always=always,
    )
    lookbacks = sorted({stage.lookback_bars[key] for stage in stages for key in sliced_keys(stage)})
    slices = choose_instants(
        kinds, usable, depth.slices if lookbacks else 0, seed=seed, random_share=_ANYWHERE_OF_SLICES, scope="slices"
    )
    poison = [
        Task(kind=TaskKind.POISON, as_of=as_of, bars=depth.poisoned_bars, seed=derive_seed(seed, "poison", as_of))
        for as_of in prefixes.instants.tolist()
    ]
    truncated = tuple(Task(kind=TaskKind.TRUNCATE, as_of=as_of) for as_of in prefixes.instants.tolist())
    return Plan(
        truncated=truncated,
        slices=tuple(_slices(slices.instants.tolist(), lookbacks)),
        poisoned=tuple(poison),
        silenced=tuple(_silences(history, stages, first, depth.silences)),
        instants=dict(Counter(prefixes.counts) + Counter(slices.counts)) | _none(kinds, prefixes.counts, slices.counts),
        begun=tuple(task for task in (*truncated, *poison) if task.as_of in always),
    )


def _always(times: Int64Array, begun: Sequence[int], seed: int) -> list[int]:
    """Return two instants at which something begins: of one beginning its row and the next one."""
    found = starts(times, begun)
    if len(found) < _ALWAYS:
        return [int(one) for one in starts(times, begun, _ALWAYS)[:_ALWAYS]]
    chosen = generator(seed, "begun").choice(found, _ALWAYS, replace=False)
    return sorted(int(one) for one in chosen)


def in_turn(tasks: Iterable[Task], parts: int) -> list[tuple[Task, ...]]:
    """Deal tasks to processes, each in ascending order of instants: what one has seen is never later."""
    ordered = sorted(tasks, key=lambda task: task.as_of)
    dealt = [tuple(ordered[part::parts]) for part in range(parts)]
    return [part for part in dealt if part]


def _slices(instants: Sequence[int], lookbacks: Sequence[int]) -> Iterable[Task]:
    """Give every second slice the longest lookback, for all keys, and the others each lookback in turn, to the bar."""
    for place, as_of in enumerate(instants):
        bars = lookbacks[-1] if place % 2 == 0 else lookbacks[place // 2 % len(lookbacks)]
        yield Task(kind=TaskKind.SLICE, as_of=as_of, bars=bars)


def _silences(history: History, stages: Sequence[Stage], first: int, count: int) -> Iterable[Task]:
    """Silence the sources early enough for the oldest value to grow too old, if the history is long enough at all."""
    ages = [age for stage in stages for age in stage.maximum_ages.values()]
    if not ages or not history.tables:
        return
    times = history.bars.times
    until = max(int(times[-1]) - 2 * max(ages), (first + int(times[-1])) // 2)
    for part in range(count):
        instant = first + (until - first) * (part + 1) // (count + 1)
        row = int(np.searchsorted(times, instant, side="right")) - 1
        yield Task(kind=TaskKind.SILENCE, as_of=int(times[max(row, 0)]))


def _none(kinds: Mapping[str, object], *counts: Mapping[str, int]) -> dict[str, int]:
    return {name: 0 for name in kinds if not any(count.get(name) for count in counts)}
