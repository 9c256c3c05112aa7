"""Following the validation metric from round to round: when to stop, and how many trees to keep."""

from __future__ import annotations

from collections.abc import Callable

from tidegate.core.errors import InputError

__all__ = ["OnRound", "Watch", "watch_for"]

OnRound = Callable[[int, float], bool]
"""Told the number of a round, from 1, and the metric on the validation rows after it, NaN where there are none; True
ends the training."""


class Watch:
    """Remembers the best round and says when to stop: the one rule for all boosted trees.

    Metrics are compared in twelve significant digits. Their sums run over several threads, and how many there are must
    not decide which round counts as best.

    Parameters
    ----------
    patience
        Rounds without a gain after which boosting stops and the trees behind the best round are dropped; None keeps
        all.
    larger_is_better
        Whether the metric should rise.
    on_round
        Asked after each round whether to stop.

    Examples
    --------
    >>> watch = Watch(2, larger_is_better=True)
    >>> [watch.stops(number, value) for number, value in enumerate([0.6, 0.7, 0.7, 0.5], start=1)]
    [False, False, False, True]
    >>> watch.kept(4)
    2
    """

    def __init__(self, patience: int | None, *, larger_is_better: bool, on_round: OnRound | None = None) -> None:
        self._patience = patience
        self._sign = 1.0 if larger_is_better else -1.0
        self._on_round = on_round
        self._best: tuple[int, float] | None = None

    def stops(self, number: int, value: float) -> bool:
        """Take in one round, numbered from 1, and its metric, NaN without validation; say whether it was the last."""
        value = float(f"{value:.12g}")
        if self._best is None or self._sign * value > self._sign * self._best[1]:
            self._best = (number, value)
        tired = self._patience is not None and number - self._best[0] >= self._patience
        asked = self._on_round is not None and self._on_round(number, value)
        return tired or asked

    def kept(self, trained: int) -> int:
        """Return how many of the trained rounds are kept."""
        return trained if self._patience is None or self._best is None else self._best[0]


def watch_for(patience: int | None, *, validated: bool, larger_is_better: bool, on_round: OnRound | None) -> Watch:
    """Return a watch over a training.

    Who only wants to be asked between rounds needs no validation rows: a budget of time holds for every training.

    Raises
    ------
    InputError
        If there is a metric to stop by, and no validation rows to see it on.
    """
    if not validated and patience is not None:
        raise InputError(
            found="boosting that stops early, without validation rows",
            expected="rows between training and test that nothing else learns from",
            hint="give the split a validation slice, or leave early_stopping_rounds out",
        )
    return Watch(patience, larger_is_better=larger_is_better, on_round=on_round)
