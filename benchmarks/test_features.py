from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from tidegate.core.panel import Panel
from tidegate.features import DECLARED_FEATURES, FeatureContract, FeatureMatrix, build_features
from tidegate.testing import synthetic_panel

NAMES = (
    "log_return_1", "log_return_5", "log_return_20", "log_return_60", "average_bias_20", "average_bias_60",
    "volatility_20", "drawdown_60", "volume_z_20", "log_return_20_rank",
)  # fmt: skip


@pytest.fixture(scope="module")
def panel() -> Panel:
    return synthetic_panel(7, 360, 5_000)


@pytest.fixture(scope="module")
def long_frame(panel: Panel) -> pl.DataFrame:
    rows, places = panel.shape
    return pl.DataFrame(
        {
            "symbol": np.repeat(np.arange(places), rows),
            "row": np.tile(np.arange(rows), places),
            "close": panel["close"].T.ravel(),
            "volume": panel["volume"].T.ravel(),
        }
    )


def by_polars(frame: pl.DataFrame) -> pl.DataFrame:
    log = pl.col("close").log()
    returns = log.diff()
    mean = pl.col("volume").rolling_mean(20)
    columns = {
        **{f"log_return_{k}": log - log.shift(k) for k in (1, 5, 20, 60)},
        **{f"average_bias_{k}": pl.col("close") / pl.col("close").rolling_mean(k) - 1 for k in (20, 60)},
        "volatility_20": returns.rolling_std(20),
        "drawdown_60": 1 - pl.col("close") / pl.col("close").rolling_max(60),
        "volume_z_20": (pl.col("volume") - mean) / pl.col("volume").rolling_std(20),
    }
    built = frame.lazy().with_columns(expression.over("symbol").alias(name) for name, expression in columns.items())
    rank = pl.col("log_return_20").rank().over("row")
    count = pl.col("log_return_20").count().over("row")
    return built.with_columns(((rank - 0.5) / count - 0.5).alias("log_return_20_rank")).collect()


def by_tidegate(panel: Panel) -> FeatureMatrix:
    wanted = tuple(feature for feature in DECLARED_FEATURES if feature.name in NAMES)
    return build_features(panel, FeatureContract(wanted))


def test_both_say_the_same(panel: Panel, long_frame: pl.DataFrame) -> None:
    reference, built = by_polars(long_frame), by_tidegate(panel)
    assert set(built.contract.names) == set(NAMES)
    for name in NAMES:
        expected = reference[name].to_numpy().reshape(panel.shape[::-1]).T
        np.testing.assert_allclose(built.column(name), expected, rtol=2e-3, atol=2e-5, err_msg=name)


def test_features_by_polars(benchmark, long_frame: pl.DataFrame) -> None:
    benchmark.pedantic(by_polars, (long_frame,), rounds=5, warmup_rounds=1)


def test_features_by_tidegate(benchmark, panel: Panel) -> None:
    benchmark.pedantic(by_tidegate, (panel,), rounds=5, warmup_rounds=1)
