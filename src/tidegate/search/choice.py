"""Choice among parameter sets: which keep the bounds, which is best, and which no other beats on both counts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from tidegate.core.errors import InputError
from tidegate.core.recipe_search import Bound, SearchSettings
from tidegate.core.units import FloatArray, Int64Array, Mask

__all__ = ["SMALLER_IS_BETTER", "Judged", "closest", "judge", "merit", "pareto_front", "ranked"]

SMALLER_IS_BETTER: Final = frozenset({"volatility", "max_drawdown", "turnover"})
"""Figures that are made small where they are the objective."""
_TIES: Final = ("cagr", "max_drawdown", "turnover")


@dataclass(frozen=True, eq=False, kw_only=True)
class Judged:
    """Which sets keep the bounds.

    Parameters
    ----------
    feasible
        ``bool (n_sets,)``: may be chosen.
    feasible_by_point
        ``bool (n_sets,)``: keeps the bounds in the history that was; resampled ones are not asked.
    violations
        How far each set lies outside the bounds of a figure, by figure, ``float64 (n_sets,)`` in its unit: above 0
        outside, 0 or below inside, infinite where the set has no such figure.
    """

    feasible: Mask
    feasible_by_point: Mask
    violations: dict[str, FloatArray]


def judge(figures: Mapping[str, FloatArray], settings: SearchSettings, share_kept: FloatArray | None = None) -> Judged:
    """Hold sets against the bounds, at full precision.

    A figure that is missing satisfies no bound, and a set without the objective is never feasible.

    Parameters
    ----------
    figures
        ``float64 (n_sets,)`` by name, NaN where a set has none; at least the objective.
    settings
        Objective, bounds, and whether resampled histories are asked.
    share_kept
        ``float64 (n_sets,)``: share of resampled histories in which the set keeps the bounds, NaN where it is not
        known; needed with ``feasible_by: bootstrap``.

    Raises
    ------
    InputError
        If the objective is not among the figures, or shares are needed and missing.

    Examples
    --------
    >>> settings = SearchSettings(grid={"top_n": (5, 10)}, feasible_by="point")
    >>> figures = {"cagr": np.array([0.2, 0.3]), "max_drawdown": np.array([0.15, 0.1504])}
    >>> judge(figures, settings).feasible.tolist()
    [True, False]
    """
    objective = _figure(figures, settings.objective)
    by_point = np.asarray(np.isfinite(objective))
    violations: dict[str, FloatArray] = {}
    for name, bound in settings.constraints.items():
        violations[name] = _violation(figures, name, bound, len(objective))
        by_point = by_point & (violations[name] <= 0.0)
    feasible = by_point
    if settings.feasible_by == "bootstrap":
        if share_kept is None:
            raise InputError(
                found="no shares of resampled histories",
                expected="one for each set, since feasible_by is bootstrap",
                hint="resample the histories first, or choose feasible_by: point",
            )
        feasible = by_point & (share_kept >= settings.probability)  # false for NaN
    return Judged(feasible=feasible, feasible_by_point=by_point, violations=violations)


def merit(figures: Mapping[str, FloatArray], name: str) -> FloatArray:
    """Return a figure so that larger is better: its negative for volatility, drawdown and turnover; NaN stays."""
    values = _figure(figures, name)
    return -values if name in SMALLER_IS_BETTER else values


def ranked(
    figures: Mapping[str, FloatArray], keys: Sequence[str], objective: str, among: Mask | None = None
) -> Int64Array:
    """Return rows of sets from best to worst, whatever order they come in.

    Ties in the objective go to the larger CAGR, then to the smaller drawdown, the smaller turnover and the smaller key.
    A missing figure comes after every known one.

    Parameters
    ----------
    figures
        ``float64 (n_sets,)`` by name.
    keys
        Name of each set, each once.
    objective
        Figure that decides.
    among
        ``bool (n_sets,)``: which sets are ranked; None ranks all.

    Examples
    --------
    >>> ranked({"cagr": np.array([0.1, 0.2, np.nan, 0.2])}, ["a", "d", "b", "c"], "cagr").tolist()
    [3, 1, 0, 2]
    """
    rows = np.arange(len(keys)) if among is None else np.flatnonzero(among)
    criteria = [merit(figures, objective), *(merit(figures, name) for name in _TIES if name in figures)]
    return _ordered(rows, criteria, keys)


def closest(
    judged: Judged,
    figures: Mapping[str, FloatArray],
    keys: Sequence[str],
    settings: SearchSettings,
    share_kept: FloatArray | None = None,
) -> Int64Array:
    """Return rows of all sets from the nearest to the bounds to the farthest; ties as in :func:`ranked`.

    How far a set is off is its largest violation, each as a share of its bound, or in the unit of the figure where the
    bound is 0. Of sets that are equally far off, those come first that keep the bounds in more resampled histories,
    where these were asked.
    """
    off = np.zeros(len(keys))
    for name, outside in judged.violations.items():
        off = np.maximum(off, outside / _size(settings.constraints[name]))  # type: ignore[index]
    criteria = [merit(figures, settings.objective), *(merit(figures, name) for name in _TIES if name in figures)]
    shares = [] if share_kept is None else [share_kept]
    return _ordered(np.arange(len(keys)), [-off, *shares, *criteria], keys)


def pareto_front(cagr: FloatArray, max_drawdown: FloatArray) -> Mask:
    """Return which sets no other one beats: by as much growth and as small a drawdown, one of the two better.

    Sets with equal figures are on the front together; a set without one of the two is never on it.

    Examples
    --------
    >>> pareto_front(np.array([0.1, 0.2, 0.15, 0.2]), np.array([0.05, 0.1, 0.12, 0.11])).tolist()
    [True, True, False, False]
    """
    front = np.zeros(len(cagr), dtype=np.bool_)
    known = np.flatnonzero(np.isfinite(cagr) & np.isfinite(max_drawdown))
    if not known.size:
        return front
    order = known[np.lexsort((-cagr[known], max_drawdown[known]))]
    growth, depth = cagr[order], max_drawdown[order]
    opens = np.append(True, depth[1:] > depth[:-1])  # the first at each depth has the largest growth there
    first = np.maximum.accumulate(np.where(opens, np.arange(len(order)), 0))
    shallower = np.append(-np.inf, np.maximum.accumulate(growth))[first]
    front[order[(growth == growth[first]) & (growth > shallower)]] = True
    return front


def _figure(figures: Mapping[str, FloatArray], name: str) -> FloatArray:
    if name not in figures:
        raise InputError(
            found=f"no figure {name!r}",
            expected=f"one of {', '.join(sorted(figures))}",
            hint="choose another objective",
        )
    return figures[name]


def _violation(figures: Mapping[str, FloatArray], name: str, bound: Bound, count: int) -> FloatArray:
    values = figures.get(name, np.full(count, np.nan))
    below = -np.inf if bound.at_least is None else bound.at_least - values
    above = -np.inf if bound.at_most is None else values - bound.at_most
    return np.where(np.isnan(values), np.inf, np.maximum(below, above))


def _size(bound: Bound) -> float:
    ends = [abs(end) for end in (bound.at_least, bound.at_most) if end]
    return max(ends, default=1.0)


def _ordered(rows: Int64Array, criteria: Sequence[FloatArray], keys: Sequence[str]) -> Int64Array:
    """Return rows by descending criteria, the first deciding, NaN last, and then by ascending key."""
    names = np.array([keys[row] for row in rows], dtype=np.str_)
    return rows[np.lexsort((names, *(-values[rows] for values in reversed(criteria))))]
