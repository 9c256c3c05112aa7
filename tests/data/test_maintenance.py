from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest
from deltalake import DeltaTable

from tidegate.core.clock import frozen_clock, now
from tidegate.core.errors import CatalogError
from tidegate.core.time import DAY, Instant, instant_of
from tidegate.core.workspace import Workspace
from tidegate.data import Catalog, Revision, maintenance
from tidegate.data.delta import DeltaTables
from tidegate.data.maintenance import compact, vacuum
from tidegate.data.tables import FUNDING, MACRO

JANUARY = datetime(2024, 1, 1, tzinfo=UTC)
LATER = instant_of(datetime(2030, 1, 1, tzinfo=UTC))


@pytest.fixture(params=["workspace", "workspace_on_bucket"])
def anywhere(request: pytest.FixtureRequest) -> Workspace:
    """A workspace with its catalog on disk, and one with it on an object store."""
    found: Workspace = request.getfixturevalue(request.param)
    return found


def funding(hour: int, *symbols: str, rate: float = 0.01, dataset: str = "coins") -> pl.DataFrame:
    event = JANUARY + timedelta(hours=hour)
    return pl.DataFrame(
        {
            "dataset": dataset,
            "symbol": list(symbols),
            "event_time": event,
            "known_time": event,
            "rate": rate,
            "period_hours": 8.0,
            "source": "test",
            "synthetic": False,
        }
    ).cast({name: kind for name, kind in FUNDING.schema.items() if name != "recorded_time"})


def prints(days: int, value: float) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "dataset": "us",
            "series": "GDP",
            "event_time": JANUARY,
            "known_time": [JANUARY + timedelta(days=days)],
            "value": value,
            "unit": "index",
            "source": "test",
            "synthetic": False,
            "revised": False,
        }
    ).cast({name: kind for name, kind in MACRO.schema.items() if name != "recorded_time"})


def scattered(workspace: Workspace, appends: int = 5) -> Catalog:
    catalog = Catalog(workspace)
    for hour in range(appends):
        catalog.append("funding", funding(hour, "A", "B", "C"))
    return catalog


def rows(catalog: Catalog, version: int | None = None, as_of: Instant = LATER, dataset: str = "coins") -> pl.DataFrame:
    return catalog.read("funding", dataset=dataset, as_of=as_of, version=version).collect()


def files(workspace: Workspace) -> list[str]:
    return DeltaTables(workspace.catalog_url).open(FUNDING).files["path"].to_list()


def stored(workspace: Workspace) -> int:
    """How many files the whole table has, whoever refers to them."""
    tables = DeltaTables(workspace.catalog_url)
    return len({path for version in range(tables.open(FUNDING).version + 1) for path in _there(tables, version)})


def _there(tables: DeltaTables, version: int) -> list[str]:
    return list(tables.storage.sizes("funding", tables.open(FUNDING, version).files["path"].to_list()))


def test_many_files_become_one_and_no_row_changes(anywhere: Workspace) -> None:
    catalog = scattered(anywhere)
    before = rows(catalog)

    done = compact(anywhere, "funding", "coins")

    assert (done.files_before, done.files_after, done.rows, done.version) == (5, 1, 15, 5)
    assert rows(catalog).equals(before)
    assert all(rows(catalog, version).equals(before.filter(pl.col("event_time") <= JANUARY + timedelta(hours=version)))
               for version in range(5))  # fmt: skip
    assert catalog.history("funding")[0]["operation"] == "COMPACT"


def test_the_version_of_a_data_set_is_still_the_one_that_brought_rows(workspace: Workspace) -> None:
    catalog = scattered(workspace)
    compact(workspace, "funding", "coins")
    assert (catalog.version("funding", dataset="coins"), catalog.version("funding")) == (4, 5)


def test_what_is_in_shape_stays_as_it_is(workspace: Workspace) -> None:
    scattered(workspace)
    compact(workspace, "funding", "coins")
    again = compact(workspace, "funding", "coins")
    assert (again.version, again.files_before, again.files_after) == (5, 1, 1)


