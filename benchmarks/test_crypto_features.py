"""The whole crypto contract: three years of ten coins to disk, one row online, and what has to be computed again."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from crypto_market import DAYS, made_up_history
from peak_memory import peak_over

from tidegate.core.history import History
from tidegate.core.recipe import Recipe
from tidegate.core.time import BarInterval
from tidegate.core.workspace import Workspace
from tidegate.features import FeatureBuilder, build_features, market_contract
from tidegate.features.store import BuiltFeatures, Origin, build_stored

CONTRACT = market_contract("crypto", BarInterval("5m"))
RECIPE = Recipe.model_validate(
    {
        "name": "bench",
        "data": {"dataset": "bench", "interval": "5m"},
        "features": {"contract": "crypto"},
        "split": {"first_test": "2017-01-01"},
        "models": {"ridge": {}},
        "strategy": {"scores": "ridge"},
        "costs": {"preset": "crypto-perpetual"},
    }
)
ROWS_ONLINE = 1_000


@pytest.fixture(scope="module")
def history() -> History:
    return made_up_history()


def to_disk(folder: Path, history: History, version: int = 1) -> BuiltFeatures:
    """Build into a workspace, new or not."""
    origin = Origin(recipe=RECIPE, versions={"bars/bench": version})
    return build_stored(Workspace.create(folder / "w"), history, CONTRACT, origin)


def test_disk_memory_and_online_say_the_same(tmp_path: Path) -> None:
    history = made_up_history(45)
    built = build_features(history, CONTRACT).values
    builder = FeatureBuilder(history, CONTRACT)
    np.testing.assert_array_equal(to_disk(tmp_path, history).stored.values, built)
    for row in np.random.default_rng(3).integers(0, len(built), 100).tolist():
        np.testing.assert_array_equal(builder.rows(row, row + 1)[0], built[row])


def test_three_years_to_disk(
    benchmark: Any, history: History, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    built = benchmark.pedantic(to_disk, (tmp_path, history), rounds=1)
    values = built.stored.values
    with capsys.disabled():
        print(f"\n{values.shape} = {values.nbytes / 2**30:.2f} GiB in {built.computed} blocks")


def test_a_day_appended(benchmark: Any, history: History, tmp_path: Path) -> None:
    """A day less of everything is there already."""
    earlier = history.until(int(history.bars.times[-289]))
    to_disk(tmp_path, earlier)
    built = benchmark.pedantic(to_disk, (tmp_path, history, 2), rounds=1)
    assert built.computed == 1


def test_one_row_online(benchmark: Any, history: History, capsys: pytest.CaptureFixture[str]) -> None:
    """The builder is kept, as a service keeps it; each row is another instant."""
    builder = FeatureBuilder(history, CONTRACT)
    rows = iter(np.random.default_rng(4).integers(CONTRACT.lookback_bars, len(history.bars.times), ROWS_ONLINE + 20))
    used = []

    def one() -> None:
        row = int(next(rows))
        began = time.process_time()
        builder.rows(row, row + 1)
        used.append(time.process_time() - began)

    benchmark.pedantic(one, rounds=ROWS_ONLINE, warmup_rounds=20)
    median, last = np.percentile(np.array(used[20:]) * 1e3, [50, 99])
    with capsys.disabled():
        print(f"\none row of {CONTRACT.dimension} features of 10 symbols: median {median:.1f} ms, p99 {last:.1f} ms")


def test_peak_memory(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Beyond bars and tables, which are there before."""
    before = f"from test_crypto_features import *\nhistory = made_up_history({DAYS})"
    grown = peak_over(before=before, step=f"to_disk(Path({str(tmp_path)!r}), history)", against="2**30")
    with capsys.disabled():
        print(f"\nbuilding to disk grows the peak by {grown:.2f} GiB")
