"""The carry of perpetuals by hand: who pays, when, and when nobody can say."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.core.errors import InputError
from tidegate.core.recipe import CostSettings
from tidegate.core.time import HOUR
from tidegate.costs import FundingPayments, Side, carry, pays_funding
from tidegate.data.tables import MOMENT

NAN = float("nan")


def rows(
    hours: Sequence[float], rates: Sequence[float | None], symbol: str = "BTC", known: Sequence[float] | None = None
) -> pl.DataFrame:
    times = [pl.Series([int(one * HOUR) for one in given]).cast(MOMENT) for given in (hours, known or hours)]
    rate = pl.Series(rates, dtype=pl.Float64)
    return pl.DataFrame({"event_time": times[0], "known_time": times[1], "rate": rate}).with_columns(
        symbol=pl.lit(symbol)
    )


def paid(table: pl.DataFrame, *held: tuple[float, float], known_by: float | None = None) -> list[float]:
    entered, left = (np.array([int(one[end] * HOUR) for one in held]) for end in (0, 1))
    by = left if known_by is None else np.full(len(left), int(known_by * HOUR))
    return FundingPayments.of_rows(table, ["BTC"]).paid(entered, left, known_by=by)[:, 0].tolist()


EIGHT = rows([0, 8, 16, 24, 32], [0.5, 0.1, 0.02, -0.004, 0.001])


@pytest.mark.parametrize(
    ("entered", "left", "expected"),
    [
        (9, 15, 0.0),
        (9, 17, 0.02),
        (9, 25, 0.016),
        (9, 33, 0.017),
        (25, 39, 0.001),
        (16, 17, 0.0),  # opened at the instant of a payment: too late for it
        (15, 16, 0.02),  # closed at that instant: still held
        (16, 24, -0.004),
    ],
)
def test_who_holds_at_the_instant_of_a_payment_pays(entered: float, left: float, expected: float) -> None:
    assert paid(EIGHT, (entered, left)) == pytest.approx([expected], abs=1e-15)


def test_positions_that_follow_each_other_pay_each_payment_once() -> None:
    whole, *parts = paid(EIGHT, (10, 33), (10, 16), (16, 24), (24, 33))

    assert sum(parts) == pytest.approx(whole, abs=1e-15)


def test_the_rate_is_that_of_its_period_whatever_its_length() -> None:
    """Crypto 17.2 and D-31: a rate of eight hours charged by the hour is eight times too large."""
    every_four = rows([0, 4, 8, 12, 16, 20, 24], [0.1] * 7)

    assert paid(every_four, (9, 25)) == pytest.approx([0.4])
    assert paid(rows([0, 8, 16, 24], [0.1] * 4), (9, 25)) == pytest.approx([0.2])


def test_the_one_receives_what_the_other_pays() -> None:
    """Crypto 17.2: the sign of the rate and the side decide, so a short in front of a positive rate earns."""
    rates = np.array([0.0003, -0.0002, NAN])

    assert carry(Side.LONG, rates)[:2].tolist() == [0.0003, -0.0002]
    assert carry(Side.SHORT, rates)[:2].tolist() == [-0.0003, 0.0002]
    assert np.isnan(carry(Side.SHORT, rates)[2])


@pytest.mark.parametrize(
    ("entered", "left", "is_known"),
    [
        (17, 23, True),  # before the payment at 24 that is not there
        (17, 24, False),  # it was due
        (17, 33, False),
        (25, 31, False),  # nobody knows how long the hole is: 28 may have been one
        (33, 34, True),
        (41, 47, True),
        (41, 48, False),  # the next one is due and has not come
        (-1, 9, False),  # opened before the first payment
        (1, 7, False),  # one payment tells no period
        (9, 15, True),
    ],
)
def test_a_hole_is_missing_rather_than_cheap(entered: float, left: float, is_known: bool) -> None:
    """Spec 17.3 with a payment missing at 24: a sum without it would make the carry look small."""
    table = rows([0, 8, 16, 32, 40], [0.1] * 5)

    assert np.isfinite(paid(table, (entered, left)))[0] == is_known


def test_a_rate_that_is_no_number_is_a_hole() -> None:
    table = rows([0, 8, 16, 24, 32], [0.1, 0.1, 0.1, None, 0.1])

    assert np.isnan(paid(table, (17, 25), (17, 33), (25, 33))).all()


def test_a_longer_period_is_taken_for_a_hole_until_it_is_usual() -> None:
    """From 4 to 8 hours: the first two long distances could be holes, the third is what is usual."""
    table = rows([0, 4, 8, 12, 20, 28, 36, 44], [0.1] * 8)

    assert np.isnan(paid(table, (13, 21), (21, 29))).all()
    assert paid(table, (29, 37), (37, 45)) == pytest.approx([0.1, 0.1])


def test_a_shorter_period_counts_at_once() -> None:
    table = rows([0, 8, 16, 24, 28, 32, 36], [0.1] * 7)

    assert paid(table, (17, 29), (25, 37)) == pytest.approx([0.2, 0.3])


def test_what_became_known_later_does_not_count() -> None:
    table = rows([0, 8, 16, 24], [0.1] * 4, known=[0, 8, 16, 30])

    assert np.isnan(paid(table, (17, 25)))[0], "a payment was due, and nobody knows it yet"
    assert paid(table, (17, 25), known_by=30) == pytest.approx([0.1])


def test_a_later_vintage_changes_nothing() -> None:
    """A payment is what was paid; restated rows, as of a period that is known better, are no further payments."""
    again = pl.concat([EIGHT, rows([16, 24], [9.0, 9.0], known=[17, 26])])

    assert paid(again, (9, 33)) == paid(EIGHT, (9, 33))


def test_each_symbol_pays_its_own() -> None:
    table = pl.concat([rows([0, 8, 16, 24], [0.1] * 4), rows([0, 4, 8, 12, 16, 20], [0.01] * 6, symbol="ORCA")])
    found = FundingPayments.of_rows(table, ["ORCA", "NONE", "BTC"])
    at = np.array([9 * HOUR]), np.array([17 * HOUR])

    np.testing.assert_allclose(found.paid(*at, known_by=at[1]), [[0.02, NAN, 0.1]])


def test_what_lies_outside_changes_no_bit() -> None:
    wild = rows([0, 8, 16, 24, 32], [1e9, 0.1, 0.02, -0.004, 1e9])

    assert paid(wild, (9, 25)) == paid(EIGHT, (9, 25))


@given(
    distances=st.lists(st.sampled_from([1, 2, 4, 8, 8, 8, 16, 40]), min_size=1, max_size=25),
    delays=st.lists(st.sampled_from([0, 0, 0, 0, 1, 5, 30]), min_size=25, max_size=25),
    cut=st.integers(0, 150),
)
def test_what_comes_later_changes_no_sum_that_is_known(distances: list[int], delays: list[int], cut: int) -> None:
    """Payments may arrive late and out of turn: what was known by an instant gives the same sums for ever."""
    hours = np.cumsum(distances)
    known = (hours + delays[: len(hours)]).tolist()
    table = rows(hours.tolist(), np.sin(hours).tolist(), known=known)
    before = table.filter(pl.col("known_time") <= pl.lit(cut * HOUR).cast(MOMENT))
    held = [(end - length, end) for end in range(-3, cut + 1, 3) for length in (1, 8, 24)]
    for late in (0, 2):
        ended = [one for one in held if one[1] + late <= cut]
        if ended:
            by = np.array([int((one[1] + late) * HOUR) for one in ended])
            entered, left = (np.array([int(one[end] * HOUR) for one in ended]) for end in (0, 1))
            now, then = (
                FundingPayments.of_rows(some, ["BTC"]).paid(entered, left, known_by=by) for some in (table, before)
            )
            assert np.array_equal(now, then, equal_nan=True)


@given(period=st.sampled_from([1, 2, 4, 8]), entered=st.integers(20, 60), length=st.integers(1, 60))
def test_without_holes_the_sum_is_a_plain_one(period: int, entered: int, length: int) -> None:
    hours = list(range(0, 130, period))
    rates = [0.001 * hour - 0.03 for hour in hours]
    expected = sum(rate for hour, rate in zip(hours, rates, strict=True) if entered < hour <= entered + length)

    assert paid(rows(hours, rates), (entered, entered + length)) == pytest.approx([expected], abs=1e-12)


def test_positions_that_do_not_fit_are_refused() -> None:
    payments = FundingPayments.of_rows(EIGHT, ["BTC"])

    with pytest.raises(InputError, match="one of each per position"):
        payments.paid(np.array([1, 2]), np.array([3]), known_by=np.array([3]))


def test_shares_pay_no_funding() -> None:
    presets = ("crypto-perpetual", "us-equity", "a-share", "free")

    assert [pays_funding(CostSettings.model_validate({"preset": one})) for one in presets] == [
        True,
        False,
        False,
        False,
    ]