def test_another_data_set_is_left_alone(workspace: Workspace) -> None:
    catalog = scattered(workspace)
    for hour in (0, 1):
        catalog.append("funding", funding(hour, "A", dataset="other"))
    compact(workspace, "funding", "coins")
    assert sum(path.startswith("other/") for path in files(workspace)) == 2
    assert rows(catalog, dataset="other").height == 2


def test_vintages_and_corrections_survive(anywhere: Workspace) -> None:
    catalog = Catalog(anywhere)
    published = instant_of(JANUARY + timedelta(days=40))
    catalog.append("macro", prints(30, 1.0))
    catalog.append("macro", prints(60, 2.0))
    catalog.append("macro", prints(60, 3.0), revision=Revision(correction_reason="typing error"))
    before = {at: catalog.revisions("macro", dataset="us", as_of=at).collect().sort("known_time", "recorded_time")
              for at in (published, LATER)}  # fmt: skip

    compact(anywhere, "macro", "us")

    for at, expected in before.items():
        kept = catalog.revisions("macro", dataset="us", as_of=at).collect().sort("known_time", "recorded_time")
        assert kept.equals(expected)
    assert catalog.read("macro", dataset="us", as_of=LATER).collect()["value"].to_list() == [3.0]
    assert [correction.reason for correction in catalog.corrections()] == ["typing error"]
    again = catalog.append("macro", prints(60, 3.0))
    assert (again.appended, again.identical) == (0, 1)


