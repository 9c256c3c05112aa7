"""From a training run to what is shipped: equal work, equal artifact; card and pictures (equity G.9, crypto 25.5)."""

from __future__ import annotations

import shutil
from pathlib import Path
from types import SimpleNamespace
from xml.etree import ElementTree as ET

import polars as pl
import pytest

from tidegate.core.errors import RunError
from tidegate.core.files import read_json, write_json
from tidegate.core.time import format_instant
from tidegate.registry import ArtifactStore
from tidegate.report.hit_files import read_hits
from trained_picker import TrainedPicker, published, trained_picker


@pytest.fixture(scope="module")
def made() -> TrainedPicker:
    return trained_picker()


@pytest.fixture
def folder(made: TrainedPicker, tmp_path: Path) -> Path:
    """A copy of the run's folder, to be changed."""
    return Path(shutil.copytree(made.run.folder, tmp_path / "run"))


def test_publishing_again_gives_the_same_artifact(made: TrainedPicker, folder: Path) -> None:
    again = published(made.workspace, made.recipe, made.run, folder=folder, named="train-another")

    assert again.id == made.artifact.id
    assert again.origin == made.artifact.origin
    assert len(ArtifactStore(made.workspace).list()) == 1
    assert not (folder / "artifact").exists()


def test_the_manifest_says_everything(made: TrainedPicker) -> None:
    parts, run = made.artifact.parts, made.run

    assert (parts.name, parts.leading_model) == ("small-picker", "xgboost")
    assert parts.model_kinds == ("ridge", "xgboost", "ensemble")
    assert parts.contract == run.metrics["contract"]
    assert parts.training_fingerprint == made.recipe.training_fingerprint()
    assert parts.data_versions == run.data_versions
    assert parts.seed == made.recipe.seed
    assert parts.environment == run.environment
    assert parts.trained_until == parts.split["current"]["trained_until"]
    assert parts.split["folds"] == read_json(run.folder / "folds.json")
    classification = read_json(run.folder / "classification.json")
    assert parts.metrics == {kind: found["overall"] for kind, found in classification.items()}
    assert set(parts.calibration) == set(parts.model_kinds)
    assert parts.calibration["xgboost"]["threshold"]["rule"] == "wilson"


def test_nothing_of_the_artifact_names_a_run_or_a_machine(made: TrainedPicker) -> None:
    """Else equal work would have different names."""
    texts = [path for path in made.artifact.folder.rglob("*") if path.suffix in {".json", ".md", ".svg", ".txt"}]

    said = [path.name for path in texts if made.run.id in path.read_text(encoding="utf-8")]
    places = [path.name for path in texts if str(made.workspace.root) in path.read_text(encoding="utf-8")]

    assert said == ["origin.json"]
    assert places == []


def test_the_models_are_those_for_what_comes_after_the_data(made: TrainedPicker) -> None:
    for kind in ("ridge", "xgboost", "ensemble"):
        shipped = {path.name: path.read_bytes() for path in (made.artifact.folder / "models" / kind).iterdir()}
        current = made.run.folder / "models" / kind / "current"
        assert shipped == {path.name: path.read_bytes() for path in current.iterdir()}


def test_the_card_says_it_in_words(made: TrainedPicker) -> None:
    card = made.artifact.path("card.md").read_text(encoding="utf-8")

    for heading in ("Data", "How it was split", "How good it was", "Calls and the floor", "Limits", "How to load it"):
        assert f"\n## {heading}\n" in card
    assert "**xgboost** leads" in card
    assert "on day 5 earns at least 4.0%" in card
    assert "95 % interval" in card
    until = format_instant(made.artifact.parts.trained_until)[:10]
    assert f"nothing saw a label that ended after {until}" in card
    assert "tidegate pick small-picker" in card
    threshold = made.artifact.document("calibration.json")["xgboost"]["threshold"]
    assert f"{threshold['calls']:,} calls on {threshold['days']:,} days" in card
    figures = made.artifact.parts.metrics["xgboost"]
    assert f"| AUC within the date | {figures['auc_within_date']:.3f} |" in card


