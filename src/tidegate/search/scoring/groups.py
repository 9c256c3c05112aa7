"""Which runs of a manifest are one: the same work, or the same figures though the parameters differ."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from tidegate.core.recipe_search import FIGURES
from tidegate.search.scoring.scored_runs import ScoredRun

__all__ = ["EqualRuns", "Unmoved", "equal_runs", "place_of", "result_of", "unmoved_parameters", "varied", "work_of"]

_LONGEST_NUMBER: Final = 20


@dataclass(frozen=True, kw_only=True)
class EqualRuns:
    """Runs whose figures are equal to the last digit.

    Parameters
    ----------
    ids
        The runs, in order.
    parameters
        What differs between them, and did nothing: the values by name, as text.
    """

    ids: tuple[str, ...]
    parameters: Mapping[str, tuple[str, ...]]

    def as_dict(self) -> dict[str, Any]:
        """Return plain values."""
        return {"ids": list(self.ids), "parameters": {name: list(each) for name, each in self.parameters.items()}}


@dataclass(frozen=True, kw_only=True)
class Unmoved:
    """A parameter that is likely inert: runs that differ in it alone have equal figures.

    Parameters
    ----------
    parameter, values
        Its name, and the values that were tried, as text.
    groups, unmoved
        Groups of runs that differ in this parameter alone, and how many of them have one and the same result.
    """

    parameter: str
    values: tuple[str, ...]
    groups: int
    unmoved: int

    def as_dict(self) -> dict[str, Any]:
        """Return plain values."""
        return {**vars(self), "values": list(self.values)}


def work_of(run: ScoredRun) -> tuple[Any, ...]:
    """Return what a run did; one of which nothing is known but its id is like no other."""
    if run.train is None and not run.parameters:
        return (run.id,)
    return run.train, *sorted((name, _text(value)) for name, value in run.parameters.items())


def equal_runs(runs: Sequence[ScoredRun]) -> tuple[EqualRuns, ...]:
    """Return the groups of runs whose figures are equal, in the order of their first ids."""
    groups: dict[tuple[Any, ...], list[ScoredRun]] = defaultdict(list)
    for run in sorted(runs, key=lambda one: place_of(one.id)):
        groups[result_of(run)].append(run)
    return tuple(
        EqualRuns(ids=tuple(run.id for run in group), parameters=varied(group))
        for group in groups.values()
        if len(group) > 1
    )


def unmoved_parameters(runs: Sequence[ScoredRun]) -> tuple[Unmoved, ...]:
    """Return each parameter that changed nothing, other things equal, for at least some runs."""
    differing, found = varied(runs), []
    for name, values in sorted(differing.items()):
        alike: dict[tuple[str, ...], list[ScoredRun]] = defaultdict(list)
        for run in runs:
            own = _settings(run)
            alike[tuple(own.get(other, "") for other in differing if other != name)].append(run)
        groups = [group for group in alike.values() if len(group) > 1]
        unmoved = sum(len({result_of(run) for run in group}) == 1 for group in groups)
        if unmoved:
            found.append(Unmoved(parameter=name, values=values, groups=len(groups), unmoved=unmoved))
    return tuple(found)


def varied(runs: Iterable[ScoredRun]) -> dict[str, tuple[str, ...]]:
    """Return the values of each parameter that is not the same in all runs, as text, in order of appearance."""
    own = [_settings(run) for run in runs]
    names = dict.fromkeys(name for one in own for name in one)
    values = {name: tuple(dict.fromkeys(one.get(name, "") for one in own)) for name in names}
    return {name: each for name, each in values.items() if len(each) > 1}


def _settings(run: ScoredRun) -> dict[str, str]:
    train = {} if run.train is None else {"train": run.train}
    return {**train, **{name: _text(value) for name, value in run.parameters.items()}}


def result_of(run: ScoredRun) -> tuple[Any, ...]:
    """Return the figures of a run, which equal runs share to the last digit."""
    return tuple(run.figures.get(name) for name in FIGURES)


def _text(value: Any) -> str:
    """Return a value so that 0.40, "0.4" and 0.4 read alike, and true and "True"."""
    text = str(value).strip()
    try:
        return f"{float(text):.12g}"
    except ValueError:
        return text.lower() if text.lower() in {"true", "false"} else text


def place_of(identifier: str) -> str:
    """Return a text that orders numbers by size, and before names."""
    return identifier.zfill(_LONGEST_NUMBER) if identifier.isdecimal() else f"~{identifier}"
