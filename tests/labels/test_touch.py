"""The touch of a goal, in hindsight and as a trade, by hand."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from tidegate.core.errors import DataError, InputError
from tidegate.core.panel import Panel
from tidegate.core.units import FloatArray
from tidegate.data import trading_calendar
from tidegate.data.price_limits import limit_prices, raw_price
from tidegate.labels import NEVER, TouchWindow, fixed_exit, hindsight_touch
from tidegate.testing import synthetic_panel

NAN = math.nan


def column(*values: float) -> FloatArray:
    return np.array(values, dtype=float)[:, np.newaxis]


def panel_of(**columns: FloatArray) -> Panel:
    rows, symbols = next(iter(columns.values())).shape
    return Panel(np.arange(rows) + 1, tuple(f"S{place}" for place in range(symbols)), columns)


@pytest.mark.parametrize(
    ("closes", "best", "hit"),
    [
        ((100, 90, 90, 104, 90, 90), 0.04, 1.0),
        ((100, 90, 90, 90, 90, 104), 0.04, 1.0),
        ((100, 90, 90, 103.9, 103.8, 103.7), 0.039, 0.0),
        ((100, 150, 150, 90, 95, 90), -0.05, 0.0),  # days 1 and 2 do not count
        ((100, NAN, NAN, 104, 90, 90), 0.04, 1.0),
        ((100, 90, 90, 120, NAN, 90), NAN, NAN),  # a day of the window is missing
        ((NAN, 90, 90, 120, 90, 90), NAN, NAN),
        ((100, 90, 90, 120, 0.0, 90), NAN, NAN),  # written for a missing price
    ],
)
def test_hindsight_by_hand(closes: tuple[float, ...], best: float, hit: float) -> None:
    """Equity G.5: max over k in 3, 4, 5 of close[t + k] / close[t] - 1 >= 0.04."""
    labels = hindsight_touch(panel_of(close=column(*closes)))

    assert labels.returns[0, 0] == pytest.approx(best, nan_ok=True)
    assert labels.hit[0, 0] == pytest.approx(hit, nan_ok=True)
    assert labels.spans.end.tolist() == [6]


def test_days_and_goal_are_a_choice() -> None:
    closes = panel_of(close=column(100, 102, 101, 100, 100))
    labels = hindsight_touch(closes, TouchWindow(first_day=1, last_day=2, rise=0.02))

    assert labels.hit.ravel()[:3].tolist() == [1.0, 0.0, 0.0]
    assert labels.names == (
        "hindsight_touch_return_1_to_2",
        "hindsight_touch_hit_1_to_2",
        "hindsight_touch_rank_1_to_2",
    )


def test_the_goal_itself_is_a_hit() -> None:
    labels = hindsight_touch(panel_of(close=column(64, 64, 80, 64)), TouchWindow(first_day=1, last_day=2, rise=0.25))

    assert labels.hit.ravel()[:2].tolist() == [1.0, 1.0]


def test_the_unlabelled_tail_is_missing_and_never_zero() -> None:
    """Equity H 16: (x >= 0.04) of what has not happened yet is false, which became label 0."""
    panel = synthetic_panel(5, 40, 6, gaps=0.1)
    for labels, tail in ((hindsight_touch(panel), 5), (fixed_exit(panel, sell_within_bars=2), 7)):
        for name in labels.names:
            values = labels.values(name)
            assert np.isnan(values[-tail:]).all()
            assert np.isnan(values[np.isnan(labels.returns)]).all()
        assert (labels.ends[-tail:] == NEVER).all()
        assert set(np.unique(labels.hit[~np.isnan(labels.hit)])) == {0.0, 1.0}


def test_prices_are_adjusted() -> None:
    """Equity H 17: over a split of two for one the raw price halves, and the label saw a fall of half."""
    adjusted = panel_of(close=column(50, 50, 51, 52, 53, 54), raw_close=column(100, 100, 102, 52, 53, 54))

    assert hindsight_touch(adjusted).returns[0, 0] == pytest.approx(0.08)


def test_no_shift_crosses_symbols() -> None:
    """Equity H 21: in a long table the end of one symbol was the future of another."""
    panel = synthetic_panel(5, 30, 4)
    for make in (hindsight_touch, fixed_exit):
        together = make(panel).returns
        for place, symbol in enumerate(panel.symbols):
            alone = make(panel.take((symbol,))).returns
            assert np.array_equal(together[:, [place]], alone, equal_nan=True)


# One trade: decision at row 0, entry at the open of row 1, exit at the close of row 5, or at the open of row 6 or 7 if
# need be. The share opens and closes at the same price; 10 % limits are far away unless a test moves them.
PRICE = (100.0, 100.0, 100.0, 100.0, 100.0, 110.0, 105.0, 102.0)
UPPER, LOWER = (1000.0,) * 8, (1.0,) * 8


def trade(
    price: dict[int, float] | None = None,
    *,
    upper: dict[int, float] | None = None,
    lower: dict[int, float] | None = None,
    volume: dict[int, float] | None = None,
    adjustment: float = 1.0,
) -> float:
    """Return the simple return of the trade, with some rows changed."""

    def changed(values: tuple[float, ...], by: dict[int, float] | None) -> FloatArray:
        return column(*[(by or {}).get(row, value) for row, value in enumerate(values)])

    raw = changed(PRICE, price)
    columns = {"open": raw * adjustment, "close": raw * adjustment, "raw_close": raw}
    panel = panel_of(**columns, volume=changed((9.0,) * 8, volume))
    limits = changed(UPPER, upper), changed(LOWER, lower)
    labels = fixed_exit(panel, limits=limits, sell_within_bars=2)
    assert labels.spans.end.tolist() == [8]
    return float(labels.returns[0, 0])


def test_in_at_the_next_open_and_out_at_the_last_close() -> None:
    assert trade() == pytest.approx(0.10)
    assert trade({0: 50.0}) == pytest.approx(0.10), "the price of the decision plays no part"
    assert trade({3: 500.0, 4: 500.0}) == pytest.approx(0.10), "no better day is chosen in hindsight"


@pytest.mark.parametrize("adjustment", [1.0, 0.37, 17.3])
def test_no_label_where_the_open_is_at_its_upper_limit(adjustment: float) -> None:
    """Equity G.5: at the upper limit nobody sells; limits are raw prices, entries adjusted ones."""
    assert math.isnan(trade(upper={1: 100.0}, adjustment=adjustment))
    assert trade(upper={1: 100.01}, adjustment=adjustment) == pytest.approx(0.10)
    assert trade(upper={1: NAN}, adjustment=adjustment) == pytest.approx(0.10)


@pytest.mark.parametrize("change", [{"price": {1: NAN}}, {"price": {1: 0.0}}, {"volume": {1: 0.0}}])
def test_no_label_where_it_is_suspended_at_the_entry(change: dict[str, dict[int, float]]) -> None:
    assert math.isnan(trade(**change))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "stuck",
    [{"price": {5: NAN}}, {"volume": {5: 0.0}}, {"lower": {5: 110.0}}],
    ids=["suspended", "no volume", "at its lower limit"],
)
def test_what_cannot_be_sold_on_the_last_day_is_sold_at_the_next_open_that_allows_it(
    stuck: dict[str, dict[int, float]],
) -> None:
    assert trade(**stuck) == pytest.approx(0.05)  # type: ignore[arg-type]


def test_a_share_that_falls_to_its_limit_day_after_day_is_a_loss_and_not_a_gap() -> None:
    """To leave it out would leave out the worst: here 10 % a day, out at the first open above the limit."""
    falling = {5: 90.0, 6: 81.0, 7: 73.0}

    assert trade(falling, lower={5: 90.0, 6: 81.0, 7: 72.9}) == pytest.approx(-0.27)


def test_what_cannot_be_sold_at_all_has_no_label() -> None:
    assert math.isnan(trade({5: NAN, 6: NAN, 7: NAN}))
    assert math.isnan(trade(lower={5: 110.0, 6: 105.0, 7: 102.0}))


def test_unknown_volume_is_no_suspension() -> None:
    assert trade(volume={1: NAN, 5: NAN}) == pytest.approx(0.10)


def test_a_market_without_limits() -> None:
    price = column(*PRICE)
    labels = fixed_exit(panel_of(open=price, close=price), sell_within_bars=0)

    assert labels.returns[0, 0] == pytest.approx(0.10)
    assert labels.spans.end.tolist() == [6, 7, 8]


def test_the_newest_rows_do_not_consist_of_the_easy_exits_alone() -> None:
    """A row is labelled when its hardest exit is known; before, only what could be sold at once would be there."""
    price = np.tile(column(*PRICE), 2)
    price[5, 1] = NAN
    panel = panel_of(open=price, close=price)

    assert np.isnan(fixed_exit(panel.rows(0, 7), sell_within_bars=2).returns).all()
    np.testing.assert_allclose(fixed_exit(panel, sell_within_bars=2).returns[0], [0.10, 0.05])


def test_the_rank_compares_within_the_day() -> None:
    """Equity G.5: on some dates 1.7 % touched the goal, on others 99.6 %; the date explained most of the label."""
    calm = synthetic_panel(8, 60, 20)
    surge = np.ones((60, 1))
    surge[30:] = 1.5
    lifted = Panel(calm.times, calm.symbols, {name: calm[name] * surge for name in ("open", "close")})
    before, after = fixed_exit(calm), fixed_exit(lifted)

    assert after.hit[26].mean() == 1.0
    assert before.hit[26].mean() < 0.6
    np.testing.assert_allclose(before.rank[:50], after.rank[:50])


@pytest.mark.parametrize(
    "window", [{"first_day": 0}, {"first_day": 6}, {"rise": 0.0}, {"rise": 4.0}, {"last_day": 2}, {"rise": NAN}]
)
def test_a_window_out_of_order_is_refused(window: dict[str, float]) -> None:
    with pytest.raises(InputError, match=r"4 % is 0\.04"):
        TouchWindow(**window)  # type: ignore[arg-type]


def test_what_cannot_be_traded_is_refused() -> None:
    price = column(*PRICE)
    panel = panel_of(open=price, close=price)

    with pytest.raises(InputError, match="the entry is on day 1"):
        fixed_exit(panel, TouchWindow(first_day=1, last_day=1))
    with pytest.raises(InputError, match="up to -1 rows later"):
        fixed_exit(panel, sell_within_bars=-1)
    with pytest.raises(DataError, match="without raw_close"):
        fixed_exit(panel, limits=(price, price))
    with pytest.raises(DataError, match="without open"):
        fixed_exit(panel_of(close=price))
    with pytest.raises(InputError, match="limits of shape"):
        fixed_exit(panel_of(open=price, close=price, raw_close=price), limits=(price[1:], price))
    with pytest.raises(InputError, match="no label 'touch'"):
        hindsight_touch(panel).values("touch")


def test_on_every_a_share(real_data: Path) -> None:
    """Equity G.5: the date explains most of the touch, 1.7 % of the shares on the worst; no trade enters at a limit."""
    panel = a_shares(real_data / "ashare_daily.parquet")
    raw = Panel(panel.times, panel.symbols, {"close": panel["raw_close"]})
    rate = np.nanmean(hindsight_touch(raw).hit[:-5], axis=1)
    upper, lower = limit_prices(panel.columns, panel.symbols, panel.times)
    free, bound = fixed_exit(panel), fixed_exit(panel, limits=(upper, lower))

    assert rate.min() == pytest.approx(0.017, abs=0.0005)
    assert rate.max() > 0.9
    entered = np.flatnonzero(~np.isnan(bound.returns))
    opened = raw_price(panel.columns, "open")[1:].ravel()[entered]
    assert not (opened > upper[1:].ravel()[entered] - 0.005).any()
    waited = ~np.isnan(bound.returns) & (bound.returns != free.returns)
    assert waited.sum() > 1000
    assert bound.returns[waited].mean() < free.returns[waited].mean(), "who has to wait at the lower limit loses more"


def a_shares(path: Path) -> Panel:
    bars = pl.read_parquet(path)
    days, symbols = bars["trade_date"].unique().sort(), bars["ts_code"].unique().sort()
    rows = np.searchsorted(days.to_numpy(), bars["trade_date"].to_numpy())
    places = bars["ts_code"].cast(pl.Enum(symbols)).to_physical().to_numpy()

    def dense(values: pl.Expr) -> FloatArray:
        matrix = np.full((len(days), len(symbols)), NAN)
        matrix[rows, places] = bars.select(values).to_series().to_numpy()
        return matrix

    adjusted = {name: dense(pl.col(name) * pl.col("adj_factor")) for name in ("open", "close")}
    columns = {**adjusted, "raw_close": dense(pl.col("close")), "volume": dense(pl.col("vol"))}
    closes, _ = trading_calendar("XSHG").closes_of(days.to_numpy().astype("datetime64[D]").astype(np.int64))
    return Panel(closes, tuple(symbols), columns)


EXACT = [(cents, cents * 26 // 25) for cents in range(25, 20_000, 25)]
"""Prices in cents, and exactly 4 % more."""


def risen(low: FloatArray, high: FloatArray) -> Panel:
    """Return a panel whose closes are higher from day 5 on, a symbol per price."""
    names = tuple(f"S{place:04}" for place in range(len(low)))
    close = np.vstack([np.tile(low, (5, 1)), np.tile(high, (3, 1))])
    return Panel(np.arange(8) + 1, names, {"open": np.tile(low, (8, 1)), "close": close})


@pytest.mark.parametrize("factor", [1.0, 1.0 / 3.0, 7.3219])
def test_exact_cents_at_the_goal_are_hits_whatever_float32_makes_of_them(factor: float) -> None:
    """A source keeps price times factor in float32: half of the returns of exactly 4 % fall below it by noise."""
    low, high = (np.float32(np.array(cents) / 100.0 * factor).astype(float) for cents in zip(*EXACT, strict=True))
    panel = risen(low, high)
    trade, touch = fixed_exit(panel, sell_within_bars=1), hindsight_touch(panel)

    assert (touch.returns[0] < 0.04).sum() > 100, "no noise, and nothing shown"
    assert trade.hit[0].all()
    assert touch.hit[0].all()


def test_a_cent_below_the_goal_is_no_hit() -> None:
    low, high = (np.float32(np.array(cents) / 100.0).astype(float) for cents in zip(*EXACT, strict=True))
    panel = risen(low, high - 0.01)

    assert not fixed_exit(panel, sell_within_bars=1).hit[0].any()
    assert not hindsight_touch(panel).hit[0].any()