def test_the_card_says_what_each_part_of_the_past_was_good_for(made: TrainedPicker, folder: Path) -> None:
    """With ``refit: keep`` no tree has learnt from the newest slices, and the probability follows no market."""
    current = made.run.metrics["current"]
    card = made.artifact.path("card.md").read_text(encoding="utf-8")
    days = {name: format_instant(current[name])[:10] for name in ("train_start", "train_end")}
    slices = {
        name: f"{format_instant(current[name]['start'])[:10]} to {format_instant(current[name]['end'] - 1)[:10]}"
        for name in ("validation", "calibration")
    }

    assert f"- {days['train_start']} to {days['train_end']}, training: the models learnt from it." in card
    assert (f"- {slices['validation']}, validation: weighed the members of the ensemble, was not learnt from.") in card
    assert f"- {slices['calibration']}, calibration: calibrators and thresholds come from it; no model learnt" in card
    assert "all of the past" not in card
    assert "where the market's base rate moves, it does not follow" in card
    assert days["train_end"] < format_instant(current["trained_until"])[:10]
    refit = made.recipe.model_copy(
        update={"models": made.recipe.models.model_copy(update={"refit": "with_validation"})}
    )
    other = published(made.copied(folder.parent), refit, made.run, folder=folder)
    assert "was then learnt from too" in other.path("card.md").read_text(encoding="utf-8")


def test_a_card_below_the_floor_says_that_nothing_is_called(made: TrainedPicker, folder: Path) -> None:
    documents = read_json(folder / "calibration.json")
    documents["xgboost"][-1]["threshold"] |= {"status": "below_floor", "value": None}
    write_json(folder / "calibration.json", documents)

    other = published(made.copied(folder.parent), made.recipe, made.run, folder=folder)

    card = other.path("card.md").read_text(encoding="utf-8")
    assert "**xgboost**: **below the floor**" in card
    assert "nothing is called" in card
    assert other.id != made.artifact.id


def test_every_label_is_told(made: TrainedPicker) -> None:
    told = read_json(made.run.folder / "labels.json")

    assert "horizon_bars" in told[0]
    assert [one["ends_after_bars"] for one in told[1:]] == [10]
    assert "fixed_exit_hit_3_to_5" in told[1]["names"]


def test_figures_stand_for_every_fold(made: TrainedPicker) -> None:
    """Equity H 15: one window says little; each is told, and the report needs no guess from quarters."""
    found = read_json(made.run.folder / "classification.json")["xgboost"]
    scores = pl.read_parquet(made.run.folder / "scores.parquet").filter(pl.col("model") == "xgboost")
    rows = dict(scores.group_by("fold").len().sort("fold").rows())

    judged = {one["fold"]: one["rows"] for one in found["folds"]}
    assert judged.keys() == rows.keys()
    assert all(0 < judged[fold] <= rows[fold] for fold in rows)  # labels after the last bar are not known yet
    assert sum(judged.values()) == found["overall"]["rows"] < sum(rows.values())
    assert sum(one["positives"] for one in found["folds"]) == found["overall"]["positives"]
    for one in found["folds"]:
        assert set(one) == {"fold", *found["overall"]}
    folds = [SimpleNamespace(**one) for one in read_json(made.run.folder / "folds.json")]
    hits = read_hits(made.run.folder, folds)
    assert hits is not None
    (model,) = (one for one in hits.models if one.model == "xgboost")
    assert {fold: figures.calls for fold, figures in model.folds.items()} == {
        one["fold"]: one["calls"] for one in found["folds"]
    }


@pytest.mark.parametrize("name", ["timeline", "reliability", "precision_recall", "quarters"])
def test_pictures_are_well_formed_and_named(made: TrainedPicker, name: str) -> None:
    text = made.artifact.path(f"plots/{name}.svg").read_text(encoding="utf-8")

    root = ET.fromstring(text)
    assert root.tag.endswith("svg")
    assert root.find("{http://www.w3.org/2000/svg}title") is not None


def test_the_chosen_point_and_the_floor_are_drawn(made: TrainedPicker) -> None:
    text = made.artifact.path("plots/precision_recall.svg").read_text(encoding="utf-8")

    assert "floor 35%" in text
    threshold = made.artifact.parts.calibration["xgboost"]["threshold"]
    assert f"threshold {threshold['candidate']:.2f}, " in text


@pytest.mark.parametrize("name", ["contract.json", "evaluation.json", "models/ridge/current"])
def test_a_run_that_lacks_a_file_ships_nothing(made: TrainedPicker, folder: Path, name: str) -> None:
    path = folder / name
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    workspace = made.copied(folder.parent)
    before = len(ArtifactStore(workspace).list())

    with pytest.raises(RunError, match=name):
        published(workspace, made.recipe, made.run, folder=folder)

    assert len(ArtifactStore(workspace).list()) == before
    assert not (folder / "artifact").exists()
