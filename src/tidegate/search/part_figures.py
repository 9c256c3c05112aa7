"""Figures of sets over one part of the window."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tidegate.core.time import DAY
from tidegate.core.units import FloatArray, Int64Array
from tidegate.evaluate.curves import curve_figures
from tidegate.search.parts import Part
from tidegate.search.shelf import CurveFile

__all__ = ["benchmark_figures", "part_figures", "window_figures"]

_YEAR = 365.25 * DAY


def part_figures(file: CurveFile, part: Part, bars_per_year: float) -> dict[str, FloatArray]:
    """Return every figure that a set may be judged by, over one part, ``float64 (n_sets,)`` each.

    The turnover is known in the training part alone, and where somebody asked for it: NaN elsewhere.
    """
    traded = file.traded_in_training if part.name == "training" else np.full(len(file.keys), np.nan)
    return _figures(file, part.rows, bars_per_year, traded)


def window_figures(file: CurveFile, bars_per_year: float) -> dict[str, FloatArray]:
    """Return the same over the whole window."""
    return _figures(file, slice(0, len(file.times)), bars_per_year, file.traded)


def _figures(file: CurveFile, rows: slice, bars_per_year: float, traded: FloatArray) -> dict[str, FloatArray]:
    times, equity = file.times[rows], file.equity[rows]
    figures = curve_figures(times, equity, bars_per_year, file.benchmark[rows])
    return {**figures, "turnover": _turnover(times, equity, traded)}


def _turnover(times: Int64Array, equity: FloatArray, traded: FloatArray) -> FloatArray:
    """Return the value bought and sold in a year as a multiple of the mean equity."""
    turnover: FloatArray = traded / equity.mean(axis=0) / (float(times[-1] - times[0]) / _YEAR)
    return turnover


def benchmark_figures(
    times: Int64Array, benchmark: FloatArray, parts: Sequence[Part], bars_per_year: float
) -> dict[str, dict[str, float | None]]:
    """Return the benchmark's figures by part and over the whole window, as plain values."""
    found = {}
    for name, rows in [*((part.name, part.rows) for part in parts), ("window", slice(0, len(times)))]:
        figures = curve_figures(times[rows], benchmark[rows, None], bars_per_year)
        found[str(name)] = {k: float(v[0]) if np.isfinite(v[0]) else None for k, v in figures.items()}
    return found
