"""The report of an experiment: what is clear is said, the rest is not, in both languages."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from test_write import read, words

from tidegate.core.errors import RunError
from tidegate.core.files import write_json
from tidegate.core.recipe import Recipe
from tidegate.core.time import DAY, parse_instant
from tidegate.core.workspace import Workspace
from tidegate.registry import Run, RunKind, RunStore
from tidegate.report import ColourScheme, Language, write_report
from tidegate.report.charts import Brush
from tidegate.report.experiment_charts import differences_chart, rivals_chart
from tidegate.report.experiment_files import read_experiment
from tidegate.report.experiment_rules import experiment_verdict
from tidegate.report.theme import palette

BRUSH = Brush(Language.load("en"), palette(ColourScheme.WESTERN))
FOUND = {("ridge", "without event"): ("helped", -0.02), ("xgboost", "full"): ("better", 0.01)}


def row(model: str, variant: str, measure: str, at: str = "all") -> dict[str, Any]:
    finding, difference = FOUND.get((model, variant), ("open", 0.001)) if measure == "rank_ic" else ("open", 0.001)
    yardstick = (model, variant) == ("ridge", "full")
    return {
        "model": model,
        "variant": variant,
        "measure": measure,
        "at": at,
        "instants": 240,
        "mean": 0.05,
        "seeds": 1,
        "deviation_over_seeds": None,
        "against": None if yardstick else "ridge full",
        "against_mean": None if yardstick else 0.05,
        "difference": None if yardstick else difference,
        "interval": None if yardstick else [difference - 0.005, difference + 0.005],
        "p_value_holm": None if yardstick else 0.01,
        "finding": None if yardstick else finding,
    }


def document(**changes: Any) -> dict[str, Any]:
    start = parse_instant("2023-01-02")
    fits = [(model, variant) for model in ("ridge", "xgboost") for variant in ("full", "without event")]
    return {
        "target": "hit",
        "protocol": {
            "name": "walk_forward",
            "parts": [
                {
                    "number": 0,
                    "train_instants": 300,
                    "test_instants": 240,
                    "test_start": start,
                    "test_end": start + 340 * DAY,
                }
            ],
        },
        "seeds": 1,
        "models": ["ridge", "xgboost"],
        "variants": [
            {"name": "full", "without": None, "features": 40, "share_known": None},
            {"name": "without event", "without": "event", "features": 30, "share_known": 0.12},
        ],
        "block": 15,
        "rows": [row(*fit, measure) for measure in ("rank_ic", "auc", "net_top_k") for fit in fits]
        + [row("ridge", "without event", "rank_ic", "known")],
        **changes,
    }


def finished(workspace: Workspace, recipe: Recipe, content: dict[str, Any]) -> Run:
    store = RunStore(workspace)
    with store.begin(
        kind=RunKind.EXPERIMENT, recipe=recipe, fingerprint_of_work="f", data_versions={"bars/synthetic-us": 3}
    ) as run:
        write_json(run.folder / "experiment.json", content)
        run.finish({"comparisons": 3, "clear": 2})
    return store.get(run.id)


@pytest.mark.parametrize("language", ["en", "zh"])
def test_an_experiment_is_reported(workspace: Workspace, recipe: Recipe, language: str) -> None:
    run, texts = finished(workspace, recipe, document()), Language.load(language)

    page = words(read(write_report(workspace, run.id, language=language)))

    for key in ("section.differences", "section.known", "section.protocol", "caution.one_seed", "experiment.corrected"):
        assert texts.text(key) in page
    assert texts.text("figure.variant_without", group="event") in page
    assert "tidegate experiment rotation.yaml" in page


def test_only_what_is_more_than_chance_is_said(tmp_path: Path) -> None:
    write_json(tmp_path / "experiment.json", document())

    found = experiment_verdict(read_experiment(tmp_path))

    assert [one.key for one in found.findings] == [
        "experiment.clear",
        "experiment.said_helped",
        "experiment.said_better",
    ]
    assert found.findings[0].values == {"comparisons": 10, "clear": 3}


def test_nothing_clear_is_said_to_be_nothing(tmp_path: Path) -> None:
    rows = [{**one, "finding": one["finding"] and "open"} for one in document()["rows"]]
    write_json(tmp_path / "experiment.json", document(rows=rows, seeds=3))

    found = experiment_verdict(read_experiment(tmp_path))

    assert [one.key for one in found.findings] == ["experiment.nothing"]
    assert [one.key for one in found.cautions] == ["experiment.corrected"]


def test_kfold_is_never_shown_without_its_caution(workspace: Workspace, recipe: Recipe) -> None:
    kfold = {**document()["protocol"], "name": "purged_kfold"}

    page = words(read(write_report(workspace, finished(workspace, recipe, document(protocol=kfold)).id)))

    assert Language.load("en").text("caution.kfold") in page
    assert "purged k-fold" in page


def test_dots_stand_at_the_differences_and_bands_at_the_intervals(tmp_path: Path) -> None:
    write_json(tmp_path / "experiment.json", document())
    found = read_experiment(tmp_path)

    groups, rivals = differences_chart(BRUSH, found, "rank_ic", "all"), rivals_chart(BRUSH, found, "rank_ic")

    assert groups is not None
    assert rivals is not None
    ridge, xgboost = json.loads(groups.figure)["data"]
    assert (ridge["x"], xgboost["x"]) == ([-0.02], [0.001])
    assert ridge["error_x"]["array"] == pytest.approx([0.005])
    assert ridge["y"] != xgboost["y"]
    (rival,) = json.loads(rivals.figure)["data"]
    assert (rival["x"], rival["name"]) == ([0.01], "XGBoost")
    alone = [one for one in document()["rows"] if one["model"] == "ridge" and one["variant"] == "full"]
    write_json(tmp_path / "experiment.json", document(rows=alone))
    bare = read_experiment(tmp_path)
    assert differences_chart(BRUSH, bare, "rank_ic", "all") is rivals_chart(BRUSH, bare, "rank_ic") is None


@pytest.mark.parametrize("lost", ["block", "rows"])
def test_an_incomplete_experiment_is_named(workspace: Workspace, recipe: Recipe, lost: str) -> None:
    content = document()
    del content[lost]
    run = finished(workspace, recipe, content)

    with pytest.raises(RunError, match=lost):
        write_report(workspace, run.id)
