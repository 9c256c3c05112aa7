"""What holds for every kind of forecaster, and what the shipped suite sees in broken ones."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tidegate.core.errors import InputError
from tidegate.core.files import read_json, write_json
from tidegate.core.randomness import generator
from tidegate.core.recipe import LightgbmSettings, ModelSettings, RidgeSettings, XgboostSettings
from tidegate.models import Forecaster, GradientBoosting, Ridge, load_forecaster, make_forecaster
from tidegate.testing import check_forecaster

SETTINGS = ModelSettings(
    ridge=RidgeSettings(),
    lightgbm=LightgbmSettings(trees=60, minimum_leaf_rows=10),
    xgboost=XgboostSettings(trees=60),
)
kinds = pytest.mark.parametrize("kind", SETTINGS.members)


def make(kind: str, **choice: bool) -> Callable[[int], Forecaster]:
    return lambda threads: make_forecaster(kind, SETTINGS, seed=7, threads=threads, **choice)


def rows(count: int = 400, width: int = 4) -> tuple[np.ndarray, np.ndarray]:
    random = generator(3, "rows")
    features = random.normal(size=(count, width)).astype(np.float32)
    return features, features @ np.arange(1.0, width + 1.0) + random.normal(size=count)


@kinds
def test_the_shipped_suite_passes(kind: str) -> None:
    check_forecaster(make(kind))


@kinds
def test_the_shipped_suite_passes_on_a_target_of_0_and_1(kind: str) -> None:
    check_forecaster(make(kind, binary=True), target="binary")


@pytest.mark.parametrize("kind", ["lightgbm", "xgboost"])
def test_the_shipped_suite_passes_on_an_order_within_instants(kind: str) -> None:
    section = getattr(SETTINGS, kind).model_copy(update={"objective": "lambdarank"})
    settings = ModelSettings(**{kind: section})

    check_forecaster(lambda threads: make_forecaster(kind, settings, seed=7, threads=threads), target="order")


class Forgetful(Ridge):
    """Fills missing values with the mean of the rows at hand, so neighbours decide about each other."""

    def predict(self, features: np.ndarray) -> np.ndarray:
        return super().predict(np.where(np.isnan(features), np.nanmean(features, axis=0), features))


class Tampering(Ridge):
    def fit(self, features: np.ndarray, target: np.ndarray, **more: Any) -> Tampering:
        features[np.isnan(features)] = 0.0
        return super().fit(features, target, **more)


class Deaf(Ridge):
    def fit(self, features: np.ndarray, target: np.ndarray, **more: Any) -> Deaf:
        return super().fit(features, target[::-1].copy(), **more)


class Lenient(Ridge):
    def fit(self, features: np.ndarray, target: np.ndarray, **more: Any) -> Lenient:
        return super().fit(features, np.nan_to_num(target), **more)


class Even(Ridge):
    """Ignores weights."""

    def fit(self, features: np.ndarray, target: np.ndarray, *, weight: Any = None, **more: Any) -> Even:
        return super().fit(features, target, weight=None if weight is None else np.ones_like(weight), **more)


class Curious(Ridge):
    """Learns from the rows that it should only watch (crypto D-40)."""

    def fit(self, features: np.ndarray, target: np.ndarray, *, validation: Any = None, **more: Any) -> Curious:
        if validation is not None:
            target = (target + validation.target) / 2.0
        return super().fit(features, target, **more)


class Boastful(Ridge):
    def contributions(self, features: np.ndarray) -> np.ndarray:
        return 2.0 * super().contributions(features)


class Hasty(Ridge):
    """Learns from the first piece of a source."""

    def fit(self, features: Any, target: np.ndarray, **more: Any) -> Hasty:
        if isinstance(features, np.ndarray):
            return super().fit(features, target, **more)
        return super().fit(features[:300], target[:300])


@pytest.mark.filterwarnings("ignore:Mean of empty slice")
@pytest.mark.parametrize(
    ("broken", "promise"),
    [
        (Forgetful, "beside it"),
        (Tampering, "stay as they are"),
        (Deaf, "planted signal"),
        (Lenient, "missing target is refused"),
        (Even, "weight 0 teaches nothing"),
        (Curious, "nothing is fitted to validation rows"),
        (Boastful, "contributions sum to the forecast"),
        (Hasty, "from a source teach"),
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
    assert np.array_equal(loaded.contributions(features), model.contributions(features))
    assert loaded.rounds == model.rounds


@kinds
def test_nothing_to_forecast_is_no_error(kind: str) -> None:
    features, target = rows()

    model = make(kind)(1).fit(features, target)

    assert model.predict(features[:0]).shape == (0,)
    assert model.contributions(features[:0]).shape == (0, 5)


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
