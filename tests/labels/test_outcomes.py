"""Every kind of label by hand, on prices that can be checked on paper."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tidegate.core.errors import DataError, InputError
from tidegate.core.horizon import Reach
from tidegate.core.panel import Panel
from tidegate.core.recipe import FillPrice
from tidegate.costs import PRESETS
from tidegate.labels import Labels, excess_over_mean, forward_labels, percent_rank, rank_bucket, realised_volatility
from tidegate.testing import synthetic_panel

NAN = math.nan
# Row 1 is the entry of row 0's decision and row 3 its exit: two bars.
CLOSE = np.array(
    [
        [10.0, 10.0, 10.0, 10.0],
        [100.0, 200.0, 50.0, 40.0],
        [120.0, 210.0, 50.0, NAN],
        [110.0, 200.4, 49.0, 44.0],
    ]
)
BENCHMARK = np.array([7.0, 1000.0, 900.0, 1020.0])


def labels(cost: float = 0.0, **settings: float) -> Labels:
    columns = {"close": CLOSE, "benchmark_close": np.broadcast_to(BENCHMARK[:, np.newaxis], CLOSE.shape)}
    panel = Panel(np.arange(4) + 1, ("A", "B", "C", "D"), columns)
    return forward_labels(panel, Reach.of_bars(2), FillPrice.NEXT_CLOSE, cost, **settings)  # type: ignore[arg-type]


GROSS = [math.log(1.10), math.log(1.002), math.log(0.98), math.log(1.10)]


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("gross", GROSS),
        ("excess", [one - sum(GROSS) / 4 for one in GROSS]),
        ("benchmark_excess", [one - math.log(1.02) for one in GROSS]),
        # Places 3.5, 2, 1, 3.5 of four.
        ("rank", [2.5 / 3, 1 / 3, 0.0, 2.5 / 3]),
        # min(floor(5 * rank), 4) of 0.83, 0.33, 0 and 0.83.
        ("bucket", [4.0, 1.0, 0.0, 4.0]),
        (
            "volatility",
            [
                math.hypot(math.log(1.2), math.log(110 / 120)),
                math.hypot(math.log(1.05), math.log(200.4 / 210)),
                math.hypot(0.0, math.log(0.98)),
                NAN,  # its bar in between is missing
            ],
        ),
        ("direction", [1.0, 1.0, 0.0, 1.0]),
        ("move", [1.0, 0.0, -1.0, 1.0]),
    ],
)
def test_each_kind_by_hand(kind: str, expected: list[float]) -> None:
    found = labels().target(kind)

    np.testing.assert_allclose(found[0], expected, rtol=1e-12, atol=1e-15)
    assert np.isnan(found[1:]).all()


def test_costs_by_hand() -> None:
    """Crypto 18.3: up where r > c, down where r < -c, else flat; 1 % to buy and sell."""
    made = labels(cost=0.01)

    np.testing.assert_allclose(np.exp(made.net_long[0]), [1.10 * 0.99, 1.002 * 0.99, 0.98 * 0.99, 1.10 * 0.99])
    np.testing.assert_allclose(np.exp(made.net_short[0]), np.array([1 / 1.10, 1 / 1.002, 1 / 0.98, 1 / 1.10]) * 0.99)
    assert made.move_after_cost[0].tolist() == [1.0, 0.0, -1.0, 1.0]
    assert labels(cost=0.03).move_after_cost[0].tolist() == [1.0, 0.0, 0.0, 1.0]
    assert labels(cost=0.20).move_after_cost[0].tolist() == [0.0, 0.0, 0.0, 0.0]


@pytest.mark.parametrize("kind", ["gross", "excess", "benchmark_excess", "rank", "volatility"])
def test_no_target_holds_costs(kind: str) -> None:
    """Crypto D-07: a cost in the signed target makes shorts look better."""
    assert np.array_equal(labels(0.0).target(kind), labels(0.05).target(kind), equal_nan=True)


def test_both_sides_bear_the_same_cost() -> None:
    """Crypto D-07: the mirror image of a price has the mirror image of its net returns."""
    made = labels(cost=0.004)
    panel = Panel(made.times, made.symbols, {"close": 1.0 / CLOSE})
    mirrored = forward_labels(panel, Reach.of_bars(2), FillPrice.NEXT_CLOSE, 0.004)

    np.testing.assert_allclose(mirrored.net_long, made.net_short, atol=1e-15)
    np.testing.assert_allclose(mirrored.net_short, made.net_long, atol=1e-15)
    np.testing.assert_allclose(mirrored.move_after_cost, -made.move_after_cost)


@pytest.mark.parametrize("preset", PRESETS)
def test_holding_longer_costs_no_more_to_trade(preset: str) -> None:
    """Crypto D-31 and D-32: one model, no multipliers by horizon; a round trip is one whatever lies between."""
    cost = PRESETS[preset].round_trip_rate()
    panel = synthetic_panel(9, 60, 3)
    paid = [
        made.gross - made.net_long
        for bars in (1, 4, 24, 50)
        for made in [forward_labels(panel, Reach.of_bars(bars), FillPrice.NEXT_CLOSE, cost)]
    ]

    for one in paid:
        np.testing.assert_allclose(one[~np.isnan(one)], -math.log1p(-cost), rtol=1e-9, atol=1e-15)


def test_half_a_percent_is_a_fraction() -> None:
    """Crypto D-34: at 0.5 nothing but a move by half would be one."""
    close = np.array([[1.0] * 6, [1000.0] * 6, [1005.1, 1004.9, 1000.0, 995.1, 994.9, 1400.0]])
    panel = Panel(np.arange(3) + 1, tuple("ABCDEF"), {"close": close})
    made = forward_labels(panel, Reach.of_bars(1), FillPrice.NEXT_CLOSE, 0.0)

    assert made.move[0].tolist() == [1.0, 0.0, 0.0, 0.0, -1.0, 1.0]
    assert forward_labels(panel, Reach.of_bars(1), FillPrice.NEXT_CLOSE, 0.0, threshold=0.3).move[0].tolist() == [
        *[0.0] * 5,
        1.0,
    ]


def test_a_fall_is_measured_by_the_price_at_entry_as_a_rise_is() -> None:
    panel = Panel(np.arange(3), ("A", "B"), {"close": np.array([[1.0, 1.0], [100.0, 100.0], [72.0, 69.0]])})
    made = forward_labels(panel, Reach.of_bars(1), FillPrice.NEXT_CLOSE, 0.0, threshold=0.3)

    assert made.move[0].tolist() == [0.0, -1.0]


def test_a_price_that_stood_did_not_rise() -> None:
    panel = Panel(np.arange(3), ("A",), {"close": np.full((3, 1), 5.0)})
    made = forward_labels(panel, Reach.of_bars(1), FillPrice.NEXT_CLOSE, 0.0)

    assert (made.direction[0, 0], made.move[0, 0], made.move_after_cost[0, 0]) == (0.0, 0.0, 0.0)


def test_unlabelled_rows_are_missing_in_every_kind() -> None:
    """Equity H 16: the last rows, and rows without a price, were 0 and so taught the model to know them."""
    panel = synthetic_panel(11, 40, 5, gaps=0.2)
    made = forward_labels(panel, Reach.of_bars(3), FillPrice.NEXT_OPEN, 0.001)
    missing = np.isnan(made.gross)

    assert missing[-4:].all()
    assert missing[:-4].any()
    for kind in made.kinds:
        assert np.isnan(made.target(kind))[missing].all(), kind


def test_the_benchmark_is_shifted_on_the_calendar_as_the_symbol_is() -> None:
    """Equity C.4: both shifted on their own rows compared different stretches of time."""
    days = np.arange(8.0)[:, np.newaxis]
    close, benchmark = np.exp(0.03 * days), np.exp(0.01 * days)
    close[2] = np.nan
    benchmark[4] = np.nan
    panel = Panel(np.arange(8), ("A",), {"close": close, "benchmark_close": benchmark})
    made = forward_labels(panel, Reach.of_bars(2), FillPrice.NEXT_CLOSE, 0.0)

    # Entry on row t + 1, exit on row t + 3: missing where the symbol's row 2 or the benchmark's row 4 is one of them.
    # Rows 1 and 3 enter and leave at the benchmark's hole or the symbol's.
    expected = [0.04, NAN, 0.04, NAN, 0.04, NAN, NAN, NAN]
    np.testing.assert_allclose(made.benchmark_excess.ravel(), expected)


def test_the_benchmark_fills_at_the_same_price_as_the_symbol() -> None:
    columns = {"open": CLOSE, "benchmark_close": CLOSE}
    panel = Panel(np.arange(4), ("A", "B", "C", "D"), columns)
    made = forward_labels(panel, Reach.of_bars(2), FillPrice.NEXT_OPEN, 0.0)

    assert "benchmark_excess" not in made.kinds
    with pytest.raises(DataError, match=r"universe\.benchmark whose bars have the price that orders fill at"):
        made.target("benchmark_excess")


def test_volatility_is_not_the_return_of_one_path() -> None:
    """Crypto 18.2: a price that comes back has moved."""
    close = np.array([[1.0], [100.0], [110.0], [100.0]])
    made = forward_labels(Panel(np.arange(4), ("A",), {"close": close}), Reach.of_bars(2), FillPrice.NEXT_CLOSE, 0.0)

    assert made.gross[0, 0] == 0.0
    assert made.volatility[0, 0] == pytest.approx(math.sqrt(2) * math.log(1.1))


def test_one_return_has_no_volatility() -> None:
    made = forward_labels(synthetic_panel(1, 10, 2), Reach.of_bars(1), FillPrice.NEXT_CLOSE, 0.0)

    assert "volatility" not in made.kinds
    with pytest.raises(InputError, match="at least 2 bars"):
        made.target("volatility")


@pytest.mark.parametrize("bars", [1, 2, 3, 7, 12, 31, 48])
def test_volatility_against_plain_sums(bars: int) -> None:
    log_price = np.log(synthetic_panel(3, 50, 3, gaps=0.01)["close"])
    found = realised_volatility(log_price, bars)
    for row in range(50):
        returns = np.diff(log_price[row : row + bars + 1], axis=0)
        expected = np.sqrt((returns**2).sum(axis=0)) if len(returns) == bars else np.full(3, NAN)
        np.testing.assert_allclose(found[row], expected, rtol=1e-12)


def test_volatility_does_not_remember_what_came_before() -> None:
    """A running total would keep the last bits of every earlier row, and all of a wild one."""
    log_price = np.log(synthetic_panel(3, 60, 3)["close"])
    wild = log_price.copy()
    wild[0] = 1e9

    assert np.array_equal(
        realised_volatility(log_price, 12)[5:], realised_volatility(log_price[5:], 12), equal_nan=True
    )
    assert np.array_equal(realised_volatility(wild, 12)[1:], realised_volatility(log_price, 12)[1:], equal_nan=True)


def test_equal_outcomes_share_a_place_whatever_their_order() -> None:
    """Equity C.4: ties were broken by position, so that the alphabet decided."""
    row = np.array([[0.2, 0.1, 0.1, 0.1, 0.3, NAN]])
    backwards = row[:, ::-1]

    assert percent_rank(row).tolist()[0][:5] == [0.75, 0.25, 0.25, 0.25, 1.0]
    assert np.array_equal(percent_rank(backwards)[:, ::-1], percent_rank(row), equal_nan=True)
    assert np.array_equal(rank_bucket(backwards, 3)[:, ::-1], rank_bucket(row, 3), equal_nan=True)


@pytest.mark.parametrize("buckets", [2, 3, 5, 7, 10, 50])
def test_buckets_divide_evenly_and_none_slips_below(buckets: int) -> None:
    """Equity C.4: floor(percent * bins), the best in the last; percent times bins can fall short by a last bit."""
    row = np.arange(buckets * 20 + 1, dtype=float)[np.newaxis]
    found = rank_bucket(row, buckets)[0]

    expected = [min(place * buckets // (buckets * 20), buckets - 1) for place in range(buckets * 20 + 1)]
    assert found.tolist() == expected
    assert np.bincount(found.astype(int)).tolist() == [20] * (buckets - 1) + [21]


def test_one_alone_has_an_excess_of_nothing_and_no_rank() -> None:
    row = np.array([[NAN, 0.3, NAN], [NAN, NAN, NAN]])

    assert excess_over_mean(row)[0, 1] == 0.0
    assert np.isnan(percent_rank(row)).all()
    assert np.isnan(rank_bucket(row, 5)).all()


def test_fewer_than_two_buckets_are_refused() -> None:
    with pytest.raises(InputError, match="at least 2"):
        rank_bucket(CLOSE, 1)


def test_an_unknown_kind_is_refused() -> None:
    with pytest.raises(InputError, match="one of gross, excess"):
        labels().target("net")
    with pytest.raises(InputError, match="one of gross_2_bars"):
        labels().values("gross")
