"""Trials of a workspace: what counts as one, on which stretch of time and market, and that nothing is counted twice."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from tidegate.core.clock import frozen_clock
from tidegate.core.database import trials
from tidegate.core.errors import CatalogError, InputError
from tidegate.core.recipe import BacktestSettings, LegacySettings, Recipe, StrategySettings
from tidegate.core.time import DAY, SECOND, Instant, parse_instant
from tidegate.core.workspace import Workspace
from tidegate.costs import CostModel
from tidegate.data import Catalog
from tidegate.registry import (
    Run,
    RunKind,
    RunStatus,
    TrialRecord,
    TrialStore,
    market_of_dataset,
    training_of,
    trial_fingerprint,
)
from tidegate.strategy.long_short import LongShort
from tidegate.testing import synthetic_bars, synthetic_panel

YEARS = {year: parse_instant(f"{year}-01-01") for year in range(2010, 2027)}
ALWAYS = (Instant(0), YEARS[2026])
BASE = TrialRecord(
    fingerprint="a" * 64,
    market="XNYS",
    start=YEARS[2012],
    end=YEARS[2018],
    bars=1509,
    sharpe=0.05,
    excess_sharpe=-0.01,
    kind="search",
    run="search-1",
    recipe_name="grid",
)
RECIPE: dict[str, Any] = {
    "name": "small",
    "data": {"dataset": "made-up"},
    "split": {"first_test": "2020-01-01"},
    "models": {"ridge": {}},
    "strategy": {"scores": "ridge"},
    "costs": {"preset": "us-equity"},
}


@pytest.fixture
def workspace(tmp_path: Path, database_url: str) -> Iterator[Workspace]:
    workspace = Workspace.create(tmp_path / "work")
    yield workspace
    workspace.database.dispose()


@pytest.fixture
def store(workspace: Workspace) -> TrialStore:
    return TrialStore(workspace)


def many(count: int, first: int = 0, **changes: Any) -> list[TrialRecord]:
    return [replace(BASE, fingerprint=f"{first + number:064x}", **changes) for number in range(count)]


def rows_in(workspace: Workspace) -> int:
    with workspace.database.connect() as connection:
        return int(connection.execute(sa.select(sa.func.count()).select_from(trials)).scalar_one())


def test_a_trial_comes_back_as_it_was_recorded(store: TrialStore) -> None:
    bare = replace(BASE, fingerprint="b" * 64, sharpe=None, excess_sharpe=None, kind="experiment")
    exact = replace(BASE, sharpe=0.1 + 0.2, excess_sharpe=5e-324)
    store.record([bare, exact])

    assert store.overlapping("XNYS", *ALWAYS) == [exact, bare]


def test_the_same_trial_again_adds_nothing(store: TrialStore, workspace: Workspace) -> None:
    """The same set of another command, run or recipe is the same trial."""
    elsewhere = replace(BASE, run="select-1", kind="select", recipe_name="other", sharpe=0.06)
    store.record([])
    store.record([BASE, BASE])
    store.record([elsewhere])

    assert store.overlapping("XNYS", *ALWAYS) == [BASE]
    assert (store.count("XNYS", *ALWAYS), rows_in(workspace)) == (1, 1)


def test_one_set_on_several_windows_counts_once_as_it_was_judged_last(store: TrialStore) -> None:
    late, early = replace(BASE, end=YEARS[2020], sharpe=0.07), replace(BASE, start=YEARS[2011], sharpe=0.08)
    for second, one in enumerate((BASE, late, early)):
        with frozen_clock(Instant(YEARS[2026] + second * SECOND)):
            store.record([one])

    assert store.overlapping("XNYS", *ALWAYS) == [early]
    assert store.overlapping("XNYS", YEARS[2019], YEARS[2020]) == [late]
    assert store.count("XNYS", *ALWAYS) == 1


@pytest.mark.parametrize(
    ("start", "end", "found"),
    [
        (2010, 2011, 0),
        (2010, 2012, 1),
        (2013, 2014, 1),
        (2010, 2026, 1),
        (2018, 2026, 1),
        (2019, 2026, 0),
    ],
)
def test_windows_overlap_when_they_share_an_instant(store: TrialStore, start: int, end: int, found: int) -> None:
    store.record([BASE])

    assert len(store.overlapping("XNYS", YEARS[start], YEARS[end])) == found
    assert store.count("XNYS", YEARS[start], YEARS[end]) == found
    assert store.count("XSHG", YEARS[start], YEARS[end]) == 0


def test_one_microsecond_apart_is_apart(store: TrialStore) -> None:
    store.record([BASE])

    assert store.count("XNYS", Instant(BASE.end + 1), YEARS[2026]) == 0
    assert store.count("XNYS", YEARS[2010], Instant(BASE.start - 1)) == 0


def test_ten_thousand_trials_are_recorded_at_once(store: TrialStore, workspace: Workspace) -> None:
    """A search of 10,000 sets leaves all of them, and what half of them already left stays as it was."""
    store.record(many(5_000))
    store.record(many(10_000, run="search-2"))

    found = store.overlapping("XNYS", *ALWAYS)
    assert (len(found), store.count("XNYS", *ALWAYS), rows_in(workspace)) == (10_000, 10_000, 10_000)
    assert [one.run for one in found] == ["search-1"] * 5_000 + ["search-2"] * 5_000


def test_a_batch_that_fails_leaves_nothing(store: TrialStore, workspace: Workspace) -> None:
    broken = replace(BASE, fingerprint="c" * 64, recipe_name=None)  # type: ignore[arg-type]
    with pytest.raises(sa.exc.IntegrityError):
        store.record([*many(50), broken])

    assert rows_in(workspace) == 0


_RECORDER = """
import sys
from pathlib import Path
from tidegate.core.workspace import Workspace
from tidegate.registry.trials import TrialRecord, TrialStore

