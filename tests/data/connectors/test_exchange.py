"""Any exchange through ccxt, asked of a script of Binance's documents; see ``binance_script`` for their addresses."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from binance_script import PRESENT, Binance

from tidegate.core.clock import frozen_clock, now
from tidegate.core.errors import (
    DataError,
    InputError,
    SourceDownError,
    SourceError,
    SourceGarbledError,
    SourceLimitedError,
    SourceRefusedError,
)
from tidegate.core.time import DAY, HOUR, BarInterval, Instant, parse_instant
from tidegate.core.workspace import Workspace
from tidegate.data import Catalog
from tidegate.data.connectors import Collected, RetryPolicy, SourceStatus, collect_from, make_connector
from tidegate.data.connectors.exchange_client import open_venue
from tidegate.testing import Fault, Reply, ScriptedSource, SeenRequest, check_connector

DATASET = "binanceusdm-perpetual"
AT_ONCE = RetryPolicy(attempts=2, first_wait_seconds=0.0, longest_wait_seconds=0.0, pause_seconds=0.0)
QUICK = {"pause_seconds": 0.0, "timeout_seconds": 2.0}


@pytest.fixture(autouse=True)
def at_present() -> Iterator[None]:
    with frozen_clock(PRESENT):
        yield


def connector(asked: ScriptedSource, **settings: Any) -> Any:
    usual = {"exchange": "binanceusdm", "symbols": ["BTC/USDT:USDT=BTC"], "interval": "1h", "start": "2024-03-31"}
    return make_connector("ccxt", {**usual, **QUICK, **settings, "base_url": asked.url})


def collect(workspace: Workspace, script: Callable[[SeenRequest], Reply], **settings: Any) -> Collected:
    with ScriptedSource(script) as source:
        return collect_from(workspace, connector(source, **settings), policy=AT_ONCE)


def stored(workspace: Workspace, table: str = "bars", dataset: str = DATASET) -> pl.DataFrame:
    rows = Catalog(workspace).revisions(table, dataset=dataset, as_of=now()).collect()
    return rows.sort("symbol", "event_time")


@pytest.mark.parametrize(
    ("kind", "page_limit"), [("bars", 12), ("funding", 3), ("open_interest", 12), ("order_book", None)]
)
def test_the_contract_is_kept(kind: str, page_limit: int | None, tmp_path: Path) -> None:
    folders = count()
    settings = {"kind": kind, "page_limit": page_limit, "start": "2024-03-30"}
    check_connector(
        lambda source: connector(source, symbols=["BTC/USDT:USDT=BTC", "ETH/USDT:USDT=ETH"], **settings),
        Binance(),
        lambda: Workspace.create(tmp_path / str(next(folders))),
        at=PRESENT,
        paged=kind != "order_book",
    )


def test_a_bar_is_stamped_and_known_at_its_close(workspace: Workspace) -> None:
    """D-09: the exchange stamps a bar with its open, and its close price is known an interval later."""
    collect(workspace, Binance())
    rows = stored(workspace)

    first = rows.row(0, named=True)
    opened = parse_instant("2024-03-31")
    price = Binance().number("BTCUSDT", opened)
    assert first["event_time"] == datetime(2024, 3, 31, 1, tzinfo=UTC) == first["known_time"]
    assert (first["open"], first["high"], first["low"], first["close"], first["volume"]) == pytest.approx(
        (price, price + 2, price - 2, price + 1, 12.5), abs=0.01
    )
    assert (first["symbol"], first["calendar"], first["adjustment"], first["synthetic"]) == ("BTC", "24/7", 1.0, False)
    assert (first["interval"], first["source"], first["traded_value"]) == ("1h", "binanceusdm perpetual", None)


def test_the_bar_in_progress_is_never_stored(workspace: Workspace) -> None:
    """D-09: it is 12:03; the bar that opened at 12:00 is in the answer, and not in the catalog until it is closed."""
    script = Binance(until=Instant(PRESENT + DAY))
    done = collect(workspace, script)

    assert stored(workspace)["event_time"].max() == datetime(2024, 3, 31, 12, tzinfo=UTC)
    assert (done.members[0].rejected, done.quarantine) == ({}, None)
    with frozen_clock(Instant(PRESENT + HOUR)):
        collect(workspace, script)
        assert stored(workspace)["event_time"].max() == datetime(2024, 3, 31, 13, tzinfo=UTC)


def test_a_clock_of_ours_that_is_ahead_takes_no_running_bar_for_a_finished_one(workspace: Workspace) -> None:
    """Clock skew: by the exchange's own date the last hour is not over, and its bar would still change."""

    def dated(request: SeenRequest) -> Reply:
        return Reply(Binance()(request).body, 200, {"Date": "Sun, 31 Mar 2024 11:58:00 GMT"})

    collect(workspace, dated)

    assert stored(workspace)["event_time"].max() == datetime(2024, 3, 31, 11, tzinfo=UTC)


