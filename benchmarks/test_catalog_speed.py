from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from made_up import FIRST, five_minute_bars, symbols
from peak_memory import peak_over
from polars.testing import assert_frame_equal

from tidegate.core.clock import now
from tidegate.core.time import DAY, Instant, Window, moment_of
from tidegate.core.workspace import Workspace
from tidegate.data import Catalog
from tidegate.data.tables import BARS, MOMENT

NAMES, ROWS, DAYS, BARS_A_DAY = symbols(200), 50_000, 20, 288
ONE, TWENTY = NAMES[100:101], NAMES[40:60]
MONTH = Window(start=Instant(FIRST + 30 * DAY), end=Instant(FIRST + 60 * DAY))


@pytest.fixture(scope="module")
def bars() -> pl.DataFrame:
    """Ten million bars of 200 symbols."""
    return five_minute_bars(NAMES, ROWS)


@pytest.fixture(scope="module")
def days() -> list[pl.DataFrame]:
    """The bars of the twenty days after them."""
    return [five_minute_bars(NAMES, BARS_A_DAY, skipped=ROWS + day * BARS_A_DAY) for day in range(DAYS)]


@pytest.fixture
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Catalog]:
    return lambda: Catalog(Workspace.create(tmp_path_factory.mktemp("work") / "w"))


def append_each(catalog: Catalog, days: list[pl.DataFrame]) -> None:
    for day in days:
        catalog.append("bars", day)


def test_write_by_polars(benchmark, bars: pl.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> None:
    stamped = bars.with_columns(pl.lit(datetime.now(UTC)).cast(MOMENT).alias("recorded_time")).select(*BARS.schema)

    def target() -> tuple[tuple[Any, ...], dict[str, Any]]:
        return (str(tmp_path_factory.mktemp("plain")),), {}

    benchmark.pedantic(stamped.write_delta, setup=target, rounds=3)


def test_write_by_tidegate(benchmark, bars: pl.DataFrame, fresh: Callable[[], Catalog]) -> None:
    def target() -> tuple[tuple[Any, ...], dict[str, Any]]:
        return (fresh(), [bars]), {}

    benchmark.pedantic(append_each, setup=target, rounds=3)


def test_twenty_daily_appends(
    benchmark, bars: pl.DataFrame, days: list[pl.DataFrame], fresh: Callable[[], Catalog]
) -> None:
    def target() -> tuple[tuple[Any, ...], dict[str, Any]]:
        catalog = fresh()
        catalog.append("bars", bars)
        return (catalog, days), {}

    benchmark.pedantic(append_each, setup=target, rounds=2)


@pytest.fixture(scope="module", params=["one file", "and twenty days"])
def stocked(
    request: pytest.FixtureRequest,
    bars: pl.DataFrame,
    days: list[pl.DataFrame],
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[Catalog, list[Path]]:
    workspace = Workspace.create(tmp_path_factory.mktemp("stocked") / "w")
    catalog = Catalog(workspace)
    catalog.append("bars", bars)
    if request.param == "and twenty days":
        append_each(catalog, days)
    return catalog, sorted(workspace.catalog_folder.rglob("*.parquet"))


QUESTIONS: dict[str, dict[str, Any]] = {
    "one symbol": {"symbols": ONE},
    "20 symbols, a month": {"symbols": TWENTY, "window": MONTH},
    "200 symbols, a month": {"window": MONTH},
}


def by_polars(files: list[Path], symbols: list[str] | None = None, window: Window | None = None) -> pl.DataFrame:
    rows = pl.scan_parquet(files)
    if symbols is not None:
        rows = rows.filter(pl.col("symbol").is_in(symbols))
    if window is not None and window.start is not None and window.end is not None:
        start, end = moment_of(window.start), moment_of(window.end)
        rows = rows.filter(pl.col("event_time") > start, pl.col("event_time") <= end)
    return rows.collect()


def by_tidegate(catalog: Catalog, **question: Any) -> pl.DataFrame:
    return catalog.read("bars", dataset="bench", as_of=now(), **question).collect()


@pytest.mark.parametrize("question", QUESTIONS)
def test_read_by_polars(benchmark, stocked: tuple[Catalog, list[Path]], question: str) -> None:
    benchmark.pedantic(by_polars, (stocked[1],), QUESTIONS[question], rounds=9, warmup_rounds=1)


@pytest.mark.parametrize("question", QUESTIONS)
def test_read_by_tidegate(benchmark, stocked: tuple[Catalog, list[Path]], question: str) -> None:
    catalog, files = stocked
    expected = by_polars(files, **QUESTIONS[question]).sort("symbol", "event_time")
    assert_frame_equal(by_tidegate(catalog, **QUESTIONS[question]).drop("dataset", "interval"), expected)
    benchmark.pedantic(by_tidegate, (catalog,), QUESTIONS[question], rounds=9, warmup_rounds=1)


def test_everything_by_tidegate(benchmark, stocked: tuple[Catalog, list[Path]]) -> None:
    benchmark.pedantic(by_tidegate, (stocked[0],), rounds=2)


def test_peak_memory(stocked: tuple[Catalog, list[Path]], capsys: pytest.CaptureFixture[str]) -> None:
    root = next(folder for folder in stocked[1][0].parents if folder.name == "w")
    read = peak_over(
        before=f"""
            from test_catalog_speed import *
            catalog = Catalog(Workspace.open(Path({str(root)!r})))
            by_tidegate(catalog, symbols=ONE)
        """,
        step="rows = by_tidegate(catalog)",
        against="rows.estimated_size()",
    )
    written = peak_over(
        before=f"""
            from test_catalog_speed import *
            catalog = Catalog(Workspace.open(Path({str(root)!r})))
            bars = five_minute_bars(NAMES, ROWS).with_columns(dataset=pl.lit("other"))
        """,
        step="catalog.append('bars', bars)",
        against="bars.estimated_size()",
    )
    with capsys.disabled():
        print(f"\n{len(stocked[1])} files: reading all of them grows the peak by {read:.2f} x the result,", end=" ")
        print(f"appending as much by {written:.2f} x the rows")
