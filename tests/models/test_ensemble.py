from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

from tidegate.core.errors import InputError
from tidegate.core.randomness import generator
from tidegate.core.recipe import EnsembleSettings
from tidegate.models import Ensemble, fit_ensemble
from tidegate.models.instants import percent_places

VALUE, RANK = EnsembleSettings(scale="value"), EnsembleSettings(scale="rank")


def forecasts(members: int = 3, seed: int = 1) -> tuple[dict[str, np.ndarray], np.ndarray, np.ndarray]:
    """Return scores of members of differing skill, what followed, and instants of twenty rows."""
    random = generator(seed, "ensemble")
    target = random.normal(size=400)
    skill = random.uniform(-0.5, 2.0, size=members)
    scores = {f"model-{place}": one * target + random.normal(size=400) for place, one in enumerate(skill)}
    return scores, target, np.arange(400, dtype=np.int64) // 20


@settings(max_examples=40, deadline=None)
@given(members=st.integers(2, 4), seed=st.integers(0, 10_000), scale=st.sampled_from(["value", "rank"]))
def test_no_other_shares_fit_better(members: int, seed: int, scale: Literal["value", "rank"]) -> None:
    """Against a general solver; shares are at least 0 and sum to 1."""
    scores, target, instants = forecasts(members, seed)
    weights = np.array(list(fit_ensemble(EnsembleSettings(scale=scale), scores, target, instants).weights.values()))
    columns = np.column_stack([percent_places(one, instants) if scale == "rank" else one for one in scores.values()])
    wanted = percent_places(target, instants) if scale == "rank" else target

    def error(shares: np.ndarray) -> float:
        return float(np.mean((wanted - columns @ shares) ** 2))

    found = minimize(
        error,
        np.full(members, 1.0 / members),
        method="SLSQP",
        bounds=[(0.0, 1.0)] * members,
        constraints={"type": "eq", "fun": lambda shares: shares.sum() - 1.0},
        options={"ftol": 1e-12},
    )
    assert weights.min() >= 0.0
    assert weights.sum() == pytest.approx(1.0, abs=1e-12)
    assert error(weights) <= found.fun + 1e-7


@pytest.mark.parametrize("seed", range(6))
def test_of_two_the_share_is_the_published_one(seed: int) -> None:
    """Crypto 20.1: ``clip(mean((y - a)(b - a)) / mean((b - a)^2), 0, 1)``."""
    scores, target, instants = forecasts(2, seed)
    one, other = scores.values()
    published = float(np.clip(np.mean((target - one) * (other - one)) / np.mean((other - one) ** 2), 0.0, 1.0))

    assert fit_ensemble(VALUE, scores, target, instants).weights["model-1"] == pytest.approx(published, abs=1e-9)


def test_members_that_say_the_same_share_alike() -> None:
    scores, target, instants = forecasts(1)
    twins = {"ridge": scores["model-0"], "lightgbm": scores["model-0"].copy(), "xgboost": -target}

    assert list(fit_ensemble(RANK, twins, target, instants).weights.values()) == pytest.approx([0.5, 0.5, 0.0])


def test_ranks_do_not_ask_for_a_unit() -> None:
    scores, target, instants = forecasts()
    bent = {kind: np.exp(0.5 * score) for kind, score in scores.items()}
    ensemble = fit_ensemble(RANK, scores, target, instants)

    assert ensemble == fit_ensemble(RANK, bent, target, instants)
    assert np.array_equal(ensemble.combine(scores, instants), ensemble.combine(bent, instants))
    assert 0.0 <= ensemble.combine(scores, instants).min() <= ensemble.combine(scores, instants).max() <= 1.0


def test_shares_are_stored_to_the_bit(tmp_path: Path) -> None:
    scores, target, instants = forecasts()
    ensemble = fit_ensemble(RANK, scores, target, instants)
    ensemble.save(tmp_path)

    assert Ensemble.load(tmp_path) == ensemble
    (tmp_path / "ensemble.json").write_text("{}")
    with pytest.raises(InputError, match="damaged"):
        Ensemble.load(tmp_path)


def test_what_cannot_be_averaged_is_refused() -> None:
    scores, target, instants = forecasts()
    ensemble = fit_ensemble(VALUE, scores, target, instants)

    with pytest.raises(InputError, match="two at least"):
        fit_ensemble(VALUE, {"ridge": target}, target, instants)
    with pytest.raises(InputError, match="one symbol each"):
        fit_ensemble(RANK, scores, target, np.arange(400))
    with pytest.raises(InputError, match="ascending order"):
        fit_ensemble(RANK, scores, target, instants[::-1])
    with pytest.raises(InputError, match="no number"):
        fit_ensemble(VALUE, scores, np.full(400, np.nan), instants)
    with pytest.raises(InputError, match="expected those of model-0, model-1, model-2"):
        ensemble.combine({"model-0": target}, instants)
