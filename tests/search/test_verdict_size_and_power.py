"""What the verdict promises: noise is luck, a planted edge is found, and the way a market went is no edge."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from tidegate.core.recipe import SearchSettings, StrategySettings, load_recipe
from tidegate.costs import CostModel, resolve_recipe
from tidegate.engine.comparison import equal_weight_of_the_universe
from tidegate.engine.setup import trial_of
from tidegate.engine.sweep import Trial, run_trials
from tidegate.search.luck import EDGE, LUCK
from tidegate.search.sets.plan import planned_sets
from tidegate.search.shelf import CurveFile
from tidegate.testing.luck_markets import Judgement, curves_of, judged, noise_market, noise_returns, planted

MARKETS, PLANTED, DRIFTING, FALLING = 60, 10, 12, 12
MOST_CALLED = 6
"""Of 60 searches on noise: were 3 of 100 called, more than this would be 1 time in 300."""
UNBOUNDED = SearchSettings(constraints={}, feasible_by="point", overfitting_blocks=4, replicates=500)


@cache
def sets_of_the_recipe() -> list[Trial]:
    recipe = resolve_recipe(load_recipe("us-rotation-30"))
    base = recipe.trading().model_copy(update={"risk_off": "cash", "defensives": ()})
    sets = planned_sets(recipe.search, base, seed=recipe.seed)
    return [replace(trial_of(recipe), settings=one.settings) for one in sets]


def invested() -> list[Trial]:
    """Sets that hold shares for all their money and pay nothing: noise that is as good as its benchmark."""
    sizes = ((size, kept) for size in (4, 7, 10) for kept in (0, 3))
    return [Trial(settings=StrategySettings(top_n=size, retain_top_n=kept), costs=CostModel()) for size, kept in sizes]


def searched(seed: int, trials: list[Trial]) -> CurveFile:
    market = noise_market(seed, names=24, bars=750)
    sweep = run_trials(market, trials, initial_cash=30_000.0, periods_per_year=261.0, whole=False)
    sets = len(trials)
    return CurveFile(
        keys=tuple(f"{place:03d}" for place in range(sets)), times=sweep.times, equity=sweep.equity,
        benchmark=equal_weight_of_the_universe(market, trials[0], 0, 30_000.0), counts=sweep.counts,
        orders=sweep.orders, traded=sweep.paid[:, 5], traded_in_training=np.full(sets, np.nan),
    )  # fmt: skip


def test_noise_is_luck() -> None:
    """equity E.10, H 6: of sets without an edge, that cost nothing to hold, few are called one."""
    verdicts = [judged(searched(seed, invested()), UNBOUNDED, seed=7).verdict for seed in range(MARKETS)]

    assert set(verdicts) <= {EDGE, LUCK}
    assert verdicts.count(EDGE) <= MOST_CALLED


def test_the_shipped_search_on_noise_is_luck() -> None:
    """equity E.10: thirty sets with costs, bounds and resampled histories, as the recipe asks."""
    found = [judged(searched(seed, sets_of_the_recipe()), load_recipe("us-rotation-30").search, seed=7)
             for seed in range(4)]  # fmt: skip

    assert [one.verdict for one in found] == [LUCK] * 4
    assert all(one.luck["spa"]["sets"] == 30 for one in found)


@pytest.mark.parametrize("carriers", ["all", "half", "one"])
def test_a_planted_edge_is_found(carriers: str) -> None:
    """equity E.10: a Sharpe ratio of 1.5 over the benchmark, for 12 years, in as many of 30 sets."""
    verdicts = [
        judged(curves_of(planted(noise_returns(seed), sharpe=1.5, carriers=carriers), seed=seed), UNBOUNDED, seed=7)
        for seed in range(PLANTED)
    ]

    assert sum(one.verdict == EDGE for one in verdicts) >= PLANTED - 1


def test_drift_is_no_edge() -> None:
    """equity H 6: held against nothing, noise in a market that rises is called an edge; against it, it is not."""

    def called(*, absolute: bool) -> int:
        files = (
            curves_of(noise_returns(seed, sets=6), seed=seed, drift=0.14, absolute=absolute) for seed in range(DRIFTING)
        )
        return sum(judged(file, UNBOUNDED, seed=7).verdict == EDGE for file in files)

    assert called(absolute=True) >= DRIFTING // 3
    assert called(absolute=False) <= 1


def in_a_falling_market(seed: int, *, sharpe: float) -> Judgement:
    """Sets that hold a fifth of a market that falls by 20 % a year, the first with an edge beside that."""
    excess = planted(noise_returns(seed, sets=6), sharpe=sharpe, carriers="one")
    return judged(curves_of(excess, seed=seed, drift=-0.2, beta=0.2), UNBOUNDED, seed=7)


def test_to_hold_little_while_a_market_falls_is_no_edge() -> None:
    """equity H 6: such noise beats the benchmark beyond all chance, and not what it holds of the benchmark."""
    found = [in_a_falling_market(seed, sharpe=0.0) for seed in range(FALLING)]
    level = UNBOUNDED.level

    beats = [one.luck["spa"]["p_value"] <= level and one.luck["own"]["adjusted_p"] <= level for one in found]
    assert sum(beats) >= FALLING - 2
    assert [one.verdict for one, beat in zip(found, beats, strict=True) if beat].count(LUCK) >= sum(beats) - 1
    assert all(abs(one.luck["matched"]["beta"] - 0.2) < 0.1 for one in found)


def test_an_edge_in_a_falling_market_is_found() -> None:
    """equity E.10: a Sharpe ratio of 1.5 beside what a set holds of the benchmark is an edge there too."""
    found = [in_a_falling_market(seed, sharpe=1.5) for seed in range(PLANTED)]

    assert sum(one.verdict == EDGE and one.row == 0 for one in found) >= PLANTED - 1
