from __future__ import annotations

import json
import math
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from tidegate.core.errors import DataError, InputError
from tidegate.core.randomness import generator
from tidegate.core.time import DAY, HOUR, parse_instant
from tidegate.evaluate import area_under_roc, classification_figures, classification_quarters, net_returns

FIGURES = {
    "rows", "days", "weeks", "positives", "base_rate", "auc", "auc_within_date", "average_precision", "precision",
    "recall", "f1", "calls", "precision_at_k", "base_rate_at_k", "lift_at_k", "net_return_at_k", "net_return_all",
    "turnover_at_k", "brier", "expected_calibration_error",
}  # fmt: skip
BANDED = {
    "auc", "auc_within_date", "average_precision", "precision", "precision_at_k", "lift_at_k", "net_return_at_k"
}  # fmt: skip


def panel(days: int = 130, names: int = 40, skill: float = 1.0, start: str = "2024-01-02") -> dict[str, Any]:
    """Return a panel of week days in which dates differ, and scores that know something of the names."""
    random = generator(51, "panel", days, names)
    calendar = parse_instant(start) // DAY + np.arange(days * 2)
    calendar = calendar[(calendar + 3) % 7 < 5][:days]
    knows = random.normal(size=(days, names))
    truth = skill * knows + random.normal(size=(days, 1)) + random.normal(size=(days, names))
    score = 1.0 / (1.0 + np.exp(-knows))
    return {
        "times": np.repeat(calendar * DAY + 7 * HOUR, names),
        "symbols": np.tile(np.arange(names), days),
        "score": score.ravel(),
        "probability": score.ravel(),
        "called": (score > 0.8).ravel(),
        "outcome": (truth > 1.0).astype(np.float64).ravel(),
        "trade_return": 0.01 * truth.ravel(),
        "round_trip_cost": 0.002,
        "top_k": 5,
        "seed": 7,
    }


def test_every_figure_is_there_and_plain() -> None:
    """Equity I 15 and J.7: within-date area and precision of the top k stand beside the same day's base rate."""
    found = classification_figures(**panel())

    assert set(found) == FIGURES | {f"{name}_{what}" for name in BANDED for what in ("interval", "weeks")}
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert (found["rows"], found["days"], found["weeks"]) == (5200, 130, 27)
    for name in BANDED:
        low, high = found[f"{name}_interval"]
        assert low < found[name] < high
        assert found[f"{name}_weeks"] == 27
    assert found["lift_at_k"] == found["precision_at_k"] / found["base_rate_at_k"] > 1.2


def test_figures_agree_with_plain_loops() -> None:
    rows = panel(days=25, names=9)
    found = classification_figures(**rows)
    precision, base, net, areas, lists = [], [], [], [], []
    for time in np.unique(rows["times"]):
        day = np.flatnonzero(rows["times"] == time)
        best = day[np.argsort(-rows["score"][day])[:5]]
        precision.append(rows["outcome"][best].mean())
        base.append(rows["outcome"][day].mean())
        net.extend(net_returns(rows["trade_return"][best], 0.002))
        lists.append(set(rows["symbols"][best].tolist()))
        areas.append(area_under_roc(rows["score"][day], rows["outcome"][day]))

    assert found["precision_at_k"] == pytest.approx(np.mean(precision))
    assert found["base_rate_at_k"] == pytest.approx(np.mean(base))
    assert found["net_return_at_k"] == pytest.approx(np.mean(net))
    assert found["net_return_all"] == pytest.approx(np.mean(net_returns(rows["trade_return"], 0.002)))
    assert found["turnover_at_k"] == pytest.approx(np.mean([len(new - old) / 5 for old, new in pairwise(lists)]))
    assert found["auc_within_date"] == pytest.approx(np.mean([area for area in areas if area is not None]))
    assert found["auc"] == area_under_roc(rows["score"], rows["outcome"])


def test_the_order_of_rows_plays_no_part() -> None:
    rows = panel(days=30)
    order = generator(1, "order").permutation(len(rows["times"]))
    mixed = {name: value[order] if isinstance(value, np.ndarray) else value for name, value in rows.items()}

    there, here = classification_figures(**rows), classification_figures(**mixed)
    for name, value in there.items():
        assert here[name] == pytest.approx(value), name


def test_permuted_labels_show_no_skill() -> None:
    """Equity I 15 and I 14: shuffled labels give an area of 0.50 +- 0.01 and a lift of 1."""
    rows = panel(days=250, names=150, skill=2.0)
    rows["outcome"] = generator(2, "permuted").permutation(rows["outcome"])
    found = classification_figures(**rows)

    assert found["auc"] == pytest.approx(0.5, abs=0.01)
    assert found["auc_within_date"] == pytest.approx(0.5, abs=0.01)
    assert found["lift_at_k_interval"][0] < 1.0 < found["lift_at_k_interval"][1]


def test_what_is_missing_is_none_and_never_0() -> None:
    rows = panel(days=10) | {"probability": None, "called": None, "trade_return": None}
    found = classification_figures(**rows)

    absent = {name for name, value in found.items() if value is None}
    assert absent >= {
        "precision", "recall", "f1", "calls", "net_return_at_k", "net_return_all", "brier", "expected_calibration_error"
    }  # fmt: skip
    assert found["auc_interval"] is None  # two weeks are too few
    assert found["auc"] is not None


