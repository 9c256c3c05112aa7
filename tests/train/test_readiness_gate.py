"""Nothing is trained on data that no audit of readiness passed (D-23)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import polars as pl
import pytest

import audited
from tidegate.core.clock import now
from tidegate.core.errors import GateNotPassed, RunError
from tidegate.core.files import read_json
from tidegate.core.recipe import Recipe
from tidegate.core.time import DAY, Instant
from tidegate.core.workspace import Workspace
from tidegate.data import Catalog, audit_readiness
from tidegate.data.tables import MACRO
from tidegate.engine import backtest
from tidegate.registry import RunStore
from tidegate.train import train

RecipeOf = Callable[..., Recipe]
RIDGE: dict[str, Any] = {"models": {"ridge": {}}, "strategy": {"scores": "ridge"}}


def thinned(workspace: Workspace, symbol: str) -> Recipe:
    """A recipe on a data set in which one symbol lacks half of its bars."""
    bars = Catalog(workspace).read("bars", dataset="made-up", as_of=now()).collect()
    kept = (pl.col("symbol") != symbol) | (pl.col("event_time").dt.ordinal_day() % 2 == 0)
    Catalog(workspace).append(
        "bars", bars.filter(kept).drop("recorded_time").with_columns(pl.lit("thin").alias("dataset"))
    )
    return Recipe.model_validate(
        {
            "name": "thin",
            "data": {"dataset": "thin"},
            "features": {"groups": ["price"], "exclude": ["log_return_252"]},
            "split": {"first_test": "2020-03-01", "test_months": 6},
            "costs": {"preset": "us-equity"},
            **RIDGE,
        }
    )


def test_training_without_an_audit_is_refused_and_leaves_no_run(fresh_workspace: Workspace, recipe: RecipeOf) -> None:
    with pytest.raises(RunError, match="no audit of readiness of recipe 'small'") as refused:
        train(fresh_workspace, recipe())

    assert refused.value.hint == "run: tidegate audit readiness small"
    assert RunStore(fresh_workspace).list() == []


def test_an_audit_that_failed_opens_nothing_and_says_why(fresh_workspace: Workspace) -> None:
    thin = thinned(fresh_workspace, "S0003")
    audited.audit(fresh_workspace, thin)

    with pytest.raises(GateNotPassed, match=r"bars: 1 of 24 below 90.00%, the worst S0003") as refused:
        train(fresh_workspace, thin)

    assert refused.value.exit_code == 3
    assert "tidegate audit readiness thin" in refused.value.hint


def test_the_newest_audit_decides(fresh_workspace: Workspace, recipe: RecipeOf) -> None:
    passed = audited.audit(fresh_workspace, recipe(**RIDGE)).evidence()
    failed = type(passed).of(passed.check, passed.subject, "failed", {"reasons": ["the source was wrong"], "notes": {}})
    RunStore(fresh_workspace).record_evidence(failed)

    with pytest.raises(GateNotPassed, match="the source was wrong"):
        train(fresh_workspace, recipe(**RIDGE))
    assert audited.train(fresh_workspace, recipe(**RIDGE)).status == "finished"


def test_rows_that_came_after_the_audit_want_a_new_one(fresh_workspace: Workspace, recipe: RecipeOf) -> None:
    small = recipe(**RIDGE)
    audited.audit(fresh_workspace, small)
    newest = Catalog(fresh_workspace).read("bars", dataset="made-up", as_of=now()).collect().drop("recorded_time")
    shifted = [pl.col(name) + pl.duration(days=1) for name in ("event_time", "known_time")]
    last = newest.filter(pl.col("event_time") == pl.col("event_time").max()).with_columns(shifted)
    Catalog(fresh_workspace).append("bars", last)

    with pytest.raises(RunError, match="no audit of readiness"):
        train(fresh_workspace, small)


def test_other_data_of_the_workspace_do_not_matter(fresh_workspace: Workspace, recipe: RecipeOf) -> None:
    small = recipe(**RIDGE)
    audited.audit(fresh_workspace, small)
    thinned(fresh_workspace, "S0003")

    assert train(fresh_workspace, small).status == "finished"


@pytest.mark.parametrize(
    "changes",
    [
        {"data": {"dataset": "made-up", "start": "2019-02-01"}},
        {"data": {"dataset": "made-up", "quality": {"mode": "soft"}}},
        {"data": {"dataset": "made-up", "readiness": {"bars_fraction": 0.5}}},
        {"universe": {"exclude": ["S0001"]}},
    ],
    ids=["window", "quality", "threshold", "universe"],
)
def test_an_audit_of_other_data_or_of_weaker_limits_is_another(
    fresh_workspace: Workspace, recipe: RecipeOf, changes: dict[str, Any]
) -> None:
    audited.audit(fresh_workspace, recipe(**RIDGE))

    with pytest.raises(RunError, match="no audit of readiness"):
        train(fresh_workspace, recipe(**RIDGE, **changes))


def test_recipes_that_read_the_same_data_share_the_audit(fresh_workspace: Workspace, recipe: RecipeOf) -> None:
    audited.audit(fresh_workspace, recipe(**RIDGE))

    assert (
        train(fresh_workspace, recipe(**RIDGE, name="other", seed=3, labels={"horizon_bars": 3})).status == "finished"
    )


def test_an_audit_as_of_an_earlier_time_opens_nothing(fresh_workspace: Workspace, recipe: RecipeOf) -> None:
    """It did not see the later rows that training would read."""
    early = audit_readiness(Catalog(fresh_workspace), recipe(**RIDGE), as_of=Instant(now() - 3000 * DAY))
    some = audit_readiness(Catalog(fresh_workspace), recipe(**RIDGE), as_of=Instant(1_580_000_000_000_000))
    for audit in (early, some):
        RunStore(fresh_workspace).record_evidence(audit.evidence())

    assert some.blind_after is not None
    with pytest.raises(RunError, match="no audit of readiness"):
        train(fresh_workspace, recipe(**RIDGE))


def test_runs_carry_what_the_audit_noted(fresh_workspace: Workspace) -> None:
    """Degraded bars and revised series travel from the audit to the training run and to the backtest's notes."""
    thin = thinned(fresh_workspace, "S0003")
    settings = thin.data.model_dump() | {
        "uses": {"macro": "numbers"}, "quality": {"mode": "soft"}, "readiness": {"symbol_fraction": 0.4},
    }  # fmt: skip
    thin = Recipe.model_validate(thin.model_dump(by_alias=True) | {"data": settings})
    Catalog(fresh_workspace).append("macro", prints("CPI", revised=True))

    trained = audited.train(fresh_workspace, thin)
    tested = backtest(fresh_workspace, thin, train_run=trained)

    noted = {"dq_degraded": {"count": 1}, "revised_macro": {"count": 1, "series": "CPI"}}
    assert trained.metrics["data_notes"] == noted
    notes = {note["code"]: note["values"] for note in read_json(tested.folder / "performance.json")["notes"]}
    assert {code: notes[code] for code in noted} == noted


def prints(series: str, *, revised: bool) -> pl.DataFrame:
    moments = pl.datetime_range(pl.datetime(2019, 2, 1), pl.datetime(2020, 12, 1), "1mo", time_zone="UTC", eager=True)
    columns = {
        "dataset": "numbers", "series": series, "value": 1.0, "unit": "index", "source": "made", "synthetic": False,
        "revised": revised,
    }  # fmt: skip
    frame = pl.DataFrame({"event_time": moments, "known_time": moments}).with_columns(
        pl.lit(value).alias(name) for name, value in columns.items()
    )
    return frame.select(pl.col(name).cast(MACRO.schema[name]) for name in MACRO.schema if name != "recorded_time")
