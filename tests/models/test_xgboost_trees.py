"""What is particular to XGBoost; what both kinds of boosted trees share is tested beside their preparation."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from boosted_rows import as_rows, market
from tidegate.core.errors import InputError
from tidegate.core.recipe import XgboostSettings
from tidegate.models import XgboostTrees
from tidegate.models.stored import write_model


def small(**changes: Any) -> XgboostSettings:
    return XgboostSettings(**{"trees": 30, "learning_rate": 0.1, "maximum_depth": 4, **changes})


def fit(settings: XgboostSettings, *, seed: int = 7, binary: bool = False, **more: Any) -> np.ndarray:
    features, outcome = market()
    target = as_rows(features, outcome, "classification").target if binary else outcome
    return XgboostTrees(settings, seed=seed, binary=binary).fit(features, target, **more).predict(features)


@pytest.mark.parametrize(
    "changed",
    [
        {"trees": 10},
        {"learning_rate": 0.2},
        {"maximum_depth": 2},
        {"minimum_child_weight": 300.0},
        {"row_fraction": 0.4},
        {"feature_fraction": 0.4},
        {"l1_penalty": 50.0},
        {"l2_penalty": 100.0},
        {"minimum_gain": 50.0},
        {"maximum_bins": 7},
    ],
    ids=lambda changed: next(iter(changed)),
)
def test_every_setting_has_an_effect(changed: dict[str, float]) -> None:
    assert not np.array_equal(fit(small()), fit(small(**changed)))


def test_the_seed_decides_what_is_drawn() -> None:
    """Equity H 19: the original trained without a seed."""
    assert not np.array_equal(fit(small(), seed=1), fit(small(), seed=2))


def test_ones_count_as_much_as_is_asked() -> None:
    plain, heavy = fit(small(), binary=True), fit(small(positive_weight=5.0), binary=True)

    assert heavy.mean() > plain.mean() + 0.1


def test_a_weight_of_ones_needs_ones() -> None:
    with pytest.raises(InputError, match="no class to weigh"):
        fit(small(positive_weight=2.0))


def test_before_the_first_tree_stands_the_weighted_mean() -> None:
    """The library's own guess is made from sums over several threads; ours is handed to it."""
    features, outcome = market()
    weight = np.where(outcome > 0.0, 3.0, 1.0)
    model = XgboostTrees(small(trees=1, learning_rate=1e-6)).fit(features, outcome, weight=weight)

    np.testing.assert_allclose(model.predict(features), np.average(outcome, weights=weight), rtol=1e-4)


def test_an_infinite_feature_is_refused() -> None:
    features, outcome = market(100)
    features[3, 0] = np.inf

    with pytest.raises(InputError, match="infinite"):
        XgboostTrees(small()).fit(features, outcome)


def test_the_library_has_understood_every_parameter() -> None:
    """Equity G.11: tree method, bins and objective fell back to defaults in silence."""
    features, outcome = market(500)
    rows = as_rows(features, outcome, "classification")
    settings = small(maximum_bins=40, minimum_child_weight=3.0, l1_penalty=0.3, l2_penalty=2.5, minimum_gain=0.01)
    model = XgboostTrees(settings, seed=5, binary=True).fit(features, rows.target)
    asked = json.loads(model._booster.attr("parameters"))

    import xgboost

    again = xgboost.train({**asked, "validate_parameters": True}, xgboost.DMatrix(features, rows.target), 1)
    understood = flat(json.loads(again.save_config()))
    words = {"learning_rate": "eta", "trees": None, "booster": None, "base_score": None, "eval_metric": None}
    for name, value in asked.items():
        known = words.get(name, name)
        if known is not None and isinstance(value, int | float):
            assert float(understood[known]) == pytest.approx(float(value)), name


def flat(config: Any) -> dict[str, Any]:
    if not isinstance(config, dict):
        return {}
    leaves = {name: value for name, value in config.items() if not isinstance(value, dict | list)}
    for value in config.values():
        leaves |= flat(value)
    return leaves


def test_a_file_that_is_no_model_is_refused(tmp_path: Path) -> None:
    write_model(tmp_path, "xgboost", "xgboost.ubj", b"not a forest")

    with pytest.raises(InputError, match="train again"):
        XgboostTrees.load(tmp_path)


def test_untrained_trees_have_nothing_to_say() -> None:
    with pytest.raises(InputError, match="not fitted"):
        XgboostTrees(small()).importance()


def test_libraries_of_boosted_trees_are_loaded_on_first_use_only() -> None:
    probe = "import sys, tidegate.models; sys.exit(bool({'lightgbm', 'xgboost', 'scipy'} & set(sys.modules)))"

    assert subprocess.run([sys.executable, "-c", probe], check=False).returncode == 0
