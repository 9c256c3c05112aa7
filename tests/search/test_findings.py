"""What is concluded from curves: the training part chooses, and nothing else."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from curves_made_up import curves, evidence, settings

from tidegate.search.findings import Findings, findings_of

SETS = 8
CHOICE = ("share_kept", "feasible", "feasible_by_point", "pareto", "rank")


def found(tmp_path: Path, equity: Any, bench: Any, *, failed: tuple[int, ...] = (), **given: Any) -> Findings:
    findings = findings_of(evidence(tmp_path, equity, bench, settings(**given), failed=failed))
    json.dumps(findings.document, allow_nan=False)  # plain values, and no NaN among them
    return findings


def test_what_comes_after_the_training_part_changes_no_choice(tmp_path: Path) -> None:
    """Equity E.10, H 6: choice and report no longer share a window. Garbage in the other parts, to the bit."""
    equity, bench = curves(SETS)
    garbage = equity.copy()
    last_known = 240  # of 400 bars the first 60 in 100
    noise = np.random.default_rng(3).normal(size=(400 - last_known, SETS))
    garbage[last_known + 1 :] = equity[last_known] * np.exp(np.cumsum(0.05 * noise, axis=0))

    first = found(tmp_path / "one", equity, bench)
    second = found(tmp_path / "two", garbage, bench)

    training = [name for name in first.sets.columns if name.startswith("training_")]
    columns = ["key", *CHOICE, *training]
    assert first.document["met"]
    assert first.sets.select(columns).equals(second.sets.select(columns), null_equal=True)
    for name in ("met", "constraints"):
        assert first.document[name] == second.document[name]
    for one, other in zip(first.document["top"], second.document["top"], strict=True):
        for name in ("number", "share_kept", "interval", "rank"):
            assert one[name] == other[name]
        assert one["figures"]["training"] == other["figures"]["training"]
        assert one["figures"]["final"] != other["figures"]["final"]
    assert first.document["plateau"] == second.document["plateau"]


def test_the_guard_against_later_parts_sees_the_training_part(tmp_path: Path) -> None:
    """The test above would notice a choice that looks where it must not: the training part itself does change it."""
    equity, bench = curves(SETS)
    changed = equity.copy()
    changed[150:, -1] *= 0.5

    first, second = found(tmp_path / "one", equity, bench), found(tmp_path / "two", changed, bench)

    assert not first.sets.select(CHOICE).equals(second.sets.select(CHOICE), null_equal=True)


def test_the_recommended_set_keeps_its_bounds_and_no_feasible_one_grew_more(tmp_path: Path) -> None:
    """Equity J.8: by point estimate and in enough of the resampled histories; both are reported."""
    findings = found(tmp_path, *curves(SETS), constraints={"max_drawdown": {"at_most": 0.1}})

    best, sets = findings.document["recommended"], findings.sets
    feasible = sets.filter(pl.col("feasible"))
    assert best["figures"]["training"]["max_drawdown"] <= 0.1
    assert best["share_kept"] >= 0.8
    assert best["figures"]["training"]["cagr"] == feasible["training_cagr"].max()
    assert feasible.sort("rank")["rank"].to_list() == list(range(1, feasible.height + 1))
    counts = findings.document["counts"]
    assert counts["feasible"] == feasible.height < counts["feasible_by_point"] < SETS
    assert set(findings.curves.columns) == {
        "time",
        "benchmark",
        *(f"set_{one['number']}" for one in findings.document["top"]),
    }


def test_where_nothing_is_feasible_the_nearest_are_shown(tmp_path: Path) -> None:
    """Equity E.9: the constraint was not met; the nearest to it, and the best whatever it says."""
    findings = found(tmp_path, *curves(SETS), constraints={"max_drawdown": {"at_most": 0.001}}, nested=True)

    document = findings.document
    assert (document["met"], document["recommended"], document["top"]) == (False, None, [])
    falls = [one["figures"]["training"]["max_drawdown"] for one in document["nearest"]["by_constraint"]]
    growths = [one["figures"]["training"]["cagr"] for one in document["nearest"]["by_objective"]]
    assert len(falls) == len(growths) == 3
    assert falls == sorted(falls)
    assert growths == sorted(growths, reverse=True)
    assert document["luck"]["verdict"] == "luck"
    assert document["luck"]["final"] is None
    assert not findings.sets["feasible"].any()
    assert findings.metrics()["recommended"] is None
    assert f"set_{document['nearest']['by_constraint'][0]['number']}" in findings.curves.columns


def test_one_set(tmp_path: Path) -> None:
    findings = found(tmp_path, *curves(1))

    assert findings.document["recommended"]["rank"] == 1
    assert findings.document["luck"]["pbo"] is None
    assert findings.document["plateau"]["finding"] == "few_neighbours"
    assert (findings.document["inert"], findings.document["duplicates"]) == ([], [])


def test_a_ruined_set_is_never_chosen(tmp_path: Path) -> None:
    equity, bench = curves(SETS)
    equity[50:, 3] = 0.0
    equity[120:, 4] = -1e6

    findings = found(tmp_path, equity, bench, constraints={})

    ruined = findings.sets.filter(pl.col("number").is_in([3, 4]))
    assert not ruined["feasible"].any()
    assert ruined["rank"].null_count() == 2
    assert ruined["training_cagr"].to_list() in ([-1.0, -1.0], [None, None], [-1.0, None])
    assert findings.document["counts"]["feasible"] == SETS - 2


def test_when_every_set_is_ruined_nothing_is_recommended(tmp_path: Path) -> None:
    equity, bench = curves(3)
    equity[100:] = 0.0

    findings = found(tmp_path, equity, bench)

    assert findings.document["recommended"] is None
    assert findings.document["luck"]["verdict"] == "luck"


def test_equal_curves_are_one(tmp_path: Path) -> None:
    """A parameter that changes nothing is named, and its sets are told as duplicates."""
    equity, bench = curves(SETS)
    equity[:, 1::2] = equity[:, ::2]

    findings = found(tmp_path, equity, bench)

    assert findings.document["duplicates"] == [[0, 1], [2, 3], [4, 5], [6, 7]]
    assert findings.document["counts"]["distinct_curves"] == SETS // 2
    inert = {one["parameter"]: one["inert"] for one in findings.document["inert"]}
    assert inert == {"top_n": True, "max_exposure": False}
    best = findings.document["top"][:2]
    assert [one["rank"] for one in best] == [1, 2]
    assert best[0]["key"] < best[1]["key"]  # of equal sets the first key is taken, whoever came first


def test_a_window_that_is_all_training_has_no_other_part(tmp_path: Path) -> None:
    findings = found(tmp_path, *curves(SETS), parts={"validation_share": 0.0, "final_share": 0.0})

    assert [one["name"] for one in findings.document["parts"]] == ["training"]
    assert set(findings.document["recommended"]["figures"]) == {"training", "window"}
    assert findings.document["luck"]["final"] is None
    training, window = (findings.document["recommended"]["figures"][part]["cagr"] for part in ("training", "window"))
    assert training == window


def test_failed_sets_keep_their_row_and_their_reason(tmp_path: Path) -> None:
    findings = found(tmp_path, *curves(SETS), failed=(2, 5))

    assert findings.sets.height == SETS
    failed = findings.sets.filter(pl.col("status") == "failed")
    assert failed["number"].to_list() == [2, 5]
    assert failed["error"].to_list() == ["it says no"] * 2
    for name in ("training_cagr", "share_kept", "rank", "adjusted_p", "curve", "bound"):
        assert failed[name].null_count() == 2
    assert not failed["feasible"].any()
    assert [one["number"] for one in findings.document["errors"]] == [2, 5]
    counts = findings.document["counts"]
    assert (counts["total"], counts["succeeded"], counts["failed"]) == (SETS, SETS - 2, 2)


@pytest.mark.parametrize("objective", ["sharpe", "max_drawdown", "excess_cagr"])
def test_any_figure_may_be_wanted(tmp_path: Path, objective: str) -> None:
    findings = found(tmp_path, *curves(SETS), objective=objective, constraints={"cagr": {"at_least": -0.9}})

    values = findings.sets.sort("rank")[f"training_{objective}"].to_list()
    assert values == sorted(values, reverse=objective != "max_drawdown")


def test_each_part_multiplies_to_the_window(tmp_path: Path) -> None:
    sets = found(tmp_path, *curves(SETS)).sets

    growth = np.prod([1.0 + sets[f"{part}_total_return"] for part in ("training", "validation", "final")], axis=0)
    np.testing.assert_allclose(growth, 1.0 + sets["window_total_return"], rtol=1e-12)
