"""The one place where a budget is shared under a cap."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.core.units import FloatArray
from tidegate.strategy.rotation.weights import water_fill

raws = st.lists(st.floats(0.0, 1e6, allow_nan=False), min_size=1, max_size=40)


def filled(raw: list[float], budget: float, cap: float) -> tuple[FloatArray, bool]:
    weights = np.full(len(raw), np.nan)
    capped = water_fill(np.array(raw), len(raw), budget, cap, np.zeros(len(raw), dtype=np.bool_), weights)
    return weights, bool(capped)


@given(raw=raws, budget=st.floats(0.0, 1.0), cap=st.floats(0.01, 1.0))
def test_the_cap_is_never_broken(raw: list[float], budget: float, cap: float) -> None:
    """Equity I 2 and A.16: normalising after capping lifted every name above the cap."""
    values = np.array(raw)
    weights, _ = filled(raw, budget, cap)
    assert (weights <= cap).all()
    assert weights.sum() <= budget + 1e-9
    assert (weights[values == 0.0] == 0.0).all()
    takers = int((values > 0.0).sum())
    if takers and cap * takers >= budget:
        assert weights.sum() == pytest.approx(budget, abs=1e-9)


def test_thirty_names_under_a_cap_below_one_thirtieth_leave_cash() -> None:
    for cap in (0.022, 0.026, 0.028, 0.030, 0.033):
        weights, capped = filled(np.arange(1.0, 31.0).tolist(), 1.0, cap)
        np.testing.assert_allclose(weights, cap)
        assert capped
