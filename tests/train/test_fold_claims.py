"""What a fold was really fitted on, held against what it allows; and forecasts compared inside its test."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from ashare_market import ashare_history, ashare_recipe

from tidegate.audit import FAST, audit_lookahead
from tidegate.audit.claims import check_claims
from tidegate.core.errors import LookAheadError
from tidegate.core.evidence import Verdict
from tidegate.core.history import History
from tidegate.core.pipeline import FitClaim, SplitClaim, StageKind
from tidegate.core.recipe import Recipe
from tidegate.core.time import DAILY
from tidegate.core.units import Int64Array
from tidegate.features import market_contract
from tidegate.models import TrainingRows, choose_threshold
from tidegate.split import Fold
from tidegate.train import fold_fit
from tidegate.train.audited import FoldPipeline, folds_of
from tidegate.train.dataset import Dataset, assemble
from tidegate.train.fold_fit import FittedFold, fit_fold

KEPT = {"log_return_5", "log_return_20"}
OTHERS = [one.name for one in market_contract("ashare", DAILY).features if one.name not in KEPT]
SLICED = {
    "first_test": "2021-12-01",
    "test_months": 2,
    "minimum_train_days": 90,
    "validation_months": 2,
    "calibration_months": 2,
}
POINT = {"method": "platt", "rule": "point", "target_precision": 0.3}
Marked = tuple[History, Fold, Dataset]


def picker(**changes: Any) -> Recipe:
    features = {"contract": "ashare", "exclude": OTHERS}
    return ashare_recipe(features=features, split=SLICED, calibrate=POINT, **changes)


@pytest.fixture(scope="module")
def market() -> Marked:
    """A market until the end of a fold's test, the fold, and its rows."""
    history, recipe = ashare_history(11, sessions=270, shares=8), picker()
    fold = folds_of(assemble(history, recipe), recipe)[0]
    tested = history.until(int(fold.test_end))
    data = assemble(tested, recipe)
    return tested, folds_of(data, recipe)[0], data


def pipeline(kind: type[FoldPipeline], market: Marked, recipe: Recipe | None = None) -> FoldPipeline:
    history, fold, _ = market
    return kind(recipe or picker(), fold.test_start, history.bars.times)


def caught(market: Marked, recipe: Recipe | None = None) -> set[str]:
    """Return the kinds of what the claims of an honest pipeline give away."""
    history, _, _ = market
    fold = pipeline(FoldPipeline, market, recipe)
    return {f"{one.kind.value}: {one.key}" for one in check_claims(fold.claims(history), history).findings}


def test_every_instant_of_a_fold_compares_forecasts(market: Marked) -> None:
    """A history that ends before the test has no forecast to compare; the pipeline refuses it."""
    history, fold, _ = market
    start = int(fold.test_start)
    honest = pipeline(FoldPipeline, market)
    audit = audit_lookahead(
        honest, history, subject="fold", depth=FAST.of_fits(), workers=1, boundaries=(start,), since=start
    )

    assert audit.verdict is Verdict.PASSED, audit.describe()
    assert not any("refused" in one for one in audit.unknowns)
    assert (audit.depth_run.prefixes, audit.depth_run.poisoned) == (2, 2)


class ThresholdOfTheTest(FoldPipeline):
    """Fits its threshold on as much of the test as there is."""

    def _fit(self, history: History, data: Dataset, fold: Fold) -> FittedFold:
        fitted = fit_fold(self.recipe, history, data, fold, threads=self.threads)
        rows, symbols = data.samples(fold.test, data.trainable)
        settings = self.recipe.calibrate
        if not len(rows) or settings is None:
            return fitted
        said = fitted.forecast(data.rows(rows, symbols), data.times[rows])
        changed = {}
        for kind, found in fitted.calibrations.items():
            probability = said[kind].probability
            assert probability is not None
            learnt = choose_threshold(settings, probability, data.target[rows, symbols], data.times[rows])
            # It says that it was fitted on as many rows as the slice has: the audit must not need its word.
            changed[kind] = replace(found, threshold=replace(learnt, rows=found.threshold.rows))
        return replace(fitted, calibrations=changed)


