"""Data sets of targets that are 0 or 1, and features that lie in a file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from ashare_market import ashare_history, ashare_recipe, auc, later_than, shuffled
from hypothesis import given
from hypothesis import strategies as st

from tidegate.core.errors import InputError
from tidegate.core.history import History
from tidegate.core.units import FloatArray
from tidegate.data.price_limits import limit_prices
from tidegate.labels import fixed_exit
from tidegate.train.cells import Cells
from tidegate.train.dataset import FEATURES_FILE, Dataset, assemble


@pytest.fixture(scope="module")
def history() -> History:
    return ashare_history(5)


@pytest.fixture(scope="module")
def data(history: History) -> Dataset:
    return assemble(history, ashare_recipe())


@pytest.mark.parametrize("target", ["hit", "relative_hit", "hindsight_hit"])
def test_every_target_of_hits_says_what_a_trade_earned(history: History, target: str) -> None:
    """Equity G.5: hindsight forecasts a touch, and the money is still that of a trade somebody could make."""
    made = assemble(history, ashare_recipe(labels={"target": target}))
    bars = history.bars
    trade = fixed_exit(bars, limits=limit_prices(bars.columns, bars.symbols, bars.times))

    assert made.trade_return is not None
    assert np.array_equal(made.trade_return, trade.returns, equal_nan=True)
    assert set(np.unique(made.target[made.trainable])) == {0.0, 1.0}
    assert not made.trainable[np.isnan(made.target)].any()
    assert not made.trainable[-5:].any(), "equity H 16: no label, no sample"
    assert made.predictable[-5:].any()


def test_other_targets_are_no_trades(history: History) -> None:
    made = assemble(history, ashare_recipe(labels={"target": "excess"}))

    assert made.trade_return is None
    assert all("hit" not in name for name in made.labels.names)


def test_only_members_trade(history: History) -> None:
    member = np.ones(history.bars.shape)
    member[:, 3] = 0.0
    made = assemble(History(history.bars.with_columns({"member": member})), ashare_recipe())

    assert made.trade_return is not None
    assert np.isnan(made.trade_return[:, 3]).all()
    assert not made.trainable[:, 3].any()
    assert not np.isnan(made.trade_return[:, 4]).all()


def test_features_in_a_file_are_the_same_to_the_bit(history: History, data: Dataset, tmp_path: Path) -> None:
    made = assemble(history, ashare_recipe(), folder=tmp_path / "dataset")

    assert isinstance(made.features.values.base, np.memmap) or isinstance(made.features.values, np.memmap)
    assert not made.features.values.flags.writeable
    assert np.array_equal(made.features.values, data.features.values, equal_nan=True)
    assert made.features.fingerprint() == data.features.fingerprint()
    assert np.array_equal(made.trainable, data.trainable)
    assert [one.name for one in (tmp_path / "dataset").iterdir()] == [FEATURES_FILE], "nothing unfinished is left"


def test_a_file_that_is_written_again_leaves_earlier_readers_alone(history: History, tmp_path: Path) -> None:
    before = assemble(history, ashare_recipe(), folder=tmp_path)
    kept = np.array(before.features.values)
    assemble(ashare_history(6), ashare_recipe(), folder=tmp_path)

    assert np.array_equal(before.features.values, kept, equal_nan=True)


@pytest.mark.parametrize("mapped", [False, True])
def test_rows_are_the_samples_whichever_way_they_are_asked_for(
    history: History, data: Dataset, tmp_path: Path, mapped: bool
) -> None:
    made = assemble(history, ashare_recipe(), folder=tmp_path) if mapped else data
    samples = made.samples(np.arange(100, 200), made.trainable)
    rows, whole = made.rows(*samples), made.cut(*samples)

    assert rows.shape == whole.shape
    assert len(rows) == len(whole) > 1000
    assert np.array_equal(rows[:], whole, equal_nan=True)
    assert np.array_equal(rows[7:91:3], whole[7:91:3], equal_nan=True)
    picked = np.array([5, 5, -1, 900])
    assert np.array_equal(rows[picked], whole[picked], equal_nan=True)
    assert type(rows[:2]) is np.ndarray
    assert rows[:2].dtype == np.float32
    assert rows[:0].shape == (0, whole.shape[1])


@given(seed=st.integers(0, 1000), count=st.integers(0, 30), piece=st.integers(1, 9))
def test_pieces_put_together_are_the_whole(seed: int, count: int, piece: int) -> None:
    random = np.random.default_rng(seed)
    values = random.normal(size=(5, 4, 3)).astype(np.float32)
    places = random.integers(0, 5, count), random.integers(0, 4, count)
    cells = Cells(values, *places)
    pieces = [cells[start : start + piece] for start in range(0, count, piece)]

    assert np.array_equal(np.concatenate([np.empty((0, 3), np.float32), *pieces]), values[places])


@pytest.mark.parametrize(("rows", "symbols"), [([0, 1], [0]), ([5], [0]), ([0], [4]), ([-1], [0])])
def test_a_cell_outside_is_refused(rows: list[int], symbols: list[int]) -> None:
    with pytest.raises(InputError, match="inside the matrix"):
        Cells(np.zeros((5, 4, 3), dtype=np.float32), np.array(rows), np.array(symbols))


def linear_scores(data: Dataset) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Fit least squares on the first part and return instants, scores and outcomes of the rest."""
    known, later = later_than(data, 0.6)
    rows, tested = data.samples(known, data.trainable), data.samples(later, data.trainable)
    train, test = np.nan_to_num(data.cut(*rows).astype(np.float64)), np.nan_to_num(data.cut(*tested).astype(np.float64))
    center, scale = train.mean(axis=0), np.maximum(train.std(axis=0), 1e-6)
    train, test = (train - center) / scale, (test - center) / scale
    gram = train.T @ train + 100.0 * np.eye(train.shape[1])
    weights = np.linalg.solve(gram, train.T @ (data.target[rows] - data.target[rows].mean()))
    return data.times[tested[0]].astype(np.float64), test @ weights, data.target[tested]


def within_day(times: FloatArray, score: FloatArray, outcome: FloatArray) -> float:
    """Return the AUC of scores without what is common to a day."""
    _, day = np.unique(times, return_inverse=True)
    return auc(score - (np.bincount(day, score) / np.bincount(day))[day], outcome)


def test_the_planted_signal_is_there_and_shuffling_removes_it(data: Dataset) -> None:
    """Equity I 15: permuted outcomes give an AUC of one half; the same market unpermuted does not."""
    found = auc(*linear_scores(data)[1:])
    none = within_day(*linear_scores(shuffled(data, 1)))

    assert found > 0.6
    assert abs(none - 0.5) < 0.03


def test_without_an_edge_there_is_nothing_to_find() -> None:
    empty = assemble(ashare_history(8, edge=0.0), ashare_recipe(labels={"target": "relative_hit"}))

    assert abs(within_day(*linear_scores(empty)) - 0.5) < 0.05


def test_shuffling_keeps_every_day_s_share_of_hits(data: Dataset) -> None:
    dealt = shuffled(data, 2)

    assert np.array_equal(np.where(data.trainable, dealt.target, 0.0).sum(axis=1),
                          np.where(data.trainable, data.target, 0.0).sum(axis=1))  # fmt: skip
    assert (dealt.target != data.target)[data.trainable].mean() > 0.1
    assert np.array_equal(np.isnan(dealt.target), np.isnan(data.target))
