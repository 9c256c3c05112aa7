"""What a search found, as plain values: ``search.json`` and ``sets.parquet``."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import polars as pl

from tidegate.core.units import FloatArray, Int64Array, Mask
from tidegate.engine.figures import binding_counts
from tidegate.search.candidates import Candidate
from tidegate.search.gathered import Gathered
from tidegate.search.runner.manifest import Entry
from tidegate.search.sets.parameter_set import text_of

__all__ = ["Choice", "entry_of", "parts_document", "sets_table"]


@dataclass(frozen=True, eq=False, kw_only=True)
class Choice:
    """Which sets may be chosen and in what order; rows are those of the gathered sets.

    Parameters
    ----------
    feasible, feasible_by_point, pareto
        ``bool (n_sets,)``.
    share_kept
        ``float64 (n_sets,)``, NaN where nobody asked.
    order
        Rows of the feasible sets from best to worst.
    by_constraint, by_objective
        Rows of all sets, the nearest to the bounds first, and the best first whatever the bounds.
    curve
        ``int64 (n_sets,)``: sets whose curves are equal share a number.
    intervals
        Where growth and drawdown of the shown sets lie, by row.
    """

    feasible: Mask
    feasible_by_point: Mask
    pareto: Mask
    share_kept: FloatArray
    order: Int64Array
    by_constraint: Int64Array
    by_objective: Int64Array
    curve: Int64Array
    intervals: Mapping[int, Mapping[str, Any]] = field(default_factory=dict)

    @property
    def recommended(self) -> int | None:
        """Row of the best feasible set; None where there is none."""
        return int(self.order[0]) if self.order.size else None

    def rank(self, row: int) -> int | None:
        """Return the place of a set among the feasible ones, from 1."""
        found = np.flatnonzero(self.order == row)
        return int(found[0]) + 1 if found.size else None

    def shown(self, top: int) -> list[int]:
        """Return the rows that are shown with their parameters: the best, or the nearest where none is feasible."""
        if self.order.size:
            return [int(row) for row in self.order[:top]]
        rows = [*self.by_constraint[:top].tolist(), *self.by_objective[:top].tolist()]
        return list(dict.fromkeys(int(row) for row in rows))


def entry_of(row: int, candidate: Candidate, gathered: Gathered, choice: Choice) -> dict[str, Any]:
    """Return one set as it is shown."""
    return {
        "number": candidate.set.number,
        "key": candidate.key,
        "origin": candidate.set.origin,
        "train_run": candidate.train_run,
        "scores": candidate.settings.scores,
        "parameters": {name: _json(value) for name, value in candidate.set.parameters.items()},
        "figures": {part: {name: _number(v[row]) for name, v in own.items()} for part, own in gathered.figures.items()},
        "share_kept": _number(choice.share_kept[row]),
        "interval": choice.intervals.get(row),
        "adjusted_p": None if gathered.adjusted is None else float(gathered.adjusted[row]),
        "rank": choice.rank(row),
    }


def parts_document(gathered: Gathered) -> dict[str, Any]:
    """Return the window and its parts."""
    times = gathered.times
    return {
        "window": {"start": int(times[0]), "end": int(times[-1]), "bars": len(times) - 1},
        "parts": [
            {"name": part.name, "start": int(times[part.first]), "end": int(times[part.stop - 1]), "bars": part.bars}
            for part in gathered.parts
        ],
    }


def sets_table(
    candidates: Sequence[Candidate],
    entries: Mapping[str, Entry],
    gathered: Gathered,
    choice: Choice,
) -> pl.DataFrame:
    """Return one row for each set of the plan, in its order; figures are null where there are none."""
    row_of = {key: row for row, key in enumerate(gathered.keys)}
    rows = np.array([row_of.get(one.key, -1) for one in candidates], dtype=np.int64)
    names = list(dict.fromkeys(name for one in candidates for name in one.set.parameters))
    places = {int(row): place for place, row in enumerate(choice.order, start=1)}
    simulated = rows >= 0
    table: dict[str, Any] = {
        "number": [one.set.number for one in candidates],
        "key": [one.key for one in candidates],
        "origin": [one.set.origin for one in candidates],
        "status": [entries[one.key].state.value for one in candidates],
        "error": pl.Series([entries[one.key].last.error for one in candidates], dtype=pl.String),
        "train_run": [one.train_run for one in candidates],
        "scores": [one.settings.scores for one in candidates],
        **{name: [text_of(one.set.parameters.get(name)) for one in candidates] for name in names},
        "parameters": [json.dumps({k: _json(v) for k, v in one.set.parameters.items()}) for one in candidates],
    }
    for part, figures in gathered.figures.items():
        for name, values in figures.items():
            table[f"{part}_{name}"] = _spread(values, rows)
    table["share_kept"] = _spread(choice.share_kept, rows)
    for name, mask in (("feasible", choice.feasible), ("feasible_by_point", choice.feasible_by_point),
                       ("pareto", choice.pareto)):  # fmt: skip
        table[name] = mask[rows] & simulated
    table["rank"] = pl.Series([places.get(int(row)) for row in rows], dtype=pl.Int64)
    none = np.full(len(gathered.keys), np.nan)
    table["adjusted_p"] = _spread(none if gathered.adjusted is None else gathered.adjusted, rows)
    table["curve"] = pl.Series([int(choice.curve[row]) if row >= 0 else None for row in rows], dtype=pl.Int64)
    table["bound"] = [json.dumps(binding_counts(gathered.counts[row])) if row >= 0 else None for row in rows]
    return pl.DataFrame(table)


def _spread(values: FloatArray, rows: Int64Array) -> pl.Series:
    spread = np.where(rows >= 0, values[rows], np.nan)
    return pl.Series(spread).fill_nan(None)


def _number(value: Any) -> float | None:
    return float(value) if np.isfinite(value) else None


def _json(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value
