from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from made_up import each, funding, macro, moments, news, symbols, times_of
from peak_memory import peak_over
from polars.testing import assert_frame_equal

from tidegate.core.panel import Panel
from tidegate.core.time import DAY
from tidegate.data.asof import AsOfSource, as_of_join, as_of_panel

NAMES, ROWS = symbols(10), 1_000_000
TIMES = times_of(ROWS)
ASKED = ("symbol", "event_time", "funding", "macro", "news", "news_age")


@pytest.fixture(scope="module")
def bars() -> pl.DataFrame:
    return pl.DataFrame({"symbol": each(NAMES, ROWS), "event_time": moments(np.tile(TIMES, len(NAMES)))})


@pytest.fixture(scope="module")
def rows() -> dict[str, pl.DataFrame]:
    until = int(TIMES[-1])
    return {"funding": funding(NAMES, until), "macro": macro(until), "news": news(NAMES, until)}


@pytest.fixture(scope="module")
def sources(rows: dict[str, pl.DataFrame]) -> list[AsOfSource]:
    return [
        AsOfSource(name=name, rows=frame, columns={name: "value"}, maximum_age=40 * 365 * DAY)
        for name, frame in rows.items()
    ]


def by_tidegate(bars: pl.DataFrame, sources: list[AsOfSource]) -> pl.DataFrame:
    return as_of_join(bars.lazy(), sources).select(ASKED).collect()


def by_polars(bars: pl.DataFrame, rows: dict[str, pl.DataFrame]) -> pl.DataFrame:
    """The same symbol by symbol, the fastest way that Polars has."""
    parts = {name: frame.partition_by("symbol", as_dict=True) for name, frame in rows.items() if "symbol" in frame}
    joined = []
    for symbol, part in bars.partition_by("symbol", as_dict=True, maintain_order=True).items():
        lazy = part.lazy()
        for name, frame in rows.items():
            right = parts[name][symbol].drop("symbol") if name in parts else frame
            names = {"value": name, "event_time": f"{name} event", "known_time": f"{name} known"}
            lazy = lazy.join_asof(
                right.lazy().rename(names), left_on="event_time", right_on=f"{name} known", check_sortedness=False
            )
        joined.append(lazy.with_columns((pl.col("event_time") - pl.col("news event")).alias("news_age")).select(ASKED))
    return pl.concat(pl.collect_all(joined))


def for_pandas(bars: pl.DataFrame, rows: dict[str, pl.DataFrame]) -> tuple[Any, dict[str, Any]]:
    """Return the same, sorted by time as pandas demands; sorting is not timed."""

    def plain(frame: pl.DataFrame) -> Any:
        columns = {name: frame[name].to_numpy() for name in frame.columns if name != "symbol"}
        if "symbol" in frame.columns:
            columns["symbol"] = frame["symbol"].cast(pl.Enum(NAMES)).to_physical().to_numpy()
        return pd.DataFrame(columns)

    return plain(bars.sort("event_time", maintain_order=True)), {
        name: plain(frame.sort("known_time", maintain_order=True)).rename(
            columns={"event_time": f"{name} event", "known_time": f"{name} known", "value": name}
        )
        for name, frame in rows.items()
    }


def by_pandas(bars: Any, rows: dict[str, Any]) -> Any:
    joined = bars
    for name, frame in rows.items():
        by = "symbol" if "symbol" in frame.columns else None
        joined = pd.merge_asof(joined, frame, left_on="event_time", right_on=f"{name} known", by=by)
    joined["news_age"] = joined["event_time"] - joined["news event"]
    return joined


def test_all_say_the_same(bars: pl.DataFrame, rows: dict[str, pl.DataFrame], sources: list[AsOfSource]) -> None:
    head = pl.concat([bars[place * ROWS : place * ROWS + 200_000] for place in range(len(NAMES))])
    found = by_tidegate(head, sources)
    assert_frame_equal(found, by_polars(head, rows), check_exact=True)
    joined = by_pandas(*for_pandas(head, rows)).sort_values(["symbol", "event_time"])
    for name in rows:
        np.testing.assert_array_equal(joined[name].to_numpy(), found[name].to_numpy())


def test_by_tidegate(benchmark, bars: pl.DataFrame, sources: list[AsOfSource]) -> None:
    benchmark.pedantic(by_tidegate, (bars, sources), rounds=7, warmup_rounds=1)


def test_by_tidegate_symbols_known_to_be_sorted(benchmark, bars: pl.DataFrame, sources: list[AsOfSource]) -> None:
    flagged = bars.with_columns(pl.col("symbol").set_sorted())
    benchmark.pedantic(by_tidegate, (flagged, sources), rounds=7, warmup_rounds=1)


def test_by_tidegate_every_mask_and_age(benchmark, bars: pl.DataFrame, sources: list[AsOfSource]) -> None:
    benchmark.pedantic(lambda: as_of_join(bars.lazy(), sources).collect(), rounds=7, warmup_rounds=1)


def test_by_tidegate_panel(benchmark, sources: list[AsOfSource]) -> None:
    panel = Panel(TIMES, tuple(NAMES), {})
    benchmark.pedantic(as_of_panel, (panel, sources), rounds=5, warmup_rounds=1)


def test_by_polars(benchmark, bars: pl.DataFrame, rows: dict[str, pl.DataFrame]) -> None:
    benchmark.pedantic(by_polars, (bars, rows), rounds=3, warmup_rounds=1)


def test_by_pandas(benchmark, bars: pl.DataFrame, rows: dict[str, pl.DataFrame]) -> None:
    benchmark.pedantic(by_pandas, for_pandas(bars, rows), rounds=2)


def test_peak_memory(capsys: pytest.CaptureFixture[str]) -> None:
    peak = peak_over(
        before="""
            from test_asof_speed import *
            until = int(TIMES[-1])
            bars = pl.DataFrame({"symbol": each(NAMES, ROWS), "event_time": moments(np.tile(TIMES, len(NAMES)))})
            rows = {"funding": funding(NAMES, until), "macro": macro(until), "news": news(NAMES, until)}
            sources = [AsOfSource(name=name, rows=frame, columns={name: "value"}, maximum_age=40 * 365 * DAY)
                       for name, frame in rows.items()]
        """,
        step="joined = as_of_join(bars.lazy(), sources).collect()",
        against="joined.estimated_size()",
    )
    with capsys.disabled():
        print(f"\nas-of join: peak memory grows by {peak:.2f} x the result")
