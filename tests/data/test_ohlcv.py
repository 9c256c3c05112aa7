from __future__ import annotations

import gzip
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, date, datetime
from pathlib import Path
from threading import Barrier, BrokenBarrierError
from typing import Any

import numpy as np
import polars as pl
import pytest

from tidegate.core.clock import frozen_clock, now
from tidegate.core.errors import DataError
from tidegate.core.time import BarInterval, instant_of
from tidegate.core.workspace import Workspace
from tidegate.data import PRESETS, Catalog, Ingested, OhlcvSettings, Revision, ingest_ohlcv

DAY = BarInterval("1d")
DAILY = {"dataset": "demo", "columns": {"time": "date"}, "calendar": "XNYS"}


YAHOO = OhlcvSettings.model_validate(PRESETS["yahoo-daily"])
YAHOO_HEADER = "Date,Open,High,Low,Close,Adj Close,Volume\n"


def ingest(workspace: Workspace, frame: pl.DataFrame, tmp_path: Path, **settings: object) -> Ingested:
    path = tmp_path / "bars.parquet"
    frame.write_parquet(path)
    return ingest_ohlcv(workspace, path, OhlcvSettings.model_validate({**DAILY, **settings}))


def daily(dates: list[date], closes: list[float], **columns: object) -> pl.DataFrame:
    return pl.DataFrame({"symbol": "A", "date": dates, "close": closes, **columns})


THREE = [date(2024, 1, 3), date(2024, 1, 4), date(2024, 1, 5)]


def test_a_daily_bar_is_known_at_the_sessions_close(workspace: Workspace, tmp_path: Path) -> None:
    half_day = date(2023, 11, 24)
    ingest(workspace, daily([date(2023, 11, 22), half_day], [1.0, 2.0]), tmp_path)
    times = Catalog(workspace).bar_panel("demo", interval=DAY, as_of=now()).times
    assert [datetime.fromtimestamp(t / 1e6, UTC).strftime("%d %H:%M") for t in times] == [
        "22 21:00",
        "24 18:00",
    ]


def test_a_bar_stamped_at_its_open_is_known_at_its_close(workspace: Workspace, tmp_path: Path) -> None:
    """D-09: exchanges stamp bars at the open; used as they are, they would be known five minutes early."""
    opened = datetime(2024, 1, 1, 0, 0, tzinfo=UTC)
    frame = pl.DataFrame(
        {"symbol": "BTC", "ts": [opened], "open": 1.0, "high": 1.0, "low": 1.0, "close": 1.0, "volume": 1.0}
    )
    path = tmp_path / "k.parquet"
    frame.write_parquet(path)
    ingest_ohlcv(workspace, path, OhlcvSettings.model_validate(PRESETS["binance-klines"]))
    panel = Catalog(workspace).bar_panel("crypto-spot", interval=BarInterval("5m"), as_of=now())
    assert panel.times.tolist() == [instant_of(datetime(2024, 1, 1, 0, 5, tzinfo=UTC))]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"close": float("nan")}, "not a finite number"),
        ({"close": float("inf")}, "not a finite number"),
        ({"close": None}, "missing price"),
        ({"close": 0.0}, "non-positive price"),
        ({"close": -1.0}, "non-positive price"),
        ({"low": 9.0}, "high below low"),
        ({"volume": -1.0}, "negative volume"),
        ({"date": date(2024, 1, 6)}, "not a session of XNYS"),
        ({"date": None}, "unparsable time"),
        ({"symbol": None}, "no symbol"),
    ],
)
def test_each_bad_row_is_quarantined_with_its_reason(
    workspace: Workspace, tmp_path: Path, change: dict[str, object], reason: str
) -> None:
    good = {
        "symbol": "A",
        "date": date(2024, 1, 5),
        "open": 1.0,
        "high": 2.0,
        "low": 0.5,
        "close": 1.5,
        "volume": 10.0,
    }
    schema = {
        "symbol": pl.String,
        "date": pl.Date,
        **dict.fromkeys(("open", "high", "low", "close", "volume"), pl.Float64),
    }
    frame = pl.DataFrame([{**good, "date": date(2024, 1, 4)}, {**good, **change}], schema=schema)
    done = ingest(workspace, frame, tmp_path, order="any")
    assert (done.appended, done.rejected) == (1, {reason: 1})
    assert done.quarantine is not None
    assert pl.read_csv(done.quarantine).select("reason", "row_number").rows() == [(reason, 2)]


