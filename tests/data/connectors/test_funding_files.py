from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.core.clock import frozen_clock, now
from tidegate.core.errors import InputError
from tidegate.core.time import Instant, moment_of, parse_instant
from tidegate.core.workspace import Workspace
from tidegate.data import Catalog
from tidegate.data.connectors import Collected, SourceStatus, collect_from, make_connector
from tidegate.data.connectors.funding_files import funding_rows, sorted_payments
from tidegate.data.tables import MOMENT

START = datetime(2024, 1, 1, tzinfo=UTC)
ROWS = """symbol,ts,funding_rate
BTC,2024-01-01T00:00:00.004Z,0.0001
BTC,2024-01-01T07:59:59.999Z,-0.0002
BTC,2024-01-01T16:00:00Z,0.0003
ALT,2024-01-01T00:00:00Z,0.01
ALT,2024-01-01T04:00:00Z,0.02
"""


def ingest(workspace: Workspace, path: Path, **settings: Any) -> Collected:
    return collect_from(workspace, make_connector("funding", {"path": str(path), **settings}))


def payments(workspace: Workspace) -> pl.DataFrame:
    return Catalog(workspace).read("funding", dataset="crypto-funding", as_of=now()).collect()


def written(folder: Path, content: str, name: str = "funding.csv") -> Path:
    file = folder / name
    file.write_text(content)
    return file


def test_payments_are_public_at_once_and_periods_are_distances(workspace: Workspace, tmp_path: Path) -> None:
    done = ingest(workspace, written(tmp_path, ROWS))

    rows = payments(workspace)
    assert done.complete
    assert rows.select("symbol", "rate", "period_hours").rows() == [
        ("ALT", 0.01, None), ("ALT", 0.02, 4.0), ("BTC", 0.0001, None), ("BTC", -0.0002, 8.0), ("BTC", 0.0003, 8.0),
    ]  # fmt: skip
    assert (rows["event_time"] == rows["known_time"]).all()
    assert rows.filter(pl.col("symbol") == "BTC")["event_time"].dt.hour().to_list() == [0, 8, 16]


def test_the_same_file_again_appends_nothing(workspace: Workspace, tmp_path: Path) -> None:
    file = written(tmp_path, ROWS)
    ingest(workspace, file)

    again = ingest(workspace, file)

    assert (again.appended, again.members[0].identical) == (0, 5)


def test_a_file_that_begins_earlier_tells_a_period_that_was_unknown(workspace: Workspace, tmp_path: Path) -> None:
    ingest(workspace, written(tmp_path, ROWS))
    earlier = ROWS + "BTC,2023-12-31T16:00:00Z,0.0009\n"

    done = ingest(workspace, written(tmp_path, earlier))

    assert done.complete
    assert (done.appended, done.members[0].identical) == (2, 4)
    assert payments(workspace).filter(pl.col("symbol") == "BTC")["period_hours"].to_list() == [None, 8.0, 8.0, 8.0]
    assert ingest(workspace, written(tmp_path, ROWS)).appended == 0
    other = written(tmp_path, earlier.replace("0.0009", "0.0008"))
    assert ingest(workspace, other).members[0].status is SourceStatus.FAILURE


def hourly(folder: Path, *hours: int) -> Path:
    lines = (f"BTC,{(START + timedelta(hours=hour)).isoformat()},0.0001\n" for hour in hours)
    return written(folder, "symbol,ts,funding_rate\n" + "".join(lines))


def test_a_complete_file_mends_the_period_that_one_with_a_hole_told(workspace: Workspace, tmp_path: Path) -> None:
    """What was stored stays readable as it stood; the better period counts from the moment of reading it."""
    with frozen_clock(parse_instant("2024-02-01")):
        ingest(workspace, hourly(tmp_path, 0, 16, 24))
    mended, later = parse_instant("2024-03-01"), parse_instant("2024-04-01")
    with frozen_clock(mended):
        done = ingest(workspace, hourly(tmp_path, 0, 8, 16, 24))
    with frozen_clock(later):
        again = [ingest(workspace, hourly(tmp_path, *hours)) for hours in ((0, 8, 16, 24), (0, 16, 24), (16, 24))]

    assert (done.complete, done.appended, [one.appended for one in again]) == (True, 2, [0, 0, 0])
    catalog = Catalog(workspace)
    periods = [
        catalog.read("funding", dataset="crypto-funding", as_of=at).collect()["period_hours"].to_list()
        for at in (Instant(mended - 1), mended)
    ]
    assert periods == [[None, 8.0, 16.0, 8.0], [None, 8.0, 8.0, 8.0]]
    vintages = catalog.revisions("funding", dataset="crypto-funding", as_of=later).collect()
    assert vintages.filter(pl.col("known_time") > pl.col("event_time"))["known_time"].to_list() == [moment_of(mended)]


def test_a_distance_that_is_a_multiple_of_the_one_before_tells_no_period(workspace: Workspace, tmp_path: Path) -> None:
    """A payment may be missing there; a longer period is believed when it comes a second time."""
    ingest(workspace, hourly(tmp_path, 0, 8, 24, 32, 36, 40, 48, 56, 61))

    assert payments(workspace)["period_hours"].to_list() == [None, 8.0, None, 8.0, 4.0, 4.0, None, 8.0, 5.0]
    ingest(workspace, hourly(tmp_path, 0, 8, 16, 24))
    assert payments(workspace)["period_hours"].to_list()[:4] == [None, 8.0, 8.0, 8.0]


def test_a_silence_of_more_than_a_day_tells_no_period(workspace: Workspace, tmp_path: Path) -> None:
    ingest(workspace, written(tmp_path, ROWS + "ALT,2024-01-03T00:00:00Z,0.02\n"))

    assert payments(workspace).filter(pl.col("symbol") == "ALT")["period_hours"].to_list() == [None, 4.0, None]


