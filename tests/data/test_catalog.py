from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl
import pytest

from tidegate.core.clock import frozen_clock
from tidegate.core.errors import CatalogError, DataError, LookAheadError
from tidegate.core.time import BarInterval, Window, instant_of
from tidegate.core.workspace import Workspace
from tidegate.data import Catalog, Revision
from tidegate.data.tables import BARS

HOUR = BarInterval("1h")
LATER = instant_of(datetime(2030, 1, 1, tzinfo=UTC))


def bars(
    closes: dict[str, list[float]], *, first: int = 1, dataset: str = "demo", known: datetime | None = None
) -> pl.DataFrame:
    """Hourly bars of 2024-01-01 around the clock, one list of closes per symbol."""
    rows = []
    for symbol, values in closes.items():
        for hour, close in enumerate(values, start=first):
            event = datetime(2024, 1, 1, hour, tzinfo=UTC)
            rows.append(
                (
                    dataset,
                    "1h",
                    symbol,
                    event,
                    known or event,
                    *[close] * 4,
                    10.0,
                    None,
                    1.0,
                    "24/7",
                    "test",
                    False,
                )
            )
    names = [name for name in BARS.schema if name != "recorded_time"]
    return pl.DataFrame(rows, schema={name: BARS.schema[name] for name in names}, orient="row")


def closes(frame: pl.LazyFrame) -> list[float]:
    return frame.select("close").collect().to_series().to_list()


@pytest.fixture(params=["folder", "bucket"])
def workspace(request: pytest.FixtureRequest, tmp_path: Path) -> Workspace:
    """A workspace with its catalog on disk, and one with it on an object store: nobody is to see a difference."""
    if request.param == "bucket":
        found: Workspace = request.getfixturevalue("workspace_on_bucket")
        return found
    return Workspace.create(tmp_path / "work")


def test_rows_come_back_as_they_went_in(workspace: Workspace) -> None:
    catalog = Catalog(workspace)
    done = catalog.append("bars", bars({"A": [1.0, 2.0], "B": [3.0, 4.0]}))
    assert (done.version, done.appended, done.identical, done.revised) == (0, 4, 0, 0)
    assert closes(catalog.read("bars", dataset="demo", as_of=LATER)) == [1.0, 2.0, 3.0, 4.0]
    assert catalog.symbols("demo") == ["A", "B"]


def test_reading_needs_an_as_of(workspace: Workspace) -> None:
    catalog = Catalog(workspace)
    catalog.append("bars", bars({"A": [1.0]}))
    with pytest.raises(TypeError, match="as_of"):
        catalog.read("bars", dataset="demo")  # type: ignore[call-arg]


def test_as_of_hides_what_was_not_known_yet(workspace: Workspace) -> None:
    catalog = Catalog(workspace)
    catalog.append("bars", bars({"A": [1.0, 2.0, 3.0]}))
    two_o_clock = instant_of(datetime(2024, 1, 1, 2, tzinfo=UTC))
    assert closes(catalog.read("bars", dataset="demo", as_of=two_o_clock)) == [1.0, 2.0]


def test_identical_rows_append_nothing_and_make_no_version(workspace: Workspace) -> None:
    catalog = Catalog(workspace)
    catalog.append("bars", bars({"A": [1.0, 2.0]}))
    again = catalog.append("bars", bars({"A": [1.0, 2.0, 3.0]}))
    assert (again.version, again.appended, again.identical) == (1, 1, 2)
    once_more = catalog.append("bars", bars({"A": [1.0, 2.0, 3.0]}))
    assert (once_more.version, once_more.appended, once_more.identical) == (1, 0, 3)


def test_differing_rows_need_a_reason(workspace: Workspace) -> None:
    catalog = Catalog(workspace)
    catalog.append("bars", bars({"A": [1.0, 2.0]}))
    with pytest.raises(DataError, match=r"1 rows that differ.*--known-at"):
        catalog.append("bars", bars({"A": [1.0, 2.5]}))
    assert catalog.version("bars") == 0


def test_a_revision_is_read_only_from_when_it_was_known(workspace: Workspace) -> None:
    catalog = Catalog(workspace)
    catalog.append("bars", bars({"A": [1.0, 2.0]}))
    published = instant_of(datetime(2024, 1, 5, tzinfo=UTC))
    catalog.append("bars", bars({"A": [1.0, 2.5]}), revision=Revision(known_at=published))
    before = instant_of(datetime(2024, 1, 4, tzinfo=UTC))
    assert closes(catalog.read("bars", dataset="demo", as_of=before)) == [1.0, 2.0]
    assert closes(catalog.read("bars", dataset="demo", as_of=published)) == [1.0, 2.5]


