"""Dividends and splits of shares as traded: the account grows as one of total return, whatever the table lacks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from tidegate.core.clock import now
from tidegate.core.recipe import BacktestSettings
from tidegate.core.time import DAILY, DAY
from tidegate.core.units import FloatArray
from tidegate.core.workspace import Workspace
from tidegate.data import PRESETS, Catalog, OhlcvSettings, ingest_ohlcv
from tidegate.data.connectors import collect_from, make_connector
from tidegate.engine.account_actions import actions_of
from tidegate.engine.market import CorporateActions
from tidegate.engine.market_reading import MarketSources, market_of

TIMES = (np.arange(8) + 20_000) * DAY + DAY // 2


def table_of(*rows: tuple[str, int, float | None, float | None]) -> pl.DataFrame:
    """Symbol, row on whose day it happens, ratio, amount."""
    made = pl.DataFrame(rows, schema=["symbol", "row", "ratio", "amount"], orient="row")
    starts = [(int(TIMES[row]) // DAY) * DAY for row in made["row"]]
    return made.with_columns(
        pl.Series(starts).cast(pl.Datetime("us", "UTC")).alias("event_time"), pl.col("ratio", "amount").cast(pl.Float64)
    )


def column(*values: float) -> FloatArray:
    return np.array(values, dtype=np.float64)[:, np.newaxis]


def told(actions: CorporateActions) -> list[tuple[int, float, float]]:
    return [
        (row, round(ratio, 9), cash)
        for row, ratio, cash in zip(actions.row.tolist(), actions.ratio.tolist(), actions.cash.tolist(), strict=True)
    ]


def worth(actions: CorporateActions, raw: FloatArray, place: int = 0) -> FloatArray:
    """One share bought at the first bar, its dividends put into it at the close of their day."""
    first = int(np.flatnonzero(np.isfinite(raw[:, place]))[0])
    shares, values = 1.0, np.full(len(raw), np.nan)
    for row in range(first, len(raw)):
        for index in np.flatnonzero((actions.row == row) & (actions.place == place)):
            paid = shares * actions.cash[index]
            shares = shares * actions.ratio[index] + paid / raw[row, place]
        values[row] = shares * raw[row, place]
    return values / values[first]


def test_a_dividend_of_the_table_is_paid_in_cash() -> None:
    raw = column(10, 10, 10, 9.5, 9.5, 9.5, 9.5, 9.5)
    close = raw * np.where(np.arange(8) >= 3, 1.0 / (1.0 - 0.5 / 10.0), 1.0)[:, np.newaxis]

    actions = actions_of(TIMES, ("A",), close, raw, table_of(("A", 3, None, 0.5)))

    assert told(actions) == [(3, 1.0, 0.5)]


def test_without_a_table_the_adjustment_pays_in_shares() -> None:
    raw = column(10, 10, 10, 9.5, 9.5, 9.5, 9.5, 9.5)
    close = raw * np.where(np.arange(8) >= 3, 1.0 / 0.95, 1.0)[:, np.newaxis]

    for table in (None, table_of(("B", 3, None, 0.5))):
        assert told(actions_of(TIMES, ("A",), close, raw, table)) == [(3, round(1.0 / 0.95, 9), 0.0)]


def test_a_split_comes_with_the_price_that_it_divides() -> None:
    raw = column(10, 10, 10, 10, 5, 5, 5, 5)
    close = column(*[10.0] * 8)

    assert told(actions_of(TIMES, ("A",), close, raw, table_of(("A", 4, 2.0, None)))) == [(4, 2.0, 0.0)]
    assert told(actions_of(TIMES, ("A",), close, raw, None)) == [(4, 2.0, 0.0)]


def test_a_split_that_the_prices_hold_already_is_none() -> None:
    """Yahoo divides all its history by a split: applied again, it would double the account over night."""
    raw = column(5, 5.1, 5, 5, 5.05, 5, 5, 5)

    assert told(actions_of(TIMES, ("A",), raw, raw, table_of(("A", 4, 2.0, None)))) == []


def test_a_source_without_adjustment_is_believed_for_its_prices() -> None:
    """Adjusted and unadjusted closes are one: dividends are paid, and a split counts where the price fell by it."""
    raw = column(10, 10, 10, 10, 5, 5, 5, 5)
    table = table_of(("A", 2, None, 0.1), ("A", 4, 2.0, None), ("A", 6, 1.5, None))

    assert told(actions_of(TIMES, ("A",), raw, raw, table)) == [(2, 1.0, 0.1), (4, 2.0, 0.0)]


def test_an_action_during_a_suspension_waits_for_the_next_bar() -> None:
    raw = column(10, 10, np.nan, np.nan, 5, 5, 5, 5)
    close = column(10, 10, np.nan, np.nan, 10, 10, 10, 10)

    assert told(actions_of(TIMES, ("A",), close, raw, table_of(("A", 2, 2.0, None)))) == [(4, 2.0, 0.0)]


def test_small_moves_of_the_adjustment_add_up() -> None:
    """Sources round adjusted closes; dividends below that rounding are not lost, only later."""
    raw = column(*[10.0] * 8)
    close = raw * np.cumprod(np.full(8, 1.0006))[:, np.newaxis]

    actions = actions_of(TIMES, ("A",), close, raw, None)

    assert 0 < len(actions.row) < 7
    assert worth(actions, raw)[-1] == pytest.approx(1.0006**7, rel=1e-3)


def test_rounding_of_the_source_pays_nothing() -> None:
    raw = column(*[10.0] * 8)
    close = raw + np.array([0, 0.005, -0.004, 0.002, 0, 0.005, 0.001, 0])[:, np.newaxis]

    assert told(actions_of(TIMES, ("A",), close, raw, None)) == []


def test_only_raw_accounting_has_actions() -> None:
    from tidegate.testing import synthetic_panel

    panel = synthetic_panel(3, 40, 3)

    assert market_of(panel, BacktestSettings()).actions is None
    assert market_of(panel, BacktestSettings(accounting="raw")).actions is not None


@pytest.mark.parametrize("with_table", [True, False])
def test_real_shares_grow_as_their_total_return(real_data: Path, tmp_path: Path, with_table: bool) -> None:
    """F.7, H and B.1: trading on raw prices and accounting for actions is worth what adjusted prices say.

    The file's prices hold the splits already, and its dividends are those of shares after them.
    """
    names = ["AAPL", "KO", "XOM", "NVDA"]
    rows = pl.read_parquet(real_data / "us_equity_daily.parquet").filter(pl.col("symbol").is_in(names))
    files = {"bars": tmp_path / "bars.parquet", "dividends": tmp_path / "dividends.parquet"}
    rows.write_parquet(files["bars"])
    rows.select("symbol", "date", "dividend").write_parquet(files["dividends"])
    rows.select("symbol", "date", pl.col("split").cast(pl.String)).filter(pl.col("split") != "0.0").write_parquet(
        tmp_path / "splits.parquet"
    )
    workspace = Workspace.create(tmp_path / "work")
    ingest_ohlcv(workspace, files["bars"], OhlcvSettings.model_validate(PRESETS["yahoo-daily"]))
    for kind in ("dividends", "splits") if with_table else ():
        given = {"path": str(tmp_path / f"{kind}.parquet"), "kind": kind}
        assert collect_from(workspace, make_connector("corporate-actions", given)).complete
    catalog = Catalog(workspace)
    panel = catalog.bar_panel("us-equity", interval=DAILY, as_of=now())
    table = catalog.read("corporate_actions", dataset="us-equity", as_of=now()).collect() if with_table else None

    market = market_of(panel, BacktestSettings(accounting="raw"), sources=MarketSources(actions=table))
    assert market.actions is not None

    assert np.array_equal(market.mark, panel["raw_close"])
    paid = np.count_nonzero(market.actions.cash)
    assert paid == (rows.filter(pl.col("dividend") > 0).height if with_table else 0)
    for place in range(len(names)):
        total = market.close[:, place] / market.close[0, place]
        assert worth(market.actions, market.mark, place) == pytest.approx(total, rel=0.01)
        assert total[-1] > 1.02 * market.mark[-1, place] / market.mark[0, place]  # there were dividends to account for
