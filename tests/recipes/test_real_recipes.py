"""The shipped recipes on real files: they run, they repeat, and threads do not change them."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from audited import train
from tidegate.core.recipe import Recipe, load_recipe
from tidegate.core.workspace import Workspace
from tidegate.data import PRESETS, OhlcvSettings, ingest_ohlcv
from tidegate.data.connectors import collect_from, make_connector
from tidegate.engine import backtest
from tidegate.registry import Run, RunStore
from tidegate.report import write_report

pytestmark = [pytest.mark.realdata, pytest.mark.slow]

CASES = {
    "us-rotation": ("us_equity_daily.parquet", "yahoo-daily", date(2023, 1, 1)),
    "ashare-picker": ("ashare_daily.parquet", "tushare-daily", date(2024, 6, 1)),
    "crypto-horizons": ("crypto_perp_5m_2025.parquet", "binance-klines", date(2025, 9, 1)),
}
FUNDS = {"us-rotation": "us_etf_daily.parquet"}
"""Files of the data set that the recipe names under ``universe.references``."""
SOURCES = {
    "crypto-horizons": {
        "funding": ("crypto_funding_8h_2019_2025.parquet", {"preset": "binance-funding"}),
        "macro": ("macro_long.parquet", {"preset": "macro-long", "dataset": "macro"}),
    },
}


def stocked(name: str, folder: Path, real_data: Path) -> Workspace:
    """A workspace with what the recipe names, brought as its comment says."""
    workspace, (file, preset, _) = Workspace.create(folder), CASES[name]
    settings = {**PRESETS[preset], "dataset": load_recipe(name).data.dataset}
    ingest_ohlcv(workspace, real_data / file, OhlcvSettings.model_validate(settings))
    if name in FUNDS:
        references = {**settings, "dataset": load_recipe(name).universe.references}
        ingest_ohlcv(workspace, real_data / FUNDS[name], OhlcvSettings.model_validate(references))
    for connector, (rows, given) in SOURCES.get(name, {}).items():
        done = collect_from(workspace, make_connector(connector, {"path": str(real_data / rows), **given}))
        assert done.complete
    return workspace


def one_fold(name: str, first_test: date) -> Recipe:
    """The recipe as shipped, but for its last fold only and with fewer trees, so that three runs take a minute."""
    recipe = load_recipe(name)
    assert recipe.models.lightgbm is not None
    trees = recipe.models.lightgbm.model_copy(update={"trees": 20})
    return recipe.model_copy(
        update={
            "split": recipe.split.model_copy(update={"first_test": first_test}),
            "models": recipe.models.model_copy(update={"lightgbm": trees}),
        }
    )


def fingerprints(trained: Run, tested: Run) -> tuple[str, str, str]:
    return (
        trained.metrics["scores_fingerprint"],
        tested.metrics["equity_fingerprint"],
        tested.metrics["orders_fingerprint"],
    )


@pytest.mark.exhaustive
@pytest.mark.parametrize("name", CASES)
def test_a_shipped_recipe_repeats_itself_with_one_and_two_threads(name: str, real_data: Path, tmp_path: Path) -> None:
    workspace = stocked(name, tmp_path / "work", real_data)
    recipe = one_fold(name, CASES[name][2])
    seen = set()
    for threads in (1, 2, 1):
        trained = train(workspace, recipe, threads=threads)
        tested = backtest(workspace, recipe, train_run=trained)
        seen.add(fingerprints(trained, tested))
    assert len(seen) == 1
    assert tested.metrics["orders"] > 0
    assert len({run.id for run in RunStore(workspace).list()}) == 6
    for language in ("en", "zh"):
        assert write_report(workspace, tested.id, language=language).stat().st_size > 1_000_000
