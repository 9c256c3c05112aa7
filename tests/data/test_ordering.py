from __future__ import annotations

from itertools import pairwise
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.data import ordering
from tidegate.data.ordering import in_order, is_ascending, newest, newest_lazily, parts_of
from tidegate.data.tables import MOMENT

SCHEMA: dict[str, pl.DataType] = {
    "symbol": pl.String(),
    "event_time": MOMENT,
    "known_time": MOMENT,
    "recorded_time": MOMENT,
    "value": pl.Int64(),
}
KEY = ["symbol", "event_time"]
small = st.integers(0, 4)
some_rows = st.lists(
    st.tuples(st.sampled_from("ABC"), small, small, small), max_size=20, unique=True
)  # no two records of one vintage at one instant


def frame(rows: list[tuple[str, int, int, int]]) -> pl.DataFrame:
    made = pl.DataFrame([(*row, number) for number, row in enumerate(rows)], schema=list(SCHEMA), orient="row")
    return made.cast({**dict.fromkeys(("event_time", "known_time", "recorded_time"), pl.Int64())}).cast(SCHEMA)


@given(rows=some_rows)
def test_ascending_means_sorted_without_a_tie(rows: list[tuple[str, int, int, int]]) -> None:
    keys = [row[:2] for row in rows]
    assert is_ascending(frame(rows), KEY) == (keys == sorted(set(keys)))


@given(rows=some_rows)
def test_order_is_that_of_the_key_and_otherwise_that_of_before(rows: list[tuple[str, int, int, int]]) -> None:
    found = in_order(frame(rows), KEY)["value"].to_list()
    assert found == sorted(range(len(rows)), key=lambda number: rows[number][:2])


@given(rows=some_rows)
def test_the_newest_of_each_key(rows: list[tuple[str, int, int, int]]) -> None:
    best: dict[Any, int] = {}
    for number in sorted(range(len(rows)), key=lambda number: rows[number][2:]):
        best[rows[number][:2]] = number
    assert newest(frame(rows), KEY)["value"].to_list() == [best[key] for key in sorted(best)]


@given(rows=some_rows, at_once=st.integers(1, 6))
def test_parts_hold_every_row_once_in_order_of_the_column(rows: list[tuple[str, int, int, int]], at_once: int) -> None:
    parts = [part.collect() for part in parts_of(frame(rows).lazy(), "symbol", at_most=len(rows), rows_at_once=at_once)]
    together = pl.concat([frame([]), *parts])
    assert together.sort("value").equals(frame(rows))
    ends = [(part["symbol"].min(), part["symbol"].max()) for part in parts if part.height]
    assert all(one[1] < other[0] for one, other in pairwise(ends))


def with_vintages() -> pl.DataFrame:
    return frame([("B", 1, 1, 0), ("A", 2, 2, 0), ("A", 1, 1, 0), ("A", 1, 3, 0), ("B", 1, 1, 2), ("B", 0, 2, 1)])


ASKED: dict[str, Any] = {
    "all": lambda rows: rows,
    "a column": lambda rows: rows.select("value"),
    "a head": lambda rows: rows.head(2),
    "a filter of keys": lambda rows: rows.filter(symbol="A"),
    "a filter of keys for a column": lambda rows: rows.filter(symbol="B").select("value"),
    "a filter of values": lambda rows: rows.filter(pl.col("value") != 3),
    "a head, then a filter": lambda rows: rows.head(3).filter(pl.col("value") != 3),
    "a filter, then a head": lambda rows: rows.filter(pl.col("value") != 3).head(1),
}


@pytest.mark.parametrize("asked", ASKED)
@pytest.mark.parametrize("at_once", [1, 3, 100])
def test_what_is_asked_late_is_asked_of_the_newest(asked: str, at_once: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A filter of values must not reach the rows before the newest are told, or an old vintage would stand in."""
    monkeypatch.setattr(ordering, "_ROWS_AT_ONCE", at_once)
    rows = newest_lazily(with_vintages().lazy(), KEY, SCHEMA, at_most=6)
    expected = ASKED[asked](newest(with_vintages(), KEY).lazy()).collect()
    assert ASKED[asked](rows).collect().equals(expected)
