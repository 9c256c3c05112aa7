"""The look-ahead check for people who use nothing else: any function, any frame, a clear message."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest

from tidegate.audit import Depth, audit_lookahead
from tidegate.core.errors import InputError
from tidegate.core.history import History
from tidegate.core.panel import Panel
from tidegate.core.past_view import PastView
from tidegate.core.units import FloatArray
from tidegate.features.windows import lagged, rolling_mean
from tidegate.testing import check_feature, check_pipeline, sample_history
from tidegate.testing.functions import FunctionPipeline
from tidegate.testing.kinds import FunctionKind
from tidegate.testing.market_frames import bars_frame

RETURN = pl.col("close").log().diff().over("symbol")


def momentum_of_view(view: PastView) -> FloatArray:
    close = view["close"]
    return close[-1] / close[-6] if len(close) > 5 else np.full(len(view.symbols), np.nan)


def breadth_of_view(view: PastView) -> float:
    close = view["close"]
    return float(np.nanmean(close[-1] > close[-2])) if len(close) > 1 else np.nan


def momentum_of_panel(panel: Panel) -> FloatArray:
    return panel["close"] / lagged(panel["close"], 5)


def ahead_of_panel(panel: Panel) -> FloatArray:
    ahead = np.full(panel.shape, np.nan)
    ahead[:-3] = panel["close"][3:]
    return ahead


def both_of_history(history: History) -> dict[str, FloatArray]:
    return {"momentum": momentum_of_panel(history.bars), "mean": rolling_mean(history.bars["close"], 4)}


def return_of_frame(frame: pl.DataFrame) -> pl.Series:
    return frame.select(RETURN).to_series()


def tomorrow_of_frame(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.with_columns(tomorrow=pl.col("close").shift(-1).over("symbol")).drop_nulls("tomorrow")


def scaled_frame(frame: pl.DataFrame) -> pl.Expr:
    return (pl.col("close") - pl.col("close").mean().over("symbol")).alias("scaled")


def sorted_wrongly(frame: pl.DataFrame) -> pl.DataFrame:
    """A shift without its group takes the neighbour's price."""
    return frame.sort("symbol", "time").with_columns(before=pl.col("close").shift(-1))


@pytest.mark.parametrize(
    "function",
    [momentum_of_view, breadth_of_view, momentum_of_panel, both_of_history, return_of_frame, RETURN],
    ids=["view", "number of a view", "panel", "history", "frame", "expression"],
)
def test_an_honest_function_passes(function: Any) -> None:
    assert check_feature(function, workers=0).depth_run.cells > 1000


@pytest.mark.parametrize(
    ("function", "bars"),
    [(ahead_of_panel, "3 bars"), (tomorrow_of_frame, "1 bar"), (pl.col("close").shift(-2).over("symbol"), "2 bars")],
    ids=["panel", "frame that drops rows", "expression"],
)
def test_one_that_looks_ahead_is_told_how_far(function: Any, bars: str) -> None:
    with pytest.raises(AssertionError, match=rf"at 20\d\d-.* deleted; it peeks {bars} ahead"):
        check_feature(function, workers=0, history=sample_history(n_times=200))


@pytest.mark.parametrize("function", [scaled_frame, sorted_wrongly])
def test_scalers_of_the_whole_sample_and_forgotten_groups_are_found(function: Any) -> None:
    """Anchors A 14; equity G: a sort by symbol lets rows of one stock read another's."""
    with pytest.raises(AssertionError, match=function.__name__):
        check_feature(function, workers=0)


def test_a_lookback_is_verified() -> None:
    assert check_feature(momentum_of_panel, lookback_bars=6, workers=0).depth_run.slices > 300
    with pytest.raises(AssertionError, match="those of its lookback alone"):
        check_feature(momentum_of_panel, lookback_bars=5, workers=0)


def test_a_bound_is_allowed_for() -> None:
    average = pl.col("close").log().ewm_mean(alpha=0.4, ignore_nulls=True).over("symbol")

    with pytest.raises(AssertionError):
        check_feature(average, lookback_bars=12, workers=0)
    assert check_feature(average, lookback_bars=40, bound=1e-6, workers=0).findings == ()


def test_a_declared_feature_is_checked_by_its_declaration() -> None:
    from tidegate.core.recipe import FeatureSettings
    from tidegate.features import contract_for

    contract = contract_for(sample_history().bars, FeatureSettings(groups=("price",)))
    feature = contract.features[1]

    assert check_feature(feature, workers=0, depth=Depth(prefixes=4, slices=40)).depth_run.slices == 40


def test_a_frame_of_ones_own_is_history_enough() -> None:
    frame = bars_frame(sample_history(n_times=120).bars)

    assert check_feature(RETURN, history=frame, workers=0).depth_run.prefixes > 20
    with pytest.raises(InputError, match="symbol, time"):
        check_feature(RETURN, history=frame.rename({"time": "date"}), workers=0)


def test_pandas_functions_are_checked_too() -> None:
    pytest.importorskip("pandas")

    def honest(frame: Any) -> Any:
        return frame.groupby("symbol")["close"].pct_change(3, fill_method=None)

    def backfilled(frame: Any) -> Any:
        return frame.groupby("symbol")["volume"].transform(lambda volume: volume.replace(0.0, np.nan).bfill())

    assert check_feature(honest, kind="pandas", workers=0, name="honest").findings == ()
    with pytest.raises(AssertionError, match="backfilled"):
        check_feature(backfilled, kind="pandas", workers=0)


def test_a_function_is_checked_in_fresh_processes_by_default() -> None:
    audit = check_feature(momentum_of_panel, depth=Depth(prefixes=3, slices=0))

    assert audit.depth_run.fresh_processes


def test_a_function_that_says_nothing_of_what_it_takes_is_refused() -> None:
    with pytest.raises(InputError, match="annotated with nothing"):
        check_feature(lambda rows: rows)


def test_a_function_that_gives_other_rows_is_refused() -> None:
    with pytest.raises(InputError, match="one row per bar"):
        check_feature(lambda panel: panel["close"][:-1], kind="panel", workers=0)
    with pytest.raises(InputError, match="one per row"):
        check_feature(lambda frame: frame["close"][:-1], kind="frame", workers=0)
    with pytest.raises(InputError, match="repeat a symbol and a time"):
        check_feature(lambda frame: pl.concat([frame, frame]).with_columns(x=1.0), kind="frame", workers=0)


def test_a_function_that_says_nothing_has_not_passed() -> None:
    with pytest.raises(AssertionError, match="nothing could be compared"):
        check_feature(RETURN, history=sample_history(n_times=1), workers=0)


def test_a_pipeline_is_checked_as_a_whole() -> None:
    honest = FunctionPipeline(function=both_of_history, kind=FunctionKind.HISTORY)
    leaking = FunctionPipeline(function=ahead_of_panel, kind=FunctionKind.PANEL, name="ahead")

    assert check_pipeline(honest, workers=0).subject == "FunctionPipeline"
    with pytest.raises(AssertionError, match="mine: features ahead of S000"):
        check_pipeline(leaking, subject="mine", workers=0)


def test_the_sample_holds_every_kind_of_day() -> None:
    pipeline = FunctionPipeline(function=momentum_of_panel, kind=FunctionKind.PANEL, lookback_bars=6)
    audit = audit_lookahead(pipeline, sample_history(), subject="sample", workers=0)

    drawn = audit.depth_run.instants
    kinds = ("after_holiday", "month_end", "before_gap", "after_gap", "listing", "no_volume", "unchanged_price")
    assert all(drawn[kind] for kind in kinds), drawn
