from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from tidegate.core.errors import CatalogError, DataError
from tidegate.core.time import instant_of
from tidegate.core.workspace import Workspace
from tidegate.data import Catalog, Revision
from tidegate.data.series import append_daily_series, series_as_of

DAYS = [date(2024, 1, day) for day in (2, 3, 4, 5, 8, 9)]


def close_of(*days: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    return np.array([instant_of(datetime(2024, 1, day, 21, tzinfo=UTC)) for day in days], dtype=np.int64)


@pytest.fixture
def catalog(tmp_path: Path) -> Catalog:
    made = Catalog(Workspace.create(tmp_path / "work"))
    frame = pl.DataFrame({"date": DAYS, "value": [0.02, 0.03, 0.04, 0.05, 0.08, 0.09]})
    append_daily_series(made, frame, dataset="d", series="r", unit="fraction", source="test", calendar="XNYS")
    return made


def read(catalog: Catalog, *days: int, **options: int) -> list[float]:
    return series_as_of(catalog, close_of(*days), dataset="d", series="r", **options).tolist()


def test_a_value_is_known_at_the_next_sessions_close(catalog: Catalog) -> None:
    assert read(catalog, 3, 4, 5, 8, 9) == [0.02, 0.03, 0.04, 0.05, 0.08]


def test_nothing_was_known_before_the_first(catalog: Catalog) -> None:
    assert np.isnan(read(catalog, 2)[0])


def test_an_old_value_counts_as_missing(catalog: Catalog) -> None:
    day = 86_400_000_000
    assert read(catalog, 10, 12, maximum_age=4 * day)[0] == 0.09
    assert np.isnan(read(catalog, 16, maximum_age=4 * day)[0])


def test_a_restatement_counts_only_from_when_it_was_known_and_never_displaces_newer_days(catalog: Catalog) -> None:
    stored = catalog.read("macro", dataset="d", as_of=instant_of(datetime(2030, 1, 1, tzinfo=UTC))).collect()
    first = stored.head(1).drop("recorded_time").with_columns(pl.lit(0.99).alias("value"))
    catalog.append("macro", first, revision=Revision(known_at=instant_of(datetime(2024, 1, 8, 20, tzinfo=UTC))))
    assert read(catalog, 3, 4, 5, 8, 9) == [0.02, 0.03, 0.04, 0.05, 0.08]


@pytest.mark.parametrize(("calendar", "day"), [("24/7", date(2024, 1, 6)), ("XNYS", date(2024, 1, 6))])
def test_a_value_of_any_day_is_known_after_it(tmp_path: Path, calendar: str, day: date) -> None:
    catalog = Catalog(Workspace.create(tmp_path / "work"))
    frame = pl.DataFrame({"date": [day], "value": [0.5]})
    append_daily_series(catalog, frame, dataset="d", series="r", unit="fraction", source="test", calendar=calendar)
    (row,) = catalog.read("macro", dataset="d", as_of=instant_of(datetime(2030, 1, 1, tzinfo=UTC))).collect().to_dicts()
    assert row["known_time"] > row["event_time"] == datetime(2024, 1, 7, tzinfo=UTC)


def test_a_value_beyond_the_calendar_is_refused(tmp_path: Path) -> None:
    catalog = Catalog(Workspace.create(tmp_path / "work"))
    frame = pl.DataFrame({"date": [date(2026, 12, 31)], "value": [0.5]})
    with pytest.raises(DataError, match="last day of the calendar XSHG"):
        append_daily_series(catalog, frame, dataset="d", series="r", unit="fraction", source="test", calendar="XSHG")


def test_a_series_that_is_not_there_is_an_error_and_not_a_rate_of_nothing(catalog: Catalog) -> None:
    with pytest.raises(CatalogError, match="no series 'rr' in 'd'"):
        series_as_of(catalog, close_of(3), dataset="d", series="rr")
