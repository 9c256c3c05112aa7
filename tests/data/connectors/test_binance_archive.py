"""The archive's files, from a folder and from a real server on the loopback interface.

Layout, columns and checksums: https://github.com/binance/binance-public-data. Stamps of the metrics files:
https://github.com/binance/binance-public-data/issues/491. Names in the headers: the files themselves, as of 2024.
"""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.core.clock import frozen_clock
from tidegate.core.errors import DataError, InputError
from tidegate.core.time import DAY, Window, instant_of, parse_instant
from tidegate.core.workspace import Workspace
from tidegate.data import Catalog
from tidegate.data.connectors import Collected, RetryPolicy, SourceStatus, collect_from, make_connector
from tidegate.data.connectors.binance_archive import BinanceArchiveConnector
from tidegate.data.connectors.binance_archive.packed import read_packed
from tidegate.testing import Fault, Reply, ScriptedSource, SeenRequest, check_connector

PATIENT = RetryPolicy(first_wait_seconds=0.0, longest_wait_seconds=0.0, pause_seconds=0.0, cooldown_seconds=0.0)
BARS_HEADER = (
    "open_time,open,high,low,close,volume,close_time,quote_volume,count,taker_buy_volume,taker_buy_quote_volume,ignore"
)
FUNDING_HEADER = "calc_time,funding_interval_hours,last_funding_rate"
METRICS_HEADER = (
    "create_time,symbol,sum_open_interest,sum_open_interest_value,count_toptrader_long_short_ratio,"
    "sum_toptrader_long_short_ratio,count_long_short_ratio,sum_taker_long_short_vol_ratio"
)
TRADES_HEADER = "agg_trade_id,price,quantity,first_trade_id,last_trade_id,transact_time,is_buyer_maker"
HOUR_MS = 3_600_000
JANUARY = int(datetime(2024, 1, 1, tzinfo=UTC).timestamp()) * 1000


def bar(opened: int, *, unit: int = 1, hours: int = 1, close: float = 1.5) -> str:
    """A row of a file of hourly bars; ``unit`` is how many of its ticks make a millisecond."""
    closed = (opened + hours * HOUR_MS) * unit - 1
    return f"{opened * unit},1.0,2.0,0.5,{close},10.0,{closed},15.0,3,4.0,6.0,0"


def packed(*lines: str, name: str = "rows.csv", method: int = zipfile.ZIP_DEFLATED) -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", method) as archive:
        archive.writestr(name, "".join(f"{line}\n" for line in lines))
    return held.getvalue()


def month_of_bars(year: int, month: int, *, unit: int = 1, header: bool = True) -> bytes:
    first = datetime(year, month, 1, tzinfo=UTC)
    following = (first + timedelta(days=32)).replace(day=1)
    opens = range(int(first.timestamp()) * 1000, int(following.timestamp()) * 1000, HOUR_MS)
    return packed(*([BARS_HEADER] if header else []), *(bar(opened, unit=unit) for opened in opens))


def day_of_bars(day: date) -> bytes:
    start = parse_instant(day) // 1000
    return packed(BARS_HEADER, *(bar(start + hour * HOUR_MS) for hour in range(24)))


def settings(**fields: Any) -> dict[str, Any]:
    return {"dataset": "perp", "symbols": ["BTCUSDT=BTC"], "interval": "1h", "start": date(2024, 1, 1), **fields}


def connector(**fields: Any) -> BinanceArchiveConnector:
    made = make_connector("binance-archive", settings(**fields))
    assert isinstance(made, BinanceArchiveConnector)
    return made


def collect(workspace: Workspace, **fields: Any) -> Collected:
    return collect_from(workspace, connector(**fields), policy=PATIENT)


def stored(workspace: Workspace, table: str, **fields: Any) -> pl.DataFrame:
    return Catalog(workspace).read(table, dataset="perp", as_of=parse_instant("2030-01-01"), **fields).collect()