def test_bad_rows_are_rejected_with_a_reason(workspace: Workspace, tmp_path: Path) -> None:
    bad = "".join(
        f"{row}\n"
        for row in (
            ",2024-01-02T00:00:00Z,0.1",
            "BTC,tomorrow,0.1",
            "BTC,2024-01-02T00:00:00Z,",
            "BTC,2024-01-02T08:00:00Z,inf",
            "BTC,2024-01-02T16:00:00Z,1.5",
            "ETH,2024-01-02T00:00:00Z,0.1",
            "ETH,2024-01-02T00:00:00.003Z,0.2",
        )
    )
    done = ingest(workspace, written(tmp_path, ROWS + bad))

    assert done.members[0].rejected == {
        "duplicates that disagree": 2, "no rate": 1, "no symbol": 1, "no usable time": 1, "not a finite number": 1,
        "rate of 100 % and more": 1,
    }  # fmt: skip
    assert done.appended == 5
    assert done.quarantine is not None
    assert pl.read_csv(done.quarantine)["row_number"].sort().to_list() == [6, 7, 8, 9, 10, 11, 12]


def test_a_payment_that_is_yet_to_come_waits(workspace: Workspace, tmp_path: Path) -> None:
    done = ingest(workspace, written(tmp_path, ROWS + "BTC,2150-01-01T00:00:00Z,0.1\n"))

    assert (done.appended, done.members[0].not_yet_known) == (5, 1)


@pytest.mark.parametrize(
    ("content", "found"),
    [
        ("", "an empty file"),
        ("symbol,when,funding_rate\nBTC,2024-01-01T00:00:00Z,1\n", "no time among the columns"),
        ("symbol,ts,premium\nBTC,2024-01-01T00:00:00Z,1\n", "no column 'rate'"),
        ("ts,funding_rate\n2024-01-01T00:00:00Z,0.1\n", "no symbols among"),
        ("symbol,ts,funding_rate\nBTC,2024-01-01 00:00:00,0.1\n", "no usable time"),
        ("symbol,ts,funding_rate\nBTC,2024-01-01T00:00:00Z,much\n", "'much'"),
        ("symbol,ts,funding_rate\nBTC,2024-01-01T00:00:00Z,7\n", "every one rejected"),
        ("symbol,ts,funding_rate\n", "every one rejected"),
    ],
)
def test_a_file_that_cannot_be_used_says_why(content: str, found: str, workspace: Workspace, tmp_path: Path) -> None:
    done = ingest(workspace, written(tmp_path, content))

    assert found in (done.members[0].error or "")
    assert done.appended == 0


def test_a_zone_that_does_not_exist_is_refused(workspace: Workspace, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="timezone"):
        ingest(workspace, written(tmp_path, ROWS), timezone="Mars")


def test_times_without_a_zone_need_one(workspace: Workspace, tmp_path: Path) -> None:
    ingest(workspace, written(tmp_path, "symbol,ts,rate\nBTC,2024-01-01 08:00:00,0.1\n"), timezone="Asia/Shanghai")

    assert payments(workspace)["event_time"].to_list() == [START]


def test_one_symbol_may_be_named_for_a_file_and_spread_over_several(workspace: Workspace, tmp_path: Path) -> None:
    folder = tmp_path / "files"
    folder.mkdir()
    written(folder, "fundingTime,fundingRate\n1704067200000,0.1\n", "a.csv")
    frame = pl.DataFrame({"ts": [START + timedelta(hours=4)], "funding_rate": [0.2]})
    frame.with_columns(pl.col("ts").dt.cast_time_unit("ms")).write_parquet(folder / "b.parquet")

    ingest(workspace, folder, symbol="ALT")

    assert payments(workspace).select("symbol", "rate", "period_hours").rows() == [
        ("ALT", 0.1, None),
        ("ALT", 0.2, 4.0),
    ]


@given(st.lists(st.tuples(st.sampled_from("AB"), st.integers(0, 60)), unique=True, max_size=20))
def test_a_period_never_depends_on_what_comes_later(found: list[tuple[str, int]]) -> None:
    times = [START + timedelta(hours=hour) for _, hour in found]
    frame = pl.DataFrame(
        {"symbol": [symbol for symbol, _ in found], "time": times, "rate": [0.001] * len(found)},
        schema={"symbol": pl.String, "time": MOMENT, "rate": pl.Float64},
    )
    whole = funding_rows(sorted_payments(frame)[0], dataset="d", source="s")
    half = START + timedelta(hours=30)
    before = funding_rows(sorted_payments(frame.filter(pl.col("time") <= half))[0], dataset="d", source="s")

    assert before.equals(whole.filter(pl.col("event_time") <= half))
    assert (whole["period_hours"].drop_nulls() <= 24).all()


def test_the_history_of_an_exchange_is_ingested_by_its_preset(real_data: Path, workspace: Workspace) -> None:
    """Periods of 8, 4 and 2 hours all occur, the last in weeks of stress; none is assumed.

    Twice 2 hours become 4 again, and only the second distance of 4 hours tells it from a hole.
    """
    done = ingest(workspace, real_data / "crypto_funding_8h_2019_2025.parquet", preset="binance-funding")

    rows = payments(workspace)
    assert (done.complete, done.appended, done.members[0].rejected) == (True, 24_979, {})
    counted = dict(rows["period_hours"].value_counts().iter_rows())
    assert counted == {None: 17, 8.0: 18_900, 4.0: 5_976, 2.0: 86}
    assert set(rows.filter(pl.col("period_hours") == 2.0)["symbol"]) == {"ORCA"}
    assert set(rows["source"]) == {"binance"}
