"""Reading a market: each row from its past alone, fills at prices that were there, limits and units of real shares."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.core.clock import now
from tidegate.core.errors import DataError
from tidegate.core.panel import Panel
from tidegate.core.recipe import BacktestSettings, FillPrice
from tidegate.core.time import DAILY, DAY, HOUR
from tidegate.core.units import FloatArray
from tidegate.core.workspace import Workspace
from tidegate.data import PRESETS, Catalog, OhlcvSettings, ingest_ohlcv
from tidegate.data.lives import SymbolLives
from tidegate.engine.market import Market, carried_forward
from tidegate.engine.market_reading import (
    MarketSources,
    Roles,
    filled_at_previous_close,
    interest_of,
    last_rows,
    market_of,
)
from tidegate.testing import synthetic_panel

SHARES = ("000001.SZ", "300750.SZ", "600519.SH", "688981.SH", "SPY", "TLT")
FIXED = {"symbols", "candidate", "lot", "last_row", "benchmark_place", "actions"}
"""Fields that no row stands in."""


def adjusted_market(seed: int, rows: int = 60) -> Panel:
    """Six names with holes, whose prices as traded differ from the adjusted ones by a factor that grows in steps."""
    plain = synthetic_panel(seed, rows, len(SHARES), gaps=0.1)
    steps = 1.0 + 0.05 * (np.arange(rows)[:, np.newaxis] % (11 + np.arange(len(SHARES))) == 7)
    factor = np.cumprod(steps, axis=0)
    columns = {name: plain[name] for name in ("open", "high", "low", "close", "volume")}
    return Panel(plain.times, SHARES, {**columns, "raw_close": plain["close"] / factor})


def same_rows(one: Market, other: Market) -> None:
    for name in one.__dataclass_fields__:
        mine, theirs = getattr(one, name), getattr(other, name)
        if name in FIXED:
            continue
        assert (mine is None) == (theirs is None), name
        if mine is not None:
            assert mine.dtype == theirs.dtype
            assert np.array_equal(mine, theirs, equal_nan=mine.dtype != np.bool_), name


@given(
    seed=st.integers(0, 50),
    stop=st.integers(2, 60),
    fill=st.sampled_from(list(FillPrice)),
    accounting=st.sampled_from(["total_return", "raw"]),
)
def test_the_market_of_the_first_rows_is_the_first_rows_of_the_market(
    seed: int, stop: int, fill: FillPrice, accounting: str
) -> None:
    """F.7 and the prefix property: nothing that is read of a row depends on a later one."""
    panel = adjusted_market(seed)
    score = np.where(panel["close"] > 0.0, panel["close"], np.nan)[:, :4]
    rate = np.linspace(0.01, 0.05, len(panel.times))
    settings = BacktestSettings(fill=fill, accounting=accounting, price_limits=True, participation=0.1)  # type: ignore[arg-type]
    lives = lives_of({"600519.SH": int(panel.times[30]) + DAY // 4})

    def read(rows: int) -> Market:
        sources = MarketSources(score=score[:rows], member=score[:rows] > 99.0, cash_rate=rate[:rows], lives=lives)
        roles = Roles(traded=SHARES[:4], benchmark="SPY", defensives=("TLT",))
        return market_of(panel.rows(0, rows), settings, roles, sources)

    part, whole = read(stop), read(len(panel.times))

    same_rows(part, whole.until(stop))
    assert part.last_row.tolist() == np.where(whole.last_row < stop, whole.last_row, -1).tolist()
    if part.actions is not None and whole.actions is not None:
        before = whole.actions.row < stop
        for name in ("row", "place", "ratio", "cash"):
            assert getattr(part.actions, name).tolist() == getattr(whole.actions, name)[before].tolist()


def test_arrays_are_laid_out_for_rows() -> None:
    market = market_of(
        adjusted_market(1), BacktestSettings(accounting="raw"), Roles(traded=SHARES[:3], benchmark="SPY")
    )

    assert market.symbols == (*SHARES[:3], "SPY")
    for name in ("close", "mark", "fill", "score", "traded", "volatility", "daily_value", "benchmark"):
        array = getattr(market, name)
        assert array.flags.c_contiguous
        assert array.dtype == (np.bool_ if name == "traded" else np.float64)


def test_total_return_shares_are_marked_at_the_very_closes_that_decisions_read() -> None:
    panel = adjusted_market(2)
    market = market_of(panel, BacktestSettings())

    assert market.mark is market.close
    assert market.session_value is not None
    assert np.array_equal(market.close, carried_forward(panel["close"]), equal_nan=True)


def test_benchmark_and_defensives_are_columns_that_no_score_chooses() -> None:
    """Rule 14 and A.10: they are bought by name; one that is both, or listed among the stocks, is one column."""
    panel = adjusted_market(3)
    score = np.ones((60, 3))
    market = market_of(
        panel,
        BacktestSettings(),
        Roles(traded=("000001.SZ", "600519.SH", "TLT"), benchmark="SPY", defensives=("TLT", "SPY")),
        MarketSources(score=score, member=score > 0.0),
    )

    assert market.symbols == ("000001.SZ", "600519.SH", "SPY", "TLT")
    assert market.candidate.tolist() == [True, True, False, False]
    assert market.benchmark_place == 2
    assert market.benchmark is not None
    assert np.array_equal(market.benchmark, market.close[:, 2], equal_nan=True)
    assert np.isnan(market.score[:, 2]).all()
    assert market.member is not None
    assert market.member.tolist()[0] == [True, True, False, True]


def test_without_a_symbol_there_is_no_benchmark() -> None:
    market = market_of(adjusted_market(3), BacktestSettings(), Roles(benchmark="equal-weight"))

    assert (market.benchmark, market.benchmark_place) == (None, -1)
    assert market.candidate.all()


def test_a_benchmark_that_has_no_bars_is_missed() -> None:
    with pytest.raises(DataError, match="no bars of QQQ; expected benchmark and defensive assets among the bars"):
        market_of(adjusted_market(3), BacktestSettings(), Roles(benchmark="QQQ"))


def test_nothing_fills_without_a_bar_or_without_volume() -> None:
    """Rule 7: tradable is a finite bar with volume, where the source knows it."""
    panel = adjusted_market(4)
    volume = panel["volume"].copy()
    volume[10, 0] = 0.0
    market = market_of(panel.with_columns({"volume": volume}), BacktestSettings())
    holes = np.isnan(panel["close"])

    assert holes.any()
    assert not market.traded[holes].any()
    assert np.isnan(market.fill[holes]).all()
    assert not market.traded[10, 0]
    assert np.isnan(market.fill[10, 0])
    assert market.traded.sum() == (~holes).sum() - (not holes[10, 0])


def test_a_source_without_volume_trades_wherever_there_is_a_bar() -> None:
    panel = adjusted_market(5)
    bars = Panel(panel.times, panel.symbols, {name: panel[name] for name in ("close", "raw_close")})
    market = market_of(bars, BacktestSettings(fill=FillPrice.NEXT_CLOSE))

    assert np.array_equal(market.traded, np.isfinite(panel["close"]))
    assert (market.volatility, market.daily_value, market.session_value) == (None, None, None)
    with pytest.raises(DataError, match="bars without volume and high and low; expected what an average price is"):
        market_of(bars, BacktestSettings(fill=FillPrice.NEXT_VWAP))


def test_a_part_of_an_unknown_volume_is_refused() -> None:
    panel = adjusted_market(5)
    bars = Panel(panel.times, panel.symbols, {name: panel[name] for name in ("close", "raw_close")})

    with pytest.raises(DataError, match=r"bars without volume; expected volume, of which backtest\.participation"):
        market_of(bars, BacktestSettings(fill=FillPrice.NEXT_CLOSE, participation=0.1))


def test_what_impact_is_made_of_is_the_worst_where_it_is_unknown() -> None:
    """Trading a name with too little history is not free, and its true figures of later days are not known yet."""
    panel = synthetic_panel(6, 60, 4)
    unlisted = (np.arange(60)[:, np.newaxis] < 50) & (np.arange(4) == 0)
    listed = {name: np.where(unlisted, np.nan, column) for name, column in panel.columns.items()}
    market = market_of(Panel(panel.times, panel.symbols, listed), BacktestSettings())
    assert market.volatility is not None
    assert market.daily_value is not None
    assert market.volatility[55, 0] == market.volatility[55, 1:].max()
    assert market.daily_value[55, 0] == market.daily_value[55, 1:].min()
    assert market_of(panel, BacktestSettings(), impact=False).volatility is None


@pytest.mark.parametrize("accounting", ["total_return", "raw"])
def test_an_average_price_is_value_over_volume_on_the_scale_of_the_account(accounting: str) -> None:
    """Traded value is in currency as traded and volume in shares; the adjusted price is another scale."""
    panel = adjusted_market(7)
    factor = panel["close"] / panel["raw_close"]
    average = (panel["high"] + panel["low"]) / 2.0 / factor
    panel = panel.with_columns({"traded_value": average * panel["volume"]})
    settings = BacktestSettings(fill=FillPrice.NEXT_VWAP, accounting=accounting)  # type: ignore[arg-type]
    market = market_of(panel, settings)
    bars = np.isfinite(panel["close"])

    expected = average if accounting == "raw" else average * factor
    assert market.fill[bars] == pytest.approx(expected[bars], rel=1e-12)
    assert market.session_value is not None
    assert np.array_equal(market.session_value, panel["traded_value"], equal_nan=True)


def test_without_traded_values_the_average_is_that_of_high_low_and_close() -> None:
    panel = adjusted_market(8)
    market = market_of(panel, BacktestSettings(fill=FillPrice.NEXT_VWAP))
    bars = np.isfinite(panel["close"])

    assert market.fill[bars] == pytest.approx(((panel["high"] + panel["low"] + panel["close"]) / 3.0)[bars])


def test_traded_values_in_thousands_are_refused() -> None:
    panel = adjusted_market(9)
    thousands = panel["volume"] * panel["raw_close"] / 1000.0

    with pytest.raises(
        DataError, match=r"traded value over volume 0\.001 times the close; expected currency and shares"
    ):
        market_of(panel.with_columns({"traded_value": thousands}), BacktestSettings(fill=FillPrice.NEXT_VWAP))


def limited_market(**prices: list[float]) -> Panel:
    """One share of the main board that closed at 10 for sixty days, then the given prices: its limits are 9 and 11."""
    rows = 60 + len(prices["close"])
    columns = {}
    for name in ("open", "high", "low", "close"):
        values = np.full((rows, 1), 10.0)
        values[60:, 0] = prices.get(name, prices["close"])
        columns[name] = values
    volume = np.full((rows, 1), 1000.0)
    return Panel(
        (np.arange(rows) + 20_000) * DAY,
        ("600519.SH",),
        {**columns, "raw_close": columns["close"].copy(), "volume": volume, "traded_value": 10.0 * volume},
    )


def test_an_open_at_the_limit_blocks_the_side_that_waits_there() -> None:
    panel = limited_market(open=[11.0, 9.9, 8.91], close=[10.5, 9.9, 9.0])
    market = market_of(panel, BacktestSettings(price_limits=True))
    assert market.buy_blocked is not None
    assert market.sell_blocked is not None

    assert market.buy_blocked[60:, 0].tolist() == [True, False, False]
    assert market.sell_blocked[60:, 0].tolist() == [False, False, True]


def test_at_the_close_the_close_decides() -> None:
    panel = limited_market(open=[11.0, 11.0], close=[10.5, 11.55])
    market = market_of(panel, BacktestSettings(price_limits=True, fill=FillPrice.NEXT_CLOSE))
    assert market.buy_blocked is not None

    assert market.buy_blocked[60:, 0].tolist() == [False, True]


def test_an_ex_date_moves_the_limit_and_not_the_share_to_it() -> None:
    """A split halves the price as traded; the exchange halves the close before as well."""
    panel = limited_market(open=[10.0, 10.2], close=[10.1, 10.1])
    raw = panel["raw_close"].copy()
    raw[60:] /= 2.0
    market = market_of(panel.with_columns({"raw_close": raw}), BacktestSettings(price_limits=True))
    assert market.buy_blocked is not None
    assert market.sell_blocked is not None

    assert not market.buy_blocked.any()
    assert not market.sell_blocked.any()


def test_special_treatment_halves_the_limits() -> None:
    panel = limited_market(open=[10.5], close=[10.2])
    moment = pl.Series([int(panel.times[40])]).cast(pl.Datetime("us", "UTC"))
    row = {"symbol": "600519.SH", "change": "special_treatment", "detail": "ST"}
    lives = SymbolLives(pl.DataFrame(row).with_columns(event_time=moment, known_time=moment))
    settings = BacktestSettings(price_limits=True)
    plain, treated = market_of(panel, settings), market_of(panel, settings, sources=MarketSources(lives=lives))
    assert plain.buy_blocked is not None
    assert treated.buy_blocked is not None

    assert (plain.buy_blocked[60, 0], treated.buy_blocked[60, 0]) == (False, True)


def test_limits_of_shares_that_have_none_are_refused() -> None:
    panel = synthetic_panel(1, 30, 2)

    with pytest.raises(DataError, match="no A-share among S0000, S0001"):
        market_of(panel, BacktestSettings(price_limits=True))
    assert market_of(panel, BacktestSettings()).buy_blocked is None


def test_interest_is_of_the_rate_known_before_and_the_days_between() -> None:
    """Rule 16: actual/365, and nothing where no rate is known."""
    times = np.array([0, 1, 4, 5]) * DAY

    assert interest_of(times, np.array([0.073, np.nan, 0.0365, 9.0])).tolist() == [
        0.0,
        0.073 / 365.0,
        0.0,
        0.0365 / 365,
    ]
    assert interest_of(times, None).tolist() == [0.0] * 4


def test_interest_counts_days_of_the_calendar() -> None:
    """Rule 16: summer time moves a close by an hour, and a short session by three; a day stays a day."""
    closes = np.array([21 * HOUR, DAY + 18 * HOUR, 2 * DAY + 20 * HOUR])

    assert interest_of(closes, np.full(3, 0.0365)).tolist() == [0.0, 0.0365 / 365.0, 0.0365 / 365.0]


def test_bars_after_the_end_of_a_life_are_not_traded() -> None:
    """A.21 step 6 and A.22: later bars under the same symbol are another's, or trades that nobody could rely on."""
    panel = synthetic_panel(1, 20, 2)
    end = int(panel.times[8])

    market = market_of(panel, BacktestSettings(), None, MarketSources(lives=lives_of({"S0001": end})))

    assert market.last_row.tolist() == [-1, 8]
    assert market.traded[:, 1].tolist() == [True] * 9 + [False] * 11
    assert np.isfinite(market.fill[:, 1]).tolist() == [True] * 9 + [False] * 11
    assert market.traded[:, 0].all()


