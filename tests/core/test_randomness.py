from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tidegate.core.randomness import derive_seed, generator, unique_suffix

parts = st.integers(0, 9) | st.text("ab/%_ü", max_size=4)
scopes = st.lists(parts, max_size=3).map(tuple)


@given(st.integers(0, 3), scopes, st.integers(0, 3), scopes)
def test_each_scope_has_a_seed_of_its_own(
    seed: int, scope: tuple[Any, ...], other_seed: int, other_scope: tuple[Any, ...]
) -> None:
    one, other = (seed, *map(str, scope)), (other_seed, *map(str, other_scope))

    assert (derive_seed(seed, *scope) == derive_seed(other_seed, *other_scope)) == (one == other)
    assert 0 <= derive_seed(seed, *scope) < 2**31


def test_a_slash_inside_a_name_is_not_a_border() -> None:
    assert derive_seed(7, "BTC/USDT") != derive_seed(7, "BTC", "USDT")


def test_the_seeds_are_pinned_and_the_same_in_every_process() -> None:
    code = (
        "from tidegate.core.randomness import derive_seed, generator\n"
        "print(derive_seed(7, 'model', 2000), float(generator(7, 'a').random()))"
    )
    printed = subprocess.run(
        [sys.executable, "-c", code], env={"PYTHONHASHSEED": "3"}, capture_output=True, text=True, check=True
    ).stdout.split()

    assert printed == ["460746787", "0.1828517085888075"]
    assert derive_seed(7, "model", 2000) == int(printed[0])


def test_streams_of_two_scopes_are_independent() -> None:
    draws = np.array([generator(7, "model", fold).normal(size=2_000) for fold in range(20)])
    correlations = np.corrcoef(draws)[np.triu_indices(20, 1)]

    assert np.abs(correlations).max() < 5.0 / np.sqrt(2_000)


def test_drawing_from_one_stream_leaves_the_other_alone() -> None:
    other = generator(7, "b")
    generator(7, "a").random(100)

    assert other.random() == generator(7, "b").random()


def test_suffixes_keep_names_apart() -> None:
    suffixes = {unique_suffix() for _ in range(100)}

    assert len(suffixes) > 95
    assert all(len(suffix) == 6 and int(suffix, 16) >= 0 for suffix in suffixes)
