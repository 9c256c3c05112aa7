"""``tidegate lean``: parameters and results in, scores and results out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from command import assert_refused
from tidegate.core.recipe import load_recipe
from tidegate.engine.lean_results import read_summary
from tidegate.engine.lean_scores import read_score_file

PARAMETERS = {
    "top_n": "30",
    "max_exposure": "0.40",
    "dynamic_exposure": "True",
    "drawdown_tiers": "0.08,0.12,0.15",
    "drawdown_exposures": "0.80,0.60,0.40",
    "theme_weights": "{}",
}
SUMMARY: dict[str, Any] = {
    "statistics": {
        "Compounding Annual Return": "14.007%",
        "Drawdown": "14.900%",
        "Net Profit": "120.467%",
        "Annual Standard Deviation": "0.093",
    },
    "algorithmConfiguration": {"startDate": "2020-01-01", "endDate": "2026-01-13"},
}


@pytest.fixture
def run_file(tmp_path: Path) -> Path:
    path = tmp_path / "run.json"
    path.write_text(json.dumps(PARAMETERS), encoding="utf-8")
    return path


@pytest.mark.parametrize("command", ["parameters", "summary", "scores", "statistics"])
def test_each_explains_itself(tidegate: Any, command: str) -> None:
    said = tidegate("lean", command, "--help").checked().out

    assert "Usage: tidegate lean" in said
    assert "--json" in said


def test_parameters_are_told(tidegate: Any, run_file: Path) -> None:
    document = tidegate("lean", "parameters", run_file, "--json").checked().document
    effects = {one["key"]: one["effect"] for one in document["settings"]}
    assert (effects["top_n"], effects["drawdown_tiers"], effects["theme_weights"]) == ("used", "inert", "unsupported")
    assert document["strategy"]["tier_mode"] == "absolute"

    said = tidegate("lean", "parameters", run_file).checked().out
    assert "What the map cannot say" in said
    assert next(line for line in said.splitlines() if line.startswith("drawdown_tiers")).count("inert") == 1


def test_parameters_become_sections_of_a_recipe(tidegate: Any, run_file: Path, tmp_path: Path, recipe: Path) -> None:
    written = tmp_path / "sections.yaml"
    tidegate("lean", "parameters", run_file, "--legacy", "--output", written).checked()

    sections = yaml.safe_load(written.read_text(encoding="utf-8"))
    whole = {**yaml.safe_load(recipe.read_text(encoding="utf-8")), **sections}
    whole["strategy"]["scores"] = "ridge"
    combined = tmp_path / "whole.yaml"
    combined.write_text(yaml.safe_dump(whole), encoding="utf-8")
    strategy = load_recipe(combined).trading()
    assert (strategy.top_n, strategy.legacy.fee_ignored, strategy.market_filter) == (30, True, True)


def test_a_summary_is_told(tidegate: Any, tmp_path: Path) -> None:
    path = tmp_path / "462-summary.json"
    path.write_text(json.dumps(SUMMARY), encoding="utf-8")

    document = tidegate("lean", "summary", path, "--start", "2020-01-01", "--json").checked().document
    assert document["performance"]["cagr"] == 0.14007
    assert "14.9000%" in tidegate("lean", "summary", path, "--status", "success").checked().out


@pytest.mark.parametrize("source", ["recipe", "run"])
def test_scores_are_handed_over(tidegate: Any, stocked: Path, recipe: Path, tmp_path: Path, source: str) -> None:
    trained = (
        tidegate("runs", "--kind", "train", "--status", "finished", "--json", "--workspace", stocked)
        .checked()
        .document[0]["id"]
    )
    output = tmp_path / "scores.csv"

    asked = ("lean", "scores", recipe if source == "recipe" else trained, "--output", output, "--workspace", stocked)
    document = tidegate(*asked, "--json").checked().document

    scores = read_score_file(output)
    assert document["rows"] == scores.height > 100
    assert document["model"] == "ridge"
    assert document["run"].startswith("train-small-") if source == "recipe" else document["run"] == trained
    assert set(scores["symbol"]) == {name.upper() for name in scores["symbol"]}


def test_a_backtest_is_told_in_their_words(tidegate: Any, stocked: Path, tmp_path: Path) -> None:
    output = tmp_path / "ours-summary.json"
    asked = ("lean", "statistics", "backtest", "--output", output, "--workspace", stocked)

    texts = tidegate(*asked, "--json").checked().document["statistics"]
    assert "Total Fees" in tidegate(*asked).checked().out

    run = tidegate("runs", "backtest", "--json", "--workspace", stocked).checked().document
    figures = read_summary(output).performance
    assert figures.cagr == run["metrics"]["cagr"]
    assert texts["Compounding Annual Return"] == f"{figures.cagr:.3%}"


@pytest.mark.parametrize(
    "arguments",
    [
        ("parameters", "nowhere.json"),
        ("parameters", "{run}", "--output", "{folder}"),
        ("summary", "{run}"),
        ("summary", "{run}", "--start", "soon"),
        ("scores", "train", "--output", "{folder}", "--workspace", "{stocked}"),
        ("scores", "backtest", "--output", "{folder}/scores.csv", "--workspace", "{stocked}"),
        ("scores", "train", "--model", "lightgbm", "--output", "{folder}/scores.csv", "--workspace", "{stocked}"),
        ("scores", "demo", "--output", "{folder}/scores.csv", "--workspace", "{stocked}"),
        ("statistics", "train", "--workspace", "{stocked}"),
    ],
    ids=" ".join,
)
def test_bad_input_is_2(
    tidegate: Any, stocked: Path, run_file: Path, tmp_path: Path, arguments: tuple[str, ...], json_output: bool
) -> None:
    words = [word.format(run=run_file, folder=tmp_path, stocked=stocked) for word in arguments]

    done = tidegate("lean", *words, *(["--json"] if json_output else []))

    assert_refused(done, json_output=json_output)
    assert [path.name for path in tmp_path.iterdir()] == ["run.json"]
