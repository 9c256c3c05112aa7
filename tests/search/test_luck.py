"""What a search says of its own luck: two tests decide, everything that was tried is counted."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from curves_made_up import BARS, candidates, curves, record, settings, shelf_of

from tidegate.core.time import DAY, Instant
from tidegate.evaluate.sharpe import deflated_sharpe, expected_maximum_sharpe
from tidegate.search.gathered import Gathered, gather
from tidegate.search.luck import EDGE, LUCK, UNTESTED, luck_of

SETS = 6
KEYS = [one.key for one in candidates(SETS)]


@pytest.fixture(scope="module")
def gathered(tmp_path_factory: pytest.TempPathFactory) -> Gathered:
    equity, bench = curves(SETS)
    shelf = shelf_of(tmp_path_factory.mktemp("shelf"), KEYS, equity, bench, pieces=[range(SETS)])
    return gather(shelf, KEYS, settings(), bars_per_year=252.0, seed=7)


def own(gathered: Gathered) -> list[Any]:
    return [record(str(row), ratio) for row, ratio in enumerate(gathered.excess_moments.sharpe)]


def told(
    gathered: Gathered, row: int | None, *, superior: float | None, adjusted: float, matched: float = 0.01
) -> dict[str, Any]:
    """What is said with these p values."""
    if superior is None or gathered.superior is None or gathered.matched is None:
        changed = replace(gathered, superior=None, adjusted=None, blocks=None, matched=None)
    else:
        changed = replace(
            gathered,
            superior=replace(gathered.superior, p_value=superior),
            adjusted=np.full(SETS, adjusted),
            matched=replace(gathered.matched, adjusted=np.full(SETS, matched)),
        )
    return luck_of(changed, row, settings(level=0.02), own(gathered), {str(row) for row in range(SETS)})


@pytest.mark.parametrize(("matched", "verdict"), [(0.02, EDGE), (0.021, LUCK)])
def test_what_is_left_beside_the_benchmark_decides_as_well(gathered: Gathered, matched: float, verdict: str) -> None:
    """Equity H 6: a set that holds little beats a benchmark that falls."""
    found = told(gathered, 1, superior=0.01, adjusted=0.01, matched=matched)

    assert found["verdict"] == verdict
    assert found["matched"]["adjusted_p"] == matched


@pytest.mark.parametrize(
    ("row", "superior", "adjusted", "verdict"),
    [
        (1, 0.02, 0.02, EDGE),
        (1, 0.021, 0.01, LUCK),
        (1, 0.01, 0.021, LUCK),
        (None, 0.01, 0.01, LUCK),
        (1, None, 0.01, UNTESTED),
        (None, None, 0.01, UNTESTED),
    ],
)
def test_both_tests_decide_and_a_set_must_be_recommended(
    gathered: Gathered, row: int | None, superior: float | None, adjusted: float, verdict: str
) -> None:
    """Equity E.10, H 6: the best of many tries is no edge by itself."""
    found = told(gathered, row, superior=superior, adjusted=adjusted)

    assert found["verdict"] == verdict
    assert (found["own"] is None) is (row is None or superior is None)
    assert (found["dsr"] is None) is (found["psr"] is None) is (row is None)
    assert (found["pbo"] is None) is (superior is None)


def test_trials_of_other_runs_count(gathered: Gathered) -> None:
    """Equity E.10: the same search after a hundred others must clear a higher threshold."""
    mine = own(gathered)
    others = [record(f"other {number}", 0.02 * (-1.0) ** number, kind="backtest") for number in range(100)]
    names = {one.fingerprint for one in mine}

    alone = luck_of(gathered, 2, settings(), mine, names)["dsr"]
    among = luck_of(gathered, 2, settings(), [*mine, *others], names)["dsr"]

    assert (alone["trials"], alone["trials_here"], alone["trials_elsewhere"]) == (SETS, SETS, 0)
    assert (among["trials"], among["trials_here"], among["trials_elsewhere"]) == (SETS + 100, SETS, 100)
    assert among["by_kind"] == {"backtest": 100, "search": SETS}
    known = np.array([one.excess_sharpe for one in [*mine, *others]])
    assert among["variance"] == pytest.approx(known.var(ddof=1), rel=1e-12)
    assert among["threshold"] == pytest.approx(expected_maximum_sharpe(known.var(ddof=1), SETS + 100))
    moments = gathered.excess_moments
    assert among["value"] == deflated_sharpe(
        float(moments.sharpe[2]),
        bars=BARS,
        trials=SETS + 100,
        variance=among["variance"],
        skewness=float(moments.skewness[2]),
        kurtosis=float(moments.kurtosis[2]),
    )
    more = luck_of(gathered, 2, settings(), [*mine, *others, *(replace(one, fingerprint=f"{one.fingerprint} again")
                                                              for one in others)], names)["dsr"]  # fmt: skip
    assert more["threshold"] > among["threshold"] or more["variance"] < among["variance"]


def test_ratios_of_other_bars_are_brought_to_the_bars_of_this_window(gathered: Gathered) -> None:
    """A ratio per week is as large as one per day times the root of the days in a week."""
    mine = own(gathered)
    daily = [record("x", 0.05), record("y", -0.03)]
    weekly = [replace(one, bars=BARS // 5, excess_sharpe=(one.excess_sharpe or 0.0) * 5**0.5) for one in daily]

    first = luck_of(gathered, 1, settings(), [*mine, *daily], set())["dsr"]
    second = luck_of(gathered, 1, settings(), [*mine, *weekly], set())["dsr"]

    assert second["variance"] == pytest.approx(first["variance"], rel=1e-12)
    assert second["value"] == pytest.approx(first["value"], rel=1e-12)


def test_trials_without_a_ratio_count_but_say_nothing_of_the_variance(gathered: Gathered) -> None:
    mine = own(gathered)

    first = luck_of(gathered, 1, settings(), mine, set())["dsr"]
    second = luck_of(gathered, 1, settings(), [*mine, record("forecasts alone", None, kind="experiment")], set())["dsr"]

    assert second["trials"] == first["trials"] + 1
    assert second["variance"] == first["variance"]
    assert second["threshold"] > first["threshold"]


def test_a_trial_on_half_of_the_window_keeps_its_pace(gathered: Gathered) -> None:
    mine = own(gathered)
    half = replace(record("half", 0.05), end=Instant(int(mine[0].start) + BARS // 2 * DAY), bars=BARS // 2)

    whole = luck_of(gathered, 1, settings(), [*mine, record("half", 0.05)], set())["dsr"]
    found = luck_of(gathered, 1, settings(), [*mine, half], set())["dsr"]

    assert found["variance"] == pytest.approx(whole["variance"], rel=1e-12)


def test_one_set_alone_is_neither_deflated_nor_overfitted(tmp_path: Path) -> None:
    equity, bench = curves(1)
    shelf = shelf_of(tmp_path, KEYS[:1], equity, bench, pieces=[[0]])
    alone = gather(shelf, KEYS[:1], settings(), bars_per_year=252.0, seed=7)

    found = luck_of(alone, 0, settings(), [record("0", float(alone.excess_moments.sharpe[0]))], {"0"})

    assert (found["dsr"], found["pbo"]) == (None, None)
    assert found["spa"]["sets"] == 1
    assert found["own"]["adjusted_p"] == pytest.approx(found["spa"]["p_value"])


def test_a_set_that_is_the_benchmark_has_no_luck_to_speak_of(tmp_path: Path) -> None:
    equity, bench = curves(3)
    equity[:, 1] = bench
    shelf = shelf_of(tmp_path, KEYS[:3], equity, bench, pieces=[range(3)])
    found = luck_of(gather(shelf, KEYS[:3], settings(), bars_per_year=252.0, seed=7), 1, settings(), [], set())

    assert (found["dsr"], found["psr"], found["verdict"]) == (None, None, LUCK)
    assert found["own"]["adjusted_p"] == 1.0
