from __future__ import annotations

from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_UP, Decimal
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.core.errors import DataError
from tidegate.core.panel import Panel
from tidegate.core.time import DAY, parse_instant
from tidegate.data.price_limits import (
    CARRIED_SESSIONS,
    LIMIT_PERCENT,
    Board,
    at_limit_down,
    at_limit_up,
    board_of,
    limit_percent,
    limit_prices,
    previous_close,
    raw_price,
)
from tidegate.data.recipe_data import RecipeData
from tidegate.data.tables import MOMENT

RECENT = parse_instant("2024-03-01T07:00:00+00:00")
OLD = parse_instant("2019-03-01T07:00:00+00:00")


def days(count: int, first: int = RECENT) -> np.ndarray:
    return first + np.arange(count) * DAY


def column(*values: float) -> np.ndarray:
    return np.array(values)[:, np.newaxis]


def limits_after(close: float, symbol: str) -> tuple[float, float]:
    """Return the limits of a session after a history at one price."""
    closes = np.full((7, 1), close)
    up, down = limit_prices({"close": closes, "raw_close": closes}, (symbol,), days(7))
    return float(up[-1, 0]), float(down[-1, 0])


@pytest.mark.parametrize(
    ("symbol", "board"),
    [
        ("600000.SH", Board.MAIN),
        ("000001.SZ", Board.MAIN),
        ("002594", Board.MAIN),
        ("300750.sz", Board.CHINEXT),
        ("301269.SZ", Board.CHINEXT),
        ("688981.SH", Board.STAR),
        ("689009.SH", Board.STAR),
        ("430047.BJ", Board.BEIJING),
        ("835185.BJ", Board.BEIJING),
        ("920002", Board.BEIJING),
        ("000001.SH", None),
        ("399006.SZ", None),
        ("510300.SH", None),
        ("900901.SH", None),
        ("200002.SZ", None),
        ("AAPL", None),
        ("600000.SHX", None),
    ],
)
def test_a_code_tells_its_board(symbol: str, board: Board | None) -> None:
    assert board_of(symbol) is board


@pytest.mark.parametrize(
    ("symbol", "close", "up", "down"),
    [
        ("600000.SH", 10.05, 11.06, 9.05),  # 11.055 and 9.045, half up
        ("600000.SH", 10.04, 11.04, 9.04),
        ("300750.SZ", 10.02, 12.02, 8.02),
        ("688981.SH", 10.03, 12.04, 8.02),
        ("920002.BJ", 10.03, 13.03, 7.03),  # 13.039 is cut off, and so is 7.021
    ],
)
def test_limits_by_hand(symbol: str, close: float, up: float, down: float) -> None:
    assert limits_after(close, symbol) == (up, down)


@given(cents=st.integers(10, 10**7), symbol=st.sampled_from(["600000", "300001", "688001", "920001"]))
def test_limits_are_those_of_decimal_arithmetic(cents: int, symbol: str) -> None:
    previous, percent = Decimal(cents) / 100, {"6000": 10, "9200": 30}.get(symbol[:4], 20)
    beijing = symbol.startswith("92")
    cent = Decimal("0.01")
    highest, lowest = (previous * (100 + sign * percent) / 100 for sign in (1, -1))

    assert limits_after(float(previous), symbol) == (
        float(highest.quantize(cent, ROUND_FLOOR if beijing else ROUND_HALF_UP)),
        float(lowest.quantize(cent, ROUND_CEILING if beijing else ROUND_HALF_UP)),
    )


def test_chinext_moved_like_the_main_board_before_its_reform() -> None:
    times = np.array([parse_instant(day) for day in ("2020-08-21T07:00:00+00:00", "2020-08-24T07:00:00+00:00")])

    assert limit_percent(("300750.SZ",), times).ravel().tolist() == [10.0, 20.0]


