"""How much each sample has to say that the others do not."""

from __future__ import annotations

import numpy as np

from tidegate.core.errors import InputError
from tidegate.core.units import FloatArray, Mask
from tidegate.labels.outcome import Labels
from tidegate.labels.touch import TouchLabels

__all__ = ["average_uniqueness"]


def average_uniqueness(labels: Labels | TouchLabels, used: Mask) -> FloatArray:
    """Return the average uniqueness of samples whose labels overlap.

    A label is made of the one-bar returns between its entry and its exit. Where *c* labels of one symbol share such a
    return, each of them owns ``1 / c`` of it; the uniqueness of a label is the mean of its shares. Weights that follow
    it keep seven overlapping weeks from counting as seven. A label of days is made of all of them until it is known.

    Parameters
    ----------
    labels
        One horizon, or one window of days.
    used
        ``bool (n_times, n_symbols)``: the samples that are trained on. Only these overlap: pass one fold's training
        samples, since a sample of the test would tell the weights of the training how far the data go on.

    Returns
    -------
    uniqueness
        ``float64 (n_times, n_symbols)`` in ``(0, 1]``; NaN where no sample is used or none has a label.

    Raises
    ------
    InputError
        If ``used`` has another shape.

    Notes
    -----
    López de Prado (2018), *Advances in Financial Machine Learning*, sections 4.3 and 4.4.

    Examples
    --------
    >>> from tidegate.core.panel import Panel
    >>> from tidegate.core.recipe import FillPrice
    >>> from tidegate.labels import forward_returns
    >>> panel = Panel(np.arange(6), ("A",), {"close": np.arange(1.0, 7.0)[:, np.newaxis]})
    >>> labels = forward_returns(panel, 2, FillPrice.NEXT_CLOSE, 0.0)
    >>> average_uniqueness(labels, np.ones((6, 1), dtype=bool)).ravel().tolist()
    [0.75, 0.5, 0.75, nan, nan, nan]
    """
    outcome = labels.returns if isinstance(labels, TouchLabels) else labels.gross
    if used.shape != outcome.shape:
        raise InputError(
            found=f"samples of shape {used.shape}",
            expected=f"{outcome.shape}",
            hint="one row per time, one place per symbol",
        )
    count, symbols = len(labels.exits), len(labels.symbols)
    sampled = (used & ~np.isnan(outcome))[:count]
    # Row r holds the return from row r - 1 to row r; the session of an entry at the open is part of its own row.
    first, past = np.arange(count) + (1 if isinstance(labels, TouchLabels) else 2), labels.exits + 1
    change = np.zeros((len(labels.times) + 1, symbols), dtype=np.int64)
    np.add.at(change, first, sampled)
    np.add.at(change, past, -sampled.astype(np.int64))
    sharing = np.cumsum(change, axis=0)
    share = np.divide(1.0, sharing, out=np.zeros(sharing.shape), where=sharing > 0)
    until = np.concatenate([np.zeros((1, symbols)), np.cumsum(share, axis=0)])
    mean = (until[past] - until[first]) / (past - first)[:, np.newaxis]
    uniqueness = np.full(outcome.shape, np.nan)
    uniqueness[:count] = np.where(sampled, mean, np.nan)
    return uniqueness