def test_every_page_is_fetched_however_small_the_exchange_makes_it(workspace: Workspace) -> None:
    collect(workspace, Binance(largest_page=5), start="2024-03-29")

    steps = stored(workspace)["event_time"].diff().drop_nulls()
    assert (steps.len(), steps.unique().to_list()) == (59, [timedelta(hours=1)])


def test_a_hole_of_several_pages_stays_a_hole_and_ends_nothing(workspace: Workspace) -> None:
    """An exchange that looks at one page's stretch of time answers with nothing in a hole: that is not the end."""
    start = parse_instant("2024-03-29")

    class Windowed(Binance):
        def times(self, query: dict[str, str], step: int, default: int, most: int) -> list[int]:
            last = int(query["startTime"]) * 1000 + int(query["limit"]) * step
            return [at for at in super().times(query, step, default, most) if at < last]

    missing = tuple(start + hour * HOUR for hour in range(3, 40))
    done = collect(workspace, Windowed(missing=missing), start="2024-03-29", page_limit=10)

    assert done.complete
    opened = [(moment.day, moment.hour) for moment in stored(workspace)["event_time"] - timedelta(hours=1)]
    assert opened[:5] == [(29, 0), (29, 1), (29, 2), (30, 16), (30, 17)]
    assert len(opened) == 60 - len(missing)


def test_thirty_days_are_a_task_whose_name_does_not_move_with_the_clock() -> None:
    settings = {"exchange": "binanceusdm", "symbols": ["BTC/USDT:USDT"], "start": "2024-01-01"}
    tasks = make_connector("ccxt", settings).tasks()
    with frozen_clock(Instant(PRESENT + HOUR)):
        later = make_connector("ccxt", settings).tasks()

    assert [task.key for task in tasks] == [task.key for task in later]
    assert [task.closed for task in tasks] == [True, True, True, False]
    assert all((task.end or 0) - (task.start or 0) <= 30 * DAY for task in tasks)
    assert tasks[-1].end is not None
    assert tasks[-1].end > PRESENT


def test_funding_periods_are_told_by_the_payments(workspace: Workspace) -> None:
    """The first payment of the stretch knows its period too: the one before it is asked for as well."""
    symbols = ["BTC/USDT:USDT=BTC", "ETH/USDT:USDT=ETH"]
    collect(workspace, Binance(), kind="funding", symbols=symbols, start="2024-03-30")
    rows = stored(workspace, "funding")

    periods = dict(rows.select("symbol", "period_hours").unique().iter_rows())
    assert periods == {"BTC": 8.0, "ETH": 4.0}
    # Five milliseconds late is the payment of the hour; midnight of the first day belongs to the day before.
    times = rows.filter(pl.col("symbol") == "BTC")["event_time"].to_list()
    assert times == [datetime(2024, 3, 30, tzinfo=UTC) + timedelta(hours=8 * step) for step in range(1, 5)]
    assert (rows["known_time"] == rows["event_time"]).all()


def test_the_first_payment_of_all_has_no_period(workspace: Workspace) -> None:
    collect(workspace, Binance(), kind="funding", start="2024-03-20")

    rows = stored(workspace, "funding")
    assert rows["event_time"][0] == datetime(2024, 3, 28, tzinfo=UTC)
    assert rows["period_hours"].to_list()[:3] == [None, 8.0, 8.0]


def test_open_interest_is_known_at_the_end_of_its_bucket(workspace: Workspace) -> None:
    """D-13: the level under its own name, and neither a flow nor a change."""
    collect(workspace, Binance(), kind="open_interest")
    rows = stored(workspace, "metrics")

    assert set(rows["metric"]) == {"open_interest", "open_interest_value"}
    assert rows["known_time"].min() == datetime(2024, 3, 31, 1, tzinfo=UTC)
    assert rows["known_time"].max() == datetime(2024, 3, 31, 12, tzinfo=UTC)


