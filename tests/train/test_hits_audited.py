"""Recipes whose target is 0 or 1 under the look-ahead audit: every label is held to its own end."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from ashare_market import ashare_history, ashare_recipe

from tidegate.audit import Depth, audit_lookahead
from tidegate.core.evidence import Verdict
from tidegate.core.history import History
from tidegate.core.pipeline import Stage, StageKind
from tidegate.core.time import DAILY
from tidegate.features import contract_for, market_contract
from tidegate.labels import NEVER
from tidegate.testing import check_pipeline
from tidegate.train.audited import FeaturePipeline, FoldPipeline, folds_of
from tidegate.train.dataset import assemble

KEPT = {"log_return_5", "log_return_20"}
OTHERS = [one.name for one in market_contract("ashare", DAILY).features if one.name not in KEPT]
FEW = Depth(prefixes=3, slices=0, spare_seconds=0.0)


@pytest.fixture(scope="module")
def history() -> History:
    return ashare_history(11, sessions=250, shares=6)


@pytest.fixture(scope="module")
def short(history: History) -> History:
    return history.until(int(history.bars.times[99]))


def labelling(kind: type[FeaturePipeline], history: History, target: str) -> FeaturePipeline:
    recipe = ashare_recipe(labels={"target": target}, features={"contract": "ashare", "exclude": OTHERS})
    return kind(
        recipe, contract_for(history.bars, recipe.features, tables=history.tables, interval=recipe.data.interval)
    )


@pytest.mark.parametrize("target", ["hit", "hindsight_hit"])
def test_hits_pass_each_with_its_own_end(short: History, target: str) -> None:
    """Equity I 15: prefix and poison, on labels of trades and touches too."""
    pipeline = labelling(FeaturePipeline, short, target)
    audit = audit_lookahead(pipeline, short, subject=target, depth=FEW, workers=1)
    stages = [stage for stage in pipeline.run(short) if stage.kind is StageKind.LABELS]
    known = [int((stage.ends != NEVER).sum()) for stage in stages if stage.ends is not None]

    assert audit.verdict is Verdict.PASSED, audit.describe()
    assert known == [94, 90, 95][: len(stages)]
    assert {"fixed_exit_hit_3_to_5", "fixed_exit_relative_hit_3_to_5"} <= set(stages[1].keys)


class TooSoon(FeaturePipeline):
    """Says that a trade is known on the day of its exit, although a sale may be delayed."""

    def run(self, history: History) -> Iterator[Stage]:
        for stage in super().run(history):
            trade = "fixed_exit_hit_3_to_5" in stage.keys
            if trade and stage.ends is not None:
                known = stage.ends != NEVER
                sooner = stage.times[
                    np.searchsorted(stage.times, stage.ends[known]) - self.recipe.labels.touch.sell_within_bars
                ]
                yield replace(stage, ends=np.concatenate([sooner, stage.ends[~known]]))
            else:
                yield stage


def test_a_trade_that_claims_to_be_known_before_its_sale_is_caught(short: History) -> None:
    planted = labelling(TooSoon, short, "hit")
    with pytest.raises(AssertionError, match="fixed_exit"):
        check_pipeline(planted, history=short, depth=FEW)


def test_a_fold_of_hits_passes_from_bars_to_decisions(history: History) -> None:
    """Equity I 15: no label reaches over a border, purged by the longest of all labels."""
    recipe = ashare_recipe(features={"contract": "ashare", "exclude": OTHERS})
    data = assemble(history, recipe)
    fold = folds_of(data, recipe)[0]
    pipeline = FoldPipeline(recipe, fold.test_start, history.bars.times)
    tested = history.until(int(fold.test_end))
    audit = audit_lookahead(pipeline, tested, subject="fold", depth=FEW, workers=1, boundaries=(int(fold.test_start),))

    assert audit.verdict is Verdict.PASSED, audit.describe()
    assert (data.labels.touches("fixed_exit").ends[fold.train] <= fold.test_start).all()