class Archive:
    """A server of files, each with its checksum."""

    def __init__(self, files: dict[str, bytes]) -> None:
        self.files = files
        self.without_checksum: set[str] = set()
        self.wrong: set[str] = set()
        self.gone: set[str] = set()

    def __call__(self, request: SeenRequest) -> Reply:
        path = request.path.lstrip("/")
        name = path.removesuffix(".CHECKSUM")
        if name not in self.files or name in (self.gone if path == name else self.without_checksum):
            return Reply(b"<Error><Code>NoSuchKey</Code></Error>", 404)
        if path == name:
            return Reply(self.files[name])
        digest = "0" * 64 if name in self.wrong else hashlib.sha256(self.files[name]).hexdigest()
        return Reply(f"{digest}  {name.rpartition('/')[2]}\n")


MONTH = "data/futures/um/monthly/klines/BTCUSDT/1h/BTCUSDT-1h-2024-01.zip"


@pytest.fixture
def archive() -> Archive:
    return Archive({MONTH: month_of_bars(2024, 1)})


@pytest.fixture
def source(archive: Archive) -> Iterator[ScriptedSource]:
    with ScriptedSource(archive) as running:
        yield running


def test_a_bar_is_known_at_its_close(workspace: Workspace, source: ScriptedSource) -> None:
    """D-09: the archive stamps a bar with its open; it is stored under its close and known from then on."""
    done = collect(workspace, base_url=source.url, end=date(2024, 1, 31))

    assert done.complete
    bars = stored(workspace, "bars")
    assert (bars.height, bars["symbol"].unique().to_list()) == (31 * 24, ["BTC"])
    assert bars["event_time"][0] == datetime(2024, 1, 1, 1, tzinfo=UTC)
    assert (bars["event_time"] == bars["known_time"]).all()
    assert bars.row(0, named=True)["traded_value"] == 15.0
    before_close = Catalog(workspace).read("bars", dataset="perp", as_of=parse_instant("2024-01-01T00:59:59Z"))
    assert before_close.collect().is_empty()


def test_months_that_are_over_are_whole_files_and_the_rest_are_days(source: ScriptedSource, archive: Archive) -> None:
    with frozen_clock(parse_instant("2024-03-03T12:00:00Z")):
        tasks = connector(base_url=source.url, start=date(2024, 1, 30)).tasks()

    stretches = [(task.start, task.end, task.closed) for task in tasks]
    assert stretches == [
        (parse_instant("2024-01-30"), parse_instant("2024-02-01"), True),
        (parse_instant("2024-02-01"), parse_instant("2024-03-01"), False),
        (parse_instant("2024-03-01"), parse_instant("2024-03-02"), False),
        (parse_instant("2024-03-02"), parse_instant("2024-03-03"), False),
    ]
    assert source.seen == []


def test_a_month_that_is_not_yet_there_is_read_day_by_day(
    workspace: Workspace, source: ScriptedSource, archive: Archive
) -> None:
    days = [date(2024, 2, 28), date(2024, 2, 29), date(2024, 3, 1)]
    archive.files.update(
        {f"data/futures/um/daily/klines/BTCUSDT/1h/BTCUSDT-1h-{day}.zip": day_of_bars(day) for day in days}
    )
    with frozen_clock(parse_instant("2024-03-02T12:00:00Z")):
        done = collect(workspace, base_url=source.url)

        assert done.complete
        assert stored(workspace, "bars").height == 31 * 24 + 3 * 24
        paths = [request.path for request in source.seen]
        assert paths[:2] == [f"/{MONTH}.CHECKSUM", f"/{MONTH}"]
        assert sum("2024-03-01" in path for path in paths) == 2

        source.seen.clear()
        again = collect(workspace, base_url=source.url)

    assert (again.appended, again.members[0].remembered) == (0, 1)
    assert not any("2024-01" in request.path for request in source.seen)