def test_an_order_book_is_as_it_is_now(workspace: Workspace) -> None:
    collect(workspace, Binance(), kind="order_book")

    row = stored(workspace, "order_books").row(0, named=True)
    bid = row["bid_price"]
    assert row["event_time"] == row["known_time"] == datetime(2024, 3, 31, 12, 3, tzinfo=UTC)
    assert (row["ask_price"], row["bid_size"], row["ask_size"]) == (pytest.approx(bid + 1), 431.0, 12.0)
    assert row["spread_bps"] == pytest.approx(1 / (bid + 0.5) * 1e4)
    assert row["imbalance"] == pytest.approx((431 - 12) / (431 + 12))
    assert row["synthetic"] is False


@pytest.mark.parametrize(
    ("book", "reason"),
    [
        ({"bids": [], "asks": [["2", "1"]]}, "a side of the book is empty"),
        ({"bids": [["3", "1"]], "asks": [["2", "1"]]}, "bid above ask"),
        ({"bids": [["1", "0"]], "asks": [["2", "1"]]}, "not a positive number"),
    ],
)
def test_a_book_that_is_none_is_rejected(book: dict[str, Any], reason: str, workspace: Workspace) -> None:
    def answer(request: SeenRequest) -> Reply:
        reply = Binance()(request)
        return Reply({**reply.body, **book}) if request.path.endswith("depth") else reply

    done = collect(workspace, answer, kind="order_book")

    assert done.members[0].rejected == {reason: 1}
    assert done.appended == 0


def test_bars_that_are_none_are_rejected_with_a_reason(workspace: Workspace) -> None:
    def answer(request: SeenRequest) -> Reply:
        reply = Binance()(request)
        if request.path.endswith("klines") and reply.body:
            reply.body[1][4] = None
            reply.body[2][2] = "1.0"
            reply.body[3][0] += 60_000
            reply.body[4][1] = "-5"
        return reply

    done = collect(workspace, answer)

    assert done.members[0].rejected == {
        "high below low": 1, "missing price": 1, "non-positive price": 1, "not a 1h bar of 24/7": 1,
    }  # fmt: skip
    assert done.appended == 12 - 4


def test_one_unknown_symbol_does_not_stop_the_others(workspace: Workspace) -> None:
    done = collect(workspace, Binance(), symbols=["NOSUCH/USDT:USDT=NO", "BTC/USDT:USDT=BTC"])

    status = {report.member: report.status for report in done.members}
    assert status == {"NO": SourceStatus.FAILURE, "BTC": SourceStatus.SUCCESS}
    assert "NOSUCH/USDT:USDT" in (done.failed[0].error or "")


def test_another_symbol_under_the_same_name_is_asked_for_and_contradicts(workspace: Workspace) -> None:
    """A finished stretch of one symbol says nothing about another that is to be kept under its name."""
    script = Binance(since=parse_instant("2024-02-20"))
    stretch = {"start": "2024-03-01", "end": "2024-03-02"}
    collect(workspace, script, **stretch)
    again = collect(workspace, script, **stretch)
    other = collect(workspace, script, symbols=["ETH/USDT:USDT=BTC"], **stretch)

    assert again.members[0].remembered == 1
    assert other.members[0].status is SourceStatus.FAILURE
    assert "differ from stored ones" in (other.members[0].error or "")


def test_bars_of_another_interval_stay_apart(workspace: Workspace) -> None:
    """D-35: neither interval stands in for the other; each is read by its own name."""
    collect(workspace, Binance())
    collect(workspace, Binance(), interval="4h")

    catalog = Catalog(workspace)
    assert dict(stored(workspace).group_by("interval").len().iter_rows()) == {"1h": 12, "4h": 3}
    panel = catalog.bar_panel(DATASET, interval=BarInterval("4h"), as_of=now())
    assert len(panel.times) == 3


def test_bars_of_another_source_or_market_are_refused(workspace: Workspace) -> None:
    """D-35: a data set that begins with one source is never continued by another in silence."""
    collect(workspace, Binance())

    with ScriptedSource(Binance()) as source:
        for other in (
            connector(source, exchange="okx", dataset=DATASET),
            connector(source, exchange="binance", symbols=["BTC/USDT=BTC"], dataset=DATASET),
        ):
            with pytest.raises(DataError, match="one source per data set"):
                collect_from(workspace, other, policy=AT_ONCE)
        assert not source.seen
        same = connector(source, exchange="binance", source="binanceusdm perpetual", dataset=DATASET)
        same.attach(workspace)
        assert same.tasks()


