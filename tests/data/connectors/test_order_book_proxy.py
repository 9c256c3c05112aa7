from __future__ import annotations

import math
from datetime import date, timedelta
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.core.clock import now
from tidegate.core.errors import InputError
from tidegate.core.time import MINUTE, moment_of, parse_instant
from tidegate.core.workspace import Workspace
from tidegate.data import Catalog, Revision
from tidegate.data.connectors import Collected, collect_from, make_connector
from tidegate.data.connectors.order_book_proxy import OrderBookProxyConnector, OrderBookProxySettings, with_proxy

FIRST = parse_instant("2024-01-02")


def bars(count: int = 4, symbol: str = "BTCUSDT", **columns: Any) -> pl.DataFrame:
    closes = [moment_of(FIRST + (place + 1) * 5 * MINUTE) for place in range(count)]
    filled = {"open": 100.0, "high": 103.0, "low": 99.0, "close": 101.0, "volume": 400.0, **columns}
    return pl.DataFrame(
        {
            "dataset": "spot", "interval": "5m", "symbol": symbol, "event_time": closes, "known_time": closes,
            **filled, "traded_value": 1.0, "adjustment": 1.0, "calendar": "24/7", "source": "test", "synthetic": False,
        }
    )  # fmt: skip


def connector(**settings: Any) -> OrderBookProxyConnector:
    return OrderBookProxyConnector(OrderBookProxySettings(**{"bars_dataset": "spot", "dataset": "proxy", **settings}))


def collect(workspace: Workspace, **settings: Any) -> tuple[Collected, pl.DataFrame]:
    done = collect_from(workspace, connector(**settings))
    return done, Catalog(workspace).read("order_books", dataset="proxy", as_of=now()).collect()


def plain(opened: float, high: float, low: float, close: float, volume: float) -> dict[str, float]:
    """The formulas of an earlier system, one bar at a time."""
    spread = 1.5 + 2800 * abs(math.log(close / opened)) + 8 / max(1.0, math.log(2 + volume))
    spread = min(max(spread, 1.5), 35.0)
    lean = math.tanh(2 * (close - opened) / max(abs(high - low), 0.0005 * max(close, 1e-6)))
    lean, size = min(max(lean, -0.95), 0.95), max(1.0, volume / 20)
    return {
        "spread_bps": spread, "imbalance": lean,
        "bid_price": close * (1 - spread / 20000), "ask_price": close * (1 + spread / 20000),
        "bid_size": size * (1 + lean), "ask_size": size * (1 - lean),
    }  # fmt: skip


@given(
    opened=st.floats(1e-4, 1e5),
    moves=st.tuples(st.floats(0.9, 1.1), st.floats(1.0, 1.05), st.floats(0.95, 1.0)),
    volume=st.floats(0.0, 1e7),
)
def test_the_formulas_are_those_of_a_plain_reading(
    opened: float, moves: tuple[float, float, float], volume: float
) -> None:
    close = opened * moves[0]
    high, low = max(opened, close) * moves[1], min(opened, close) * moves[2]

    found = with_proxy(bars(1, open=opened, high=high, low=low, close=close, volume=volume)).row(0, named=True)

    for name, value in plain(opened, high, low, close, volume).items():
        assert found[name] == pytest.approx(value, rel=1e-9, abs=1e-9)
    assert found["bid_price"] < found["ask_price"]
    assert 1.5 <= found["spread_bps"] <= 35.0
    assert -0.95 <= found["imbalance"] <= 0.95


def test_every_row_says_that_it_is_made_up(workspace: Workspace) -> None:
    """D-17: rows of this kind were stored as observed, and coverage of the order book read 99.98 %."""
    Catalog(workspace).append("bars", bars())

    _, books = collect(workspace)

    assert books.height == 4
    assert books["synthetic"].all()
    assert books["source"].unique().to_list() == ["proxy"]


def test_an_order_book_is_known_when_its_bar_was(workspace: Workspace) -> None:
    late = bars().with_columns(pl.col("known_time") + timedelta(minutes=7))
    Catalog(workspace).append("bars", late)

    _, books = collect(workspace)

    assert books["event_time"].equals(late["event_time"])
    assert books["known_time"].equals(late["known_time"])