def test_bars_of_the_future_are_rejected(workspace: Workspace, tmp_path: Path) -> None:
    with frozen_clock(instant_of(datetime(2024, 1, 4, 22, tzinfo=UTC))):
        done = ingest(workspace, daily(THREE, [1.0, 2.0, 3.0]), tmp_path)
    assert done.rejected == {"bar in the future": 1}


def test_equal_duplicates_count_once_and_disagreeing_ones_not_at_all(workspace: Workspace, tmp_path: Path) -> None:
    dates = [THREE[0], THREE[0], THREE[1], THREE[1], THREE[2]]
    done = ingest(workspace, daily(dates, [1.0, 1.0, 2.0, 2.5, 3.0]), tmp_path)
    assert (done.appended, done.repeated, done.rejected) == (2, 1, {"duplicates that disagree": 2})
    assert done.rows == done.appended + done.repeated + sum(done.rejected.values())


def test_nothing_but_bad_rows_is_an_error_and_appends_nothing(workspace: Workspace, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="every one rejected"):
        ingest(workspace, daily(THREE, [0.0, 0.0, 0.0]), tmp_path)
    assert Catalog(workspace).datasets() == []


def test_text_in_a_price_names_the_row(workspace: Workspace, tmp_path: Path) -> None:
    path = tmp_path / "bars.csv"
    path.write_text("symbol,date,close\nA,2024-01-03,1.0\nA,2024-01-04,ten\n")
    with pytest.raises(DataError, match=r"'ten' in column 'close', row 2"):
        ingest_ohlcv(workspace, path, OhlcvSettings.model_validate(DAILY))


def test_time_that_runs_backward_is_refused_unless_expected(workspace: Workspace, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="time runs backward 2 times"):
        ingest(workspace, daily(THREE[::-1], [3.0, 2.0, 1.0]), tmp_path)
    done = ingest(workspace, daily(THREE[::-1], [3.0, 2.0, 1.0]), tmp_path, order="any")
    assert done.appended == 3


def intraday(tmp_path: Path, times: list[str]) -> Path:
    path = tmp_path / "bars.csv"
    path.write_text("symbol,time,close\n" + "".join(f"A,{time},1.0\n" for time in times))
    return path


def test_two_zones_in_one_file_are_refused(workspace: Workspace, tmp_path: Path) -> None:
    settings = OhlcvSettings(dataset="demo", interval=BarInterval("5m"))
    with pytest.raises(DataError, match=r"\+00:00 and \+08:00"):
        ingest_ohlcv(workspace, intraday(tmp_path, ["2024-01-01T00:05:00Z", "2024-01-01T08:10:00+08:00"]), settings)
    with pytest.raises(DataError, match="1 times without any"):
        ingest_ohlcv(workspace, intraday(tmp_path, ["2024-01-01T00:05:00Z", "2024-01-01T00:10:00"]), settings)


def test_times_of_day_without_a_zone_need_one(workspace: Workspace, tmp_path: Path) -> None:
    path = intraday(tmp_path, ["2024-01-01 08:05:00"])
    settings = OhlcvSettings(dataset="demo", interval=BarInterval("5m"))
    with pytest.raises(DataError, match="without a zone"):
        ingest_ohlcv(workspace, path, settings)
    ingest_ohlcv(workspace, path, settings.model_copy(update={"timezone": "Asia/Shanghai"}))
    panel = Catalog(workspace).bar_panel("demo", interval=BarInterval("5m"), as_of=now())
    assert panel.times.tolist() == [instant_of(datetime(2024, 1, 1, 0, 5, tzinfo=UTC))]


def test_summer_time_is_one_zone(workspace: Workspace, tmp_path: Path) -> None:
    path = intraday(tmp_path, ["2024-03-08T10:00:00-05:00", "2024-03-11T10:00:00-04:00"])
    settings = OhlcvSettings(dataset="demo", interval=BarInterval("5m"), timezone="America/New_York")
    assert ingest_ohlcv(workspace, path, settings).appended == 2


