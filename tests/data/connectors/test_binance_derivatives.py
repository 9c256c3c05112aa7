"""Binance's derivatives metrics, asked of a script of its documents; see ``binance_script`` for their addresses."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from binance_script import PRESENT, Binance
from hypothesis import given
from hypothesis import strategies as st

from tidegate.core.clock import frozen_clock, now
from tidegate.core.errors import DataError, InputError, SourceGarbledError
from tidegate.core.time import HOUR, Instant, parse_instant
from tidegate.core.workspace import Workspace
from tidegate.data import Catalog
from tidegate.data.connectors import Collected, RetryPolicy, SourceStatus, Task, collect_from, make_connector
from tidegate.data.connectors.binance_derivatives import ENDPOINTS
from tidegate.data.connectors.metric_rows import sorted_metrics
from tidegate.data.metrics import DERIVATIVES
from tidegate.testing import Fault, Reply, ScriptedSource, SeenRequest, check_connector

DATASET = "crypto-derivatives"
AT_ONCE = RetryPolicy(attempts=2, first_wait_seconds=0.0, longest_wait_seconds=0.0, pause_seconds=0.0)
QUICK = {"pause_seconds": 0.0, "timeout_seconds": 2.0}


@pytest.fixture(autouse=True)
def at_present() -> Iterator[None]:
    with frozen_clock(PRESENT):
        yield


def collect(workspace: Workspace, script: Callable[[SeenRequest], Reply], **settings: Any) -> Collected:
    with ScriptedSource(script) as source:
        return collect_from(workspace, connector(source, **settings), policy=AT_ONCE)


def connector(source: ScriptedSource, **settings: Any) -> Any:
    given = {"symbols": ["BTCUSDT=BTC"], "interval": "1h", "start": "2024-03-31", **QUICK, **settings}
    return make_connector("binance-derivatives", {**given, "base_url": source.url})


def metrics(workspace: Workspace) -> pl.DataFrame:
    return Catalog(workspace).revisions("metrics", dataset=DATASET, as_of=now()).collect()


def test_the_contract_is_kept(tmp_path: Path) -> None:
    folders = count()
    check_connector(
        lambda source: connector(
            source,
            symbols=["BTCUSDT=BTC", "ETHUSDT=ETH"],
            start="2024-03-30",
            page_limit=15,
            metrics=["taker_buy_sell_ratio", "long_short_ratio_global_accounts"],
        ),
        Binance(),
        lambda: Workspace.create(tmp_path / str(next(folders))),
        at=PRESENT,
    )


def test_every_metric_is_known_at_the_end_of_its_bucket(workspace: Workspace) -> None:
    """The documents do not say which end a time names, so the later one counts: nothing is known too early."""
    collect(workspace, Binance())
    rows = metrics(workspace)

    fields = {metric for endpoint in ENDPOINTS.values() for metric in endpoint.fields}
    assert set(rows["metric"]) == fields - {"annualized_basis_rate"}
    first = rows.filter(pl.col("metric") == "open_interest").sort("event_time").row(0, named=True)
    start = parse_instant("2024-03-31")
    assert first["event_time"] == datetime(2024, 3, 31, 1, tzinfo=UTC) == first["known_time"]
    assert first["value"] == pytest.approx(Binance().number("BTCUSDTopenInterestHist", start) / 100)
    assert (first["unit"], first["source"], first["symbol"]) == ("coins", "binance", "BTC")


def test_a_stamp_at_the_end_moves_nothing(workspace: Workspace) -> None:
    collect(workspace, Binance(), stamp="end")

    assert metrics(workspace)["event_time"].min() == datetime(2024, 3, 31, tzinfo=UTC)


def test_the_annualized_basis_of_a_perpetual_stays_missing(workspace: Workspace) -> None:
    """D-14, D-15: the venue leaves it empty; basis x 365 would be an invention, and 0 a value."""
    done = collect(workspace, Binance())
    rows = metrics(workspace)

    assert "basis_rate" in set(rows["metric"])
    assert "annualized_basis_rate" in DERIVATIVES
    assert "annualized_basis_rate" not in set(rows["metric"])
    assert done.members[0].rejected == {}


def test_a_hole_stays_a_hole_at_both_ends(workspace: Workspace) -> None:
    """D-14: the hours before the first value, and a hole within, receive neither the value before nor the one after."""
    start = parse_instant("2024-03-31")
    script = Binance(missing=tuple(start + hour * HOUR for hour in (0, 1, 5)))

    assert collect(workspace, script).complete

    hours = metrics(workspace).filter(pl.col("metric") == "taker_buy_sell_ratio")["event_time"].dt.hour().sort()
    assert hours.to_list() == [3, 4, 5, 7, 8, 9, 10, 11, 12]


def test_open_interest_is_never_called_a_flow(workspace: Workspace) -> None:
    """D-13: a change of open interest is no on-chain inflow, and nothing is made up from bars."""
    collect(workspace, Binance())

    assert not {"net_inflow", "netflow", "exchange_netflow"} & set(metrics(workspace)["metric"])


def test_what_the_venue_has_forgotten_is_not_asked_for_and_said(workspace: Workspace) -> None:
    with ScriptedSource(Binance()) as source:
        done = collect_from(workspace, connector(source, start="2024-01-01"), policy=AT_ONCE)
        oldest = min(int(request.query["startTime"]) * 1000 for request in source.seen)

    assert done.complete
    assert PRESENT - oldest <= 30 * 24 * HOUR
    [warning] = done.warnings
    assert "from 2024-01-01" in warning
    assert "keeps 30 days" in warning
    assert "60.5 days before 2024-03-01T12:18:00Z are cut off" in warning


def test_a_window_that_is_forgotten_altogether_is_refused() -> None:
    made = make_connector("binance-derivatives", {"symbols": ["BTCUSDT"], "start": "2023-01-01", "end": "2023-02-01"})

    with pytest.raises(InputError, match="last 30 days"):
        made.tasks()


def test_pages_are_as_small_as_the_venue_likes(workspace: Workspace) -> None:
    with ScriptedSource(Binance(largest_page=3)) as source:
        done = collect_from(workspace, connector(source, page_limit=500), policy=AT_ONCE)
        limits = {request.query["limit"] for request in source.seen}

    assert done.complete
    assert limits == {"500"}
    assert metrics(workspace).filter(pl.col("metric") == "basis_rate").height == 12


def test_the_bucket_in_progress_is_not_stored_and_asked_for_again(workspace: Workspace) -> None:
    """A venue that publishes early, or whose clock is ahead, tells nothing that anybody could know."""
    ahead = Binance(until=Instant(PRESENT + 3 * HOUR))

    done = collect(workspace, ahead)

    assert metrics(workspace)["known_time"].max() == datetime(2024, 3, 31, 12, tzinfo=UTC)
    assert done.members[0].not_yet_known > 0
    with frozen_clock(Instant(PRESENT + HOUR)):
        collect(workspace, ahead)
        assert metrics(workspace)["known_time"].max() == datetime(2024, 3, 31, 13, tzinfo=UTC)


def test_a_clock_of_ours_that_is_ahead_takes_no_running_bucket_for_a_finished_one(workspace: Workspace) -> None:
    """Clock skew: by the venue's own date the last hour is not over."""

    def dated(request: SeenRequest) -> Reply:
        return Reply(Binance()(request).body, 200, {"Date": "Sun, 31 Mar 2024 11:59:30 GMT"})

    collect(workspace, dated)

    assert metrics(workspace)["known_time"].max() == datetime(2024, 3, 31, 11, tzinfo=UTC)


