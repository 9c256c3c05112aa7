"""How often sets keep the bounds in resampled histories of the training part: which are asked, and what ruin is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from curves_made_up import curves, settings, shelf_of

from tidegate.search import resampling
from tidegate.search.gathered import gather
from tidegate.search.resampling import History

KEYS = tuple(f"set {number:03d}" for number in range(16))


def history(tmp_path: Path, equity: Any, bench: Any, **given: Any) -> History:
    shelf = shelf_of(tmp_path, KEYS, equity, bench, pieces=[range(10), range(10, 16)])
    asked = settings(**given)
    return History(shelf, gather(shelf, KEYS, asked, bars_per_year=252.0, seed=7), asked, 7)


def test_more_risk_keeps_a_bound_on_falls_less_often(tmp_path: Path) -> None:
    """Equity J.8: the bound is asked of resampled histories, too."""
    shares = history(tmp_path, *curves(16)).shares_kept()

    assert shares[0] == 1.0
    assert shares[-1] < 0.9
    assert shares[:4].min() > shares[-4:].max()


def test_only_the_training_part_is_resampled(tmp_path: Path) -> None:
    equity, bench = curves(16)
    later = equity.copy()
    later[250:] *= np.linspace(1.0, 0.2, 151)[:, None]

    first = history(tmp_path / "one", equity, bench)
    second = history(tmp_path / "two", later, bench)

    np.testing.assert_array_equal(first.shares_kept(), second.shares_kept())
    assert first.intervals([3]) == second.intervals([3])


def test_a_ruined_set_keeps_no_bound(tmp_path: Path) -> None:
    equity, bench = curves(16)
    equity[100:, 4] = -5e5

    found = history(tmp_path, equity, bench)

    assert found.shares_kept()[4] == 0.0
    assert found.intervals([4])[4] == {"cagr": [-1.0, -1.0], "max_drawdown": [1.0, 1.0]}


def test_without_a_bound_on_growth_or_falls_every_history_is_within(tmp_path: Path) -> None:
    shares = history(tmp_path, *curves(16), constraints={"volatility": {"at_most": 0.01}}).shares_kept()

    assert (shares == 1.0).all()


@pytest.mark.parametrize("probability", [0.8, 0.999])
def test_of_many_sets_the_best_are_asked_until_enough_keep_the_bounds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, probability: float
) -> None:
    """The choice is the one of all sets: those that are never asked are worse than the ones that were found."""
    bound = {"max_drawdown": {"at_most": 0.12}}
    given = {"constraints": bound, "probability": probability, "top": 2}
    whole = history(tmp_path / "whole", *curves(16), **given).shares_kept()
    monkeypatch.setattr(resampling, "_ALWAYS", 4)
    monkeypatch.setattr(resampling, "_AT_FIRST", 2)

    asked = history(tmp_path / "some", *curves(16), **given).shares_kept()

    known = np.isfinite(asked)
    np.testing.assert_array_equal(asked[known], whole[known])
    assert 2 <= known.sum() < 16
    assert np.sum(asked >= probability) >= min(2, np.sum(whole >= probability))


def test_by_point_estimate_only_the_best_of_many_are_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resampling, "_ALWAYS", 4)
    monkeypatch.setattr(resampling, "_AT_FIRST", 2)

    asked = history(tmp_path, *curves(16), feasible_by="point", top=3).shares_kept()

    assert np.isfinite(asked).sum() == 3
