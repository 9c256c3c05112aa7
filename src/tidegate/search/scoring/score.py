"""Scores of a manifest: which runs keep the drawdown limit, which of them is best, and why the others do not count.

The scorer that this one stands in for took a missing drawdown for 0, a failed run for a good one, and two lines about
one run for two runs (E.8, H 7). Here a run is scored or has a reason why not.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np

from tidegate.core.errors import InputError
from tidegate.core.recipe_search import FIGURES
from tidegate.core.time import format_instant
from tidegate.search.choice import ranked
from tidegate.search.scoring.groups import (
    EqualRuns,
    Unmoved,
    equal_runs,
    place_of,
    result_of,
    unmoved_parameters,
    work_of,
)
from tidegate.search.scoring.scored_runs import Asked, Listed, Origin, ScoredRun
from tidegate.search.scoring.sources import read_runs

__all__ = ["Score", "judge_runs", "score_manifest"]

_NEEDED: Final = ("cagr", "max_drawdown")
_ROUNDING: Final = 0.0005
"""Half of the 0.1 point to which LEAN rounds drawdowns."""


@dataclass(frozen=True, kw_only=True)
class Score:
    """What a manifest is worth.

    Parameters
    ----------
    origin
        Whose backtests they are.
    objective, max_drawdown, top
        What was made as large as possible, the limit as a fraction, and how many runs are shown.
    scored
        Runs with figures, the best first: by the objective, then the larger CAGR, the smaller drawdown, the smaller
        turnover and the smaller id.
    rejected
        Runs without, each with its reason, in the order of the manifest.
    equal, unmoved
        Runs with equal figures, and the parameters that are likely inert.
    is_closed
        Whether the manifest says that nothing more comes.
    """

    origin: Origin
    objective: str
    max_drawdown: float
    top: int
    scored: tuple[ScoredRun, ...]
    rejected: tuple[ScoredRun, ...]
    equal: tuple[EqualRuns, ...]
    unmoved: tuple[Unmoved, ...]
    is_closed: bool = True

    @property
    def feasible(self) -> tuple[ScoredRun, ...]:
        """Scored runs within the limit, the best first."""
        return tuple(run for run in self.scored if _figure(run, "max_drawdown") <= self.max_drawdown)

    @property
    def met(self) -> bool:
        """Whether any run keeps the limit."""
        return bool(self.feasible)

    @property
    def recommended(self) -> ScoredRun | None:
        """The best run within the limit."""
        return next(iter(self.feasible), None)

    @property
    def nearest(self) -> dict[str, tuple[ScoredRun, ...]]:
        """What is shown where no run keeps the limit: the smallest drawdowns, and the best whatever they lost."""
        shallow = _in_order(self.scored, "max_drawdown")
        return {"by_drawdown": shallow[: self.top], "by_objective": self.scored[: self.top]}

    def may_exceed(self, run: ScoredRun) -> bool:
        """Whether a run keeps the limit only as it is printed: its drawdown is rounded, and may lie above."""
        depth = _figure(run, "max_drawdown")
        return run.is_drawdown_rounded and depth <= self.max_drawdown < depth + _ROUNDING

    def as_dict(self) -> dict[str, Any]:
        """Return plain values."""
        best, feasible = self.recommended, self.feasible
        near = {name: [self._entry(run) for run in runs] for name, runs in self.nearest.items()}
        return {
            "origin": self.origin,
            "objective": self.objective,
            "max_drawdown": self.max_drawdown,
            "counts": {
                "total": len(self.scored) + len(self.rejected),
                "scored": len(self.scored),
                "rejected": len(self.rejected),
                "feasible": len(feasible),
            },
            "met": self.met,
            "recommended": None if best is None else self._entry(best),
            "top": [self._entry(run) for run in feasible[: self.top]],
            "nearest": None if feasible else near,
            "equal": [one.as_dict() for one in self.equal],
            "inert": [one.as_dict() for one in self.unmoved],
            "rejected": [{"id": run.id, "train": run.train, "reason": run.reason} for run in self.rejected],
            "scored": [self._entry(run) for run in self.scored],
            "notes": self.notes(),
        }

    def notes(self) -> list[str]:
        """Return what a reader of the numbers must know."""
        said = []
        on_the_edge = [run for run in self.feasible if self.may_exceed(run)]
        if on_the_edge:
            printed = _figure(on_the_edge[0], "max_drawdown")  # one value: no two of them lie so near to the limit
            said.append(
                f"LEAN rounds drawdowns to 0.1 point: {printed:.1%} stands for anything below "
                f"{printed + _ROUNDING:.2%}. Within the limit of {self.max_drawdown:.4g} as printed, and perhaps not "
                f"in truth: {_listed([run.id for run in on_the_edge])}."
            )
        windows = Counter(_window(run) for run in self.scored)
        if len(windows) > 1:
            told = ", ".join(f"{window} ({count})" for window, count in sorted(windows.items()))
            said.append(f"The runs are of {len(windows)} windows, and their figures do not compare: {told}.")
        if not self.is_closed:
            said.append("The search is still under way or was stopped: its manifest is not closed.")
        if len(self.scored) > 1:
            said.append(_luck(self))
        return said

    def _entry(self, run: ScoredRun) -> dict[str, Any]:
        return {**run.as_dict(), "may_exceed": self.may_exceed(run)}


def score_manifest(
    source: Path,
    *,
    max_drawdown: float = 0.15,
    objective: str = "cagr",
    top: int = 3,
    artifacts: Path | None = None,
    asked: Asked = (None, None),
) -> Score:
    """Score the runs of a manifest, ours or of LEAN, or a folder of LEAN's results.

    Parameters
    ----------
    source, artifacts, asked
        As for :func:`~tidegate.search.scoring.sources.read_runs`.
    max_drawdown, objective, top
        As for :func:`judge_runs`.

    Raises
    ------
    InputError
        If an argument is out of range, there is no such file, it lists no run, or it is damaged.
    """
    _require(max_drawdown, objective, top)
    listed = read_runs(source, artifacts=artifacts, asked=asked)
    return judge_runs(listed, max_drawdown=max_drawdown, objective=objective, top=top)


def judge_runs(listed: Listed, *, max_drawdown: float = 0.15, objective: str = "cagr", top: int = 3) -> Score:
    """Rank runs under a drawdown limit.

    A run without the objective, CAGR or drawdown is not scored. Of runs that did the same work, the first id counts: a
    run that is repeated gets no second chance.

    Parameters
    ----------
    max_drawdown
        Largest drawdown that is allowed, a fraction; figures are held against it as exactly as they are known.
    objective
        Figure that decides, one of :data:`~tidegate.core.recipe_search.FIGURES`.
    top
        How many runs are shown.

    Raises
    ------
    InputError
        If an argument is out of range.

    Examples
    --------
    >>> deep = ScoredRun(id="1", figures={"cagr": 0.2, "max_drawdown": 0.1504})
    >>> fair = ScoredRun(id="2", figures={"cagr": 0.1, "max_drawdown": 0.15})
    >>> score = judge_runs(Listed(origin="lean", runs=(deep, fair)))
    >>> score.met, [run.id for run in score.feasible]
    (True, ['2'])
    """
    _require(max_drawdown, objective, top)
    judged = [_checked(run, objective) for run in listed.runs]
    if listed.origin == "lean":  # a key of ours says what the work is, and is there once
        judged = _without_copies(judged)
    scored = _in_order([run for run in judged if run.reason is None], objective)
    return Score(
        origin=listed.origin,
        objective=objective,
        max_drawdown=max_drawdown,
        top=top,
        scored=scored,
        rejected=tuple(run for run in judged if run.reason is not None),
        equal=equal_runs(scored),
        unmoved=unmoved_parameters(scored),
        is_closed=listed.is_closed,
    )


def _require(max_drawdown: float, objective: str, top: int) -> None:
    if not 0.0 <= max_drawdown <= 1.0:
        raise InputError(
            found=f"a drawdown limit of {max_drawdown}", expected="a fraction from 0 to 1", hint="0.15 is 15 %"
        )
    if objective not in FIGURES:
        raise InputError(
            found=f"objective {objective!r}", expected=f"one of {', '.join(FIGURES)}", hint="cagr is the usual one"
        )
    if top < 1:
        raise InputError(found=f"top {top}", expected="at least 1", hint="3 is the usual number")


def _checked(run: ScoredRun, objective: str) -> ScoredRun:
    if run.reason is not None:
        return run
    missing = [name for name in dict.fromkeys((*_NEEDED, objective)) if run.figures.get(name) is None]
    depth = run.figures.get("max_drawdown")
    if missing:
        return replace(run, reason=f"no figure {', '.join(missing)}; a missing figure is not 0")
    if depth is not None and not 0.0 <= depth <= 1.0:
        return replace(run, reason=f"a drawdown of {depth:g}, which no account has")
    return run


def _without_copies(runs: Sequence[ScoredRun]) -> list[ScoredRun]:
    """Give every run that repeats the work of a scored one with a smaller id a reason."""
    first: dict[tuple[Any, ...], ScoredRun] = {}
    for run in sorted(runs, key=lambda one: place_of(one.id)):
        if run.reason is None:
            first.setdefault(work_of(run), run)
    return [_copy_of(first[work_of(run)], run) if run.reason is None else run for run in runs]


def _copy_of(first: ScoredRun, run: ScoredRun) -> ScoredRun:
    if first.id == run.id:
        return run
    differ = "" if result_of(first) == result_of(run) else ", whose figures are others"
    return replace(run, reason=f"the same work as run {first.id}{differ}")


def _in_order(runs: Sequence[ScoredRun], objective: str) -> tuple[ScoredRun, ...]:
    figures = {
        name: np.array([math.nan if (known := run.figures.get(name)) is None else known for run in runs], dtype=float)
        for name in dict.fromkeys((objective, *_NEEDED, "turnover"))
    }
    return tuple(runs[row] for row in ranked(figures, [place_of(run.id) for run in runs], objective).tolist())


def _figure(run: ScoredRun, name: str) -> float:
    known = run.figures.get(name)
    return math.nan if known is None else known


def _window(run: ScoredRun) -> str:
    if run.start is None or run.end is None:
        return "unknown"
    return f"{format_instant(run.start)[:10]} to {format_instant(run.end)[:10]}"


def _listed(ids: Sequence[str], most: int = 5) -> str:
    more = f" and {len(ids) - most} more" if len(ids) > most else ""
    return f"{', '.join(ids[:most])}{more}"


def _luck(score: Score) -> str:
    said = f"The best of {len(score.scored)} runs on one window is in part the luckiest"
    if score.origin == "tidegate":
        return f"{said}; how much of it is luck stands in the report of the search."
    return f"{said}, and LEAN's figures do not tell how much; tidegate search does."
