"""Vintages: what a source says of one thing at several times, read as it stood at each of them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.core.errors import CatalogError, DataError, LookAheadError
from tidegate.core.time import instant_of
from tidegate.core.workspace import Workspace
from tidegate.data import Catalog, Revision
from tidegate.data.revisions import require_valid, sort_out
from tidegate.data.tables import MACRO, SYMBOL_LIVES, TABLES, TableSpec

JANUARY = datetime(2024, 1, 1, tzinfo=UTC)


def prints(*vintages: tuple[int, float], about: datetime = JANUARY) -> pl.DataFrame:
    """One observation, known after so many days with such a value."""
    return pl.DataFrame(
        {
            "dataset": "us",
            "series": "GDP",
            "event_time": about,
            "known_time": [about + timedelta(days=days) for days, _ in vintages],
            "value": [value for _, value in vintages],
            "unit": "index",
            "source": "test",
            "synthetic": False,
            "revised": False,
        }
    ).cast({name: kind for name, kind in MACRO.schema.items() if name != "recorded_time"})


def value_after(catalog: Catalog, days: float) -> list[float]:
    at = instant_of(JANUARY + timedelta(days=days))
    return catalog.read("macro", dataset="us", as_of=at).collect()["value"].to_list()


@pytest.fixture
def catalog(workspace: Workspace) -> Catalog:
    return Catalog(workspace)


def test_restated_rows_are_read_as_they_stood(catalog: Catalog) -> None:
    done = catalog.append("macro", prints((30, 1.0), (60, 2.0), (90, 3.0)))
    assert done.appended == 3
    assert [value_after(catalog, days) for days in (29, 30, 59, 60, 100)] == [[], [1.0], [1.0], [2.0], [3.0]]


def test_a_vintage_that_says_what_the_one_before_said_appends_nothing(catalog: Catalog) -> None:
    catalog.append("macro", prints((30, 1.0)))
    done = catalog.append("macro", prints((30, 1.0), (60, 1.0), (90, 2.0), (120, 2.0), (150, 1.0)))
    assert (done.appended, done.identical) == (2, 3)
    assert [value_after(catalog, days) for days in (70, 91, 151)] == [[1.0], [2.0], [1.0]]


def test_a_vintage_that_comes_late_finds_its_place(catalog: Catalog) -> None:
    """Backfilling an older vintage neither changes what is known now nor is lost."""
    catalog.append("macro", prints((30, 1.0), (90, 3.0)))
    catalog.append("macro", prints((60, 2.0)))
    assert [value_after(catalog, days) for days in (31, 61, 91)] == [[1.0], [2.0], [3.0]]


def test_another_value_of_the_same_vintage_is_refused(catalog: Catalog) -> None:
    catalog.append("macro", prints((30, 1.0), (60, 2.0)))
    with pytest.raises(DataError, match="1 rows that differ from stored ones"):
        catalog.append("macro", prints((60, 2.5)))
    catalog.append("macro", prints((60, 2.5)), revision=Revision(correction_reason="typing error"))
    assert [value_after(catalog, days) for days in (31, 61)] == [[1.0], [2.5]]


def test_one_vintage_twice_in_one_call_is_refused(catalog: Catalog) -> None:
    with pytest.raises(DataError, match="equal keys"):
        catalog.append("macro", prints((30, 1.0), (30, 2.0)))


def test_what_is_announced_ahead_is_known_before_it_happens(catalog: Catalog) -> None:
    delisting = pl.DataFrame(
        {
            "dataset": "us",
            "symbol": "OLD",
            "change": "delisted",
            "event_time": JANUARY,
            "known_time": JANUARY - timedelta(days=20),
            "detail": "merger",
            "source": "test",
            "synthetic": False,
        }
    ).cast({name: kind for name, kind in SYMBOL_LIVES.schema.items() if name != "recorded_time"})
    catalog.append("symbol_lives", delisting)
    ahead = instant_of(JANUARY - timedelta(days=10))
    assert catalog.read("symbol_lives", dataset="us", as_of=ahead).collect().height == 1
    with pytest.raises(LookAheadError):
        catalog.append("macro", prints((-1, 1.0)))


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda rows: rows.drop("unit"), "no unit"),
        (lambda rows: rows.with_columns(extra=1), "unknown extra"),
        (lambda rows: rows.with_columns(value=pl.lit("much")), "value as String"),
        (lambda rows: rows.with_columns(series=pl.lit(None, dtype=pl.String)), "nothing in series"),
        (lambda rows: rows.with_columns(known_time=pl.lit(None, dtype=MACRO.schema["known_time"])), "in known_time"),
    ],
)
def test_the_door_checks_the_schema(catalog: Catalog, spoil: object, words: str) -> None:
    """D-10: a row without a known time stays out; its event time never stands in."""
    with pytest.raises(DataError, match=words):
        catalog.append("macro", spoil(prints((30, 1.0))))  # type: ignore[operator]
    with pytest.raises(CatalogError):
        catalog.version("macro")


def test_an_unknown_table_is_named_with_those_there_are(catalog: Catalog) -> None:
    with pytest.raises(CatalogError, match="no table 'prices'; expected one of bars, trades"):
        catalog.read("prices", dataset="us", as_of=instant_of(JANUARY))


@pytest.mark.parametrize("spec", TABLES.values(), ids=lambda spec: spec.name)
def test_every_table_says_when_it_was_known_and_whence_it_came(spec: TableSpec) -> None:
    assert {"event_time", "known_time", "recorded_time", "source", "synthetic"} <= set(spec.schema)
    assert spec.member in spec.key
    assert set(spec.partition) <= set(spec.key)
    assert set(spec.units) <= {*spec.schema}
    assert spec.about


VINTAGES = st.lists(
    st.tuples(st.integers(0, 12), st.integers(0, 3)), min_size=1, max_size=8, unique_by=lambda pair: pair[0]
)


@given(calls=st.lists(VINTAGES, min_size=1, max_size=4))
def test_whatever_arrives_in_whatever_order_is_read_as_it_stood(calls: list[list[tuple[int, int]]]) -> None:
    """The model: a dictionary from known time to value, in which the first value of a vintage stands.

    The last call brings all vintages once more, as a source that is asked again does: a vintage that said nothing new
    says something once one from between arrived late.
    """
    model: dict[int, float] = {}
    held = None
    for call in [*calls, None]:
        if call is None:
            call = list(model.items())
        new = [(days, float(value)) for days, value in call if model.get(days, float(value)) == float(value)]
        if not new:
            continue
        rows = prints(*new)
        require_valid(MACRO, rows)
        fresh, revised, identical = sort_out(MACRO, rows, held, None)
        assert revised.is_empty()
        assert fresh.height + identical == rows.height
        stamped = fresh.with_columns(recorded_time=pl.lit(JANUARY).cast(MACRO.schema["recorded_time"]))
        held = stamped if held is None else pl.concat([held, stamped])
        held = held.sort("event_time", "known_time", "recorded_time")
        model |= dict(new)
    for day in range(13):
        known = [model[days] for days in sorted(model) if days <= day]
        rows = held.filter(pl.col("known_time") <= JANUARY + timedelta(days=day)) if held is not None else None
        last = [] if rows is None or rows.is_empty() else rows.sort("known_time")["value"].to_list()[-1:]
        assert last == known[-1:]
