"""``tidegate backtest``: what it prints, dumps and holds against each other."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tidegate.core.recipe import LegacySettings
from tidegate.engine import agreement


@pytest.fixture
def own(stocked: Path, tmp_path: Path) -> Path:
    """A workspace that the test may write to."""
    return Path(shutil.copytree(stocked, tmp_path / "workspace"))


def test_everything_at_once(tidegate: Any, own: Path, recipe: Path, tmp_path: Path) -> None:
    """The dump balances to the cent, event mode agrees, and each defect of earlier platforms has its line."""
    folder = tmp_path / "dump"
    asked = ("backtest", recipe, "--workspace", own, "--dump", folder, "--event-mode", "--explain-legacy", "--json")
    document = tidegate(*asked).checked().document

    assert document["metrics"]["event_mode"] == "equal to the bit"
    assert [row["switch"] for row in document["legacy"]] == ["none", *LegacySettings.model_fields, "all"]
    daily, held = (pl.read_parquet(folder / f"{name}.parquet") for name in ("daily", "positions"))
    worth = held.group_by("time").agg(pl.col("value").sum())
    closes = daily.join(worth, on="time", how="left").with_columns(pl.col("value").fill_null(0.0))
    assert closes.select((pl.col("cash") + pl.col("value") - pl.col("equity")).abs().max()).item() < 0.005
    assert closes["value"].max() > 0.0
    assert "order list" in (folder / "README.md").read_text(encoding="utf-8").casefold()


def test_the_tables_tell_what_bound_and_what_did_nothing(tidegate: Any, own: Path, recipe: Path) -> None:
    text = tidegate("backtest", recipe, "--workspace", own, "--explain-legacy").checked().out

    assert "What each defect of earlier platforms was worth here" in text
    assert "riskoff_keeps_book" in text
    assert "capacity: " in text
    assert "retain_top_n" not in text, "a parameter that nobody set is nobody's surprise"


def test_a_dump_into_a_file_is_refused(tidegate: Any, own: Path, recipe: Path, tmp_path: Path) -> None:
    place = tmp_path / "taken"
    place.write_text("not a folder", encoding="utf-8")
    done = tidegate("backtest", recipe, "--workspace", own, "--dump", place)
    assert done.exit_code == 2
    assert "--dump" in done.err
    assert place.read_text(encoding="utf-8") == "not a folder"


def test_an_engine_that_disagrees_is_told(
    tidegate: Any, own: Path, recipe: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without this, event mode could say that it agrees whatever it did."""
    honest = agreement.run_loop

    def other(*arguments: Any, **more: Any) -> Any:
        return honest(*arguments, **{**more, "costs": None})

    monkeypatch.setattr(agreement, "run_loop", other)
    done = tidegate("backtest", recipe, "--workspace", own, "--event-mode")
    assert done.exit_code == 1
    assert "the equity of the kernel" in done.err


def test_switches_of_the_recipe_do_not_reach_the_plain_run(
    tidegate: Any, own: Path, recipe: Path, tmp_path: Path
) -> None:
    """The market, too, is read without them: old fill prices would stand in every line of the table."""
    switched = tmp_path / "small.yaml"
    legacy = "strategy:\n  legacy: {fill_previous_close: true, fee_ignored: true}"
    switched.write_text(recipe.read_text(encoding="utf-8").replace("strategy:", legacy), encoding="utf-8")
    plain, other = (
        tidegate("backtest", one, "--workspace", own, "--explain-legacy", "--json").checked().document["legacy"]
        for one in (recipe, switched)
    )
    assert plain == other
    assert plain[0]["cagr"] != next(row for row in plain if row["switch"] == "fill_previous_close")["cagr"]
