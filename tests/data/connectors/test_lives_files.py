"""Files of first and last days, in the shape that Alpha Vantage's LISTING_STATUS has.

See https://www.alphavantage.co/documentation/#listing-status.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.core.clock import frozen_clock, now
from tidegate.core.errors import InputError
from tidegate.core.time import Instant, parse_instant
from tidegate.core.workspace import Workspace
from tidegate.data import Catalog
from tidegate.data.connectors import Collected, SourceStatus, collect_from, make_connector
from tidegate.data.connectors.courtesy import Courtesy, RetryPolicy
from tidegate.data.connectors.lives_files import LivesFilesConnector, LivesFilesSettings
from tidegate.data.lives import SymbolLives

LIVES = """symbol,assetType,ipoDate,delistingDate,status
A,Stock,1999-11-18,null,Active
SPY,ETF,1993-01-29,null,Active
FB,Stock,2012-05-18,2022-06-08,Delisted
META,Stock,2022-06-09,null,Active
GONE,Stock,2001-01-02,2010-06-30,Delisted
"""
NAMES = """symbol,canonical,start_date,end_date
FB,META,2012-05-18,2022-06-08
FB,FB2,2024-01-02,
"""


def connector(folder: Path, lives: str = LIVES, **settings: Any) -> LivesFilesConnector:
    (folder / "lives.csv").write_text(lives)
    return LivesFilesConnector(LivesFilesSettings(path=folder / "lives.csv", **settings))


def collect(workspace: Workspace, folder: Path, lives: str = LIVES, **settings: Any) -> tuple[Collected, SymbolLives]:
    done = collect_from(workspace, connector(folder, lives, **settings))
    return done, SymbolLives.read(Catalog(workspace), "us-equity", as_of=now())


def file(folder: Path, name: str, text: str) -> Path:
    (folder / name).write_text(text)
    return folder / name


def is_listed(lives: SymbolLives, symbol: str, *days: str) -> list[bool]:
    closes = np.array([parse_instant(f"{day}T16:00:00-05:00") for day in days], dtype=np.int64)
    return lives.is_listed(closes, [symbol])[:, 0].tolist()


def test_both_ends_are_days_of_listing(workspace: Workspace, tmp_path: Path) -> None:
    done, lives = collect(workspace, tmp_path)

    assert (done.complete, done.appended) == (True, 7)
    assert is_listed(lives, "GONE", "2001-01-01", "2001-01-02", "2010-06-30", "2010-07-01") == [
        False,
        True,
        True,
        False,
    ]
    assert is_listed(lives, "A", "1999-11-17", "1999-11-18", "2024-01-02") == [False, True, True]


def test_a_delisting_is_not_known_before_the_end_of_its_day(workspace: Workspace, tmp_path: Path) -> None:
    collect(workspace, tmp_path)
    gone = Catalog(workspace).read("symbol_lives", dataset="us-equity", as_of=now(), symbols=["GONE"]).collect()

    told = gone.filter(change="delisted").row(0, named=True)

    assert told["known_time"].isoformat() == "2010-07-01T04:00:00+00:00"
    assert told["detail"] == "Delisted"


def test_an_override_wins(workspace: Workspace, tmp_path: Path) -> None:
    """Equity A.22."""
    corrected = file(
        tmp_path, "override.csv", "symbol,assetType,ipoDate,delistingDate,status\nGONE,Stock,2002-03-04,,Active\n"
    )

    _, lives = collect(workspace, tmp_path, override=corrected)

    assert is_listed(lives, "GONE", "2001-01-02", "2002-03-04", "2024-01-02") == [False, True, True]


GONE_ALONE = "symbol,assetType,ipoDate,delistingDate,status\nGONE,Stock,{},{},Delisted\n"


def test_an_override_wins_over_what_was_read_before(workspace: Workspace, tmp_path: Path) -> None:
    """Equity A.22: without a vintage that takes it back, the day that was stored first stays in force."""
    collect(workspace, tmp_path)
    before = now()
    corrected = file(tmp_path, "override.csv", GONE_ALONE.format("2002-03-04", ""))

    done, lives = collect(workspace, tmp_path, override=corrected)
    again, _ = collect(workspace, tmp_path, override=corrected)

    assert (done.complete, done.appended, again.appended) == (True, 3, 0)
    assert is_listed(lives, "GONE", "2001-01-02", "2002-03-04", "2024-01-02") == [False, True, True]
    assert lives.lives().filter(symbol="GONE")["delisted"].to_list() == [None]
    assert is_listed(lives, "META", "2022-06-08", "2022-06-09") == [False, True]
    earlier = SymbolLives.read(Catalog(workspace), "us-equity", as_of=before)
    assert is_listed(earlier, "GONE", "2001-01-02", "2010-06-30", "2010-07-01") == [True, True, False]


@pytest.mark.parametrize("right", ["2009-03-02", "2011-03-02"])
def test_a_delisting_that_is_restated_is_in_force_no_longer(workspace: Workspace, tmp_path: Path, right: str) -> None:
    days = ("2009-03-02", "2009-03-03", "2010-06-30", "2010-07-01", "2011-03-02", "2011-03-03")
    collect(workspace, tmp_path)
    _, lives = collect(workspace, tmp_path, LIVES.replace("2010-06-30", right))
    restated = is_listed(lives, "GONE", *days)
    _, lives = collect(workspace, tmp_path)

    assert restated == [day <= right for day in days]
    assert is_listed(lives, "GONE", *days) == [day <= "2010-06-30" for day in days]


def test_a_listing_restated_to_an_earlier_day_is_known_when_a_listing_was_first_told(
    workspace: Workspace, tmp_path: Path
) -> None:
    earlier = LIVES.replace("GONE,Stock,2001-01-02", "GONE,Stock,2000-03-01")
    collect(workspace, tmp_path)
    _, lives = collect(workspace, tmp_path, earlier)
    again, _ = collect(workspace, tmp_path, earlier)

    assert is_listed(lives, "GONE", "2000-03-01", "2001-01-02", "2010-06-30") == [False, True, True]
    assert lives.lives().filter(symbol="GONE")["listed"].dt.year().to_list() == [2000]
    assert again.appended == 0


def test_a_day_taken_back_and_told_again_holds_again_and_settles(workspace: Workspace, tmp_path: Path) -> None:
    other = LIVES.replace("2010-06-30", "2011-03-02")
    appended = [collect(workspace, tmp_path, text)[0].appended for text in (LIVES, other, LIVES, LIVES, other, other)]

    assert appended == [7, 2, 2, 0, 2, 0]


def test_another_holder_of_a_symbol_takes_nothing_back(workspace: Workspace, tmp_path: Path) -> None:
    """Lists of the living and of the dead come apart, and a symbol may be in both."""
    header = "symbol,assetType,ipoDate,delistingDate,status\n"
    dead, living = f"{header}X,Stock,2001-01-02,2005-06-30,Delisted\n", f"{header}X,ETF,2008-01-02,null,Active\n"
    appended = [collect(workspace, tmp_path, text)[0].appended for text in (living, dead, living, dead)]

    lives = SymbolLives.read(Catalog(workspace), "us-equity", as_of=now())
    assert appended == [1, 2, 0, 0]
    assert is_listed(lives, "X", "2003-01-02", "2006-01-03", "2009-01-02") == [True, False, True]


def test_a_status_of_that_word_takes_nothing_back(workspace: Workspace, tmp_path: Path) -> None:
    _, lives = collect(workspace, tmp_path, LIVES.replace("2010-06-30,Delisted", "2010-06-30,withdrawn"))

    assert is_listed(lives, "GONE", "2010-06-30", "2010-07-01") == [True, False]


def test_what_is_restated_is_taken_back_from_the_moment_of_reading(workspace: Workspace, tmp_path: Path) -> None:
    collect(workspace, tmp_path)
    moment = Instant(parse_instant("2026-01-05"))
    with frozen_clock(moment):
        collect(workspace, tmp_path, LIVES.replace("2010-06-30", "2011-03-02"))
        rows = Catalog(workspace).revisions("symbol_lives", dataset="us-equity", as_of=moment).collect()

    back = rows.filter(detail="withdrawn")
    assert back["known_time"].dt.epoch("us").to_list() == [moment]
    assert back["event_time"].dt.strftime("%Y-%m-%d").to_list() == ["2010-07-01"]


def test_symbols_of_one_name_are_one_life(workspace: Workspace, tmp_path: Path) -> None:
    """Equity A.22: earliest listing, latest delisting."""
    _, lives = collect(workspace, tmp_path, symbol_map=file(tmp_path, "map.csv", NAMES))

    assert is_listed(lives, "META", "2012-05-17", "2012-05-18", "2024-01-02") == [False, True, True]
    assert "META" in lives.symbols
    assert not any(is_listed(lives, "FB", "2015-01-02"))


def test_a_symbol_taken_up_by_somebody_else_stays_apart(workspace: Workspace, tmp_path: Path) -> None:
    """A name joins only those lives that began while it was theirs: no alias reaches past its interval."""
    newcomer = LIVES + "FB,ETF,2023-05-01,null,Active\n"

    _, lives = collect(workspace, tmp_path, newcomer, symbol_map=file(tmp_path, "map.csv", NAMES))

    assert is_listed(lives, "FB", "2015-01-02", "2023-05-01") == [False, True]


def test_names_hold_in_their_intervals_alone(workspace: Workspace, tmp_path: Path) -> None:
    """Equity A.22: outside of every interval the last entry was taken, which is an alias of the future."""
    _, lives = collect(workspace, tmp_path, symbol_map=file(tmp_path, "map.csv", NAMES))

    days = ("2012-05-17", "2012-05-18", "2022-06-08", "2022-06-09", "2023-12-29", "2024-01-02")
    meant = [lives.names(parse_instant(f"{day}T12:00:00-05:00"), ["FB"])[0] for day in days]

    assert meant == [None, "META", "META", None, None, "FB2"]


def test_the_last_fitting_interval_wins(workspace: Workspace, tmp_path: Path) -> None:
    """Equity A.22."""
    overlapping = "symbol,canonical,start_date,end_date\nX,ONE,2020-01-01,2020-12-31\nX,TWO,2020-06-01,2020-06-30\n"

    _, lives = collect(workspace, tmp_path, symbol_map=file(tmp_path, "map.csv", overlapping))

    meant = [lives.names(parse_instant(f"{day}T12:00:00-05:00"), ["X"])[0]
             for day in ("2020-05-31", "2020-06-01", "2020-06-30", "2020-07-01", "2021-01-01")]  # fmt: skip
    assert meant == ["ONE", "TWO", "TWO", "ONE", None]


@given(
    bounds=st.lists(st.tuples(st.integers(0, 20), st.integers(0, 20)).map(sorted), min_size=1, max_size=5),
    day=st.integers(0, 25),
)
def test_names_equal_a_search_through_the_intervals(
    tmp_path_factory: pytest.TempPathFactory, bounds: list[list[int]], day: int
) -> None:
    folder = tmp_path_factory.mktemp("names")
    rows = [f"X,N{number},2020-01-{first + 1:02},2020-01-{last + 1:02}" for number, (first, last) in enumerate(bounds)]
    made = connector(
        folder, symbol_map=file(folder, "map.csv", "\n".join(["symbol,canonical,start_date,end_date", *rows]))
    )
    (batch,) = made.fetch(made.tasks()[1], Courtesy(RetryPolicy()))
    noon = parse_instant(f"2020-01-{day + 1:02}T12:00:00-05:00")

    fitting = [f"N{number}" for number, (first, last) in enumerate(bounds) if first <= day <= last]

    assert SymbolLives(batch.rows).names(noon, ["X"]) == [fitting[-1] if fitting else None]


def test_asset_types_are_chosen(workspace: Workspace, tmp_path: Path) -> None:
    """Equity C.5: members are of the type Stock."""
    _, lives = collect(workspace, tmp_path, asset_types=("Stock",))

    assert "SPY" not in lives.symbols


def test_rows_that_are_no_lives_are_rejected_with_a_reason(workspace: Workspace, tmp_path: Path) -> None:
    bad = (
        "X,Stock,soon,null,Active\n,Stock,2001-01-02,null,Active\nY,Stock,2010-01-04,2009-01-02,Delisted\nZ,Stock,,,\n"
    )

    done, lives = collect(workspace, tmp_path, LIVES + bad)

    assert done.members[0].rejected == {
        "unparsable ipo_date": 1, "no symbol": 1, "delisted before it was listed": 1, "neither day": 1,
    }  # fmt: skip
    assert "A" in lives.symbols


def test_a_life_without_a_first_day_keeps_its_last_and_is_warned_of(workspace: Workspace, tmp_path: Path) -> None:
    done, lives = collect(workspace, tmp_path, LIVES + "OLD,Stock,null,2005-01-03,Delisted\n")

    assert done.warnings == ("1 symbols have no listing date and never count as listed",)
    assert lives.lives().filter(symbol="OLD")["delisted"].null_count() == 0


def test_a_delisting_yet_to_come_waits_for_its_day(workspace: Workspace, tmp_path: Path) -> None:
    done, lives = collect(workspace, tmp_path, LIVES.replace("1999-11-18,null", "1999-11-18,2199-01-02"))

    assert done.members[0].not_yet_known == 1
    assert lives.lives().filter(symbol="A")["delisted"].to_list() == [None]


def test_reading_again_appends_nothing(workspace: Workspace, tmp_path: Path) -> None:
    symbol_map = file(tmp_path, "map.csv", NAMES)
    collect(workspace, tmp_path, symbol_map=symbol_map)

    again, _ = collect(workspace, tmp_path, symbol_map=symbol_map)

    assert (again.appended, again.complete) == (0, True)


@pytest.mark.parametrize(
    "text", ["", "symbol,ipoDate\nA,2001-01-02\n", '"broken\n', "symbol,ipoDate,delistingDate\n"],
    ids=["empty", "no column", "broken", "no rows"],
)  # fmt: skip
def test_files_that_are_none_are_reported(workspace: Workspace, tmp_path: Path, text: str) -> None:
    done = collect_from(workspace, connector(tmp_path, text))

    assert done.members[0].status in {SourceStatus.FAILURE, SourceStatus.EMPTY}
    assert Catalog(workspace).datasets() == []


def test_settings_that_make_no_sense_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="IANA zone"):
        make_connector("lives", {"path": str(tmp_path), "timezone": "Mars/Olympus"})


def test_a_parquet_file_reads_like_its_csv(tmp_path: Path) -> None:
    pl.read_csv(LIVES.encode(), null_values="null", try_parse_dates=True).write_parquet(tmp_path / "lives.parquet")
    other = LivesFilesConnector(LivesFilesSettings(path=tmp_path / "lives.parquet"))
    made = connector(tmp_path)

    (mine,), (theirs,) = (
        list(one.fetch(one.tasks()[0], Courtesy(RetryPolicy()))) for one in (made, other)
    )  # fmt: skip

    assert mine.rows.equals(theirs.rows)
