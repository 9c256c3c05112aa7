"""Items about a symbol count from the moment that item and link were both known."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import polars as pl

from tidegate.core.time import instant_of
from tidegate.core.workspace import Workspace
from tidegate.data import Catalog
from tidegate.data.links import items_about
from tidegate.data.tables import ENTITY_LINKS, EVENTS, TableSpec

NOON = datetime(2024, 3, 1, 12, tzinfo=UTC)


def rows(spec: TableSpec, *given: dict[str, object]) -> pl.DataFrame:
    schema = {name: kind for name, kind in spec.schema.items() if name != "recorded_time"}
    common = {"dataset": "news", "event_time": NOON, "source": "test", "synthetic": False}
    return pl.DataFrame([{**dict.fromkeys(schema), **common, **one} for one in given], schema=schema)


def link(symbol: str, item: str, minutes: int, **more: object) -> dict[str, object]:
    known = NOON + timedelta(minutes=minutes)
    return {"symbol": symbol, "item_id": item, "known_time": known, "item_kind": "event", **more}


def test_a_late_link_counts_late_and_a_made_up_one_never(workspace: Workspace) -> None:
    catalog = Catalog(workspace)
    known = NOON + timedelta(minutes=5)
    catalog.append("events", rows(EVENTS, *({"event_id": name, "known_time": known} for name in ("a", "b", "c"))))
    catalog.append(
        "entity_links",
        rows(
            ENTITY_LINKS,
            link("BTC", "a", 5),
            link("ETH", "a", 5),
            link("BTC", "b", 60),
            link("BTC", "c", 5, synthetic=True),
            link("BTC", "x", 5, item_kind="post"),
        ),
    )

    def about(symbols: list[str], minutes: int) -> list[tuple[str, str]]:
        at = instant_of(NOON + timedelta(minutes=minutes))
        found = items_about(catalog, "events", dataset="news", symbols=symbols, as_of=at).collect()
        assert (found["linked_time"] <= NOON + timedelta(minutes=minutes)).all()
        return found.select("symbol", "event_id").rows()

    assert about(["BTC"], 4) == []
    assert about(["BTC"], 59) == [("BTC", "a")]
    assert about(["BTC", "ETH"], 60) == [("BTC", "a"), ("BTC", "b"), ("ETH", "a")]
