"""Ten features of every A-share, a rank among them: by the builder, by Polars, and by a loop over stocks."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

from tidegate.core.panel import Panel
from tidegate.core.ranks import average_ranks
from tidegate.core.units import FloatArray
from tidegate.features import Feature, FeatureContract, FeatureMatrix, build_features
from tidegate.features.contract import Formula
from tidegate.features.inputs import Inputs, Row, ratio
from tidegate.features.windows import lagged, rolling_mean, rolling_std

DATA = Path(os.environ.get("TIDEGATE_TEST_DATA", Path(__file__).resolve().parents[1] / ".." / "shared" / "data"))
WINDOWS = {"ma5": 4, "ma10": 9, "ma20": 19, "vol10": 10, "vr5": 4, "rsi14": 14}
"""Sessions that a window reaches back."""
NAMES = (*WINDOWS, "mom5", "mom10", "market", "rank")


def change(bars: int) -> Formula:
    return lambda inputs: inputs.once(("change", bars), lambda: inputs.close / lagged(inputs.close, bars) - 1.0)


def mean(window: int) -> Formula:
    return lambda inputs: inputs.average(window)


def volume_ratio(inputs: Inputs) -> FloatArray:
    return ratio(inputs.amount("volume"), rolling_mean(inputs.amount("volume"), 5))


def relative_strength(inputs: Inputs) -> FloatArray:
    steps = inputs.close - lagged(inputs.close, 1)
    gain, loss = rolling_mean(np.maximum(steps, 0.0), 14), rolling_mean(np.maximum(-steps, 0.0), 14)
    return 100.0 * ratio(gain, gain + loss)


def market_mean(values: FloatArray, _: Row) -> FloatArray:
    present = ~np.isnan(values)
    total = np.sum(np.where(present, values, 0.0), axis=1, keepdims=True)
    return np.broadcast_to(ratio(total, present.sum(axis=1, keepdims=True)), values.shape)


def share_of_rank(values: FloatArray, _: Row) -> FloatArray:
    return average_ranks(values) / np.sum(~np.isnan(values), axis=1, keepdims=True)


MOMENTUM = change(10)
FORMULAS: dict[str, tuple[int, Formula]] = {
    **{f"ma{window}": (window, mean(window)) for window in (5, 10, 20)},
    "mom5": (6, change(5)),
    "mom10": (11, MOMENTUM),
    "vol10": (11, lambda inputs: rolling_std(change(1)(inputs), 10)),
    "vr5": (5, volume_ratio),
    "rsi14": (15, relative_strength),
    "market": (2, change(1)),
    "rank": (11, MOMENTUM),
}
ACROSS = {"market": market_mean, "rank": share_of_rank}
CONTRACT = FeatureContract(
    tuple(
        Feature(
            name=name, group="price", requires=("volume" if name == "vr5" else "close",), lookback_bars=lookback,
            description=name, unit="number", formula=formula, across=ACROSS.get(name),
        )
        for name, (lookback, formula) in FORMULAS.items()
    )
)  # fmt: skip


@pytest.fixture(scope="module")
def rows() -> pl.DataFrame:
    """Adjusted closes and volumes, sorted by stock and session, with the number of the session."""
    path = DATA / "ashare_daily.parquet"
    if not path.exists():
        pytest.skip("the A-share file is not on this machine")
    frame = pl.read_parquet(path, columns=["ts_code", "trade_date", "close", "vol", "adj_factor"])
    frame = frame.drop_nulls().unique(["ts_code", "trade_date"]).sort("ts_code", "trade_date")
    return frame.select(
        code="ts_code",
        session=(pl.col("trade_date").rank("dense") - 1).cast(pl.Int32),
        close=pl.col("close").cast(pl.Float64) * pl.col("adj_factor"),
        volume=pl.col("vol").cast(pl.Float64),
    )


@pytest.fixture(scope="module")
def places(rows: pl.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Where each row stands in the panel."""
    codes = rows["code"].unique().sort()
    return rows["session"].to_numpy(), rows["code"].cast(pl.Enum(codes)).to_physical().to_numpy()


@pytest.fixture(scope="module")
def panel(rows: pl.DataFrame, places: tuple[np.ndarray, np.ndarray]) -> Panel:
    shape = (int(places[0].max()) + 1, int(places[1].max()) + 1)
    columns = {name: np.full(shape, np.nan) for name in ("close", "volume")}
    for name, column in columns.items():
        column[places] = rows[name].to_numpy()
    return Panel(np.arange(shape[0]), tuple(rows["code"].unique().sort()), columns)