def test_a_month_before_the_listing_is_empty_and_asked_for_once(workspace: Workspace, source: ScriptedSource) -> None:
    done = collect(workspace, base_url=source.url, symbols=["NEWUSDT", "BTCUSDT=BTC"], end=date(2024, 1, 31))

    assert {report.member: report.status for report in done.members} == {
        "NEWUSDT": SourceStatus.EMPTY,
        "BTC": SourceStatus.SUCCESS,
    }
    assert done.complete
    asked = [request.path for request in source.seen if "NEWUSDT" in request.path]
    name = "/data/futures/um/monthly/klines/NEWUSDT/1h/NEWUSDT-1h-2024-01.zip"
    assert asked == [f"{name}.CHECKSUM", name]


@pytest.mark.parametrize(
    "fault",
    [Fault.limited(retry_after=0.01), Fault.status(503), Fault.cut(share=0.5), Fault.drop(), Fault.repeat_page()],
    ids=["limited", "503", "cut", "dropped", "repeated"],
)
@pytest.mark.parametrize("place", [0, 1], ids=["checksum", "file"])
def test_a_passing_fault_leaves_no_trace(
    workspace: Workspace, source: ScriptedSource, archive: Archive, fault: Fault, place: int
) -> None:
    archive.files[MONTH.replace("01.zip", "02.zip")] = month_of_bars(2024, 2)
    collect(workspace, base_url=source.url, end=date(2024, 1, 31))
    source.seen.clear()
    undisturbed = Fault.cut(share=1.0)
    source.next_fault(*[undisturbed] * place, fault)

    done = collect(workspace, base_url=source.url, end=date(2024, 2, 29))

    assert done.complete
    assert done.members[0].retries >= 1
    assert stored(workspace, "bars").height == (31 + 29) * 24


def test_a_file_that_stays_unlike_its_checksum_is_not_stored(
    workspace: Workspace, source: ScriptedSource, archive: Archive
) -> None:
    archive.wrong.add(MONTH)

    done = collect(workspace, base_url=source.url, end=date(2024, 1, 31))

    assert not done.complete
    assert done.members[0].requests == 1 + PATIENT.attempts
    assert "sha256" in str(done.members[0].error)
    assert Catalog(workspace).datasets() == []


def test_a_file_with_a_checksum_is_there(workspace: Workspace, source: ScriptedSource, archive: Archive) -> None:
    """D-14: where the archive tells a file's sha256, its absence is a fault of the server and no empty month."""
    archive.gone.add(MONTH)

    done = collect(workspace, base_url=source.url, end=date(2024, 1, 31))

    assert (done.complete, done.members[0].status) == (False, SourceStatus.FAILURE)
    assert done.members[0].requests == 1 + PATIENT.attempts
    archive.gone.clear()
    assert collect(workspace, base_url=source.url, end=date(2024, 1, 31)).appended == 31 * 24


def test_a_checksum_of_another_file_is_asked_for_again(
    workspace: Workspace, source: ScriptedSource, archive: Archive
) -> None:
    other = Reply(f"{hashlib.sha256(archive.files[MONTH]).hexdigest()}  ETHUSDT-1h-2024-01.zip\n")
    source.next_fault(Fault(kind="reply", reply=other))

    done = collect(workspace, base_url=source.url, end=date(2024, 1, 31))

    assert (done.complete, done.members[0].retries) == (True, 1)


def test_the_archive_keeps_the_contract_of_connectors(tmp_path_factory: pytest.TempPathFactory) -> None:
    days = [date(2024, 3, 1), date(2024, 3, 2)]
    files = {
        f"data/futures/um/daily/klines/{symbol}/1h/{symbol}-1h-{day}.zip": day_of_bars(day)
        for symbol in ("BTCUSDT", "ETHUSDT")
        for day in days
    }

    check_connector(
        lambda source: connector(base_url=source.url, symbols=["BTCUSDT", "ETHUSDT"], start=days[0], end=days[1]),
        Archive(files),
        lambda: Workspace.create(tmp_path_factory.mktemp("contract") / "work"),
        at=parse_instant("2024-03-05"),
    )