def test_a_page_of_another_symbol_or_time_is_garbled() -> None:
    task = Task(
        member="BTC", what="open-interest of BTCUSDT: open_interest", start=parse_instant("2024-03-31"), end=PRESENT
    )
    for wrong in ({"symbol": "ETHUSDT"}, {"timestamp": 1583127900000}, {"timestamp": "soon"}):
        row = {"symbol": "BTCUSDT", "sumOpenInterest": "1", "timestamp": 1711846800000, **wrong}
        with ScriptedSource(lambda _, row=row: Reply([row])) as source, pytest.raises(SourceGarbledError):  # type: ignore[misc]
            list(connector(source).fetch(task, lambda request: request()))


def test_one_unknown_symbol_does_not_stop_the_others(workspace: Workspace) -> None:
    done = collect(workspace, Binance(symbols=("BTCUSDT",)), symbols=["NOSUCH=NO", "BTCUSDT=BTC"])

    status = {report.member: report.status for report in done.members}
    assert status == {"NO": SourceStatus.FAILURE, "BTC": SourceStatus.SUCCESS}
    assert "Invalid symbol" in (done.failed[0].error or "")
    assert not done.complete


def test_a_limit_that_does_not_end_is_reported_as_such(workspace: Workspace) -> None:
    with ScriptedSource(Binance()) as source:
        source.next_fault(*[Fault.limited(0.0, status=status) for status in (429, 418)] * len(ENDPOINTS))
        done = collect_from(workspace, connector(source), policy=AT_ONCE)

    assert done.members[0].status is SourceStatus.RATE_LIMITED


