from __future__ import annotations

import json
from dataclasses import dataclass
from typing import cast

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.core.errors import InputError
from tidegate.core.units import FloatArray
from tidegate.strategy.crossing import CrossingSignal, crossing_signals
from tidegate.strategy.protocol import Sight


@dataclass
class Shown:
    """The newest close alone."""

    value: float

    def close(self, place: int = 0) -> float:
        return self.value


def walk(seed: int) -> FloatArray:
    return np.round(100 * np.exp(np.cumsum(np.random.default_rng(seed).normal(0, 0.01, 300))), 1)


def ask(signal: CrossingSignal, closes: FloatArray) -> list[int]:
    return [signal(cast(Sight, Shown(value))) for value in closes.tolist()]


@given(seed=st.integers(0, 10_000), fast=st.integers(1, 9), more=st.integers(1, 12), cut=st.integers(0, 299))
def test_bar_by_bar_and_at_once_say_the_same(seed: int, fast: int, more: int, cut: int) -> None:
    """Saving it in between changes nothing either."""
    closes = walk(seed)
    entries, exits = crossing_signals(closes, fast, fast + more)
    first, second = CrossingSignal(fast, fast + more), CrossingSignal(fast, fast + more)
    said = ask(first, closes[:cut])
    second.restore(json.loads(json.dumps(first.state())))
    said += ask(second, closes[cut:])
    assert said == (entries.astype(int) - exits.astype(int)).tolist()


def test_the_averages_are_those_of_the_last_closes() -> None:
    closes = walk(3)
    entries, exits = crossing_signals(closes, 3, 7)
    means = {n: np.convolve(closes, np.ones(n) / n)[: len(closes)] for n in (3, 7)}
    above = means[3][6:] > means[7][6:] + 1e-9
    np.testing.assert_array_equal(entries[7:], above[1:] & ~above[:-1])
    np.testing.assert_array_equal(exits[7:], ~above[1:] & above[:-1])
    assert not entries[:7].any()


def test_a_fast_average_that_is_slow_is_refused() -> None:
    with pytest.raises(InputError, match="more for the slow one"):
        crossing_signals(np.ones(5), 3, 3)
    with pytest.raises(InputError, match="fast average of 0"):
        CrossingSignal(0, 3)
