"""Tushare's service in the shapes of its documents, from https://tushare.pro/document/2?doc_id=27 (daily) on.

Each table below names its own document; the envelope is that of https://tushare.pro/document/1?doc_id=130, its messages
are those that users quote in https://github.com/waditu/tushare/issues/1229 and /1844.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import date
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from tidegate.core.clock import frozen_clock, now
from tidegate.core.errors import (
    DataError,
    InputError,
    SourceDownError,
    SourceGarbledError,
    SourceLimitedError,
    SourceRefusedError,
)
from tidegate.core.time import Instant, format_instant, parse_instant
from tidegate.core.workspace import Workspace
from tidegate.data import Catalog
from tidegate.data.connectors import Collected, RetryPolicy, SourceStatus, collect_from, make_connector
from tidegate.data.connectors.courtesy import Courtesy
from tidegate.data.connectors.ohlcv import PRESETS, OhlcvSettings, ingest_ohlcv
from tidegate.data.connectors.tushare import KNOWN_TIMES, Kind, TushareConnector, TushareSettings, check_token
from tidegate.data.connectors.tushare.endpoints import ENDPOINTS
from tidegate.data.lives import SymbolLives
from tidegate.data.metrics import METRICS
from tidegate.testing import Fault, Reply, ScriptedSource, SeenRequest, check_connector

TOKEN = "0123456789abcdef" * 3 + "01234567"
QUICK = RetryPolicy(
    attempts=4, first_wait_seconds=0.0, longest_wait_seconds=0.0, pause_seconds=0.0, cooldown_seconds=0.0
)
PRESENT = parse_instant("2024-01-20T12:00:00+08:00")
DAYS = ("20240102", "20240103", "20240104", "20240105", "20240108")
CODES = ("000001.SZ", "000002.SZ", "600000.SH")

Table = list[dict[str, Any]]


def daily() -> Table:
    """https://tushare.pro/document/2?doc_id=27: newest first; a suspended share has no row."""
    return [
        {"ts_code": code, "trade_date": day, "open": 10.0 + n, "high": 11.0 + n, "low": 9.0 + n, "close": 10.5 + n,
         "pre_close": 10.0 + n, "change": 0.5, "pct_chg": 5.0, "vol": 1234.5, "amount": 6789.0}
        for n, day in reversed(list(enumerate(DAYS))) for code in CODES if (code, day) != ("000002.SZ", "20240104")
    ]  # fmt: skip


def adj_factor() -> Table:
    """https://tushare.pro/document/2?doc_id=28: suspended shares have one too."""
    return [{"ts_code": code, "trade_date": day, "adj_factor": 2.0 if day < "20240104" else 2.5}
            for day in DAYS for code in CODES]  # fmt: skip


def daily_basic() -> Table:
    """https://tushare.pro/document/2?doc_id=32: pe is empty at a loss; shares and values in units of ten thousand."""
    return [
        {"ts_code": code, "trade_date": day, "close": 10.5, "turnover_rate": 2.4584, "turnover_rate_f": 3.0,
         "volume_ratio": 0.72, "pe": None if code == "000002.SZ" else 8.6928, "pe_ttm": 8.1, "pb": 3.7203,
         "ps": 1.2, "ps_ttm": 1.3, "dv_ratio": 0.0, "dv_ttm": 2.5, "total_share": 1_940_591.8,
         "float_share": 1_940_575.0, "free_share": 800_000.0, "total_mv": 18_000_000.0, "circ_mv": 17_000_000.0}
        for day in DAYS for code in CODES
    ]  # fmt: skip


def index_daily() -> Table:
    """https://tushare.pro/document/2?doc_id=95."""
    return [
        {"ts_code": "000001.SH", "trade_date": day, "close": 2962.28, "open": 2972.78, "high": 2976.27, "low": 2962.28,
         "pre_close": 2974.93, "change": -12.65, "pct_chg": -0.43, "vol": 3_031_000.0, "amount": 345_300_000.0}
        for day in DAYS
    ]  # fmt: skip


def stock_basic() -> Table:
    """https://tushare.pro/document/2?doc_id=25: delisted names only where they are asked for."""
    return [
        {"ts_code": "000001.SZ", "name": "平安银行", "industry": "银行", "list_status": "L", "list_date": "19910403",
         "delist_date": None},
        {"ts_code": "600000.SH", "name": "浦发银行", "industry": "银行", "list_status": "L", "list_date": "19991110",
         "delist_date": None},
        {"ts_code": "000003.SZ", "name": "PT金田A(退)", "industry": None, "list_status": "D", "list_date": "19910703",
         "delist_date": "20020614"},
    ]  # fmt: skip


def namechange() -> Table:
    """https://tushare.pro/document/2?doc_id=100, with one name listed twice, with an end and without."""
    rows = [
        ("德豪润达", "20260714", None, "20260711", "撤销ST"),
        ("ST德豪", "20201102", "20260713", "20201030", "撤消*ST并实行ST"),
        ("*ST德豪", "20190430", None, "20190429", "*ST"),
        ("*ST德豪", "20190430", "20201101", "20190429", "*ST"),
        ("德豪润达", "20051201", "20190429", None, "其他"),
    ]
    names = ("name", "start_date", "end_date", "ann_date", "change_reason")
    return [{"ts_code": "002005.SZ", **dict(zip(names, row, strict=True))} for row in rows]