store = TrialStore(Workspace.open(Path(sys.argv[1])))
named = {"market": "XNYS", "bars": 9, "sharpe": None, "excess_sharpe": None, "kind": "search", "recipe_name": "grid"}
print("ready", flush=True)
sys.stdin.readline()
for first in range(0, 500, 100):
    batch = [
        TrialRecord(fingerprint=f"{number:064x}", start=10**15, end=2 * 10**15, run=sys.argv[2], **named)
        for number in range(first, first + 200)
    ]
    store.record(batch[::-1] if sys.argv[2] == "b" else batch)
"""


def test_two_processes_record_the_same_trials_at_once(store: TrialStore, workspace: Workspace) -> None:
    """Neither fails or waits for ever, though they come in opposite orders, and each trial is there once."""
    command = [sys.executable, "-c", _RECORDER, str(workspace.root)]
    both = [
        subprocess.Popen(
            [*command, name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for name in "ab"
    ]
    for one in both:
        assert one.stdout is not None
        assert one.stdout.readline() == "ready\n"
    for one in both:
        one.communicate("go\n", timeout=60)

    assert [one.returncode for one in both] == [0, 0]
    assert (store.count("XNYS", *ALWAYS), rows_in(workspace)) == (600, 600)


@pytest.mark.parametrize(
    "changes",
    [
        {"sharpe": float("nan")},
        {"excess_sharpe": float("inf")},
        {"bars": 0},
        {"start": YEARS[2019]},
    ],
    ids=str,
)
def test_a_trial_that_cannot_be_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="expected at least one bar, a start before its end, and finite ratios"):
        replace(BASE, **changes)


def print_of(**changes: Any) -> str:
    tried: dict[str, Any] = {
        "settings": StrategySettings(scores="ridge"),
        "costs": CostModel(commission_bps=1.0),
        "backtest": BacktestSettings(),
        "training": "t",
        "model": "ridge",
    }
    return trial_fingerprint(**{**tried, **changes})


@pytest.mark.parametrize(
    "changes",
    [
        {"settings": StrategySettings(scores="ridge", top_n=3)},
        {"settings": StrategySettings(scores="ridge", legacy=LegacySettings(fee_ignored=True))},
        {"settings": LongShort()},
        {"costs": CostModel(commission_bps=2.0)},
        {"backtest": BacktestSettings(initial_cash=1e5)},
        {"backtest": BacktestSettings(fill="next_close")},
        {"backtest": BacktestSettings(participation=0.1)},
        {"backtest": BacktestSettings(accounting="raw", lot_shares=100.0)},
        {"training": "u"},
        {"model": "xgboost"},
    ],
    ids=str,
)
def test_whatever_changes_what_is_tried_is_another_trial(changes: dict[str, Any]) -> None:
    assert print_of(**changes) != print_of()


def test_when_it_is_judged_is_no_other_trial() -> None:
    assert print_of(backtest=BacktestSettings(start="2020-01-01", end="2021-01-01")) == print_of()


@given(st.integers(1, 999))
def test_a_number_reached_in_steps_is_the_same_number(thousandths: int) -> None:
    """A grid that adds 0.001 so many times and one that is written out try the same set (equity I 11)."""
    stepped = sum(0.001 for _ in range(thousandths))
    settings = [
        StrategySettings(scores="ridge", max_weight=weight)
        for weight in (stepped, thousandths / 1000, (thousandths + 0.5) / 1000)
    ]
    first, second, other = (print_of(settings=one) for one in settings)

    assert first == second != other


def run_of(tmp_path: Path, metrics: dict[str, Any] | None = None, **changes: Any) -> Run:
    recipe = Recipe.model_validate({**RECIPE, **changes})
    return Run(
        id="train-1", project="p", kind=RunKind.TRAIN, status=RunStatus.FINISHED, recipe_name=recipe.name,
        recipe=recipe.model_dump(mode="json", by_alias=True), fingerprint="f", parent=None, started_at=YEARS[2012],
        finished_at=None, data_versions={}, environment={}, seed=1, metrics=metrics or {}, error=None, folder=tmp_path,
    )  # fmt: skip


def test_scores_are_told_apart_by_what_made_them_and_not_by_the_strategy(tmp_path: Path) -> None:
    """Tuned parameters stand beside the recipe of a training run; two such runs have scores of their own."""
    tuned = {"tuned": {"run": "tune-1", "parameters": {"alpha": 2.0}, "value": 0.1}}
    again = {"tuned": {"run": "tune-2", "parameters": {"alpha": 2.0}, "value": 0.1}}
    plain = training_of(run_of(tmp_path))

    assert (
        training_of(run_of(tmp_path, {"tuned": None}, name="other", strategy={"scores": "ridge", "top_n": 3})) == plain
    )
    assert training_of(run_of(tmp_path, seed=9)) != plain
    assert training_of(run_of(tmp_path, tuned)) == training_of(run_of(tmp_path, again)) != plain


def bars(dataset: str, calendar: str, symbols: int = 2) -> Any:
    times = parse_instant("2020-01-01") + np.arange(1, 6) * DAY
    return synthetic_bars(synthetic_panel(1, 5, symbols, times=times), dataset=dataset, calendar=calendar)


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Catalog:
    catalog = Catalog(Workspace.create(tmp_path_factory.mktemp("markets") / "work"))
    for dataset, calendar in (("us", "XNYS"), ("us-hourly", "XNYS"), ("ashare", "XSHG"), ("coins", "24/7")):
        catalog.append("bars", bars(dataset, calendar))
    mixed = bars("mixed", "XNYS", symbols=3)
    catalog.append("bars", mixed.with_columns(calendar=mixed["symbol"].replace({"S0000": "24/7"}).replace(
        {"S0001": "XNYS", "S0002": "XNYS"})))  # fmt: skip
    catalog.append("bars", bars("nameless", "XNYS").with_columns(calendar=None))
    return catalog


@pytest.mark.parametrize(
    ("dataset", "market"),
    [("us", "XNYS"), ("us-hourly", "XNYS"), ("ashare", "XSHG"), ("coins", "24/7"), ("mixed", "XNYS")],
)
def test_a_market_is_the_calendar_that_its_data_sets_share(stored: Catalog, dataset: str, market: str) -> None:
    assert market_of_dataset(stored, dataset) == market


def test_a_data_set_without_a_calendar_is_a_market_of_its_own(stored: Catalog) -> None:
    assert market_of_dataset(stored, "nameless") == "nameless"


def test_an_unknown_data_set_is_refused(stored: Catalog) -> None:
    with pytest.raises(CatalogError, match="elsewhere"):
        market_of_dataset(stored, "elsewhere")
