"""The demonstration data: the right facts, all of them, small, and with their licences."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import tomllib
from datetime import date
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from tidegate.data.calendars import trading_calendar
from tidegate.data.demo import DEMO_INDEX, DEMO_SYMBOLS, demo_bars_path, demo_rates_path

FOLDER = demo_rates_path().parent
SKFOLIO_LICENCE = "LICENSES/LICENSE.skfolio.txt"
ZIPLINE_LICENCE = "LICENSES/LICENSE.zipline-reloaded.txt"
PINNED = {
    "us_large_caps.parquet": "bf46781b0a31e443bd06ead7c527e588b5973cacc94f8a699f6973929a214238",
    "sp500_index.parquet": "c1b37bac2c493081af9558c01725928e65afa4d516c6609c1da27da597a88e5a",
    "us_treasury_3m.parquet": "47cca1554f489e816d8955ad863419c6e5453e3b9c9b0ab483c3634b0df3ebb7",
    SKFOLIO_LICENCE: "07b8dfceb7b319e5145e7b1594d2cdaf94d924d78166d28951d4b360a4dc5844",
    ZIPLINE_LICENCE: "e35c4578f7db4498e62e278978f6c42e0fce6f21f9993a060b08a33549cd3044",
}


@pytest.mark.parametrize("name", PINNED)
def test_every_file_is_the_one_that_was_encoded(name: str) -> None:
    assert hashlib.sha256((FOLDER / name).read_bytes()).hexdigest() == PINNED[name]


def test_everything_together_is_under_one_mebibyte() -> None:
    files = [path for path in FOLDER.rglob("*") if path.is_file() and "__pycache__" not in path.parts]

    assert sum(path.stat().st_size for path in files) < 2**20


def test_stocks_have_every_session_and_no_other_day() -> None:
    bars = pl.read_parquet(demo_bars_path()[0])

    assert bars.schema == {"symbol": pl.String, "date": pl.Date, "close": pl.Float64}
    assert bars.height == 20 * 8_313
    assert bars.equals(bars.sort("symbol", "date"))
    assert tuple(bars["symbol"].unique(maintain_order=True)) == DEMO_SYMBOLS
    assert bars["close"].is_finite().all()
    assert (bars["close"] > 0).all()
    sessions = _sessions(date(1990, 1, 2), date(2022, 12, 28))
    for _, of_one in bars.group_by("symbol"):
        np.testing.assert_array_equal(_days(of_one["date"]), sessions)


def test_the_index_has_the_same_days() -> None:
    index = pl.read_parquet(demo_bars_path()[1])

    assert index.height == 8_313
    assert index["symbol"].unique().to_list() == [DEMO_INDEX]
    np.testing.assert_array_equal(_days(index["date"]), _sessions(date(1990, 1, 2), date(2022, 12, 28)))


def test_closes_are_the_decimals_of_the_source() -> None:
    stocks, index = (pl.read_parquet(path) for path in demo_bars_path())
    for bars, decimals in ((stocks, 3), (index, 2)):
        assert (bars["close"] == bars["close"].round(decimals)).all()

    ends = stocks.filter(pl.col("symbol") == "AAPL")["close"]
    assert (ends[0], ends[-1]) == (0.264, 125.674)
    assert (index["close"][0], index["close"][-1]) == (359.69, 3783.22)


def test_rates_are_fractions_on_days_of_the_bond_market() -> None:
    rates = pl.read_parquet(demo_rates_path())

    assert rates.schema == {"date": pl.Date, "rate": pl.Float64}
    assert rates.height == 6_816
    assert rates["date"].is_sorted()
    assert rates["date"].is_unique().all()
    assert (rates["date"][0], rates["date"][-1]) == (date(1990, 1, 2), date(2017, 3, 29))
    assert (rates["rate"][0], rates["rate"][-1]) == (0.0783, 0.0078)
    assert rates["rate"].is_between(0.0, 0.0826).all()


def test_the_notice_counts_the_days_on_which_rate_and_exchange_differ() -> None:
    quoted = _days(pl.read_parquet(demo_rates_path())["date"])
    sessions = _sessions(date(1990, 1, 2), date(2017, 3, 29))
    without_rate, without_session = np.setdiff1d(sessions, quoted), np.setdiff1d(quoted, sessions)

    text = (FOLDER / "NOTICE.md").read_text(encoding="utf-8")
    assert f"absent on {len(without_rate)} sessions" in text
    assert f"present on {len(without_session)} days" in text


def test_notices_name_version_and_licence_of_every_source(project_root: Path) -> None:
    beside = (FOLDER / "NOTICE.md").read_text(encoding="utf-8")
    of_project = (project_root / "NOTICE").read_text(encoding="utf-8")

    for notice in (beside, of_project):
        for needed in ("1.12.2", "The skfolio developers", "3.2.1", "Copyright 2018 Quantopian, Inc."):
            assert needed in notice
        for name in PINNED:
            assert Path(name).name in notice
    assert "Redistributions in binary form" in (FOLDER / SKFOLIO_LICENCE).read_text("utf-8")
    assert "4. Redistribution." in (FOLDER / ZIPLINE_LICENCE).read_text("utf-8")


def test_the_wheel_takes_the_whole_package_and_no_file_is_ignored(project_root: Path) -> None:
    settings = tomllib.loads((project_root / "pyproject.toml").read_text(encoding="utf-8"))
    target = settings["tool"]["hatch"]["build"]["targets"]["wheel"]

    assert target == {"packages": ["src/tidegate"]}
    assert "NOTICE" in settings["project"]["license-files"]
    if shutil.which("git") is None or not (project_root / ".git").exists():
        return  # outside a checkout nothing can be ignored
    source = project_root / "src" / "tidegate" / "data" / "demo"
    shipped = [str(source / name) for name in (*PINNED, "NOTICE.md", "__init__.py")]
    ask = ["git", "check-ignore", "--no-index", *shipped]
    done = subprocess.run(ask, cwd=project_root, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, ""), "hatchling leaves ignored files out of the wheel"


def _days(dates: pl.Series) -> np.ndarray:
    return dates.cast(pl.Int32).to_numpy().astype(np.int64)


def _sessions(first: date, last: date) -> np.ndarray:
    days = trading_calendar("XNYS").days
    ends = np.array([first, last], dtype="datetime64[D]").astype(np.int64)
    return days[(days >= ends[0]) & (days <= ends[1])]