def by_tidegate(panel: Panel) -> FeatureMatrix:
    return build_features(panel, CONTRACT)


def by_polars(rows: pl.DataFrame) -> pl.DataFrame:
    close, volume = pl.col("close"), pl.col("volume")
    returns, step = close / close.shift(1) - 1, close - close.shift(1)
    gain = pl.when(step > 0).then(step).otherwise(0.0).rolling_mean(14)
    loss = pl.when(step < 0).then(-step).otherwise(0.0).rolling_mean(14)
    per_stock = {
        **{f"ma{window}": close.rolling_mean(window) for window in (5, 10, 20)},
        **{f"mom{bars}": close / close.shift(bars) - 1 for bars in (5, 10)},
        "returns": returns,
        "vol10": returns.rolling_std(10),
        "vr5": volume / volume.rolling_mean(5),
        "rsi14": 100 - 100 / (1 + gain / loss),
    }
    built = rows.lazy().with_columns(expression.over("code").alias(name) for name, expression in per_stock.items())
    return built.with_columns(market=average("returns"), rank=standing("mom10")).collect()


def average(column: str) -> pl.Expr:
    return pl.col(column).mean().over("session")


def standing(column: str) -> pl.Expr:
    return (pl.col(column).rank("average") / pl.col(column).count()).over("session")


def by_stock(rows: Any) -> Any:
    """What the trainer did that this package learned from: one call of a function per stock."""

    def of_one(stock: Any) -> Any:
        stock = stock.copy()
        for window in (5, 10, 20):
            stock[f"ma{window}"] = stock["close"].rolling(window).mean()
        for bars in (5, 10):
            stock[f"mom{bars}"] = stock["close"].pct_change(bars)
        stock["returns"] = stock["close"].pct_change()
        stock["vol10"] = stock["returns"].rolling(10).std()
        stock["vr5"] = stock["volume"] / stock["volume"].rolling(5).mean()
        step = stock["close"].diff()
        gain, loss = step.where(step > 0, 0).rolling(14).mean(), (-step.where(step < 0, 0)).rolling(14).mean()
        stock["rsi14"] = 100 - 100 / (1 + gain / loss)
        return stock

    built = rows.groupby("code", group_keys=False)[list(rows.columns)].apply(of_one)
    built["market"] = built.groupby("session")["returns"].transform("mean")
    built["rank"] = built.groupby("session")["mom10"].rank(pct=True)
    return built


def by_session(built: pl.DataFrame) -> pl.DataFrame:
    """Return the reference with windows that count sessions: a suspension is missing here, not a longer horizon."""

    def whole(bars: int) -> pl.Expr:
        return (pl.col("session") - pl.col("session").shift(bars)).over("code") == bars

    for bars in (5, 10):
        earlier = built.select("code", pl.col("session") + bars, pl.col("close").alias("earlier"))
        built = built.join(earlier, on=["code", "session"], how="left", maintain_order="left")
        built = built.with_columns((pl.col("close") / pl.col("earlier") - 1).alias(f"mom{bars}")).drop("earlier")
    kept = built.with_columns(
        *(pl.when(whole(bars)).then(pl.col(name)).alias(name) for name, bars in WINDOWS.items()),
        pl.when(whole(1)).then(pl.col("returns")).alias("returns"),
    )
    return kept.with_columns(market=average("returns"), rank=standing("mom10"))


def test_all_say_the_same(rows: pl.DataFrame, panel: Panel, places: tuple[np.ndarray, np.ndarray]) -> None:
    loose = by_polars(rows)
    stock_by_stock = by_stock(rows.to_pandas())
    for name in NAMES:
        np.testing.assert_allclose(stock_by_stock[name].to_numpy(), loose[name].to_numpy(), rtol=1e-6, atol=1e-6)
    reference, built = by_session(loose), by_tidegate(panel)
    for name in NAMES:
        ours, theirs = built.column(name)[places], reference[name].to_numpy()
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-6, err_msg=name)


def test_features_by_tidegate(benchmark: Any, panel: Panel) -> None:
    benchmark.pedantic(by_tidegate, (panel,), rounds=9, warmup_rounds=2)


def test_features_by_polars(benchmark: Any, rows: pl.DataFrame) -> None:
    benchmark.pedantic(by_polars, (rows,), rounds=5, warmup_rounds=1)


def test_features_stock_by_stock(benchmark: Any, rows: pl.DataFrame) -> None:
    frame: pd.DataFrame = rows.to_pandas()
    benchmark.pedantic(by_stock, (frame,), rounds=1)
