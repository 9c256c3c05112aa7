from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.core.errors import LookAheadError
from tidegate.core.randomness import generator
from tidegate.core.spans import Spans
from tidegate.core.time import DAY
from tidegate.split import overlapping, require_disjoint


def of(spans: Spans, rows: np.ndarray) -> Spans:
    return Spans(spans.start[rows], spans.end[rows])


def by_hand(train: Spans, test: Spans, embargo: int) -> list[bool]:
    """Every training span held against every test span."""
    pairs = list(zip(test.start.tolist(), test.end.tolist(), strict=True))
    return [
        any(start < tested_end + embargo and tested_start < end for tested_start, tested_end in pairs)
        for start, end in zip(train.start.tolist(), train.end.tolist(), strict=True)
    ]


@given(seed=st.integers(0, 10**6), sizes=st.tuples(st.integers(0, 12), st.integers(0, 12)), embargo=st.integers(0, 9))
def test_overlap_is_what_pairs_say(seed: int, sizes: tuple[int, int], embargo: int) -> None:
    random = generator(seed, "pairs")
    sides = []
    for size in sizes:
        start = random.integers(0, 60, size)
        sides.append(Spans(start, start + random.integers(1, 15, size)))

    assert overlapping(sides[0], sides[1], embargo=embargo).tolist() == by_hand(sides[0], sides[1], embargo)


def share_table(codes: int = 50, dates: int = 120, horizon: int = 5) -> Spans:
    """Rows of a table indexed by (code, date), as the original sorts them, with labels over some sessions."""
    session = np.tile(np.arange(dates, dtype=np.int64), codes) * DAY
    return Spans(session, session + (horizon + 1) * DAY)


def test_a_split_by_stock_is_refused() -> None:
    """Equity H 15 and crypto D-36: 60/20/20 by row of a (code, date) table divides stocks, not time."""
    spans = share_table()
    rows = np.split(np.arange(len(spans)), [int(0.6 * len(spans)), int(0.8 * len(spans))])
    train, validation, test = (of(spans, part) for part in rows)

    with pytest.raises(LookAheadError, match=r"3600 of 3600 training samples .* share 120 instants.*split by symbol"):
        require_disjoint(train, test)
    with pytest.raises(LookAheadError, match="1200 of 1200 validation samples"):
        require_disjoint(validation, test, names=("validation", "test"))


def test_a_split_by_date_without_a_purge_is_refused_and_with_one_accepted() -> None:
    """Equity I 15: disjoint dates alone are not enough, five sessions lie between."""
    spans = share_table()
    test = of(spans, np.flatnonzero(spans.start >= 96 * DAY))
    before = of(spans, np.flatnonzero(spans.start < 96 * DAY))

    with pytest.raises(LookAheadError, match=r"250 of 4800 training samples .* share 0 instants.*purge by label spans"):
        require_disjoint(before, test)
    require_disjoint(of(before, np.flatnonzero(before.end <= 96 * DAY)), test)


def test_the_embargo_counts_after_the_test_alone() -> None:
    test = Spans(np.array([10]), np.array([20]))

    require_disjoint(Spans(np.array([0, 25]), np.array([10, 30])), test, embargo=5)
    with pytest.raises(LookAheadError, match=r"1 of 1 .* nor begins within 6 microseconds"):
        require_disjoint(Spans(np.array([25]), np.array([30])), test, embargo=6)


@pytest.mark.realdata
def test_the_original_split_of_real_shares_is_refused(real_data: Path) -> None:
    """Equity H 15 on the real table of 150 stocks: the three parts span the same sessions, border stocks aside."""
    table = pl.scan_parquet(real_data / "ashare_daily.parquet").select("ts_code", "trade_date").unique().collect()
    codes = table["ts_code"].unique().sort()[:150]
    table = table.filter(pl.col("ts_code").is_in(codes.implode())).sort("ts_code", "trade_date")
    session = (table["trade_date"].rank("dense").cast(pl.Int64) - 1).to_numpy() * DAY
    spans = Spans(session, session + 6 * DAY)
    cuts = [int(0.6 * len(spans)), int(0.8 * len(spans))]
    train, _, test = np.split(np.arange(len(spans)), cuts)
    sessions = len(np.unique(session))

    with pytest.raises(LookAheadError) as refused:
        require_disjoint(of(spans, train), of(spans, test))

    # Nearly every training row shares time with a test row, and every session stands on both sides.
    assert f"{len(train)} of {len(train)} training samples" in refused.value.found
    assert f"share {sessions} instants" in refused.value.found
