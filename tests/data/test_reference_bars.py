"""Benchmark, index and defensive assets from a data set of their own: read, pinned, and never among the stocks."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest

from tidegate.core.clock import now
from tidegate.core.errors import CatalogError, DataError
from tidegate.core.panel import Panel
from tidegate.core.recipe import Recipe
from tidegate.core.time import DAY, parse_instant
from tidegate.core.workspace import Workspace
from tidegate.data import Catalog
from tidegate.data.kinds import present_versions
from tidegate.data.readiness import audit_readiness
from tidegate.data.recipe_data import RecipeData, pinned_versions, read_recipe_data
from tidegate.data.reference_bars import datasets_beside
from tidegate.testing import synthetic_bars, synthetic_panel

ROWS = 60
DAYS = np.arange(ROWS) * DAY + parse_instant("2015-01-05")
STOCKS = synthetic_panel(1, ROWS, 4, times=DAYS)
FUNDS = synthetic_panel(2, ROWS, 3, times=DAYS)
BASE: dict[str, Any] = {
    "name": "small",
    "data": {"dataset": "stocks"},
    "universe": {"benchmark": "SPY", "references": "funds"},
    "split": {"first_test": "2016-06-01"},
    "models": {"ridge": {}},
    "strategy": {"scores": "ridge", "risk_off": "defensive", "defensives": ["SHY", "TLT"]},
    "costs": {"preset": "us-equity"},
}


def renamed(panel: Panel, *symbols: str) -> Panel:
    return Panel(panel.times, symbols, panel.columns)


def recipe_with(**changes: Any) -> Recipe:
    return Recipe.model_validate({**BASE, **changes})


def stocked(workspace: Workspace, **datasets: Panel) -> Catalog:
    catalog = Catalog(workspace)
    for name, panel in datasets.items():
        catalog.append("bars", synthetic_bars(panel, dataset=name))
    return catalog


def read(catalog: Catalog, recipe: Recipe) -> RecipeData:
    return read_recipe_data(catalog, recipe, pinned_versions(catalog, recipe))


NAMED = renamed(FUNDS, "SHY", "SPY", "TLT")


def test_funds_are_read_and_no_stock_among_them(workspace: Workspace) -> None:
    catalog = stocked(workspace, stocks=STOCKS, funds=NAMED)
    data = read(catalog, recipe_with())

    assert data.traded == STOCKS.symbols
    assert data.panel.symbols == (*STOCKS.symbols, "SHY", "SPY", "TLT")
    assert data.universe.symbols == STOCKS.symbols
    for panel in (STOCKS, NAMED):
        for name in panel:
            assert data.panel.take(panel.symbols)[name] == pytest.approx(panel[name], rel=1e-14)
    assert "benchmark_close" in data.history("SPY").bars


def test_the_version_of_the_funds_is_pinned(workspace: Workspace) -> None:
    catalog = stocked(workspace, stocks=STOCKS, funds=NAMED)
    versions = pinned_versions(catalog, recipe_with())
    before = read_recipe_data(catalog, recipe_with(), versions)
    late = renamed(synthetic_panel(3, 5, 1, times=DAYS[-1] + DAY * np.arange(1, 6)), "SHY")
    catalog.append("bars", synthetic_bars(late, dataset="funds"))

    assert versions == {"bars/stocks": 0, "bars/funds": 1}
    assert pinned_versions(catalog, recipe_with()) == {"bars/stocks": 0, "bars/funds": 2}
    after = read_recipe_data(catalog, recipe_with(), versions)
    assert after.panel.fingerprint() == before.panel.fingerprint()


def test_the_own_data_set_comes_first(workspace: Workspace) -> None:
    """The benchmark that the stocks' data set holds is the one that training measures against."""
    both = renamed(synthetic_panel(5, ROWS, 5, times=DAYS), *STOCKS.symbols, "SPY")
    catalog = stocked(workspace, stocks=both, funds=NAMED)
    versions = pinned_versions(catalog, recipe_with())

    assert datasets_beside(catalog, recipe_with(), versions) == {"stocks": ("SPY",), "funds": ("SHY", "TLT")}
    data = read_recipe_data(catalog, recipe_with(), versions)
    assert data.traded == STOCKS.symbols
    assert data.panel.take(("SPY",))["close"] == pytest.approx(both.take(("SPY",))["close"], rel=1e-14)


def test_instants_are_those_of_the_stocks(workspace: Workspace) -> None:
    """A fund with bars before the first stock and holes since adds no row; where it has no bar, nothing stands."""
    longer = np.arange(-30, ROWS) * DAY + DAYS[0]
    wide = synthetic_panel(7, len(longer), 3, times=longer)
    kept = np.ones(len(longer), dtype=bool)
    kept[40] = False
    columns = {name: column[kept] for name, column in wide.columns.items()}
    catalog = stocked(workspace, stocks=STOCKS, funds=Panel(longer[kept], ("SHY", "SPY", "TLT"), columns))
    data = read(catalog, recipe_with())

    assert data.panel.times.tolist() == DAYS.tolist()
    assert np.isnan(data.panel.take(("SHY",))["close"]).ravel().nonzero()[0].tolist() == [10]


