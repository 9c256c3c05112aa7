"""A tiny but real training run for leaks of splits and fits: a ridge on three features, fitted and then forecasting."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

import numpy as np

from tidegate.core.history import History
from tidegate.core.pipeline import Claim, Stage, StageKind
from tidegate.core.units import FloatArray, Int64Array, Mask
from tidegate.features.windows import lagged, rolling_std
from tidegate.testing.leaks.labels import label_ends, target
from tidegate.testing.leaks.leak import log_close, momentum

__all__ = ["TEST_ROW", "Trained", "Training", "fit_ridge", "forecast"]

TEST_ROW: Final = 220
"""First row of the test; the rows of a history that is cut at its end keep their numbers."""
_PENALTY: Final = 1e-3


class Training:
    """Samples of a history, ``n`` rows by ``n_symbols``, and their parts.

    Parameters
    ----------
    history
        Daily bars.
    """

    def __init__(self, history: History) -> None:
        price = log_close(history)
        returns = price - lagged(price, 1)
        self.times: Int64Array = history.bars.times
        self.symbols = history.bars.symbols
        # Squashed, so that garbage cannot overflow a sum of squares.
        self.features: FloatArray = np.stack(
            [np.tanh(20.0 * momentum(history)), np.tanh(40.0 * returns), np.tanh(40.0 * rolling_std(returns, 10))],
            axis=2,
        )
        self.target: FloatArray = np.tanh(10.0 * target(history))
        self.ends: Int64Array = label_ends(history)

    @property
    def test_start(self) -> int:
        """First instant of the test; the end of time where the history ends before it."""
        return int(self.times[TEST_ROW]) if len(self.times) > TEST_ROW else np.iinfo(np.int64).max // 8

    @property
    def train(self) -> Mask:
        """Rows whose label is known when the test starts, ``bool (n,)``."""
        return self.ends <= self.test_start

    @property
    def test(self) -> Mask:
        """Rows of the test, ``bool (n,)``."""
        return self.times >= self.test_start

    def on(self, rows: Mask, values: FloatArray) -> FloatArray:
        """Return values on some rows and nothing on the others."""
        return np.where(rows[:, None], values, np.nan)


@dataclass(frozen=True, kw_only=True)
class Trained:
    """A pipeline that trains on one part of a history and says something of another.

    Parameters
    ----------
    key
        What it delivers.
    predicts
        From the samples to ``float64 (n, n_symbols)``, missing where it says nothing.
    claimed
        From the samples to what it claims of its split and fits.
    kind
        Predictions or decisions.
    """

    key: str
    predicts: Callable[[Training], FloatArray]
    claimed: Callable[[Training], tuple[Claim, ...]] | None = None
    kind: StageKind = StageKind.PREDICTIONS

    def run(self, history: History) -> Iterable[Stage]:
        """Yield the features that it was trained on, and what it says."""
        with np.errstate(all="ignore"):
            samples = Training(history)
            said = self.predicts(samples)
        names = ("momentum", "return", "deviation")
        yield Stage(
            kind=StageKind.FEATURES,
            times=samples.times,
            symbols=samples.symbols,
            keys=names,
            values=samples.features,
        )
        yield Stage(
            kind=self.kind, times=samples.times, symbols=samples.symbols, keys=(self.key,), values=said[:, :, None]
        )

    def claims(self, history: History) -> Iterable[Claim]:
        """Yield the claims."""
        with np.errstate(all="ignore"):
            yield from () if self.claimed is None else self.claimed(Training(history))


def fit_ridge(features: FloatArray, wanted: FloatArray) -> FloatArray:
    """Return a ridge's weights, the last one its constant.

    Parameters
    ----------
    features, wanted
        ``(..., n_features)`` and ``(...)``; samples in which anything is missing are left out.
    """
    rows = features.reshape(-1, features.shape[-1])
    values = wanted.ravel()
    complete = ~np.isnan(rows).any(axis=1) & ~np.isnan(values)
    design = np.column_stack([rows[complete], np.ones(int(complete.sum()))])
    penalty = _PENALTY * max(len(design), 1) * np.eye(design.shape[1])
    weights = np.linalg.solve(design.T @ design + penalty, design.T @ values[complete])
    return np.asarray(weights, dtype=np.float64)


def forecast(features: FloatArray, weights: FloatArray) -> FloatArray:
    """Return ``features @ weights``, one feature after the other.

    A product of matrices sums in an order that depends on its size, and last bits would depend on the frame.

    Parameters
    ----------
    features
        ``(..., n_features)``.
    weights
        From :func:`fit_ridge`.
    """
    said: FloatArray = np.full(features.shape[:-1], float(weights[-1]))
    for place in range(features.shape[-1]):
        said = said + features[..., place] * weights[place]
    return said