@pytest.mark.parametrize(
    ("text", "settings"),
    [
        ("2024-01-03", {}),
        ("20240103", {}),
        ("03/01/2024", {"time_format": "%d/%m/%Y"}),
    ],
)
def test_dates_are_read_in_the_usual_spellings(
    workspace: Workspace, tmp_path: Path, text: str, settings: dict[str, object]
) -> None:
    path = tmp_path / "bars.csv"
    path.write_text(f"symbol,date,close\nA,{text},1.0\n")
    ingest_ohlcv(workspace, path, OhlcvSettings.model_validate({**DAILY, **settings}))
    times = Catalog(workspace).bar_panel("demo", interval=DAY, as_of=now()).times
    assert times.tolist() == [instant_of(datetime(2024, 1, 3, 21, tzinfo=UTC))]


@pytest.mark.parametrize("scale", [1, 1_000, 1_000_000])
def test_whole_numbers_are_seconds_milliseconds_or_microseconds(
    workspace: Workspace, tmp_path: Path, scale: int
) -> None:
    path = tmp_path / "bars.csv"
    path.write_text(f"symbol,time,close\nA,{1_704_067_500 * scale},1.0\n")
    ingest_ohlcv(workspace, path, OhlcvSettings(dataset="demo", interval=BarInterval("5m"), columns={"time": "time"}))
    times = Catalog(workspace).bar_panel("demo", interval=BarInterval("5m"), as_of=now()).times
    assert times.tolist() == [1_704_067_500_000_000]


def test_csv_parquet_and_feather_say_the_same(tmp_path: Path) -> None:
    frame = daily(THREE, [1.1, 2.2, 3.3])
    writers = {"csv": frame.write_csv, "parquet": frame.write_parquet, "feather": frame.write_ipc}
    prints = set()
    for kind, write in writers.items():
        write(tmp_path / f"bars.{kind}")
        workspace = Workspace.create(tmp_path / f"work-{kind}")
        ingest_ohlcv(workspace, tmp_path / f"bars.{kind}", OhlcvSettings.model_validate(DAILY))
        prints.add(Catalog(workspace).bar_panel("demo", interval=DAY, as_of=now()).fingerprint())
    assert len(prints) == 1


def test_a_folder_and_a_glob_are_one_ingest(workspace: Workspace, tmp_path: Path) -> None:
    folder = tmp_path / "files"
    folder.mkdir()
    for day in THREE:
        daily([day], [1.0]).write_csv(folder / f"{day}.csv")
    settings = OhlcvSettings.model_validate(DAILY)
    assert ingest_ohlcv(workspace, folder, settings).files == 3
    assert ingest_ohlcv(workspace, f"{folder}/2024-01-0[34].csv", settings).identical == 2


def test_a_back_adjusted_close_is_made_to_run_forward(workspace: Workspace, tmp_path: Path) -> None:
    """The level of adj_close holds later dividends; the stored adjustment must not."""
    first = daily(THREE, [10.0, 10.0, 9.0], adj_close=[9.0, 9.0, 9.0])  # a dividend of 1 on the third day
    ingest(workspace, first, tmp_path, adjust="adj_close")
    panel = Catalog(workspace).bar_panel("demo", interval=DAY, as_of=now())
    np.testing.assert_allclose(panel["close"][:, 0], [10.0, 10.0, 10.0])


def test_a_later_download_with_another_dividend_changes_nothing_stored(workspace: Workspace, tmp_path: Path) -> None:
    four = [*THREE, date(2024, 1, 8)]
    ingest(workspace, daily(THREE, [10.0, 10.0, 9.0], adj_close=[9.0, 9.0, 9.0]), tmp_path, adjust="adj_close")
    later = daily(four, [10.0, 10.0, 9.0, 8.0], adj_close=[8.0, 8.0, 8.0, 8.0])  # another dividend of 1
    done = ingest(workspace, later, tmp_path, adjust="adj_close")
    assert (done.appended, done.identical, done.revised) == (1, 3, 0)
    panel = Catalog(workspace).bar_panel("demo", interval=DAY, as_of=now())
    np.testing.assert_allclose(panel["close"][:, 0], [10.0, 10.0, 10.0, 10.0])