@pytest.mark.parametrize(
    ("settings", "found"),
    [
        ({"exchange": "binanse"}, "did you mean 'binance'"),
        ({"interval": "7m"}, "interval 7m"),
        ({"symbols": ["BTC/USDT", "ETH/USDT:USDT"]}, "symbols of one kind of market"),
        ({"symbols": ["BTC/USDT=A", "ETH/USDT=A"]}, "each name for one symbol"),
        ({"symbols": []}, "no symbol"),
        ({"exchange": "kraken", "kind": "open_interest", "symbols": ["BTC/USDT"]}, "kind open_interest of kraken"),
        ({"end": "2020-01-01"}, "without a start"),
        ({"base_url": "ftp://there"}, "the address"),
    ],
)
def test_what_cannot_be_fetched_is_refused_before_anything_is_asked(settings: dict[str, Any], found: str) -> None:
    usual = {"exchange": "binance", "symbols": ["BTC/USDT"]}
    with pytest.raises(InputError, match=found):
        make_connector("ccxt", {**usual, **settings}).tasks()


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (Fault.limited(7.0), SourceLimitedError),
        (Fault.limited(7.0, status=418), SourceLimitedError),
        (Fault.limited(7.0, status=403), SourceLimitedError),
        (Fault.status(403), SourceRefusedError),
        (Fault.status(401), SourceRefusedError),
        (Fault.status(404), SourceRefusedError),
        (Fault.status(451), SourceRefusedError),
        (Fault.status(408), SourceDownError),
        (Fault.status(500), SourceDownError),
        (Fault.status(503), SourceDownError),
        (Fault.hang(1.0), SourceDownError),
        (Fault.drop(), SourceDownError),
        (Fault.cut(), SourceGarbledError),
    ],
    ids=lambda part: f"{part.kind}-{part.reply.status if part.reply else ''}" if isinstance(part, Fault) else "",
)
def test_every_way_to_fail_has_one_meaning(fault: Fault, error: type[SourceError]) -> None:
    """ccxt calls most refusals an outage; what the exchange's status says counts."""
    with ScriptedSource(Binance()) as source:
        venue = open_venue("binanceusdm", base_url=source.url, timeout_seconds=0.3, pause_seconds=0.0)
        source.next_fault(fault)
        with pytest.raises(error) as caught:
            venue.ask(venue.exchange.load_markets)

    assert type(caught.value) is error
    if isinstance(caught.value, SourceLimitedError):
        assert caught.value.retry_after_seconds == 7.0


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (Reply("<html>sign in</html>"), SourceGarbledError),
        (Reply('[[1711843200000, "1", "2"'), SourceGarbledError),
        (Reply({"rows": [[1]]}), SourceGarbledError),
        (Reply("null"), SourceGarbledError),
        (Reply([[None, "1", "2", "1", "2", "3"]]), SourceGarbledError),
        (Reply([[1583127900000, "1", "2", "1", "2", "3"]]), SourceGarbledError),
        (Reply({"code": -1121, "msg": "Invalid symbol."}), SourceRefusedError),
        (Reply({"code": -1003, "msg": "Too many requests"}), SourceLimitedError),
        (Reply({"msg": "later"}, 429, {"Retry-After": "Sun, 31 Mar 2024 12:04:00 GMT"}), SourceLimitedError),
    ],
)
def test_an_answer_that_makes_no_sense_is_no_answer(reply: Reply, error: type[SourceError]) -> None:
    """The codes are those of https://developers.binance.com/docs/derivatives/usds-margined-futures/error-code."""

    def answer(request: SeenRequest) -> Reply:
        return reply if request.path.endswith("klines") else Binance()(request)

    with ScriptedSource(answer) as source:
        made = connector(source)
        fetched = made.fetch(made.tasks()[0], lambda request: request())
        with pytest.raises(error) as caught:
            list(fetched)

    if isinstance(caught.value, SourceLimitedError) and reply.headers:
        assert caught.value.retry_after_seconds == 60.0


def test_a_missing_client_library_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "ccxt", None)

    with pytest.raises(InputError) as caught:
        open_venue("binance")

    assert caught.value.hint == 'run: pip install "tidegate[exchange]"'
