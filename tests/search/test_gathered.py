"""One pass over the curves of a search: the same numbers, in whatever files and pieces they come."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from curves_made_up import BARS, curves, file_of, settings, shelf_of

from tidegate.core.errors import DataError
from tidegate.evaluate.overfitting import probability_of_overfitting
from tidegate.evaluate.performance import performance
from tidegate.evaluate.superior import superior_predictive_ability
from tidegate.search.gathered import Gathered, gather
from tidegate.search.shelf import CurveShelf

KEYS = tuple(f"set {number:02d}" for number in range(12))


def gathered(shelf: CurveShelf, **given: Any) -> Gathered:
    return gather(shelf, KEYS, settings(**given), bars_per_year=252.0, seed=7)


def numbers(found: Gathered) -> dict[str, Any]:
    assert found.superior is not None
    assert found.blocks is not None
    flat = {f"{part} {name}": values for part, own in found.figures.items() for name, values in own.items()}
    flat |= {f"moments {key}": value for key, value in vars(found.excess_moments).items()}
    flat |= {f"spa {key}": value for key, value in found.superior.as_document().items()}
    flat |= {f"blocks {key}": value for key, value in vars(found.blocks).items()}
    return {**flat, "adjusted": found.adjusted, "equity": found.equity, "counts": found.counts, "orders": found.orders}


def assert_same(one: Gathered, other: Gathered, **tolerance: float) -> None:
    first, second = numbers(one), numbers(other)
    assert first.keys() == second.keys()
    for name in first:
        np.testing.assert_allclose(first[name], second[name], err_msg=name, **(tolerance or {"rtol": 0.0, "atol": 0.0}))


def test_the_order_of_files_does_not_matter_to_the_bit(tmp_path: Path) -> None:
    """Whoever shared the work out, and whoever was first: the same numbers."""
    equity, bench = curves(12)
    whole = gathered(shelf_of(tmp_path / "one", KEYS, equity, bench, pieces=[range(12)]))
    alone = gathered(shelf_of(tmp_path / "two", KEYS, equity, bench, pieces=[[n] for n in range(12)]))
    mixed = gathered(
        shelf_of(tmp_path / "three", KEYS, equity, bench, pieces=[[11, 3], [0, 1, 2, 9], range(4, 9), [10]])
    )

    assert_same(whole, alone)
    assert_same(whole, mixed)


@pytest.mark.parametrize("piece", [1, 5])
def test_pieces_add_up_to_the_whole(tmp_path: Path, piece: int) -> None:
    equity, bench = curves(12)
    shelf = shelf_of(tmp_path, KEYS, equity, bench, pieces=[range(12)])

    assert_same(gathered(shelf), gathered(CurveShelf(shelf.folder, piece=piece)), rtol=1e-12, atol=1e-12)


def test_what_is_gathered_is_what_its_owners_say_of_all_curves(tmp_path: Path) -> None:
    equity, bench = curves(12)
    found = gathered(shelf_of(tmp_path, KEYS, equity, bench, pieces=[range(7), range(7, 12)]))
    excess = equity[1:] / equity[:-1] - (bench[1:] / bench[:-1])[:, None]

    superior = superior_predictive_ability(excess, block=10, replicates=100, seed=7)
    assert found.superior is not None
    assert found.superior.p_value == superior.p_value
    np.testing.assert_allclose(found.adjusted, superior.adjusted, atol=1e-12)
    assert found.blocks is not None
    assert 0.0 <= probability_of_overfitting(found.blocks).pbo <= 1.0
    training = found.parts[0]
    expected = performance(found.times[training.rows], equity[training.rows, 3], 252.0)
    assert found.figures["training"]["cagr"][3] == pytest.approx(expected.cagr, rel=1e-12)
    assert found.figures["training"]["max_drawdown"][3] == pytest.approx(expected.max_drawdown, rel=1e-12)


def test_turnover_of_a_part_is_known_only_where_it_was_asked_for(tmp_path: Path) -> None:
    equity, bench = curves(12)
    found = gathered(shelf_of(tmp_path, KEYS, equity, bench, pieces=[range(12)]))

    years = BARS / 365.25
    np.testing.assert_allclose(found.figures["window"]["turnover"], 3.0 * equity[0] / equity.mean(axis=0) / years)
    assert all(np.isnan(found.figures[part]["turnover"]).all() for part in ("training", "validation", "final"))


def test_other_closes_are_refused(tmp_path: Path) -> None:
    equity, bench = curves(12)
    shelf = shelf_of(tmp_path, KEYS, equity, bench, pieces=[range(11)])
    shelf.put(file_of(KEYS[11:], equity[:, 11:], bench, first_day=1))

    with pytest.raises(DataError, match="set 11 with 401 closes"):
        gathered(shelf)


def test_too_short_a_window_is_not_tested_for_luck(tmp_path: Path) -> None:
    equity, bench = curves(12, bars=50)

    found = gathered(shelf_of(tmp_path, KEYS, equity, bench, pieces=[range(12)]))

    assert (found.superior, found.adjusted, found.blocks) == (None, None, None)
    assert np.isfinite(found.figures["training"]["cagr"]).all()


def test_a_ruined_set_has_no_edge_and_spoils_no_other(tmp_path: Path) -> None:
    equity, bench = curves(12)
    sound = gathered(shelf_of(tmp_path / "sound", KEYS, equity, bench, pieces=[range(12)]))
    ruined = equity.copy()
    ruined[200:, 5] = -3.0

    found = gathered(shelf_of(tmp_path / "ruined", KEYS, ruined, bench, pieces=[range(12)]))

    assert found.adjusted is not None
    assert found.adjusted[5] == 1.0
    assert np.isnan(found.excess_moments.sharpe[5])
    assert np.isnan(found.figures["training"]["cagr"][5])
    others = [column for column in range(12) if column != 5]
    for name, values in sound.figures["training"].items():
        np.testing.assert_array_equal(found.figures["training"][name][others], values[others], err_msg=name)


def test_sets_that_were_proposed_by_the_training_part_are_tested_on_what_comes_after(tmp_path: Path) -> None:
    """Equity E.10, H 6: near the best of the training part everything looks good there."""
    equity, bench = curves(12)
    shelf = shelf_of(tmp_path, KEYS, equity, bench, pieces=[range(12)])
    parts = {"validation_share": 0.3, "final_share": 0.3}
    learnt: dict[str, Any] = {"optuna": {"space": {"top_n": [3, 4]}}, "parts": parts, "block_bars": 5}
    drawn = {**learnt, "optuna": {**learnt["optuna"], "sampler": "random"}}

    late, whole = gathered(shelf, **learnt), gathered(shelf, **drawn)

    start = late.parts[0].stop - 1
    excess = (equity[1:] / equity[:-1] - (bench[1:] / bench[:-1])[:, None])[start:]
    alone = superior_predictive_ability(excess, block=5, replicates=100, seed=7)
    assert late.superior is not None
    assert late.matched is not None
    assert (late.superior.p_value, late.superior.bars, late.matched.bars) == (alone.p_value, len(excess), len(excess))
    assert late.tested_from == late.times[start]
    assert whole.superior is not None
    assert (whole.superior.bars, whole.tested_from) == (BARS, whole.times[0])


def test_without_a_later_part_such_sets_are_not_tested(tmp_path: Path) -> None:
    equity, bench = curves(12)
    shelf = shelf_of(tmp_path, KEYS, equity, bench, pieces=[range(12)])
    none = {"validation_share": 0.0, "final_share": 0.0}

    found = gathered(shelf, optuna={"space": {"top_n": [3, 4]}}, parts=none)

    assert (found.superior, found.matched) == (None, None)
