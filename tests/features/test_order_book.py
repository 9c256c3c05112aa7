"""Order books: real ones, and made-up ones that count as missing."""

from __future__ import annotations

from typing import Any

from catalog_rows import at, built, instants, rows_of

from tidegate.features.formulas import order_book, quality


def book(hours: float, **more: Any) -> dict[str, Any]:
    return {"symbol": "A", "known_time": at(hours), "imbalance": 0.25, "spread_bps": 2.0, **more}


def said(*books: dict[str, Any], hours: tuple[float, ...]) -> dict[str, list[float]]:
    return built(
        order_book.FEATURES, order_book.SOURCES, {"order_books": rows_of("order_books", *books)}, instants(*hours)
    )


def test_a_real_book_stands_for_a_quarter_of_an_hour() -> None:
    """Spec 5, D-16."""
    found = said(book(0), hours=(-1, 0, 0.25, 0.3))
    assert found["order_book_imbalance"] == [0, 0.25, 0.25, 0]
    assert found["order_book_spread_bps"] == [0, 2, 2, 0]
    assert found["order_book_missing_flag"] == found["order_book_spread_missing_flag"] == [1, 0, 0, 1]
    assert found["order_book_synthetic_flag"] == [0, 0, 0, 0]


def test_a_made_up_book_is_missing_and_said_to_be_made_up() -> None:
    """D-17: coverage of 99.98 percent was made of bars."""
    found = said(book(0, synthetic=True), book(1), book(1.1, synthetic=True), hours=(0, 1, 1.1, 1.3))
    assert found["order_book_missing_flag"] == [1, 0, 0, 1]
    assert found["order_book_imbalance"] == [0, 0.25, 0.25, 0]
    assert found["order_book_synthetic_flag"] == [1, 0, 0, 1]


def test_a_negative_spread_is_none() -> None:
    found = said(book(0, spread_bps=-1.0, imbalance=None), hours=(0,))
    assert found["order_book_spread_missing_flag"] == found["order_book_missing_flag"] == [1]
    assert found["order_book_spread_bps"] == found["order_book_imbalance"] == [0]


def test_a_made_up_book_makes_nothing_fresh() -> None:
    """D-17."""
    tables = {"order_books": rows_of("order_books", book(0), book(0.1, synthetic=True))}
    found = built(quality.FEATURES, order_book.SOURCES, tables, instants(0.2))
    assert [round(value, 6) for value in found["order_book_hours_old"]] == [0.2]
