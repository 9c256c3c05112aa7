"""The audit of readiness: what each data kind must bring, and what never counts."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import polars as pl
import pytest
from readiness_data import END, HOUR, HOURS, START, SYMBOLS, audited, bars, metrics, put, recipe_of, rows

from tidegate.core.clock import frozen_clock
from tidegate.core.errors import TidegateError
from tidegate.core.evidence import Verdict
from tidegate.core.recipe import DataKind
from tidegate.core.time import Instant, instant_of
from tidegate.core.workspace import Workspace
from tidegate.data import Catalog
from tidegate.data.kinds import present_versions
from tidegate.data.metrics import DERIVATIVES
from tidegate.data.readiness import (
    Gate,
    Listing,
    ReadinessAudit,
    ReasonCode,
    SourceAudit,
    audit_readiness,
    audit_subject,
)
from tidegate.data.recipe_data import pinned_versions
from tidegate.data.universe import UniverseRules, build_universe

FIVE = timedelta(minutes=5)
DAY = timedelta(days=1)


@pytest.fixture
def stocked(workspace: Workspace) -> Workspace:
    """Complete bars of both coins."""
    put(workspace, "bars", bars("BTC"), bars("ETH"))
    return workspace


def source(audit: ReadinessAudit, name: str) -> SourceAudit:
    (found,) = [one for one in audit.sources if one.name == name]
    return found


def gate(audit: ReadinessAudit, name: str) -> Gate:
    return source(audit, name).gate


def codes(found: Gate) -> list[ReasonCode]:
    return [reason.code for reason in found.reasons]


def items(table: str, dataset: str, about: dict[str, int], *, synthetic: bool = False, start: int = 0) -> pl.DataFrame:
    """Items, as many for each symbol as asked for, an hour apart."""
    member, count = spec_member(table), sum(about.values())
    events = [START + (start + place + 1) * HOUR for place in range(count)]
    names = pl.Series([f"{dataset}-{start + place}" for place in range(count)])
    return rows(table, events, dataset=dataset, late=HOUR, synthetic=synthetic, **{member: names})


def links(table: str, dataset: str, about: dict[str, int], *, synthetic: bool = False, start: int = 0) -> pl.DataFrame:
    symbols = [symbol for symbol, count in about.items() for _ in range(count)]
    events = [START + (start + place + 1) * HOUR for place in range(len(symbols))]
    named = {"item_id": pl.Series([f"{dataset}-{start + place}" for place in range(len(symbols))])}
    kind = {"events": "event", "posts": "post", "comments": "comment"}[table]
    return rows(
        "entity_links", events, dataset=dataset, late=HOUR, synthetic=synthetic, symbol=pl.Series(symbols),
        item_kind=kind, **named,
    )  # fmt: skip


def spec_member(table: str) -> str:
    return {"events": "event_id", "posts": "post_id", "comments": "comment_id"}[table]


def put_items(workspace: Workspace, table: str, dataset: str, about: dict[str, int], **options: Any) -> None:
    put(workspace, table, items(table, dataset, about, **options))
    put(workspace, "entity_links", links(table, dataset, about, **options))


def test_bars_alone_are_ready_and_the_rest_is_not_used(stocked: Workspace) -> None:
    audit = audited(stocked)

    assert audit.ready
    assert [one.name for one in audit.sources] == ["bars"]
    assert audit.not_used == tuple(str(kind) for kind in DataKind)
    assert audit.missing_data_kinds == ()
    assert audit.recommended_commands() == []
    assert audit.listings == {"first_bar": 2}


def test_an_empty_catalog_is_not_ready_and_says_what_to_type(workspace: Workspace) -> None:
    audit = audited(workspace, recipe_of(uses={"funding": "paid"}))

    reasons = "missing_rate_exceeded 2, insufficient_rows 2"
    assert audit.missing_data_kinds == ("bars", "funding")
    assert audit.reasons() == [
        "bars: no data set 'coins' in bars",
        "funding: no data set 'paid' in funding",
        f"quality: blocked_by_data_quality: 2 of 2 symbols ({reasons}), the worst BTC",
    ]
    assert audit.recommended_commands() == [
        "tidegate ingest ohlcv FILE --dataset coins --interval 1h",
        "tidegate ingest funding FILE --dataset paid",
    ]


def test_an_empty_catalog_without_a_list_of_symbols_is_not_ready_either(workspace: Workspace) -> None:
    assert not audited(workspace, recipe_of(universe={})).ready


def test_a_recipe_that_collects_is_told_to_collect(workspace: Workspace) -> None:
    recipe = recipe_of().model_copy(update={"collect": ({"connector": "ohlcv"},)})

    assert audited(workspace, recipe).recommended_commands()[0] == "tidegate collect made"


def test_one_empty_coin_fails(workspace: Workspace) -> None:
    """D-22."""
    put(workspace, "bars", bars("BTC"))

    audit = audited(workspace)

    assert codes(gate(audit, "bars")) == [ReasonCode.BELOW, ReasonCode.LOW_MEAN]
    assert gate(audit, "bars").worst == "ETH"
    assert audit.verdict is Verdict.FAILED


def test_a_coin_that_went_silent_fails_until_its_delisting_is_known(workspace: Workspace) -> None:
    put(workspace, "bars", bars("BTC"), bars("ETH", range(1, 301)))
    silent = audited(workspace)

    assert codes(gate(silent, "bars")) == [ReasonCode.BELOW, ReasonCode.LOW_MEAN, ReasonCode.ENDED_EARLY]
    assert "tidegate ingest lives FILE --dataset coins" in silent.recommended_commands()

    changes = pl.Series(["listed", "delisted"])
    lived = [START - DAY, START + 300 * HOUR]
    put(workspace, "symbol_lives", rows("symbol_lives", lived, dataset="coins", symbol="ETH", change=changes))
    told = audited(workspace)

    assert told.ready
    assert told.listings == {"known": 1, "first_bar": 1}


def test_each_symbol_owes_from_its_own_listing(workspace: Workspace) -> None:
    """D-21: every coin was asked for bars since 2018."""
    put(workspace, "bars", bars("BTC"), bars("ETH", range(301, HOURS + 1)))

    first_bar = audited(workspace)
    assert source(first_bar, "bars").members[1].expected == 300
    assert first_bar.ready

    listed = rows("symbol_lives", [START + 200 * HOUR], dataset="coins", symbol="ETH", change="listed")
    put(workspace, "symbol_lives", listed)
    known = audited(workspace)

    assert source(known, "bars").members[1].expected == 400
    assert not known.ready


def test_suspended_hours_are_not_owed(workspace: Workspace) -> None:
    put(workspace, "bars", bars("BTC"), bars("ETH", [hour for hour in range(1, HOURS + 1) if not 100 < hour <= 400]))
    changes = pl.Series(["suspended", "resumed"])
    halted = [START + 100 * HOUR + FIVE, START + 400 * HOUR + FIVE]
    assert not audited(workspace).ready

    put(workspace, "symbol_lives", rows("symbol_lives", halted, dataset="coins", symbol="ETH", change=changes))
    audit = audited(workspace)

    assert audit.ready
    assert source(audit, "bars").facts["suspended"] == 300
    assert (source(audit, "bars").members[1].expected, audit.quality.symbols[1].expected) == (300, 300)


def test_bars_that_were_known_late_are_not_trained_on_and_do_not_count(workspace: Workspace) -> None:
    late = bars("ETH").with_columns(pl.col("known_time") + pl.duration(minutes=1))
    put(workspace, "bars", bars("BTC"), late)

    found = source(audited(workspace, as_of=END + HOUR), "bars")

    assert found.facts["known_after_their_close"] == HOURS
    assert found.members[1].present == 0


def test_synthetic_bars_never_count(workspace: Workspace) -> None:
    """D-17."""
    put(workspace, "bars", bars("BTC"), bars("ETH", synthetic=True))

    found = source(audited(workspace), "bars")

    assert (found.synthetic, found.members[1].present) == (HOURS, 0)
    assert not found.gate.passed


def books(symbol: str, **values: Any) -> pl.DataFrame:
    events = [START + hour * HOUR - FIVE for hour in range(1, HOURS + 1)]
    return rows("order_books", events, dataset="books", symbol=symbol, bid_price=1.0, ask_price=2.0, **values)


def test_synthetic_order_books_never_count(stocked: Workspace) -> None:
    """D-17: a coverage of 99.98 % was synthetic throughout."""
    recipe = recipe_of(uses={"order_books": "books"})
    put(stocked, "order_books", books("BTC"), books("ETH", synthetic=True))

    found = source(audited(stocked, recipe), "order_books")

    assert [one.coverage for one in found.members] == [1.0, 0.0]
    assert found.synthetic == HOURS
    assert codes(found.gate) == [ReasonCode.BELOW, ReasonCode.LOW_MEAN]


def test_secondary_bars_are_those_of_their_own_size(stocked: Workspace) -> None:
    daily = [bars(symbol, range(1, 26), step=DAY, interval="1d", dataset="slow") for symbol in SYMBOLS]
    for frame in daily:
        put(stocked, "bars", frame)
    uses = {"uses": {"secondary_bars": "slow"}}

    other = gate(audited(stocked, recipe_of(**uses)), "secondary_bars")
    right = gate(audited(stocked, recipe_of(**uses, readiness={"secondary_interval": "1d"})), "secondary_bars")

    assert codes(other) == [ReasonCode.BELOW, ReasonCode.LOW_MEAN, ReasonCode.NO_ROW]
    assert right.passed


def test_funding_is_owed_by_its_own_period(stocked: Workspace) -> None:
    eight = [START + hour * HOUR for hour in range(8, HOURS + 1, 8)]
    four = [START + hour * HOUR for hour in range(4, HOURS + 1, 4) if not 100 < hour <= 400]
    put(
        stocked, "funding", rows("funding", eight, dataset="paid", symbol="BTC", rate=1e-4),
        rows("funding", four, dataset="paid", symbol="ETH", rate=1e-4),
    )  # fmt: skip

    found = source(audited(stocked, recipe_of(uses={"funding": "paid"})), "funding")

    assert [(one.present, one.expected) for one in found.members] == [(75, 75), (75, 150)]
    (gap,) = found.members[1].gaps
    assert (gap.start, gap.end, gap.missing) == (at(104), at(400), 75)
    assert codes(found.gate) == [ReasonCode.BELOW]


def at(hour: float) -> int:
    return instant_of(START + hour * HOUR)


def put_derivatives(workspace: Workspace, share: dict[str, float]) -> None:
    """Every metric of both coins on the first part of each hour of the last thirty days."""
    for metric, part in share.items():
        steps = [step for step in range(30 * 288) if step % 100 < 100 * part]
        put(workspace, "metrics", *(metrics(one, metric, steps, step=FIVE, dataset="venue") for one in SYMBOLS))


def test_each_of_the_six_indicators_has_its_gate_over_thirty_days(stocked: Workspace) -> None:
    put_derivatives(stocked, {**dict.fromkeys(DERIVATIVES, 0.4), "basis_rate": 0.39})

    audit = audited(stocked, recipe_of(uses={"derivatives": "venue"}))

    assert [one.name for one in audit.sources[1:]] == [f"derivatives.{metric}" for metric in DERIVATIVES]
    failed = [one.name for one in audit.gates if not one.passed]
    assert failed == ["derivatives.basis_rate"]
    assert audit.missing_data_kinds == ("derivatives",)
    # 600 hours are less than thirty days; the window begins with the first bar.
    assert source(audit, "derivatives.basis_rate").members[0].expected == HOURS * 12


def test_nothing_is_filled_so_that_hourly_values_are_a_twelfth(stocked: Workspace) -> None:
    """D-14: values were copied forward and backward until the audit was content."""
    hourly = [metrics(one, metric, range(0, 8640, 12), step=FIVE, dataset="venue") for one in SYMBOLS
              for metric in DERIVATIVES]  # fmt: skip
    put(stocked, "metrics", *hourly)
    uses = {"uses": {"derivatives": "venue"}}

    asked_every_five_minutes = audited(stocked, recipe_of(**uses))
    asked_hourly = audited(stocked, recipe_of(**uses, readiness={"derivatives_interval": "1h"}))

    coverage = source(asked_every_five_minutes, "derivatives.basis_rate").members[0].coverage
    assert coverage == pytest.approx(1 / 12, rel=0.01)
    assert not asked_every_five_minutes.ready
    assert asked_hourly.ready


def test_the_onchain_flow_is_net_inflow_and_no_other_metric(stocked: Workspace) -> None:
    """D-13: the change of open interest was stored as an on-chain flow."""
    days = range(HOURS // 24)
    recipe = recipe_of(uses={"onchain": "chain"})
    for metric in ("open_interest_delta", "net_inflow"):
        put(stocked, "metrics", *(metrics(one, metric, days, step=DAY, dataset="chain") for one in SYMBOLS))
        assert audited(stocked, recipe).ready is (metric == "net_inflow")


def test_events_count_by_their_links(stocked: Workspace) -> None:
    recipe = recipe_of(uses={"events": "news"})
    put(stocked, "events", items("events", "news", {"BTC": 40}))
    assert codes(gate(audited(stocked, recipe), "events")) == [ReasonCode.NO_LINKS]

    put(stocked, "entity_links", links("events", "news", {"BTC": 20, "ETH": 19}))
    found = source(audited(stocked, recipe), "events")
    assert [one.count for one in found.members] == [20, 19]
    assert codes(found.gate) == [ReasonCode.BELOW, ReasonCode.LOW_MEAN]

    put_items(stocked, "events", "news", {"ETH": 1}, start=100)
    assert gate(audited(stocked, recipe), "events").passed


def test_events_that_are_made_up_never_count(stocked: Workspace) -> None:
    """D-17, D-19."""
    recipe = recipe_of(uses={"events": "news"})
    put_items(stocked, "events", "news", {"BTC": 30, "ETH": 10})
    put_items(stocked, "events", "news", {"ETH": 50}, start=100, synthetic=True)
    put(stocked, "events", items("events", "news", {"ETH": 50}, start=300, synthetic=True))
    put(stocked, "entity_links", links("events", "news", {"ETH": 50}, start=300))

    found = source(audited(stocked, recipe), "events")

    assert [one.count for one in found.members] == [30, 10]
    assert found.synthetic == 50


def test_comments_per_post_are_told_and_not_asked_for(stocked: Workspace) -> None:
    """D-19: comments were invented until there were ten per post."""
    recipe = recipe_of(uses={"posts": "talk", "comments": "replies"}, readiness={"posts_per_symbol": 100})
    put_items(stocked, "posts", "talk", {"BTC": 100, "ETH": 100})
    put_items(stocked, "comments", "replies", {"BTC": 4, "ETH": 1})
    put_items(stocked, "comments", "replies", {"BTC": 300, "ETH": 50}, start=100, synthetic=True)

    audit = audited(stocked, recipe)

    assert audit.ready
    assert audit.comment_ratio == 5 / 200
    assert audit.summary()["comment_post_ratio"] == 5 / 200


def test_revised_macro_values_are_flagged_and_carried(stocked: Workspace) -> None:
    days = [START + place * DAY for place in range(1, 25)]
    put(
        stocked, "macro", rows("macro", days, dataset="numbers", series="CPI", value=1.0, revised=True, late=3 * DAY),
        rows("macro", days, dataset="numbers", series="VIX", value=1.0),
    )  # fmt: skip

    audit = audited(stocked, recipe_of(uses={"macro": "numbers"}))

    assert audit.ready
    assert source(audit, "macro").facts["revised"] == {"CPI": 22}
    assert audit.notes() == {"revised_macro": {"count": 1, "series": "CPI"}}
    assert audit.evidence().findings["notes"] == audit.notes()
    assert source(audit, "macro").latency is not None


def test_a_macro_series_without_a_value_in_the_window_fails(stocked: Workspace) -> None:
    put(
        stocked, "macro", rows("macro", [START + DAY], dataset="numbers", series="VIX", value=1.0),
        rows("macro", [START - 90 * DAY], dataset="numbers", series="GONE", value=1.0),
    )  # fmt: skip

    assert gate(audited(stocked, recipe_of(uses={"macro": "numbers"})), "macro").worst == "GONE"


def test_declared_lives_must_know_every_symbol(stocked: Workspace) -> None:
    recipe = recipe_of(uses={"symbol_lives": "lives"})
    put(stocked, "symbol_lives", rows("symbol_lives", [START - DAY], dataset="lives", symbol="BTC", change="listed"))
    assert gate(audited(stocked, recipe), "symbol_lives").worst == "ETH"

    put(stocked, "symbol_lives", rows("symbol_lives", [START - DAY], dataset="lives", symbol="ETH", change="listed"))
    assert audited(stocked, recipe).ready
    assert audited(stocked, recipe).listings == {Listing.KNOWN: 2}


def test_latency_is_told_in_quantiles_of_what_was_known_first(stocked: Workspace) -> None:
    events = [START + place * HOUR for place in range(1, 101)]
    frame = rows("funding", events, dataset="paid", symbol="BTC", rate=1e-4)
    late = pl.Series([timedelta(seconds=place) for place in range(100)])
    put(stocked, "funding", frame.with_columns(pl.col("known_time") + late))
    put(stocked, "funding", frame.with_columns(pl.col("known_time") + timedelta(days=2), rate=2e-4))

    latency = source(audited(stocked, recipe_of(uses={"funding": "paid"})), "funding").latency

    assert latency is not None
    assert (latency.p50, latency.p90, latency.p99) == pytest.approx((50, 89, 98), abs=1)


def test_missingness_is_told_by_year(workspace: Workspace) -> None:
    hours = [hour for hour in range(-100, HOURS + 1) if not -50 < hour <= 0]
    put(workspace, "bars", *(bars(symbol, hours) for symbol in SYMBOLS))

    years = source(audited(workspace), "bars").by_year()

    assert {year: (of["expected"], of["present"]) for year, of in years.items()} == {
        "2023": (202, 102), "2024": (1200, 1200),
    }  # fmt: skip
    assert years["2023"]["missing_share"] == 100 / 202


def test_production_asks_for_every_kind_over_420_days(stocked: Workspace) -> None:
    audit = audited(stocked, recipe_of(mode="production"))

    undeclared = {one.kind for one in audit.gates if codes(one) == [ReasonCode.NOT_DECLARED]}
    assert undeclared == {"secondary_bars", "order_books", "funding", "derivatives", "onchain", "events", "posts"}
    assert audit.not_used == ("macro", "comments", "symbol_lives")
    assert audit.scope.end - audit.scope.start == 420 * 86_400_000_000
    # Nothing tells when the coins were listed, so that 25 days of bars do not pass for a full history.
    assert audit.listings == {"unknown": 2}
    assert source(audit, "bars").members[0].coverage == pytest.approx(600 / (420 * 24))
    assert audit.quality.status == "good", "the training window is the recipe's own in either mode"


def test_production_passes_with_everything(workspace: Workspace) -> None:
    days = 20
    first = END - days * DAY
    listed = [rows("symbol_lives", [first], dataset="coins", symbol=one, change="listed") for one in SYMBOLS]
    put(workspace, "symbol_lives", *listed)
    hours = range(HOURS - days * 24 + 1, HOURS + 1)
    put(workspace, "bars", *(bars(symbol, hours) for symbol in SYMBOLS))
    put(workspace, "order_books", books("BTC"), books("ETH"))
    paid = [START + hour * HOUR for hour in range(8, HOURS + 1, 8)]
    put(workspace, "funding", *(rows("funding", paid, dataset="paid", symbol=one, rate=0.0) for one in SYMBOLS))
    put_derivatives(workspace, dict.fromkeys(DERIVATIVES, 1.0))
    put(workspace, "metrics", *(metrics(one, "net_inflow", range(25), step=DAY, dataset="chain") for one in SYMBOLS))
    put_items(workspace, "events", "news", dict.fromkeys(SYMBOLS, 250))
    put_items(workspace, "posts", "talk", dict.fromkeys(SYMBOLS, 260))
    uses = {
        "secondary_bars": "coins", "order_books": "books", "funding": "paid", "derivatives": "venue",
        "onchain": "chain", "events": "news", "posts": "talk",
    }  # fmt: skip

    asked = {"mode": "production", "uses": uses, "readiness": {"events_per_symbol": 100, "posts_per_symbol": 100}}
    audit = audited(workspace, recipe_of(**asked))

    assert audit.reasons() == []
    assert audit.listings == {"known": 2}
    assert source(audit, "bars").members[0].expected == days * 24


def test_production_finds_a_coin_that_died_before_the_window(workspace: Workspace) -> None:
    put(workspace, "bars", bars("BTC"), bars("OLD", range(-12_000, -11_000)))

    recipe = recipe_of(universe={}, mode="production", readiness={"production_days": 25}, start="2024-01-01")

    assert gate(audited(workspace, recipe), "bars").worst == "OLD"


def test_research_looks_at_whom_training_can_read(workspace: Workspace) -> None:
    put(workspace, "bars", bars("BTC"), bars("OLD", range(-12_000, -11_000)))

    audit = audited(workspace, recipe_of(universe={"exclude": ["ETH"]}, start="2024-01-01"))

    assert audit.scope.symbols == ("BTC",)
    assert audit.ready


def test_what_is_only_measured_against_owes_bars_and_nothing_else(stocked: Workspace) -> None:
    put(stocked, "bars", bars("INDEX", range(1, 100)))
    universe = {"symbols": list(SYMBOLS), "benchmark": "INDEX"}
    audit = audited(stocked, recipe_of(universe=universe))

    assert gate(audit, "bars").worst == "INDEX"
    assert audit.scope.symbols == SYMBOLS
    assert [one.symbol for one in audit.quality.symbols] == list(SYMBOLS)


def test_only_members_of_the_universe_are_looked_at(workspace: Workspace) -> None:
    rich = {"BTC": 9.0, "ETH": 8.0}
    put(
        workspace, "bars", *(bars(one, traded_value=value) for one, value in rich.items()),
        bars("TINY", range(1, HOURS + 1, 7), traded_value=0.1),
    )  # fmt: skip
    recipe = recipe_of(universe={"snapshot": "top"})
    assert codes(gate(audited(workspace, recipe), "universe")) == [ReasonCode.NO_DATA_SET]

    rules = {"name": "top", "dataset": "coins", "top_n": 2, "interval": "1h", "lookback_bars": 5,
             "minimum_history_bars": 5}  # fmt: skip
    build_universe(Catalog(workspace), UniverseRules.model_validate(rules))
    audit = audited(workspace, recipe, as_of=END + DAY)

    assert audit.scope.symbols == SYMBOLS
    assert audit.ready


def test_the_window_ends_where_the_recipe_says(stocked: Workspace) -> None:
    audit = audited(stocked, recipe_of(start="2024-01-03", end="2024-01-10"))
    beyond = audited(stocked, recipe_of(end="2024-03-01"), as_of=END + 90 * DAY)

    assert (audit.scope.start, audit.scope.end) == (at(48), at(240))
    assert source(audit, "bars").members[0].expected == 192
    assert not beyond.ready, "the recipe reads until a day that the bars do not reach"


def test_an_audit_as_of_earlier_sees_what_was_known_then(stocked: Workspace) -> None:
    early = audited(stocked, as_of=START + 300 * HOUR)
    assert source(early, "bars").members[0].expected == 300
    assert early.blind_after is None, "on that day training would have read the same"

    with frozen_clock(Instant(instant_of(END))):
        late = audit_readiness(Catalog(stocked), recipe_of(), as_of=Instant(at(300)))

    assert late.blind_after == at(300)
    assert late.evidence().subject != audited(stocked).evidence().subject


def test_evidence_is_about_data_and_table_versions(stocked: Workspace) -> None:
    recipe = recipe_of()
    versions = pinned_versions(Catalog(stocked), recipe)
    evidence = audited(stocked).evidence()

    assert evidence.verdict is Verdict.PASSED
    assert evidence.subject == audit_subject(recipe, versions)
    assert evidence.subject != audit_subject(recipe_of(quality={"mode": "soft"}), versions)
    assert evidence.subject != audit_subject(recipe, {"bars/coins": 1})
    assert evidence.subject == audit_subject(recipe.model_copy(update={"seed": 99}), versions)


def test_versions_are_those_that_training_pins(stocked: Workspace) -> None:
    recipe = recipe_of(uses={"events": "news"})
    put_items(stocked, "events", "news", {"BTC": 1})
    listed = rows("symbol_lives", [START], dataset="coins", symbol="BTC", change="listed")
    put(stocked, "symbol_lives", listed)
    catalog = Catalog(stocked)

    assert present_versions(catalog, recipe) == pinned_versions(catalog, recipe)
    assert set(present_versions(catalog, recipe)) == {
        "bars/coins", "events/news", "entity_links/news", "symbol_lives/coins",
    }  # fmt: skip
    with pytest.raises(TidegateError, match="funding"):
        pinned_versions(catalog, recipe_of(uses={"funding": "paid"}))


def test_everything_is_plain_values(stocked: Workspace) -> None:
    document = audited(stocked, recipe_of(mode="production")).as_dict()

    assert document["ready"] is False
    assert document["sources"][0]["members"][0]["gaps"][0]["missing"] == 420 * 24 - HOURS
    assert document["quality"]["by_symbol"][0]["symbol"] == "BTC"


def test_gap_lists_are_of_the_full_history(workspace: Workspace) -> None:
    """D-20: every gap of every symbol with its range."""
    lost = {5, 6, 7, 200, 599}
    put(workspace, "bars", bars("BTC", [hour for hour in range(1, HOURS + 1) if hour not in lost]), bars("ETH"))

    gaps = source(audited(workspace), "bars").members[0].gaps

    assert [(gap.start, gap.end, gap.missing) for gap in gaps] == [
        (at(5), at(7), 3), (at(200), at(200), 1), (at(599), at(599), 1),
    ]  # fmt: skip


@pytest.mark.parametrize("moment", [datetime(2023, 1, 1, tzinfo=START.tzinfo), END + 9000 * DAY])
def test_any_instant_can_be_asked(stocked: Workspace, moment: datetime) -> None:
    assert audited(stocked, as_of=moment).as_dict()["recipe"] == "made"