def test_a_file_without_a_checksum_is_taken_with_a_warning(
    workspace: Workspace, source: ScriptedSource, archive: Archive
) -> None:
    archive.without_checksum.add(MONTH)

    done = collect(workspace, base_url=source.url, end=date(2024, 1, 31))

    assert done.complete
    assert done.warnings == (f"{MONTH} has no checksum",)


@pytest.mark.parametrize("place", ["data/spot/monthly/klines/BTCUSDT/1h", "spot/monthly/klines/BTCUSDT/1h", "."])
def test_a_folder_is_read_without_asking_anybody(workspace: Workspace, tmp_path: Path, place: str) -> None:
    """Spot files count microseconds since 2025, and have no header."""
    folder = tmp_path / "dump" / place
    folder.mkdir(parents=True)
    (folder / "BTCUSDT-1h-2024-12.zip").write_bytes(month_of_bars(2024, 12, header=False))
    (folder / "BTCUSDT-1h-2025-01.zip").write_bytes(month_of_bars(2025, 1, unit=1000, header=False))
    window = {"start": date(2024, 12, 1), "end": date(2025, 1, 31)}

    done = collect(workspace, path=tmp_path / "dump", market="spot", **window)

    assert done.complete
    bars = stored(workspace, "bars")
    assert bars.height == 62 * 24
    assert (bars["event_time"].diff().drop_nulls() == timedelta(hours=1)).all()


def test_a_folder_that_is_filled_later_is_looked_into_again(workspace: Workspace, tmp_path: Path) -> None:
    folder = tmp_path / "dump"
    folder.mkdir()
    assert collect(workspace, path=folder, end=date(2024, 1, 31)).members[0].status is SourceStatus.EMPTY

    (folder / "BTCUSDT-1h-2024-01-30.zip").write_bytes(day_of_bars(date(2024, 1, 30)))
    assert collect(workspace, path=folder, end=date(2024, 1, 31)).appended == 24

    (folder / "BTCUSDT-1h-2024-01.zip").write_bytes(month_of_bars(2024, 1))
    assert collect(workspace, path=folder, end=date(2024, 1, 31)).appended == 30 * 24


def test_a_file_in_a_folder_is_compared_with_its_checksum(workspace: Workspace, tmp_path: Path) -> None:
    name = "BTCUSDT-1h-2024-01.zip"
    (tmp_path / name).write_bytes(month_of_bars(2024, 1))
    (tmp_path / f"{name}.CHECKSUM").write_text(f"{'0' * 64}  {name}\n", encoding="utf-8")

    done = collect(workspace, path=tmp_path, end=date(2024, 1, 31))

    assert "sha256" in str(done.members[0].error)
    digest = hashlib.sha256((tmp_path / name).read_bytes()).hexdigest()
    (tmp_path / f"{name}.CHECKSUM").write_text(f"{digest}  {name}\n", encoding="utf-8")
    assert collect(workspace, path=tmp_path, end=date(2024, 1, 31)).complete


