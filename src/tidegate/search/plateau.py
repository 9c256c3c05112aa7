"""Is the best set a peak or part of a plateau: how its neighbours did, and tables of each pair of parameters."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any, Final

import numpy as np

from tidegate.core.units import FloatArray, Int64Array, Mask
from tidegate.search.choice import SMALLER_IS_BETTER, merit
from tidegate.search.sets.parameter_set import ParameterSet, Value, text_of

__all__ = ["FEW_NEIGHBOURS", "PEAK", "PLATEAU", "plateau_of"]

PLATEAU: Final = "plateau"
PEAK: Final = "peak"
FEW_NEIGHBOURS: Final = "few_neighbours"
_FEWEST: Final = 3
_KEPT: Final = 0.8
_FEASIBLE: Final = 0.5
_MOST_VALUES: Final = 20
_BINS: Final = 12
_SLICE_FILLED: Final = 0.5


def plateau_of(
    sets: Sequence[ParameterSet],
    figures: Mapping[str, FloatArray],
    feasible: Mask,
    best: int,
    objective: str,
    *,
    curves: Int64Array | None = None,
) -> dict[str, Any]:
    """Look at the sets around the best one.

    Neighbours are the sets that differ from it in one parameter alone and are the next on that line: the nearest
    smaller and the nearest larger number, or any other value where values are no numbers. A neighbour whose account is
    the same, close by close, says only that the parameter did nothing, and does not count.

    It is a *plateau* where the median neighbour loses at most a fifth of the best set's objective and at least half of
    the neighbours keep the bounds; otherwise a *peak*; with fewer than three neighbours, neither. With ``b`` the
    objective of the best set, ``m`` that of the median neighbour and ``a`` that of the median set, the share kept is

    ``1 - (b - m) / max(|b|, b - a)``,

    which is ``m / b`` where the median set earns something, and makes sense as well where all sets lose, or where small
    is good (such signs are turned first). A set without the objective, such as a ruined one, has lost everything.

    Parameters
    ----------
    sets
        Those that were simulated.
    figures
        ``float64 (n_sets,)`` by name, in this order; at least the objective and ``max_drawdown``.
    feasible
        ``bool (n_sets,)``: which keep the bounds.
    best
        Row of the best set.
    objective
        Name of its figure.
    curves
        ``int64 (n_sets,)``: sets with equal accounts share a number; None where nobody looked.

    Returns
    -------
    dict
        Plain values: ``finding``; ``best``, a number; ``share_of_best``, None where there is none, above 1 where
        neighbours that may break the bounds did better; ``neighbours``; and ``heatmaps``, one for each pair of
        parameters that are numbers, with rows by ``y`` and None in cells without a set. Their ``others`` say how a cell
        is filled: ``as_in_the_best`` by the set whose other parameters are those of the best; ``best_of_each_cell``,
        where few such sets were tried, by the best of all its sets, those that keep the bounds first. More than 20
        values of a parameter are put into 12 bins of equally many, called by the middle one.
    """
    lattice = _Lattice(sets, figures, feasible, best, objective)
    neighbours = [_neighbour(lattice, name, row, curves) for name, row in _around(lattice)]
    counted = [one for one in neighbours if not one["same_account"]]
    share = _share_kept(lattice, counted)
    return {
        "finding": _finding(counted, share),
        "best": sets[best].number,
        "neighbours": neighbours,
        "share_of_best": share,
        "heatmaps": [_heatmap(lattice, x, y) for x, y in combinations(lattice.axes, 2)],
    }


class _Lattice:
    """The sets by their parameters: each value as its text, so that rounding errors tell no two apart."""

    def __init__(
        self,
        sets: Sequence[ParameterSet],
        figures: Mapping[str, FloatArray],
        feasible: Mask,
        best: int,
        objective: str,
    ) -> None:
        self.sets, self.feasible, self.best = sets, feasible, best
        self.objective, self.depth = figures[objective], figures["max_drawdown"]
        self.merit = np.where(np.isnan(self.objective), -np.inf, merit(figures, objective))
        self.sign = -1.0 if objective in SMALLER_IS_BETTER else 1.0
        self.names = tuple(sets[best].parameters)
        texts = [[text_of(_number_or_value(one.parameters[name])) for name in self.names] for one in sets]
        self.texts = np.array(texts, dtype=np.str_).reshape(len(sets), len(self.names))
        self.differs = self.texts != self.texts[best]
        self.axes = {name: axis for name in self.names if (axis := self._axis(name)) is not None}

    def value(self, row: int, name: str) -> Value:
        return self.sets[row].parameters[name]

    def _axis(self, name: str) -> _Axis | None:
        """Return the values of a parameter in order; None where they are no numbers, or only one."""
        values = [one.parameters[name] for one in self.sets]
        if not all(_is_number(value) for value in values):
            return None
        column = self.texts[:, self.names.index(name)]
        of_text = {text: float(value) for text, value in zip(column.tolist(), values, strict=True)}  # type: ignore[arg-type]
        ordered = sorted(of_text, key=of_text.__getitem__)
        if len(ordered) < 2:
            return None
        bins = [[text] for text in ordered] if len(ordered) <= _MOST_VALUES else _binned(ordered)
        place = {text: number for number, members in enumerate(bins) for text in members}
        middles = [of_text[members[len(members) // 2]] for members in bins]
        return _Axis(
            values=[_as_tried(value) for value in middles],
            place=np.array([place[text] for text in column.tolist()]),
            binned=len(ordered) > _MOST_VALUES,
        )


@dataclass(frozen=True, eq=False, kw_only=True)
class _Axis:
    """Values of one parameter in ascending order, and at which of them each set is."""

    values: list[float | int]
    place: Int64Array
    binned: bool


def _around(lattice: _Lattice) -> list[tuple[str, int]]:
    """Return parameter and row of each neighbour, by parameter and then by row."""
    alone = lattice.differs.sum(axis=1) == 1
    found: list[tuple[str, int]] = []
    for column, name in enumerate(lattice.names):
        rows = np.flatnonzero(alone & lattice.differs[:, column])
        values = [lattice.value(row, name) for row in (*rows.tolist(), lattice.best)]
        found += [(name, row) for row in (_nearest(rows, values) if all(map(_is_number, values)) else rows.tolist())]
    return found


def _nearest(rows: Int64Array, values: Sequence[Any]) -> list[int]:
    """Return the rows with the nearest smaller and the nearest larger value; the last value is that of the best."""
    steps = np.array([float(value) for value in values[:-1]]) - float(values[-1])
    ends = [(side, np.abs(steps[side]).min()) for side in (steps < 0.0, steps > 0.0) if side.any()]
    kept = np.zeros(len(rows), dtype=np.bool_)
    for side, least in ends:
        kept |= side & (np.abs(steps) <= least)
    return [int(row) for row in rows[kept]]


def _neighbour(lattice: _Lattice, name: str, row: int, curves: Int64Array | None) -> dict[str, Any]:
    return {
        "number": lattice.sets[row].number,
        "parameter": name,
        "from": _plain_value(lattice.value(lattice.best, name)),
        "to": _plain_value(lattice.value(row, name)),
        "objective": _plain(lattice.objective[row]),
        "max_drawdown": _plain(lattice.depth[row]),
        "feasible": bool(lattice.feasible[row]),
        "same_account": curves is not None and bool(curves[row] == curves[lattice.best]),
    }


def _share_kept(lattice: _Lattice, neighbours: Sequence[Mapping[str, Any]]) -> float | None:
    if not neighbours:
        return None
    told = [one["objective"] for one in neighbours]
    middle = float(np.median([-np.inf if value is None else lattice.sign * value for value in told]))
    best = float(lattice.merit[lattice.best])
    known = lattice.merit[np.isfinite(lattice.merit)]
    if not (math.isfinite(middle) and math.isfinite(best)):
        return None
    scale = max(abs(best), best - float(np.median(known)))
    return 1.0 - (best - middle) / scale if scale > 0.0 else 1.0


def _finding(neighbours: Sequence[Mapping[str, Any]], share: float | None) -> str:
    if len(neighbours) < _FEWEST:
        return FEW_NEIGHBOURS
    within = sum(one["feasible"] for one in neighbours) / len(neighbours)
    return PLATEAU if share is not None and share >= _KEPT and within >= _FEASIBLE else PEAK


def _heatmap(lattice: _Lattice, x: str, y: str) -> dict[str, Any]:
    across, down = lattice.axes[x], lattice.axes[y]
    shape = (len(down.values), len(across.values))
    others = [place for place, name in enumerate(lattice.names) if name not in (x, y)]
    same = ~lattice.differs[:, others].any(axis=1)
    cells = _cells(lattice, across, down, np.flatnonzero(same))
    sliced = not (across.binned or down.binned) and len(cells) >= _SLICE_FILLED * shape[0] * shape[1]
    if not sliced:
        cells = _cells(lattice, across, down, np.arange(len(lattice.sets)))
    table: dict[str, list[list[Any]]] = {
        name: [[None] * shape[1] for _ in range(shape[0])] for name in ("objective", "max_drawdown", "feasible")
    }
    for (row, column), member in cells.items():
        table["objective"][row][column] = _plain(lattice.objective[member])
        table["max_drawdown"][row][column] = _plain(lattice.depth[member])
        table["feasible"][row][column] = bool(lattice.feasible[member])
    best = [across.values[across.place[lattice.best]], down.values[down.place[lattice.best]]]
    named = {"x": x, "y": y, "x_values": across.values, "y_values": down.values}
    return {**named, **table, "best": best, "others": "as_in_the_best" if sliced else "best_of_each_cell"}


def _cells(lattice: _Lattice, across: _Axis, down: _Axis, rows: Int64Array) -> dict[tuple[int, int], int]:
    """Return the set of each cell: one that keeps the bounds before one that does not, then by the objective."""
    worst_first = rows[np.lexsort((-rows, lattice.merit[rows], lattice.feasible[rows]))]
    return {(int(down.place[row]), int(across.place[row])): int(row) for row in worst_first}


def _binned(ordered: Sequence[str]) -> list[list[str]]:
    return [list(map(str, part)) for part in np.array_split(np.array(ordered), _BINS)]


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _number_or_value(value: Value) -> Value:
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _as_tried(value: float) -> float | int:
    return int(value) if value.is_integer() else value


def _plain_value(value: Value) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _plain(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
