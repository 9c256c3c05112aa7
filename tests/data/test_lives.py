from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.core.errors import CatalogError
from tidegate.core.time import DAY, Instant, moment_of, parse_instant
from tidegate.core.units import Int64Array
from tidegate.core.workspace import Workspace
from tidegate.data import Catalog
from tidegate.data.lives import Change, SymbolLives

Row = tuple[str, str, int, int, str | None]


def lives(*rows: Row) -> SymbolLives:
    names = ("symbol", "change", "event_time", "known_time", "detail")
    frame = pl.DataFrame([dict(zip(names, row, strict=True)) for row in rows], schema_overrides={"detail": pl.String})
    times = pl.col("event_time", "known_time").cast(pl.Datetime("us", "UTC"))
    return SymbolLives(frame.with_columns(times))


def days(*numbers: int) -> Int64Array:
    return np.array(numbers, dtype=np.int64)


def test_the_first_and_the_last_day_are_days_of_listing() -> None:
    """Equity A.22: valid on d when ipo <= d <= delisting, both included."""
    one = lives(("A", "listed", 10, 10, None), ("A", "delisted", 20, 20, None))

    assert one.is_listed(days(9, 10, 15, 20, 21), ["A"])[:, 0].tolist() == [False, True, True, True, False]


def test_a_delisting_that_was_announced_ahead_ends_nothing_before_its_day() -> None:
    one = lives(("A", "listed", 10, 10, None), ("A", "delisted", 30, 12, None))

    assert one.is_listed(days(12, 30, 31), ["A"])[:, 0].tolist() == [True, True, False]


def test_a_delisting_that_became_known_late_leaves_the_time_before_as_it_was_known() -> None:
    one = lives(("A", "listed", 10, 10, None), ("A", "delisted", 20, 25, None))

    assert one.is_listed(days(20, 24, 25), ["A"])[:, 0].tolist() == [True, True, False]


def test_a_listing_that_is_not_known_yet_is_none() -> None:
    assert lives(("A", "listed", 10, 15, None)).is_listed(days(10, 14, 15), ["A"])[:, 0].tolist() == [
        False,
        False,
        True,
    ]


def test_a_symbol_without_a_listing_never_counts_as_listed() -> None:
    one = lives(("A", "delisted", 20, 20, None), ("B", "renamed", 5, 5, "b"))

    assert not one.is_listed(days(1, 20, 30), ["A", "B", "nobody"]).any()


def test_a_second_listing_is_a_second_life() -> None:
    one = lives(
        ("A", "listed", 10, 10, None), ("A", "delisted", 20, 20, None), ("A", "listed", 30, 30, None),
    )  # fmt: skip

    assert one.is_listed(days(15, 25, 30), ["A"])[:, 0].tolist() == [True, False, True]
    assert one.lives()["delisted"].to_list() == [None]


def test_lives_are_first_listing_and_last_delisting() -> None:
    one = lives(("A", "listed", 10, 10, None), ("A", "delisted", 20, 20, None), ("B", "listed", 5, 5, None))

    assert one.lives().rows() == [("A", moment_of(10), moment_of(20)), ("B", moment_of(5), None)]
    assert one.symbols == ("A", "B")
    assert "2 listed" in repr(one)


def test_a_name_is_that_of_its_own_time_and_never_a_later_one() -> None:
    """Equity A.22: where no interval matched, the last entry was taken, an alias of the future."""
    one = lives(
        ("FB", "renamed", 10, 10, "Facebook"), ("FB", "renamed", 20, 20, None), ("FB", "renamed", 30, 30, "Fund")
    )

    found = [one.names(Instant(at), ["FB", "other"]) for at in (9, 10, 20, 29, 30)]

    assert found == [[None, None], ["Facebook", None], [None, None], [None, None], ["Fund", None]]


def test_a_name_announced_ahead_waits_for_its_day() -> None:
    one = lives(("A", "renamed", 10, 10, "old"), ("A", "renamed", 20, 15, "new"))

    assert [one.names(Instant(at), ["A"]) for at in (15, 19, 20)] == [["old"], ["old"], ["new"]]


def test_what_becomes_known_late_of_an_older_event_does_not_undo_a_newer_one() -> None:
    one = lives(("A", "renamed", 20, 20, "new"), ("A", "renamed", 10, 25, "old"))

    assert one.names(Instant(30), ["A"]) == ["new"]


def test_of_two_vintages_the_later_known_one_holds() -> None:
    one = lives(("A", "industry", 1, 10, "bank"), ("A", "industry", 1, 20, "insurance"))

    assert [one.industries(Instant(at), ["A"]) for at in (9, 10, 20)] == [[None], ["bank"], ["insurance"]]


def test_a_day_that_was_taken_back_never_was() -> None:
    one = lives(
        ("A", "listed", 10, 10, None), ("A", "delisted", 20, 20, None), ("A", "delisted", 20, 50, "withdrawn"),
        ("A", "delisted", 30, 30, None), ("B", "listed", 10, 10, None), ("B", "listed", 10, 50, "withdrawn"),
    )  # fmt: skip

    found = one.is_listed(days(15, 25, 30, 31, 60), ["A", "B"])

    assert found[:, 0].tolist() == [True, True, True, False, False]
    assert not found[:, 1].any()
    assert one.lives()["delisted"].to_list() == [moment_of(30)]
    assert one.symbols == ("A",)


