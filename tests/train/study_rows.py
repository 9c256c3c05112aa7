"""Rows of a small market with a signal on request, for studies without a workspace."""

from __future__ import annotations

import itertools

import numpy as np

from tidegate.core.randomness import generator
from tidegate.core.time import DAY
from tidegate.models.training_rows import TrainingRows
from tidegate.train.objective import StudyRows

SYMBOLS, DAYS, WIDTH = 20, 120, 5


def study_rows(*, signal: float = 1.0, folds: int = 2, stopping: bool = True, binary: bool = True) -> list[StudyRows]:
    """Return inner folds over one market; at ``signal=0`` nothing can be forecast."""
    random = generator(5, "study-rows")
    features = random.normal(size=(DAYS * SYMBOLS, WIDTH)).astype(np.float32)
    drift = signal * (features[:, 0] + features[:, 1] * (features[:, 2] > 0.0))
    outcome = drift + random.logistic(size=len(features)) - 1.0
    target = (outcome > 0.0).astype(np.float64) if binary else outcome
    instants = np.repeat(np.arange(DAYS) * DAY, SYMBOLS)
    returns = 0.01 * outcome

    def part(first: int, last: int) -> TrainingRows:
        cut = slice(first * SYMBOLS, last * SYMBOLS)
        return TrainingRows(features=features[cut], target=target[cut], instants=instants[cut])

    half, block = DAYS // 2, DAYS // 2 // folds
    borders = [half + block * place for place in range(folds + 1)]
    return [
        StudyRows(
            train=part(0, start * 4 // 5 if stopping else start),
            stopping=part(start * 4 // 5, start) if stopping else None,
            judged=part(start, end),
            trade_return=returns[start * SYMBOLS : end * SYMBOLS],
            round_trip_cost=0.002,
        )
        for start, end in itertools.pairwise(borders)
    ]