def test_special_treatment_halves_the_main_board_alone() -> None:
    symbols = ("300750.SZ", "600000.SH", "688981.SH", "AAPL")
    special = np.array([[True] * 4, [False] * 4])
    percent = limit_percent(symbols, days(2), special)

    assert percent[:, :3].tolist() == [[20.0, 5.0, 20.0], [20.0, 10.0, 20.0]]
    assert np.isnan(percent[:, 3]).all()


def test_the_panel_may_say_who_is_treated() -> None:
    closes = np.full((7, 1), 10.0)
    columns = {"close": closes, "raw_close": closes, LIMIT_PERCENT: np.full((7, 1), 5.0)}

    assert limit_prices(columns, ("600000.SH",), days(7))[0][-1, 0] == 10.5


def test_the_previous_close_is_less_what_left_the_price_overnight() -> None:
    """Equity H 17: one new share for each at row 2; against the close of the day before it fell by half."""
    close, raw = column(10.0, 10.0, 10.5, 11.0), column(10.0, 10.0, 5.25, 5.5)

    assert previous_close(close, raw).ravel()[1:].tolist() == [10.0, 5.0, 5.25]


def test_a_suspension_carries_the_previous_close_for_a_while() -> None:
    close = np.full((CARRIED_SESSIONS + 20, 1), 10.0)
    close[6 : CARRIED_SESSIONS + 5] = np.nan
    up = limit_prices({"close": close, "raw_close": close}, ("600000.SH",), days(len(close)))[0]
    longer = close.copy()
    longer[CARRIED_SESSIONS + 5 : CARRIED_SESSIONS + 7] = np.nan
    unknown = limit_prices({"close": longer, "raw_close": longer}, ("600000.SH",), days(len(close)))[0]

    assert previous_close(close, close)[CARRIED_SESSIONS + 5, 0] == 10.0
    assert np.isnan(previous_close(longer, longer)[CARRIED_SESSIONS + 7, 0])
    assert up[5, 0] == 11.0
    assert np.isnan(up[6 : CARRIED_SESSIONS + 5]).all()
    assert np.isnan(unknown[CARRIED_SESSIONS + 7, 0])


@pytest.mark.parametrize(
    ("symbol", "first", "free"),
    [("600000.SH", RECENT, 5), ("600000.SH", OLD, 1), ("300001.SZ", RECENT, 5), ("300001.SZ", OLD, 1),
     ("688001.SH", OLD, 5), ("920001.BJ", RECENT, 1)],
)  # fmt: skip
def test_a_new_share_has_no_limit_that_is_known(symbol: str, first: int, free: int) -> None:
    closes = np.full((9, 1), 10.0)
    up, down = limit_prices({"close": closes, "raw_close": closes}, (symbol,), days(9, first))

    assert np.flatnonzero(~np.isnan(up[:, 0]))[0] == free
    assert np.array_equal(np.isnan(up), np.isnan(down))


@given(seed=st.integers(0, 10**6), start=st.integers(0, 60))
def test_no_limit_depends_on_where_the_data_start(seed: int, start: int) -> None:
    random = np.random.default_rng(seed)
    close = np.round(np.exp(random.normal(2.0, 0.1, (CARRIED_SESSIONS + 70, 4))), 2)
    close[random.random(close.shape) < random.choice([0.1, 0.9])] = np.nan
    symbols, times = ("300001", "600000", "688001", "920001"), days(len(close))
    whole = limit_prices({"close": close, "raw_close": close}, symbols, times)
    cut = limit_prices({"close": close[start:], "raw_close": close[start:]}, symbols, times[start:])

    for one, other in zip(whole, cut, strict=True):
        assert np.array_equal(one[start + CARRIED_SESSIONS :], other[CARRIED_SESSIONS:], equal_nan=True)


def test_a_price_is_at_its_limit_within_half_a_cent() -> None:
    limit = np.array([11.0, 11.0, 11.0, np.nan, 11.0])
    price = np.array([10.996, 10.99, 11.01, 11.0, np.nan])

    assert at_limit_up(price, limit).tolist() == [True, False, True, False, False]
    assert at_limit_down(price, limit).tolist() == [True, True, False, False, False]