def test_a_revision_never_enters_the_row_of_its_own_bar(workspace: Workspace) -> None:
    """A panel row holds what was known at its close; the restated value was not."""
    catalog = Catalog(workspace)
    catalog.append("bars", bars({"A": [1.0, 2.0]}))
    catalog.append(
        "bars",
        bars({"A": [1.0, 2.5]}),
        revision=Revision(known_at=instant_of(datetime(2024, 1, 5, tzinfo=UTC))),
    )
    panel = catalog.bar_panel("demo", interval=HOUR, as_of=LATER)
    assert panel["close"][:, 0].tolist() == [1.0, 2.0]


def test_a_late_row_is_not_in_the_panel(workspace: Workspace) -> None:
    catalog = Catalog(workspace)
    catalog.append("bars", bars({"A": [1.0]}))
    catalog.append("bars", bars({"A": [2.0]}, first=2, known=datetime(2024, 1, 2, tzinfo=UTC)))
    assert catalog.bar_panel("demo", interval=HOUR, as_of=LATER).shape == (1, 1)


def test_a_revision_must_be_later_than_what_it_revises(workspace: Workspace) -> None:
    catalog = Catalog(workspace)
    catalog.append("bars", bars({"A": [1.0]}))
    with pytest.raises(DataError, match="after the stored values"):
        catalog.append(
            "bars",
            bars({"A": [2.0]}),
            revision=Revision(known_at=instant_of(datetime(2024, 1, 1, tzinfo=UTC))),
        )


def test_a_correction_keeps_the_known_time_and_the_old_version(workspace: Workspace) -> None:
    catalog = Catalog(workspace)
    first = catalog.append("bars", bars({"A": [1.0, 200.0]}))
    catalog.append("bars", bars({"A": [1.0, 2.0]}), revision=Revision(correction_reason="misplaced decimal point"))
    known = instant_of(datetime(2024, 1, 1, 2, tzinfo=UTC))
    assert closes(catalog.read("bars", dataset="demo", as_of=known)) == [1.0, 2.0]
    assert closes(catalog.read("bars", dataset="demo", as_of=known, version=first.version)) == [1.0, 200.0]
    assert catalog.bar_panel("demo", interval=HOUR, as_of=LATER)["close"][1, 0] == 2.0
    assert catalog.history("bars")[0]["correction"] == "misplaced decimal point"


def test_a_revision_is_a_restatement_or_a_correction() -> None:
    with pytest.raises(DataError, match="exactly one"):
        Revision()
    with pytest.raises(DataError, match="exactly one"):
        Revision(known_at=LATER, correction_reason="both")


def test_a_hole_is_missing_rows_and_no_shorter_panel(workspace: Workspace) -> None:
    """D-12: a gap must never turn a horizon of three bars into one of five."""
    catalog = Catalog(workspace)
    catalog.append("bars", bars({"A": [1.0]}))
    catalog.append("bars", bars({"A": [4.0]}, first=4))
    panel = catalog.bar_panel("demo", interval=HOUR, as_of=LATER)
    assert panel["close"][:, 0].tolist()[0::3] == [1.0, 4.0]
    assert pl.Series(panel["close"][1:3, 0]).is_nan().all()


def test_an_absent_column_is_absent(workspace: Workspace) -> None:
    catalog = Catalog(workspace)
    catalog.append(
        "bars",
        bars({"A": [1.0]}).with_columns(pl.lit(None, dtype=pl.Float64).alias(name) for name in ("open", "volume")),
    )
    panel = catalog.bar_panel("demo", interval=HOUR, as_of=LATER)
    assert sorted(panel) == ["close", "high", "low", "raw_close"]


def test_prices_are_adjusted_and_the_raw_close_is_not(workspace: Workspace) -> None:
    catalog = Catalog(workspace)
    catalog.append("bars", bars({"A": [10.0]}).with_columns(pl.lit(1.5).alias("adjustment")))
    panel = catalog.bar_panel("demo", interval=HOUR, as_of=LATER)
    assert (panel["close"][0, 0], panel["raw_close"][0, 0]) == (15.0, 10.0)


def test_data_sets_are_kept_apart(workspace: Workspace) -> None:
    catalog = Catalog(workspace)
    catalog.append("bars", bars({"A": [1.0]}))
    catalog.append("bars", bars({"A": [9.0]}, dataset="other"))
    assert closes(catalog.read("bars", dataset="demo", as_of=LATER)) == [1.0]
    assert [(entry.dataset, entry.rows) for entry in catalog.datasets()] == [("demo", 1), ("other", 1)]


@pytest.mark.parametrize("question", [{"dataset": "absent"}, {"dataset": "demo", "version": 7}])
def test_what_is_not_there_is_an_error(workspace: Workspace, question: dict[str, object]) -> None:
    catalog = Catalog(workspace)
    with pytest.raises(CatalogError, match="no table"):
        catalog.version("bars")
    catalog.append("bars", bars({"A": [1.0]}))
    with pytest.raises(CatalogError):
        catalog.read("bars", as_of=LATER, **question)  # type: ignore[arg-type]


