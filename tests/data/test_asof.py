from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.core.errors import DataError, InputError
from tidegate.core.panel import Panel
from tidegate.core.units import FloatArray
from tidegate.data.asof import AsOfSource, as_of_join, as_of_panel, newest_known
from tidegate.data.tables import MOMENT

Row = tuple[str, int, int, int, float | None]


def by_hand(at: int, symbol: str, rows: list[Row], maximum_age: int) -> Row | None:
    """The rule, spelt out: of what was known by ``at``, the newest event; of one event, what was known last."""
    known = [row for row in rows if row[0] == symbol and row[2] <= at]
    best = max(known, key=lambda row: (row[1], row[2], row[3]), default=None)
    return best if best is not None and at - best[1] <= maximum_age else None


def moments(values: list[int]) -> pl.Series:
    return pl.Series(values, dtype=pl.Int64).cast(MOMENT)


def rows_frame(rows: list[Row]) -> pl.DataFrame:
    symbol, event, known, recorded, value = zip(*rows, strict=True) if rows else ([], [], [], [], [])
    return pl.DataFrame(
        {
            "symbol": pl.Series(list(symbol), dtype=pl.String),
            "event_time": moments(list(event)),
            "known_time": moments(list(known)),
            "recorded_time": moments(list(recorded)),
            "value": pl.Series(list(value), dtype=pl.Float64),
        }
    )


def bars_frame(bars: dict[str, list[int]]) -> pl.DataFrame:
    names = [symbol for symbol, times in bars.items() for _ in times]
    times = [at for times in bars.values() for at in times]
    return pl.DataFrame({"symbol": pl.Series(names, dtype=pl.String), "event_time": moments(times)})


def source(rows: list[Row], *, maximum_age: int = 10, name: str = "rate") -> AsOfSource:
    return AsOfSource(name=name, rows=rows_frame(rows), columns={name: "value"}, maximum_age=maximum_age)


