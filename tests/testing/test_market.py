from __future__ import annotations

import numpy as np
import pytest

from tidegate.testing import synthetic_bars, synthetic_panel


def test_the_same_seed_gives_the_same_market() -> None:
    assert synthetic_panel(1, 50, 3, gaps=0.1).fingerprint() == synthetic_panel(1, 50, 3, gaps=0.1).fingerprint()
    assert synthetic_panel(1, 50, 3).fingerprint() != synthetic_panel(2, 50, 3).fingerprint()


def test_prices_are_possible() -> None:
    panel = synthetic_panel(3, 500, 8)

    for name in ("open", "close"):
        assert (panel["low"] <= panel[name]).all()
        assert (panel[name] <= panel["high"]).all()
    assert (panel["low"] > 0).all()
    assert (panel["volume"] >= 0).all()


def test_gaps_are_missing_in_every_column() -> None:
    panel = synthetic_panel(4, 500, 8, gaps=0.1)
    missing = np.isnan(panel["close"])

    assert missing.mean() == pytest.approx(0.1, abs=0.02)
    assert all(np.array_equal(np.isnan(column), missing) for column in panel.columns.values())


@pytest.mark.parametrize(("edge", "found"), [(0.0, False), (0.3, True)])
def test_an_edge_makes_the_past_tell_of_the_future(edge: float, found: bool) -> None:
    log_close = np.log(synthetic_panel(5, 1500, 30, edge=edge)["close"])
    past, future = log_close[20:-20] - log_close[:-40], log_close[40:] - log_close[20:-20]

    assert (np.corrcoef(past.ravel(), future.ravel())[0, 1] > 0.2) == found


def test_bars_hold_the_panel_in_raw_prices() -> None:
    panel = synthetic_panel(6, 60, 4, gaps=0.1)
    bars = synthetic_bars(panel, dataset="made-up")

    assert bars.height == np.sum(~np.isnan(panel["close"]))
    adjusted = (bars["close"] * bars["adjustment"]).to_numpy()
    np.testing.assert_allclose(np.sort(adjusted), np.sort(panel["close"][~np.isnan(panel["close"])]))
    assert set(bars["adjustment"].round(9)) == {1.0, 2.0}
