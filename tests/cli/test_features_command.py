"""``tidegate features``: what a recipe's models see, declared and built."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import small_market

from command import assert_refused
from tidegate.core.recipe import load_recipe
from tidegate.core.workspace import Workspace
from tidegate.features import build_features
from tidegate.features.store import StoredFeatures, blocks, read_recipe_inputs


@pytest.fixture
def stocked_small(tmp_path: Path) -> tuple[Path, Path]:
    return small_market.stock(tmp_path)


def test_build_says_what_was_built_and_where(tidegate: Any, stocked_small: tuple[Path, Path]) -> None:
    root, recipe = stocked_small
    found = tidegate("features", "build", recipe, "--json", "--workspace", root).checked().document

    stored = StoredFeatures.open(Path(found["folder"]))
    inputs = read_recipe_inputs(Workspace.open(root), load_recipe(recipe))
    assert stored.lineage_id == found["lineage_id"]
    assert found["shape"] == [700, 6, len(inputs.contract.names)]
    assert found["first"] == "2015-01-02T00:00:00Z"  # midnight, too, as a bar that ends at noon would be
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT00:00:00Z", found["last"])
    assert found["data_versions"] == {"bars/made-up": 0}
    assert found["blocks"] == {"computed": 1, "kept": 0}
    assert list(found["missing_by_group"]) == list(inputs.contract.groups)
    assert found["absent"]["return_over_benchmark_20"] == ["bars without benchmark_close"]
    np.testing.assert_array_equal(stored.values, build_features(inputs.history, inputs.contract).values)


def test_build_is_told_to_people_too(tidegate: Any, stocked_small: tuple[Path, Path]) -> None:
    root, recipe = stocked_small
    said = tidegate("features", "build", recipe, "--workspace", root).checked().out

    folder = next((root / "features").iterdir())
    for words in ("700 instants x 6 symbols", str(folder), "bars without benchmark_close", "cross_section"):
        assert words in said
    assert f"tidegate lineage {folder.name[-12:]} --workspace {root}" in said


def test_repeating_a_build_computes_nothing_and_new_bars_the_end_alone(
    tidegate: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(blocks, "_ROWS_PER_BLOCK", 300)
    root, recipe = small_market.stock(tmp_path, rows=690)
    build = ("features", "build", recipe, "--json", "--workspace", root)

    first = tidegate(*build).checked().document
    assert first["blocks"] == {"computed": 3, "kept": 0}
    assert tidegate(*build).checked().document["blocks"] == {"computed": 0, "kept": 3}
    small_market.append(Workspace.open(root), rows=700)
    later = tidegate(*build).checked().document
    assert later["blocks"] == {"computed": 1, "kept": 2}
    assert later["lineage_id"] != first["lineage_id"]


def test_show_names_every_feature_and_what_its_data_lack(tidegate: Any, stocked_small: tuple[Path, Path]) -> None:
    root, recipe = stocked_small
    show = ("features", "show", recipe, "--workspace", root)
    found = tidegate(*show, "--json").checked().document

    features = {entry["name"]: entry for entry in found["features"]}
    assert found["note"] is None
    assert "log_return_252" not in features  # excluded
    assert features["log_return_1"]["lookback_bars"] == 2
    assert features["log_return_1"]["lacks"] == []
    assert features["log_return_1"]["sources"] == ["bars"]
    assert features["return_over_benchmark_20"]["lacks"] == ["bars without benchmark_close"]
    said = tidegate(*show).checked().out
    assert "bars without benchmark_close" in said
    assert "volume_z_20_rank" in said


def test_show_needs_no_workspace_and_picks_groups(tidegate: Any, tmp_path: Path) -> None:
    show = ("features", "show", "us-rotation", "--workspace", tmp_path / "none")
    found = tidegate(*show, "--group", "volume", "--json").checked().document

    assert {entry["group"] for entry in found["features"]} == {"volume"}
    page = (Path(__file__).parents[2] / "docs" / "features.md").read_text(encoding="utf-8")
    shown = tidegate("features", "show", "crypto-horizons", "--json", "--workspace", tmp_path / "none").document
    for entry in shown["features"]:
        tables = ", ".join(f"`{name}`" for name in entry["sources"])
        assert re.search(rf"^\| `{entry['name']}` \|.*\| {tables} \|", page, re.MULTILINE), entry["name"]
    assert "no workspace" in found["note"]
    assert "not compared with data" in tidegate(*show).checked().out


def test_bad_input_is_refused(tidegate: Any, stocked_small: tuple[Path, Path], json_output: bool) -> None:
    root, recipe = stocked_small
    flags = ["--json"] if json_output else []
    refused = tidegate("features", "show", recipe, "--group", "moon", "--workspace", root, *flags)
    assert "--group moon" in assert_refused(refused, json_output=json_output)["found"]
    refused = tidegate("features", "build", "us-rotation", "--workspace", root, *flags)
    assert "us-equity" in assert_refused(refused, json_output=json_output)["found"]
    refused = tidegate("features", "build", "none.yaml", "--workspace", root, *flags)
    assert_refused(refused, json_output=json_output)
