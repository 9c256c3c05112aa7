"""What a training run learns from: features and target on the same rows, and what each row is good for."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from tidegate.core.history import History
from tidegate.core.recipe import DataKind, Recipe
from tidegate.core.units import Float32Array, FloatArray, Int64Array, Mask
from tidegate.costs import FundingPayments, cost_model, pays_funding
from tidegate.features import MEMBER, FeatureContract, FeatureMatrix, build_features, contract_for, pickable
from tidegate.labels import LabelSet, build_labels
from tidegate.train.cells import Cells

__all__ = ["FEATURES_FILE", "Dataset", "assemble", "labels_of", "members_of"]

FEATURES_FILE: Final = "features.npy"
"""Name of the file that holds the features of a data set, where they do not lie in memory."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Dataset:
    """Features, labels and the two masks that say what a row is good for.

    Parameters
    ----------
    features
        Row *t* uses what was known at ``times[t]``.
    labels
        Row *t* holds what came after it, over every horizon of the recipe; its spans are those of the longest.
    target
        ``float64 (n_times, n_symbols)``, what is forecast; NaN where there is no label.
    trainable
        ``bool (n_times, n_symbols)``: a label and at least one feature exist, and the symbol belongs to the universe
        at *t*.
    predictable
        ``bool (n_times, n_symbols)``: who can be picked at *t*, by
        :func:`~tidegate.features.pickable`; no label needed.
    trade_return
        ``float64 (n_times, n_symbols)``, of targets that are 0 or 1: what the trade of
        :func:`~tidegate.labels.fixed_exit` earned before costs, a fraction of the price at entry; NaN where there was
        none. Also where ``hindsight_hit`` is forecast, which nobody could have traded. None for other targets.
    columns
        ``int64``, places of the features that models see, in contract order; None shows them all.
    """

    features: FeatureMatrix
    labels: LabelSet
    target: FloatArray
    trainable: Mask
    predictable: Mask
    trade_return: FloatArray | None = None
    columns: Int64Array | None = None

    @property
    def times(self) -> Int64Array:
        """Decision instants, ``int64 (n_times,)``."""
        return self.features.times

    @property
    def symbols(self) -> tuple[str, ...]:
        """Names of the second axis."""
        return self.features.symbols

    def samples(self, rows: Int64Array, usable: Mask) -> tuple[Int64Array, Int64Array]:
        """Return row and symbol positions of the usable samples among ``rows``, in that order."""
        which, symbols = np.nonzero(usable[rows])
        return rows[which], symbols

    def cut(self, rows: Int64Array, symbols: Int64Array) -> Float32Array:
        """Return features of samples, ``float32 (n_samples, n_features)``, as a copy; for many, use :meth:`rows`."""
        cut: Float32Array = self.features.values[rows, symbols]
        return cut

    def rows(self, rows: Int64Array, symbols: Int64Array) -> Cells:
        """Return samples as rows that are read in pieces when they are asked for: no copy of the features."""
        return Cells(self.features.values, rows, symbols, self.columns)


def assemble(history: History, recipe: Recipe, *, folder: Path | None = None) -> Dataset:
    """Build features and labels of a history as a recipe asks for them.

    Features look at every symbol, whether it belongs or not: a name that joins tomorrow has its past today. Labels
    exist for members alone, so that their mean, too, is one of members. Who belonged says :func:`members_of`.

    Parameters
    ----------
    history
        Bars and slower sources.
    recipe
        Costs resolved.
    folder
        Where the features are written, as :data:`FEATURES_FILE`, and read from as they are needed: an ordinary
        ``.npy`` of ``float32``, mapped into memory, which the caller removes in the end. None keeps them in memory.

    Raises
    ------
    DataError
        If the history lacks columns that the recipe needs.
    """
    panel = history.bars
    contract = contract_for(panel, recipe.features, tables=history.tables, interval=recipe.data.interval)
    features = build_features(history, contract) if folder is None else _written(history, contract, folder)
    labels = labels_of(history, recipe)
    target = labels.target(recipe.labels.target)
    return Dataset(
        features=features,
        labels=labels,
        target=target,
        trainable=features.present() & ~np.isnan(target),
        predictable=pickable(history, features),
        trade_return=labels.touches("fixed_exit").returns if recipe.labels.is_binary else None,
    )


def _written(history: History, contract: FeatureContract, folder: Path) -> FeatureMatrix:
    """Build features in a file, which appears when it is whole, and map it."""
    folder.mkdir(parents=True, exist_ok=True)
    unfinished, finished = folder / f"{FEATURES_FILE}.unfinished", folder / FEATURES_FILE
    shape = (*history.bars.shape, contract.dimension)
    values = np.lib.format.open_memmap(unfinished, mode="w+", dtype=np.float32, shape=shape)
    build_features(history, contract, into=values.view(np.ndarray))
    values.flush()
    del values
    unfinished.replace(finished)
    return FeatureMatrix(history.bars.times, history.bars.symbols, contract, np.load(finished, mmap_mode="r"))


def labels_of(history: History, recipe: Recipe) -> LabelSet:
    """Build the labels of a history as a recipe asks for them: every horizon, at the one cost of the recipe.

    Positions in perpetuals pay what the history's ``funding`` says. Without that table, and for shares, the net labels
    hold the round trip alone.

    Raises
    ------
    DataError
        If the history lacks the price that orders fill at.
    """
    cost = cost_model(recipe.costs).round_trip_rate()
    interval, fill = recipe.data.interval, recipe.backtest.fill
    labels = build_labels(
        history.bars,
        recipe.labels,
        interval=interval,
        fill=fill,
        round_trip_cost=cost,
        funding=_funding(history, recipe),
    )
    membership = members_of(history)
    return labels if membership is None else labels.of_members(membership)


def members_of(history: History) -> Mask | None:
    """Return who belonged to the universe, by what was known at each row; None means everyone.

    Returns
    -------
    members
        ``bool (n_times, n_symbols)``.
    """
    return history.bars[MEMBER] > 0.0 if MEMBER in history.bars else None


def _funding(history: History, recipe: Recipe) -> FundingPayments | None:
    if DataKind.FUNDING not in history.tables or not pays_funding(recipe.costs):
        return None
    return FundingPayments.of_rows(history.tables[DataKind.FUNDING], history.bars.symbols)