def test_a_later_download_that_does_not_overlap_cannot_be_chained(workspace: Workspace, tmp_path: Path) -> None:
    ingest(workspace, daily(THREE[:1], [10.0], adj_close=[9.0]), tmp_path, adjust="adj_close")
    with pytest.raises(DataError, match="without a bar in common"):
        ingest(workspace, daily(THREE[2:], [9.0], adj_close=[9.0]), tmp_path, adjust="adj_close")


def test_a_restated_file_needs_known_at(workspace: Workspace, tmp_path: Path) -> None:
    ingest(workspace, daily(THREE, [1.0, 2.0, 3.0]), tmp_path)
    path = tmp_path / "bars.parquet"
    daily(THREE, [1.0, 2.0, 3.5]).write_parquet(path)
    settings = OhlcvSettings.model_validate(DAILY)
    with pytest.raises(DataError, match="1 rows that differ"):
        ingest_ohlcv(workspace, path, settings)
    done = ingest_ohlcv(
        workspace, path, settings, revision=Revision(known_at=instant_of(datetime(2024, 2, 1, tzinfo=UTC)))
    )
    assert (done.identical, done.revised) == (2, 1)


def test_lots_and_thousands_become_shares_and_currency(workspace: Workspace, tmp_path: Path) -> None:
    frame = pl.DataFrame(
        {
            "ts_code": "000001.SZ",
            "trade_date": ["20240103"],
            "open": 9.0,
            "high": 9.5,
            "low": 8.5,
            "close": 9.2,
            "vol": 3.0,
            "amount": 2.7,
            "adj_factor": 100.0,
        }
    )
    path = tmp_path / "daily.csv"
    frame.write_csv(path)
    ingest_ohlcv(workspace, path, OhlcvSettings.model_validate(PRESETS["tushare-daily"]))
    panel = Catalog(workspace).bar_panel("a-share", interval=DAY, as_of=now())
    assert (panel["volume"][0, 0], panel["traded_value"][0, 0]) == (300.0, 2700.0)
    np.testing.assert_allclose(panel["close"][0, 0], 920.0)


@pytest.mark.realdata
@pytest.mark.parametrize(
    ("file", "preset", "rows", "symbols"),
    [
        ("ashare_daily.parquet", "tushare-daily", 1_852_048, 5_296),
        ("us_equity_daily.parquet", "yahoo-daily", 914_190, 327),
        ("us_etf_daily.parquet", "yahoo-daily", 773_435, 220),
        ("crypto_spot_5m_2025.parquet", "binance-klines", 631_296, 8),
    ],
)
def test_the_real_files_go_in_whole(
    workspace: Workspace, real_data: Path, file: str, preset: str, rows: int, symbols: int
) -> None:
    done = ingest_ohlcv(workspace, real_data / file, OhlcvSettings.model_validate(PRESETS[preset]))
    assert done.appended + sum(done.rejected.values()) == done.rows == rows
    assert Catalog(workspace).datasets()[0].members == symbols
    assert done.rejected in ({}, {"non-positive price": 12})


@pytest.mark.parametrize(
    ("calendar", "time", "session"),
    [
        ("XSHG", "2024-01-02T16:00:00Z", date(2024, 1, 3)),  # midnight in Shanghai
        ("XSHG", "2024-01-03T00:00:00Z", date(2024, 1, 3)),  # a date, written as midnight UTC
        ("XNYS", "2024-01-03T00:00:00Z", date(2024, 1, 3)),
        ("XNYS", "2024-01-03T05:00:00Z", date(2024, 1, 3)),  # midnight in New York
        ("XNYS", "2024-01-03T21:00:00Z", date(2024, 1, 3)),  # the close
        ("XSHG", "2024-01-03T07:00:00Z", date(2024, 1, 3)),
    ],
)
def test_a_daily_time_names_the_session_of_the_markets_own_clock(
    workspace: Workspace, tmp_path: Path, calendar: str, time: str, session: date
) -> None:
    """Read in UTC, midnight in Shanghai is the day before, and every bar would be known a day early."""
    path = tmp_path / "bars.csv"
    path.write_text(f"symbol,date,close\nA,{time},1.0\n")
    ingest_ohlcv(workspace, path, OhlcvSettings.model_validate({**DAILY, "calendar": calendar}))
    (instant,) = Catalog(workspace).bar_panel("demo", interval=DAY, as_of=now()).times
    assert datetime.fromtimestamp(instant / 1e6, UTC).date() == session


