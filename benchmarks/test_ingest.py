from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from tidegate.core.workspace import Workspace
from tidegate.data import OhlcvSettings, ingest_ohlcv
from tidegate.data.calendars import trading_calendar

SYMBOLS = 5_000
SESSIONS = 360


@pytest.fixture(scope="module")
def bars_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Daily bars of a random market on real sessions, sorted by symbol and date."""
    random = np.random.default_rng(7)
    days = trading_calendar("XSHG").days
    days = days[days >= (date(2023, 1, 1) - date(1970, 1, 1)).days][:SESSIONS]
    close = np.exp(np.cumsum(random.normal(0, 0.02, (SYMBOLS, SESSIONS)), axis=1)).ravel() * 10
    frame = pl.DataFrame(
        {
            "symbol": np.repeat([f"{code:06d}" for code in range(SYMBOLS)], SESSIONS),
            "date": pl.Series(np.tile(days, SYMBOLS)).cast(pl.Int32).cast(pl.Date),
            **{name: close * factor for name, factor in (("open", 1.0), ("high", 1.01), ("low", 0.99), ("close", 1.0))},
            "volume": 1e6,
        }
    )
    path = tmp_path_factory.mktemp("bars") / "bars.parquet"
    frame.write_parquet(path)
    return path


def test_polars_alone_reads_the_file(benchmark, bars_file: Path) -> None:
    assert benchmark.pedantic(pl.read_parquet, (bars_file,), rounds=3).height == SYMBOLS * SESSIONS


def test_ingest_checks_and_appends(benchmark, bars_file: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    settings = OhlcvSettings(dataset="bench", columns={"time": "date"}, calendar="XSHG")

    def fresh() -> tuple[tuple[object, ...], dict[str, object]]:
        return (Workspace.create(tmp_path_factory.mktemp("work") / "w"), bars_file, settings), {}

    assert benchmark.pedantic(ingest_ohlcv, setup=fresh, rounds=3).appended == SYMBOLS * SESSIONS
