from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.core.errors import DataError, InputError
from tidegate.core.horizon import Horizon, Reach
from tidegate.core.panel import Panel
from tidegate.core.recipe import FillPrice
from tidegate.core.time import HOUR, MINUTE, BarInterval
from tidegate.labels import forward_labels, forward_returns
from tidegate.testing import synthetic_panel

COST = 0.002
PANEL = synthetic_panel(5, 40, 4, gaps=0.05)


@pytest.mark.parametrize("fill", FillPrice)
@pytest.mark.parametrize("horizon", [1, 5, 20])
def test_a_label_runs_from_the_fill_to_the_exit(fill: FillPrice, horizon: int) -> None:
    labels = forward_returns(PANEL, horizon, fill, COST)
    price = PANEL[fill.column]
    for row in range(40):
        expected = np.full(4, np.nan)
        if row + 1 + horizon < 40:
            expected = np.log(price[row + 1 + horizon] / price[row + 1])

        np.testing.assert_allclose(labels.gross[row], expected, rtol=1e-12)


def test_the_price_of_the_decision_plays_no_part() -> None:
    """A decision at the close of row t cannot also fill at that close."""
    changed = {name: column.copy() for name, column in PANEL.columns.items()}
    for column in changed.values():
        column[7] *= 3.0
    before, after = (
        forward_returns(panel, 5, FillPrice.NEXT_CLOSE, COST).gross[7]
        for panel in (PANEL, Panel(PANEL.times, PANEL.symbols, changed))
    )

    assert np.array_equal(before, after, equal_nan=True)


@given(horizon=st.integers(1, 45))
def test_a_span_ends_where_the_exit_is_known(horizon: int) -> None:
    labels = forward_returns(PANEL, horizon, FillPrice.NEXT_OPEN, COST)
    complete = max(40 - 1 - horizon, 0)

    assert len(labels.spans) == complete
    assert np.array_equal(labels.spans.start, PANEL.times[:complete])
    assert np.array_equal(labels.spans.end, PANEL.times[40 - complete :])
    assert np.isnan(labels.gross[complete:]).all()


def test_a_missing_price_is_a_missing_label_and_never_a_zero() -> None:
    """Equity H.16: rows without an outcome became label 0, and models learned to recognise them."""
    close = np.arange(1.0, 9.0).reshape(-1, 1)
    close[3] = np.nan
    close[6] = 0.0
    panel = Panel(np.arange(8), ("A",), {"close": close})
    labels = forward_returns(panel, 2, FillPrice.NEXT_CLOSE, COST)

    assert np.isnan(labels.gross.ravel()).tolist() == [True, False, True, True, False, True, True, True]


def test_labels_follow_the_calendar_and_not_the_bars_of_a_symbol() -> None:
    """Equity C.4: shifting each symbol's own bars compared different stretches of time."""
    close = np.exp(np.arange(8.0)).reshape(-1, 1) * np.ones(2)
    close[2, 1] = np.nan
    panel = Panel(np.arange(8), ("A", "B"), {"close": close})
    gross = forward_returns(panel, 3, FillPrice.NEXT_CLOSE, COST).gross

    # Entry at row 1, exit at row 4: the hole at row 2 does not push the exit back.
    assert gross[0].tolist() == pytest.approx([3.0, 3.0])


def test_the_cost_stays_out_of_the_target_and_burdens_both_sides_alike() -> None:
    """Crypto D-07: cost subtracted from the signed target made shorts look better."""
    labels = forward_returns(PANEL, 5, FillPrice.NEXT_OPEN, COST)
    free = forward_returns(PANEL, 5, FillPrice.NEXT_OPEN, 0.0)

    for kind in ("gross", "excess"):
        assert np.array_equal(labels.target(kind), free.target(kind), equal_nan=True)  # type: ignore[arg-type]
    np.testing.assert_allclose(
        labels.net_long + labels.net_short, np.where(np.isnan(labels.gross), np.nan, 2 * np.log(1 - COST))
    )
    np.testing.assert_allclose(np.exp(labels.net_long), np.exp(labels.gross) * (1 - COST))


def test_excess_is_measured_against_those_with_a_label() -> None:
    labels = forward_returns(PANEL, 5, FillPrice.NEXT_OPEN, COST)
    complete = labels.excess[: len(labels.spans)]

    np.testing.assert_allclose(np.nansum(complete, axis=1), 0.0, atol=1e-12)
    assert np.array_equal(np.isnan(labels.excess), np.isnan(labels.gross))


def test_only_members_have_labels_and_their_mean_is_one_of_members() -> None:
    labels = forward_returns(PANEL, 5, FillPrice.NEXT_OPEN, COST)
    belongs = np.tile([True, True, False, True], (40, 1))
    of_members = labels.of_members(belongs)

    assert np.array_equal(~np.isnan(of_members.gross), ~np.isnan(labels.gross) & belongs)
    complete = of_members.excess[: len(labels.spans)]
    np.testing.assert_allclose(np.nansum(complete, axis=1), 0.0, atol=1e-12)


