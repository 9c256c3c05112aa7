"""What is said about forecasts of hits, rule by rule: nothing is called skill that a coin or the same day explains."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from tidegate.models import Threshold
from tidegate.report.hit_figures import Estimate, FoldCalibration, HitFigures, Hits, ModelHits
from tidegate.report.hit_rules import better_auc, calls, floor, hit_verdict, skill, top_of_the_day, trades
from tidegate.report.published_bands import plainly
from tidegate.report.statements import Statement, Tone

GOOD = HitFigures(
    weeks=100, base_rate=0.25, auc=Estimate(0.62, 0.60, 0.64), auc_within_date=Estimate(0.58, 0.56, 0.60),
    precision=Estimate(0.66, 0.62, 0.70), recall=0.2, f1=0.3, calls=400, precision_at_k=Estimate(0.35, 0.32, 0.38),
    base_rate_at_k=0.25, net_return_at_k=Estimate(0.004, 0.001, 0.007), net_return_all=0.0,
)  # fmt: skip
THRESHOLD = Threshold(
    status="met", value=0.55, candidate=0.55, rule="wilson", target_precision=0.6, minimum_calls=100, rows=1000,
    positives=250, base_rate=0.25, precision=0.68, lower=0.61, recall=0.2, calls=150, minimum_days=10, days=20,
)  # fmt: skip
BELOW = replace(THRESHOLD, status="below_floor", value=None, precision=0.5, lower=0.41)


def model(name: str = "xgboost", **changes: Any) -> ModelHits:
    return ModelHits(
        model=name, overall=replace(GOOD, **changes), quarters=(), reliability=(), curve=(), top_k=10
    )  # fmt: skip


def folds(*thresholds: Threshold) -> tuple[FoldCalibration, ...]:
    return tuple(
        FoldCalibration(fold=number, method="isotonic", start=0, end=1, threshold=one, curve=())
        for number, one in enumerate(thresholds)
    )


def said(statement: Statement | None) -> tuple[str, Tone] | None:
    return None if statement is None else (statement.key, statement.tone)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, ("hits.skill", Tone.GOOD)),
        ({"auc": Estimate(0.53, 0.49, 0.57)}, ("hits.chance", Tone.CAUTION)),
        ({"auc": Estimate(0.44, 0.40, 0.48)}, ("hits.wrong_way", Tone.BAD)),
        ({"auc_within_date": Estimate(0.52, 0.49, 0.55)}, ("hits.days_only", Tone.CAUTION)),
        ({"auc_within_date": Estimate(None)}, ("hits.days_only", Tone.CAUTION)),
        ({"auc": Estimate(None)}, ("hits.unknown", Tone.CAUTION)),
        ({"auc": Estimate(0.9)}, ("hits.unknown", Tone.CAUTION)),
    ],
)
def test_skill_is_an_interval_above_one_half(changes: dict[str, Any], expected: tuple[str, Tone]) -> None:
    """One window says little (equity H 15): a figure without its interval proves nothing."""
    assert said(skill(model(**changes))) == expected


@given(some.floats(0.01, 0.99), some.floats(0.0, 0.3))
def test_no_interval_around_one_half_is_called_skill(value: float, half: float) -> None:
    found = Estimate(value, value - half, value + half)

    if found.low is not None and found.high is not None and found.low <= 0.5 <= found.high:
        assert skill(model(auc=found)).tone is not Tone.GOOD


@pytest.mark.parametrize(
    ("precision", "expected"),
    [
        (Estimate(0.35, 0.32, 0.38), ("hits.above_base", Tone.GOOD)),
        (Estimate(0.27, 0.24, 0.30), ("hits.not_above_base", Tone.BAD)),
        (Estimate(0.35, weeks=6), ("hits.top_open", Tone.CAUTION)),
        (Estimate(0.20, 0.18, 0.22), ("hits.below_base", Tone.BAD)),
    ],
)
def test_picks_are_held_against_the_same_days(precision: Estimate, expected: tuple[str, Tone]) -> None:
    assert said(top_of_the_day(model(precision_at_k=precision))) == expected


def test_picks_without_a_base_rate_are_not_judged() -> None:
    assert top_of_the_day(model(base_rate_at_k=None)) is None


def test_a_missed_floor_is_said() -> None:
    """An infeasible threshold is explicit, never a silent default (equity I 17)."""
    assert said(floor(folds(THRESHOLD, THRESHOLD))) == ("hits.floor_met", Tone.NEUTRAL)
    assert said(floor(folds(THRESHOLD, BELOW))) == ("hits.floor_sometimes", Tone.BAD)
    assert said(floor(folds(BELOW, BELOW))) == ("hits.below_floor_bound", Tone.BAD)
    assert floor(()) is None


def test_a_status_is_believed_and_not_the_figures_beside_it() -> None:
    """Whatever precision the best candidate had, below the floor is below the floor."""
    flattering = replace(BELOW, precision=0.95, lower=0.9)

    assert said(floor(folds(flattering))) == ("hits.below_floor_bound", Tone.BAD)
    assert not replace(THRESHOLD, value=None).is_met


@pytest.mark.parametrize(
    ("precision", "expected"),
    [
        (Estimate(0.66, 0.62, 0.70), ("hits.calls_kept", Tone.GOOD)),
        (Estimate(0.62, 0.55, 0.69), ("hits.calls_kept", Tone.NEUTRAL)),
        (Estimate(0.55, 0.48, 0.62), ("hits.calls_short", Tone.CAUTION)),
        (Estimate(0.40, 0.35, 0.45), ("hits.calls_short", Tone.BAD)),
        (Estimate(0.65, weeks=1), ("hits.calls_open", Tone.CAUTION)),
        (Estimate(0.40, weeks=3), ("hits.calls_open", Tone.CAUTION)),
        (Estimate(0.65, 0.65, 0.65), ("hits.calls_open", Tone.CAUTION)),
    ],
)
def test_calls_are_held_against_their_floor(precision: Estimate, expected: tuple[str, Tone]) -> None:
    assert said(calls(replace(GOOD, precision=precision), folds(THRESHOLD))) == expected


def test_an_interval_of_one_week_is_none() -> None:
    """Runs of earlier versions hold 65.0 % [65.0 - 65.0] from calls of one week; all hits in 20 weeks are another."""
    assert Estimate(0.65, 0.65, 0.65).is_alone
    assert Estimate(0.65, 0.65, 0.65).text("percent1") == "65.0%"
    assert Estimate(1.0, 1.0, 1.0).side_of(0.6) == 1
    assert not Estimate(None).is_alone


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, ("hits.below_floor_bound", 0.55)),
        ({"rule": "point", "precision": 0.58, "minimum_calls": 1, "minimum_days": 0}, ("hits.below_floor", 0.58)),
        ({"lower": 0.66, "days": 3}, ("hits.below_floor_unsupported", None)),
        ({"lower": 0.66, "calls": 90}, ("hits.below_floor_unsupported", None)),
        ({"minimum_days": None, "days": None}, ("hits.below_floor_bound", 0.55)),
    ],
)
def test_the_best_candidate_is_told_by_the_figure_that_missed(
    changes: dict[str, Any], expected: tuple[str, float | None]
) -> None:
    """Under wilson "none reached 60 % (the best had 63 %)" contradicts itself: its lower bound is what missed."""
    found = floor(folds(replace(BELOW, **{"precision": 0.63, "lower": 0.55, **changes})))

    assert found is not None
    assert (found.key, found.values["best"]) == expected


def test_no_calls_are_not_judged() -> None:
    assert calls(replace(GOOD, calls=0, precision=Estimate(None)), folds(BELOW)) is None


@pytest.mark.parametrize(
    ("earned", "expected"),
    [
        (Estimate(0.004, 0.001, 0.007), ("hits.trades_earned", Tone.GOOD)),
        (Estimate(0.004, -0.001, 0.009), ("hits.trades_indistinct", Tone.CAUTION)),
        (Estimate(-0.004, -0.007, -0.001), ("hits.trades_lost", Tone.BAD)),
        (Estimate(None), None),
    ],
)
def test_trades(earned: Estimate, expected: tuple[str, Tone] | None) -> None:
    assert said(trades(model(net_return_at_k=earned))) == expected


def test_a_better_rival_is_named_and_not_recommended() -> None:
    weak, strong = model("ridge", auc_within_date=Estimate(0.52, 0.5, 0.54)), model()

    assert said(better_auc(weak, (weak, strong))) == ("hits.better_rival", Tone.CAUTION)
    assert better_auc(strong, (weak, strong)) is None
    assert better_auc(strong, (strong,)) is None


def test_the_verdict_names_hindsight_and_the_labels_own_trades() -> None:
    verdict = hit_verdict(Hits(models=(model(),)), "xgboost", "hindsight_hit")

    assert verdict.findings[0].key == "hits.skill"
    assert verdict.cautions[0].key == "caution.hindsight_hit"
    assert verdict.limits[0].key == "limit.label_trades"
    assert hit_verdict(Hits(models=()), "xgboost", "hit").findings[0].key == "forecast.absent"


@pytest.mark.parametrize(
    ("changes", "thresholds", "expected"),
    [
        ({"auc": Estimate(0.51, 0.48, 0.54)}, (THRESHOLD,), "bands.chance"),
        ({"auc": Estimate(0.65)}, (THRESHOLD,), "bands.chance"),
        ({"precision_at_k": Estimate(0.27, 0.24, 0.30)}, (THRESHOLD,), "bands.no_picks"),
        ({}, (BELOW, BELOW), "bands.below_floor"),
        ({"precision": Estimate(0.22, 0.11, 0.40)}, (THRESHOLD, BELOW), "bands.calls_failed"),
        ({"recall": 0.05}, (THRESHOLD, BELOW), "bands.some"),
        ({}, (THRESHOLD,), "bands.reached"),
        ({"precision": Estimate(0.66, weeks=3)}, (THRESHOLD,), "bands.open"),
        ({}, (), "bands.reached"),
    ],
)
def test_the_published_bands_are_answered_in_one_sentence(
    changes: dict[str, Any], thresholds: tuple[Threshold, ...], expected: str
) -> None:
    one = model(**changes)

    found = plainly(Hits(models=(one,), calibrations={"xgboost": folds(*thresholds)}), one)

    assert found.key == expected
    assert (found.tone is Tone.GOOD) == (expected == "bands.reached")