def test_a_split_moves_the_previous_close_that_a_defect_fills_at() -> None:
    """Equity H 5: the defect is worth the gap of a night, not a split."""
    panel = synthetic_panel(1, 6, 1)
    raw = panel["close"] * np.where(np.arange(6)[:, np.newaxis] < 3, 1.0, 0.5)
    columns = {name: panel[name] for name in ("open", "high", "low", "close", "volume")}
    market = market_of(
        Panel(panel.times, panel.symbols, {**columns, "raw_close": raw}), BacktestSettings(accounting="raw")
    )

    fill = filled_at_previous_close(market)

    assert fill[3, 0] == pytest.approx(market.mark[2, 0] / 2.0)
    assert fill[4, 0] == market.mark[3, 0]


def lives_of(delisted: dict[str, int], known: int = 0) -> SymbolLives:
    moments = pl.Series(list(delisted.values()), dtype=pl.Int64).cast(pl.Datetime("us", "UTC"))
    told = pl.Series([known] * len(delisted), dtype=pl.Int64).cast(pl.Datetime("us", "UTC"))
    rows = pl.DataFrame({"symbol": list(delisted), "change": ["delisted"] * len(delisted)})
    nothing = pl.lit(None, pl.String).alias("detail")
    return SymbolLives(rows.with_columns(nothing, event_time=moments, known_time=told))


