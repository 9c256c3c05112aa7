"""Training the A-share picker: the original's work in both forms, assembly of every share, and one day scored."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ashare_original import AS_IT_WAS, Defects, Rows, read_rows, train_original
from picker_ideas import alone, read_history
from sklearn.metrics import roc_auc_score

from tidegate.core.history import History
from tidegate.core.recipe import Recipe, load_recipe
from tidegate.costs import resolve_recipe
from tidegate.split import splitter_for
from tidegate.train.dataset import Dataset, assemble, labels_of
from tidegate.train.fold_fit import FittedFold, fit_fold

HERE = Path(__file__).parent
DATA = Path(os.environ.get("TIDEGATE_TEST_DATA", HERE.parents[1] / "shared" / "data")) / "ashare_daily.parquet"
STOCKS, TRIALS, ROUNDS = 150, 10, 3
ONE_THREAD = {**os.environ, "OMP_NUM_THREADS": "1", "POLARS_MAX_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE"}


def printed(*command: str | Path) -> str:
    """Return what a program of this folder or of the environment prints, run with one thread."""
    words = [sys.executable, *map(str, command)]
    done = subprocess.run(words, cwd=HERE, env=ONE_THREAD, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


@pytest.fixture(scope="module")
def market(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with every share of the daily file."""
    if not DATA.exists():
        pytest.skip("the A-share file is not on this machine")
    workspace = tmp_path_factory.mktemp("training") / "cn"
    printed("-m", "tidegate", "init", "--workspace", workspace)
    ingest = ["ingest", "ohlcv", DATA, "--preset", "tushare-daily", "--workspace", workspace]
    printed("-m", "tidegate", *ingest)
    return workspace


@pytest.fixture(scope="module")
def recipe() -> Recipe:
    return alone(resolve_recipe(load_recipe("ashare-picker")))


@pytest.fixture(scope="module")
def everyone(market: Path, recipe: Recipe) -> History:
    return read_history(market, recipe)


@pytest.fixture(scope="module")
def assembled(everyone: History, recipe: Recipe) -> Dataset:
    return assemble(everyone, recipe)


@pytest.fixture(scope="module")
def fitted(everyone: History, recipe: Recipe) -> tuple[FittedFold, Dataset]:
    calibrated = recipe.model_copy(update={"calibrate": load_recipe("ashare-picker").calibrate})
    few = History(everyone.bars.take(everyone.bars.symbols[:STOCKS]), everyone.tables)
    data = assemble(few, calibrated)
    fold = splitter_for(calibrated.split).split(data.times, data.labels.spans)[-1]
    return fit_fold(calibrated, few, data, fold), data


@pytest.fixture(scope="module")
def rows() -> Rows:
    if not DATA.exists():
        pytest.skip("the A-share file is not on this machine")
    return read_rows(DATA, STOCKS)


def test_the_original_is_told_as_it_was(rows: Rows) -> None:
    """Equity G.3 to G.8, and the table of the parts in its section 4: every part holds every day."""
    answer = train_original(rows, trials=1)
    assert [len(part) for part in (answer.train, answer.tuning, answer.test)] == [32_280, 10_760, 10_760]
    assert answer.figures["test_days_shared_with_training"] == 1.0
    assert len(np.intersect1d(rows.code[answer.train], rows.code[answer.test])) == 0
    label = answer.label[answer.test]
    assert answer.figures["auc"] == pytest.approx(roc_auc_score(label, answer.probability))
    last = np.flatnonzero(np.diff(rows.code, append=-1))
    assert np.all(answer.label[last] == 0.0)
    place = int(answer.test[100])
    close = rows.columns["close"]
    assert answer.label[place] == float(max(close[place + 3 : place + 6]) / close[place] - 1.0 >= 0.04)
    np.testing.assert_allclose(
        answer.features[place, :3], [close[place - n + 1 : place + 1].mean() for n in (5, 10, 20)]
    )


def test_a_split_by_date_shares_no_day(rows: Rows) -> None:
    answer = train_original(rows, trials=1, defects=Defects(split_by_code=False, zeros_for_unknown=False))
    assert rows.date[answer.train].max() + 5 < rows.date[answer.tuning].min()
    assert rows.date[answer.tuning].max() + 5 < rows.date[answer.test].min()
    assert not np.isnan(answer.label[answer.test]).any()
    assert AS_IT_WAS.split_by_code


def test_replication_of_the_original(market: Path, capsys: pytest.CaptureFixture[str]) -> None:
    printed("training_work.py", market, "--audit")
    ours, theirs = [], []
    for _ in range(ROUNDS):
        for run in (market / "runs").glob("*replication*"):
            run.rename(market / f"done-{len(ours)}-{run.name}")
        ours.append(json.loads(printed("training_work.py", market, "--as-installed")))
        theirs.append(json.loads(printed("ashare_original.py", DATA, "--stocks", str(STOCKS), "--trials", str(TRIALS))))
    assert ours[0]["complete"] == TRIALS
    assert len({one["figures"]["auc"] for one in ours}) == 1
    with capsys.disabled():
        for name, each in (("ours", ours), ("the original, told anew", theirs)):
            seconds, peak = (min(one[what] for one in each) for what in ("cpu_seconds", "peak_mib"))
            print(f"\n{STOCKS} stocks, {TRIALS} trials, {name}: {seconds:.1f} CPU s, peak {peak:.0f} MiB", end="")
        print()


def test_every_share_is_assembled_rightly(everyone: History, assembled: Dataset) -> None:
    """The trade of a hit, by hand: in at the next open, out at the close of day 5 (equity G.5)."""
    bars, trade = everyone.bars, assembled.trade_return
    assert trade is not None
    assert assembled.features.values.dtype == np.float32
    there = np.argwhere(~np.isnan(trade[:300, ::500]))[::97]
    assert len(there) > 20
    for row, part in there.tolist():
        symbol = part * 500
        sold = next(place for place in range(row + 5, row + 11) if not np.isnan(bars["close"][place, symbol]))
        by_hand = bars["close"][sold, symbol] / bars["open"][row + 1, symbol] - 1.0
        # A close at the lower limit cannot be sold at, and the sale waits.
        if bars["low"][sold, symbol] < bars["close"][sold, symbol]:
            assert trade[row, symbol] == pytest.approx(by_hand, rel=1e-9)


def test_assembly_of_every_share(benchmark: Any, everyone: History, recipe: Recipe, tmp_path: Path) -> None:
    data = benchmark.pedantic(assemble, (everyone, recipe), {"folder": tmp_path}, rounds=ROUNDS)
    assert data.features.values.shape[:2] == everyone.bars.shape


def test_labels_of_every_share(benchmark: Any, everyone: History, recipe: Recipe) -> None:
    labels = benchmark.pedantic(labels_of, (everyone, recipe), rounds=ROUNDS)
    assert labels.target("hit").shape == everyone.bars.shape


def test_one_day_of_every_share_scored(benchmark: Any, assembled: Dataset, fitted: tuple[FittedFold, Dataset]) -> None:
    model, _ = fitted
    last = np.full(1, len(assembled.times) - 1)
    there, symbols = assembled.samples(last, assembled.predictable)
    features, instants = assembled.cut(there, symbols), assembled.times[there]
    assert len(features) > 5_000

    said = benchmark.pedantic(model.forecast, (features, instants), rounds=20, warmup_rounds=2)["xgboost"]

    alone_said = [model.forecast(features[place : place + 1], instants[:1])["xgboost"].score[0] for place in (0, 99)]
    np.testing.assert_array_equal(said.score[[0, 99]], alone_said)
    assert said.probability is not None
