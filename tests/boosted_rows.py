"""Rows and settings that both kinds of boosted trees are tested on."""

from __future__ import annotations

from typing import Any

import numpy as np

from tidegate.core.randomness import generator
from tidegate.core.recipe import ModelSettings
from tidegate.models import Rows, TrainingRows
from tidegate.models.instants import rank_buckets

KINDS = ("lightgbm", "xgboost")
SIDE_BY_SIDE = 50


class Pieces:
    """A source of rows that counts what it is asked for."""

    def __init__(self, rows: np.ndarray) -> None:
        self._rows = rows
        self.longest = 0

    @property
    def shape(self) -> tuple[int, int]:
        return self._rows.shape

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, rows: Any) -> np.ndarray:
        piece = self._rows[rows].copy()
        self.longest = max(self.longest, len(piece))
        return piece


def market(count: int = 3000, scope: str = "market", *, signal: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """Return features, some missing, and a noisy outcome of the first two."""
    random = generator(11, scope)
    features = random.normal(size=(count, 6)).astype(np.float32)
    outcome = signal * features[:, 0] * (1.0 + (features[:, 1] > 0)) + 2.0 * random.normal(size=count)
    features[random.random(features.shape) < 0.03] = np.nan
    return features, outcome.astype(np.float64)


def as_rows(features: Rows, outcome: np.ndarray, objective: str = "regression", **more: Any) -> TrainingRows:
    """Return rows with the target of an objective; instants of fifty rows."""
    target = (outcome > 1.0).astype(np.float64) if objective == "classification" else outcome
    instants = np.arange(len(outcome), dtype=np.int64) // SIDE_BY_SIDE
    return TrainingRows(features=features, target=target, instants=instants, **more)


def settings(kind: str, **changes: Any) -> ModelSettings:
    """Return a recipe's models with one section, small enough for a test."""
    small = {"trees": 40, "learning_rate": 0.1}
    small |= {"minimum_leaf_rows": 20} if kind == "lightgbm" else {"maximum_depth": 4}
    return ModelSettings(**{kind: {**small, **changes}})


def within_instant(forecast: np.ndarray, outcome: np.ndarray) -> float:
    """Return the mean distance in rank buckets between forecast and outcome, 1.6 by chance for 5 buckets."""
    instants = np.arange(len(outcome), dtype=np.int64) // SIDE_BY_SIDE
    return float(np.abs(rank_buckets(forecast, instants, 5) - rank_buckets(outcome, instants, 5)).mean())
