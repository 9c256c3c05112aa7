"""The audit of bars: exact gaps on the right calendar, and nothing that hides one."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.core.clock import frozen_clock
from tidegate.core.errors import CatalogError, DataError, InputError
from tidegate.core.evidence import Verdict
from tidegate.core.time import DAY, MINUTE, BarInterval, Instant, parse_instant
from tidegate.core.workspace import Workspace
from tidegate.data.audit import AuditLimits, BarAudit, Suspicion, SymbolAudit, audit_bars, audit_frame
from tidegate.data.audit.coverage import cover
from tidegate.data.calendars import trading_calendar
from tidegate.data.catalog import Catalog
from tidegate.data.demo import demo_bars_path

DAILY, FIVE_MINUTES = BarInterval("1d"), BarInterval("5m")
LATE = parse_instant("2026-01-01")
WHOLE = AuditLimits(minimum_coverage=1.0, mean_coverage=1.0)


def sessions(calendar: str, first: str, last: str) -> np.ndarray:
    return trading_calendar(calendar).expected(DAILY, parse_instant(first), parse_instant(last) + DAY - 1)


def five_minutes(count: int, first: str = "2025-03-01T00:05:00Z") -> np.ndarray:
    return parse_instant(first) + np.arange(count, dtype=np.int64) * 5 * MINUTE


def moving(count: int) -> np.ndarray:
    """Prices that go up and down in equal steps, so that none of them is suspect."""
    return 103.0 - np.abs(3 - np.arange(count) % 6)


def frame(symbol: str, times: Any, calendar: str = "24/7", **columns: Any) -> pl.DataFrame:
    closes = moving(len(times))
    moments = pl.Series(np.asarray(times, dtype=np.int64)).cast(pl.Datetime("us", "UTC"))
    plain: dict[str, Any] = {"symbol": symbol, "event_time": moments, "calendar": calendar}
    prices = {"open": closes, "high": closes + 1, "low": closes - 1, "close": closes, "volume": 1.0}
    return pl.DataFrame({**plain, **prices, "synthetic": False, **columns})


def audit(*frames: pl.DataFrame, interval: BarInterval = FIVE_MINUTES, **more: Any) -> BarAudit:
    return audit_frame(pl.concat(frames), dataset="test", interval=interval, **{"as_of": LATE, **more})


def of(result: BarAudit, symbol: str) -> SymbolAudit:
    return next(one for one in result.symbols if one.symbol == symbol)


def gaps(one: SymbolAudit) -> list[tuple[int, int, int]]:
    return [(gap.start, gap.end, gap.missing) for gap in one.gaps]


# Calendars


def test_neither_weekend_nor_holiday_nor_half_day_is_a_gap() -> None:
    times = sessions("XNYS", "2023-11-20", "2024-01-31")  # four holidays and a half day
    one = audit(frame("AAA", times, "XNYS"), interval=DAILY).symbols[0]

    assert (one.expected, one.present, one.gaps, one.unexpected) == (len(times), len(times), (), 0)
    assert (times - parse_instant("2023-11-24")).tolist().count(18 * 3_600_000_000) == 1  # closed at 13:00


def test_a_bar_of_a_half_day_at_the_usual_hour_is_off_the_calendar() -> None:
    times = sessions("XNYS", "2023-11-20", "2023-11-30")
    half = parse_instant("2023-11-24T18:00:00Z")
    usual = parse_instant("2023-11-24T21:00:00Z")
    result = audit(frame("AAA", np.where(times == half, usual, times), "XNYS"), interval=DAILY)

    assert gaps(result.symbols[0]) == [(half, half, 1)]
    assert result.symbols[0].unexpected == 1
    example = next(bar for bar in result.suspect_bars if bar.kind is Suspicion.OFF_CALENDAR)
    assert (example.symbol, example.at, example.value) == ("AAA", usual, 3 * 3600.0)


def test_suspended_days_are_gaps_with_their_own_first_and_last_day() -> None:
    times = sessions("XSHG", "2024-02-01", "2024-03-15")  # the Spring Festival closes the exchange for a week
    away = [*range(3, 9), 12]
    one = audit(frame("600000.SH", np.delete(times, away), "XSHG"), interval=DAILY).symbols[0]

    assert gaps(one) == [(times[3], times[8], 6), (times[12], times[12], 1)]
    assert (one.missing, one.present) == (7, len(times) - 7)


def test_each_symbol_is_held_against_its_own_calendar() -> None:
    american = sessions("XNYS", "2024-01-02", "2024-02-29")
    chinese = sessions("XSHG", "2024-01-02", "2024-02-29")
    result = audit(frame("AAA", american, "XNYS"), frame("600000.SH", chinese, "XSHG"), interval=DAILY)

    assert [(one.symbol, one.calendar, one.missing) for one in result.symbols] == [
        ("600000.SH", "XSHG", 0),
        ("AAA", "XNYS", 0),
    ]
    swapped = audit(frame("AAA", american, "XSHG"), interval=DAILY)
    assert swapped.symbols[0].present == 0, "the wrong calendar must not look right"


def test_a_calendar_that_does_not_exist_or_is_missing_is_an_error() -> None:
    times = five_minutes(3)
    with pytest.raises(InputError, match="XNOWHERE"):
        audit(frame("BTC", times, "XNOWHERE"))
    unclear = frame("BTC", times).with_columns(pl.Series("calendar", ["24/7", None, "24/7"]))
    with pytest.raises(DataError, match="no calendar or several, the first BTC"):
        audit(unclear)
    with pytest.raises(DataError, match="no calendar or several"):
        audit(frame("BTC", times), frame("BTC", times, "XNYS"))
    assert audit(unclear, calendar="24/7").coverage == 1.0


# Lives, gaps, staleness


def test_bucket_numbers_are_never_taken_for_seconds() -> None:
    # D-20: comparing bucket numbers with seconds always reported exactly one gap over the whole window.
    times = five_minutes(1000)
    whole = audit(frame("BTC", times)).symbols[0]
    holed = audit(frame("BTC", np.delete(times, [10, 11, 500]))).symbols[0]

    assert whole.gaps == ()
    assert gaps(holed) == [(times[10], times[11], 2), (times[500], times[500], 1)]


def test_a_late_listing_is_complete_from_its_own_first_bar() -> None:
    # D-21: one start in 2018 for every coin made each younger one incomplete for good.
    times = five_minutes(600)
    result = audit(frame("BTC", times), frame("SOL", times[400:]))

    assert (of(result, "SOL").expected, of(result, "SOL").coverage) == (200, 1.0)
    assert result.verdict is Verdict.PASSED


def test_an_empty_symbol_cannot_hide_behind_the_average() -> None:
    # D-22: one empty coin passed a gate on the mean.
    times = five_minutes(100)
    coins = [f"COIN{number:02}" for number in range(20)]
    result = audit(*(frame(coin, times) for coin in coins), symbols=[*coins, "SOL"])

    assert result.mean_coverage > 0.95
    assert (result.minimum_coverage, result.verdict) == (0.0, Verdict.FAILED)
    empty = of(result, "SOL")
    assert (empty.first, empty.last, empty.expected, empty.present) == (None, None, 100, 0)
    assert gaps(empty) == [(times[0], times[-1], 100)]
    assert "SOL with 0.00%" in result.reasons()[0]


def test_many_thin_symbols_fail_by_the_mean() -> None:
    times = five_minutes(100)
    limits = AuditLimits(minimum_coverage=0.5, mean_coverage=0.9)
    thin = audit(frame("A", np.delete(times, range(10, 40))), frame("B", times), limits=limits)

    assert thin.verdict is Verdict.FAILED
    assert thin.reasons() == ["mean coverage 85.00% below 90.00%"]


def test_a_symbol_that_ends_early_is_stale_and_not_holed() -> None:
    times = five_minutes(100)
    frames = frame("BTC", times), frame("LUNA", times[:60])
    result = audit(*frames)
    luna = of(result, "LUNA")

    assert (luna.gaps, luna.coverage) == ((), 1.0)
    assert (luna.missing_at_end, luna.seconds_behind) == (40, 40 * 300)
    assert of(result, "BTC").missing_at_end == 0
    assert result.summary()["symbols_ended_early"] == 1
    strict = audit(*frames, limits=AuditLimits(missing_at_end=39))
    assert strict.reasons() == ["1 symbol missing more than 39 bars at the end"]
    assert audit(*frames, limits=AuditLimits(missing_at_end=40)).verdict is Verdict.PASSED


def test_what_is_owed_since_the_last_bar_counts_to_as_of() -> None:
    times = sessions("XNYS", "2024-01-02", "2024-01-12")  # a Friday; the Monday after is a holiday
    bars = frame("AAA", times, "XNYS")

    assert audit(bars, interval=DAILY, as_of=parse_instant("2024-01-16T12:00:00Z")).owed_since_last == 0
    assert audit(bars, interval=DAILY, as_of=parse_instant("2024-01-17T22:00:00Z")).owed_since_last == 2
    beyond_the_calendar = audit(bars, interval=DAILY, as_of=parse_instant("2090-01-01"))
    assert beyond_the_calendar.owed_since_last > 250


def test_a_hole_of_everyone_alive_is_shared_and_others_do_not_matter() -> None:
    times = five_minutes(100)
    holed = np.delete(times, range(40, 60))
    result = audit(
        frame("BTC", holed),
        frame("ETH", np.delete(times, range(35, 60))),
        frame("OLD", times[:30]),
        frame("NEW", times[70:]),
        symbols=["EMPTY"],
    )

    assert [gap.as_dict() for gap in result.shared_gaps] == [
        {
            "start": "2025-03-01T03:25:00Z",
            "end": "2025-03-01T05:00:00Z",
            "missing": 20,
            "symbols": 2,
            "calendar": "24/7",
        }
    ]
    witness = audit(frame("BTC", holed), frame("ETH", holed), frame("ADA", times))
    assert witness.shared_gaps == (), "one symbol that has the bars shows that the source had them"
    alone = audit(frame("BTC", holed))
    assert alone.shared_gaps == ()


# Rows that are no coverage


def test_synthetic_rows_never_count() -> None:
    times = five_minutes(50)
    invented = np.isin(np.arange(50), [20, 21, 22])
    one = audit(frame("BTC", times, synthetic=invented)).symbols[0]

    assert (one.synthetic, one.present) == (3, 47)
    assert gaps(one) == [(times[20], times[22], 3)]
    with pytest.raises(DataError, match="50 rows but no real bar"):
        audit(frame("BTC", times, synthetic=True))


def test_rows_without_a_close_and_second_rows_of_a_close_never_count() -> None:
    times = five_minutes(50)
    closes = pl.Series(moving(50))
    closes[5], closes[6] = None, float("nan")
    one = audit(frame("BTC", times, close=closes), frame("BTC", times[:4])).symbols[0]

    assert (one.without_close, one.duplicates, one.present, one.expected) == (2, 4, 48, 50)
    assert gaps(one) == [(times[5], times[6], 2)]


def test_a_bar_off_the_grid_is_reported_and_fills_nothing() -> None:
    times = five_minutes(50)
    late = times.copy()
    late[30] += MINUTE
    result = audit(frame("BTC", late))

    assert gaps(result.symbols[0]) == [(times[30], times[30], 1)]
    assert (result.symbols[0].unexpected, result.summary()["unexpected"]) == (1, 1)
    found = [bar for bar in result.suspect_bars if bar.kind is Suspicion.OFF_CALENDAR]
    assert [(bar.at, bar.value) for bar in found] == [(late[30], 60.0)]


def test_bars_that_are_all_off_the_grid_cover_nothing() -> None:
    result = audit(frame("BTC", five_minutes(50) + 1))

    assert (result.present, result.coverage, result.verdict) == (0, 0.0, Verdict.FAILED)
    assert result.symbols[0].gaps[0].missing == result.expected == 49
    single = audit(frame("BTC", five_minutes(1) + 1))
    assert (single.expected, single.coverage, single.verdict) == (0, 0.0, Verdict.FAILED)
    assert single.by_month.is_empty()


def test_nothing_to_look_at_is_an_error_and_never_passes() -> None:
    with pytest.raises(DataError, match="no bar in 'test' for 5m"):
        audit(frame("BTC", []))
    with pytest.raises(DataError, match="no column close"):
        audit(frame("BTC", five_minutes(3)).drop("close"))
    with pytest.raises(DataError, match="1 rows without a symbol or a time"):
        audit(frame("BTC", five_minutes(3)).with_columns(pl.Series("symbol", ["BTC", None, "BTC"])))


def test_a_bar_after_as_of_is_refused() -> None:
    times = five_minutes(10)
    assert audit(frame("BTC", times), as_of=Instant(int(times[-1]))).coverage == 1.0
    with pytest.raises(DataError, match="closes at 2025-03-01T00:50:00Z"):
        audit(frame("BTC", times), as_of=Instant(int(times[-1]) - 1))


# Suspect bars


def test_an_extreme_return_is_found_by_its_robust_scale() -> None:
    times = five_minutes(200)
    closes = moving(200)
    closes[120] *= 3
    bars = frame("BTC", times, open=closes, high=closes, low=closes, close=closes)
    found = [bar for bar in audit(bars).suspect_bars if bar.kind is Suspicion.EXTREME_RETURN]

    assert sorted((bar.at, np.sign(bar.value)) for bar in found) == [(times[120], 1), (times[121], -1)]
    assert audit(bars).symbols[0].suspects == {Suspicion.EXTREME_RETURN: 2}
    tolerant = audit(bars, limits=AuditLimits(extreme_return_scales=1000.0))
    assert tolerant.count_of(Suspicion.EXTREME_RETURN) == 0


def test_a_split_that_the_adjustment_explains_is_no_extreme_return() -> None:
    closes = moving(200)
    closes[100:] /= 2
    factor = np.where(np.arange(200) < 100, 1.0, 2.0)
    bars = frame("AAA", five_minutes(200), open=closes, high=closes, low=closes, close=closes)

    assert audit(bars).count_of(Suspicion.EXTREME_RETURN) == 1
    adjusted = bars.with_columns(pl.Series("adjustment", factor))
    assert audit(adjusted).count_of(Suspicion.EXTREME_RETURN) == 0


def test_a_return_across_a_gap_or_of_a_short_life_is_not_judged() -> None:
    times = five_minutes(200)
    closes = moving(200)
    closes[100:] *= 3
    prices = {"open": closes, "high": closes, "low": closes, "close": closes}
    bars = frame("BTC", times, **prices)

    assert audit(bars).count_of(Suspicion.EXTREME_RETURN) == 1
    assert audit(bars.filter(pl.int_range(pl.len()) != 100)).count_of(Suspicion.EXTREME_RETURN) == 0
    assert audit(bars[95:110]).count_of(Suspicion.EXTREME_RETURN) == 0


def test_a_flat_price_does_not_make_every_move_extreme() -> None:
    closes = np.full(200, 1.0)
    closes[150] = 1.0004  # below ten times the floor of the scale
    bars = frame("USDC", five_minutes(200), open=closes, high=closes, low=closes, close=closes)

    assert audit(bars).count_of(Suspicion.EXTREME_RETURN) == 0


def test_a_price_that_moves_by_single_ticks_is_not_extreme() -> None:
    # Most returns are zero, so the median absolute deviation is zero too.
    closes = np.where(np.arange(200) % 5 == 0, 2.02, 2.0)
    bars = frame("PENNY", five_minutes(200), open=closes, high=closes, low=closes, close=closes)
    jump = closes.copy()
    jump[150] = 3.0

    assert audit(bars).count_of(Suspicion.EXTREME_RETURN) == 0
    assert audit(bars.with_columns(pl.Series("close", jump))).count_of(Suspicion.EXTREME_RETURN) == 2


def test_open_or_close_outside_low_and_high() -> None:
    bars = frame("BTC", five_minutes(4), low=[99.0, 102.02, 103.0, 104.0])  # closes 100, 101, 102, 103
    result = audit(bars)

    assert result.symbols[0].suspects == {Suspicion.OUTSIDE_RANGE: 3}
    assert [round(bar.value, 6) for bar in result.suspect_bars] == [0.010099, 0.009804, 0.009709]
    rounded = frame("BTC", five_minutes(1), low=[100.0 * (1 + 1e-7)])
    assert audit(rounded).suspect_bars == ()
    unknown = frame("BTC", five_minutes(4)).with_columns(pl.lit(None, pl.Float64).alias("high"))
    assert audit(unknown.drop("open", "low", "volume")).suspect_bars == ()


def test_a_price_that_is_not_positive_fails_the_audit() -> None:
    result = audit(frame("BTC", five_minutes(30), low=[-1.0, 0.0] + [50.0] * 28))

    assert result.count_of(Suspicion.NOT_POSITIVE) == 2
    assert result.verdict is Verdict.FAILED
    assert result.reasons() == ["2 bars with a price that is not positive"]
    zero = audit(frame("BTC", five_minutes(3), close=[1.0, 0.0, 1.0]))
    json.dumps(zero.as_dict(), allow_nan=False)


def test_runs_of_zero_volume_and_of_unchanged_prices() -> None:
    times = five_minutes(60)
    volume = np.ones(60)
    volume[[5, 6, 7, 30]] = 0
    closes = moving(60)
    closes[40:52] = 90.0
    result = audit(frame("BTC", times, volume=volume, close=closes, low=80.0), frame("ETH", times[:5], volume=0.0))

    zero = [bar for bar in result.suspect_bars if bar.kind is Suspicion.ZERO_VOLUME]
    assert [(bar.symbol, bar.at, bar.until, bar.value) for bar in zero] == [
        ("ETH", times[0], times[4], 5),
        ("BTC", times[5], times[7], 3),
        ("BTC", times[30], times[30], 1),
    ]
    assert of(result, "BTC").suspects[Suspicion.ZERO_VOLUME] == 4
    still = [bar for bar in result.suspect_bars if bar.kind is Suspicion.UNCHANGED_PRICE]
    assert [(bar.at, bar.until, bar.value) for bar in still] == [(times[40], times[51], 12)]
    assert of(result, "BTC").suspects[Suspicion.UNCHANGED_PRICE] == 12


def test_a_run_does_not_cross_from_one_symbol_to_the_next() -> None:
    flat = {"open": 5.0, "high": 5.0, "low": 5.0, "close": 5.0, "volume": 0.0}
    result = audit(*(frame(symbol, five_minutes(6), **flat) for symbol in "ABC"))

    assert result.count_of(Suspicion.UNCHANGED_PRICE) == 0
    zero = [bar.value for bar in result.suspect_bars if bar.kind is Suspicion.ZERO_VOLUME]
    assert zero == [6, 6, 6]


def test_only_the_worst_examples_are_kept_but_all_are_counted() -> None:
    volume = np.where(np.arange(90) % 3 == 0, 0.0, 1.0)
    result = audit(frame("BTC", five_minutes(90), volume=volume), limits=AuditLimits(examples=4))

    assert len(result.suspect_bars) == 4
    assert result.count_of(Suspicion.ZERO_VOLUME) == 30


# What comes out


def test_months_add_up_and_midnight_belongs_to_the_day_before() -> None:
    times = five_minutes(31 * 288 + 10, first="2025-01-01T00:05:00Z")
    kept = np.delete(times, range(100, 400))
    result = audit(frame("BTC", kept), frame("ETH", times[31 * 288 :]))

    assert result.by_month.rows() == [
        ("BTC", "2025-01", 31 * 288, 31 * 288 - 300),
        ("BTC", "2025-02", 10, 10),
        ("ETH", "2025-02", 10, 10),
    ]


def test_the_document_is_plain_json_with_instants_as_text() -> None:
    times = five_minutes(50)
    result = audit(frame("BTC", np.delete(times, [3, 4])), frame("ETH", times), symbols=["SOL"], version=7)
    document = json.loads(json.dumps(result.as_dict(), allow_nan=False))

    assert (document["dataset"], document["version"], document["as_of"]) == ("test", 7, "2026-01-01")
    btc = document["by_symbol"][0]
    assert btc["gaps"] == [{"start": "2025-03-01T00:20:00Z", "end": "2025-03-01T00:25:00Z", "missing": 2}]
    assert btc["coverage"] == pytest.approx(0.96)
    assert document["by_symbol"][2]["first"] is None
    assert "by_month" not in document
    assert result.by_month.row(0) == ("BTC", "2025-03", 50, 48)
    assert document["symbols_with_gaps"] == 2


def test_evidence_names_data_and_version_and_repeats() -> None:
    bars = frame("BTC", five_minutes(50))
    with frozen_clock(Instant(5)):
        evidence = audit(bars, version=3).evidence()

    assert (evidence.check, evidence.subject, evidence.verdict) == (
        "audit-data",
        "bars/test/5m@3",
        Verdict.PASSED,
    )
    assert evidence.made_at == 5
    assert evidence.fingerprint() == audit(bars.reverse(), version=3).evidence().fingerprint()
    failed = audit(frame("BTC", np.delete(five_minutes(50), 9)), version=3, limits=WHOLE).evidence()
    assert failed.verdict is Verdict.FAILED
    assert failed.fingerprint() != evidence.fingerprint()
    assert failed.findings["reasons"]


def test_table_rows_put_the_worst_first_and_never_round_up_to_whole() -> None:
    times = five_minutes(30_000)
    result = audit(
        frame("FULL", times), frame("NEAR", np.delete(times, 7)), frame("HALF", times[::2]), symbols=["NONE"]
    )
    rows = result.table_rows()

    assert [row["symbol"] for row in rows] == ["NONE", "HALF", "NEAR", "FULL"]
    assert [row["coverage"] for row in rows] == ["0.00%", "50.00%", "99.99%", "100.00%"]
    assert rows[2]["longest gap"] == "1 from 2025-03-01T00:40:00Z"
    assert len(result.table_rows(limit=2)) == 2


# Property


@given(
    size=st.integers(2, 60),
    removed=st.sets(st.integers(0, 59)),
    strays=st.sets(st.integers(1, 58), max_size=4),
)
def test_exactly_the_removed_bars_are_reported(size: int, removed: set[int], strays: set[int]) -> None:
    times = five_minutes(size)
    gone = sorted(place for place in removed if 0 < place < size - 1)
    off = [int(times[place]) + 7 for place in strays if place < size - 1]
    kept = np.sort(np.concatenate((np.delete(times, gone), np.array(off, dtype=np.int64))))
    one = audit(frame("OTHER", times), frame("BTC", kept)).symbols[0]

    reported = [close for gap in one.gaps for close in range(gap.start, gap.end + 1, 5 * MINUTE)]
    assert reported == times[gone].tolist()
    assert [gap.missing for gap in one.gaps] == [(gap.end - gap.start) // (5 * MINUTE) + 1 for gap in one.gaps]
    assert all(before.end + 5 * MINUTE < after.start for before, after in zip(one.gaps, one.gaps[1:], strict=False))
    assert (one.expected, one.missing, one.unexpected) == (size, len(gone), len(off))


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 30)), min_size=1, max_size=80, unique=True))
def test_coverage_equals_a_plain_loop_over_bars(places: list[tuple[int, int]]) -> None:
    bars = np.array(sorted(places), dtype=np.int64)
    grid = np.arange(0, 62, 2, dtype=np.int64)  # bars at odd times are off the grid
    of_member = [bars[bars[:, 0] == one, 1] for one in range(5)]
    ends = np.array([(own[0], own[-1]) if len(own) else (0, 30) for own in of_member], dtype=np.int64)
    coverage = cover(grid, bars[:, 0], bars[:, 1], ends[:, 0], ends[:, 1])

    for one, own in enumerate(of_member):
        owed = [close for close in grid.tolist() if ends[one, 0] <= close <= ends[one, 1]]
        lacking = [close for close in owed if close not in own]
        mine = coverage.gaps.of(one)
        stretches = zip(coverage.gaps.start[mine], coverage.gaps.stop[mine], strict=True)
        assert [int(grid[i]) for start, stop in stretches for i in range(start, stop)] == lacking
        assert (coverage.expected[one], coverage.present[one]) == (len(owed), len(owed) - len(lacking))
        assert coverage.unexpected[one] == sum(close % 2 for close in own.tolist())


# The demonstration data


def test_the_demonstration_data_are_complete_and_their_known_defects_are_found() -> None:
    stocks, index = (pl.read_parquet(path) for path in demo_bars_path())
    raw = pl.concat([stocks, index])
    calendar = trading_calendar("XNYS")
    closes, known = calendar.closes_of(raw["date"].cast(pl.Int32).to_numpy().astype(np.int64))
    assert known.all()
    bars = raw.with_columns(pl.Series("event_time", closes).cast(pl.Datetime("us", "UTC")))
    result = audit_frame(bars, dataset="us-large-caps", interval=DAILY, as_of=LATE, calendar="XNYS")

    assert (len(result.symbols), result.expected, result.present) == (21, 21 * 8_313, 21 * 8_313)
    assert result.verdict is Verdict.PASSED
    jump = next(bar for bar in result.suspect_bars if bar.kind is Suspicion.EXTREME_RETURN)
    assert (jump.symbol, jump.at) == ("RRC", parse_instant("1990-04-10T20:00:00Z"))
    assert np.exp(jump.value) == pytest.approx(1 / 3, abs=0.001)
    still = [bar for bar in result.suspect_bars if bar.kind is Suspicion.UNCHANGED_PRICE]
    stale, next_stale = still[:2]
    assert (stale.symbol, stale.until, stale.value) == ("RRC", parse_instant("1990-04-09T20:00:00Z"), 69)
    assert (next_stale.symbol, next_stale.value) == ("RRC", 61)


# The catalog


@pytest.fixture
def catalog(tmp_path: Path) -> Catalog:
    return Catalog(Workspace.create(tmp_path / "workspace"))


def stored(bars: pl.DataFrame, interval: BarInterval = FIVE_MINUTES) -> pl.DataFrame:
    named = {"dataset": "coins", "interval": str(interval), "source": "test"}
    return bars.with_columns(
        *(pl.lit(text).alias(name) for name, text in named.items()),
        pl.col("event_time").alias("known_time"),
        pl.lit(None, pl.Float64).alias("traded_value"),
        pl.lit(1.0).alias("adjustment"),
    )


def test_the_catalog_is_read_as_of_and_by_version(catalog: Catalog) -> None:
    times = five_minutes(50)
    first = catalog.append("bars", stored(frame("BTC", np.delete(times, [10, 11, 12]))))
    catalog.append("bars", stored(frame("BTC", times[11:12])))

    now = audit_bars(catalog, "coins", as_of=LATE)
    assert [gaps(one) for one in now.symbols] == [[(times[10], times[10], 1), (times[12], times[12], 1)]]
    assert now.version == first.version + 1
    before = audit_bars(catalog, "coins", as_of=LATE, version=first.version)
    assert gaps(before.symbols[0]) == [(times[10], times[12], 3)]
    early = audit_bars(catalog, "coins", as_of=Instant(int(times[20])))
    assert early.last == times[20]
    missing = audit_bars(catalog, "coins", as_of=LATE, symbols=["BTC", "ETH"])
    assert (missing.minimum_coverage, missing.verdict) == (0.0, Verdict.FAILED)


def test_the_catalog_says_what_it_lacks(catalog: Catalog) -> None:
    with pytest.raises(CatalogError, match="no table"):
        audit_bars(catalog, "coins", as_of=LATE)
    catalog.append("bars", stored(frame("BTC", five_minutes(5))))
    with pytest.raises(CatalogError, match="no data set 'other'"):
        audit_bars(catalog, "other", as_of=LATE)
    with pytest.raises(DataError, match="at least one real bar"):
        audit_bars(catalog, "coins", as_of=LATE, interval=DAILY)
    with pytest.raises(DataError, match="no size"):
        audit_bars(catalog, "coins", as_of=LATE, start=date(2025, 6, 1))


def test_bars_of_several_sizes_must_be_told_apart(catalog: Catalog) -> None:
    catalog.append("bars", stored(frame("BTC", five_minutes(24))))
    hourly = five_minutes(24)[11::12]
    catalog.append("bars", stored(frame("BTC", hourly), BarInterval("1h")))

    with pytest.raises(DataError, match="bars of 1h, 5m in 'coins'"):
        audit_bars(catalog, "coins", as_of=LATE)
    assert audit_bars(catalog, "coins", as_of=LATE, interval=BarInterval("1h")).expected == 2
    assert audit_bars(catalog, "coins", as_of=LATE, interval=FIVE_MINUTES).expected == 24


# Real data


def test_every_suspended_day_of_the_a_shares_is_found_and_no_holiday(real_data: Path) -> None:
    raw = pl.read_parquet(real_data / "ashare_daily.parquet", columns=["ts_code", "trade_date", "close", "vol"])
    calendar = trading_calendar("XSHG")
    days = raw["trade_date"].cast(pl.Int32).to_numpy().astype(np.int64)
    closes, known = calendar.closes_of(days)
    assert known.all()
    bars = raw.select(
        pl.col("ts_code").alias("symbol"),
        pl.Series("event_time", closes).cast(pl.Datetime("us", "UTC")),
        pl.col("close"),
        pl.col("vol").alias("volume"),
    )
    result = audit_frame(bars, dataset="ashare", interval=DAILY, as_of=LATE, calendar="XSHG")

    own = raw.group_by("ts_code").agg(first=pl.col("trade_date").min(), last=pl.col("trade_date").max(), rows=pl.len())
    opens = pl.Series(calendar.days).cast(pl.Int32).cast(pl.Date)
    lives = own.with_columns(expected=opens.search_sorted(own["last"], "right") - opens.search_sorted(own["first"]))
    assert result.expected == lives["expected"].sum()
    assert result.present == raw.height
    suspended = {row["ts_code"]: row["expected"] - row["rows"] for row in lives.iter_rows(named=True)}
    assert {one.symbol: one.missing for one in result.symbols} == suspended
    assert all(sum(gap.missing for gap in one.gaps) == one.missing for one in result.symbols)
    assert sum(suspended.values()) > 1000
    assert result.shared_gaps == ()
    assert result.summary()["unexpected"] == 0
    days_of_gaps = [gap.start // DAY for one in result.symbols for gap in one.gaps]
    assert np.isin(days_of_gaps, calendar.days).all()
    assert result.by_month["expected"].sum() == result.expected
    assert result.by_month["present"].sum() == result.present


def test_the_hole_between_the_crypto_files_is_reported_exactly(real_data: Path) -> None:
    coins = ["BTC", "ETH", "SOL"]
    raw = pl.concat(
        pl.scan_parquet(real_data / f"crypto_spot_5m_{year}.parquet").filter(pl.col("symbol").is_in(coins))
        for year in (2024, 2025)
    ).collect()
    bars = raw.with_columns(
        pl.col("ts").dt.cast_time_unit("us").dt.offset_by("5m").alias("event_time")  # ts is the open
    )
    result = audit_frame(bars, dataset="spot", interval=FIVE_MINUTES, as_of=LATE, calendar="24/7")

    for one in result.symbols:
        last = raw.filter(pl.col("symbol") == one.symbol, pl.col("ts").dt.year() == 2024, pl.col("ts").dt.month() < 12)
        opened = last["ts"].max()
        assert isinstance(opened, datetime)
        start, end = opened + timedelta(minutes=10), datetime(2024, 12, 31, tzinfo=UTC)
        missing = (end - start) // timedelta(minutes=5) + 1
        assert gaps(one) == [(parse_instant(start), parse_instant(end), missing)]
        assert start.date() in {date(2024, 9, 6), date(2024, 9, 7)}
        assert one.coverage < 0.9
    assert result.verdict is Verdict.FAILED
    assert [gap.symbols for gap in result.shared_gaps] == [3]
    assert result.shared_gaps[0].start == max(gaps(one)[0][0] for one in result.symbols)


def test_the_known_zero_volume_bars_of_the_perpetuals_are_found(real_data: Path) -> None:
    raw = pl.read_parquet(real_data / "crypto_perp_5m_2025.parquet")
    bars = raw.with_columns(pl.col("ts").dt.cast_time_unit("us").dt.offset_by("5m").alias("event_time"))
    limits = AuditLimits(examples=100)
    result = audit_frame(bars, dataset="perp", interval=FIVE_MINUTES, as_of=LATE, calendar="24/7", limits=limits)

    closes = {bar.at for bar in result.suspect_bars if bar.kind is Suspicion.ZERO_VOLUME}
    assert parse_instant("2025-01-29T01:30:00Z") in closes
    assert parse_instant("2025-08-29T06:25:00Z") in closes
    assert result.count_of(Suspicion.ZERO_VOLUME) == raw.filter(pl.col("volume") == 0).height
