"""The quality of bars over the training window, absent ones included (D-35)."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from readiness_data import HOURS, START, audited, bars, put, recipe_of, rows

from tidegate.core.recipe import QualitySettings
from tidegate.core.time import BarInterval, Instant
from tidegate.core.workspace import Workspace
from tidegate.data.readiness import Life, Listing, QualityReason, Scope, SymbolQuality
from tidegate.data.readiness.quality import audit_quality

SCHEMA = {"symbol": pl.String(), "time": pl.Int64()}


def quality_of(frame: pl.DataFrame, interval: str = "1h", hours: int = HOURS, **settings: Any) -> SymbolQuality:
    start, end = (Instant(int(one.timestamp() * 1e6)) for one in (START, START + timedelta(hours=hours)))
    scope = Scope(start=start, end=end, lives=(Life("BTC", "24/7", start, end, Listing.KNOWN),))
    nothing = pl.DataFrame(schema=SCHEMA)
    audit = audit_quality(frame, scope, BarInterval(interval), QualitySettings.model_validate(settings), nothing)
    return audit.symbols[0]


def without(*hours: int) -> list[int]:
    return [hour for hour in range(1, HOURS + 1) if hour not in hours]


def test_good_bars_have_no_reason() -> None:
    found = quality_of(bars("BTC"))

    assert (found.reasons, found.rows, found.expected, found.training_ready) == ((), HOURS, HOURS, True)


@pytest.mark.parametrize(("absent", "reasons"), [(12, ()), (13, (QualityReason.MISSING,))])
def test_bars_that_are_absent_raise_the_missing_rate(absent: int, reasons: tuple[QualityReason, ...]) -> None:
    """D-35: only rows that existed were counted, so that no hole was ever seen. 12 of 600 are exactly 2 %."""
    found = quality_of(bars("BTC", without(*range(20, 20 + 2 * absent, 2))))

    assert found.missing_rate == absent / HOURS
    assert found.reasons == reasons


@pytest.mark.parametrize(("broken", "reasons"), [(3, ()), (4, (QualityReason.INVALID,))])
@pytest.mark.parametrize("column", ["close", "open"])
@pytest.mark.parametrize("price", [0.0, -1.0, float("nan")])
def test_prices_that_cannot_be_used(broken: int, reasons: tuple[QualityReason, ...], column: str, price: float) -> None:
    frame = bars("BTC").with_row_index().with_columns(
        pl.when(pl.col("index") < broken).then(price).otherwise(column).alias(column)
    )  # fmt: skip

    found = quality_of(frame)

    assert found.invalid_price_rate == broken / HOURS
    assert found.reasons == reasons
    assert found.rows == HOURS - broken, "a bar without a usable price is absent, too"


def test_a_price_that_the_source_does_not_deliver_is_no_fault() -> None:
    assert quality_of(bars("BTC", open=None, high=None, low=None)).reasons == ()


def test_a_high_below_the_low_is_no_price() -> None:
    assert quality_of(bars("BTC", high=8.0)).reasons[:2] == (QualityReason.MISSING, QualityReason.INVALID)


def test_rows_for_a_stretch_that_has_one_are_duplicates() -> None:
    late = [START + timedelta(hours=hour, minutes=-20) for hour in range(1, 14)]
    values = {"symbol": "BTC", "interval": "1h", "calendar": "24/7", "close": 10.0, "open": 10.0}
    more = rows("bars", late, dataset="coins", **values)

    found = quality_of(pl.concat([bars("BTC"), more]))

    assert found.duplicate_rate == 13 / (HOURS + 13)
    assert found.reasons == (QualityReason.DUPLICATE,)


def test_steps_longer_than_three_bars_are_stale() -> None:
    """A sparse symbol: every fifth bar. Its rate of missing bars is above its own limit as well."""
    sparse = quality_of(bars("BTC", range(1, HOURS + 1, 5)), missing_rate=1.0, minimum_rows=1)
    three = quality_of(bars("BTC", range(1, HOURS + 1, 3)), missing_rate=1.0, minimum_rows=1)

    assert sparse.stale_ratio == 1.0
    assert sparse.reasons == (QualityReason.STALE,)
    assert (three.stale_ratio, three.reasons) == (0.0, ())


@pytest.mark.parametrize(
    ("interval", "hours", "reasons"),
    [
        ("1h", 30, ()),
        ("1h", 23, (QualityReason.TOO_FEW,)),
        ("5m", 199 / 12, (QualityReason.TOO_FEW,)),
        ("5m", 200 / 12, ()),
    ],
)
def test_short_bars_must_be_200_and_longer_ones_24(
    interval: str, hours: float, reasons: tuple[QualityReason, ...]
) -> None:
    minutes = 60 if interval == "1h" else 5
    count = round(hours * 60 / minutes)
    frame = bars("BTC", range(1, count + 1), step=timedelta(minutes=minutes), interval=interval)
    start = Instant(int(START.timestamp() * 1e6))
    end = Instant(start + count * minutes * 60_000_000)
    scope = Scope(start=start, end=end, lives=(Life("BTC", "24/7", start, end, Listing.KNOWN),))

    found = audit_quality(frame, scope, BarInterval(interval), QualitySettings(), pl.DataFrame(schema=SCHEMA)).symbols[
        0
    ]

    assert found.reasons == reasons
    assert found.training_ready is (count >= 200)


def test_synthetic_bars_are_absent() -> None:
    assert quality_of(bars("BTC", synthetic=True)).rows == 0


def test_only_the_last_days_are_looked_at_where_the_recipe_says_so() -> None:
    frame = bars("BTC", range(301, HOURS + 1))

    assert quality_of(frame).missing_rate == 0.5
    assert quality_of(frame, lookback_days=12).missing_rate == 0.0


def test_another_timeframe_stands_for_nothing(workspace: Workspace) -> None:
    """D-35: where 5-minute bars lacked, others were taken in silence."""
    put(workspace, "bars", bars("BTC"), bars("ETH"))
    put(workspace, "bars", bars("BTC", interval="30m", step=timedelta(minutes=30)))

    audit = audited(workspace, recipe_of(interval="30m"))

    assert [(one.symbol, one.rows) for one in audit.quality.symbols] == [("BTC", HOURS), ("ETH", 0)]
    assert audit.quality.counts() == {"missing_rate_exceeded": 1, "insufficient_rows": 1}
    assert not audit.ready


def test_hard_blocks_and_soft_says_so(workspace: Workspace) -> None:
    put(workspace, "bars", bars("BTC"), bars("ETH", without(*range(100, 130))))
    hard, soft = (audited(workspace, recipe_of(quality={"mode": mode})) for mode in ("hard", "soft"))

    assert (hard.quality.status, soft.quality.status) == ("blocked_by_data_quality", "dq_degraded")
    assert hard.reasons() == [
        "quality: blocked_by_data_quality: 1 of 2 symbols (missing_rate_exceeded 1), the worst ETH"
    ]
    assert soft.ready
    assert (hard.notes(), soft.notes()) == ({}, {"dq_degraded": {"count": 1}})


def test_the_training_window_is_judged_and_not_the_last_days(workspace: Workspace, tmp_path: Path) -> None:
    """D-35: the last 72 hours of the wall clock were looked at, whatever was trained on."""
    put(workspace, "bars", bars("BTC", without(*range(20, 60))), bars("ETH"))
    later = datetime(2024, 6, 1, tzinfo=START.tzinfo)

    assert [one.symbol for one in audited(workspace, as_of=later).quality.poor] == ["BTC"]
    late = recipe_of(start="2024-01-10")
    assert audited(workspace, late, as_of=later).quality.poor == ()
