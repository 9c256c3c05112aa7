"""One evaluation of a pipeline: on a truncated, short or poisoned history, compared with what it gave on everything."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Final

import numpy as np

from tidegate.audit.cut import Cutter
from tidegate.audit.differences import Difference, Manner, Rows, Tally
from tidegate.audit.labels import compare_labels
from tidegate.audit.poison import poisoned
from tidegate.audit.reference import Reference, ReferenceStage, Values
from tidegate.audit.silence import compare_silenced, silenced
from tidegate.core.clock import elapsed_seconds
from tidegate.core.errors import TidegateError
from tidegate.core.pipeline import OnlinePipeline, Pipeline, Stage, StageKind
from tidegate.core.units import Int64Array, Mask

__all__ = ["Outcome", "Task", "TaskKind", "compared", "reach_of", "run_task", "sliced_keys", "stages_of"]

_ROWS_AT_ONCE: Final = 2048


class TaskKind(StrEnum):
    """What is done to the history."""

    TRUNCATE = "truncate"
    SLICE = "slice"
    POISON = "poison"
    SILENCE = "silence"


@dataclass(frozen=True, kw_only=True)
class Task:
    """One evaluation.

    Parameters
    ----------
    kind
        What is done.
    as_of
        The instant: later data are deleted, or garbage, or silent.
    bars
        Of a slice: how many of the newest bars it has. Of a poisoned history: how many bars of garbage; None for all.
    seed
        Draws the garbage.
    """

    kind: TaskKind
    as_of: int
    bars: int | None = None
    seed: int = 0


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What an evaluation showed.

    Parameters
    ----------
    differences
        By stage, key and manner.
    cells
        Values compared.
    unseen
        Keys that could not be looked at.
    refused
        Why the pipeline would not run on this history; what it had given by then is compared, and what it had not
        says nothing: who refuses a short history does not look ahead.
    seconds
        How long it took.
    """

    task: Task
    differences: tuple[Difference, ...]
    cells: int
    unseen: tuple[str, ...] = ()
    refused: str = ""
    seconds: float = 0.0


def run_task(task: Task, pipeline: Pipeline, cutter: Cutter, reference: Reference) -> Outcome:
    """Evaluate and compare, block by block."""
    started = elapsed_seconds()
    reach = reach_of([stage.declared for stage in reference.stages]) if task.kind is TaskKind.SLICE else {}
    outcome = compared(task, stages_of(task, pipeline, cutter, reach), reference, cutter.history.bars.times)
    return replace(outcome, seconds=elapsed_seconds() - started)


def stages_of(task: Task, pipeline: Pipeline, cutter: Cutter, reach: Mapping[str, int]) -> Iterator[Stage]:
    """Run a pipeline on what a task makes of the history.

    Parameters
    ----------
    reach
        How much of each table a slice needs, from :func:`reach_of`.
    """
    if task.kind is TaskKind.POISON:
        yield from pipeline.run(poisoned(cutter.history, task.as_of, seed=task.seed, bars=task.bars))
    elif task.kind is TaskKind.SILENCE:
        yield from pipeline.run(silenced(cutter.history, task.as_of))
    elif task.kind is TaskKind.TRUNCATE:
        yield from pipeline.run(cutter.until(task.as_of))
    else:
        history = cutter.until(task.as_of, rows=task.bars, reach=reach)
        if isinstance(pipeline, OnlinePipeline):
            yield pipeline.newest(history)
        else:
            yield from pipeline.run(history)


def compared(task: Task, stages: Iterable[Stage], reference: Reference, times: Int64Array) -> Outcome:
    """Compare the stages of an evaluation with the reference.

    Parameters
    ----------
    times
        ``int64 (n,)`` instants of the bars.
    """
    tally, given = Tally(), _UntilRefused(stages)
    unseen: tuple[str, ...] = ()
    if task.kind is TaskKind.SLICE:
        assert task.bars is not None
        newest = int(times[np.searchsorted(times, task.as_of, side="right") - 1])
        _compare_newest(given, reference, newest, task.bars, tally)
    elif task.kind is TaskKind.SILENCE:
        unseen = compare_silenced(given, reference, task.as_of, times, tally)
    else:
        _compare_all(given, reference, task, tally)
    return Outcome(task=task, differences=tuple(tally), cells=tally.cells, unseen=unseen, refused=given.refused)