symbols = st.sampled_from(["A", "B", "C"])
instants = st.integers(0, 40)
values = st.one_of(st.none(), st.just(float("nan")), st.floats(-5, 5))
some_rows = st.lists(st.tuples(symbols, instants, instants, st.integers(0, 3), values), max_size=25).map(
    # A row is known at its event or later; equal keys and records would leave the answer open.
    lambda rows: list({row[:4]: row for row in ((s, e, e + k // 3, r, v) for s, e, k, r, v in rows)}.values())
)
some_bars = st.dictionaries(symbols, st.lists(st.integers(0, 60), max_size=30).map(sorted))
ages = st.integers(1, 30)


@given(bars=some_bars, rows=some_rows, maximum_age=ages)
def test_frames_agree_with_a_loop(bars: dict[str, list[int]], rows: list[Row], maximum_age: int) -> None:
    joined = as_of_join(bars_frame(bars), [source(rows, maximum_age=maximum_age)]).collect()
    got = [
        (row["symbol"], row["rate"], row["rate_missing"], row["rate_age"] and row["rate_age"].microseconds)
        for row in joined.iter_rows(named=True)
    ]
    expected = []
    for symbol, times in bars.items():
        for at in times:
            best = by_hand(at, symbol, rows, maximum_age)
            value = None if best is None or best[4] is None or np.isnan(best[4]) else best[4]
            expected.append((symbol, value, value is None, best and at - best[1]))
    assert [(s, v, m, a or 0) for s, v, m, a in got] == [(s, v, m, a or 0) for s, v, m, a in expected]
    assert [a is None for *_, a in got] == [a is None for *_, a in expected]


@given(times=st.lists(instants, min_size=1, unique=True).map(sorted), rows=some_rows, maximum_age=ages)
def test_panels_agree_with_a_loop(times: list[int], rows: list[Row], maximum_age: int) -> None:
    panel = Panel(np.array(times, dtype=np.int64), ("A", "B", "C"), {})
    made = as_of_panel(panel, [source(rows, maximum_age=maximum_age)])
    for place, symbol in enumerate(panel.symbols):
        for row, at in enumerate(times):
            best = by_hand(at, symbol, rows, maximum_age)
            value = np.nan if best is None or best[4] is None else best[4]
            np.testing.assert_equal(made["rate"][row, place], value)
            np.testing.assert_equal(made["rate_age"][row, place], np.nan if best is None else at - best[1])


def spread(times: list[int], known: list[int], event: list[int], maximum_age: int = 100) -> list[float]:
    arrays = (np.array(given, dtype=np.int64) for given in (times, known, event))
    return newest_known(*arrays, maximum_age=maximum_age).spread(np.arange(len(known), dtype=float), np.nan).tolist()


def test_a_restated_older_event_never_stands_in_for_a_newer_one() -> None:
    assert spread([10, 20, 30, 40], known=[10, 20, 30], event=[1, 2, 1]) == [0, 1, 1, 1]


def test_a_restatement_of_the_newest_event_counts_from_when_it_was_known() -> None:
    assert spread([10, 20, 30, 40], known=[10, 30], event=[1, 1]) == [0, 0, 1, 1]


def test_nothing_is_filled_backward() -> None:
    """D-14: buckets before the first observation received it."""
    assert np.isnan(spread([1, 2, 3], known=[3], event=[3])).tolist() == [True, True, False]


def test_a_value_dies_of_age_counted_from_its_event() -> None:
    """D-16: no bound on staleness. Known late does not make a value younger."""
    missing = np.isnan(spread([10, 11, 12, 13], known=[11], event=[8], maximum_age=4))
    assert missing.tolist() == [True, False, False, True]
    assert np.isnan(spread([10, 11], known=[10], event=[1], maximum_age=4)).all()


def test_what_is_missing_is_missing_and_not_a_number() -> None:
    """D-15: a placeholder of zero ran through a logarithm and became an extreme."""
    joined = as_of_join(bars_frame({"A": [1, 5], "B": [5]}), [source([("A", 4, 4, 0, None), ("B", 4, 4, 0, 0.0)])])
    assert joined.collect().select("rate", "rate_missing").rows() == [(None, True), (None, True), (0.0, False)]


def test_no_number_of_rows_is_too_many() -> None:
    """D-03: only the newest 2,000 rows were loaded, so a year of bars had values in its last days."""
    count = 5_000
    rows: list[Row] = [("A", at, at, 0, float(at)) for at in range(count)]
    joined = as_of_join(bars_frame({"A": list(range(count))}), [source(rows)]).collect()
    assert joined["rate"].to_list() == [float(at) for at in range(count)]


@pytest.mark.parametrize("times", [[0, 10, 20, 30], [0, 1, 20, 30], [5], [5, 5, 5], [0, 0, 30]])
def test_places_on_a_grid_and_off_it(times: list[int]) -> None:
    for known in range(-5, 40):
        expected = [0.0 if known <= at else np.nan for at in times]
        np.testing.assert_equal(spread(times, known=[known], event=[known]), expected)


def test_several_sources_at_once_one_of_them_about_no_symbol() -> None:
    macro = rows_frame([("", 1, 2, 0, 7.0)]).drop("symbol")
    sources = [
        source([("A", 0, 0, 0, 1.0), ("B", 3, 3, 0, 2.0)], name="rate"),
        AsOfSource(name="prints", rows=macro.lazy(), columns={"cpi": "value"}, maximum_age=10),
    ]
    joined = as_of_join(bars_frame({"A": [1, 2], "B": [2, 3]}).lazy(), sources).collect()
    assert joined["rate"].to_list() == [1.0, 1.0, None, 2.0]
    assert joined["cpi"].to_list() == [None, 7.0, 7.0, 7.0]
    assert joined["prints_age"].dt.total_microseconds().to_list() == [None, 1, 1, 2]


def test_bars_in_any_order_come_back_sorted_within_their_symbol() -> None:
    bars = bars_frame({"B": [3, 1], "A": [2]})
    shuffled = pl.concat([bars[:1], bars[2:], bars[1:2]])
    joined = as_of_join(shuffled, [source([("B", 1, 2, 0, 9.0)])]).collect()
    assert joined.select("symbol", pl.col("event_time").dt.epoch("us"), "rate").rows() == [
        ("A", 2, None), ("B", 1, None), ("B", 3, 9.0),
    ]  # fmt: skip
    assert as_of_join(shuffled, [source([])]).head(1).collect()["symbol"].to_list() == ["A"]


ASKED: dict[str, Any] = {
    "a column": lambda frame: frame.select("rate"),
    "its mask": lambda frame: frame.select("rate_missing"),
    "only bars": lambda frame: frame.select("volume"),
    "a count": lambda frame: frame.select(pl.len()),
    "a head": lambda frame: frame.head(3),
    "a tail": lambda frame: frame.tail(2),
    "a filter of bars": lambda frame: frame.filter(pl.col("volume") > 2).select("rate"),
    "a filter of values": lambda frame: frame.filter(pl.col("rate") > 1),
    "a filter of both": lambda frame: frame.filter(pl.col("rate") > 1, symbol="B").select("volume"),
    "a head, then a filter": lambda frame: frame.head(4).filter(pl.col("volume") > 2),
    "a filter, then a head": lambda frame: frame.filter(pl.col("volume") > 2).head(2),
    "itself": lambda frame: frame.join(frame, on=["symbol", "event_time"], maintain_order="left"),
}


@pytest.mark.parametrize("asked", ASKED)
@pytest.mark.parametrize("engine", ["in-memory", "streaming"])
def test_a_lazy_question_has_the_same_answer_as_a_late_one(asked: str, engine: Any) -> None:
    bars = bars_frame({"A": [1, 2, 3], "B": [1, 2, 4]}).with_columns(volume=pl.int_range(6))
    sources = [source([("A", 1, 2, 0, 1.0), ("B", 1, 1, 0, 2.0)]), source([("A", 1, 1, 0, 5.0)], name="other")]
    joined = as_of_join(bars.lazy(), sources)
    expected = ASKED[asked](joined.collect().lazy()).collect()
    assert ASKED[asked](joined).collect(engine=engine).equals(expected)


def test_a_filter_of_bars_reaches_their_source(tmp_path: Any) -> None:
    bars_frame({"A": [1], "B": [1]}).write_parquet(tmp_path / "bars.parquet")
    asked: list[pl.LazyFrame] = []
    bars = pl.scan_parquet(tmp_path / "bars.parquet")
    filtered = type(bars).filter

    def watched(frame: pl.LazyFrame, *arguments: Any, **named: Any) -> pl.LazyFrame:
        asked.append(frame)
        return filtered(frame, *arguments, **named)

    joined = as_of_join(bars, [source([("A", 1, 1, 0, 5.0)])]).filter(symbol="A")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pl.LazyFrame, "filter", watched)
        assert joined.collect().height == 1
    assert any(frame is bars for frame in asked)


def test_sorted_symbols_are_found_by_search() -> None:
    bars = bars_frame({"A": [1, 2], "B": [1], "C": [3]})
    flagged = bars.with_columns(pl.col("symbol").set_sorted())
    sources = [source([("A", 1, 1, 0, 1.0), ("C", 1, 1, 0, 2.0)])]
    assert as_of_join(flagged, sources).collect().equals(as_of_join(bars, sources).collect())


def usable(**changed: Any) -> AsOfSource:
    return AsOfSource(
        **{
            "name": "rate",
            "rows": rows_frame([("A", 1, 1, 0, 1.0)]),
            "columns": {"rate": "value"},
            "maximum_age": 1,
            **changed,
        }
    )


@pytest.mark.parametrize(
    ("changed", "what"),
    [
        ({"maximum_age": 0}, "maximum age of 0"),
        ({"columns": {}}, "without any column"),
        ({"columns": {"rate": "absent"}}, "without absent"),
        ({"rows": rows_frame([]).drop("known_time")}, "without known_time"),
        ({"rows": rows_frame([]).with_columns(pl.col("event_time").cast(pl.Int64))}, "without event_time"),
    ],
)
def test_a_source_that_is_no_source_is_refused(changed: dict[str, Any], what: str) -> None:
    with pytest.raises(InputError, match=what):
        usable(**changed)


@pytest.mark.parametrize(
    ("bars", "what"),
    [
        (bars_frame({"A": [1]}).drop("event_time"), "event_time: no such column"),
        (bars_frame({"A": [1]}).with_columns(pl.col("event_time").cast(pl.Int64)), "event_time: Int64"),
        (bars_frame({"A": [1]}).drop("symbol"), "without symbol"),
        (bars_frame({"A": [1]}).with_columns(rate_missing=1), "named twice: rate_missing"),
    ],
)
def test_bars_that_cannot_be_joined_are_refused(bars: pl.DataFrame, what: str) -> None:
    with pytest.raises(InputError, match=what):
        as_of_join(bars, [usable()])


def test_a_name_that_a_panel_has_is_refused() -> None:
    column: FloatArray = np.zeros((1, 1))
    with pytest.raises(InputError, match="named twice: rate"):
        as_of_panel(Panel(np.array([1]), ("A",), {"rate": column}), [usable()])


@pytest.mark.parametrize("column", ["symbol", "event_time", "known_time"])
def test_a_row_without_a_time_or_symbol_is_refused(column: str) -> None:
    """D-10: the time of the event stood in for an unknown time of knowing."""
    rows = rows_frame([("A", 1, 1, 0, 1.0), ("A", 2, 2, 0, 1.0)])
    lacking = rows.with_columns(pl.when(pl.int_range(2) == 0).then(pl.col(column)).alias(column))
    joined = as_of_join(bars_frame({"A": [5]}), [usable(rows=lacking.lazy())])
    with pytest.raises(Exception, match=f"rows of rate with nothing in {column}") as caught:
        joined.collect()
    assert isinstance(caught.value, DataError)


def test_rows_of_two_things_are_refused() -> None:
    rows = rows_frame([("A", 1, 1, 0, 1.0), ("A", 1, 1, 0, 2.0)]).with_columns(metric=pl.Series(["basis", "depth"]))
    with pytest.raises(Exception, match="several of metric") as caught:
        as_of_join(bars_frame({"A": [5]}), [usable(rows=rows, maximum_age=9)]).collect()
    assert isinstance(caught.value, DataError)


@pytest.mark.parametrize("column", ["symbol", "event_time"])
def test_bars_without_a_time_or_symbol_are_refused(column: str) -> None:
    bars = bars_frame({"A": [1, 2]}).with_columns(pl.when(pl.int_range(2) == 0).then(pl.col(column)).alias(column))
    with pytest.raises(Exception, match="bars with nothing in symbol or event_time"):
        as_of_join(bars, [usable()]).collect()
