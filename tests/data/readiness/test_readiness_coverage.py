"""What is there of what is owed: exact on the grid, exact in the rhythm of payments."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.core.time import DAY, HOUR, MINUTE, SECOND, BarInterval, Instant, parse_instant
from tidegate.data.calendars import trading_calendar
from tidegate.data.readiness.coverage import Laid, lay_on_grid, lay_payments
from tidegate.data.readiness.scope import Life, Listing

HOURLY = BarInterval("1h")


def life(symbol: str = "A", start: int = 0, end: int = 100 * HOUR, calendar: str = "24/7") -> Life:
    return Life(symbol, calendar, Instant(start), Instant(end), Listing.KNOWN)


def at(times: Sequence[int], symbol: str = "A") -> pl.DataFrame:
    return pl.DataFrame(
        {"symbol": [symbol] * len(times), "time": times}, schema={"symbol": pl.String, "time": pl.Int64}
    )


def gaps_of(laid: Laid, place: int = 0) -> list[tuple[int, int, int]]:
    return [(gap.start // HOUR, gap.end // HOUR, gap.missing) for gap in laid.members[place].gaps]


@given(st.sets(st.integers(min_value=-5, max_value=120)), st.integers(0, 40), st.integers(41, 100))
def test_gaps_are_the_runs_of_what_is_missing(there: set[int], start: int, end: int) -> None:
    """D-20: exact ranges in time, whatever is there, also outside the life."""
    laid = lay_on_grid(
        [life(start=start * HOUR, end=end * HOUR)], HOURLY, at([hour * HOUR for hour in there]), exact=True
    )
    member = laid.members[0]
    owed = range(start + 1, end + 1)
    missing = [hour for hour in owed if hour not in there]

    assert (member.expected, member.present) == (len(owed), len(owed) - len(missing))
    assert member.count == len(there & set(owed))
    assert [hour for first, last, _ in gaps_of(laid) for hour in range(first, last + 1)] == missing
    assert all(later[0] - earlier[1] > 1 for earlier, later in zip(gaps_of(laid), gaps_of(laid)[1:], strict=False))
    assert laid.by_month.select(pl.col("expected", "present").sum()).row(0) == (member.expected, member.present)


def test_a_hole_is_one_gap_and_never_the_whole_window() -> None:
    """D-20: indices compared with seconds made one gap of the whole window."""
    laid = lay_on_grid(
        [life()], HOURLY, at([hour * HOUR for hour in range(1, 101) if hour not in {7, 8, 50}]), exact=True
    )

    assert gaps_of(laid) == [(7, 8, 2), (50, 50, 1)]


def test_a_bar_off_its_close_is_no_bar_and_a_reading_counts_anywhere_in_its_stretch() -> None:
    off = at([hour * HOUR - 7 * MINUTE for hour in range(1, 101)])

    exact, anywhere = (lay_on_grid([life()], HOURLY, off, exact=exact).members[0] for exact in (True, False))

    assert (exact.present, anywhere.present) == (0, 100)


def test_two_readings_of_one_stretch_count_once_and_are_told() -> None:
    laid = lay_on_grid([life()], HOURLY, at([5 * HOUR - MINUTE, 5 * HOUR, 6 * HOUR]), exact=False)

    assert laid.members[0].present == 2
    assert laid.repeated.tolist() == [1]


def test_the_last_stretch_needs_its_own_end() -> None:
    """A reading of the running hour stands for an hour that is not owed yet."""
    laid = lay_on_grid([life(end=5 * HOUR + 30 * MINUTE)], HOURLY, at([5 * HOUR + 10 * MINUTE]), exact=False)

    assert (laid.members[0].expected, laid.members[0].present) == (5, 0)


def test_each_symbol_owes_by_its_own_calendar_and_life() -> None:
    """D-21: no symbol owes anything before its listing."""
    monday = parse_instant("2024-07-01")
    closes = trading_calendar("XNYS").expected(BarInterval("1d"), monday, monday + 7 * DAY)
    lives = [
        life("NYSE", monday, monday + 7 * DAY, "XNYS"),
        life("COIN", monday, monday + 7 * DAY),
        life("YOUNG", monday + 5 * DAY, monday + 7 * DAY),
    ]
    rows = pl.concat([at(closes.tolist(), "NYSE"), at([monday + 6 * DAY, monday + 7 * DAY], "YOUNG")])

    laid = lay_on_grid(lives, BarInterval("1d"), rows, exact=True)

    assert [one.member for one in laid.members] == ["NYSE", "COIN", "YOUNG"]
    assert [(one.present, one.expected) for one in laid.members] == [(4, 4), (0, 7), (2, 2)], "Independence Day is none"


def test_nothing_owed_shows_nothing() -> None:
    laid = lay_on_grid([life(end=0)], HOURLY, at([]), exact=True)

    assert laid.members[0].coverage == 0.0


def test_what_is_excused_is_not_owed_and_no_gap() -> None:
    """A suspended share owes no bar; a bar that is there all the same counts."""
    there = [hour for hour in range(1, 101) if not 10 <= hour <= 19]
    excused = at([hour * HOUR for hour in (*range(5, 19), 500)])

    laid = lay_on_grid([life()], HOURLY, at([hour * HOUR for hour in there]), exact=True, excused=excused)

    assert (laid.members[0].present, laid.members[0].expected) == (90, 91)
    assert gaps_of(laid) == [(19, 19, 1)]
    assert laid.by_month.select(pl.col("expected", "present").sum()).row(0) == (91, 90)


def test_long_steps_lie_between_two_rows() -> None:
    hours = [1, 2, 6, 10, 11, 14]  # steps of 1, 4, 4, 1 and 3; nothing before the first and after the last counts

    laid = lay_on_grid([life()], HOURLY, at([hour * HOUR for hour in hours]), exact=True)

    assert laid.long_steps.tolist() == [2]


def paid(*hours: int, end: int = 96) -> Laid:
    return lay_payments([life(end=end * HOUR)], at([hour * HOUR for hour in hours]))


def test_payments_owe_by_their_own_period() -> None:
    four, eight = (paid(*range(step, 97, step)) for step in (4, 8))

    assert [(one.members[0].present, one.members[0].expected) for one in (four, eight)] == [(24, 24), (12, 12)]


def test_a_change_of_period_is_no_hole() -> None:
    laid = paid(*range(8, 49, 8), *range(52, 97, 4))

    assert laid.members[0].gaps == ()
    assert laid.members[0].coverage == 1.0


def test_a_hole_in_payments_is_told_exactly() -> None:
    hours = [hour for hour in range(8, 97, 8) if hour not in {32, 40}]

    laid = paid(*hours)

    assert (laid.members[0].present, laid.members[0].expected) == (10, 12)
    assert gaps_of(laid) == [(32, 40, 2)]


def test_payments_owe_from_the_listing_to_the_end() -> None:
    laid = paid(32, 40, 48, 56)

    assert gaps_of(laid) == [(8, 24, 3), (64, 96, 5)]


def test_a_coin_without_a_payment_owes_the_usual_ones() -> None:
    """D-22: an empty coin must not look complete."""
    assert (paid().members[0].present, paid().members[0].expected) == (0, 12)


def test_venues_pay_some_milliseconds_late() -> None:
    times = [hour * HOUR + 3 * SECOND // 1000 for hour in range(8, 97, 8)]

    laid = lay_payments([life(end=96 * HOUR)], at(times))

    assert laid.members[0].gaps == ()
    assert laid.by_month.select("expected", "present").rows() == [(12, 12)]


@given(st.sets(st.integers(0, 40), max_size=4), st.sampled_from([1, 4, 8]))
def test_short_holes_are_found_whatever_the_period(lost: set[int], period: int) -> None:
    """Holes of up to two payments between full stretches are counted exactly."""
    kept = [place for place in range(60) if place not in {10 * hole + part for hole in lost for part in (3, 4)}]

    laid = lay_payments([life(end=60 * period * HOUR)], at([(place + 1) * period * HOUR for place in kept]))

    assert (laid.members[0].present, laid.members[0].expected) == (len(kept), 60)


@pytest.mark.parametrize("exact", [True, False])
def test_the_order_of_rows_does_not_matter(exact: bool) -> None:
    times = np.random.default_rng(3).permutation(np.arange(1, 90, 2) * HOUR).tolist()
    rows = pl.concat([at(times), at(times, "B")]).sample(fraction=1.0, shuffle=True, seed=1)

    laid = lay_on_grid([life("B"), life("A")], HOURLY, rows, exact=exact)

    assert [(one.member, one.present) for one in laid.members] == [("B", 45), ("A", 45)]
