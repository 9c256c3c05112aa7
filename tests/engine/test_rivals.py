"""Two backtests compared in pairs, on accounts whose difference is known."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.core.errors import RunError
from tidegate.core.recipe import load_recipe
from tidegate.core.time import DAY, HOUR, parse_instant
from tidegate.data.tables import MOMENT
from tidegate.engine.rivals import compare_backtests
from tidegate.registry import Run, RunKind, RunStatus

COUNT = 504
TIMES = np.flatnonzero((np.arange(COUNT * 2) + 3) % 7 < 5)[:COUNT] * DAY + parse_instant("2020-01-02") + 21 * HOUR
MARKET = np.random.default_rng(11).normal(0.0003, 0.01, COUNT - 1)


def account(folder: Path, returns: Any, *, first: int = 0, name: str = "ashare-picker", **changes: Any) -> Run:
    """Return a finished backtest whose account had given daily log returns."""
    folder.mkdir(parents=True)
    equity = 1e6 * np.exp(np.concatenate([[0.0], np.cumsum(returns)]))
    frame = pl.DataFrame({"time": pl.Series(TIMES[first : first + len(equity)]).cast(MOMENT), "equity": equity})
    frame.write_parquet(folder / "equity.parquet")
    run = Run(
        id=folder.name,
        project="a-share",
        kind=RunKind.BACKTEST,
        status=RunStatus.FINISHED,
        recipe_name=name,
        recipe=load_recipe(name).model_dump(mode="json", by_alias=True),
        fingerprint="f",
        parent=None,
        started_at=int(TIMES[0]),  # type: ignore[arg-type]
        finished_at=int(TIMES[-1]),  # type: ignore[arg-type]
        data_versions={},
        environment={},
        seed=7,
        metrics={},
        error=None,
        folder=folder,
    )
    return replace(run, **changes)


def test_equal_accounts_differ_by_nothing(tmp_path: Path) -> None:
    found = compare_backtests(account(tmp_path / "a", MARKET), account(tmp_path / "b", MARKET))

    assert (found["difference_a_year"], found["interval"], found["p_value"]) == (0.0, [0.0, 0.0], 1.0)
    assert found["correlation"] == pytest.approx(1.0)
    assert found["returns"] == COUNT - 1
    assert found["block"] == 10


def test_a_constant_gain_is_found_whatever_the_market_did(tmp_path: Path) -> None:
    better = account(tmp_path / "a", MARKET + 0.0002)

    found = compare_backtests(better, account(tmp_path / "b", MARKET))

    per_year = found["difference_a_year"] / 0.0002
    assert 240 < per_year < 262
    assert found["interval"] == pytest.approx([found["difference_a_year"]] * 2)
    assert found["p_value"] < 0.001
    turned = compare_backtests(account(tmp_path / "c", MARKET), better)
    assert turned["difference_a_year"] == pytest.approx(-found["difference_a_year"])


def test_a_gain_within_noise_of_its_own_is_found_and_pure_noise_is_not(tmp_path: Path) -> None:
    noise = np.random.default_rng(12).normal(0.0, 0.002, COUNT - 1)
    market = account(tmp_path / "market", MARKET)

    better = compare_backtests(account(tmp_path / "a", MARKET + noise - noise.mean() + 0.0004), market)
    alike = compare_backtests(account(tmp_path / "b", MARKET + noise - noise.mean() + 0.00005), market)

    assert better["interval"][0] > 0.0
    assert better["p_value"] < 0.01
    assert alike["interval"][0] < 0.0 < alike["interval"][1]
    assert alike["p_value"] > 0.2


@given(st.integers(0, 300), st.integers(30, 200))
def test_only_closes_that_both_have_count(tmp_path_factory: pytest.TempPathFactory, first: int, length: int) -> None:
    folder = tmp_path_factory.mktemp("accounts")
    whole = account(folder / "a", MARKET)
    part = account(folder / "b", MARKET[first : first + length], first=first)

    found = compare_backtests(whole, part)

    assert (found["from"], found["to"]) == (TIMES[first], TIMES[first + length])
    assert found["difference_a_year"] == pytest.approx(0.0, abs=1e-9)
    assert found["first"]["cagr"] == pytest.approx(found["second"]["cagr"])


def test_blocks_are_as_long_as_labels(tmp_path: Path) -> None:
    rotation = account(tmp_path / "a", MARKET, name="us-rotation")

    assert compare_backtests(rotation, account(tmp_path / "b", MARKET))["block"] == 20
    assert compare_backtests(rotation, rotation, block=5)["block"] == 5


def test_few_returns_have_a_difference_and_no_interval(tmp_path: Path) -> None:
    short = account(tmp_path / "a", MARKET[:30] + 0.001)

    found = compare_backtests(short, account(tmp_path / "b", MARKET))

    assert found["difference_a_year"] > 0.0
    assert (found["interval"], found["p_value"]) == (None, None)


@pytest.mark.parametrize(
    ("changes", "found", "hint"),
    [
        ({"kind": RunKind.TRAIN}, "a finished train run", "tidegate experiment ashare-picker"),
        ({"kind": RunKind.EXPERIMENT}, "a finished experiment run", "tidegate experiment ashare-picker"),
        ({"status": RunStatus.FAILED}, "a failed backtest run", "tidegate runs --kind backtest"),
        ({"recipe": {"name": "of another age"}}, "does not know", "tidegate backtest"),
    ],
)
def test_what_is_no_backtest_is_refused(tmp_path: Path, changes: dict[str, Any], found: str, hint: str) -> None:
    good, bad = account(tmp_path / "a", MARKET), account(tmp_path / "b", MARKET, **changes)

    for pair in ((good, bad), (bad, good)):
        with pytest.raises(RunError, match=found) as refused:
            compare_backtests(*pair)
        assert hint in refused.value.hint


def test_accounts_with_hardly_a_day_in_common_are_refused(tmp_path: Path) -> None:
    early, late = account(tmp_path / "a", MARKET[:100]), account(tmp_path / "b", MARKET[90:], first=90)

    with pytest.raises(RunError, match="11 closes"):
        compare_backtests(early, late)


def test_bars_of_two_sizes_are_refused(tmp_path: Path) -> None:
    daily, others = account(tmp_path / "a", MARKET), account(tmp_path / "b", MARKET, name="crypto-horizons")

    with pytest.raises(RunError, match="bars of 1d and of"):
        compare_backtests(daily, others)


def test_a_ruined_account_has_no_rate_of_growth(tmp_path: Path) -> None:
    """Leaving out the return that ruined it would make the loser look well."""
    ruined = account(tmp_path / "a", MARKET)
    frame = pl.read_parquet(ruined.folder / "equity.parquet")
    lost = pl.when(pl.int_range(pl.len()) > 400).then(-5.0).otherwise(pl.col("equity"))
    frame.with_columns(equity=lost).write_parquet(ruined.folder / "equity.parquet")

    with pytest.raises(RunError, match="worth -5 on"):
        compare_backtests(account(tmp_path / "b", MARKET), ruined)


def test_files_that_are_gone_are_named(tmp_path: Path) -> None:
    gone = account(tmp_path / "a", MARKET)
    (gone.folder / "equity.parquet").unlink()

    with pytest.raises(RunError, match=r"without a readable equity\.parquet"):
        compare_backtests(gone, account(tmp_path / "b", MARKET))