def test_large_data_sets_become_files_by_ranges_of_symbols(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    catalog = scattered(workspace)
    before = rows(catalog)
    monkeypatch.setattr(maintenance, "_ROWS_PER_FILE", 6)
    done = compact(workspace, "funding", "coins")
    assert done.files_after == 3
    assert rows(catalog).equals(before)
    assert compact(workspace, "funding", "coins").version == done.version
    catalog.append("funding", funding(9, "A", "B", "C"))
    assert rows(catalog)["symbol"].to_list() == ["A"] * 6 + ["B"] * 6 + ["C"] * 6


def test_rows_appended_elsewhere_meanwhile_are_kept(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    catalog = scattered(workspace)
    written = DeltaTables.written

    def overtaken(tables: DeltaTables, *given: object) -> object:
        with monkeypatch.context() as patch:
            patch.setattr(DeltaTables, "written", written)
            new = funding(9, "A").with_columns(recorded_time=pl.col("known_time"))
            tables.append(FUNDING, new.drop("recorded_time"), recorded_at=datetime.now(UTC), facts={})
        return written(tables, *given)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(DeltaTables, "written", overtaken)
        done = compact(workspace, "funding", "coins")
    assert (done.version, len(files(workspace)), rows(catalog).height) == (6, 2, 16)


def test_of_two_compactions_at_once_one_gives_way(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    catalog = scattered(workspace)
    before, elsewhere = rows(catalog), DeltaTables.commit

    def overtaken(tables: DeltaTables, *given: object) -> int:
        # Another machine, with locks of its own, is a little faster.
        with monkeypatch.context() as patch:
            patch.setattr(DeltaTables, "commit", elsewhere)
            patch.setattr(Workspace, "lock", lambda *_: memoryview(b""))
            compact(workspace, "funding", "coins")
        return elsewhere(tables, *given)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(DeltaTables, "commit", overtaken)
        with pytest.raises(CatalogError, match="by somebody else"):
            compact(workspace, "funding", "coins")
    assert rows(catalog).equals(before)
    assert stored(workspace) == 6


def test_a_data_set_that_is_not_there_cannot_be_compacted(workspace: Workspace) -> None:
    with pytest.raises(CatalogError, match="no table 'funding'"):
        compact(workspace, "funding", "coins")
    scattered(workspace, 1)
    with pytest.raises(CatalogError, match="no data set 'absent'"):
        compact(workspace, "funding", "absent")


def test_a_version_that_a_run_read_is_read_again_to_the_bit_after_compaction_and_vacuum(anywhere: Workspace) -> None:
    catalog = scattered(anywhere)
    read = {version: rows(catalog, version) for version in (2, 4)}
    compact(anywhere, "funding", "coins")

    (sweep,) = vacuum(anywhere, {"funding": [2]}, retention_hours=0, remove=True)

    assert (len(sweep.files), sweep.kept_versions, sweep.removed) == (2, (2, 5), True)
    assert rows(catalog, 2).equals(read[2])
    assert rows(catalog).equals(read[4])
    assert stored(anywhere) == 4


def test_looking_first_changes_nothing(workspace: Workspace) -> None:
    catalog = scattered(workspace)
    compact(workspace, "funding", "coins")
    (sweep,) = vacuum(workspace, {}, retention_hours=0)
    assert (len(sweep.files), sweep.removed) == (5, False)
    assert sweep.bytes > 1000
    assert rows(catalog, 2).height == 9
    assert catalog.version("funding") == 5


def test_what_was_removed_is_not_found_again(anywhere: Workspace) -> None:
    scattered(anywhere)
    compact(anywhere, "funding", "coins")
    vacuum(anywhere, {}, retention_hours=0, remove=True)
    (again,) = vacuum(anywhere, {}, retention_hours=0, remove=True)
    assert again.files == ()


def test_young_files_stay(workspace: Workspace) -> None:
    """Somebody may be reading a version that was replaced a minute ago, or be about to commit a file."""
    scattered(workspace)
    compact(workspace, "funding", "coins")
    assert [sweep.files for sweep in vacuum(workspace, {}, remove=True)] == [()]


def test_old_files_of_replaced_versions_go(workspace: Workspace) -> None:
    with frozen_clock(Instant(now() - 8 * DAY)):
        scattered(workspace)
        compact(workspace, "funding", "coins")
    (sweep,) = vacuum(workspace, {})
    assert len(sweep.files) == 5


def test_the_leavings_of_a_killed_writer_go(workspace: Workspace) -> None:
    catalog = scattered(workspace)
    orphan = workspace.catalog_folder / "funding" / "coins" / "distinct-0123456789ab.parquet"
    orphan.write_bytes(b"half a file")
    stranger = orphan.with_name("notes.txt")
    stranger.write_text("not ours", encoding="utf-8")
    long_ago = (datetime.now(UTC) - timedelta(days=8)).timestamp()
    for path in (orphan, stranger):
        os.utime(path, (long_ago, long_ago))

    (sweep,) = vacuum(workspace, {}, remove=True)

    assert sweep.files == ("coins/distinct-0123456789ab.parquet",)
    assert not orphan.exists()
    assert stranger.exists()
    assert rows(catalog).height == 15


@pytest.mark.parametrize("version", [-1, 77])
def test_nothing_is_removed_while_a_version_in_need_cannot_be_read(workspace: Workspace, version: int) -> None:
    scattered(workspace)
    compact(workspace, "funding", "coins")
    with pytest.raises(CatalogError, match="nothing was removed"):
        vacuum(workspace, {"funding": [version]}, retention_hours=0, remove=True)
    assert stored(workspace) == 6


def test_nothing_is_removed_that_a_version_in_need_refers_to(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Should Delta Lake ever name a file that is needed, its word is not enough."""
    catalog = scattered(workspace)
    everything = files(workspace)
    monkeypatch.setattr(DeltaTable, "vacuum", lambda *_, **__: everything)
    with pytest.raises(CatalogError, match="said to be needless"):
        vacuum(workspace, {"funding": [1]}, retention_hours=0, remove=True)
    assert rows(catalog).height == 15


def test_one_table_that_cannot_be_proven_keeps_the_others_too(workspace: Workspace) -> None:
    catalog = scattered(workspace)
    compact(workspace, "funding", "coins")
    catalog.append("macro", prints(30, 1.0))
    with pytest.raises(CatalogError, match="nothing was removed"):
        vacuum(workspace, {"macro": [5]}, retention_hours=0, remove=True)
    assert rows(catalog, 2).height == 9
