from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.core.panel import Panel
from tidegate.core.randomness import generator
from tidegate.features import FeatureContract, build_features
from tidegate.features.formulas.market import FEATURES, LIMIT_FEATURES, mean_across

CONTRACT = FeatureContract(FEATURES)


def bars(close: list[list[float]], **columns: np.ndarray) -> Panel:
    values = np.array(close)
    names = tuple(f"S{place}" for place in range(values.shape[1]))
    return Panel(np.arange(1, len(values) + 1), names, {"close": values, **columns})


def test_a_table_by_hand() -> None:
    e = np.e
    matrix = build_features(bars([[1.0, 1.0, 1.0, np.nan], [e, e**2, 1.0, 1.0]]), CONTRACT)

    np.testing.assert_allclose(matrix.column("market_return_1")[1], [1.0] * 4)  # (1 + 2 + 0) / 3, told to the fourth
    np.testing.assert_allclose(matrix.column("market_breadth_1")[1], [2 / 3] * 4)
    assert np.isnan(matrix.values[0]).all()


def test_breadth_counts_who_is_above_the_average() -> None:
    close = np.ones((20, 3))
    close[-1] = [2.0, 0.5, 1.0]  # the last one is at its average, not above
    matrix = build_features(bars(close.tolist()), CONTRACT)

    np.testing.assert_allclose(matrix.column("market_breadth_20")[-1], [1 / 3] * 3)


def test_only_members_count_and_only_members_are_told() -> None:
    member = np.array([[1.0, 1.0, 0.0]] * 2)
    matrix = build_features(bars([[1.0, 1.0, 1.0], [np.e, np.e, 100.0]], member=member), CONTRACT)

    assert matrix.column("market_return_1")[1, :2].tolist() == [1.0, 1.0]
    assert np.isnan(matrix.column("market_return_1")[1, 2])


def test_a_lone_symbol_is_its_market() -> None:
    assert build_features(bars([[1.0], [np.e]]), CONTRACT).column("market_return_1")[1].tolist() == [1.0]


@pytest.mark.parametrize("name", [feature.name for feature in LIMIT_FEATURES])
def test_the_share_at_a_limit_is_among_those_whose_limit_is_known(name: str) -> None:
    close = np.full((8, 3), 10.0)
    close[6:, 0] = 11.0 if name.endswith("up") else 9.0
    close[:3, 2] = np.nan  # new, so that its limit is unknown until the eighth session
    panel = Panel(
        np.arange(8) + 2**60,
        ("A", "B", "C"),
        {"close": close, "raw_close": close, "limit_percent": np.full((8, 3), 10.0)},
    )
    share = build_features(panel, FeatureContract(LIMIT_FEATURES)).column(name)

    assert share[6].tolist() == [0.5] * 3
    assert share[7].tolist() == [0.0] * 3
    assert np.isnan(share[:5]).all()


@given(seed=st.integers(0, 10**6), width=st.integers(1, 70), row=st.integers(0, 8))
def test_a_mean_is_the_same_to_the_bit_alone_and_within_a_history(seed: int, width: int, row: int) -> None:
    random = generator(seed, "mean")
    values = np.where(random.random((9, width)) < 0.2, np.nan, random.normal(0.0, 1.0, (9, width)))
    whole = mean_across(values)

    assert np.array_equal(whole[row : row + 1], mean_across(values[row : row + 1]), equal_nan=True)
    assert np.array_equal(whole, mean_across(np.asfortranarray(values)), equal_nan=True)
    known = ~np.isnan(values).all(axis=1)
    np.testing.assert_allclose(whole[known, 0], np.nanmean(values[known], axis=1), rtol=1e-12, atol=1e-15)
    assert np.isnan(whole[~known]).all()


def test_a_plain_sum_would_depend_on_the_memory_order() -> None:
    """The guarded thing, broken: numpy adds in the order in which the numbers lie."""
    values = generator(3, "order").normal(0.0, 1.0, (50, 301))

    assert not np.array_equal(values.sum(axis=1), np.asfortranarray(values).sum(axis=1))