def test_days_around_the_clock_are_days_of_utc(workspace: Workspace, tmp_path: Path) -> None:
    path = tmp_path / "bars.csv"
    path.write_text("symbol,date,close\nBTC,2024-01-03T05:00:00Z,1.0\n")
    with pytest.raises(DataError, match="do not begin at midnight UTC"):
        ingest_ohlcv(workspace, path, OhlcvSettings.model_validate({**DAILY, "calendar": "24/7"}))


def test_a_bar_off_the_grid_is_rejected(workspace: Workspace, tmp_path: Path) -> None:
    """Kept, it would put a row between the others and shorten every horizon of every symbol (D-12)."""
    path = intraday(tmp_path, ["2024-01-01T00:05:00Z", "2024-01-01T00:06:00Z"])
    done = ingest_ohlcv(workspace, path, OhlcvSettings(dataset="demo", interval=BarInterval("5m")))
    assert done.rejected == {"not a 5m bar of 24/7": 1}


def test_the_last_hour_of_a_session_ends_at_its_close(workspace: Workspace, tmp_path: Path) -> None:
    opens = [f"2024-01-03T{hour}:30:00-05:00" for hour in ("09", "10", "14", "15")]
    settings = OhlcvSettings.model_validate({"dataset": "demo", "interval": "1h", "calendar": "XNYS", "stamp": "open"})
    ingest_ohlcv(workspace, intraday(tmp_path, [*opens, "2024-01-03T16:30:00-05:00"]), settings)
    panel = Catalog(workspace).bar_panel("demo", interval=BarInterval("1h"), as_of=now())
    hours = [datetime.fromtimestamp(t / 1e6, UTC).strftime("%H:%M") for t in panel.times]
    assert hours == ["15:30", "16:30", "17:30", "18:30", "19:30", "20:30", "21:00"]
    assert np.isfinite(panel["close"][:, 0]).tolist() == [True, True, False, False, False, True, True]


def sessions(workspace: Workspace, dataset: str = "demo") -> list[date]:
    times = Catalog(workspace).bar_panel(dataset, interval=DAY, as_of=now()).times
    return [datetime.fromtimestamp(time / 1e6, UTC).date() for time in times]


def write_times(tmp_path: Path, times: list[str]) -> Path:
    path = tmp_path / "bars.csv"
    path.write_text("symbol,date,close\n" + "".join(f"A,{time},1.0\n" for time in times))
    return path


@pytest.mark.parametrize(
    "times",
    [
        ["2024-01-03T00:00:00Z", "2024-01-04T00:00:00Z", "2024-01-05T18:30:00Z"],
        ["2024-01-03 00:00:00", "2024-01-04 18:30:00"],
        [str(1_704_240_000), str(1_704_240_000 + 18 * 3_600)],
    ],
)
def test_one_time_of_day_among_dates_does_not_move_them_a_session_early(
    workspace: Workspace, tmp_path: Path, times: list[str]
) -> None:
    """On the market's own clock midnight UTC is the day before: every bar would be known before it happened."""
    settings = OhlcvSettings.model_validate({**DAILY, "timezone": "UTC"})
    with pytest.raises(DataError, match=r"1 at other times.*drop the row of the running day"):
        ingest_ohlcv(workspace, write_times(tmp_path, times), settings)
    assert Catalog(workspace).datasets() == []


def test_midnights_of_a_market_on_utc_in_winter_alone_are_its_dates(workspace: Workspace, tmp_path: Path) -> None:
    path = write_times(tmp_path, ["2024-01-03T00:00:00Z", "2024-07-02T23:00:00Z"])
    ingest_ohlcv(workspace, path, OhlcvSettings.model_validate({**DAILY, "calendar": "XLON"}))
    assert {sessions(workspace)[0], sessions(workspace)[-1]} == {date(2024, 1, 3), date(2024, 7, 3)}


