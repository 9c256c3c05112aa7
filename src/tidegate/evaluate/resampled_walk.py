"""The walk through resampled histories as compiled code: growth and deepest fall of many curves at once."""

from __future__ import annotations

from typing import Any

from tidegate.core.compiled import compiled
from tidegate.core.units import Float32Array, FloatArray

__all__ = ["walk_histories"]


@compiled
def walk_histories(
    growth: FloatArray,
    rows: Any,
    level: FloatArray,
    below: FloatArray,
    deepest: FloatArray,
    ends: FloatArray,
    max_drawdown: Float32Array,
) -> None:
    """Walk every history and write the last level and the largest fall of each curve.

    A fall needs no peak to be remembered: with ``u`` the level as a share of the highest so far,
    ``u_t = min(1, u_{t-1} * g_t)``.

    Parameters
    ----------
    growth
        ``float64 (n_bars, n_sets)``: level at the end of each bar over that at its beginning, 0 or more.
    rows
        ``int32 (n_replicates, n_bars)``: which bar comes when; each a row of ``growth``.
    level, below, deepest
        ``float64 (n_sets,)`` to work in.
    ends, max_drawdown
        ``float64`` and ``float32``, both ``(n_replicates, n_sets)``: written.
    """
    for replicate in range(rows.shape[0]):
        for column in range(growth.shape[1]):
            level[column] = 1.0
            below[column] = 1.0
            deepest[column] = 1.0
        for bar in range(rows.shape[1]):
            row = rows[replicate, bar]
            for column in range(growth.shape[1]):
                step = growth[row, column]
                level[column] *= step
                under = below[column] * step
                under = under if under < 1.0 else 1.0
                below[column] = under
                deepest[column] = under if under < deepest[column] else deepest[column]
        for column in range(growth.shape[1]):
            ends[replicate, column] = level[column]
            max_drawdown[replicate, column] = 1.0 - deepest[column]