def test_a_symbol_ends_where_the_table_of_lives_says_and_nowhere_else() -> None:
    """Rule 17: inferring the end from the panel would break the prefix property."""
    times = np.arange(10, 20) * DAY
    lives = lives_of({"A": 12 * DAY + DAY // 3, "B": 19 * DAY + DAY // 3, "C": 20 * DAY + DAY // 3, "D": 9 * DAY})

    assert last_rows(times, tuple("ABCDE"), lives, DAILY).tolist() == [2, 9, -1, -1, -1]
    assert last_rows(times, tuple("ABCDE"), None, DAILY).tolist() == [-1] * 5


def test_the_end_of_the_bars_ends_nobody() -> None:
    panel = adjusted_market(4)
    close = panel["close"].copy()
    close[20:, 0] = np.nan

    assert market_of(panel.with_columns({"close": close}), BacktestSettings()).last_row.tolist() == [-1] * 6


def test_the_defect_of_fills_at_the_previous_close() -> None:
    """H 5: the price that made the scores."""
    market = market_of(adjusted_market(5), BacktestSettings())
    late = replace(market, fill=filled_at_previous_close(market))

    assert np.array_equal(late.fill[1:], market.mark[:-1], equal_nan=True)
    assert np.isnan(late.fill[0]).all()


def real_panel(folder: Path, file: Path, preset: str, symbols: list[str] | None = None) -> Panel:
    workspace = Workspace.create(folder)
    settings = OhlcvSettings.model_validate(PRESETS[preset])
    ingest_ohlcv(workspace, file, settings)
    return Catalog(workspace).bar_panel(settings.dataset, interval=settings.interval, as_of=now(), symbols=symbols)


def raw(panel: Panel, name: str) -> FloatArray:
    return panel[name] * panel["raw_close"] / panel["close"]


@pytest.mark.exhaustive
@pytest.mark.slow
def test_real_a_shares_are_not_bought_where_they_open_at_the_limit(real_data: Path, tmp_path: Path) -> None:
    """Held against the rows of the file themselves: open equal to the limit of the exchange, by its own pre_close."""
    file = real_data / "ashare_daily.parquet"
    panel = real_panel(tmp_path / "work", file, "tushare-daily")
    market = market_of(panel, BacktestSettings(price_limits=True, fill=FillPrice.NEXT_VWAP))
    opened = market_of(panel, BacktestSettings(price_limits=True), impact=False)
    assert opened.buy_blocked is not None
    assert market.buy_blocked is not None

    main = pl.col("ts_code").str.contains(r"^(60|00)")
    top = ((pl.col("pre_close") * 1.1 * 100.0 + 1e-6).round() / 100.0 - pl.col("open")).abs() < 0.004
    rows = pl.read_parquet(file).filter(main, top).select("ts_code", pl.col("trade_date").cast(pl.String))
    day = {str(np.datetime64(int(time), "us"))[:10]: row for row, time in enumerate(panel.times)}
    places = {symbol: place for place, symbol in enumerate(panel.symbols)}
    hits = [(day[date], places[code]) for code, date in rows.iter_rows() if day[date] > 60]
    blocked = np.array([opened.buy_blocked[hit] for hit in hits])
    assert len(hits) > 1000
    assert blocked.mean() > 0.98  # what is left were new listings, or shares back from a long suspension

    # The day's average lies within the bar, and it is at the limit only where every trade was.
    inside = np.isfinite(market.fill)
    ratio = market.fill[inside] / panel["close"][inside]
    assert 0.995 < float(np.median(ratio)) < 1.005
    assert (market.fill[inside] <= panel["high"][inside]).all()
    assert (market.fill[inside] >= panel["low"][inside]).all()
    one_price = np.abs(raw(panel, "low") - raw(panel, "high")) < 0.004
    assert one_price[market.buy_blocked].all()
    assert 0 < market.buy_blocked.sum() < opened.buy_blocked.sum()
