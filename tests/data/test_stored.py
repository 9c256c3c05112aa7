"""What the log tells of files before they are opened: which can matter, and how their rows lie."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
import pytest
from deltalake import write_deltalake

from tidegate.core.clock import now
from tidegate.core.time import Window, instant_of
from tidegate.core.workspace import Workspace
from tidegate.data import Catalog, Revision
from tidegate.data.delta import DeltaTables
from tidegate.data.maintenance import compact
from tidegate.data.stored import Layout, Stored
from tidegate.data.tables import FUNDING

JANUARY = datetime(2024, 1, 1, tzinfo=UTC)


def funding(dataset: str = "coins", **hours: list[int]) -> pl.DataFrame:
    rows = [(symbol, JANUARY + timedelta(hours=hour)) for symbol, times in hours.items() for hour in times]
    return pl.DataFrame(rows, schema=["symbol", "event_time"], orient="row").select(
        pl.lit(dataset).alias("dataset"),
        "symbol",
        "event_time",
        pl.col("event_time").alias("known_time"),
        rate=0.01,
        period_hours=8.0,
        source=pl.lit("test"),
        synthetic=False,
    ).cast({name: kind for name, kind in FUNDING.schema.items() if name != "recorded_time"})  # fmt: skip


@pytest.fixture
def catalog(workspace: Workspace) -> Catalog:
    return Catalog(workspace)


def stored(workspace: Workspace) -> Stored:
    return DeltaTables(workspace.catalog_url).open(FUNDING)


def window(first: int, last: int) -> Window:
    return Window(start=instant_of(JANUARY + timedelta(hours=first)), end=instant_of(JANUARY + timedelta(hours=last)))


@pytest.mark.parametrize(
    ("question", "count"),
    [
        ({}, 3),
        ({"members": ["A"]}, 1),
        ({"members": ["A", "Z"]}, 3),
        ({"members": ["ZZ"]}, 0),
        ({"window": window(0, 3)}, 2),
        ({"window": window(3, 5)}, 1),
        ({"window": window(8, 9)}, 0),
        ({"members": ["C"], "window": window(0, 3)}, 1),
    ],
)
def test_only_files_that_can_matter_are_opened(
    catalog: Catalog, workspace: Workspace, question: dict[str, Any], count: int
) -> None:
    catalog.append("funding", funding(A=[1, 2], B=[1]))
    catalog.append("funding", funding(C=[1, 2]))
    catalog.append("funding", funding(C=[4, 5], D=[5]))
    assert stored(workspace).holding({"dataset": "coins"}, **question).height == count


def test_a_bound_that_the_log_cut_to_milliseconds_hides_nothing(workspace: Workspace) -> None:
    """Delta Lake lets a writer say 00:00:00.000 of a time that is up to a millisecond later."""
    late = JANUARY + timedelta(microseconds=700)
    catalog = Catalog(workspace)
    rows = funding(A=[0]).with_columns(pl.lit(late).alias("event_time").dt.cast_time_unit("us")).with_columns(
        pl.col("event_time").alias("known_time")
    )  # fmt: skip
    catalog.append("funding", rows)
    (log,) = (workspace.catalog_folder / "funding" / "_delta_log").glob("*.json")
    cut = log.read_text(encoding="utf-8").replace("00:00:00.000700Z", "00:00:00.000Z")
    assert cut.count("00:00:00.000Z") == 4
    log.write_text(cut, encoding="utf-8")
    before, after = instant_of(JANUARY + timedelta(microseconds=500)), instant_of(late)
    assert catalog.read("funding", dataset="coins", as_of=before).collect().is_empty()
    assert catalog.read("funding", dataset="coins", as_of=after).collect().height == 1
    late_window = Window(start=before, end=after)
    assert catalog.read("funding", dataset="coins", as_of=now(), window=late_window).collect().height == 1


def layout(workspace: Workspace, key: list[str]) -> tuple[bool, bool]:
    found = Layout.of(stored(workspace).files, key)
    return found.is_distinct, found.is_in_order


def test_one_file_of_first_vintages_needs_no_look(catalog: Catalog, workspace: Workspace) -> None:
    catalog.append("funding", funding(B=[2, 1], A=[1]))
    assert layout(workspace, ["symbol", "event_time"]) == (True, True)


def test_files_of_one_day_after_the_other_are_in_order_for_one_symbol_only(
    catalog: Catalog, workspace: Workspace
) -> None:
    for hour in (2, 1, 3):
        catalog.append("funding", funding(A=[hour], B=[hour]))
    assert layout(workspace, ["event_time"]) == (True, True)
    assert layout(workspace, ["symbol", "event_time"]) == (True, False)


def test_files_of_one_symbol_after_the_other_are_in_order(catalog: Catalog, workspace: Workspace) -> None:
    for symbol in ("C", "A", "B"):
        catalog.append("funding", funding(**{symbol: [1, 2]}))
    assert layout(workspace, ["symbol", "event_time"]) == (True, True)
    found = catalog.read("funding", dataset="coins", as_of=now()).collect()
    assert found["symbol"].to_list() == ["A", "A", "B", "B", "C", "C"]


def test_files_that_overlap_are_looked_at(catalog: Catalog, workspace: Workspace) -> None:
    catalog.append("funding", funding(A=[1, 3], B=[1, 3]))
    catalog.append("funding", funding(A=[2], B=[2]))
    assert layout(workspace, ["symbol", "event_time"]) == (False, False)
    found = catalog.read("funding", dataset="coins", as_of=now()).collect()
    assert found["event_time"].dt.hour().to_list() == [1, 2, 3, 1, 2, 3]


def test_a_file_with_a_second_vintage_is_looked_at(catalog: Catalog, workspace: Workspace) -> None:
    catalog.append("funding", funding(A=[1]))
    later = instant_of(JANUARY + timedelta(days=9))
    catalog.append("funding", funding(A=[1]).with_columns(rate=0.5), revision=Revision(known_at=later))
    compact(workspace, "funding", "coins")
    assert layout(workspace, ["symbol", "event_time"]) == (False, True)
    assert catalog.read("funding", dataset="coins", as_of=now()).collect()["rate"].to_list() == [0.5]


@pytest.mark.parametrize("dataset", ["coins", "two words", "a/b", "50%", "期货"])
def test_tables_of_an_earlier_version_are_read_appended_to_and_compacted(workspace: Workspace, dataset: str) -> None:
    """They were written by Delta Lake itself, which names files and folders its own way and sorts nothing."""
    for hour in (2, 1):
        rows = funding(dataset, B=[hour], A=[hour]).with_columns(recorded_time=pl.col("known_time"))
        write_deltalake(
            workspace.catalog_folder / "funding",
            rows.select(*FUNDING.schema).to_arrow(),
            mode="append",
            partition_by=["dataset"],
        )
    catalog = Catalog(workspace)
    before = catalog.read("funding", dataset=dataset, as_of=now()).collect()
    assert before["symbol"].to_list() == ["A", "A", "B", "B"]
    again = catalog.append("funding", funding(dataset, A=[1, 2, 3]))
    assert (again.appended, again.identical) == (1, 2)
    after = catalog.read("funding", dataset=dataset, as_of=now()).collect()
    done = compact(workspace, "funding", dataset)
    assert (done.files_before, done.files_after) == (3, 1)
    assert catalog.read("funding", dataset=dataset, as_of=now()).collect().equals(after)
    assert catalog.read("funding", dataset=dataset, as_of=now(), version=1).collect().equals(before)
