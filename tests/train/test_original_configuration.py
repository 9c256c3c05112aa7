"""The original trainer's configuration: every key accounted for, nothing guessed (equity G.2)."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.core.config import parse_settings
from tidegate.core.errors import InputError
from tidegate.core.recipe import Recipe, load_recipe
from tidegate.strategy.lean_effects import Effect
from tidegate.train.original_configuration import OriginalConfiguration, load_configuration

PUBLISHED: dict[str, Any] = {
    "description": "Optuna tuning",
    "data": {
        "start_date": "2023-01-01",
        "end_date": "2024-12-31",
        "min_return_threshold": 0.04,
        "prediction_days": [3, 4, 5],
        "n_stocks": 150,
        "max_samples": 5000,
    },
    "optuna": {
        "n_trials": 50,
        "timeout": 3600,
        "direction": "maximize",
        "metric": "auc",
        "cv_folds": 3,
        "early_stopping_rounds": 50,
        "save_study": True,
    },
    "threshold": {"target_precision": 0.60, "threshold_range": [0.15, 0.45], "threshold_step": 0.01},
    "model": {"tree_method": "hist", "max_bin": 128, "use_label_encoder": False},
    "memory_optimization": {"use_float32": True},
    "feature_engineering": {"ma": [5, 10, 20]},
    "optimization_goals": {"auc": 0.65, "precision": 0.60, "recall": 0.15},
    "expected_performance": {"auc": [0.60, 0.75]},
    "debug": {"verbose": True},
}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "auto_tuned.json"


def loaded(file: Path, content: object, *, replicate: bool = False) -> OriginalConfiguration:
    file.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return load_configuration(file, replicate=replicate)


def test_the_published_configuration_becomes_a_recipe(file: Path) -> None:
    found = loaded(file, PUBLISHED)
    recipe = found.recipe

    assert (recipe.data.start, recipe.data.end) == (date(2023, 1, 1), date(2024, 12, 31))
    touch = recipe.labels.touch
    assert (touch.rise, touch.first_day, touch.last_day, recipe.labels.horizon_bars) == (0.04, 3, 5, 5)
    assert recipe.universe.first == 150
    assert recipe.tune is not None
    assert (recipe.tune.trials, recipe.tune.minutes, recipe.tune.metric, recipe.tune.inner_folds) == (
        50,
        60.0,
        "auc",
        3,
    )
    assert recipe.models.xgboost is not None
    assert (recipe.models.xgboost.maximum_bins, recipe.models.xgboost.early_stopping_rounds) == (128, 50)
    calibrate = recipe.calibrate
    assert calibrate is not None
    assert (calibrate.target_precision, calibrate.threshold_low, calibrate.threshold_high) == (0.60, 0.15, 0.45)
    assert calibrate.threshold_step == 0.01
    assert (recipe.labels.target, calibrate.rule) == ("hit", "wilson")


def test_every_key_is_accounted_for(file: Path) -> None:
    found = loaded(file, PUBLISHED)

    inert = set(found.keys_that_are(Effect.INERT))
    assert inert == {
        "description",
        "data.max_samples",
        "optuna.save_study",
        "model.use_label_encoder",
        "memory_optimization",
        "feature_engineering",
        "optimization_goals",
        "expected_performance",
        "debug",
    }
    assert found.keys_that_are(Effect.UNSUPPORTED) == ()
    assert all(one.why == "never read by the original" for one in found.settings if one.effect is Effect.INERT)
    given_keys = {name for name, value in PUBLISHED.items() if name not in ("data", "optuna", "threshold", "model")}
    given_keys |= {f"{part}.{key}" for part in ("data", "optuna", "threshold", "model") for key in PUBLISHED[part]}
    assert {one.key for one in found.settings} == given_keys


def test_what_is_missing_takes_the_defaults_of_the_original(file: Path) -> None:
    found = loaded(file, {})

    assert found.recipe.universe.first == 150
    assert found.recipe.tune is not None
    assert found.recipe.tune.minutes == 60.0
    assert all(one.given is None and one.why.startswith("missing: ") for one in found.settings)


def test_replication_takes_the_label_and_the_rule_too(file: Path) -> None:
    recipe = loaded(file, PUBLISHED, replicate=True).recipe

    assert recipe.labels.target == "hindsight_hit"
    assert recipe.calibrate is not None
    assert (recipe.calibrate.rule, recipe.calibrate.method) == ("point", "none")


@pytest.mark.parametrize(
    ("metric", "expected"), [("auc", ("auc", 0.5)), ("f1", ("f_beta", 1.0)), ("precision", ("average_precision", 0.5))]
)
def test_metrics_are_named(file: Path, metric: str, expected: tuple[str, float]) -> None:
    tune = loaded(file, {"optuna": {"metric": metric}}).recipe.tune

    assert tune is not None
    assert (tune.metric, tune.beta) == expected


@pytest.mark.parametrize("replicate", [False, True])
def test_the_written_recipe_reads_back(file: Path, tmp_path: Path, replicate: bool) -> None:
    found = loaded(file, PUBLISHED, replicate=replicate)
    path = tmp_path / "recipe.yaml"
    path.write_text(found.text, encoding="utf-8")

    assert load_recipe(path) == found.recipe
    assert "first: 150  # data.n_stocks" in found.text


def test_dates_without_the_shipped_test_divide_the_time_once(file: Path) -> None:
    split = loaded(file, {"data": {"start_date": "2020-01-01", "end_date": "2022-12-31"}}).recipe.split

    assert (split.scheme, split.fractions) == ("holdout", (0.6, 0.1, 0.1, 0.2))


def test_keys_that_stand_twice_are_told_and_the_last_counts(file: Path) -> None:
    """The published files repeat "description"."""
    found = loaded(file, '{"data": {"n_stocks": 10, "description": "a", "n_stocks": 20, "description": "b"}}')

    assert found.repeated == ("n_stocks", "description")
    assert found.recipe.universe.first == 20


@pytest.mark.parametrize(
    ("content", "key"),
    [
        ({"optuna": {"direction": "minimize"}}, "optuna.direction"),
        ({"model": {"tree_method": "exact"}}, "model.tree_method"),
        ({"model": {"max_depth": 3}}, "model.max_depth"),
        ({"datas": {"n_stocks": 3}}, "datas"),
    ],
)
def test_what_cannot_be_had_is_told(file: Path, content: dict[str, Any], key: str) -> None:
    found = loaded(file, content)

    assert found.keys_that_are(Effect.UNSUPPORTED) == (key,)
    assert f"# unsupported: {key} (" in found.text


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "[]",
        "null",
        '{"data": []}',
        '{"data": {"n_stocks": NaN}}',
        '{"data": {"n_stocks": 0}}',
        '{"data": {"n_stocks": true}}',
        '{"data": {"n_stocks": null}}',
        '{"data": {"start_date": "yesterday"}}',
        '{"data": {"start_date": "2024-01-01", "end_date": "2023-01-01"}}',
        '{"data": {"prediction_days": []}}',
        '{"data": {"prediction_days": [1]}}',
        '{"data": {"prediction_days": [3, "4"]}}',
        '{"data": {"prediction_days": 5}}',
        '{"data": {"min_return_threshold": 4}}',
        '{"optuna": {"timeout": 0}}',
        '{"optuna": {"metric": "accuracy"}}',
        '{"optuna": {"n_trials": 1e3}}',
        '{"threshold": {"threshold_range": [0.45, 0.15]}}',
        '{"threshold": {"threshold_range": [0.15]}}',
        '{"threshold": {"target_precision": 60}}',
        '{"model": {"max_bin": 1}}',
        '{"x": "\\ud800"}',
    ],
)
def test_a_bad_file_is_an_error_and_not_the_defaults(file: Path, content: str) -> None:
    """The original went on with its defaults and a line in a log."""
    with pytest.raises(InputError):
        loaded(file, content)


def test_binary_content_and_no_file_are_errors(file: Path, tmp_path: Path) -> None:
    file.write_bytes(b"\xff\xfe\x00")

    for path in (file, tmp_path / "absent.json", tmp_path):
        with pytest.raises(InputError):
            load_configuration(path)


def test_a_key_cannot_leave_its_comment(file: Path) -> None:
    found = loaded(file, {"x\nseed: 99\u2028#": 1})

    assert found.recipe.seed == load_recipe("ashare-picker").seed
    assert sum(line.startswith("seed:") for line in found.text.splitlines()) == 1


keys = st.sampled_from(sorted({key for part in ("data", "optuna", "threshold", "model") for key in PUBLISHED[part]}))
values = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.lists(st.integers(), max_size=3)
)
parts = st.dictionaries(keys | st.text(max_size=4), values, max_size=4)


@given(st.dictionaries(st.sampled_from(["data", "optuna", "threshold", "model", "other"]), parts | values, max_size=4))
def test_whatever_stands_in_the_file_is_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, content: dict[str, Any]
) -> None:
    file = tmp_path_factory.mktemp("any") / "any.json"
    file.write_text(json.dumps(content), encoding="utf-8")

    try:
        found = load_configuration(file)
    except InputError:
        return
    assert parse_settings(found.text, Recipe, source="again") == found.recipe


@pytest.mark.parametrize("step", [0.0, 1e-300, 1e-9, 0.00009, 0.6])
def test_a_step_that_no_recipe_takes_is_refused(file: Path, step: float) -> None:
    with pytest.raises(InputError, match=r"threshold\.threshold_step = .*expected a step from 0\.0001 to 0\.5"):
        loaded(file, {"threshold": {"threshold_step": step}})


@pytest.mark.parametrize("step", [0.0001, 0.5])
def test_steps_that_a_recipe_takes_are_taken(file: Path, step: float) -> None:
    calibrate = loaded(file, {"threshold": {"threshold_step": step}}).recipe.calibrate

    assert calibrate is not None
    assert calibrate.threshold_step == step


def test_a_byte_order_mark_is_no_fault(file: Path) -> None:
    plain = loaded(file, PUBLISHED)
    file.write_bytes(b"\xef\xbb\xbf" + json.dumps(PUBLISHED).encode())

    assert load_configuration(file) == plain