class _UntilRefused:
    """Stages until the pipeline says, or shows by an error, that a history is not usable: it has no more to give.

    It ran on everything, so an error is about what is missing: filters and fits ask for so many bars.
    """

    def __init__(self, stages: Iterable[Stage]) -> None:
        self.stages, self.refused = stages, ""

    def __iter__(self) -> Iterator[Stage]:
        try:
            yield from self.stages
        except MemoryError:
            raise
        except Exception as error:  # noqa: BLE001 - somebody's code; what it raised is told
            self.refused = error.found if isinstance(error, TidegateError) else f"{type(error).__name__}: {error}"


def sliced_keys(declared: Stage) -> tuple[str, ...]:
    """Return the keys of a stage that declare a lookback; those of labels look forward."""
    if declared.kind is StageKind.LABELS:
        return ()
    return tuple(key for key in declared.keys if key in declared.lookback_bars)


def reach_of(stages: Iterable[Stage]) -> dict[str, int]:
    """Return how much of each table suffices for every stage that is sliced; what one does not declare stays whole."""
    sliced = [declared.table_lookbacks for declared in stages if sliced_keys(declared)]
    names = set.intersection(*(set(declared) for declared in sliced)) if sliced else set()
    return {name: max(declared[name] for declared in sliced) for name in sorted(names)}


def _compare_all(stages: _UntilRefused, reference: Reference, task: Task, tally: Tally) -> None:
    """Compare every row up to the instant; rows and stages that come and go are differences."""
    seen = [np.zeros(len(stage.times), dtype=np.bool_) for stage in reference.stages]
    truth = [stage.values() for stage in reference.stages]
    for block in stages:
        place = reference.place_of(block)
        if place is None:
            count = int(np.searchsorted(block.times, task.as_of, side="right"))
            tally.row_is(Manner.NEW, block.kind.value, block.times[:count], _example(block.values[:count]))
        elif block.kind is StageKind.LABELS:
            is_poisoned = task.kind is TaskKind.POISON
            seen[place] |= compare_labels(block, reference.stages[place], truth[place], task.as_of, is_poisoned, tally)
        else:
            seen[place] |= _compare_rows(block, reference.stages[place], truth[place], task.as_of, tally)
    for stage, values, found in zip(reference.stages, truth, seen, strict=True):
        if stages.refused:
            break
        lost = _lost(stage, values, found, task.as_of)
        if len(lost):
            tally.row_is(Manner.GONE, stage.declared.kind.value, stage.times[lost], _example(values[lost[0]]))


def _lost(stage: ReferenceStage, values: Values, found: Mask, as_of: int) -> Int64Array:
    """Return the rows of the reference that are due and not there; rows without any label are not due."""
    due = (stage.times <= as_of) & ~found
    if stage.declared.kind is not StageKind.LABELS:
        return np.flatnonzero(due)
    lost = np.flatnonzero(due & (stage.ends <= as_of))
    parts = [lost[start : start + _ROWS_AT_ONCE] for start in range(0, len(lost), _ROWS_AT_ONCE)]
    labelled = [part[(~np.isnan(values[part])).any(axis=(1, 2))] for part in parts]
    return np.concatenate([lost[:0], *labelled])


def _compare_rows(block: Stage, stage: ReferenceStage, truth: Values, as_of: int, tally: Tally) -> Mask:
    count = int(np.searchsorted(block.times, as_of, side="right"))
    places, found = _places(stage.times, block.times[:count])
    anew = block.values[:count]
    if not found.all():
        tally.row_is(Manner.NEW, block.kind.value, block.times[:count][~found], _example(anew[~found]))
        anew, places = anew[found], places[found]
    _compare_values(block, stage, _rows_at(truth, places), anew, block.times[:count][found], tally)
    seen = np.zeros(len(stage.times), dtype=np.bool_)
    seen[places] = True
    return seen


def _compare_values(
    block: Stage, stage: ReferenceStage, truth: Values, anew: Values, times: Int64Array, tally: Tally
) -> None:
    same_axes = block.symbols == stage.declared.symbols and block.keys == stage.declared.keys
    rows = Rows(
        stage=block.kind.value,
        symbols=stage.declared.symbols,
        keys=stage.declared.keys,
        times=times,
        reference=truth,
        anew=anew if same_axes else _on_axes(anew, block, stage.declared),
        spreads=stage.spreads,
        absent=frozenset(stage.declared.keys).difference(block.keys),
    )
    tally.compare(rows)
    if not same_axes:
        _note_extra(block, stage.declared, anew, times, tally)