def test_bars_that_are_none_are_rejected_by_reason(workspace: Workspace, tmp_path: Path) -> None:
    lines = [
        BARS_HEADER,
        bar(JANUARY),
        bar(JANUARY),
        bar(JANUARY + HOUR_MS, close=1.6),
        bar(JANUARY + HOUR_MS, close=1.7),
        bar(JANUARY + HOUR_MS // 2),
        bar(JANUARY + 2 * HOUR_MS, hours=4),
        bar(JANUARY + 40 * 24 * HOUR_MS),
        bar(JANUARY + 3 * HOUR_MS).replace("1.0,2.0", "dear,2.0"),
        bar(JANUARY + 4 * HOUR_MS).replace("1.0,2.0", "1.0,0.1"),
        bar(JANUARY).replace(str(JANUARY), "yesterday", 1),
        bar(JANUARY).replace(str(JANUARY), str(10**18), 1),
        bar(JANUARY + 5 * HOUR_MS, close=-1.0),
    ]
    (tmp_path / "BTCUSDT-1h-2024-01.zip").write_bytes(packed(*lines))

    done = collect(workspace, path=tmp_path, end=date(2024, 1, 31))

    assert done.members[0].rejected == {
        "duplicates that disagree": 2,
        "unparsable time": 2,
        "closes after its 1h": 1,
        "high below low": 1,
        "missing price": 1,
        "non-positive price": 1,
        "not a 1h bar of 24/7": 1,
        "outside its file": 1,
    }
    assert stored(workspace, "bars")["event_time"].to_list() == [datetime(2024, 1, 1, 1, tzinfo=UTC)]
    assert done.quarantine is not None
    assert "BTCUSDT-1h-2024-01.zip" in done.quarantine.read_text(encoding="utf-8")


def test_funding_has_the_period_that_its_file_names(workspace: Workspace, tmp_path: Path) -> None:
    paid = [JANUARY, JANUARY + 8 * HOUR_MS, JANUARY + 12 * HOUR_MS, JANUARY + 20 * 24 * HOUR_MS]
    lines = [FUNDING_HEADER, f"{paid[0]},8,0.0001", f"{paid[1] + 1},8,-0.0002", f"{paid[2]},4,0.0003",
             f"{paid[3]},8,0.1", f"{JANUARY + HOUR_MS},8,nan", f"{JANUARY + 2 * HOUR_MS},0,0.1"]  # fmt: skip
    (tmp_path / "BTCUSDT-fundingRate-2024-01.zip").write_bytes(packed(*lines))

    done = collect(workspace, path=tmp_path, kind="funding", end=date(2024, 1, 2))

    assert done.members[0].rejected == {"no finite rate": 1, "no period": 1}
    rows = stored(workspace, "funding")
    assert rows.select("rate", "period_hours").rows() == [(0.0001, 8.0), (-0.0002, 8.0), (0.0003, 4.0)]
    assert rows["event_time"].dt.epoch("ms").to_list() == paid[:3]
    assert (rows["event_time"] == rows["known_time"]).all()


def test_a_payment_is_the_same_one_from_every_source(workspace: Workspace, tmp_path: Path) -> None:
    """D-15: five milliseconds make no second payment; and they decide to which month's file a payment belongs."""
    paid = [JANUARY + hours * HOUR_MS + 5 for hours in (0, 8, 16)]
    late = JANUARY + 31 * 24 * HOUR_MS
    lines = [f"{at},8,0.0001" for at in (*paid, late - 1, late)]
    (tmp_path / "BTCUSDT-fundingRate-2024-01.zip").write_bytes(packed(FUNDING_HEADER, *lines))
    file = tmp_path / "funding.csv"
    file.write_text("symbol,ts,funding_rate\n" + "".join(f"BTC,{at},0.0001\n" for at in paid), encoding="utf-8")

    done = collect(workspace, path=tmp_path, kind="funding", end=date(2024, 1, 31))
    collect_from(workspace, make_connector("funding", {"dataset": "perp", "path": str(file)}), policy=PATIENT)

    assert done.members[0].rejected == {"outside its file": 1}
    assert stored(workspace, "funding")["event_time"].dt.epoch("ms").to_list() == [*(at - 5 for at in paid), late]


def test_funding_of_the_running_month_is_said_to_be_missing(workspace: Workspace, tmp_path: Path) -> None:
    with frozen_clock(parse_instant("2024-01-20")):
        done = collect(workspace, path=tmp_path, kind="funding")

    assert done.warnings == ("funding of 2024-01 comes when the month is over; ask the exchange",)


def metrics_file(stamps: list[str]) -> bytes:
    return packed(METRICS_HEADER, *(f"{stamp},BTCUSDT,100.5,5000.0,1.1,1.2,1.25,0.9" for stamp in stamps))


@pytest.mark.parametrize(
    ("stamps", "ends"),
    [
        (["2024-01-05 00:05:00", "2024-01-06 00:00:00"], ["2024-01-05T00:05:00Z", "2024-01-06T00:00:00Z"]),
        (["2024-01-05 00:00:00", "2024-01-05 23:55:00"], ["2024-01-05T00:05:00Z", "2024-01-06T00:00:00Z"]),
        (["2024-01-05 12:00:00", "2024-01-05 12:05:00"], ["2024-01-05T12:05:00Z", "2024-01-05T12:10:00Z"]),
        (["2024-01-05"], ["2024-01-06T00:00:00Z"]),
    ],
    ids=["end of bucket", "start of bucket", "cannot be told", "one a day"],
)
def test_a_metric_is_known_at_the_end_of_its_bucket(
    workspace: Workspace, tmp_path: Path, stamps: list[str], ends: list[str]
) -> None:
    """D-13: open interest is open interest; and no bucket is known before it is over, whichever end its file stamps."""
    (tmp_path / "BTCUSDT-metrics-2024-01-05.zip").write_bytes(metrics_file(stamps))

    done = collect(workspace, path=tmp_path, kind="metrics", end=date(2024, 1, 31))

    rows = stored(workspace, "metrics")
    assert done.members[0].rejected == {}
    assert sorted(rows["known_time"].dt.epoch("us").unique().to_list()) == [parse_instant(end) for end in ends]
    first = rows.filter(pl.col("event_time") == pl.col("event_time").min())
    assert dict(first.select("metric", "value").rows()) == {
        "open_interest": 100.5,
        "open_interest_value": 5000.0,
        "long_short_ratio_top_accounts": 1.1,
        "long_short_ratio_top_positions": 1.2,
        "long_short_ratio_global_accounts": 1.25,
        "taker_buy_sell_ratio": 0.9,
    }
    assert set(first["unit"]) == {"coins", "USD", "ratio"}


def test_a_bucket_of_the_next_day_does_not_make_a_file_early(workspace: Workspace, tmp_path: Path) -> None:
    """D-13: a file that stamps beginnings and runs into the next midnight still stamps beginnings."""
    stamps = ["2024-01-05 00:00:00", "2024-01-05 01:00:00", "2024-01-06 00:00:00"]
    (tmp_path / "BTCUSDT-metrics-2024-01-05.zip").write_bytes(metrics_file(stamps))

    done = collect(workspace, path=tmp_path, kind="metrics", end=date(2024, 1, 31))

    known = stored(workspace, "metrics")["known_time"].unique().sort().dt.epoch("us").to_list()
    assert known == [parse_instant("2024-01-05T00:05:00Z"), parse_instant("2024-01-05T01:05:00Z")]
    assert done.members[0].rejected == {"outside its file": 6}


def test_a_missing_metric_is_no_row_and_nothing_is_filled(workspace: Workspace, tmp_path: Path) -> None:
    """D-14: a hole stays a hole, at the beginning of a file too."""
    day = date(2024, 1, 5)
    midnight = "2024-01-06 00:00:00,BTCUSDT,1,1,1,1,1,1"
    lines = [
        METRICS_HEADER,
        "2024-01-05 00:05:00,BTCUSDT,,,,,,",
        "2024-01-05 00:10:00,BTCUSDT,100,,1.1,1.2,-1,many",
        "2024-01-05 00:15:00,ETHUSDT,1,1,1,1,1,1",
        "2024-01-04 00:15:00,BTCUSDT,1,1,1,1,1,1",
        midnight,
    ]
    (tmp_path / f"BTCUSDT-metrics-{day}.zip").write_bytes(packed(*lines))

    done = collect(workspace, path=tmp_path, kind="metrics", end=date(2024, 1, 31))

    assert done.members[0].rejected == {"another symbol": 6, "outside its file": 6, "not a number of 0 or more": 2}
    rows = stored(workspace, "metrics").filter(pl.col("event_time") < datetime(2024, 1, 6, tzinfo=UTC))
    assert rows.select("metric", "value").rows() == [
        ("long_short_ratio_top_accounts", 1.1),
        ("long_short_ratio_top_positions", 1.2),
        ("open_interest", 100.0),
    ]


def test_a_trade_has_the_side_of_the_one_who_did_not_wait(workspace: Workspace, tmp_path: Path) -> None:
    lines = [
        TRADES_HEADER,
        f"26129,0.01,4.7,27781,27781,{JANUARY + 7},true",
        f"26130,0.02,4.8,27782,27783,{JANUARY + 8},False",
        f"26131,0,4.8,27782,27783,{JANUARY + 8},false",
        f"26132,0.1,-1,27782,27783,{JANUARY + 8},false",
        f"26133,0.1,1,27782,27783,{JANUARY + 8},perhaps",
        f"x,0.1,1,27782,27783,{JANUARY + 8},true",
    ]
    (tmp_path / "BTCUSDT-aggTrades-2024-01-01.zip").write_bytes(packed(*lines))

    done = collect(workspace, path=tmp_path, kind="trades", end=date(2024, 1, 1))

    assert done.members[0].rejected == {
        "no positive price": 1, "no positive size": 1, "no side": 1, "no trade number": 1,
    }  # fmt: skip
    rows = stored(workspace, "trades", window=Window.of_dates(date(2024, 1, 1), date(2024, 1, 1)))
    assert rows.select("trade_id", "price", "size", "side").rows() == [
        ("26129", 0.01, 4.7, "sell"),
        ("26130", 0.02, 4.8, "buy"),
    ]
    assert rows["known_time"].dt.epoch("ms").to_list() == [JANUARY + 7, JANUARY + 8]


def hostile_files() -> dict[str, bytes]:
    fine = month_of_bars(2024, 1)
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as archive:
        archive.writestr("a.csv", bar(JANUARY))
        archive.writestr("b.csv", bar(JANUARY))
    endless = io.BytesIO()
    with zipfile.ZipFile(endless, "w") as archive:
        archive.writestr("rows.csv", "0" * 3_000_000)
    encrypted = bytearray(packed(BARS_HEADER))
    encrypted[6] |= 1
    encrypted[encrypted.index(b"PK\x01\x02") + 8] |= 1
    damaged = bytearray(fine)
    damaged[200] ^= 0xFF
    lzma_damaged = bytearray(packed(bar(JANUARY), method=zipfile.ZIP_LZMA))
    lzma_damaged[34 + len("rows.csv")] = 0xFF
    return {
        "a damaged stream of LZMA": bytes(lzma_damaged),
        "a line without end": endless.getvalue(),
        "a name that is no text": packed(bar(JANUARY), name="é.csv").replace("é".encode(), b"\xff\xff"),
        "a bomb": packed("0" * 3_000_000),
        "a path": packed(bar(JANUARY), name="../../rows.csv"),
        "an absolute path": packed(bar(JANUARY), name="/etc/rows.csv"),
        "a path of Windows": packed(bar(JANUARY), name="C:\\rows.csv"),
        "another kind": packed(bar(JANUARY), name="rows.exe"),
        "two files": held.getvalue(),
        "encrypted": bytes(encrypted),
        "damaged": bytes(damaged),
        "cut": fine[: len(fine) // 2],
        "no zip": b"open_time,open\n",
        "nothing": b"",
        "another table": packed(FUNDING_HEADER, f"{JANUARY},8,0.1"),
        "wide rows": packed(bar(JANUARY), bar(JANUARY + HOUR_MS) + ",1,2,3"),
        "a header of nothing": packed("open_time,,,", bar(JANUARY)),
    }


@pytest.mark.parametrize("what", hostile_files())
def test_a_damaged_or_hostile_file_is_refused_with_its_name(workspace: Workspace, tmp_path: Path, what: str) -> None:
    (tmp_path / "BTCUSDT-1h-2024-01.zip").write_bytes(hostile_files()[what])
    (tmp_path / "ETHUSDT-1h-2024-01.zip").write_bytes(month_of_bars(2024, 1))

    done = collect(workspace, path=tmp_path, symbols=["BTCUSDT", "ETHUSDT"], end=date(2024, 1, 31))

    broken, fine = done.members
    assert broken.status is SourceStatus.FAILURE
    assert "BTCUSDT-1h-2024-01.zip" in str(broken.error)
    assert (broken.rows, fine.rows) == (0, 31 * 24)
    assert not list(tmp_path.parent.rglob("rows.csv"))


@given(position=st.integers(0, 10_000), flip=st.integers(1, 255))
def test_a_flipped_byte_is_read_as_before_or_refused(
    tmp_path_factory: pytest.TempPathFactory, position: int, flip: int
) -> None:
    names = tuple(BARS_HEADER.split(","))
    content = bytearray(packed(*(bar(JANUARY + hour * HOUR_MS) for hour in range(24))))
    content[position % len(content)] ^= flip
    file = tmp_path_factory.mktemp("flipped") / "BTCUSDT-1h-2024-01-01.zip"
    file.write_bytes(content)

    try:
        found = sum(frame.height for _, frame in read_packed(file, names, largest=2**20))
    except DataError as error:
        found = 24 if file.name in error.found else -1

    assert found == 24


def test_blocks_end_where_lines_do(tmp_path: Path) -> None:
    file = tmp_path / "rows.zip"
    lines = [bar(JANUARY + hour * HOUR_MS) for hour in range(50)]
    file.write_bytes(packed(BARS_HEADER, *lines))

    blocks = list(read_packed(file, tuple(BARS_HEADER.split(",")), largest=2**20, block=500))

    assert len(blocks) > 3
    assert [before for before, _ in blocks] == [sum(f.height for _, f in blocks[:i]) for i in range(len(blocks))]
    assert pl.concat([frame for _, frame in blocks])["open_time"].to_list() == [line.split(",")[0] for line in lines]


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"symbols": []}, "symbols such as"),
        ({"symbols": ["../BTC"]}, "symbols such as"),
        ({"symbols": ["BTCUSDT=a/b"]}, "symbols such as"),
        ({"symbols": ["BTCUSDT=BTC", "BTCUSDC=BTC"]}, "each symbol once"),
        ({"market": "spot", "kind": "funding"}, "which is what spot has"),
        ({"interval": "7m"}, "one of 1s"),
        ({"end": date(2023, 12, 31)}, "not before start"),
        ({"base_url": "http://127.0.0.1", "path": "."}, "either path or base_url"),
    ],
)
def test_settings_that_name_nothing_are_refused(fields: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        connector(**fields)


def test_a_folder_that_is_not_there_is_refused_before_anything_is_done(workspace: Workspace, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no folder"):
        collect(workspace, path=tmp_path / "nowhere")
    with (
        frozen_clock(instant_of(datetime(2024, 1, 1, 12, tzinfo=UTC))),
        pytest.raises(DataError, match="no day is over"),
    ):
        collect(workspace, path=tmp_path)


def test_what_is_downloaded_is_gone_afterwards(
    workspace: Workspace, source: ScriptedSource, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()

    collect(workspace, base_url=source.url, end=date(2024, 1, 31))

    assert list((tmp_path / "temporary").iterdir()) == []


def test_a_month_is_asked_for_only_once_it_is_final(workspace: Workspace, source: ScriptedSource) -> None:
    for days, requests in ((2, 2), (12, 2), (12, 0)):
        source.seen.clear()
        with frozen_clock(parse_instant("2024-02-01") + days * DAY):
            collect(workspace, base_url=source.url, end=date(2024, 1, 31))
        assert len(source.seen) == requests
