"""Slow sources as of every instant: against DuckDB, without the future, and one instant like many."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl
import pytest
from catalog_rows import garbled_after, observed, rows_of
from hypothesis import given
from hypothesis import strategies as st

from tidegate.core.errors import DataError, InputError
from tidegate.core.history import rows_until
from tidegate.core.units import FloatArray, Int64Array
from tidegate.data.tables import MOMENT
from tidegate.features.sources import Newest, Source
from tidegate.features.trails import Change, RobustScore

SYMBOLS = ("A", "B", "C")
NEWEST = Newest(name="rate", table="funding", columns=(("funding_rate", "rate"),), maximum_age=12)
CHANGE = Change(name="moved", table="funding", column="rate", back=2, reach=15, maximum_age=12)
SCORE = RobustScore(name="score", table="funding", column="rate", window=5, least=2, reach=25, maximum_age=12)

Row = tuple[str, int, int, int, float | None]
some_rows = st.lists(
    st.tuples(
        st.sampled_from(SYMBOLS[:2]),
        st.integers(0, 40),
        st.integers(0, 9),
        st.integers(0, 2),
        st.one_of(st.none(), st.integers(-50, 50).map(float)),
    ),
    max_size=30,
).map(lambda rows: list({row[:4]: row for row in rows}.values()))
some_times = st.lists(st.integers(0, 60), min_size=1, unique=True).map(lambda times: np.array(sorted(times)))


def funding(rows: list[Row]) -> pl.DataFrame:
    return rows_of(
        "funding",
        *(
            {"symbol": s, "event_time": e, "known_time": e + delay, "recorded_time": e + delay + late, "rate": value}
            for s, e, delay, late, value in rows
        ),
    )


def same(one: dict[str, FloatArray], other: dict[str, FloatArray], rows: Any = slice(None)) -> None:
    assert list(one) == list(other)
    for name, values in one.items():
        np.testing.assert_array_equal(values[rows], other[name][rows], err_msg=name)


@pytest.mark.parametrize("source", [NEWEST, CHANGE, SCORE], ids=lambda source: type(source).__name__)
@given(rows=some_rows, times=some_times, cut=st.integers(0, 60))
def test_what_became_known_later_changes_nothing(source: Source, rows: list[Row], times: Int64Array, cut: int) -> None:
    """D-14, D-10: deleted or garbled, the future leaves every earlier row as it is, to the bit."""
    frame = funding(rows)
    whole = observed(source, {"funding": frame}, times, SYMBOLS)
    past = times <= cut
    same(whole, observed(source, {"funding": rows_until(frame, cut)}, times, SYMBOLS), past)
    same(whole, observed(source, {"funding": garbled_after(frame, cut)}, times, SYMBOLS), past)


@pytest.mark.parametrize("source", [NEWEST, CHANGE, SCORE], ids=lambda source: type(source).__name__)
@given(rows=some_rows, times=some_times)
def test_one_instant_says_what_many_say(source: Source, rows: list[Row], times: Int64Array) -> None:
    """D-04: training and online are one builder."""
    observe = source.open({"funding": funding(rows)}, SYMBOLS)
    whole = observe(times)
    for row in range(len(times)):
        same({name: values[row : row + 1] for name, values in whole.items()}, observe(times[row : row + 1]))


@given(rows=some_rows, times=some_times)
def test_rows_in_any_order_say_the_same(rows: list[Row], times: Int64Array) -> None:
    frame = funding(rows)
    for source in (NEWEST, CHANGE, SCORE):
        same(
            observed(source, {"funding": frame}, times, SYMBOLS),
            observed(source, {"funding": frame.reverse()}, times, SYMBOLS),
        )


AS_OF_JOIN = """
    with ever_newest as (
        select symbol, event, known, rate from rates
        qualify event >= max(event) over (partition by symbol order by known, event, recorded)
            and row_number() over (partition by symbol, known order by event desc, recorded desc) = 1
    )
    select case when asked.at - event <= 12 then rate end
    from asked asof left join ever_newest on asked.symbol = ever_newest.symbol and asked.at >= ever_newest.known
    order by asked.at, asked.symbol