def _note_extra(block: Stage, declared: Stage, anew: Values, times: Int64Array, tally: Tally) -> None:
    """Count values of symbols and keys that everything did not have."""
    known = np.ix_(
        np.ones(len(times), dtype=np.bool_),
        np.isin(block.symbols, declared.symbols),
        np.isin(block.keys, declared.keys),
    )
    extra = anew.copy()
    extra[known] = np.nan
    missing = np.full_like(extra, np.nan)
    rows = Rows(
        stage=block.kind.value, symbols=block.symbols, keys=block.keys, times=times, reference=missing, anew=extra
    )
    tally.note(rows, slice(None), ~np.isnan(extra))


def _compare_newest(stages: _UntilRefused, reference: Reference, newest: int, bars: int, tally: Tally) -> None:
    """Compare the newest row of a short history, where the declared lookback is not longer than it."""
    answered: set[int] = set()
    for block in stages:
        place = reference.place_of(block)
        row = int(np.searchsorted(block.times, newest))
        if place is None or block.kind is StageKind.LABELS or row >= len(block.times) or block.times[row] != newest:
            continue
        answered.add(place)
        stage = reference.stages[place]
        at = int(np.searchsorted(stage.times, newest))
        if at >= len(stage.times) or stage.times[at] != newest:
            tally.row_is(Manner.NEW, block.kind.value, block.times[row : row + 1], _example(block.values[row]))
            continue
        _compare_row(block, row, stage, at, bars, tally)
    for place, stage in enumerate(reference.stages):
        at = int(np.searchsorted(stage.times, newest))
        there = at < len(stage.times) and stage.times[at] == newest
        if sliced_keys(stage.declared) and there and place not in answered and not stages.refused:
            tally.row_is(Manner.GONE, stage.declared.kind.value, stage.times[at : at + 1], _example(stage.values()[at]))


def _compare_row(block: Stage, row: int, stage: ReferenceStage, at: int, bars: int, tally: Tally) -> None:
    declared = stage.declared
    chosen = [place for place, key in enumerate(declared.keys) if declared.lookback_bars.get(key, bars + 1) <= bars]
    keys = tuple(declared.keys[place] for place in chosen)
    anew = block.values[row : row + 1]
    if block.symbols != declared.symbols or block.keys != declared.keys:
        anew = _on_axes(anew, block, declared)
    rows = Rows(
        stage=declared.kind.value,
        symbols=declared.symbols,
        keys=keys,
        times=stage.times[at : at + 1],
        reference=np.asarray(stage.values()[at : at + 1])[:, :, chosen],
        anew=anew[:, :, chosen],
        spreads=stage.spreads[chosen],
    )
    tally.compare(rows, np.array([declared.bounds.get(key, 0.0) for key in keys]))


def _places(times: Int64Array, asked: Int64Array) -> tuple[Int64Array, Mask]:
    places = np.searchsorted(times, asked)
    inside = np.minimum(places, max(len(times) - 1, 0))
    found: Mask = (times[inside] == asked) if len(times) else np.zeros(len(asked), dtype=np.bool_)
    return places, found


def _rows_at(truth: Values, places: Int64Array) -> Values:
    """Return rows; consecutive ones without a copy."""
    if len(places) and places[-1] - places[0] == len(places) - 1:
        return truth[places[0] : places[-1] + 1]
    return truth[places]


def _on_axes(values: Values, block: Stage, declared: Stage) -> Values:
    """Return values on the axes of the reference; what a block lacks is missing."""
    placed = np.full((len(values), len(declared.symbols), len(declared.keys)), np.nan, dtype=values.dtype)
    symbols, from_symbols = _shared(declared.symbols, block.symbols)
    keys, from_keys = _shared(declared.keys, block.keys)
    placed[np.ix_(range(len(values)), symbols, keys)] = values[np.ix_(range(len(values)), from_symbols, from_keys)]
    return placed


def _shared(wanted: Sequence[str], given: Sequence[str]) -> tuple[list[int], list[int]]:
    places = {name: place for place, name in enumerate(given)}
    both = [(place, places[name]) for place, name in enumerate(wanted) if name in places]
    return [place for place, _ in both], [place for _, place in both]


def _example(values: Any) -> float:
    known = np.asarray(values)[~np.isnan(values)]
    return float(known.flat[0]) if known.size else math.nan
