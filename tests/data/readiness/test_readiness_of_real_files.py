"""The audit of readiness on real files, ingested by the shipped presets, against counts made by hand.

Every expected number is counted here from the files themselves, by other means than the audit's.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tidegate.core.clock import now
from tidegate.core.recipe import Recipe
from tidegate.core.time import Instant, instant_of
from tidegate.core.workspace import Workspace
from tidegate.data import PRESETS, Catalog, OhlcvSettings, ReadinessAudit, audit_readiness, ingest_ohlcv
from tidegate.data.connectors import collect_from, make_connector
from tidegate.data.readiness import SourceAudit

pytestmark = [pytest.mark.realdata, pytest.mark.slow]

COINS = ["BNB", "BTC", "ETH", "HYPE", "SOL"]
OPENS = datetime(2024, 12, 31, tzinfo=UTC)
CLOSES = datetime(2025, 10, 1, tzinfo=UTC)
FIVE = timedelta(minutes=5)
SOURCES: dict[str, tuple[str, dict[str, str]]] = {
    "funding": ("crypto_funding_8h_2019_2025.parquet", {"preset": "binance-funding"}),
    "macro": ("macro_long.parquet", {"preset": "macro-long", "dataset": "macro"}),
    "events": ("crypto_news.parquet", {"preset": "crypto-news", "dataset": "crypto-news"}),
    "binance-derivatives": (
        "crypto_derivatives_sol_2026",
        {"preset": "okx-statistics", "dataset": "sol-derivatives", "symbol": "SOL"},
    ),
}
USES = {
    "secondary_bars": "crypto-mark",
    "funding": "crypto-funding",
    "derivatives": "sol-derivatives",
    "macro": "macro",
    "events": "crypto-news",
}


@pytest.fixture(scope="module")
def stocked(tmp_path_factory: pytest.TempPathFactory, real_data: Path) -> Workspace:
    """A workspace with five-minute bars, mark prices, funding, macro, news and the derivatives sample."""
    workspace = Workspace.create(tmp_path_factory.mktemp("real") / "work")
    klines = PRESETS["binance-klines"]
    for file, changes in {
        "crypto_perp_5m_2025.parquet": {"dataset": "crypto-perp"},
        "crypto_mark_1h_2025.parquet": {"dataset": "crypto-mark", "interval": "1h"},
    }.items():
        ingest_ohlcv(workspace, real_data / file, OhlcvSettings.model_validate({**klines, **changes}))
    for name, (file, settings) in SOURCES.items():
        done = collect_from(workspace, make_connector(name, {"path": str(real_data / file), **settings}))
        assert done.complete, [one.error for one in done.members]
    return workspace


def audited(workspace: Workspace, *, as_of: Instant | None = None, **data: Any) -> ReadinessAudit:
    universe = {"symbols": data.pop("symbols", COINS)}
    recipe = Recipe.model_validate(
        {
            "name": "crypto",
            "data": {"dataset": "crypto-perp", "interval": "5m", "uses": USES, **data},
            "universe": universe,
            "split": {"first_test": "2025-06-01"},
            "models": {"lightgbm": {}},
            "costs": {"preset": "crypto-perpetual"},
        }
    )
    return audit_readiness(Catalog(workspace), recipe, as_of=now() if as_of is None else as_of)


@pytest.fixture(scope="module")
def audit(stocked: Workspace) -> ReadinessAudit:
    return audited(stocked)


def source(audit: ReadinessAudit, name: str) -> SourceAudit:
    (found,) = [one for one in audit.sources if one.name == name]
    return found


def test_exactly_these_gates_fail_and_for_these_reasons(audit: ReadinessAudit) -> None:
    """The sample of derivatives is of 2026 and the news of 2022, while the bars are of 2025."""
    assert [gate.name for gate in audit.gates if gate.passed] == ["bars", "secondary_bars", "funding", "macro"]
    assert audit.missing_data_kinds == ("derivatives", "events")
    assert audit.not_used == ("order_books", "onchain", "posts", "comments", "symbol_lives")
    nothing = "no real row of these symbols in the window"
    assert audit.reasons() == [
        (
            f"derivatives: 5 of 5 below 40.00%, the worst BNB with 0.00%; mean 0.00% below 40.00%; {nothing}; "
            "'sol-derivatives' knows SOL"
        ),
        (
            f"events: 5 of 5 below 20, the worst BNB with 0; mean 0 below 20; {nothing}; "
            "'crypto-news' knows ADA, APT, ARB, AVAX, BNB, ..."
        ),
    ]
    assert audit.quality.status == "good"
    assert audit.quality.training_data_green


def test_the_bars_are_complete_by_the_file(audit: ReadinessAudit, real_data: Path) -> None:
    rows = pl.read_parquet(real_data / "crypto_perp_5m_2025.parquet").filter(pl.col("symbol").is_in(COINS))
    counted = dict(rows.group_by("symbol").agg(pl.col("ts").n_unique()).sort("symbol").iter_rows())
    listed = dict(rows.group_by("symbol").agg(pl.col("ts").min()).iter_rows())

    found = {one.member: (one.present, one.expected) for one in source(audit, "bars").members}

    assert {name: present for name, (present, _) in found.items()} == counted
    assert found["BTC"] == (274 * 288, 274 * 288), "274 days around the clock"
    assert listed["HYPE"] > OPENS, "D-21: HYPE was listed in 2025 and owes nothing before"
    assert found["HYPE"][1] == (CLOSES - listed["HYPE"]) // FIVE
    assert source(audit, "bars").gate.minimum == 1.0


def test_mark_prices_stand_for_the_secondary_bars(audit: ReadinessAudit, real_data: Path) -> None:
    rows = pl.read_parquet(real_data / "crypto_mark_1h_2025.parquet")
    hours = rows.filter(pl.col("symbol") == "BTC")["ts"].n_unique()

    assert [(one.present, one.expected) for one in source(audit, "secondary_bars").members if one.member == "BTC"] == [
        (hours, 274 * 24)
    ]


def test_funding_is_counted_payment_by_payment(audit: ReadinessAudit, real_data: Path) -> None:
    """Payments at midnight, 8 and 16 o'clock; the file ends before that of the window's last midnight."""
    rows = pl.read_parquet(real_data / "crypto_funding_8h_2019_2025.parquet")
    inside = rows.filter((pl.col("ts") > OPENS) & (pl.col("ts") <= CLOSES), pl.col("symbol") == "BTC")
    assert set(inside["ts"].sort().diff().drop_nulls().dt.total_hours()) == {8}

    found = {one.member: one for one in source(audit, "funding").members}

    assert (found["BTC"].present, found["BTC"].expected) == (inside.height, 274 * 3)
    assert [(gap.start, gap.missing) for gap in found["BTC"].gaps] == [(instant_of(CLOSES), 1)]
    assert source(audit, "funding").gate.worst == "HYPE"


def test_values_of_the_latest_vintage_are_flagged(audit: ReadinessAudit) -> None:
    revised = source(audit, "macro").facts["revised"]

    assert {"CPIAUCSL", "PAYEMS", "UNRATE"} <= set(revised)
    assert not {"VIXCLS", "DGS10", "DFF"} & set(revised)
    assert audit.evidence().findings["notes"]["revised_macro"]["count"] == len(revised)


def test_macro_values_become_known_days_or_months_after_their_date(audit: ReadinessAudit) -> None:
    latency = source(audit, "macro").latency

    assert latency is not None
    assert 0 < latency.p50 < 5 * 86_400, "half of the values are of daily markets"
    assert latency.p99 > 30 * 86_400, "a quarter's product is told months later"


def test_news_of_their_own_time_pass(stocked: Workspace, real_data: Path) -> None:
    """The same gate on fifteen-minute bars of 2022, where the news are."""
    klines = {**PRESETS["binance-klines"], "dataset": "crypto-15m", "interval": "15m"}
    ingest_ohlcv(stocked, real_data / "crypto_perp_15m_2022_2025.parquet", OhlcvSettings.model_validate(klines))
    asked = {"dataset": "crypto-15m", "interval": "15m", "uses": {"events": "crypto-news"}}
    audit = audited(stocked, symbols=["BTC", "ETH"], start=date(2022, 1, 1), end=date(2022, 6, 30), **asked)
    news = pl.read_parquet(real_data / "crypto_news.parquet")
    told = news.filter(
        pl.col("published_at").is_between(datetime(2022, 1, 1, tzinfo=UTC), datetime(2022, 7, 1, tzinfo=UTC)),
        pl.concat_str("title", "text", "subject", separator=" ", ignore_nulls=True).str.contains(
            r"(?i)\b(bitcoin|BTC)\b"
        ),
    )["url"].n_unique()

    found = source(audit, "events")

    assert audit.ready, audit.reasons()
    assert (found.members[0].member, found.members[0].count) == ("BTC", told)
    assert told == 3067


def test_derivatives_of_their_own_time_are_hourly(stocked: Workspace) -> None:
    """D-14: the sample has one value an hour and four of the six indicators not at all; nothing is filled."""
    end = datetime(2026, 6, 26, tzinfo=UTC)
    bars = pl.DataFrame({"ts": pl.datetime_range(end - timedelta(days=26), end, "1h", eager=True)}).with_columns(
        symbol=pl.lit("SOL"), **dict.fromkeys(("open", "high", "low", "close", "volume"), pl.lit(1.0))
    )
    file = stocked.root / "sol.parquet"
    bars.write_parquet(file)
    klines = {**PRESETS["binance-klines"], "dataset": "sol-hours", "interval": "1h"}
    ingest_ohlcv(stocked, file, OhlcvSettings.model_validate(klines))
    asked = {"dataset": "sol-hours", "interval": "1h", "uses": {"derivatives": "sol-derivatives"}}

    by_five_minutes = audited(stocked, symbols=["SOL"], **asked)
    hourly = audited(stocked, symbols=["SOL"], readiness={"derivatives_interval": "1h"}, **asked)

    shares = {one.name: one.gate.mean for one in by_five_minutes.sources[1:]}
    # 625 hours of bars; the first reading is known at 16 o'clock of the first day, and one in twelve stretches has any.
    assert max(shares.values()) == (625 - 15) / (625 * 12)
    passed = {one.name for one in hourly.gates if one.passed}
    assert passed == {"bars", "derivatives.long_short_ratio_global_accounts", "derivatives.taker_buy_sell_ratio"}


def test_production_asks_for_what_nobody_brought(stocked: Workspace) -> None:
    audit = audited(stocked, mode="production", as_of=Instant(instant_of(CLOSES)))

    assert not audit.ready
    gates = {gate.name: gate for gate in audit.gates}
    # 274 days of bars of 420: nothing tells that the coins were not listed before.
    assert gates["bars"].minimum < gates["bars"].mean <= 274 / 420 + 1e-9
    assert [str(gates[kind].reasons[0]) for kind in ("order_books", "onchain", "posts")] == [
        "not among data.uses, and mode production asks for it"
    ] * 3
    assert gates["funding"].mean > gates["bars"].mean, "funding of the older coins reaches back to 2019"


def test_a_gap_of_four_months_is_found_in_the_files_of_two_years(tmp_path: Path, real_data: Path) -> None:
    """No bar between 2024-09-07 and 2024-12-31; coins that are in the first file alone end there."""
    workspace = Workspace.create(tmp_path / "work")
    for year in (2024, 2025):
        settings = OhlcvSettings.model_validate(PRESETS["binance-klines"])
        ingest_ohlcv(workspace, real_data / f"crypto_spot_5m_{year}.parquet", settings)
    rows = pl.read_parquet(real_data / "crypto_spot_5m_2024.parquet").filter(pl.col("symbol") == "BTC")
    last = rows["ts"].max()
    assert isinstance(last, datetime)

    audit = audited(workspace, symbols=["BTC", "APT"], dataset="crypto-spot", uses={})

    found = {one.member: one for one in source(audit, "bars").members}
    longest = max(found["BTC"].gaps, key=lambda gap: gap.missing)
    assert (longest.start, longest.end) == (instant_of(last + 2 * FIVE), instant_of(OPENS))
    assert longest.missing == (OPENS - last) // FIVE - 1
    assert source(audit, "bars").gate.worst == "APT"
    assert any("APT end before the window does" in reason for reason in audit.reasons())


@pytest.mark.parametrize(
    ("name", "file", "preset", "status"),
    [
        ("us-rotation", "us_equity_daily.parquet", "yahoo-daily", "good"),
        ("ashare-picker", "ashare_daily.parquet", "tushare-daily", "dq_degraded"),
    ],
)
def test_the_shipped_recipes_are_ready_on_their_data(
    tmp_path: Path, real_data: Path, name: str, file: str, preset: str, status: str
) -> None:
    from tidegate.core.recipe import load_recipe

    workspace = Workspace.create(tmp_path / "work")
    ingest_ohlcv(workspace, real_data / file, OhlcvSettings.model_validate(PRESETS[preset]))

    audit = audit_readiness(Catalog(workspace), load_recipe(name), as_of=now())

    assert audit.reasons() == []
    assert audit.quality.status == status
    if name == "ashare-picker":  # suspensions of three shares, whose bars are absent for two months
        strict = load_recipe(name).data.model_copy(update={"readiness": type(audit.recipe.data.readiness)()})
        recipe = load_recipe(name).model_copy(update={"data": strict})
        gate = audit_readiness(Catalog(workspace), recipe, as_of=now()).gates[0]
        counted = pl.read_parquet(real_data / file).filter(pl.col("ts_code") == "600530.SH").height
        sessions = pl.read_parquet(real_data / file)["trade_date"].n_unique()
        assert (gate.below, gate.worst) == (3, "600530.SH")
        assert gate.minimum == pytest.approx(counted / sessions)
