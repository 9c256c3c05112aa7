"""A label reads up to its end and nothing after, and exists exactly where its prices do."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.core.horizon import Horizon, Reach
from tidegate.core.panel import Panel
from tidegate.core.randomness import generator
from tidegate.core.recipe import FillPrice
from tidegate.core.time import HOUR, BarInterval
from tidegate.labels import LabelPart, TouchWindow, fixed_exit, forward_labels, hindsight_touch
from tidegate.testing import synthetic_panel

ROWS, SYMBOLS = 60, 5
WINDOW = TouchWindow(first_day=2, last_day=4, rise=0.02)


def _limits(panel: Panel) -> tuple[np.ndarray, np.ndarray]:
    """Limits so narrow that many sessions reach them, made of the row and the one before alone."""
    before = np.full(panel.shape, np.nan)
    before[1:] = panel["raw_close"][:-1]
    return before * 1.01, before * 0.99


MAKERS: dict[str, Callable[[Panel], LabelPart]] = {
    "bars": lambda panel: forward_labels(panel, Reach.of_bars(3), FillPrice.NEXT_OPEN, 0.001),
    "one bar": lambda panel: forward_labels(panel, Reach.of_bars(1), FillPrice.NEXT_CLOSE, 0.001),
    "hours": lambda panel: forward_labels(panel, Horizon("4h").reach(BarInterval("1h")), FillPrice.NEXT_CLOSE, 0.001),
    "hindsight": lambda panel: hindsight_touch(panel, WINDOW),
    "trade": lambda panel: fixed_exit(panel, WINDOW, sell_within_bars=3),
    "trade with limits": lambda panel: fixed_exit(panel, WINDOW, limits=_limits(panel), sell_within_bars=3),
}


def market(seed: int, gaps: float) -> Panel:
    """Hourly prices with holes, symbols that come and go, rows that fall out of the grid, and a benchmark."""
    random = generator(seed, "holes")
    times = np.flatnonzero(random.random(ROWS * 2) < 0.9)[:ROWS].astype(np.int64) * HOUR
    panel = synthetic_panel(seed, len(times), SYMBOLS, gaps=gaps, times=times)
    rows = np.arange(len(times))[:, np.newaxis]
    listed, delisted = random.integers(0, 20, SYMBOLS), random.integers(30, ROWS, SYMBOLS)
    alive = (rows >= listed) & (rows < delisted)
    columns = {name: np.where(alive, column, np.nan) for name, column in panel.columns.items()}
    benchmark = {f"benchmark_{name}": np.repeat(panel[name][:, :1], SYMBOLS, axis=1) for name in ("open", "close")}
    return Panel(times, panel.symbols, {**columns, **benchmark})


def poisoned(panel: Panel, row: int, seed: int) -> Panel:
    """Return the panel with garbage after a row, missing values among it."""
    random = generator(seed, "poison")
    shape = (len(panel.times) - row - 1, SYMBOLS)
    columns = {}
    for name, column in panel.columns.items():
        garbage = np.exp(random.uniform(-200.0, 200.0, shape))
        garbage[random.random(shape) < 0.3] = np.nan
        garbage[random.random(shape) < 0.1] = 0.0
        columns[name] = np.concatenate([column[: row + 1], garbage])
    return Panel(panel.times, panel.symbols, columns)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
@given(seed=st.integers(0, 10**6), cut=st.integers(0, ROWS - 1), gaps=st.sampled_from([0.0, 0.1, 0.4]))
def test_a_label_is_known_at_its_end_and_not_before(
    make: Callable[[Panel], LabelPart], seed: int, cut: int, gaps: float
) -> None:
    """Beyond the cut every label is missing; those that end by it are the same to the bit, garbage or nothing after."""
    panel = market(seed, gaps)
    cut = min(cut, len(panel.times) - 1)
    whole, truncated = make(panel), make(panel.rows(0, cut + 1))
    spoilt = make(poisoned(panel, cut, seed))
    known = whole.ends <= panel.times[cut]

    assert np.array_equal(truncated.ends[known[: cut + 1]], whole.ends[known])
    for name in truncated.names:
        values = truncated.values(name)
        assert np.array_equal(values[known[: cut + 1]], whole.values(name)[known], equal_nan=True), name
        assert np.isnan(values[~known[: cut + 1]]).all(), name
        assert np.array_equal(spoilt.values(name)[known], whole.values(name)[known], equal_nan=True), name


@given(seed=st.integers(0, 10**6), gaps=st.sampled_from([0.0, 0.1, 0.4]), fill=st.sampled_from(FillPrice))
def test_a_return_exists_exactly_where_both_its_prices_do(seed: int, gaps: float, fill: FillPrice) -> None:
    panel = market(seed, gaps)
    price, times = panel[fill.column], panel.times.tolist()
    labels = forward_labels(panel, Horizon("4h").reach(BarInterval("1h")), fill, 0.001)
    for row, place in np.ndindex(*panel.shape):
        due = times[row + 1] + 4 * HOUR if row + 1 < len(times) else None
        exists = due in times and not np.isnan([price[row + 1, place], price[times.index(due), place]]).any()
        assert exists == (not np.isnan(labels.gross[row, place]))
        bars = [] if not exists else price[row + 1 : times.index(due) + 1, place]
        whole = len(bars) == 5 and not np.isnan(bars).any()
        assert whole == (not np.isnan(labels.volatility[row, place]))


@given(seed=st.integers(0, 10**6), gaps=st.sampled_from([0.0, 0.1, 0.4]))
def test_a_touch_exists_exactly_where_the_prices_do_that_it_needs(seed: int, gaps: float) -> None:
    panel = market(seed, gaps)
    opens, closes = panel["open"], panel["close"]
    hindsight, trade = hindsight_touch(panel, WINDOW), fixed_exit(panel, WINDOW, sell_within_bars=3)
    for row, place in np.ndindex(*panel.shape):
        needed = closes[[row, *range(row + 2, row + 5)], place] if row + 4 < len(closes) else np.array([np.nan])
        assert np.isnan(needed).any() == np.isnan(hindsight.returns[row, place])
        if row + 7 >= len(closes):
            assert np.isnan(trade.returns[row, place])
            continue
        ways_out = [closes[row + 4, place], *opens[row + 5 : row + 8, place]]
        out = next((price for price in ways_out if not np.isnan(price)), np.nan)
        np.testing.assert_allclose(trade.returns[row, place], out / opens[row + 1, place] - 1.0, rtol=1e-12)
