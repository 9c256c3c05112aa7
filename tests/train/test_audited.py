"""A recipe's whole path under the look-ahead audit: bars, forecasts, decisions and fills."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tidegate.audit import Depth, audit_lookahead
from tidegate.core.evidence import Verdict
from tidegate.core.history import History
from tidegate.core.panel import Panel
from tidegate.core.pipeline import Claim, FillClaim, Stage, StageKind
from tidegate.core.recipe import Recipe
from tidegate.core.time import DAILY, DAY, parse_instant
from tidegate.costs import resolve_recipe
from tidegate.engine.market import Market
from tidegate.features import market_contract
from tidegate.testing import check_pipeline, synthetic_panel
from tidegate.train.audited import FoldPipeline, folds_of
from tidegate.train.dataset import assemble

SHORT = {f"log_return_{bars}" for bars in (1, 5, 10)}
OTHERS = [one.name for one in market_contract("us-equity", DAILY).features if one.name not in SHORT]
DAYS = np.arange(360) * DAY + parse_instant("2015-01-05")
FEW = Depth(prefixes=3, slices=0, spare_seconds=0.0)


def recipe(**strategy: Any) -> Recipe:
    settings = {
        "name": "small",
        "data": {"dataset": "made-up"},
        "universe": {"benchmark": "SPY"},
        "features": {"exclude": OTHERS},
        "labels": {"horizon_bars": 3},
        "split": {"first_test": "2015-10-01", "test_months": 3, "minimum_train_days": 100},
        "models": {"ridge": {}},
        "strategy": {"scores": "ridge", "top_n": 2, **strategy},
        "costs": {"preset": "us-equity"},
    }
    return resolve_recipe(Recipe.model_validate(settings))


@pytest.fixture(scope="module")
def history() -> History:
    return History(synthetic_panel(11, len(DAYS), 6, times=DAYS))


@pytest.fixture(scope="module")
def references(history: History) -> Panel:
    made = synthetic_panel(12, len(DAYS), 2, times=DAYS)
    return Panel(made.times, ("GLD", "SPY"), made.columns)


def pipeline(kind: type[FoldPipeline], history: History, references: Panel, chosen: Recipe) -> FoldPipeline:
    test_start = folds_of(assemble(history, chosen), chosen)[0].test_start
    return kind(chosen, test_start, history.bars.times, references=references)


GUARDED = {
    "market_filter": True,
    "market_window": 20,
    "risk_off": "defensive",
    "defensives": ["GLD"],
    "max_drawdown": 0.03,
    "guard_sessions": 5,
}


def test_decisions_and_fills_of_a_guarded_rotation_pass(history: History, references: Panel) -> None:
    fold = pipeline(FoldPipeline, history, references, recipe(**GUARDED))
    audit = audit_lookahead(fold, history, subject="fold", depth=FEW, workers=1, boundaries=(int(fold.test_start),))
    assert audit.verdict is Verdict.PASSED, audit.describe()
    decisions = next(stage for stage in fold.run(history) if stage.kind is StageKind.DECISIONS)
    assert (decisions.values[:, decisions.symbols.index("GLD"), 0] > 0.0).any(), "the guard never hid in gold"


def test_a_fold_decides_at_closes_and_fills_later(history: History, references: Panel) -> None:
    fold = pipeline(FoldPipeline, history, references, recipe())
    stages = {stage.kind: stage for stage in fold.run(history)}
    decisions = stages[StageKind.DECISIONS]
    assert set(decisions.symbols) == {*history.bars.symbols, "SPY"}
    assert ((decisions.values[:, :, 0] > 0).sum(axis=1) == 2).all()
    (fills,) = [claim for claim in fold.claims(history) if isinstance(claim, FillClaim)]
    assert len(fills.decided) > 10
    assert (fills.filled > fills.decided).all()


class SameClose(FoldPipeline):
    """Fills at the close that decided."""

    def claims(self, history: History) -> Iterable[Claim]:
        for claim in super().claims(history):
            yield replace(claim, filled=claim.decided) if isinstance(claim, FillClaim) else claim


def test_a_planted_fill_at_the_deciding_close_is_caught(history: History, references: Panel) -> None:
    planted = pipeline(SameClose, history, references, recipe())
    with pytest.raises(AssertionError, match="fill"):
        check_pipeline(planted, history=history, depth=FEW)


class Tomorrow(FoldPipeline):
    """Ranks by the scores of the next row."""

    def _market(self, bars: Panel) -> Market:
        market = super()._market(bars)
        return replace(market, score=np.concatenate([market.score[1:], market.score[-1:]]))


def test_planted_decisions_on_later_scores_are_caught(history: History, references: Panel) -> None:
    planted = pipeline(Tomorrow, history, references, recipe())
    with pytest.raises(AssertionError, match="weight"):
        check_pipeline(planted, history=history, depth=FEW)


def test_a_recipe_without_a_strategy_decides_nothing(history: History, references: Panel) -> None:
    silent = recipe().model_copy(update={"strategy": None})
    fold = pipeline(FoldPipeline, history, references, silent)
    kinds = _kinds(fold.run(history))
    assert StageKind.DECISIONS not in kinds


def _kinds(stages: Iterator[Stage]) -> set[StageKind]:
    return {stage.kind for stage in stages}