def stk_limit() -> Table:
    """https://tushare.pro/document/2?doc_id=183."""
    return [{"trade_date": day, "ts_code": code, "up_limit": 15.06, "down_limit": 12.32}
            for day in DAYS for code in CODES]  # fmt: skip


def suspend_d() -> Table:
    """https://tushare.pro/document/2?doc_id=214: every day of a suspension, and halts within a session."""
    return [
        {"ts_code": "000002.SZ", "trade_date": "20240103", "suspend_timing": None, "suspend_type": "S"},
        {"ts_code": "000002.SZ", "trade_date": "20240104", "suspend_timing": None, "suspend_type": "S"},
        {"ts_code": "000002.SZ", "trade_date": "20240105", "suspend_timing": None, "suspend_type": "R"},
        {"ts_code": "300819.SZ", "trade_date": "20240104", "suspend_timing": "09:30-10:00", "suspend_type": "S"},
        *({"ts_code": "600074.SH", "trade_date": day, "suspend_timing": None, "suspend_type": "S"} for day in DAYS),
    ]


def trade_cal() -> Table:
    """https://tushare.pro/document/2?doc_id=26: every day, 1 for a session."""
    return [{"exchange": "SSE", "cal_date": f"202401{day:02}", "is_open": int(f"202401{day:02}" in DAYS)}
            for day in range(1, 9)]  # fmt: skip


def index_member_all() -> Table:
    """https://tushare.pro/document/2?doc_id=335."""
    return [{"l1_name": "银行", "ts_code": "000001.SZ", "in_date": "19910403", "out_date": None, "is_new": "Y"}]


TABLES: dict[str, Callable[[], Table]] = {
    make.__name__: make
    for make in (daily, adj_factor, daily_basic, index_daily, stock_basic, namechange, stk_limit, suspend_d,
                 trade_cal, index_member_all)
}  # fmt: skip


def envelope(fields: list[str], items: list[list[Any]]) -> Reply:
    return Reply({"request_id": "a", "code": 0, "msg": "", "data": {"fields": fields, "items": items}})


def refusal(code: int, message: str) -> Reply:
    return Reply({"request_id": "a", "code": code, "msg": message, "data": None})


def asked(request: SeenRequest) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(request.body)
    return found


def answer(request: SeenRequest) -> Reply:
    """Answer as the service does: filtered, paged, in the columns asked for."""
    question = asked(request)
    if question["token"] != TOKEN:
        return refusal(40101, "您的token不对，请确认。")
    parameters, fields = question["params"], question["fields"].split(",")
    rows = [row for row in TABLES[question["api_name"]]() if fits(row, parameters)]
    page = rows[parameters["offset"] : parameters["offset"] + parameters["limit"]]
    return envelope(fields, [[row.get(field) for field in fields] for row in page])


def fits(row: dict[str, Any], parameters: dict[str, Any]) -> bool:
    day = row.get("trade_date", row.get("cal_date", ""))
    return (
        all(row[name] == parameters[name] for name in ("ts_code", "trade_date", "list_status") if name in parameters)
        and parameters.get("start_date", "") <= day <= parameters.get("end_date", "99999999")
    )  # fmt: skip


