"""What a search found: which set to take, what lies around it, what earlier choices would have been, what luck did."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import polars as pl

from tidegate.core.recipe import Recipe, SearchSettings
from tidegate.core.units import FloatArray, Int64Array
from tidegate.engine.inert import distinct_curves, inert_report
from tidegate.engine.setup import trial_of
from tidegate.registry.trials import TrialRecord
from tidegate.search.candidates import Candidate
from tidegate.search.choice import closest, judge, pareto_front, ranked
from tidegate.search.document import Choice, entry_of, parts_document, sets_table
from tidegate.search.gathered import Gathered
from tidegate.search.luck import luck_of
from tidegate.search.part_figures import benchmark_figures
from tidegate.search.plateau import plateau_of
from tidegate.search.resampling import History
from tidegate.search.runner.manifest import Entry
from tidegate.search.runner.states import State
from tidegate.search.sets.parameter_set import text_of
from tidegate.search.shelf import CurveShelf
from tidegate.search.yearly import YearlyChoices, yearly_choices

__all__ = ["Evidence", "Findings", "findings_of"]

_TRAINING = "training"


@dataclass(frozen=True, eq=False, kw_only=True)
class Evidence:
    """Everything that a search left, before anything is concluded from it.

    Parameters
    ----------
    recipe, settings
        What was traded, and what was asked.
    candidates, entries
        Every candidate of the plan, and what the manifest knows of it by key.
    done
        Those that were simulated, in the order of the gathered keys.
    shelf, gathered
        Their curves, and what was read of them.
    own_trials, trials
        Fingerprints of these, and everything that was tried in this market on a stretch of time that overlaps.
    bars_per_year
        What figures are annualised by.
    """

    recipe: Recipe
    settings: SearchSettings
    candidates: Sequence[Candidate]
    entries: Mapping[str, Entry]
    done: Sequence[Candidate]
    shelf: CurveShelf
    gathered: Gathered
    own_trials: Set[str]
    trials: Sequence[TrialRecord]
    bars_per_year: float

    def pieces(self) -> Iterator[tuple[Sequence[int], FloatArray]]:
        """Yield numbers of some sets and their equity, file by file."""
        number = {one.key: one.set.number for one in self.done}
        for file in self.shelf.read(self.gathered.keys):
            yield [number[key] for key in file.keys], file.equity


@dataclass(frozen=True, eq=False, kw_only=True)
class Findings:
    """Files of a finished search: ``search.json``, ``sets.parquet`` and ``curves.parquet``."""

    document: dict[str, Any]
    sets: pl.DataFrame
    curves: pl.DataFrame

    def metrics(self) -> dict[str, Any]:
        """Return what the run is listed with."""
        best = self.document["recommended"]
        return {
            "counts": self.document["counts"],
            "met": self.document["met"],
            "recommended": None if best is None else {"number": best["number"], "parameters": best["parameters"]},
            "figures": None if best is None else best["figures"],
            "verdict": self.document["luck"]["verdict"],
            "train_runs": sorted({*self.sets["train_run"].to_list()}),
        }


def findings_of(found: Evidence) -> Findings:
    """Conclude from the evidence; only the training part of the window decides which set is recommended."""
    gathered, settings = found.gathered, found.settings
    choice = _choice(found)
    years = yearly_choices(
        gathered.times, found.pieces(), {one.set.number: one.set for one in found.done}, settings,
        bars_per_year=found.bars_per_year, benchmark=gathered.benchmark,
    )  # fmt: skip
    luck = luck_of(gathered, choice.recommended, settings, found.trials, found.own_trials)
    entry = {row: entry_of(row, found.done[row], gathered, choice) for row in choice.shown(settings.top)}
    document = {
        **parts_document(gathered),
        **_asked(settings),
        "benchmark": benchmark_figures(gathered.times, gathered.benchmark, gathered.parts, found.bars_per_year),
        "counts": _counts(found, choice),
        "searched": _searched(found.candidates),
        "met": choice.recommended is not None,
        "recommended": None if choice.recommended is None else entry[choice.recommended],
        "top": [entry[int(row)] for row in choice.order[: settings.top]],
        "nearest": _nearest(choice, entry, settings.top),
        "errors": _errors(found),
        "luck": {**luck, "own": _numbered(luck["own"], found.done), "final": _final(choice, entry)},
        "plateau": _plateau(found, choice),
        "inert": _inert(found),
        "duplicates": _duplicates(choice.curve, found.done),
        "years": years.years,
        "nested": years.nested if settings.nested else None,
        "notes": {},
    }
    return Findings(
        document=document,
        sets=sets_table(found.candidates, found.entries, gathered, choice),
        curves=_curves(found, years, entry),
    )


def _choice(found: Evidence) -> Choice:
    gathered, settings, keys = found.gathered, found.settings, found.gathered.keys
    training = gathered.figures[_TRAINING]
    history = History(found.shelf, gathered, settings, found.recipe.seed)
    shares = history.shares_kept()
    judged = judge(training, settings, shares)
    choice = Choice(
        feasible=judged.feasible,
        feasible_by_point=judged.feasible_by_point,
        pareto=pareto_front(training["cagr"], training["max_drawdown"]),
        share_kept=shares,
        order=ranked(training, keys, settings.objective, among=judged.feasible),
        by_constraint=closest(judged, training, keys, settings, shares),
        by_objective=ranked(training, keys, settings.objective),
        curve=distinct_curves(gathered.equity),
    )
    return replace(choice, intervals=history.intervals(choice.shown(settings.top)))


def _asked(settings: SearchSettings) -> dict[str, Any]:
    return {
        "objective": settings.objective,
        "constraints": {name: bound.model_dump() for name, bound in settings.constraints.items()},
        "feasible_by": settings.feasible_by,
        "probability": settings.probability,
        "replicates": settings.replicates,
        "block_bars": settings.block_bars,
    }


def _counts(found: Evidence, choice: Choice) -> dict[str, int]:
    states = [entry.state for entry in found.entries.values()]
    return {
        "total": len(found.candidates),
        "succeeded": len(found.done),
        "failed": sum(state in {State.FAILED, State.TIMEOUT, State.STUCK, State.CANCELLED} for state in states),
        "missing_score": states.count(State.MISSING_SCORE),
        "duplicate": states.count(State.DUPLICATE),
        "feasible": int(choice.feasible.sum()),
        "feasible_by_point": int(choice.feasible_by_point.sum()),
        "distinct_curves": len(np.unique(choice.curve)),
    }


def _searched(candidates: Sequence[Candidate]) -> dict[str, list[str]]:
    values: dict[str, dict[str, None]] = {}
    for one in candidates:
        for name, value in one.set.parameters.items():
            values.setdefault(name, {})[text_of(value)] = None
    return {name: list(texts) for name, texts in values.items()}


def _nearest(choice: Choice, entry: Mapping[int, dict[str, Any]], top: int) -> dict[str, Any]:
    if choice.recommended is not None:
        return {"by_constraint": [], "by_objective": []}
    return {
        "by_constraint": [entry[int(row)] for row in choice.by_constraint[:top]],
        "by_objective": [entry[int(row)] for row in choice.by_objective[:top]],
    }


def _errors(found: Evidence) -> list[dict[str, Any]]:
    return [
        {"key": one.key, "number": one.set.number, "train_run": one.train_run, "status": entry.state.value,
         "reason": _reason(entry)}
        for one in found.candidates
        if (entry := found.entries[one.key]).state is not State.SUCCESS
    ]  # fmt: skip


def _reason(entry: Entry) -> str | None:
    same = entry.last.same_as
    return entry.last.error if same is None else f"the same in everything that decides as {same}, which is done"


def _numbered(own: dict[str, Any] | None, done: Sequence[Candidate]) -> dict[str, Any] | None:
    return None if own is None else {"number": done[own["row"]].set.number, "adjusted_p": own["adjusted_p"]}


def _final(choice: Choice, entry: Mapping[int, dict[str, Any]]) -> dict[str, Any] | None:
    if choice.recommended is None:
        return None
    figures: dict[str, Any] | None = entry[choice.recommended]["figures"].get("final")
    return figures


def _plateau(found: Evidence, choice: Choice) -> dict[str, Any]:
    best = choice.recommended if choice.recommended is not None else int(choice.by_objective[0])
    sets = [one.set for one in found.done]
    training = found.gathered.figures[_TRAINING]
    return plateau_of(sets, training, choice.feasible, best, found.settings.objective, curves=choice.curve)


def _inert(found: Evidence) -> list[dict[str, Any]]:
    """Return what each searched parameter did, other things equal; runs of training differ in more than parameters."""
    if len({one.train_run for one in found.done}) > 1:
        return []
    trial = trial_of(found.recipe)
    trials = [replace(trial, settings=one.settings) for one in found.done]
    return [
        {
            "parameter": one.parameter,
            "values": list(one.values),
            "groups": one.groups,
            "unmoved": one.unmoved,
            "curves": one.curves,
            "why": None if one.why is None else one.why.value,
            "inert": one.is_inert,
        }
        for one in inert_report(trials, found.gathered)
    ]


def _duplicates(curve: Int64Array, done: Sequence[Candidate]) -> list[list[int]]:
    members: dict[int, list[int]] = {}
    for row, leader in enumerate(curve.tolist()):
        members.setdefault(leader, []).append(done[row].set.number)
    return [numbers for numbers in members.values() if len(numbers) > 1]


def _curves(found: Evidence, years: YearlyChoices, entry: Mapping[int, dict[str, Any]]) -> pl.DataFrame:
    gathered = found.gathered
    columns: dict[str, Any] = {
        "time": pl.from_epoch(pl.Series(gathered.times), time_unit="us").dt.replace_time_zone("UTC")
    }
    columns["benchmark"] = gathered.benchmark
    number = {found.done[row].key: found.done[row].set.number for row in entry}
    for file in found.shelf.read(list(number)):
        columns |= {f"set_{number[key]}": file.equity[:, column] for column, key in enumerate(file.keys)}
    if found.settings.nested:
        columns["nested"] = pl.Series(years.equity).fill_nan(None)
    return pl.DataFrame(columns)