def test_a_defensive_of_the_own_data_set_needs_no_other(workspace: Workspace) -> None:
    """Listed stocks alone are read as stocks; the asset beside them comes from the same data set."""
    five = renamed(synthetic_panel(5, ROWS, 5, times=DAYS), "A", "B", "C", "SHY", "SPY")
    catalog = stocked(workspace, stocks=five)
    universe = {"benchmark": "SPY", "symbols": ["A", "B"]}
    strategy = {"scores": "ridge", "risk_off": "defensive", "defensives": ["SHY"]}
    data = read(catalog, recipe_with(universe=universe, strategy=strategy))

    assert data.traded == ("A", "B")
    assert data.panel.symbols == ("A", "B", "SHY", "SPY")


def test_a_data_set_that_is_not_there_is_asked_for_by_name(workspace: Workspace) -> None:
    catalog = stocked(workspace, stocks=STOCKS)

    with pytest.raises(CatalogError, match=r"no data set 'funds' in bars; .*ingest ohlcv FILE --dataset funds"):
        pinned_versions(catalog, recipe_with())


def test_a_data_set_of_references_that_nothing_is_read_from_may_be_absent(workspace: Workspace) -> None:
    catalog = stocked(workspace, stocks=renamed(synthetic_panel(5, ROWS, 4, times=DAYS), "A", "SHY", "SPY", "TLT"))

    assert pinned_versions(catalog, recipe_with()) == {"bars/stocks": 0}
    assert read(catalog, recipe_with()).panel.symbols == ("A", "SHY", "SPY", "TLT")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"universe": {"benchmark": "QQQ", "references": "funds"}}, "no bars of QQQ; .*check universe.benchmark"),
        ({"universe": {"benchmark": "QQQ"}, "strategy": None}, "no bars of QQQ; .*check universe.benchmark"),
        (
            {"strategy": {"scores": "ridge", "risk_off": "defensive", "defensives": ["GLD"]}},
            "no bars of GLD; .*under universe.references, or check strategy.defensives",
        ),
    ],
)
def test_a_symbol_that_neither_holds_is_missed(workspace: Workspace, changes: dict[str, Any], said: str) -> None:
    catalog = stocked(workspace, stocks=STOCKS, funds=NAMED)

    with pytest.raises(DataError, match=said):
        read(catalog, recipe_with(**changes))


def test_funds_that_lack_what_orders_need_are_refused(workspace: Workspace) -> None:
    catalog = stocked(workspace, stocks=STOCKS)
    bars = synthetic_bars(NAMED, dataset="funds").with_columns(volume=None, traded_value=None)
    catalog.append("bars", bars)

    with pytest.raises(DataError, match="SHY, SPY, TLT of 'funds' without traded_value, volume"):
        read(catalog, recipe_with())


def test_volume_times_price_stands_in_for_the_value_that_funds_lack(workspace: Workspace) -> None:
    catalog = stocked(workspace, stocks=STOCKS)
    catalog.append("bars", synthetic_bars(NAMED, dataset="funds").with_columns(traded_value=None))
    panel = read(catalog, recipe_with()).panel.take(NAMED.symbols)

    assert panel["traded_value"] == pytest.approx(NAMED["volume"] * NAMED["raw_close"])


def test_the_audit_of_readiness_asks_the_stocks_for_no_fund(workspace: Workspace) -> None:
    catalog = stocked(workspace, stocks=STOCKS, funds=NAMED)
    audit = audit_readiness(catalog, recipe_with(), as_of=now())

    assert {life.symbol for life in audit.scope.lives} == set(STOCKS.symbols)
    assert not any("SPY" in reason for reason in audit.reasons())
    assert audit.versions == pinned_versions(catalog, recipe_with())


def test_lives_and_actions_are_pinned_where_they_are_there(workspace: Workspace) -> None:
    catalog = stocked(workspace, stocks=STOCKS, funds=NAMED)
    rows = synthetic_bars(NAMED, dataset="funds").head(1)
    action = rows.select("dataset", "symbol", "event_time", "known_time", "source", "synthetic")
    nothing = pl.lit(None, pl.String)
    catalog.append(
        "corporate_actions",
        action.with_columns(action=pl.lit("dividend"), ratio=None, amount=pl.lit(1.0), currency=nothing).cast(
            {"ratio": pl.Float64}
        ),
    )

    assert set(present_versions(catalog, recipe_with())) == {"bars/stocks", "bars/funds", "corporate_actions/funds"}