def test_reading_an_old_file_again_after_a_restatement_says_nothing_new(workspace: Workspace) -> None:
    catalog = Catalog(workspace)
    original = bars({"A": [1.0, 2.0]})
    catalog.append("bars", original)
    catalog.append(
        "bars", bars({"A": [1.0, 2.5]}), revision=Revision(known_at=instant_of(datetime(2024, 1, 5, tzinfo=UTC)))
    )
    again = catalog.append("bars", original)
    assert (again.appended, again.identical, again.revised) == (0, 2, 0)
    assert closes(catalog.read("bars", dataset="demo", as_of=LATER)) == [1.0, 2.5]


def test_a_correction_recorded_under_a_clock_set_back_still_counts(workspace: Workspace) -> None:
    catalog = Catalog(workspace)
    catalog.append("bars", bars({"A": [100.0]}))
    with frozen_clock(instant_of(datetime(2024, 6, 1, tzinfo=UTC))):
        catalog.append("bars", bars({"A": [1.0]}), revision=Revision(correction_reason="unit"))
    assert closes(catalog.read("bars", dataset="demo", as_of=LATER)) == [1.0]


def test_corrections_are_read_from_the_commits_that_made_them(workspace: Workspace) -> None:
    catalog = Catalog(workspace)
    assert catalog.corrections() == []
    catalog.append("bars", bars({"A": [100.0, 200.0]}))
    catalog.append("bars", bars({"A": [1.0, 200.0]}), revision=Revision(correction_reason="unit"))
    (found,) = catalog.corrections()
    assert (found.table, found.dataset, found.version, found.rows, found.reason) == ("bars", "demo", 1, 1, "unit")


def test_rows_that_no_table_may_hold_are_refused(workspace: Workspace) -> None:
    catalog = Catalog(workspace)
    good = bars({"A": [1.0, 2.0]})
    early = good.with_columns(pl.col("known_time") - pl.duration(hours=1))
    with pytest.raises(LookAheadError, match="2 rows of bars known before their event"):
        catalog.append("bars", early)
    for wrong, what in [
        (pl.concat([good, good]), "equal keys"),
        (pl.concat([good, bars({"B": [1.0]}, dataset="other")]), "several of dataset"),
        (good.with_columns(pl.lit(None, dtype=pl.String).alias("symbol")), "nothing in symbol"),
    ]:
        with pytest.raises(DataError, match=what):
            catalog.append("bars", wrong)
    assert catalog.datasets() == []


def test_a_correction_reaches_every_vintage(workspace: Workspace) -> None:
    """Corrected only where it was restated, the value as first known would stay wrong in every panel."""
    catalog = Catalog(workspace)
    catalog.append("bars", bars({"A": [100.0]}))
    published = instant_of(datetime(2024, 1, 5, tzinfo=UTC))
    catalog.append("bars", bars({"A": [200.0]}), revision=Revision(known_at=published))
    catalog.append("bars", bars({"A": [1.5]}), revision=Revision(correction_reason="unit"))
    assert catalog.bar_panel("demo", interval=HOUR, as_of=LATER)["close"].tolist() == [[1.5]]
    assert closes(catalog.read("bars", dataset="demo", as_of=published)) == [1.5]


def test_the_version_of_a_data_set_stays_when_others_arrive(workspace: Workspace) -> None:
    catalog = Catalog(workspace)
    catalog.append("bars", bars({"A": [1.0]}))
    catalog.append("bars", bars({"A": [1.0]}, dataset="other"))
    assert (catalog.version("bars", dataset="demo"), catalog.version("bars", dataset="other")) == (0, 1)
    with pytest.raises(CatalogError, match="no data set 'absent'"):
        catalog.version("bars", dataset="absent")


def test_dates_cut_by_the_day_that_a_bar_ends(workspace: Workspace) -> None:
    """The last bar of a day closes at the next midnight and belongs to the day before."""
    catalog = Catalog(workspace)
    catalog.append("bars", bars({"A": [float(hour) for hour in range(1, 24)]}))
    midnight = bars({"A": [24.0]}).with_columns(
        pl.lit(datetime(2024, 1, 2, tzinfo=UTC)).cast(BARS.schema[name]).alias(name)
        for name in ("event_time", "known_time")
    )
    catalog.append("bars", midnight)
    first, second = date(2024, 1, 1), date(2024, 1, 2)
    assert len(closes(catalog.read("bars", dataset="demo", as_of=LATER, window=Window.of_dates(first, first)))) == 24
    assert closes(catalog.read("bars", dataset="demo", as_of=LATER, window=Window.of_dates(second, None))) == []