"""


@given(rows=some_rows, times=some_times)
def test_the_newest_value_is_that_of_duckdb(rows: list[Row], times: Int64Array) -> None:
    """Spec 13.3, D-16: its ASOF JOIN over what was the newest event when it became known, and the bound on age."""
    duckdb = pytest.importorskip("duckdb")
    found = observed(NEWEST, {"funding": funding(rows)}, times, SYMBOLS)["funding_rate"]
    schema = {"symbol": pl.String, "event": pl.Int64, "known": pl.Int64, "recorded": pl.Int64, "rate": pl.Float64}
    given_rows = [(s, e, e + delay, e + delay + late, rate) for s, e, delay, late, rate in rows]
    with duckdb.connect() as database:
        database.register("rates", pl.DataFrame(given_rows, schema=schema, orient="row").to_arrow())
        asked = {"symbol": list(SYMBOLS) * len(times), "at": np.repeat(times, len(SYMBOLS))}
        database.register("asked", pl.DataFrame(asked).to_arrow())
        joined = database.execute(AS_OF_JOIN).fetchall()
    expected = np.array([np.nan if rate is None else rate for (rate,) in joined])
    np.testing.assert_array_equal(found.ravel(), expected)


def by_hand(rows: list[Row], symbol: str, time: int) -> list[tuple[int, float]]:
    """Event and value of what was known, newest vintage each, oldest event first."""
    known = sorted(
        ((e, e + d, e + d + late, v) for s, e, d, late, v in rows if s == symbol and e + d <= time),
        key=lambda row: row[:3],
    )
    return [(event, np.nan if value is None else value) for event, _, _, value in known]


@given(rows=some_rows, times=some_times)
def test_a_change_is_that_between_the_newest_vintages(rows: list[Row], times: Int64Array) -> None:
    found = observed(CHANGE, {"funding": funding(rows)}, times, SYMBOLS)["moved"]
    for place, symbol in enumerate(SYMBOLS):
        for row, time in enumerate(times):
            newest = list(dict(by_hand(rows, symbol, int(time))).items())
            expected = np.nan
            if len(newest) >= 3 and time - newest[-1][0] <= 12 and newest[-1][0] - newest[-3][0] <= 15:
                expected = newest[-1][1] - newest[-3][1]
            np.testing.assert_equal(found[row, place], expected)


@given(rows=some_rows, times=some_times)
def test_a_score_is_that_among_those_before(rows: list[Row], times: Int64Array) -> None:
    """Spec 13.2, ours: a rolling robust score instead of one scale in dollars for every coin."""
    found = observed(SCORE, {"funding": funding(rows)}, times, SYMBOLS)["score"]
    for place, symbol in enumerate(SYMBOLS):
        for row, time in enumerate(times):
            newest = list(dict(by_hand(rows, symbol, int(time))).items())
            expected = np.nan
            if newest and time - newest[-1][0] <= 12:
                before = np.array([value for event, value in newest[-6:-1] if newest[-1][0] - event <= 25])
                before = before[~np.isnan(before)]
                if len(before) >= 2 and (spread := np.median(np.abs(before - np.median(before)))) > 0:
                    expected = np.clip((newest[-1][1] - np.median(before)) / (1.4826 * spread), -10, 10)
            np.testing.assert_allclose(found[row, place], expected, rtol=1e-12)


def test_a_restated_base_changes_the_change_from_when_it_was_known() -> None:
    rows: list[Row] = [("A", 1, 0, 0, 1.0), ("A", 2, 0, 0, 2.0), ("A", 3, 0, 0, 4.0), ("A", 1, 4, 0, 3.0)]
    found = observed(CHANGE, {"funding": funding(rows)}, np.array([3, 4, 5, 6]))["moved"]
    assert found.ravel().tolist() == [3.0, 3.0, 1.0, 1.0]


def test_a_change_of_logarithms_wants_positive_values() -> None:
    rows: list[Row] = [("A", 1, 0, 0, 1.0), ("A", 2, 0, 0, np.e), ("A", 3, 0, 0, 0.0), ("A", 4, 0, 0, -1.0)]
    source = replace(CHANGE, back=1, logarithm=True)
    found = observed(source, {"funding": funding(rows)}, np.array([1, 2, 3, 4]))["moved"]
    np.testing.assert_array_equal(found.ravel(), [np.nan, 1.0, np.nan, np.nan])


@pytest.mark.parametrize("logarithm", [False, True])
@pytest.mark.parametrize("wrong", [np.inf, -np.inf, np.nan])
def test_what_is_infinite_is_missing(wrong: float, logarithm: bool) -> None:
    rows: list[Row] = [("A", step, 0, 0, wrong if step in (3, 4) else float(1 + step % 2)) for step in range(10)]
    source, times = replace(CHANGE, back=1, logarithm=logarithm), np.arange(10)
    found = observed(source, {"funding": funding(rows)}, times)["moved"].ravel()
    assert np.flatnonzero(np.isnan(found)).tolist() == [0, 3, 4, 5]
    scores = observed(SCORE, {"funding": funding(rows)}, times)["score"].ravel()
    assert np.isnan(scores[3:5]).all()
    assert not np.isinf(scores).any()


def test_what_grew_too_old_is_missing() -> None:
    """D-16: the age counts from the event, however late it became known."""
    rows: list[Row] = [("A", 0, 0, 0, 1.0), ("A", 1, 9, 0, 7.0)]
    found = observed(NEWEST, {"funding": funding(rows)}, np.array([9, 10, 13, 14]))
    np.testing.assert_array_equal(found["funding_rate"].ravel(), [1.0, 7.0, 7.0, np.nan])
    np.testing.assert_array_equal(found["rate_age"].ravel(), [9.0, 9.0, 12.0, np.nan])


def test_what_was_announced_ahead_stands_from_when_it_happens() -> None:
    frame = rows_of("funding", {"symbol": "A", "event_time": 10, "known_time": 2, "rate": 5.0})
    for source, column in ((NEWEST, "rate_age"), (CHANGE, "moved_age")):
        found = observed(source, {"funding": frame}, np.array([9, 10, 11]))[column].ravel()
        np.testing.assert_array_equal(found, [np.nan, 0.0, 1.0])


def test_rows_about_no_symbol_are_everyones() -> None:
    frame = rows_of("macro", {"series": "X", "known_time": 3, "value": 2.0}, {"series": "Y", "known_time": 4})
    where = (("series", "X"),)
    newest = Newest(name="x", table="macro", columns=(("x", "value"),), maximum_age=9, where=where)
    change = Change(name="d", table="macro", column="value", back=1, reach=9, maximum_age=9, where=where)
    assert observed(newest, {"macro": frame}, np.array([3]), SYMBOLS)["x"].tolist() == [[2.0, 2.0, 2.0]]
    assert observed(change, {"macro": frame}, np.array([3]), SYMBOLS)["d_age"].tolist() == [[0.0, 0.0, 0.0]]


def test_a_flag_chooses_rows_and_one_that_is_not_said_is_not_so() -> None:
    """D-17: made-up rows are told apart from real ones."""
    frame = rows_of(
        "funding",
        {"symbol": "A", "known_time": 1, "rate": 1.0, "synthetic": None},
        {"symbol": "A", "known_time": 2, "rate": 2.0, "synthetic": True},
    )
    real = replace(NEWEST, where=(("synthetic", False),))
    made_up = replace(NEWEST, where=(("synthetic", True),))
    assert observed(real, {"funding": frame}, np.array([3]))["funding_rate"].tolist() == [[1.0]]
    assert observed(made_up, {"funding": frame}, np.array([3]))["funding_rate"].tolist() == [[2.0]]


@pytest.mark.parametrize("source", [NEWEST, CHANGE, SCORE], ids=lambda source: type(source).__name__)
def test_a_table_that_is_not_there_is_named(source: Source) -> None:
    with pytest.raises(DataError, match=r"no rows of 'funding'.*data\.uses\.funding"):
        source.open({}, SYMBOLS)
    with pytest.raises(DataError, match="without metric"):
        replace(source, where=(("metric", "x"),)).open({"funding": funding([])}, SYMBOLS)  # type: ignore[type-var]


@pytest.mark.parametrize("wrong", [{"back": 0}, {"reach": 0}, {"maximum_age": 0}])
def test_sizes_that_are_none_are_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(InputError, match=f"{next(iter(wrong))} 0 of source moved"):
        replace(CHANGE, **wrong)  # type: ignore[arg-type]


def test_declarations_tell_what_is_read() -> None:
    assert NEWEST.as_document() | {"name": "rate", "maximum_age": 12} == NEWEST.as_document()
    assert CHANGE.as_document()["kind"] == "change"
    assert replace(CHANGE, logarithm=True).as_document() != CHANGE.as_document()
    assert SCORE.as_document()["window"] == 5
    assert pl.Series([1]).cast(MOMENT).dt.epoch("us").to_list() == [1]