def test_values_that_are_none_are_rejected_with_a_reason(workspace: Workspace) -> None:
    odd = {1: "much", 2: "inf", 3: "-4", 4: None}

    def answer(request: SeenRequest) -> Reply:
        reply = Binance()(request)
        if request.path.endswith("openInterestHist"):
            for place, value in odd.items():
                reply.body[place]["sumOpenInterest"] = value
            reply.body.append({**reply.body[5], "sumOpenInterest": "77"})
        return reply

    done = collect(workspace, answer)

    assert done.members[0].rejected == {
        "not a number": 1, "not a finite number": 1, "negative": 1, "duplicates that disagree": 2,
    }  # fmt: skip
    assert metrics(workspace).filter(pl.col("metric") == "open_interest").height == 12 - 4 - 1
    assert metrics(workspace).filter(pl.col("metric") == "open_interest_value").height == 12


@pytest.mark.parametrize(
    ("settings", "found"),
    [
        ({}, "neither symbols nor a path"),
        ({"symbols": ["BTCUSDT"], "path": "x.csv"}, "symbols and a path"),
        ({"symbols": ["BTCUSDT=A", "ETHUSDT=A"]}, "symbols"),
        ({"symbols": ["BTCUSDT"], "page_limit": 501}, "page_limit"),
    ],
)
def test_settings_that_make_no_sense_are_refused(settings: dict[str, Any], found: str) -> None:
    with pytest.raises(InputError, match=found):
        make_connector("binance-derivatives", settings)


@pytest.mark.parametrize(
    ("settings", "found"),
    [({"interval": "7m"}, "buckets of 7m"), ({"metrics": ["net_inflow"]}, "metric 'net_inflow'")],
)
def test_what_the_venue_does_not_have_is_refused(settings: dict[str, Any], found: str) -> None:
    with pytest.raises(InputError, match=found):
        make_connector("binance-derivatives", {"symbols": ["BTCUSDT"], **settings}).tasks()


def test_only_the_metrics_that_are_wanted_are_asked_for(workspace: Workspace) -> None:
    with ScriptedSource(Binance()) as source:
        collect_from(workspace, connector(source, metrics=["open_interest"]), policy=AT_ONCE)
        assert {request.path for request in source.seen} == {"/futures/data/openInterestHist"}

    assert set(metrics(workspace)["metric"]) == {"open_interest"}


def test_more_metrics_or_another_symbol_are_asked_for_although_a_stretch_is_finished(workspace: Workspace) -> None:
    """What a run remembers is all that it asked for: metrics and the exchange's symbol too."""
    script = Binance(since=parse_instant("2024-03-20"))
    stretch = {"start": "2024-03-26", "end": "2024-03-27"}
    first = collect(workspace, script, metrics=["taker_buy_sell_ratio"], **stretch)
    takers = ["taker_buy_sell_ratio", "taker_buy_volume", "taker_sell_volume"]
    more = collect(workspace, script, metrics=takers, **stretch)
    again = collect(workspace, script, metrics=takers[::-1], **stretch)

    assert (first.appended, more.appended, again.members[0].remembered) == (48, 96, 1)
    assert set(metrics(workspace)["metric"]) == set(takers)
    other = collect(workspace, script, symbols=["ETHUSDT=BTC"], metrics=["taker_buy_sell_ratio"], **stretch)
    assert other.members[0].status is SourceStatus.FAILURE
    assert "differ from stored ones" in (other.members[0].error or "")


@given(st.lists(st.tuples(st.integers(0, 5), st.sampled_from(["1", "2", "", "x", "nan"])), max_size=12))
def test_every_observation_is_kept_once_rejected_or_missing(rows: list[tuple[int, str]]) -> None:
    texts = {"event_time": [at for at, _ in rows], "text": [text for _, text in rows]}
    frame = pl.DataFrame(texts, schema={"event_time": pl.Int64, "text": pl.String})
    good, rejected = sorted_metrics(
        frame.with_columns(pl.lit("BTC").alias("symbol"), pl.lit("open_interest").alias("metric"))
    )

    assert not good["event_time"].is_duplicated().any()
    kept = dict(good.select("event_time", "value").iter_rows())
    assert all(
        (at, float(value)) in {(at, float(text)) for at, text in rows if text in {"1", "2"}}
        for at, value in kept.items()
    )
    given_texts = [text for _, text in rows if text]
    repeated = sum(at in kept for at, text in rows if text in {"1", "2"}) - len(kept)
    assert len(kept) + repeated + rejected.height == len(given_texts)