def test_nothing_called_is_no_precision() -> None:
    """Equity I 16: below the floor nothing is called, which is neither a precision of 0 nor one of 1."""
    rows = panel()
    found = classification_figures(**rows | {"called": np.zeros(5200, dtype=bool)})

    assert (found["precision"], found["precision_interval"], found["f1"]) == (None, None, None)
    assert (found["calls"], found["recall"]) == (0, 0.0)


def test_rows_of_unknown_outcome_are_ranked_and_count_for_nothing_else() -> None:
    rows = panel()
    rows["outcome"] = np.where(rows["symbols"] < 3, math.nan, rows["outcome"])
    found = classification_figures(**rows)
    known = ~np.isnan(rows["outcome"])

    assert found["rows"] == known.sum()
    assert found["base_rate"] == pytest.approx(rows["outcome"][known].mean())
    assert found["auc"] == area_under_roc(rows["score"][known], rows["outcome"][known])
    assert found["calls"] == (rows["called"] & known).sum()


def test_what_nobody_knows_yet_is_not_counted_as_judged() -> None:
    """Five labelled days of twenty: rows, days and weeks are those that could be judged."""
    rows = panel(days=20)
    rows["outcome"] = np.where(np.arange(800) < 200, rows["outcome"], math.nan)
    found = classification_figures(**rows)

    assert (found["rows"], found["days"], found["weeks"]) == (200, 5, 2)
    assert found["calls"] > 0
    for name in BANDED - {"net_return_at_k"}:
        assert (found[f"{name}_interval"], found[f"{name}_weeks"]) == (None, 2)
    assert found["net_return_at_k_weeks"] == 5  # of trades more is known


def test_nothing_is_known_of_a_quarter_that_has_just_begun() -> None:
    found = classification_figures(**panel(days=3) | {"outcome": np.full(120, math.nan), "trade_return": None})

    assert (found["rows"], found["days"], found["weeks"], found["positives"]) == (0, 0, 0, 0)
    assert (found["base_rate"], found["auc"], found["precision"], found["calls"]) == (None, None, None, 0)


@pytest.mark.parametrize(("weeks", "expected"), [(1, False), (9, False), (10, True)])
def test_calls_of_few_weeks_have_no_interval(weeks: int, expected: bool) -> None:
    """27 weeks of rows, and all calls in a few of them: the interval of their precision was far too narrow."""
    rows = panel()
    number = (rows["times"] - rows["times"].min() + DAY) // (7 * DAY)
    rows["called"] &= np.isin(number, np.arange(3, 3 + weeks))
    found = classification_figures(**rows)

    assert found["precision_weeks"] == weeks
    assert (found["precision_interval"] is not None) is expected
    assert found["auc_interval"] is not None


def test_one_class_alone_has_no_areas() -> None:
    found = classification_figures(**panel() | {"outcome": np.zeros(5200)})

    for name in ("auc", "auc_interval", "auc_within_date", "average_precision", "lift_at_k", "lift_at_k_interval"):
        assert found[name] is None
    assert found["precision_at_k"] == 0.0


def test_each_quarter_has_its_own_figures() -> None:
    """Equity H 15: one window says little; over six quarters the order of two models can turn."""
    rows = panel(days=150)
    quarters = classification_quarters(**rows)

    assert [quarter["quarter"] for quarter in quarters] == ["2024Q1", "2024Q2", "2024Q3"]
    assert sum(quarter["rows"] for quarter in quarters) == len(rows["times"])
    second = (rows["times"] >= quarters[1]["from"]) & (rows["times"] <= quarters[1]["to"])
    alone = {name: value[second] if isinstance(value, np.ndarray) else value for name, value in rows.items()}
    assert quarters[1] == {
        "quarter": "2024Q2",
        "from": int(alone["times"].min()),
        "to": int(alone["times"].max()),
        **classification_figures(**alone),
    }
    assert quarters[1]["auc_interval"] is not None
    assert (quarters[2]["auc_weeks"], quarters[2]["auc_interval"]) == (5, None)


def test_a_bar_that_closes_at_midnight_belongs_to_the_quarter_that_ends() -> None:
    rows = panel(days=1, names=4)
    rows["times"] = np.full(4, parse_instant("2024-04-01"))

    assert [quarter["quarter"] for quarter in classification_quarters(**rows)] == ["2024Q1"]


def test_no_rows_are_refused() -> None:
    rows = {name: value[:0] if isinstance(value, np.ndarray) else value for name, value in panel(days=1).items()}
    for figures in (classification_figures, classification_quarters):
        with pytest.raises(DataError, match="at least one row"):
            figures(**rows)


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"score": np.full(5200, math.nan)}, DataError),
        ({"symbols": np.zeros(3, dtype=np.int64)}, DataError),
        ({"probability": np.full(5200, 1.5)}, DataError),
        ({"outcome": np.full(5200, 0.5)}, DataError),
        ({"round_trip_cost": 1.0}, InputError),
        ({"top_k": 0}, InputError),
    ],
    ids=lambda change: str(*change) if isinstance(change, dict) else "",
)
def test_what_cannot_be_evaluated_is_refused(change: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error):
        classification_figures(**panel() | change)