def test_a_restated_bar_gives_a_restated_book_and_the_first_one_stays(workspace: Workspace) -> None:
    catalog = Catalog(workspace)
    restated = parse_instant("2024-02-01")
    catalog.append("bars", bars())
    catalog.append("bars", bars(close=102.0), revision=Revision(known_at=restated))

    _, books = collect(workspace)
    before = catalog.read("order_books", dataset="proxy", as_of=parse_instant("2024-01-15")).collect()

    assert before["bid_price"][0] == pytest.approx(plain(100, 103, 99, 101, 400)["bid_price"])
    assert books["bid_price"][0] == pytest.approx(plain(100, 103, 99, 102, 400)["bid_price"])


def test_a_corrected_bar_counts_and_its_mistake_does_not(workspace: Workspace) -> None:
    catalog = Catalog(workspace)
    catalog.append("bars", bars())
    catalog.append("bars", bars(close=102.0), revision=Revision(correction_reason="typing error"))

    done, books = collect(workspace)

    assert done.complete
    assert books["bid_price"][0] == pytest.approx(plain(100, 103, 99, 102, 400)["bid_price"])


def test_a_bar_without_volume_gives_no_book(workspace: Workspace) -> None:
    volumes = pl.Series("volume", [1.0, None, 3.0, 4.0])
    Catalog(workspace).append("bars", bars().with_columns(volumes))

    done, books = collect(workspace)

    assert books.height == 3
    assert done.members[0].rejected == {"a bar without all prices and volume": 1}


def test_nothing_is_made_where_there_is_no_bar(workspace: Workspace) -> None:
    Catalog(workspace).append("bars", bars(2))
    Catalog(workspace).append("bars", bars(1).with_columns(pl.col("event_time", "known_time") + timedelta(days=1)))

    _, books = collect(workspace)

    assert books.height == 3


def test_symbols_days_and_interval_are_chosen(workspace: Workspace) -> None:
    catalog = Catalog(workspace)
    for symbol in ("AAA", "BBB"):
        catalog.append("bars", bars(symbol=symbol))
        catalog.append("bars", bars(symbol=symbol).with_columns(interval=pl.lit("15m")))

    one, _ = collect(workspace, symbols=("BBB",), start=date(2024, 1, 2), end=date(2024, 1, 2))
    none, _ = collect(workspace, start=date(2025, 1, 2))

    assert [(report.member, report.rows) for report in one.members] == [("BBB", 4)]
    assert [(report.member, report.rows) for report in none.members] == [("AAA", 0), ("BBB", 0)]


def test_making_them_again_appends_nothing(workspace: Workspace) -> None:
    Catalog(workspace).append("bars", bars())
    collect(workspace)

    assert collect(workspace)[0].appended == 0


def test_what_cannot_be_made_is_refused(workspace: Workspace) -> None:
    Catalog(workspace).append("bars", bars())

    with pytest.raises(InputError, match="no data set"):
        collect_from(workspace, connector(bars_dataset="nobody"))
    with pytest.raises(InputError, match="no bars of DOGE"):
        collect_from(workspace, connector(symbols=("DOGE",)))
    with pytest.raises(InputError, match="attach"):
        connector().tasks()
    with pytest.raises(InputError, match="bars_dataset"):
        make_connector("orderbook-proxy", {"dataset": "proxy"})


def test_real_bars_give_books_of_the_formula(workspace: Workspace, real_data: Any) -> None:
    few = pl.scan_parquet(real_data / "crypto_spot_5m_2025.parquet").head(2000).collect()
    sample = few.select(pl.col("open", "high", "low", "close", "volume").cast(pl.Float64))

    found = with_proxy(sample)

    for row in found.sample(50, seed=1).iter_rows(named=True):
        expected = plain(row["open"], row["high"], row["low"], row["close"], row["volume"])
        assert {name: row[name] for name in expected} == pytest.approx(expected)
