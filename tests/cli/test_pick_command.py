"""``tidegate pick`` and ``tidegate picker``: today's list told, and the original's configuration read."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from command import assert_refused
from tidegate.core.clock import frozen_clock
from tidegate.core.files import write_json
from tidegate.core.recipe import load_recipe
from tidegate.core.time import HOUR, Instant, format_instant
from tidegate.registry import ArtifactStore, RunStore
from trained_picker import TRAINED, TrainedPicker, market, trained_picker

NEWEST = int(market().times[TRAINED - 1])


@pytest.fixture(scope="module")
def made() -> TrainedPicker:
    return trained_picker()


@pytest.fixture
def below_floor(made: TrainedPicker, tmp_path: Path) -> Path:
    """A workspace whose training found no threshold that keeps the promised precision."""
    workspace = made.copied(tmp_path)
    source = Path(shutil.copytree(made.artifact.folder, tmp_path / "source"))
    for own in ("manifest.json", "origin.json"):
        (source / own).unlink()
    document = made.artifact.document("calibration.json")
    document["xgboost"]["threshold"] |= {"status": "below_floor", "value": None, "target_precision": 0.99}
    write_json(source / "calibration.json", document)
    artifact = ArtifactStore(workspace).publish(source, made.artifact.parts, run=made.run.id)
    RunStore(workspace)._set(made.run.id, metrics={**made.run.metrics, "artifact": artifact.id})
    workspace.database.dispose()
    return workspace.root


def test_the_list_of_the_newest_day(tidegate: Any, made: TrainedPicker) -> None:
    with frozen_clock(Instant(NEWEST + HOUR)):
        told = tidegate("pick", made.file, "--workspace", made.workspace.root, "--json").checked().document

    assert (told["run"], told["artifact"], told["model"]) == (made.run.id, made.artifact.id, "xgboost")
    assert told["as_of"] == format_instant(NEWEST)
    assert (told["bars_behind"], told["stale"]) == (0, False)
    assert [one["rank"] for one in told["picks"]] == [1, 2, 3]
    assert all(len(one["reasons"]) == 3 for one in told["picks"])
    assert told["base_rate_of_calibration"] == told["threshold"]["base_rate"]
    assert 0.0 < told["base_rate_today"] < 1.0
    assert told["past_months"]
    assert told["past"].startswith("In ")


def test_the_list_in_words(tidegate: Any, made: TrainedPicker) -> None:
    with frozen_clock(Instant(NEWEST + HOUR)):
        said = tidegate("pick", made.file, "--top", "5", "--workspace", made.workspace.root).checked().out

    assert "STALE" not in said
    assert "mean probability of all names" in said
    assert "on the calibration slice" in said
    assert " raises it" in said or " lowers it" in said
    assert "The same rule in past months, out of sample" in said
    assert made.artifact.id[:12] in said


def test_the_past_is_that_of_the_stored_picks_and_says_so(tidegate: Any, made: TrainedPicker) -> None:
    arguments = ("pick", made.file, "--workspace", made.workspace.root)
    said = " ".join(tidegate(*arguments, "--top", "5").checked().out.split())
    fewer = " ".join(tidegate(*arguments, "--top", "2").checked().out.split())
    told = tidegate(*arguments, "--top", "5", "--json").checked().document

    assert "out of sample: the 3 best of each day, more were not kept" in said
    assert "out of sample: the 2 best of each day" in fewer
    assert "more were not kept" not in fewer
    assert (len(told["picks"]), told["past_top_k"]) == (5, 3)
    assert all(month["picks"] <= 3 * month["days"] for month in told["past_months"])


def test_names_that_tie_with_unlisted_ones_are_marked(tidegate: Any, made: TrainedPicker) -> None:
    """A tree that stopped early gives many names one score; which of them are listed, their names decide."""
    arguments = ("pick", made.file, "--workspace", made.workspace.root)
    everyone = tidegate(*arguments, "--top", "1000", "--json").checked().document["picks"]
    scores = [one["score"] for one in everyone]
    top = next(place for place in range(1, len(scores)) if scores[place - 1] == scores[place])

    listed = tidegate(*arguments, "--top", top, "--json").checked().document["picks"]
    said = " ".join(tidegate(*arguments, "--top", top).checked().out.split())

    expected = [scores[top:].count(one["score"]) for one in listed]
    assert [one["tied_unlisted"] for one in listed] == expected
    assert expected[-1] >= 1
    assert "tied with" in said
    assert all(one["tied_unlisted"] == 0 for one in everyone)


def test_a_training_run_can_be_named(tidegate: Any, made: TrainedPicker) -> None:
    day = format_instant(NEWEST)[:10]
    arguments = ("pick", made.file, "--run", made.run.id, "--as-of", day, "--workspace", made.workspace.root, "--json")

    told = tidegate(*arguments).checked().document

    assert (told["run"], told["as_of"][:10], told["stale"]) == (made.run.id, day, False)


def test_below_the_floor_the_list_is_printed_and_every_line_says_so(
    tidegate: Any, made: TrainedPicker, below_floor: Path
) -> None:
    """Equity I 16, H 19: never a silent default."""
    told = tidegate("pick", made.file, "--workspace", below_floor, "--json").checked().document
    said = tidegate("pick", made.file, "--workspace", below_floor).checked().out

    assert told["below_floor"] is True
    assert [one["mark"] for one in told["picks"]] == ["below floor"] * 3
    assert [one["called"] for one in told["picks"]] == [False] * 3
    assert said.count("below floor") == 3
    assert "NOT met" in said
    assert "base rate" in said
    threshold, flat = told["threshold"], " ".join(said.replace("│", " ").split())
    assert f"calls on {threshold['days']:,} days right (lower bound {threshold['lower']:.1%})" in flat


def test_old_data_are_called_old(tidegate: Any, made: TrainedPicker) -> None:
    with frozen_clock(Instant(int(market().times[TRAINED + 3]))):
        arguments = ("pick", made.file, "--workspace", made.workspace.root)
        said = tidegate(*arguments).checked().out
        told = tidegate(*arguments, "--json").checked().document
        patient = tidegate(*arguments, "--stale-after", "9").checked().out

    assert "STALE: 4 trading days without bars since" in said
    assert (told["stale"], told["bars_behind"]) == (True, 4)
    assert "STALE" not in patient


@pytest.mark.parametrize(
    ("options", "found"),
    [
        (("--as-of", "tomorrow"), "--as-of 'tomorrow'"),
        (("--as-of", "2021-06-01"), "saw labels until"),
        (("--as-of", "2019-01-01"), "no"),
        (("--as-of", "2030-01-01"), f"no bar on 2030-01-01, the newest of a-share on {format_instant(NEWEST)[:10]}"),
        (("--run", "train-nothing"), "no run"),
    ],
)
def test_what_cannot_be_told_is_refused(
    tidegate: Any, made: TrainedPicker, json_output: bool, options: tuple[str, ...], found: str
) -> None:
    flags = ("--json",) if json_output else ()
    done = tidegate("pick", made.file, *options, "--workspace", made.workspace.root, *flags)

    assert found in assert_refused(done, json_output=json_output)["found"]


def test_a_recipe_that_was_never_trained_is_refused(
    tidegate: Any, made: TrainedPicker, tmp_path: Path, json_output: bool
) -> None:
    other = tmp_path / "other.yaml"
    other.write_text(made.file.read_text(encoding="utf-8").replace("trees: 12", "trees: 13"), encoding="utf-8")
    flags = ("--json",) if json_output else ()

    done = tidegate("pick", other, "--workspace", made.workspace.root, *flags)

    assert "tidegate train" in assert_refused(done, json_output=json_output)["hint"]


def test_a_run_without_an_artifact_is_refused(tidegate: Any, made: TrainedPicker, tmp_path: Path) -> None:
    workspace = made.copied(tmp_path)
    metrics = {name: value for name, value in made.run.metrics.items() if name != "artifact"}
    RunStore(workspace)._set(made.run.id, metrics=metrics)
    workspace.database.dispose()

    done = tidegate("pick", made.file, "--workspace", workspace.root)

    assert "no artifact" in assert_refused(done, json_output=False)["found"]


def test_a_damaged_artifact_is_not_used(tidegate: Any, made: TrainedPicker, tmp_path: Path) -> None:
    workspace = made.copied(tmp_path)
    model = workspace.artifacts_folder / made.artifact.id / "models" / "ridge" / "ridge.json"
    model.chmod(0o644)
    model.write_text(model.read_text(encoding="utf-8").replace("1", "2"), encoding="utf-8")
    workspace.database.dispose()

    done = tidegate("pick", made.file, "--workspace", workspace.root)

    assert "models/ridge/ridge.json" in assert_refused(done, json_output=False)["found"]


def test_the_original_configuration_is_told_and_written(tidegate: Any, tmp_path: Path) -> None:
    file, output = tmp_path / "auto_tuned.json", tmp_path / "picker.yaml"
    file.write_text('{"debug": {}, "debug": {}, "data": {"n_stocks": 10}, "depth": 3}', encoding="utf-8")

    said = tidegate("picker", "configuration", file, "--replicate", "--output", output).checked().out
    told = tidegate("picker", "configuration", file, "--json").checked().document

    effects = {one["key"]: one["effect"] for one in told["settings"]}
    assert (effects["data.n_stocks"], effects["debug"], effects["depth"]) == ("used", "inert", "unsupported")
    assert told["repeated"] == ["debug"]
    assert (told["recipe"]["labels"]["target"], told["output"]) == ("hit", None)
    assert "twice or more in the file, the last counts: debug" in said
    recipe = load_recipe(output)
    assert (recipe.universe.first, recipe.labels.target) == (10, "hindsight_hit")


@pytest.mark.parametrize("content", ["", "[]", '{"data": {"n_stocks": "many"}}'])
def test_a_bad_configuration_writes_nothing(tidegate: Any, tmp_path: Path, json_output: bool, content: str) -> None:
    file, output = tmp_path / "auto_tuned.json", tmp_path / "picker.yaml"
    file.write_text(content, encoding="utf-8")
    flags = ("--json",) if json_output else ()

    assert_refused(tidegate("picker", "configuration", file, "-o", output, *flags), json_output=json_output)

    assert not output.exists()


@pytest.mark.parametrize("arguments", [("pick", "--help"), ("picker", "configuration", "--help")])
def test_each_explains_itself(tidegate: Any, arguments: tuple[str, ...]) -> None:
    assert "Examples" in tidegate(*arguments).checked().out


def test_doctor_tells_of_everything_that_a_picker_needs(tidegate: Any, made: TrainedPicker) -> None:
    done = tidegate("doctor", made.file, "--workspace", made.workspace.root, "--json")

    found = {one["check"]: one for one in json.loads(done.out)}
    assert done.exit_code == 0, done.out
    assert {name: found[name]["state"] for name in ("model xgboost", "readiness", "folds", "calibration")} == {
        "model xgboost": "ok",
        "readiness": "ok",
        "folds": "ok",
        "calibration": "ok",
    }
    assert found["data bars/a-share"]["detail"].startswith("24 names, ")
    assert "tests from 2021-10-01" in found["folds"]["detail"]
    assert "GiB" in found["memory and time"]["detail"]


@pytest.mark.parametrize(
    ("old", "new", "check"),
    [
        ("first_test: 2021-10-01", "first_test: 2023-10-01", "folds"),
        ("calibration_months: 2", "calibration_days: 20", "calibration"),
        ("dataset: a-share", "dataset: absent", "data bars/absent"),
    ],
)
def test_doctor_tells_what_a_picker_lacks(
    tidegate: Any, made: TrainedPicker, tmp_path: Path, old: str, new: str, check: str
) -> None:
    other = tmp_path / "other.yaml"
    other.write_text(made.file.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")

    done = tidegate("doctor", other, "--workspace", made.workspace.root, "--json")

    lacking = [one["check"] for one in json.loads(done.out) if one["state"] == "missing"]
    assert (done.exit_code, lacking) == (2, [check])


def test_doctor_without_an_audit_says_what_to_run(tidegate: Any, made: TrainedPicker, tmp_path: Path) -> None:
    other = tmp_path / "other.yaml"
    other.write_text(
        made.file.read_text(encoding="utf-8").replace("quality: {mode: soft}", "quality: {missing_rate: 0.5}"),
        encoding="utf-8",
    )

    done = tidegate("doctor", other, "--workspace", made.workspace.root, "--json")

    found = {one["check"]: one for one in json.loads(done.out)}
    assert (done.exit_code, found["readiness"]["state"]) == (0, "odd")
    assert "tidegate audit readiness" in found["readiness"]["detail"]