@pytest.mark.parametrize("horizon", [0, -3])
def test_a_horizon_out_of_range_is_refused(horizon: int) -> None:
    with pytest.raises(InputError, match="at least 1 bar"):
        forward_returns(PANEL, horizon, FillPrice.NEXT_OPEN, 0.0)


@pytest.mark.parametrize("cost", [-0.001, 1.0, np.nan])
def test_a_cost_out_of_range_is_refused(cost: float) -> None:
    with pytest.raises(InputError, match=r"a cost in \[0, 1\)"):
        forward_returns(PANEL, 5, FillPrice.NEXT_OPEN, cost)


@pytest.mark.parametrize("threshold", [0.0, -0.01, 0.5, 50.0, np.nan])
def test_a_threshold_that_can_only_be_a_percentage_is_refused(threshold: float) -> None:
    """Crypto D-34: a fraction was compared with 0.5, which is 50 %, where half a percent was meant."""
    with pytest.raises(InputError, match=r"half a percent is 0\.005"):
        forward_labels(PANEL, Reach.of_bars(5), FillPrice.NEXT_OPEN, 0.0, threshold=threshold)


def test_a_source_without_opening_prices_cannot_fill_at_them() -> None:
    panel = Panel(PANEL.times, PANEL.symbols, {"close": PANEL["close"]})

    with pytest.raises(DataError, match="without 'open' prices"):
        forward_returns(panel, 5, FillPrice.NEXT_OPEN, COST)


def test_labels_are_read_only() -> None:
    with pytest.raises(ValueError, match="read-only"):
        forward_returns(PANEL, 5, FillPrice.NEXT_OPEN, COST).gross[0, 0] = 0.0


QUARTERS = BarInterval("15m")


def quarters(*minutes: int) -> Panel:
    """Return a panel whose close is the exponential of the minutes of its row."""
    times = np.array(minutes, dtype=np.int64) * MINUTE
    return Panel(times, ("A",), {"close": np.exp(np.array(minutes, dtype=float))[:, np.newaxis]})


def test_an_hour_is_an_hour_whatever_rows_lie_within() -> None:
    """Crypto 18.3: found by its time and not by its place; a row too many or too few moves no exit."""
    panel = quarters(0, 15, 30, 40, 45, 60, 75, 90)
    labels = forward_labels(panel, Horizon("30m").reach(QUARTERS), FillPrice.NEXT_CLOSE, 0.0)

    # Entries at 15, 30, 40, 45, 60 and exits at 45, 60, (70), 75, 90.
    np.testing.assert_allclose(labels.gross.ravel(), [30, 30, np.nan, 30, 30, np.nan, np.nan, np.nan])
    assert (labels.spans.end // MINUTE).tolist() == [45, 60, 75, 75, 90]


def test_where_the_exit_has_no_row_no_neighbour_takes_its_place() -> None:
    """Crypto D-33: a horizon that was missing was replaced by another."""
    panel = quarters(0, 15, 30, 45, 75, 90, 105)
    hour = forward_labels(panel, Horizon("1h").reach(QUARTERS), FillPrice.NEXT_CLOSE, 0.0)
    half = forward_labels(panel, Horizon("30m").reach(QUARTERS), FillPrice.NEXT_CLOSE, 0.0)

    np.testing.assert_allclose(hour.gross.ravel(), [60, 60, 60, *[np.nan] * 4])
    np.testing.assert_allclose(half.gross.ravel(), [30, np.nan, 30, 30, *[np.nan] * 3])
    assert (half.spans.end // MINUTE).tolist() == [45, 75, 75, 105]


def test_a_count_of_bars_is_a_count_of_rows_of_the_calendar() -> None:
    """The bars of an exchange that closes: the bar after the break is the next one."""
    panel = quarters(0, 15, 30, 120, 135)
    labels = forward_labels(panel, Reach.of_bars(2), FillPrice.NEXT_CLOSE, 0.0)

    np.testing.assert_allclose(labels.gross.ravel(), [105, 105, np.nan, np.nan, np.nan])


@pytest.mark.parametrize(("horizon", "rows"), [("1h", 12), ("4h", 48), ("1d", 288)])
def test_on_a_whole_grid_a_time_is_its_count_of_bars(horizon: str, rows: int) -> None:
    panel = synthetic_panel(6, 400, 3, gaps=0.02, times=np.arange(1, 401) * 5 * MINUTE)
    timed = forward_labels(panel, Horizon(horizon).reach(BarInterval("5m")), FillPrice.NEXT_OPEN, COST)
    counted = forward_returns(panel, rows, FillPrice.NEXT_OPEN, COST)

    assert np.array_equal(timed.gross, counted.gross, equal_nan=True)
    assert np.array_equal(timed.spans.end, counted.spans.end)
    assert (timed.spans.end - timed.spans.start == Horizon(horizon).microseconds + HOUR // 12).all()