@pytest.mark.parametrize("seed", [7, 8])
def test_a_threshold_fitted_on_the_test_is_caught_by_a_fast_look(market: Marked, seed: int) -> None:
    history, fold, _ = market
    start = int(fold.test_start)
    planted = pipeline(ThresholdOfTheTest, market)
    audit = audit_lookahead(
        planted, history, subject="fold", depth=FAST.of_fits(), workers=0, seed=seed, boundaries=(start,), since=start
    )

    assert audit.verdict is Verdict.FAILED, audit.describe()
    assert {one.stage for one in audit.findings} == {StageKind.PREDICTIONS.value}
    assert {one.key for one in audit.findings} == {"ridge called"}


def test_an_honest_fold_claims_what_it_was_fitted_on(market: Marked) -> None:
    history, fold, data = market
    claims = list(pipeline(FoldPipeline, market).claims(history))
    fits = {claim.name.split()[0]: claim for claim in claims if isinstance(claim, FitClaim)}

    assert caught(market) == set()
    assert set(fits) == {"training", "validation", "calibration"}
    assert sum(isinstance(claim, SplitClaim) for claim in claims) == 3
    assert fold.calibration is not None
    assert set(fits["calibration"].fitted_times) <= set(data.times[fold.calibration.rows])
    assert len(fits["training"].fitted_times) > 50


def test_a_refit_on_both_parts_is_allowed_and_claimed(market: Marked) -> None:
    refitted = picker(models={"ridge": {}, "refit": "with_validation"})
    history, _, _ = market
    names = {claim.name.split()[0] for claim in pipeline(FoldPipeline, market, refitted).claims(history)}

    assert caught(market, refitted) == set()
    assert "refit" in names


HONEST = fold_fit.training_rows


def fit_on(monkeypatch: pytest.MonkeyPatch, what: str, more: Any) -> None:
    """Hand other rows to one of the fits than the fold says."""

    def planted(
        recipe: Recipe, history: History, data: Dataset, positions: Int64Array, *, what: str, weighted: bool = True
    ) -> TrainingRows:
        positions = more(positions) if asked in what else positions
        return HONEST(recipe, history, data, positions, what=what, weighted=weighted)

    asked = what
    monkeypatch.setattr(fold_fit, "training_rows", planted)


def test_a_calibrator_that_saw_the_validation_slice_is_caught(market: Marked, monkeypatch: pytest.MonkeyPatch) -> None:
    """Equity H 15: a slice of the past in place of another leaves no trace in any forecast."""
    _, fold, _ = market
    assert fold.validation is not None
    seen = fold.validation.rows
    fit_on(monkeypatch, "calibration slice", lambda rows: np.union1d(rows, seen))

    found = caught(market)

    assert any(one.startswith("fit: calibration of the fold") for one in found), found
    assert any(one.startswith("split: what was fitted before calibration") for one in found), found


def test_training_that_is_not_purged_is_caught(market: Marked, monkeypatch: pytest.MonkeyPatch) -> None:
    _, fold, _ = market
    assert fold.validation is not None
    border = int(fold.validation.rows[0])
    fit_on(monkeypatch, "training part", lambda rows: np.arange(rows[0], border))

    found = caught(market)

    assert any(one.startswith("fit: training of the fold") for one in found), found
    assert any(one.startswith("split: what was fitted before validation") for one in found), found


def test_training_on_the_instants_of_the_test_is_caught(market: Marked, monkeypatch: pytest.MonkeyPatch) -> None:
    """A split by symbol: other symbols of the very days that are tested."""
    _, fold, _ = market
    fit_on(monkeypatch, "training part", lambda rows: np.union1d(rows, fold.test))

    assert any(one.startswith("split: fold from") for one in caught(market))


def test_a_calibrator_of_other_rows_than_its_slice_is_refused(market: Marked) -> None:
    history, fold, data = market
    found = fit_fold(picker(), history, data, fold).calibrations["ridge"]

    with pytest.raises(LookAheadError, match="rows of the calibration slice"):
        replace(found, calibrator=replace(found.calibrator, rows=found.calibrator.rows + 1))
