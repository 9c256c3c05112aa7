"""The three hundred most traded A-shares, month by month, against a plain reckoning of the same rules."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from tidegate.core.clock import cpu_seconds
from tidegate.core.time import BarInterval, Instant, parse_instant
from tidegate.core.workspace import Workspace
from tidegate.data import PRESETS, Catalog, OhlcvSettings, ingest_ohlcv, trading_calendar
from tidegate.data.universe import UniverseRules, build_universe, membership, resolve_universe

TOP, RETAIN, LOOKBACK, HISTORY = 300, 50, 20, 60
RULES = UniverseRules.model_validate(
    {"name": "a-share-300", "dataset": "a-share", "top_n": TOP, "retain": RETAIN, "rebalance": "monthly"}
)
LONGEST_CPU_SECONDS = 10.0
"""Far above what it takes (about one second), and far below what a slip to another order of growth would take."""


@pytest.fixture(scope="module")
def filled(real_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Catalog:
    workspace = Workspace.create(tmp_path_factory.mktemp("a-share") / "work")
    ingest_ohlcv(
        workspace, str(real_data / "ashare_daily.parquet"), OhlcvSettings.model_validate(PRESETS["tushare-daily"])
    )
    return Catalog(workspace)


def reckoned(file: Path) -> dict[Instant, list[str]]:
    """Return members by decision, read from the file itself, one plain step after the other."""
    closes = trading_calendar("XSHG").expected(
        BarInterval("1d"), parse_instant("2023-01-03"), parse_instant("2024-07-02")
    )
    dates = [instant_date(close) for close in closes.tolist()]
    amounts = pl.read_parquet(file, columns=["ts_code", "trade_date", "amount"])
    by_day = {
        day[0]: dict(zip(part["ts_code"], part["amount"], strict=True))
        for day, part in amounts.with_columns(
            pl.col("trade_date").cast(pl.String).str.replace_all("-", "").str.slice(0, 8)
        ).group_by("trade_date")
    }
    known: dict[str, int] = {}
    members: list[str] = []
    found: dict[Instant, list[str]] = {}
    for place, close in enumerate(closes[:-1].tolist()):
        for symbol in by_day.get(dates[place], {}):
            known[symbol] = known.get(symbol, 0) + 1
        if dates[place][:6] == dates[place + 1][:6]:
            continue
        total: dict[str, float] = {}
        for day in dates[max(place - LOOKBACK + 1, 0) : place + 1]:
            for symbol, amount in by_day.get(day, {}).items():
                total[symbol] = total.get(symbol, 0.0) + amount
        ranked = sorted((s for s in total if known[s] >= HISTORY and total[s] > 0), key=lambda s: (-total[s], s))
        band = set(ranked[: TOP + RETAIN])
        stay = [symbol for symbol in ranked if symbol in members and symbol in band][:TOP]
        rest = [symbol for symbol in ranked if symbol not in stay][: TOP - len(stay)]
        members = sorted([*stay, *rest])
        if members:
            found[Instant(close)] = members
    return found


def instant_date(instant: int) -> str:
    return np.datetime64(instant, "us").astype("datetime64[D]").item().strftime("%Y%m%d")


def test_the_three_hundred_most_traded_of_each_month(filled: Catalog, real_data: Path) -> None:
    begun = cpu_seconds()
    built = build_universe(filled, RULES)
    taken = cpu_seconds() - begun

    expected = reckoned(real_data / "ashare_daily.parquet")
    assert {one.at: list(one.members) for one in built.snapshots} == expected
    assert len(expected) == 15
    assert all(len(members) == TOP for members in expected.values())
    assert taken < LONGEST_CPU_SECONDS

    again = build_universe(filled, RULES)
    assert (again.appended.appended, again.appended.version) == (0, built.appended.version)

    times = np.array(list(expected), dtype=np.int64)
    symbols = filled.symbols("a-share")
    member = membership(filled, RULES.name, times, symbols)
    assert [[symbols[place] for place in np.flatnonzero(row)] for row in member] == list(expected.values())
    at = parse_instant("2024-03-01")
    assert resolve_universe(filled, RULES.name, at).as_of == max(time for time in expected if time <= at)