def test_a_day_told_again_after_it_was_taken_back_holds_from_its_own_time_on() -> None:
    one = lives(
        ("A", "listed", 10, 60, "again"), ("A", "listed", 10, 10, None), ("A", "listed", 10, 50, "withdrawn"),
    )  # fmt: skip

    assert one.is_listed(days(9, 10, 55, 60), ["A"])[:, 0].tolist() == [False, True, True, True]


def test_of_two_announcements_of_one_day_the_later_one_holds() -> None:
    one = lives(("A", "renamed", 20, 15, "second thought"), ("A", "renamed", 20, 10, "first thought"))

    assert one.names(Instant(20), ["A"]) == ["second thought"]


def test_special_treatment_lasts_until_it_is_lifted() -> None:
    one = lives(("A", "special_treatment", 10, 9, "*ST"), ("A", "special_treatment", 20, 19, "none"))

    assert one.is_special(days(9, 10, 19, 20), ["A", "B"])[:, 0].tolist() == [False, True, True, False]
    assert not one.is_special(days(9, 10, 19, 20), ["A", "B"])[:, 1].any()


def test_a_suspension_lasts_until_trading_resumes_and_wins_a_tie() -> None:
    one = lives(
        ("A", "suspended", 10, 10, None), ("A", "suspended", 11, 11, None), ("A", "resumed", 12, 12, None),
        ("B", "suspended", 10, 10, None), ("B", "resumed", 10, 10, None),
    )  # fmt: skip

    found = one.is_suspended(days(9, 10, 11, 12), ["B", "A"])

    assert found[:, 1].tolist() == [False, True, True, False]
    assert found[:, 0].tolist() == [False, True, True, True]


@pytest.mark.parametrize(("times", "symbols"), [((), ("A",)), ((1, 2), ()), ((), ())])
def test_nobody_or_never_is_an_empty_answer(times: tuple[int, ...], symbols: tuple[str, ...]) -> None:
    one = lives(("A", "listed", 1, 1, None))

    assert one.is_listed(days(*times), symbols).shape == (len(times), len(symbols))


@st.composite
def _histories(draw: st.DrawFn) -> list[Row]:
    def row(number: int) -> Row:
        symbol = draw(st.sampled_from(["A", "B", "C"]))
        change = draw(st.sampled_from([change.value for change in Change]))
        event, known = draw(st.integers(0, 30)), draw(st.integers(0, 30))
        return symbol, change, event, known, draw(st.sampled_from([None, "none", "x", f"y{number}"]))

    rows = [row(number) for number in range(draw(st.integers(1, 12)))]
    return list({(row[0], row[1], row[2], row[3]): row for row in rows}.values())


@given(rows=_histories(), at=st.integers(0, 30))
def test_nothing_that_became_known_later_changes_an_answer(rows: list[Row], at: int) -> None:
    symbols, times = ["A", "B", "C"], days(*range(at + 1))
    known = [row for row in rows if row[3] <= at] or [("Z", "listed", 0, 0, None)]
    whole, cut = lives(*rows), lives(*known)

    def every(one: SymbolLives) -> list[Any]:
        masks = [ask(times, symbols).tolist() for ask in (one.is_listed, one.is_suspended, one.is_special)]
        return [*masks, one.names(Instant(at), symbols), one.industries(Instant(at), symbols)]

    assert every(whole) == every(cut)


@given(rows=_histories(), at=st.integers(0, 30))
def test_answers_equal_those_of_a_plain_reading(rows: list[Row], at: int) -> None:
    one, symbols = lives(*rows), ["A", "B", "C"]

    assert one.names(Instant(at), symbols) == [_newest(rows, symbol, at, {"renamed"}) for symbol in symbols]
    assert one.industries(Instant(at), symbols) == [_newest(rows, symbol, at, {"industry"}) for symbol in symbols]


def _newest(rows: list[Row], symbol: str, at: int, changes: set[str]) -> str | None:
    known = [row for row in rows if row[0] == symbol and row[1] in changes and max(row[2], row[3]) <= at]
    return max(known, key=lambda row: (row[2], row[3]))[4] if known else None


def test_lives_are_read_from_the_catalog_as_of_an_instant(workspace: Workspace) -> None:
    catalog = Catalog(workspace)
    first, last = parse_instant("2024-01-02"), parse_instant("2024-03-01")
    rows = pl.DataFrame(
        {
            "dataset": "mine", "symbol": ["A", "A", "B"], "change": ["listed", "delisted", "listed"],
            "event_time": [moment_of(first), moment_of(last), moment_of(first)],
            "known_time": [moment_of(first), moment_of(last - 30 * DAY), moment_of(first)],
            "detail": pl.Series([None, "merger", None], dtype=pl.String), "source": "test", "synthetic": False,
        }
    )  # fmt: skip
    catalog.append("symbol_lives", rows)

    early = SymbolLives.read(catalog, "mine", as_of=Instant(last - 31 * DAY))
    late = SymbolLives.read(catalog, "mine", as_of=Instant(last - 30 * DAY), symbols=["A"])

    assert early.lives()["delisted"].to_list() == [None, None]
    assert late.lives()["delisted"].to_list() == [moment_of(last)]
    assert late.symbols == ("A",)
    with pytest.raises(CatalogError):
        SymbolLives.read(catalog, "nobody's", as_of=last)