@pytest.fixture(autouse=True)
def token(monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("TUSHARE_TOKEN", TOKEN)
    return TOKEN


@pytest.fixture(autouse=True)
def present() -> Iterator[None]:
    with frozen_clock(PRESENT):
        yield


@pytest.fixture
def source() -> Iterator[ScriptedSource]:
    with ScriptedSource(answer) as opened:
        yield opened


def connector(source: ScriptedSource, *kinds: str, **settings: Any) -> TushareConnector:
    given = {"start": date(2024, 1, 1), "end": date(2024, 1, 8), "timeout_seconds": 2.0, **settings}
    return TushareConnector(TushareSettings(kinds=kinds, base_url=source.url, **given))


def collect(workspace: Workspace, made: TushareConnector, policy: RetryPolicy = QUICK) -> Collected:
    return collect_from(workspace, made, policy=policy)


def stored(workspace: Workspace, table: str, dataset: str = "a-share") -> pl.DataFrame:
    return Catalog(workspace).read(table, dataset=dataset, as_of=now()).drop("recorded_time").collect()


def moments(*texts: str) -> list[Instant]:
    return [parse_instant(text) for text in texts]


def test_daily_bars_are_raw_in_shares_and_yuan_with_the_factor_as_adjustment(
    workspace: Workspace, source: ScriptedSource
) -> None:
    done = collect(workspace, connector(source, "daily"))

    bars = stored(workspace, "bars")
    first = bars.filter(symbol="000001.SZ").row(0, named=True)
    assert done.complete
    assert bars.height == 14
    assert (first["close"], first["volume"], first["traded_value"]) == (10.5, 123_450.0, 6_789_000.0)
    assert bars.filter(symbol="000001.SZ")["adjustment"].to_list() == [2.0, 2.0, 2.5, 2.5, 2.5]
    assert format_instant(int(first["event_time"].timestamp()) * 1_000_000) == "2024-01-02T07:00:00Z"
    assert bars["known_time"].equals(bars["event_time"], check_names=False)
    assert (first["calendar"], first["source"], first["synthetic"]) == ("XSHG", "tushare", False)


def test_a_bar_without_a_factor_is_rejected_and_counted(
    workspace: Workspace, source: ScriptedSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Factors of some shares come hours late: https://github.com/waditu/tushare/issues/1720."""
    monkeypatch.setitem(TABLES, "adj_factor", lambda: [row for row in adj_factor() if row["ts_code"] != "600000.SH"])

    done = collect(workspace, connector(source, "daily"))

    assert done.members[0].rejected == {"missing adjustment": 5}
    assert stored(workspace, "bars")["symbol"].unique().sort().to_list() == ["000001.SZ", "000002.SZ"]
    assert done.quarantine is not None


def test_a_week_is_asked_session_by_session_and_once(workspace: Workspace, source: ScriptedSource) -> None:
    collect(workspace, connector(source, "daily"))
    days = [asked(request)["params"]["trade_date"] for request in source.seen]
    before = len(source.seen)

    again = collect(workspace, connector(source, "daily"))

    # The calendar owes five sessions, and each is asked for prices and for factors.
    assert (sorted(set(days)), len(days)) == (list(DAYS), 10)
    assert len(source.seen) == before
    assert (again.appended, again.members[0].remembered, again.complete) == (0, 2, True)


def test_the_running_week_is_asked_again(workspace: Workspace, source: ScriptedSource) -> None:
    with frozen_clock(parse_instant("2024-01-04T20:00:00+08:00")):
        collect(workspace, connector(source, "daily", end=None))
    seen = len(source.seen)

    collect(workspace, connector(source, "daily"))

    assert seen == 6
    assert {asked(request)["params"]["trade_date"] for request in source.seen[seen:]} >= {"20240102", "20240105"}
    assert stored(workspace, "bars").height == 14


def test_a_session_is_not_asked_before_its_rows_are_published(source: ScriptedSource) -> None:
    def weeks(kind: str, at: str) -> int:
        with frozen_clock(parse_instant(at)):
            return len(connector(source, kind, start=date(2024, 1, 2), end=None).tasks())

    assert weeks("daily", "2024-01-02T14:59:00+08:00") == 0
    assert weeks("daily", "2024-01-02T15:00:00+08:00") == 1
    assert weeks("daily_basic", "2024-01-02T16:59:00+08:00") == 0
    assert weeks("daily_basic", "2024-01-02T17:00:00+08:00") == 1
    assert weeks("stk_limit", "2024-01-02T09:00:00+08:00") == 1


def test_named_shares_are_asked_by_code_and_year(workspace: Workspace, source: ScriptedSource) -> None:
    made = connector(source, "daily", symbols=("000001.SZ", "000002.SZ"), start=date(2023, 6, 1), end=None)

    done = collect(workspace, made)

    questions = [asked(request)["params"] for request in source.seen]
    assert [task.closed for task in made.tasks()] == [True, False, True, False]
    assert {(one["ts_code"], one["start_date"]) for one in questions} == {
        (code, day) for code in ("000001.SZ", "000002.SZ") for day in ("20230601", "20240101")
    }
    assert [(report.member, report.rows) for report in done.members] == [("000001.SZ", 5), ("000002.SZ", 4)]


def test_pages_are_followed_to_their_end(workspace: Workspace, source: ScriptedSource) -> None:
    collect(workspace, connector(source, "daily", page_rows=2))

    questions = [asked(request) for request in source.seen]
    offsets = [one["params"]["offset"] for one in questions
               if one["api_name"] == "daily" and one["params"]["trade_date"] == "20240102"]  # fmt: skip
    assert offsets == [0, 2]
    assert stored(workspace, "bars").height == 14


def test_an_answer_cut_at_a_round_number_is_followed(source: ScriptedSource, monkeypatch: pytest.MonkeyPatch) -> None:
    """An account that may fetch less than the document says gets exactly its limit, and would lose the rest."""
    codes = [f"{number:06}.SZ" for number in range(1, 251)]
    monkeypatch.setitem(TABLES, "stk_limit", lambda: [
        {"ts_code": code, "trade_date": "20240102", "up_limit": 2.0, "down_limit": 1.0} for code in codes])  # fmt: skip

    def capped(request: SeenRequest) -> Reply:
        question = asked(request)
        question["params"]["limit"] = 100
        return answer(SeenRequest(method="POST", path="/", body=json.dumps(question).encode()))

    with ScriptedSource(capped) as poor:
        made = connector(poor, "stk_limit", end=date(2024, 1, 2))
        (batch,) = made.fetch(made.tasks()[0], Courtesy(QUICK))

    assert batch.rows["symbol"].n_unique() == 250


def test_valuation_is_known_at_five_and_holes_stay_holes(workspace: Workspace, source: ScriptedSource) -> None:
    """Equity G.14: a missing P/E was filled with 0."""
    collect(workspace, connector(source, "daily_basic"))

    rows = stored(workspace, "metrics")
    one = {row["metric"]: row for row in rows.filter(symbol="000001.SZ").iter_rows(named=True)}
    assert one["pe"]["value"] == 8.6928
    assert (one["total_mv"]["value"], one["total_mv"]["unit"]) == (1.8e11, "currency")
    assert (one["total_share"]["value"], one["total_share"]["unit"]) == (19_405_918_000.0, "shares")
    assert (one["turnover_rate"]["value"], one["turnover_rate"]["unit"]) == (2.4584, "percent")
    assert one["dv_ratio"]["value"] == 0.0
    assert rows.filter(symbol="000002.SZ", metric="pe").is_empty()
    assert rows["event_time"].dt.convert_time_zone("Asia/Shanghai").dt.hour().unique().to_list() == [15]
    assert rows["known_time"].dt.convert_time_zone("Asia/Shanghai").dt.hour().unique().to_list() == [17]


def test_a_zero_that_cannot_be_is_a_hole_and_said(
    workspace: Workspace, source: ScriptedSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Equity G.14: files in which somebody filled holes with 0."""
    monkeypatch.setitem(TABLES, "daily_basic", lambda: [{**row, "pe": row["pe"] or 0.0} for row in daily_basic()])

    done = collect(workspace, connector(source, "daily_basic"))

    assert stored(workspace, "metrics").filter(symbol="000002.SZ", metric="pe").is_empty()
    assert done.warnings == ("5 zeros where no zero can be, such as in pe and total_mv, taken as missing",)


def test_price_limits_are_known_before_the_session(workspace: Workspace, source: ScriptedSource) -> None:
    collect(workspace, connector(source, "stk_limit"))

    rows = stored(workspace, "metrics").filter(symbol="600000.SH")
    assert rows.filter(metric="limit_up")["value"].to_list() == [15.06] * 5
    assert rows.filter(metric="limit_down")["value"].to_list() == [12.32] * 5
    opens = rows["known_time"].dt.convert_time_zone("Asia/Shanghai")
    assert (opens.dt.hour().unique().to_list(), opens.dt.minute().unique().to_list()) == ([9], [0])


def test_an_index_is_bars_of_a_data_set_of_its_own(workspace: Workspace, source: ScriptedSource) -> None:
    """Equity G.8: the market feature asked for 000001.SH, which nobody had stored."""
    collect(workspace, connector(source, "index_daily"))

    bars = stored(workspace, "bars", "a-share-index")
    assert bars["symbol"].unique().to_list() == ["000001.SH"]
    assert bars["adjustment"].unique().to_list() == [1.0]
    assert bars["traded_value"][0] == 345_300_000_000.0
    assert collect(workspace, connector(source, "index_daily")).appended == 0


def test_delisted_companies_are_asked_for_and_die_on_time(workspace: Workspace, source: ScriptedSource) -> None:
    """Equity G.1 and G.14: the list held the survivors only."""
    collect(workspace, connector(source, "stock_basic"))

    statuses = [asked(request)["params"]["list_status"] for request in source.seen]
    lives = SymbolLives.read(Catalog(workspace), "a-share", as_of=now())
    # Clocks in Shanghai were an hour ahead in the summer of 1991.
    times = np.array(moments("1991-07-02T23:59:59+09:00", "1991-07-03T00:00:00+09:00", "2002-06-14T23:59:59+08:00",
                             "2002-06-15T00:00:01+08:00"), dtype=np.int64)  # fmt: skip
    assert sorted(set(statuses)) == ["D", "L", "P"]
    assert lives.is_listed(times, ["000003.SZ"])[:, 0].tolist() == [False, True, True, False]
    assert lives.is_listed(times, ["000001.SZ"])[:, 0].tolist() == [True] * 4


def test_names_are_known_when_they_were_announced_and_tell_special_treatment(
    workspace: Workspace, source: ScriptedSource
) -> None:
    collect(workspace, connector(source, "namechange"))

    rows = stored(workspace, "symbol_lives")
    lives = SymbolLives.read(Catalog(workspace), "a-share", as_of=now())
    times = np.array(moments("2019-04-29T15:00:00+08:00", "2019-04-30T15:00:00+08:00"), dtype=np.int64)
    ahead = rows.filter(pl.col("detail") == "*ST德豪").row(0, named=True)
    treatments = rows.filter(change="special_treatment")["detail"].to_list()
    assert lives.is_special(times, ["002005.SZ"])[:, 0].tolist() == [False, True]
    assert ahead["known_time"] <= ahead["event_time"]
    assert lives.names(times[0], ["002005.SZ"]) == ["德豪润达"]
    assert lives.names(times[1], ["002005.SZ"]) == ["*ST德豪"]
    assert treatments == ["*ST", "ST"]
    assert rows.filter(change="renamed", detail="*ST德豪").height == 1


def test_suspensions_last_until_trading_resumes(workspace: Workspace, source: ScriptedSource) -> None:
    collect(workspace, connector(source, "suspend_d"))

    lives = SymbolLives.read(Catalog(workspace), "a-share", as_of=now())
    closes = np.array(moments(*(f"2024-01-0{day}T15:00:00+08:00" for day in (2, 3, 4, 5))), dtype=np.int64)
    halt = np.array(moments(*(f"2024-01-04T{hour}:00+08:00" for hour in ("09:29", "09:30", "09:59", "10:00"))))
    assert lives.is_suspended(closes, ["000002.SZ"])[:, 0].tolist() == [False, True, True, False]
    assert lives.is_suspended(halt, ["300819.SZ"])[:, 0].tolist() == [False, True, True, False]


def test_a_suspension_of_a_whole_day_ends_with_it(
    workspace: Workspace, source: ScriptedSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A resumption is not always listed: held until then, a share would owe no bar for ever."""
    monkeypatch.setitem(TABLES, "suspend_d", lambda: [row for row in suspend_d() if row["suspend_type"] == "S"])
    collect(workspace, connector(source, "suspend_d"))

    lives = SymbolLives.read(Catalog(workspace), "a-share", as_of=now())
    closes = np.array(moments(*(f"2024-01-{day}T15:00:00+08:00" for day in ("02", "03", "04", "05", "19"))))
    assert lives.is_suspended(closes, ["000002.SZ"])[:, 0].tolist() == [False, True, True, False, False]


def test_a_delisting_that_the_list_restates_is_in_force_no_longer(
    workspace: Workspace, source: ScriptedSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    collect(workspace, connector(source, "stock_basic"))
    moved = [{**row, "delist_date": row["delist_date"] and "20030613"} for row in stock_basic()]
    monkeypatch.setitem(TABLES, "stock_basic", lambda: moved)
    restated = collect(workspace, connector(source, "stock_basic"))
    again = collect(workspace, connector(source, "stock_basic"))

    lives = SymbolLives.read(Catalog(workspace), "a-share", as_of=now())
    times = np.array(moments("2002-07-01T15:00:00+08:00", "2003-06-13T15:00:00+08:00", "2003-06-16T15:00:00+08:00"))
    assert (restated.appended, again.appended, restated.complete) == (2, 0, True)
    assert lives.is_listed(times, ["000003.SZ"])[:, 0].tolist() == [True, True, False]


@pytest.mark.parametrize("industry_source", ["stock_basic", "index_member_all"])
def test_an_industry_is_never_dated_back(
    workspace: Workspace, source: ScriptedSource, monkeypatch: pytest.MonkeyPatch, industry_source: str
) -> None:
    collect(workspace, connector(source, "industry", industry_source=industry_source))
    again = collect(workspace, connector(source, "industry", industry_source=industry_source))
    changed = {"industry": "多元金融", "l1_name": "多元金融"}
    other = [{**row, **changed} for row in TABLES[industry_source]()]
    monkeypatch.setitem(TABLES, industry_source, lambda: other)
    with frozen_clock(Instant(PRESENT + 10)):
        later = collect(workspace, connector(source, "industry", industry_source=industry_source))
        lives = SymbolLives.read(Catalog(workspace), "a-share", as_of=now())

    assert again.appended == 0
    assert later.appended >= 1
    assert lives.industries(Instant(PRESENT - 1), ["000001.SZ"]) == [None]
    assert lives.industries(PRESENT, ["000001.SZ"]) == ["银行"]
    assert lives.industries(Instant(PRESENT + 10), ["000001.SZ"]) == ["多元金融"]


def test_a_calendar_that_differs_is_warned_of_and_kept(
    workspace: Workspace, source: ScriptedSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    flipped = {"20240101": 1, "20240104": 0}
    monkeypatch.setitem(TABLES, "trade_cal", lambda: [
        {**row, "is_open": flipped.get(row["cal_date"], row["is_open"])} for row in trade_cal()])  # fmt: skip

    done = collect(workspace, connector(source, "trade_cal"))

    kept = stored(workspace, "macro")
    assert kept["value"].to_list() == [1.0, -1.0]
    assert done.warnings == (
        "2 days on which Tushare and the calendar XSHG disagree: 2024-01-01 open, 2024-01-04 closed",
    )


def test_a_calendar_that_agrees_is_silence(workspace: Workspace, source: ScriptedSource) -> None:
    done = collect(workspace, connector(source, "trade_cal"))

    assert (done.warnings, done.appended, done.complete) == ((), 0, True)


@pytest.mark.parametrize("status", [400, 403, 429, 500, 503])
def test_a_status_that_is_no_success_is_no_day_without_trades(source: ScriptedSource, status: int) -> None:
    """The client shows it as an empty table, and so do many programs that use it: a silent gap."""
    source.next_fault(Fault.status(status))
    made = connector(source, "index_daily")

    with pytest.raises(SourceDownError, match="no success"):
        list(made.fetch(made.tasks()[0], lambda request: request()))


@pytest.mark.parametrize(
    ("kinds", "settings"),
    [
        (("daily", "suspend_d", "stock_basic", "namechange"), {"page_rows": 2, "end": date(2024, 1, 3)}),
        (("daily",), {"symbols": ("000001.SZ", "600000.SH")}),
        (("index_daily",), {"page_rows": 2, "indexes": ("000001.SH", "000300.SH")}),
        (("trade_cal",), {}),
    ],
    ids=["sessions", "shares", "indexes", "calendar"],
)
def test_the_contract_of_connectors_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kinds: tuple[str, ...], settings: dict[str, Any]
) -> None:
    other = [{**row, "ts_code": code} for row in index_daily() for code in ("000001.SH", "000300.SH")]
    monkeypatch.setitem(TABLES, "index_daily", lambda: other)
    flipped = [{**row, "is_open": 1 - row["is_open"]} for row in trade_cal()]
    monkeypatch.setitem(TABLES, "trade_cal", lambda: flipped)
    numbers = count()

    check_connector(
        lambda source: connector(source, *kinds, **settings),
        answer,
        lambda: Workspace.create(tmp_path / f"work{next(numbers)}"),
        at=PRESENT,
        paged="page_rows" in settings,
    )


def test_silence_is_a_source_that_is_down(workspace: Workspace, source: ScriptedSource) -> None:
    source.next_fault(Fault.hang(0.3))
    made = connector(source, "index_daily", timeout_seconds=0.1)

    assert collect(workspace, made).members[0].retries == 1


@pytest.mark.parametrize(
    ("message", "error", "waits"),
    [
        ("抱歉，您每分钟最多访问该接口200次，权限的具体详情访问：https://tushare.pro/document/1?doc_id=108。",
         SourceLimitedError, 60.0),
        ("抱歉，您每小时最多访问该接口10次，权限的具体详情访问：https://tushare.pro/document/1?doc_id=108。",
         SourceLimitedError, 3600.0),
        ("抱歉，您每天最多访问该接口100000次", SourceLimitedError, 86_400.0),
        ("访问过快，请稍后再试", SourceLimitedError, None),
        ("抱歉，您没有接口访问权限，权限的具体详情访问：https://tushare.pro/document/1?doc_id=108。",
         SourceRefusedError, None),
        ("您的token不对，请确认。", SourceRefusedError, None),
        ("必填参数缺失", SourceRefusedError, None),
        ("系统内部错误", SourceDownError, None),
        ("查询数据失败，请确认参数！", SourceDownError, None),
    ],
    ids=["minute", "hour", "day", "hurry", "rights", "token", "parameter", "inner", "query"],
)  # fmt: skip
def test_what_the_service_says_becomes_an_error_of_that_meaning(
    message: str, error: type[Exception], waits: float | None
) -> None:
    with ScriptedSource(lambda _: refusal(40203, message)) as strict:
        made = connector(strict, "index_daily")
        with pytest.raises(error, match=message[:6]) as raised:
            list(made.fetch(made.tasks()[0], lambda request: request()))

    assert getattr(raised.value, "retry_after_seconds", None) == waits
    assert TOKEN not in str(raised.value)


def test_a_minute_is_waited_for_and_then_asked_again(source: ScriptedSource) -> None:
    limited = refusal(40203, "抱歉，您每分钟最多访问该接口200次")
    answers = iter([limited])
    waited: list[float] = []
    with ScriptedSource(lambda request: next(answers, None) or answer(request)) as busy:
        made = connector(busy, "index_daily")
        (batch,) = made.fetch(made.tasks()[0], Courtesy(QUICK, wait=waited.append))

    assert waited == [60.0]
    assert batch.rows.height == 5


def test_a_day_is_not_waited_for(workspace: Workspace) -> None:
    with ScriptedSource(lambda _: refusal(40203, "抱歉，您每天最多访问该接口5次")) as spent:
        done = collect(workspace, connector(spent, "index_daily"))

    assert done.members[0].status is SourceStatus.RATE_LIMITED
    assert len(spent.seen) == 1


def test_a_wrong_token_is_refused_for_every_member_and_never_shown(
    workspace: Workspace, source: ScriptedSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TUSHARE_TOKEN", "f" * 56)

    done = collect(workspace, connector(source, "index_daily", "namechange"))

    assert {report.status for report in done.members} == {SourceStatus.FAILURE}
    assert not done.complete
    assert all("TUSHARE_TOKEN" in (report.error or "") for report in done.members)
    assert "f" * 56 not in str(done)


def test_a_refused_interface_does_not_stop_the_others(workspace: Workspace) -> None:
    def partly(request: SeenRequest) -> Reply:
        if asked(request)["api_name"] == "daily_basic":
            return refusal(40203, "抱歉，您没有接口访问权限")
        return answer(request)

    with ScriptedSource(partly) as source:
        done = collect(workspace, connector(source, "daily_basic", "index_daily"))

    assert {report.member: report.status for report in done.members} == {
        "daily_basic": SourceStatus.FAILURE,
        "000001.SH": SourceStatus.SUCCESS,
    }


def test_a_page_that_repeats_for_ever_is_garbled(workspace: Workspace) -> None:
    def stubborn(request: SeenRequest) -> Reply:
        question = asked(request)
        question["params"]["offset"] = 0
        return answer(SeenRequest(method="POST", path="/", body=json.dumps(question).encode()))

    with ScriptedSource(stubborn) as source:
        made = connector(source, "index_daily", page_rows=2)
        with pytest.raises(SourceGarbledError, match="repeats"):
            list(made.fetch(made.tasks()[0], Courtesy(QUICK)))

    assert len(source.seen) == 1 + QUICK.attempts


@pytest.mark.parametrize(
    "reply",
    [
        Reply("<html>maintenance</html>"),
        Reply({"code": 0, "msg": "", "data": None}),
        Reply({"msg": "no code"}),
        Reply([1, 2, 3]),
        envelope(["ts_code"], [["000001.SH"]]),
        envelope(["ts_code", "trade_date", "close"], [["000001.SH", "20240102", "ten"]]),
        envelope(["ts_code", "trade_date", "close"], [["399001.SZ", "20240102", 1.0]]),
        envelope(["ts_code", "trade_date", "close"], [["000001.SH", "20180102", 1.0]]),
        envelope(["ts_code", "trade_date", "close"], [["000001.SH", "20240102"]]),
    ],
    ids=["no json", "no data", "no code", "a list", "no columns", "text", "another code", "another day", "short row"],
)
def test_nonsense_is_garbled(reply: Reply) -> None:
    with ScriptedSource(lambda _: reply) as source:
        made = connector(source, "index_daily")
        with pytest.raises(SourceGarbledError):
            list(made.fetch(made.tasks()[0], lambda request: request()))


@pytest.mark.parametrize("kind", ["daily", "daily_basic", "stk_limit"])
def test_a_session_without_rows_between_others_is_no_answer(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """A week remembered as done with an empty session in it would be a gap that nobody hears of."""
    whole = TABLES[kind]()
    monkeypatch.setitem(TABLES, kind, lambda: [row for row in whole if row["trade_date"] != "20240104"])

    with ScriptedSource(answer) as source:
        done = collect(workspace, connector(source, kind))

    assert "no rows" in (done.members[0].error or "")
    assert not done.complete


@pytest.mark.parametrize("kind", ["daily", "daily_basic", "stk_limit"])
def test_nor_is_it_one_where_it_is_the_first_that_a_later_run_asks_for(
    workspace: Workspace, source: ScriptedSource, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """A job that runs every week begins with a session of which the run itself knows no earlier one."""
    whole = TABLES[kind]()
    monkeypatch.setitem(TABLES, kind, lambda: [row for row in whole if row["trade_date"] != "20240108"])
    before = collect(workspace, connector(source, kind, end=date(2024, 1, 5)))

    week = {"start": date(2024, 1, 8), "end": date(2024, 1, 14)}
    again = [collect(workspace, connector(source, kind, **week)).members[0].error or "" for _ in range(2)]
    monkeypatch.setitem(TABLES, kind, lambda: [*whole, *({**whole[0], "trade_date": f"202401{day}"}
                                                         for day in ("09", "10", "11", "12"))])  # fmt: skip
    monkeypatch.setitem(TABLES, "adj_factor", lambda: [*adj_factor(), *(
        {"ts_code": code, "trade_date": f"202401{day}", "adj_factor": 2.5} for day in ("09", "10", "11", "12")
        for code in CODES)])  # fmt: skip
    mended = collect(workspace, connector(source, kind, **week))

    assert before.complete
    assert all("no rows" in error and "20240108" in error for error in again)
    assert (mended.complete, mended.members[0].remembered) == (True, 0)


@pytest.mark.parametrize("kind", ["daily", "daily_basic", "stk_limit"])
def test_a_first_week_that_begins_with_a_hole_is_not_remembered(
    workspace: Workspace, source: ScriptedSource, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    whole = TABLES[kind]()
    monkeypatch.setitem(TABLES, kind, lambda: [row for row in whole if row["trade_date"] != "20240102"])
    holed = [collect(workspace, connector(source, kind, end=date(2024, 1, 5))) for _ in range(2)]
    monkeypatch.setitem(TABLES, kind, lambda: whole)
    mended = collect(workspace, connector(source, kind, end=date(2024, 1, 5)))

    assert all("no rows" in (done.members[0].error or "") for done in holed)
    assert (mended.complete, mended.members[0].remembered) == (True, 0)
    table = "bars" if kind == "daily" else "metrics"
    assert stored(workspace, table)["event_time"].n_unique() == 4


def test_a_market_that_begins_within_the_time_asked_for_is_no_hole(
    workspace: Workspace, source: ScriptedSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Price limits are told of since 2007 only; whole weeks without any come before them."""
    monkeypatch.setitem(TABLES, "stk_limit", lambda: [row for row in stk_limit() if row["trade_date"] > "20240102"])

    done = collect(workspace, connector(source, "stk_limit", start=date(2023, 12, 25), end=date(2024, 1, 5)))

    assert (done.complete, done.members[0].rows) == (True, 18)


def test_rows_that_are_still_on_their_way_are_no_fault(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(TABLES, "daily", lambda: [row for row in daily() if row["trade_date"] != "20240108"])

    with ScriptedSource(answer) as source, frozen_clock(parse_instant("2024-01-08T15:01:00+08:00")):
        done = collect(workspace, connector(source, "daily"))

    assert (done.complete, done.members[0].rows) == (True, 11)


@pytest.mark.parametrize("kind", ["stock_basic", "namechange", "trade_cal", "industry"])
def test_an_empty_list_is_no_answer(kind: str) -> None:
    with ScriptedSource(lambda request: envelope(asked(request)["fields"].split(","), [])) as source:
        made = connector(source, kind)
        with pytest.raises(SourceGarbledError, match="no rows"):
            list(made.fetch(made.tasks()[0], lambda request: request()))


def test_without_a_token_nothing_is_asked(
    workspace: Workspace, source: ScriptedSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TUSHARE_TOKEN")

    with pytest.raises(InputError, match="TUSHARE_TOKEN"):
        collect(workspace, connector(source, "daily"))
    assert source.seen == []


def test_an_address_that_is_none_is_an_input_error() -> None:
    made = TushareConnector(TushareSettings(kinds=("namechange",), base_url="tushare"))

    with pytest.raises(InputError, match="base_url"):
        list(made.fetch(made.tasks()[0], lambda request: request()))


@pytest.mark.parametrize(
    ("value", "ok", "said"),
    [(TOKEN, True, "is set"), (None, False, "not set"), ("short", False, "5 characters"), (" ", False, "not set")],
)
def test_the_token_is_looked_at_without_the_network(
    monkeypatch: pytest.MonkeyPatch, value: str | None, ok: bool, said: str
) -> None:
    if value is None:
        monkeypatch.delenv("TUSHARE_TOKEN")
    else:
        monkeypatch.setenv("TUSHARE_TOKEN", value)

    found, detail = check_token()

    assert (found, said in detail) == (ok, True)
    assert TOKEN not in detail


def test_settings_that_make_no_sense_are_refused() -> None:
    with pytest.raises(InputError, match="daily_basic"):
        make_connector("tushare", {"kinds": ["weekly"]})
    with pytest.raises(InputError, match="on or after start"):
        make_connector("tushare", {"start": "2024-02-01", "end": "2024-01-01"})


def test_every_kind_says_when_its_rows_are_known_and_every_metric_is_in_the_dictionary() -> None:
    metrics = {*ENDPOINTS["daily_basic"].columns.numbers, "limit_up", "limit_down"}

    assert set(KNOWN_TIMES) == set(Kind)
    assert metrics <= set(METRICS)


def test_files_of_one_day_each_with_factors_beside_them(workspace: Workspace, tmp_path: Path) -> None:
    for day in DAYS:
        write([row for row in daily() if row["trade_date"] == day], tmp_path / "files" / "daily" / f"{day}.csv")
        write([row for row in adj_factor() if row["trade_date"] == day], tmp_path / "files" / "adj" / f"{day}.csv")
    write(stock_basic(), tmp_path / "files" / "stock_basic_cache.csv")

    settings = TushareSettings(path=tmp_path / "files", kinds=("daily", "stock_basic"))
    done = collect(workspace, TushareConnector(settings))

    assert done.complete
    assert len(done.members) == 6
    assert stored(workspace, "bars").height == 14
    assert stored(workspace, "symbol_lives").height == 4


def test_files_and_service_agree(workspace: Workspace, source: ScriptedSource, tmp_path: Path) -> None:
    everything = [kind.value for kind in Kind]
    names = {kind: TABLES[kind]() for kind in everything if kind in TABLES}
    for name, rows in {**names, "adj_factor": adj_factor()}.items():
        write(rows, tmp_path / "files" / f"{name}.csv")
    other = Workspace.create(tmp_path / "other")

    collect(workspace, connector(source, *everything))
    collect(other, TushareConnector(TushareSettings(path=tmp_path / "files", kinds=tuple(everything))))

    for table in ("bars", "metrics", "symbol_lives"):
        assert stored(workspace, table).equals(stored(other, table))
    assert stored(workspace, "bars", "a-share-index").equals(stored(other, "bars", "a-share-index"))


def test_a_folder_without_what_is_asked_for_says_so(tmp_path: Path) -> None:
    write(trade_cal(), tmp_path / "cal.csv")

    with pytest.raises(DataError, match="none with the columns of daily"):
        TushareConnector(TushareSettings(path=tmp_path)).tasks()


def test_bars_without_any_factor_are_refused(workspace: Workspace, tmp_path: Path) -> None:
    write(daily(), tmp_path / "daily.csv")

    done = collect(workspace, TushareConnector(TushareSettings(path=tmp_path)))

    assert "adj_factor" in (done.members[0].error or "")
    assert Catalog(workspace).datasets() == []


def test_a_damaged_file_is_reported_and_the_others_are_read(workspace: Workspace, tmp_path: Path) -> None:
    write(index_daily(), tmp_path / "good.csv")
    (tmp_path / "bad.parquet").write_bytes(b"PAR1 and then nothing")

    done = collect(workspace, TushareConnector(TushareSettings(path=tmp_path, kinds=("index_daily",))))

    assert {report.member: report.status for report in done.members} == {
        "bad.parquet": SourceStatus.FAILURE,
        "good.csv": SourceStatus.SUCCESS,
    }


def test_days_and_shares_of_files_are_chosen(workspace: Workspace, tmp_path: Path) -> None:
    write(stk_limit(), tmp_path / "limits.parquet")
    settings = TushareSettings(
        path=tmp_path, kinds=("stk_limit",), symbols=("000001.SZ",), start=date(2024, 1, 3), end=date(2024, 1, 4)
    )

    collect(workspace, TushareConnector(settings))

    assert stored(workspace, "metrics").height == 4


def test_the_real_file_reads_as_the_preset_of_files_does(workspace: Workspace, tmp_path: Path, real_data: Path) -> None:
    codes = ["000001.SZ", "000002.SZ", "600000.SH", "688981.SH", "833819.BJ"]
    file = real_data / "ashare_daily.parquet"
    sample = tmp_path / "sample.parquet"
    pl.scan_parquet(file).filter(pl.col("ts_code").is_in(codes)).collect().write_parquet(sample)
    other = Workspace.create(tmp_path / "other")
    with frozen_clock(parse_instant("2026-01-01")):
        ingest_ohlcv(other, sample, OhlcvSettings(**PRESETS["tushare-daily"]))
        collect(workspace, TushareConnector(TushareSettings(path=sample)))

        mine, theirs = stored(workspace, "bars"), stored(other, "bars")

    assert mine.height > 1000
    assert mine.equals(theirs)


def write(rows: Table, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    frame = pl.DataFrame(rows, infer_schema_length=None)
    if path.suffix == ".csv":
        frame.write_csv(path)
    else:
        frame.write_parquet(path)