def test_files_say_by_their_columns_what_they_hold(workspace: Workspace, tmp_path: Path) -> None:
    folder = tmp_path / "files"
    folder.mkdir()
    (folder / "ratio.csv").write_text("ts,ratio\n2024-03-01T00:00:00Z,1.5\n2024-03-01T01:00:00Z,\nsoon,2\n")
    (folder / "oi.csv").write_text("symbol,ts,oi,oi_value\nETH,1709251200000,10,30000\n")
    (folder / "takers.csv").write_text("ts,sellVol,buyVol\n2024-03-01T00:00:00Z,0,4\n2024-03-01T01:00:00Z,2,3\n")
    made = make_connector("binance-derivatives", {"path": str(folder), "symbol": "SOL", "interval": "1h"})

    done = collect_from(workspace, made)

    assert {report.member: report.rejected for report in done.members} == {
        "oi.csv": {}, "ratio.csv": {"no usable time": 1}, "takers.csv": {},
    }  # fmt: skip
    rows = metrics(workspace).sort("symbol", "metric", "event_time")
    assert rows.select("symbol", "metric", "value", "unit").rows() == [
        ("ETH", "open_interest", 10.0, "coins"),
        ("ETH", "open_interest_value", 30000.0, "USD"),
        ("SOL", "long_short_ratio_global_accounts", 1.5, "ratio"),
        ("SOL", "taker_buy_sell_ratio", 1.5, "ratio"),
        ("SOL", "taker_buy_volume", 4.0, "coins"),
        ("SOL", "taker_buy_volume", 3.0, "coins"),
        ("SOL", "taker_sell_volume", 0.0, "coins"),
        ("SOL", "taker_sell_volume", 2.0, "coins"),
    ]


@pytest.mark.parametrize(
    ("content", "settings", "found"),
    [
        ("ts,ratio\n2024-03-01T00:00:00Z,1\n", {}, "no symbol"),
        ("ts,price\n2024-03-01T00:00:00Z,1\n", {"symbol": "SOL"}, "columns ts, price"),
        ("when,ratio\n2024-03-01T00:00:00Z,1\n", {"symbol": "SOL"}, "no time"),
        ("ts,ratio\n2024-03-01 00:00:00,1\n", {"symbol": "SOL"}, "no usable time"),
        ("", {"symbol": "SOL"}, "an empty file"),
        ("ts,ratio\n", {"symbol": "SOL"}, "no values of a metric"),
        ("ts,ratio\n2024-03-01T00:00:00Z,1\n", {"symbol": "SOL", "ratio": "sentiment"}, "metric 'sentiment'"),
    ],
)
def test_a_file_that_cannot_be_used_says_why(
    content: str, settings: dict[str, Any], found: str, workspace: Workspace, tmp_path: Path
) -> None:
    file = tmp_path / "file.csv"
    file.write_text(content)
    made: Any = make_connector("binance-derivatives", {"path": str(file), **settings})

    with pytest.raises(DataError, match=found):
        [batch for task in made.tasks() for batch in made.fetch(task, lambda request: request())]


def test_the_sample_of_an_exchange_is_ingested_by_its_preset(real_data: Path, workspace: Workspace) -> None:
    settings = {"path": str(real_data / "crypto_derivatives_sol_2026"), "preset": "okx-statistics", "symbol": "SOL"}
    with frozen_clock(parse_instant("2026-07-01")):
        done = collect_from(workspace, make_connector("binance-derivatives", settings))
        rows = metrics(workspace)
        funding = Catalog(workspace).read("funding", dataset=DATASET, as_of=now()).collect()

    assert done.complete
    counted = dict(rows.group_by("metric").len().iter_rows())
    # Column oi equals oi_value throughout: it is in USD and does not pass for coins.
    assert done.warnings == (
        "open_interest.parquet: open interest repeats its value in currency and is no amount of coins",
    )
    assert counted == dict.fromkeys(
        ("long_short_ratio_global_accounts", "open_interest_value", "taker_buy_sell_ratio", "taker_buy_volume",
         "taker_sell_volume"), 625)  # fmt: skip
    assert rows["event_time"].min() == datetime(2026, 5, 31, 16, tzinfo=UTC)
    assert set(rows.filter(pl.col("metric").str.ends_with("volume"))["unit"]) == {"USD"}
    assert (funding.height, funding["period_hours"].drop_nulls().unique().to_list()) == (78, [8.0])


def test_a_file_s_buckets_are_as_long_as_its_rows_are_apart(workspace: Workspace, tmp_path: Path) -> None:
    """An assumed size that is too small would have made values known before their bucket ended."""
    path = tmp_path / "ratio.csv"
    path.write_text("ts,ratio\n1704067200000,1.5\n1704070800000,1.6\n")
    collect_from(workspace, make_connector("binance-derivatives", {"path": path, "symbol": "SOL"}))
    rows = Catalog(workspace).read("metrics", dataset="crypto-derivatives", as_of=now()).collect()
    assert rows["known_time"].dt.hour().to_list() == [1, 2]
    path.write_text("ts,ratio\n1704067200000,1.5\n")
    done = collect_from(workspace, make_connector("binance-derivatives", {"path": path, "symbol": "ETH"}))
    assert "do not tell how long their buckets are" in str(done.failed[0].error)
