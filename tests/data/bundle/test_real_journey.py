"""Real bars go on a journey: collected for a recipe, bundled, imported elsewhere, and read as the same panel."""

from __future__ import annotations

from pathlib import Path

from forgery import everything

from tidegate.core.clock import now
from tidegate.core.recipe import Recipe
from tidegate.core.workspace import Workspace
from tidegate.data import Catalog
from tidegate.data.bundle import import_bundle
from tidegate.data.collect import collect


def test_real_bars_are_the_same_panel_elsewhere(real_data: Path, workspace: Workspace, tmp_path: Path) -> None:
    recipe = Recipe.model_validate(
        {
            "name": "etf",
            "data": {"dataset": "us-etf"},
            "split": {"first_test": "2020-01-01"},
            "models": {"ridge": {}},
            "strategy": {"scores": "ridge"},
            "costs": {"preset": "us-equity"},
            "collect": [
                {
                    "connector": "ohlcv",
                    "settings": {
                        "path": str(real_data / "us_etf_daily.parquet"),
                        "preset": "yahoo-daily",
                        "dataset": "us-etf",
                    },
                }
            ],
        }
    )
    done = collect(workspace, recipe)
    assert done.complete
    assert done.bundle is not None

    there = Workspace.create(tmp_path / "there")
    assert import_bundle(there, done.bundle.path).appended == done.appended == done.bundle.manifest.rows
    assert everything(there)["bars/us-etf"].equals(everything(workspace)["bars/us-etf"])
    here, carried = (
        Catalog(one).bar_panel("us-etf", interval=recipe.data.interval, as_of=now()) for one in (workspace, there)
    )
    assert here.fingerprint() == carried.fingerprint()
