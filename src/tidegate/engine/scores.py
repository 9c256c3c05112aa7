"""Scores of a training run, laid on the panel of a backtest."""

from __future__ import annotations

from typing import Protocol

import numpy as np
import polars as pl

from tidegate.core.errors import RunError
from tidegate.core.units import FloatArray, Int64Array
from tidegate.registry import Run, read_scores

__all__ = ["Grid", "scores_on"]


class Grid(Protocol):
    """Rows of instants and columns of symbols: a panel, or a market."""

    @property
    def times(self) -> Int64Array:
        """``int64 (n_times,)``."""
        ...

    @property
    def symbols(self) -> tuple[str, ...]:
        """Names of the columns."""
        ...

    @property
    def shape(self) -> tuple[int, int]:
        """``(n_times, n_symbols)``."""
        ...


def scores_on(panel: Grid, train_run: Run, model: str) -> FloatArray:
    """Return out-of-sample scores as a matrix of the grid's shape, NaN where there is none.

    A score of row *t* was made from features known at the close *t*, by a model whose training labels had all ended.

    Raises
    ------
    RunError
        If the run holds no score of that model on the panel's instants, or its file was changed.
    LookAheadError
        If a score's model knew later labels.
    """
    scores = read_scores(train_run, model)
    inside = scores.filter(pl.col("symbol").is_in(list(panel.symbols)))
    instants = inside["time"].dt.epoch("us").to_numpy()
    on_panel = np.isin(instants, panel.times)
    if not on_panel.any():
        raise RunError(
            found=f"no score of {model!r} in {train_run.id} on this data",
            expected="scores within the backtest's dates",
            hint="check that the features have enough history, then train again",
        )
    matrix = np.full(panel.shape, np.nan)
    rows = np.searchsorted(panel.times, instants[on_panel])
    places = inside["symbol"].cast(pl.Enum(panel.symbols)).to_physical().to_numpy()[on_panel]
    matrix[rows, places] = inside["score"].to_numpy()[on_panel]
    return matrix
