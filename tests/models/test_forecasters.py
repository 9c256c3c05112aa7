"""What holds for every kind of forecaster, and what the shipped suite sees in broken ones."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tidegate.core.errors import InputError
from tidegate.core.files import read_json, write_json
from tidegate.core.randomness import generator
from tidegate.core.recipe import LightgbmSettings, ModelSettings, RidgeSettings
from tidegate.models import Forecaster, GradientBoosting, Ridge, load_forecaster, make_forecaster
from tidegate.testing import check_forecaster

SETTINGS = ModelSettings(ridge=RidgeSettings(), lightgbm=LightgbmSettings(trees=60, minimum_leaf_rows=10))
kinds = pytest.mark.parametrize("kind", SETTINGS.kinds)


def make(kind: str) -> Callable[[int], Forecaster]:
    return lambda threads: make_forecaster(kind, SETTINGS, seed=7, threads=threads)


def rows(count: int = 400, width: int = 4) -> tuple[np.ndarray, np.ndarray]:
    random = generator(3, "rows")
    features = random.normal(size=(count, width)).astype(np.float32)
    return features, features @ np.arange(1.0, width + 1.0) + random.normal(size=count)


@kinds
def test_the_shipped_suite_passes(kind: str) -> None:
    check_forecaster(make(kind))


class Forgetful(Ridge):
    """Fills missing values with the mean of the rows at hand, so neighbours decide about each other."""

    def predict(self, features: np.ndarray) -> np.ndarray:
        return super().predict(np.where(np.isnan(features), np.nanmean(features, axis=0), features))


class Tampering(Ridge):
    def fit(self, features: np.ndarray, target: np.ndarray) -> Tampering:
        features[np.isnan(features)] = 0.0
        return super().fit(features, target)


class Deaf(Ridge):
    def fit(self, features: np.ndarray, target: np.ndarray) -> Deaf:
        return super().fit(features, target[::-1].copy())


class Lenient(Ridge):
    def fit(self, features: np.ndarray, target: np.ndarray) -> Lenient:
        return super().fit(features, np.nan_to_num(target))


@pytest.mark.filterwarnings("ignore:Mean of empty slice")
@pytest.mark.parametrize(
    ("broken", "promise"),
    [
        (Forgetful, "beside it"),
        (Tampering, "stay as they are"),
        (Deaf, "planted signal"),
        (Lenient, "missing target is refused"),
    ],
)
def test_the_suite_sees_a_broken_forecaster(broken: type[Ridge], promise: str) -> None:
    with pytest.raises(AssertionError, match=promise):
        check_forecaster(lambda _: broken(RidgeSettings()))


@kinds
def test_files_are_the_same_for_any_number_of_threads(kind: str, tmp_path: Path) -> None:
    features, target = rows()
    for threads in (1, 2):
        make(kind)(threads).fit(features, target).save(tmp_path / str(threads))

    one, two = (sorted((tmp_path / threads).iterdir()) for threads in ("1", "2"))
    assert [file.read_bytes() for file in one] == [file.read_bytes() for file in two]


@kinds
def test_a_stored_model_is_loaded_by_its_own_kind(kind: str, tmp_path: Path) -> None:
    features, target = rows()
    model = make(kind)(1).fit(features, target)
    model.save(tmp_path)
    loaded = load_forecaster(tmp_path)

    assert type(loaded) is type(model)
    assert np.array_equal(loaded.predict(features), model.predict(features))
    assert np.array_equal(loaded.importance(), model.importance())


@kinds
def test_nothing_to_forecast_is_no_error(kind: str) -> None:
    features, target = rows()

    assert make(kind)(1).fit(features, target).predict(features[:0]).shape == (0,)


@kinds
def test_where_nothing_can_be_learned_all_features_matter_alike(kind: str) -> None:
    features, target = rows()
    model = make(kind)(1).fit(np.ones_like(features), np.zeros_like(target))

    assert model.importance().tolist() == [0.25] * 4
    assert model.predict(features).tolist() == [0.0] * len(features)


@kinds
@pytest.mark.parametrize("cut", [0, 7], ids=["no row", "another length"])
def test_rows_that_do_not_fit_are_refused(kind: str, cut: int) -> None:
    features, target = rows()

    with pytest.raises(InputError, match="at least one row"):
        make(kind)(1).fit(features[:cut], target[:0])


def test_only_what_the_recipe_names_is_made() -> None:
    with pytest.raises(InputError, match="no settings for a model 'lightgbm'"):
        make_forecaster("lightgbm", ModelSettings(ridge=RidgeSettings()), seed=1)
    with pytest.raises(InputError, match="'oracle'"):
        make_forecaster("oracle", SETTINGS, seed=1)


def test_a_model_of_another_kind_is_refused(tmp_path: Path) -> None:
    Ridge(RidgeSettings()).fit(*rows()).save(tmp_path)

    with pytest.raises(InputError, match="a model of kind 'ridge'"):
        GradientBoosting.load(tmp_path)


@pytest.mark.parametrize("damage", ["nothing there", "no manifest", "unknown kind", "no native file", "path outside"])
def test_a_folder_without_a_whole_model_is_refused(tmp_path: Path, damage: str) -> None:
    if damage != "nothing there":
        Ridge(RidgeSettings()).fit(*rows()).save(tmp_path)
    manifest = tmp_path / "model.json"
    if damage == "no manifest":
        write_json(manifest, ["no", "manifest"])
    elif damage == "unknown kind":
        write_json(manifest, {**read_json(manifest), "kind": "oracle"})
    elif damage == "no native file":
        (tmp_path / "ridge.json").unlink()
    elif damage == "path outside":
        write_json(manifest, {**read_json(manifest), "file": "/etc/hostname"})

    with pytest.raises(InputError):
        load_forecaster(tmp_path)
