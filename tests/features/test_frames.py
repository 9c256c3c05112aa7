"""Longer bars against a plain loop; closed ones only; and bars that are counted by the clock."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from five_minutes import INTERVAL, broken_market, market, same
from hypothesis import given
from hypothesis import strategies as st

from tidegate.core.errors import InputError
from tidegate.core.panel import Panel
from tidegate.core.randomness import generator
from tidegate.core.time import DAILY, MINUTE, BarInterval
from tidegate.features.frames import bars_per_frame, frame_lookback, frame_of, spread_to_rows
from tidegate.features.inputs import Inputs, by_the_clock, where_rows_suffice
from tidegate.features.windows import lagged, rolling_sum

STEP = INTERVAL.microseconds
FRAMES = tuple(BarInterval(size) for size in ("5m", "15m", "35m", "1h", "4h"))
COMBINED: dict[str, Callable[[np.ndarray], float]] = {
    "open": lambda bars: bars[0],
    "high": np.max,
    "low": np.min,
    "close": lambda bars: bars[-1],
    "raw_close": lambda bars: bars[-1],
    "volume": np.sum,
    "traded_value": np.sum,
}
seeds = st.integers(0, 10**6)
frames = st.sampled_from(FRAMES)


def by_loop(panel: Panel, name: str, end: int, length: int) -> np.ndarray:
    """Return one longer bar of every symbol, looked up close by close."""
    rows = {int(instant): row for row, instant in enumerate(panel.times)}
    closes = range(end - length + STEP, end + 1, STEP)
    if any(close not in rows for close in closes):
        return np.full(len(panel.symbols), np.nan)
    bars = panel[name][[rows[close] for close in closes]]
    return np.array([COMBINED[name](column) if not np.isnan(column).any() else np.nan for column in bars.T])


def frame_in(panel: Panel, frame: BarInterval) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    ends, columns = frame_of(panel.times, panel.columns, INTERVAL, frame)
    return ends, dict(columns)


@given(seed=seeds, frame=frames, rows=st.integers(2, 160), symbols=st.integers(1, 3))
def test_a_longer_bar_is_what_a_plain_loop_computes(seed: int, frame: BarInterval, rows: int, symbols: int) -> None:
    panel = broken_market(seed, rows, symbols)
    ends, columns = frame_in(panel, frame)

    assert set(columns) == set(COMBINED)
    assert (ends % frame.microseconds == 0).all()
    assert (np.diff(ends) == frame.microseconds).all()
    assert (ends[:1] - frame.microseconds >= panel.times[0] - STEP).all()
    for place, end in enumerate(ends):
        for name, column in columns.items():
            expected = by_loop(panel, name, int(end), frame.microseconds)
            np.testing.assert_allclose(column[place], expected, rtol=1e-12, err_msg=name)


@given(seed=seeds, frame=frames, rows=st.integers(2, 160), start=st.integers(0, 150))
def test_a_longer_bar_never_depends_on_where_the_rows_start(
    seed: int, frame: BarInterval, rows: int, start: int
) -> None:
    panel = broken_market(seed, rows, 2)
    start = min(start, len(panel.times) - 1)
    ends, whole = frame_in(panel, frame)
    cut_ends, cut = frame_in(panel.rows(start, len(panel.times)), frame)
    # The first one of the cut rows may lack its beginning; every other one is there in both, to the bit.
    complete = cut_ends - frame.microseconds + STEP >= panel.times[start]
    shared = np.searchsorted(ends, cut_ends[complete])

    for name, column in cut.items():
        assert same(column[complete], whole[name][shared]), name


@given(seed=seeds, frame=frames, symbols=st.integers(1, 9))
def test_a_longer_bar_never_depends_on_the_symbols_beside_it(seed: int, frame: BarInterval, symbols: int) -> None:
    panel = market(seed, 150, symbols, gaps=0.002)
    _, together = frame_in(panel, frame)

    for place, symbol in enumerate(panel.symbols):
        _, alone = frame_in(panel.take((symbol,)), frame)
        assert all(same(alone[name][:, 0], together[name][:, place]) for name in COMBINED)


def test_numpys_own_sum_would_depend_on_them() -> None:
    """The guarded thing, broken: one symbol alone is added up in another order."""
    values = generator(1, "sums").lognormal(size=(40, 48, 3))
    together = np.add.reduce(values, axis=1)
    alone = [np.add.reduce(np.ascontiguousarray(values[:, :, [place]]), axis=1)[:, 0] for place in range(3)]

    assert not np.array_equal(together, np.stack(alone, axis=1))


@given(seed=seeds, frame=frames)
def test_a_row_sees_the_newest_closed_bar_and_nothing_later(seed: int, frame: BarInterval) -> None:
    panel = broken_market(seed, 150, 2)
    length = frame.microseconds
    bars = Inputs(panel.columns, panel.times, INTERVAL)
    spread = bars.spread(bars.frame(frame), bars.frame(frame).close)
    first = int(panel.times[0]) - STEP

    for row, instant in enumerate(panel.times.tolist()):
        end = instant // length * length
        known = by_loop(panel, "close", end, length) if end - length >= first else np.full(2, np.nan)
        assert same(spread[row], known)


def test_an_open_bar_says_nothing_until_it_closes() -> None:
    """Crypto spec 13.5: closed bars only. The bar from 01:00 to 02:00 is first seen at 02:00."""
    panel = market(3, 36, 1, start=1)
    bars = Inputs(panel.columns, panel.times, INTERVAL)
    spread = bars.spread(bars.frame(BarInterval("1h")), bars.frame(BarInterval("1h")).close)[:, 0]
    closes = panel["close"][:, 0]

    assert np.isnan(spread[:11]).all()
    assert set(spread[11:23]) == {closes[11]}
    assert set(spread[23:35]) == {closes[23]}
    assert spread[35] == closes[35]


def test_half_an_hour_is_not_an_hour_and_an_older_hour_is_not_the_newest() -> None:
    panel = market(4, 36, 2, start=1)
    close = panel["close"].copy()
    close[18, 0] = np.nan
    bars = Inputs({"close": close}, panel.times, INTERVAL)
    spread = bars.spread(bars.frame(BarInterval("1h")), bars.frame(BarInterval("1h")).close)

    assert np.isnan(spread[23:35, 0]).all()
    assert not np.isnan(spread[23:, 1]).any()
    assert not np.isnan(spread[35, 0])


def test_a_price_that_is_none_makes_the_longer_bar_missing() -> None:
    panel = market(5, 24, 2, start=1)
    columns = {name: column.copy() for name, column in panel.columns.items()}
    columns["close"][3, 0], columns["low"][4, 0], columns["volume"][5, 0] = 0.0, -1.0, -1.0
    columns["traded_value"][6, 0] = np.inf
    hour = Inputs(columns, panel.times, INTERVAL).frame(BarInterval("1h"))

    for values in (hour.close, hour.price("low"), hour.amount("volume"), hour.amount("traded_value")):
        assert np.isnan(values).tolist() == [[True, False], [False, False]]


def test_only_the_wanted_rows_are_spread_when_asked() -> None:
    panel = market(6, 40, 2, start=1)
    bars = Inputs(panel.columns, panel.times, INTERVAL, wanted=7)
    frame = bars.frame(BarInterval("15m"))
    wanted = bars.spread(frame, frame.close, only_wanted=True)

    assert np.isnan(wanted[:-7]).all()
    assert not np.isnan(bars.spread(frame, frame.close)[2:]).any()
    assert same(wanted[-7:], bars.spread(frame, frame.close)[-7:])


def test_a_row_later_than_every_longer_bar_sees_none_of_them() -> None:
    hour = BarInterval("1h")
    spread = spread_to_rows(
        np.array([1, 2, 3]) * hour.microseconds, np.array([hour.microseconds]), np.ones((1, 1)), hour
    )

    assert same(spread, np.array([[1.0], [np.nan], [np.nan]]))


@pytest.mark.parametrize("rows", [0, 1, 2])
def test_too_few_rows_make_no_longer_bar(rows: int) -> None:
    panel = market(7, 3, 2, start=1).rows(0, rows)
    ends, columns = frame_in(panel, BarInterval("1h"))

    assert not len(ends)
    assert columns["close"].shape == (0, 2)
    assert np.isnan(spread_to_rows(panel.times, ends, columns["close"], BarInterval("1h"))).all()


@pytest.mark.parametrize("frame", ["15m", "1h", "4h"])
@pytest.mark.parametrize("needed", [1, 2, 20])
def test_the_lookback_suffices_at_every_row_and_one_bar_less_does_not(frame: str, needed: int) -> None:
    size = BarInterval(frame)
    per, enough = bars_per_frame(INTERVAL, size), frame_lookback(INTERVAL, size, needed)
    panel = market(8, enough + 2 * per, 1)
    found = {enough: 0, enough - 1: 0}
    for end in range(enough, len(panel.times) + 1):
        for rows in found:
            ends, columns = frame_in(panel.rows(end - rows, end), size)
            closed = columns["close"][max(len(ends) - needed, 0) :]
            found[rows] += len(closed) == needed and not np.isnan(closed).any()

    assert found[enough] == 2 * per + 1
    assert found[enough - 1] < found[enough]


@pytest.mark.parametrize(
    ("interval", "frame"),
    [("5m", "7m"), ("1d", "4h"), ("5m", "1d"), ("1h", "15m"), ("7m", "1h"), ("1d", "24h"), ("24h", "1d")],
)
def test_bars_that_do_not_divide_a_frame_are_refused(interval: str, frame: str) -> None:
    """Crypto D-35: a change of timeframe was silent."""
    with pytest.raises(InputError, match="divide the frame"):
        bars_per_frame(BarInterval(interval), BarInterval(frame))
    with pytest.raises(InputError, match="divide the frame"):
        frame_lookback(BarInterval(interval), BarInterval(frame), 2)


def change(bars: Inputs) -> np.ndarray:
    return bars.close / lagged(bars.close, 3) - 1.0


def test_a_row_that_is_left_out_stretches_no_horizon() -> None:
    """Crypto D-12: lags by row index stretch time over a gap; counted by the clock, the value is missing."""
    whole = market(9, 30, 2)
    kept = np.arange(30) != 12
    cut = Panel(whole.times[kept], whole.symbols, {name: column[kept] for name, column in whole.columns.items()})
    expected, by_rows = change(Inputs(whole.columns, whole.times, INTERVAL)), Inputs(cut.columns, cut.times, INTERVAL)
    expected[15] = np.nan

    assert same(by_the_clock(change, 4)(by_rows), expected[kept])
    assert not same(change(by_rows), expected[kept])


def test_a_night_is_no_gap_between_sessions() -> None:
    times = np.array([0, 24, 72, 73, 99], dtype=np.int64) * 60 * MINUTE + 1
    bars = Inputs({"close": np.arange(1.0, 6.0).reshape(-1, 1)}, times, DAILY)

    assert same(by_the_clock(change, 4)(bars), change(bars))


@given(seed=seeds, rows=st.integers(2, 120), window=st.integers(1, 20))
def test_counted_by_the_clock_a_value_reads_its_lookback_and_no_more(seed: int, rows: int, window: int) -> None:
    """Whatever rows are missing or too many: the last ``window`` rows decide, and the close decides which they are."""
    panel = broken_market(seed, rows, 2)
    counted = by_the_clock(lambda bars: rolling_sum(bars.close, window), window)
    whole = counted(Inputs(panel.columns, panel.times, INTERVAL))
    known = {int(instant): panel["close"][row] for row, instant in enumerate(panel.times) if instant % STEP == 0}

    for row, instant in enumerate(panel.times.tolist()):
        last = panel.rows(max(row - window + 1, 0), row + 1)
        assert same(counted(Inputs(last.columns, last.times, INTERVAL))[-1], whole[row])
        closes = [known.get(instant - back * STEP, np.full(2, np.nan)) for back in range(window)]
        if (last.times % STEP == 0).all() or not np.isnan(whole[row]).all():
            np.testing.assert_allclose(whole[row], sum(closes), rtol=1e-12)


def unguarded(bars: Inputs) -> np.ndarray:
    return bars.spread(bars.frame(INTERVAL), change(bars.frame(INTERVAL)))


def test_a_row_between_two_closes_is_nothing_and_takes_no_place_unseen() -> None:
    """The guarded thing, broken: with one more row the lookback no longer reaches, unless older rows are at hand."""
    panel = market(10, 30, 1)
    times = np.sort(np.append(panel.times, panel.times[20] + MINUTE))
    columns = {name: np.insert(column, 21, 1.0, axis=0) for name, column in panel.columns.items()}
    odd = Panel(times, panel.symbols, columns)
    counted = by_the_clock(change, 4)
    whole = Inputs(odd.columns, odd.times, INTERVAL)
    last = odd.rows(20, 24)
    short = Inputs(last.columns, last.times, INTERVAL)

    assert np.flatnonzero(np.isnan(counted(whole)[4:, 0])).tolist() == [17, 18, 19, 20]
    assert np.isnan(counted(short)[-1, 0])
    assert not np.isnan(unguarded(whole)[23, 0])
    assert np.isnan(unguarded(short)[-1, 0])


def test_a_formula_on_a_whole_clock_is_left_alone() -> None:
    panel = market(11, 20, 2)
    bars = Inputs(panel.columns, panel.times, INTERVAL)

    assert bars.on_the_clock
    assert same(where_rows_suffice(change, 4)(bars), change(bars))
