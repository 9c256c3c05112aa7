"""Holdings over time: nothing that was held is lost, the largest come by name, the defensive ones apart."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import assume, given
from hypothesis import strategies as some

from tidegate.core.time import DAY, HOUR
from tidegate.data.tables import MOMENT
from tidegate.report import ColourScheme, Language
from tidegate.report.charts import Brush
from tidegate.report.holdings_chart import LARGEST, Book, book_of, holdings_chart
from tidegate.report.theme import palette

BRUSH = Brush(Language.load("en"), palette(ColourScheme.WESTERN))
NOTHING_APART: frozenset[str] = frozenset()


def days_of(count: int) -> pl.DataFrame:
    times = pl.Series([(16_000 + number) * DAY + 21 * HOUR for number in range(count)]).cast(MOMENT)
    return pl.DataFrame({"time": times})


def positions_of(days: pl.DataFrame, weights: np.ndarray[Any, np.dtype[np.float64]]) -> pl.DataFrame:
    """Return the holdings behind a matrix of weights, rows by symbol; what is 0 is not held."""
    place, day = np.nonzero(weights)
    return pl.DataFrame(
        {
            "time": days["time"].gather(day.tolist()),
            "symbol": [f"N{number:03d}" for number in place],
            "weight": weights[place, day],
        }
    )


def drawn_book(days: pl.DataFrame, positions: pl.DataFrame, apart: frozenset[str] = NOTHING_APART) -> Book:
    book = book_of(days, positions, apart)
    assert book is not None
    return book


def heatmaps(book: Book) -> list[dict[str, Any]]:
    return [trace for trace in json.loads(holdings_chart(BRUSH, book).figure)["data"] if trace["type"] == "heatmap"]


@given(some.integers(0, 10_000), some.integers(1, 40), some.integers(2, 60))
def test_what_is_drawn_adds_up_to_what_was_held(seed: int, names: int, count: int) -> None:
    draw = np.random.default_rng(seed)
    weights = draw.random((names, count)) * (draw.random((names, count)) < 0.4) - 0.2 * (
        draw.random(names)[:, None] < 0.1
    )
    assume(weights.any())
    days = days_of(count)

    book = drawn_book(days, positions_of(days, weights), frozenset({"N000"}))

    assert np.abs(book.weights).sum(axis=0) + book.others == pytest.approx(np.abs(weights).sum(axis=0))
    assert len(book.names) <= LARGEST
    assert set(book.defensives) <= {"N000"}


def test_the_largest_names_come_in_the_order_in_which_they_were_held() -> None:
    count, names = 40, 20
    weights = np.zeros((names, count))
    for name in range(names):
        weights[name, 2 * (names - 1 - name) : 2 * (names - name)] = 0.1 if name < 5 else 0.5 + name / 100
    days = days_of(count)

    book = drawn_book(days, positions_of(days, weights))

    assert list(book.names) == [f"N{name:03d}" for name in range(19, 4, -1)]
    assert book.others.max() == pytest.approx(0.1)
    assert book.held == names


def test_defensive_assets_are_set_apart_however_small() -> None:
    weights = np.full((20, 10), 0.05)
    weights[19, :] = 0.0
    weights[19, 3] = 0.001
    days = days_of(10)

    book = drawn_book(days, positions_of(days, weights), frozenset({"N019", "never held"}))
    stocks, apart = heatmaps(book)

    assert list(book.defensives) == ["N019"]
    assert apart["y"] == [max(stocks["y"]) + 2]
    assert stocks["colorscale"] != apart["colorscale"]


def test_short_positions_have_a_colour_of_their_own() -> None:
    days = days_of(4)
    weights = np.array([[0.3, 0.3, 0.0, 0.0], [-0.2, -0.2, -0.2, -0.2]])

    book = drawn_book(days, positions_of(days, weights))
    long, short = heatmaps(book)

    assert "purple is short" in holdings_chart(BRUSH, book).reading
    assert sorted(value for line in long["z"] for value in line if value is not None) == [0.3, 0.3]
    assert {value for line in short["z"] for value in line if value is not None} == {-0.2}


def test_a_long_run_is_drawn_by_weeks_and_stays_small() -> None:
    """300 names over 15 years of sessions."""
    count = 3_780
    draw = np.random.default_rng(2)
    weights = draw.random((300, count)) * (draw.random((300, count)) < 0.1) / 20
    days = days_of(count)

    book = drawn_book(days, positions_of(days, weights))

    assert len(book.days) < 560
    assert len(holdings_chart(BRUSH, book).figure) < 150_000


def test_nothing_held_is_nothing_to_draw() -> None:
    days = days_of(3)

    assert book_of(days, positions_of(days, np.zeros((2, 3))), NOTHING_APART) is None
