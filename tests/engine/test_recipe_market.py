"""From the catalog to a market: what a recipe names is what its backtest trades in."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from tidegate.core.panel import Panel
from tidegate.core.recipe import Recipe
from tidegate.core.time import DAY, parse_instant
from tidegate.core.units import FloatArray
from tidegate.core.workspace import Workspace
from tidegate.data import Catalog
from tidegate.data.recipe_data import pinned_versions
from tidegate.engine.fill_rules import FillRules
from tidegate.engine.recipe_market import RecipeMarket, defensive_places, fill_rules, read_market
from tidegate.testing import synthetic_bars, synthetic_panel

ROWS = 60
DAYS = np.arange(ROWS) * DAY + parse_instant("2015-01-05")
BASE: dict[str, Any] = {
    "name": "small",
    "data": {"dataset": "stocks", "cash_rate": "bills"},
    "universe": {"benchmark": "SPY", "index": "SPX", "references": "funds"},
    "split": {"first_test": "2016-06-01"},
    "models": {"ridge": {}},
    "strategy": {"scores": "ridge", "risk_off": "defensive", "defensives": ["TLT", "SHY"], "market_filter": True},
    "costs": {"preset": "us-equity"},
}


def recipe_with(**changes: Any) -> Recipe:
    return Recipe.model_validate({**BASE, **changes})


def moment(instant: int) -> pl.Expr:
    return pl.lit(instant).cast(pl.Datetime("us", "UTC"))


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> Catalog:
    """Four stocks and an index, three funds, a rate, the end of one stock, and dividends of a stock and a fund."""
    made = Catalog(Workspace.create(Path(tmp_path_factory.mktemp("market")) / "work"))
    stocks = synthetic_panel(1, ROWS, 5, times=DAYS)
    names = ("AAA", "BBB", "CCC", "DDD", "SPX")
    for dataset, panel in (
        ("stocks", Panel(DAYS, names, stocks.columns)),
        ("funds", Panel(DAYS, ("SHY", "SPY", "TLT"), synthetic_panel(2, ROWS, 3, times=DAYS).columns)),
    ):
        made.append("bars", synthetic_bars(panel, dataset=dataset))
    origin = {"source": pl.lit("made up"), "synthetic": pl.lit(value=True)}
    rate = pl.select(dataset=pl.lit("stocks"), series=pl.lit("bills"), value=0.0365, unit=pl.lit("fraction"))
    event = moment(int(DAYS[0]))
    made.append("macro", rate.with_columns(event_time=event, known_time=event, revised=pl.lit(value=False), **origin))
    end = moment(int(DAYS[40]) + DAY // 3)
    life = pl.select(dataset=pl.lit("stocks"), symbol=pl.lit("BBB"), change=pl.lit("delisted"))
    nothing = pl.lit(None, pl.String)
    made.append("symbol_lives", life.with_columns(event_time=end, known_time=end, detail=nothing, **origin))
    for dataset, symbol, row in (("stocks", "AAA", 20), ("funds", "TLT", 30)):
        paid = pl.select(dataset=pl.lit(dataset), symbol=pl.lit(symbol), action=pl.lit("dividend"), amount=0.25)
        at = moment(int(DAYS[row]) - DAY // 2)
        ratio = pl.lit(None, pl.Float64)
        more = {"event_time": at, "known_time": at, "ratio": ratio, "currency": pl.lit("USD")}
        made.append("corporate_actions", paid.with_columns(**more, **origin))
    return made


def read(catalog: Catalog, **changes: Any) -> RecipeMarket:
    recipe = recipe_with(**changes)

    def by_name(panel: Panel) -> FloatArray:
        assert panel.symbols == ("AAA", "BBB", "CCC", "DDD")
        return np.broadcast_to(np.arange(4.0), panel.shape)

    return read_market(catalog, recipe, pinned_versions(catalog, recipe), by_name)


def test_a_market_holds_what_may_be_bought_and_nothing_else(catalog: Catalog) -> None:
    found = read(catalog)
    market = found.market

    assert market.symbols == ("AAA", "BBB", "CCC", "DDD", "SHY", "SPY", "TLT")
    assert market.candidate.tolist() == [True] * 4 + [False] * 3
    assert market.score[7, :4].tolist() == [0.0, 1.0, 2.0, 3.0]
    assert np.isnan(market.score[:, 4:]).all()
    assert market.benchmark_place == 5
    assert defensive_places(market, recipe_with()).tolist() == [6, 4]
    assert found.index is not None
    assert found.index.shape == (ROWS,)
    assert np.isfinite(found.index).all()


def test_the_table_of_lives_ends_a_symbol(catalog: Catalog) -> None:
    assert read(catalog).market.last_row.tolist() == [-1, 40, -1, -1, -1, -1, -1]


def test_the_rate_becomes_interest_of_the_days(catalog: Catalog) -> None:
    found = read(catalog)

    assert found.market.interest[:3].tolist() == [0.0, 0.0365 / 365.0, 0.0365 / 365.0]
    assert found.market.interest[-1] == 0.0  # a rate of two months ago is none
    without = read(catalog, data={"dataset": "stocks"})
    assert (without.cash_rate, without.market.interest.any()) == (None, False)


def test_raw_accounts_are_paid_the_dividends_of_stocks_and_funds(catalog: Catalog) -> None:
    found = read(catalog, backtest={"accounting": "raw"})
    actions = found.market.actions
    assert actions is not None
    paid = actions.cash != 0.0

    assert [(int(row), found.market.symbols[place]) for row, place in zip(actions.row[paid], actions.place[paid],
            strict=True)] == [(20, "AAA"), (30, "TLT")]  # fmt: skip
    assert found.notes["raw_accounting"]["paid"] == 2
    assert read(catalog).market.actions is None
    assert read(catalog).notes == {}


def test_impact_is_read_only_where_it_costs(catalog: Catalog) -> None:
    assert read(catalog).market.volatility is not None
    assert read(catalog, costs={"preset": "free"}).market.volatility is None


def test_an_average_of_three_prices_is_told(catalog: Catalog, tmp_path: Path) -> None:
    """It stands in for traded value over volume, which the source may not know."""
    poorer = Catalog(Workspace.create(tmp_path / "work"))
    bars = synthetic_bars(synthetic_panel(1, ROWS, 4, times=DAYS), dataset="stocks")
    poorer.append("bars", bars.with_columns(traded_value=None))
    plain: dict[str, Any] = {"data": {"dataset": "stocks"}, "universe": {}, "strategy": {"scores": "ridge"}}
    recipe = recipe_with(**plain, backtest={"fill": "next_vwap"})

    assert read_market(poorer, recipe, pinned_versions(poorer, recipe)).notes == {"average_of_high_low_close": {}}
    assert read(catalog, backtest={"fill": "next_vwap"}).notes == {}


def test_the_defect_of_the_previous_close_is_read_where_it_is_asked_for(catalog: Catalog) -> None:
    strategy = {**BASE["strategy"], "legacy": {"fill_previous_close": True}}
    market = read(catalog, strategy=strategy).market

    assert np.array_equal(market.fill[1:], market.mark[:-1], equal_nan=True)


def test_fill_rules_are_those_of_the_recipe() -> None:
    backtest = {"participation": 0.1, "wait_bars": 2, "t_plus_one": True, "delisting_haircut": 0.3}
    strategy = {"scores": "ridge", "legacy": {"riskoff_keeps_book": True}}
    asked = recipe_with(backtest=backtest, strategy=strategy, costs={"preset": "a-share"})

    assert fill_rules(asked) == FillRules(participation=0.1, wait_bars=2, t_plus_one=True, haircut=0.3, gross_limit=2.0)
    assert fill_rules(recipe_with()) == FillRules()