def test_prices_as_traded_come_from_the_ratio_of_the_closes() -> None:
    columns = {"open": column(30.0), "close": column(33.0), "raw_close": column(11.0)}

    assert raw_price(columns, "open").item() == pytest.approx(10.0)


def test_without_unadjusted_closes_there_is_no_limit() -> None:
    with pytest.raises(DataError, match="no column raw_close"):
        limit_prices({"close": np.ones((2, 1))}, ("600000.SH",), days(2))
    assert limit_prices({"close": np.ones((0, 1)), "raw_close": np.ones((0, 1))}, ("600000",), days(0))[0].shape == (
        0,
        1,
    )


def test_a_history_of_shares_knows_their_limits_by_what_was_known_of_their_treatment() -> None:
    """Equity H 20: the earlier filter looked for ST in the code, where it never stands."""
    times, symbols = days(4), ("300750.SZ", "600000.SH")
    lives = pl.DataFrame(
        [(symbol, "special_treatment", int(times[1]), int(times[2]), 0, "ST") for symbol in symbols],
        schema=["symbol", "change", "event_time", "known_time", "recorded_time", "detail"],
        orient="row",
    ).with_columns(pl.col("event_time", "known_time", "recorded_time").cast(MOMENT))
    panel = Panel(times, symbols, {"close": np.ones((4, 2))})
    data = RecipeData(panel, symbols, tables={"symbol_lives": lives})
    foreign = RecipeData(Panel(times, ("AAPL",), {"close": np.ones((4, 1))}), ("AAPL",))

    assert data.history("equal-weight").bars[LIMIT_PERCENT].tolist() == [[20.0, 10.0]] * 2 + [[20.0, 5.0]] * 2
    assert RecipeData(panel, symbols).history("equal-weight").bars[LIMIT_PERCENT].tolist() == [[20.0, 10.0]] * 4
    assert LIMIT_PERCENT not in foreign.history("equal-weight").bars


def real_panel(real_data: Path) -> tuple[Panel, np.ndarray]:
    """Return every share of the file, and its own previous closes."""
    rows = pl.read_parquet(real_data / "ashare_daily.parquet")
    times, symbols = rows["trade_date"].unique().sort(), rows["ts_code"].unique().sort()
    where = (times.search_sorted(rows["trade_date"]).to_numpy(), symbols.search_sorted(rows["ts_code"]).to_numpy())

    def dense(name: str) -> np.ndarray:
        matrix = np.full((len(times), len(symbols)), np.nan)
        matrix[where] = np.round(rows[name].cast(pl.Float64).to_numpy(), 2 if name != "adj_factor" else 9)
        return matrix

    factor = dense("adj_factor")
    columns = {name: dense(name) * factor for name in ("open", "high", "low", "close")}
    instants = times.cast(pl.Datetime("us")).dt.epoch("us").to_numpy() + 7 * DAY // 24
    panel = Panel(instants, tuple(symbols), {**columns, "raw_close": dense("close")})
    return panel, dense("pre_close")


def test_no_price_of_real_shares_lies_beyond_its_limits(real_data: Path) -> None:
    """Equity G.5: who is at a limit cannot be bought; the rule must be that of the exchange, to the cent."""
    panel, stated = real_panel(real_data)
    up, down = limit_prices(panel.columns, panel.symbols, panel.times)
    own = previous_close(panel["close"], panel["raw_close"])
    right = np.abs(own - stated) < 0.005  # elsewhere the file's factor is too coarse
    high, low = raw_price(panel.columns, "high"), raw_price(panel.columns, "low")
    known = ~np.isnan(up) & right

    assert right[~np.isnan(own)].mean() > 0.998
    assert known.sum() > 1_750_000
    assert not (high > up + 0.005)[known].any()
    assert not (low < down - 0.005)[known].any()
    assert at_limit_up(high, up)[known].sum() > 22_000
    assert at_limit_down(low, down)[known].sum() > 9_500
