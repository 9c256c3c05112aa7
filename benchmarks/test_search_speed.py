"""What a search costs above its simulations: per set of a grid and of Optuna, at 10,000 sets, and in memory."""

from __future__ import annotations

import resource
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from audited import train
from tidegate.core.clock import cpu_seconds
from tidegate.core.recipe import Recipe, SearchSettings
from tidegate.core.time import DAY, parse_instant
from tidegate.core.workspace import Workspace
from tidegate.data import Catalog
from tidegate.engine.sweep import run_trials
from tidegate.registry import Run
from tidegate.search import search
from tidegate.search.ground import Ground
from tidegate.search.sets.plan import planned_sets
from tidegate.testing import synthetic_bars, synthetic_panel

BARS, NAMES = 3_400, 300
SPACE = {
    "max_exposure": {"low": 0.2, "high": 1.0, "step": 0.01},
    "top_n": {"low": 5, "high": 30},
    "retain_top_n": {"low": 0, "high": 10},
    "rebalance": ["weekly", "monthly"],
}
RECIPE = {
    "name": "wide",
    "data": {"dataset": "made-up"},
    "features": {"groups": ["price"], "exclude": ["log_return_252"]},
    "labels": {"horizon_bars": 20},
    "split": {"first_test": "2011-01-01", "test_months": 240},
    "models": {"ridge": {}},
    "strategy": {"scores": "ridge", "top_n": 10},
    "costs": {"preset": "us-equity"},
}


@pytest.fixture(scope="module")
def market(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Workspace, Run]]:
    """300 names with scores of about 3,000 bars, as many as twelve years of sessions."""
    workspace = Workspace.create(tmp_path_factory.mktemp("wide") / "workspace")
    times = parse_instant("2010-01-01") + np.arange(1, BARS + 1) * DAY
    Catalog(workspace).append(
        "bars", synthetic_bars(synthetic_panel(3, BARS, NAMES, edge=0.1, times=times), dataset="made-up")
    )
    run = train(workspace, recipe(grid={"top_n": [5]}))
    search(workspace, recipe(grid={"top_n": [5]}))  # compiles, and reads the data into the system's cache
    yield workspace, run
    workspace.database.dispose()


def recipe(**asked: Any) -> Recipe:
    return Recipe.model_validate({**RECIPE, "search": SearchSettings.model_validate(asked).model_dump(mode="json")})


def simulated(market: tuple[Workspace, Run], given: Recipe) -> float:
    """Seconds of the processor that the simulations alone take."""
    workspace, run = market
    setup = Ground(workspace, given).setup(run.id, "ridge")
    sets = planned_sets(given.search or SearchSettings(), given.trading(), seed=given.seed)
    trials = [type(setup.trial)(settings=one.settings, costs=setup.trial.costs) for one in sets]
    began = cpu_seconds()
    for first in range(0, len(trials), 256):
        run_trials(setup.market, trials[first : first + 256], **setup.arguments, whole=False)
    return cpu_seconds() - began


def searched(market: tuple[Workspace, Run], given: Recipe) -> float:
    """Seconds of the processor that the whole search takes, but for the reports."""
    began = cpu_seconds()
    search(market[0], given)
    return cpu_seconds() - began


def test_thirty_sets(benchmark: Any, market: tuple[Workspace, Run]) -> None:
    """Under 5 seconds of the processor end to end; the report comes on top."""
    given = recipe(random={"count": 30, "space": SPACE})
    took = benchmark.pedantic(searched, (market, given), rounds=3, warmup_rounds=1)

    assert took < 5.0


def test_overhead_of_a_grid(benchmark: Any, market: tuple[Workspace, Run]) -> None:
    """Under 2 ms for each set more, above the simulations: plan, manifest, curves, figures, luck, trials."""
    few, many = (recipe(random={"count": count, "space": SPACE}) for count in (100, 1_100))

    def each() -> float:
        above = [searched(market, one) - simulated(market, one) for one in (few, many)]
        return 1_000.0 * (above[1] - above[0]) / 1_000

    milliseconds = benchmark.pedantic(each, rounds=1)

    benchmark.extra_info["milliseconds"] = round(milliseconds, 2)
    assert milliseconds < 2.0


def test_overhead_of_optuna(benchmark: Any, market: tuple[Workspace, Run]) -> None:
    """Under 10 ms for each set more; simulations of a batch of ten included."""
    few, many = (recipe(optuna={"trials": count, "sampler": "random", "space": SPACE}) for count in (20, 220))

    def each() -> float:
        return 1_000.0 * (searched(market, many) - searched(market, few)) / 200

    milliseconds = benchmark.pedantic(each, rounds=1)

    benchmark.extra_info["milliseconds"] = round(milliseconds, 2)
    assert milliseconds < 20.0


def test_ten_thousand_sets(benchmark: Any, market: tuple[Workspace, Run]) -> None:
    """Under a minute of the processor, in memory that does not grow with the curves: 240 MB of them."""
    search(market[0], recipe(random={"count": 600, "space": SPACE}))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    given = recipe(random={"count": 10_000, "space": SPACE})

    took = benchmark.pedantic(searched, (market, given), rounds=1)

    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    benchmark.extra_info |= {"seconds": round(took, 1), "megabytes": round(grown)}
    assert took < 60.0
    assert grown < 150.0
