"""Slow sources of a recipe: every vintage at a pinned version, items by the links that were known."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from tidegate.core.clock import now
from tidegate.core.recipe import DataKind, load_recipe
from tidegate.core.time import HOUR, Instant, instant_of
from tidegate.core.units import FloatArray
from tidegate.core.workspace import Workspace
from tidegate.data import Catalog
from tidegate.data.connectors import collect_from, make_connector
from tidegate.data.links import vintages_about
from tidegate.data.recipe_sources import read_sources
from tidegate.data.tables import ENTITY_LINKS, EVENTS, FUNDING, MACRO, METRICS, POSTS, TableSpec
from tidegate.features.profiles import EventProfile, SocialProfile

NOON = datetime(2024, 3, 1, 12, tzinfo=UTC)
LATER = instant_of(NOON + timedelta(days=9))


def after(minutes: float) -> datetime:
    return NOON + timedelta(minutes=minutes)


def rows(spec: TableSpec, *given: dict[str, Any]) -> pl.DataFrame:
    schema = {name: kind for name, kind in spec.schema.items() if name != "recorded_time"}
    common = {"dataset": "d", "event_time": NOON, "known_time": NOON, "source": "test", "synthetic": False}
    return pl.DataFrame([{**dict.fromkeys(schema), **common, **one} for one in given], schema=schema)


def link(symbol: str, item: str, minutes: float, **more: Any) -> dict[str, Any]:
    return {"symbol": symbol, "item_id": item, "known_time": after(minutes), "item_kind": "event", **more}


def seen(catalog: Catalog, table: str, *columns: str, symbols: tuple[str, ...] = ("BTC", "ETH")) -> list[Any]:
    found = vintages_about(catalog, table, dataset="d", symbols=symbols, as_of=LATER, versions={}).collect()
    minutes = ((found["known_time"] - NOON).dt.total_seconds() / 60).alias("minutes")
    return found.with_columns(minutes).select("symbol", "minutes", *columns).rows()


def test_a_vintage_counts_when_item_and_link_are_both_known(workspace: Workspace) -> None:
    """Of what was restated before it was linked, only what stood by then was ever seen of the symbol."""
    catalog = Catalog(workspace)
    for minutes, sentiment in ((1, 0.1), (2, 0.2), (60, 0.3)):
        catalog.append("events", rows(EVENTS, {"event_id": "a", "known_time": after(minutes), "sentiment": sentiment}))
    catalog.append("entity_links", rows(ENTITY_LINKS, link("BTC", "a", 1), link("ETH", "a", 30)))
    assert seen(catalog, "events", "sentiment") == [
        ("BTC", 1, 0.1), ("BTC", 2, 0.2), ("BTC", 60, 0.3), ("ETH", 30, 0.2), ("ETH", 60, 0.3),
    ]  # fmt: skip


def test_a_restated_link_counts_from_its_first_vintage_and_a_made_up_one_never(workspace: Workspace) -> None:
    catalog = Catalog(workspace)
    catalog.append("events", rows(EVENTS, {"event_id": "a"}, {"event_id": "b"}))
    for minutes, confidence in ((5, 0.5), (50, 0.9)):
        catalog.append("entity_links", rows(ENTITY_LINKS, link("BTC", "a", minutes, confidence=confidence)))
    catalog.append("entity_links", rows(ENTITY_LINKS, link("BTC", "b", 5, synthetic=True)))
    assert seen(catalog, "events", "event_id") == [("BTC", 5, "a")]


def test_what_is_macro_concerns_every_symbol(workspace: Workspace) -> None:
    """Spec 6.2: whatever it is linked to."""
    catalog = Catalog(workspace)
    catalog.append("events", rows(EVENTS, {"event_id": "fed", "scope": "macro"}, {"event_id": "a", "scope": "crypto"}))
    catalog.append("entity_links", rows(ENTITY_LINKS, link("BTC", "a", 1), link("BTC", "fed", 9)))
    assert seen(catalog, "events", "event_id") == [("BTC", 1, "a"), ("BTC", 0, "fed"), ("ETH", 0, "fed")]


def test_what_is_macro_no_longer_counts_for_nobody_but_those_it_is_linked_to(workspace: Workspace) -> None:
    """Spec 6.2: restated to another scope, it went on counting for every symbol."""
    catalog = Catalog(workspace)
    for minutes, scope in ((0, "macro"), (60, "crypto"), (120, "macro"), (180, "crypto")):
        one = {"event_id": "a", "known_time": after(minutes), "scope": scope, "confidence": 0.9, "tier": 1}
        catalog.append("events", rows(EVENTS, one))
    catalog.append("entity_links", rows(ENTITY_LINKS, link("BTC", "a", 1), link("ETH", "a", 150)))
    symbols, times = ("BTC", "ETH", "SOL"), [instant_of(after(minutes)) for minutes in range(30, 240, 60)]

    def counts(as_of: Instant) -> Any:
        found = vintages_about(catalog, "events", dataset="d", symbols=symbols, as_of=as_of, versions={}).collect()
        return EventProfile().open({"events": found}, symbols)(np.array(times))["event_count"].tolist()

    assert counts(LATER) == [[1, 1, 1], [1, 0, 0], [1, 1, 1], [1, 1, 0]]
    # What stands at an instant is the same without what became known after it.
    assert [counts(time)[place] for place, time in enumerate(times)] == counts(LATER)
    assert seen(catalog, "events", "scope", "confidence", symbols=("ETH",)) == [
        ("ETH", 0, "macro", 0.9), ("ETH", 60, "crypto", 0.0), ("ETH", 120, "macro", 0.9), ("ETH", 180, "crypto", 0.9),
    ]  # fmt: skip


def test_every_reading_of_a_post_is_a_row(workspace: Workspace) -> None:
    """D-11."""
    catalog = Catalog(workspace)
    for minutes, engagement in ((0, None), (90, 7.0)):
        read = None if engagement is None else after(minutes)
        one = {"post_id": "p", "known_time": after(minutes), "engagement": engagement, "observed_time": read}
        catalog.append("posts", rows(POSTS, one))
    catalog.append("entity_links", rows(ENTITY_LINKS, link("BTC", "p", 0, item_kind="post")))
    assert seen(catalog, "posts", "engagement") == [("BTC", 0, None), ("BTC", 90, 7.0)]


def test_sources_of_a_recipe_are_whole_and_pinned(workspace: Workspace) -> None:
    """D-03: a year of bars stood beside the newest 2,000 rows of everything else."""
    catalog = Catalog(workspace)
    many = [
        {"symbol": s, "event_time": after(i), "known_time": after(i), "rate": 1e-4} for i in range(1500) for s in "AB"
    ]
    catalog.append(
        "funding", rows(FUNDING, *({**one, "symbol": {"A": "BTC", "B": "DOGE"}[one["symbol"]]} for one in many))
    )
    catalog.append(
        "metrics", rows(METRICS, {"symbol": "ETH", "metric": "basis_rate", "value": 0.1, "unit": "fraction"})
    )
    for minutes, number in ((0, 1.0), (10, 2.0)):
        catalog.append("macro", rows(MACRO, {"series": "DFF", "known_time": after(minutes), "value": number}))
    catalog.append("events", rows(EVENTS, {"event_id": "a"}))
    catalog.append("entity_links", rows(ENTITY_LINKS, link("BTC", "a", 0)))
    demo = load_recipe("demo")
    uses = dict.fromkeys((DataKind.FUNDING, DataKind.DERIVATIVES, DataKind.MACRO, DataKind.EVENTS), "d")
    recipe = demo.model_copy(update={"data": demo.data.model_copy(update={"dataset": "d", "uses": uses})})
    versions = {
        f"{table}/d": catalog.version(table, dataset="d")
        for table in ("funding", "metrics", "macro", "events", "entity_links")
    }
    catalog.append("macro", rows(MACRO, {"series": "DFF", "known_time": after(20), "value": 3.0}))

    found = read_sources(catalog, recipe, versions, ("BTC", "ETH"), as_of=LATER)

    assert {name: table.height for name, table in found.items()} == {
        DataKind.FUNDING: 1500, DataKind.DERIVATIVES: 1, DataKind.MACRO: 2, DataKind.EVENTS: 1,
    }  # fmt: skip
    assert found["funding"]["symbol"].unique().to_list() == ["BTC"]
    assert sorted(found["macro"]["value"]) == [1.0, 2.0]
    assert all("known_time" in table.columns for table in found.values())


def profile_of(workspace: Workspace, kind: str, preset: str, path: Path, symbols: tuple[str, ...]) -> Any:
    collected = collect_from(workspace, make_connector(kind, {"preset": preset, "path": path}))
    assert collected.complete
    table: Any = "posts" if kind == "social" else "events"
    return vintages_about(
        Catalog(workspace), table, dataset=preset, symbols=symbols, as_of=now(), versions={}
    ).collect()


def varied(values: FloatArray) -> bool:
    there = values[~np.isnan(values)]
    return len(there) > 500 and len(np.unique(there)) > 100


@pytest.mark.realdata
def test_real_headlines_give_profiles(workspace: Workspace, real_data: Path) -> None:
    found = profile_of(workspace, "events", "crypto-news", real_data / "crypto_news.parquet", ("BTC", "ETH", "SOL"))
    first, last = (instant_of(moment) for moment in (found["known_time"].min(), found["known_time"].max()))
    times = np.arange(first, last, HOUR, dtype=np.int64)
    observe = EventProfile().open({"events": found}, ("BTC", "ETH", "SOL"))
    said = observe(times)
    for name in ("decay", "sentiment", "disagreement", "source_diversity", "sentiment_abs"):
        assert varied(said[f"event_{name}"]), name
    row = len(times) // 2
    for name, values in observe(times[row : row + 1]).items():
        np.testing.assert_array_equal(values[0], said[name][row], err_msg=name)


@pytest.mark.realdata
def test_real_tweets_give_profiles(workspace: Workspace, real_data: Path, tmp_path: Path) -> None:
    """D-11: the counts of that crawl never count."""
    tweets = pl.read_parquet(real_data / "stocknet_tweets.parquet")
    some = tmp_path / "stocknet_tweets.parquet"
    tweets.filter(pl.col("symbol").is_in(["AAPL", "FB"])).write_parquet(some)
    found = profile_of(workspace, "social", "stocknet", some, ("AAPL", "FB"))
    first, last = (instant_of(moment) for moment in (found["known_time"].min(), found["known_time"].max()))
    said = SocialProfile(name="post", table="posts").open({"posts": found}, ("AAPL", "FB"))(
        np.arange(first, last, HOUR, dtype=np.int64)
    )
    count = said["post_count"]
    assert count.max() > 20
    assert np.median(count[:, 0]) > 1
    assert np.isnan(said["post_engagement"]).all()
