from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tidegate.core.errors import InputError
from tidegate.core.randomness import generator
from tidegate.core.recipe import LightgbmSettings
from tidegate.models import GradientBoosting
from tidegate.models.stored import write_model


def rows(count: int = 2000) -> tuple[np.ndarray, np.ndarray]:
    random = generator(2, "trees")
    features = random.normal(size=(count, 6)).astype(np.float32)
    return features, np.sin(features[:, 0]) * features[:, 1] + 0.1 * random.normal(size=count)


def small(**changes: float) -> LightgbmSettings:
    return LightgbmSettings(**{"trees": 30, "minimum_leaf_rows": 20, **changes})


def fit(settings: LightgbmSettings, seed: int = 7) -> np.ndarray:
    features, target = rows()
    return GradientBoosting(settings, seed=seed).fit(features, target).predict(features)


def test_the_fraction_of_rows_is_active() -> None:
    """Equity C.9: without a bagging frequency the fraction was ignored."""
    full = small(row_fraction=1.0, feature_fraction=1.0)
    bagged = small(row_fraction=0.5, feature_fraction=1.0)

    assert not np.array_equal(fit(full), fit(bagged))


def test_the_seed_decides_what_is_drawn() -> None:
    assert not np.array_equal(fit(small(), seed=1), fit(small(), seed=2))


@pytest.mark.parametrize(
    "changed",
    [
        {"trees": 10},
        {"learning_rate": 0.1},
        {"leaves": 4},
        {"minimum_leaf_rows": 300},
        {"feature_fraction": 0.4},
        {"maximum_depth": 2},
        {"l1_penalty": 50.0},
        {"l2_penalty": 100.0},
        {"minimum_gain": 50.0},
        {"maximum_bins": 7},
    ],
    ids=lambda changed: next(iter(changed)),
)
def test_every_setting_has_an_effect(changed: dict[str, float]) -> None:
    assert not np.array_equal(fit(small()), fit(small(**changed)))


def test_it_learns_what_a_line_cannot() -> None:
    features, target = rows()
    forecast = GradientBoosting(small(trees=200)).fit(features, target).predict(features)

    assert np.corrcoef(forecast, target)[0, 1] > 0.9


def test_a_file_that_is_no_model_is_refused(tmp_path: Path) -> None:
    write_model(tmp_path, "lightgbm", "lightgbm.txt", "not a forest\n")

    with pytest.raises(InputError, match="train again"):
        GradientBoosting.load(tmp_path)


def test_untrained_trees_have_nothing_to_say() -> None:
    with pytest.raises(InputError, match="not fitted"):
        GradientBoosting(small()).importance()


def test_lightgbm_is_loaded_on_first_use_only() -> None:
    probe = "import sys, tidegate.models; sys.exit('lightgbm' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", probe], check=False).returncode == 0


def test_a_machine_without_the_openmp_runtime_is_told_what_to_install() -> None:
    code = """
import ctypes
def fail(*arguments): raise OSError("libgomp.so.1: cannot open shared object file")
ctypes.cdll.LoadLibrary = fail
from tidegate.core.errors import InputError
from tidegate.models import require_boosting
try:
    require_boosting()
except InputError as error:
    print(error)
"""
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert "libgomp.so.1" in said
    assert "install libgomp1" in said