@pytest.mark.parametrize(("calendar", "zone"), [("XNYS", "Asia/Shanghai"), ("XSHG", "America/New_York")])
def test_midnight_without_a_zone_is_a_date_whatever_zone_is_named(
    workspace: Workspace, tmp_path: Path, calendar: str, zone: str
) -> None:
    settings = OhlcvSettings.model_validate({**DAILY, "calendar": calendar, "timezone": zone})
    ingest_ohlcv(workspace, write_times(tmp_path, ["2024-01-03 00:00:00"]), settings)
    assert sessions(workspace) == [date(2024, 1, 3)]


def test_a_named_zone_does_not_stand_in_for_the_markets_clock(workspace: Workspace, tmp_path: Path) -> None:
    settings = OhlcvSettings.model_validate({**DAILY, "calendar": "XSHG", "timezone": "UTC"})
    ingest_ohlcv(workspace, write_times(tmp_path, ["2024-01-02 16:00:00"]), settings)  # midnight in Shanghai
    assert sessions(workspace) == [date(2024, 1, 3)]


@pytest.mark.parametrize(
    ("time", "reason"),
    [
        ("2024-11-03 01:30:00", "ambiguous time in America/New_York"),
        ("2024-03-10 02:30:00", "no such time in America/New_York"),
    ],
)
def test_times_that_a_changed_clock_shows_twice_or_never_say_so(
    workspace: Workspace, tmp_path: Path, time: str, reason: str
) -> None:
    settings = OhlcvSettings(dataset="demo", interval=BarInterval("5m"), timezone="America/New_York", order="any")
    path = intraday(tmp_path, ["2024-01-03 10:00:00", time, "never"])
    assert ingest_ohlcv(workspace, path, settings).rejected == {reason: 1, "unparsable time": 1}


def test_a_time_that_runs_backward_once_is_told_so(workspace: Workspace, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="time runs backward once, first in row 2"):
        ingest(workspace, daily([THREE[1], THREE[0], THREE[2]], [1.0, 2.0, 3.0]), tmp_path)


def test_what_is_no_session_has_no_event_time(workspace: Workspace, tmp_path: Path) -> None:
    done = ingest(workspace, daily([THREE[2], date(2024, 1, 6)], [1.0, 2.0]), tmp_path)
    assert done.quarantine is not None
    assert pl.read_csv(done.quarantine).select("event_time", "time").rows() == [(None, "2024-01-06")]


def test_the_quarantine_keeps_every_digit(workspace: Workspace, tmp_path: Path) -> None:
    odd = -0.1 - 0.2
    done = ingest(workspace, daily(THREE[:2], [1.0, odd]), tmp_path)
    assert done.quarantine is not None
    assert pl.read_csv(done.quarantine)["close"].to_list() == [odd]


# --- adjusted closes


def write_yahoo(path: Path, dates: list[date], closes: list[float], adjusted: list[float | str]) -> Path:
    rows = zip(dates, closes, adjusted, strict=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(YAHOO_HEADER + "".join(f"{day},{c},{c},{c},{c},{a},100\n" for day, c, a in rows))
    return path


def test_a_download_from_yahoo_is_read_as_it_is(workspace: Workspace, tmp_path: Path) -> None:
    write_yahoo(tmp_path / "files" / "BRK.B.CSV", THREE, [10.0, 10.0, 9.0], [9.0, 9.0, 9.0])
    packed = write_yahoo(tmp_path / "SPY.csv", THREE, [1.0, 1.0, 1.0], [1.0, 1.0, 1.0]).read_bytes()
    (tmp_path / "files" / "SPY.csv.gz").write_bytes(gzip.compress(packed))
    ingest_ohlcv(workspace, tmp_path / "files", YAHOO)
    panel = Catalog(workspace).bar_panel("us-equity", interval=DAY, as_of=now())
    assert panel.symbols == ("BRK.B", "SPY")
    np.testing.assert_allclose(panel["close"][:, 0], [10.0, 10.0, 10.0])


@pytest.mark.parametrize("names", [("a/A.csv", "b/A.csv"), ("a/A.csv", "a/A.CSV")])
def test_one_symbols_back_adjusted_bars_come_from_one_file(
    workspace: Workspace, tmp_path: Path, names: tuple[str, str]
) -> None:
    """Each download has a level of its own: between two of them lay a loss of 20 % that never was."""
    write_yahoo(tmp_path / "files" / names[0], THREE[:1], [10.0], [8.0])
    write_yahoo(tmp_path / "files" / names[1], THREE[2:], [10.0], [10.0])
    with pytest.raises(DataError, match=r"bars of A in 2 files.*oldest first"):
        ingest_ohlcv(workspace, tmp_path / "files", YAHOO)


def test_two_first_ingests_at_once_are_chained_all_the_same(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both would find nothing stored, and both levels would stand side by side."""
    both, append = Barrier(2), Catalog.append

    def append_with_the_other(*arguments: Any, **named: Any) -> Any:
        with suppress(BrokenBarrierError):
            both.wait(timeout=0.5)
        return append(*arguments, **named)

    monkeypatch.setattr(Catalog, "append", append_with_the_other)
    old = write_yahoo(tmp_path / "old" / "A.csv", THREE[:1], [10.0], [8.0])
    new = write_yahoo(tmp_path / "new" / "A.csv", THREE[2:], [10.0], [10.0])
    with ThreadPoolExecutor(2) as pool:
        ingests = [pool.submit(ingest_ohlcv, workspace, path, YAHOO) for path in (old, new)]
        refused = [end for ingest in ingests if (end := ingest.exception()) is not None]
    assert [type(end) for end in refused] == [DataError]
    assert "without a bar in common" in str(refused[0])


def test_adjusted_closes_rounded_to_cents_are_no_revision(workspace: Workspace, tmp_path: Path) -> None:
    closes = [10.0, 10.1, 10.2]
    path = tmp_path / "A.csv"
    ingest_ohlcv(workspace, write_yahoo(path, THREE, closes, [round(c * 0.98, 2) for c in closes]), YAHOO)
    again = ingest_ohlcv(workspace, write_yahoo(path, THREE, closes, [round(c * 0.9753, 2) for c in closes]), YAHOO)
    assert (again.identical, again.revised) == (3, 0)


def test_a_bar_whose_adjustment_is_missing_is_quarantined(workspace: Workspace, tmp_path: Path) -> None:
    """Kept, it would be a bar without any price in the panel, and nobody would be told."""
    done = ingest_ohlcv(workspace, write_yahoo(tmp_path / "A.csv", THREE, [1.0] * 3, [1.0, "", "null"]), YAHOO)
    assert (done.appended, done.rejected) == (1, {"missing adjustment": 2})


FOUR = [*THREE, date(2024, 1, 8)]


@pytest.fixture
def split(workspace: Workspace, tmp_path: Path) -> Callable[[int], Path]:
    """Ingest bars, and return a writer of the last of them, and a new one, after a split of two for one."""
    ingest_ohlcv(workspace, write_yahoo(tmp_path / "A.csv", THREE, [10.0, 11.0, 12.0], [10.0, 11.0, 12.0]), YAHOO)
    closes = [5.0, 5.5, 6.0, 6.1]

    def write(first: int) -> Path:
        return write_yahoo(tmp_path / "after" / "A.csv", FOUR[first:], closes[first:], [*closes[first:]])

    return write


def test_a_split_is_recognised_and_corrected_whole(workspace: Workspace, split: Callable[[int], Path]) -> None:
    with pytest.raises(DataError, match=r"every close of A is 0\.5 times .* --correct --reason \"split\""):
        ingest_ohlcv(workspace, split(0), YAHOO)
    done = ingest_ohlcv(workspace, split(0), YAHOO, revision=Revision(correction_reason="split"))
    assert (done.appended, done.revised) == (1, 3)
    panel = Catalog(workspace).bar_panel("us-equity", interval=DAY, as_of=now())
    np.testing.assert_allclose(panel["close"][:, 0], [5.0, 5.5, 6.0, 6.1])


def test_a_split_is_not_corrected_in_part(workspace: Workspace, split: Callable[[int], Path]) -> None:
    with pytest.raises(DataError, match="2 stored bars that the file lacks"):
        ingest_ohlcv(workspace, split(2), YAHOO, revision=Revision(correction_reason="split"))


def test_some_bars_in_a_wrong_unit_are_corrected_alone(workspace: Workspace, tmp_path: Path) -> None:
    ingest(workspace, daily(FOUR, [1.0, 200.0, 300.0, 4.0]), tmp_path)
    path = tmp_path / "bars.parquet"
    daily(FOUR[1:3], [2.0, 3.0]).write_parquet(path)
    correction = Revision(correction_reason="pence")
    assert ingest_ohlcv(workspace, path, OhlcvSettings.model_validate(DAILY), revision=correction).revised == 2


def test_a_restated_value_that_is_no_split_is_not_called_one(workspace: Workspace, tmp_path: Path) -> None:
    ingest(workspace, daily(THREE, [1.0, 2.0, 3.0]), tmp_path)
    with pytest.raises(DataError) as refused:
        ingest(workspace, daily(THREE, [2.0, 4.0, 9.0]), tmp_path)
    assert "split" not in refused.value.hint


def test_a_rescaled_history_is_not_known_later(workspace: Workspace, split: Callable[[int], Path]) -> None:
    """Every bar would be missing from the panel, or jump, from the split on."""
    known = Revision(known_at=instant_of(datetime(2024, 2, 1, tzinfo=UTC)))
    with pytest.raises(DataError, match=r"--correct --reason \"split\""):
        ingest_ohlcv(workspace, split(0), YAHOO, revision=known)


def test_nothing_is_known_in_the_future(workspace: Workspace, tmp_path: Path) -> None:
    path = write_times(tmp_path, ["2024-01-03"])
    with frozen_clock(instant_of(datetime(2024, 2, 1, tzinfo=UTC))), pytest.raises(DataError, match="yet to come"):
        ingest_ohlcv(
            workspace,
            path,
            OhlcvSettings.model_validate(DAILY),
            revision=Revision(known_at=now() + 1),  # type: ignore[arg-type]
        )


# --- names


def test_tushare_without_factors_is_told_where_they_are_or_goes_without(workspace: Workspace, tmp_path: Path) -> None:
    path = tmp_path / "daily.csv"
    path.write_text("ts_code,trade_date,open,high,low,close,vol,amount\n000001.SZ,20240103,9,9,9,9,1,1\n")
    preset = PRESETS["tushare-daily"]
    with pytest.raises(DataError, match=r"no column 'adj_factor'.*daily\.merge.*--adjust none"):
        ingest_ohlcv(workspace, path, OhlcvSettings.model_validate(preset))
    assert ingest_ohlcv(workspace, path, OhlcvSettings.model_validate({**preset, "adjust": "none"})).appended == 1


def test_names_are_told_without_blanks_and_files_without_capitals(workspace: Workspace, tmp_path: Path) -> None:
    folder = tmp_path / "files"
    folder.mkdir()
    (folder / "x.CSV").write_text("Symbol, DATE ,Close\n A ,2024-01-03,1\n")
    (folder / "notes.txt").write_text("x")
    said: list[str] = []

    class Listener:
        track = staticmethod(lambda items, label, total=None: iter(items))
        say = staticmethod(said.append)

    ingest_ohlcv(workspace, folder, OhlcvSettings.model_validate(DAILY), progress=Listener())
    assert Catalog(workspace).symbols("demo") == ["A"]
    assert "skipped 1 file of another kind: notes.txt" in said
    assert said[-1] == "appended 1 bar"


def test_a_calendar_has_one_name_and_a_data_set_one_calendar(workspace: Workspace, tmp_path: Path) -> None:
    ingest(workspace, daily(THREE[:1], [1.0]), tmp_path, calendar="NYSE")
    assert ingest(workspace, daily(THREE, [1.0, 2.0, 3.0]), tmp_path, calendar="XNYS").appended == 2
    with pytest.raises(DataError, match="bars of calendar XLON for demo 1d, whose stored ones are of XNYS"):
        ingest(workspace, daily(THREE, [1.0, 2.0, 3.0]), tmp_path, calendar="XLON")


def test_daily_bars_say_what_calendar_they_are_on() -> None:
    """On 24/7 every holiday would be a hole."""
    with pytest.raises(ValueError, match="the market's calendar"):
        OhlcvSettings(dataset="demo")
    assert OhlcvSettings(dataset="demo", interval=BarInterval("5m")).calendar == "24/7"
