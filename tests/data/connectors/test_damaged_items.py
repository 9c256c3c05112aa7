"""Damaged files of events and posts: each ends in a reason or in rows that the catalog takes, never in a traceback."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tidegate.core.errors import InputError
from tidegate.data.connectors import Call, make_connector
from tidegate.data.revisions import require_valid
from tidegate.data.tables import TABLES

EVENT = {
    "type": "product", "title": "Bitcoin up", "source_url": "https://news.example/1", "sentiment": 0.5, "tier": 2,
    "occurred_at": "2024-03-12T12:00:00Z", "latency_ms": 5, "payload": {"a": [1]}, "tags": ["a"],
    "entities": [{"entity_type": "asset", "symbol": "XRP", "confidence": 0.9}, "x"],
}  # fmt: skip
POST = {
    "platform": "x", "source_id": "1", "text": "SOL up", "occurred_at": "2024-03-12T12:00:00Z", "likes": 3,
    "available_at": 1710244860, "observed_at": "2024-03-12T13:00:00Z", "symbol_mentions": ["SOL"], "payload": {"a": 1},
}  # fmt: skip
THING = {
    "id": "a", "created_utc": 1710244800, "retrieved_on": 1710252000, "body": "no", "parent_id": "t3_a", "score": 1,
    "edited": 1710246000, "permalink": "/r/a",
}  # fmt: skip
PAGE = {
    "data": [{"id": "1", "author_id": "7", "created_at": "2024-03-12T12:00:00Z", "text": "up",
              "entities": {"cashtags": [{"tag": "SOL"}]}, "referenced_tweets": [{"type": "replied_to", "id": "0"}],
              "public_metrics": {"like_count": 1}}],
    "includes": {"users": [{"id": "7", "username": "ada", "public_metrics": {"followers_count": 9}}]},
    "__twarc": {"retrieved_at": "2024-03-12T14:00:00Z"},
}  # fmt: skip
ARTICLES = {"articles": [{"url": "u", "title": "Bitcoin", "seendate": "20240312T120000Z", "domain": "d"}]}
FEED = """<?xml version="1.0" encoding="utf-8"?><rss version="2.0"><channel><title>t</title><link>l</link>
<item><title>Bitcoin</title><link>u</link><pubDate>Tue, 12 Mar 2024 12:00:00 GMT</pubDate></item></channel></rss>"""
DELAY: dict[str, Any] = {"availability_delay_minutes": 1}
OBJECTS: dict[str, tuple[str, dict[str, Any], dict[str, Any]]] = {
    "events": ("events", {}, EVENT),
    "articles": ("events", {"layout": "gdelt-articles", **DELAY}, ARTICLES),
    "posts": ("social", {}, POST),
    "reddit": ("social", {"shape": "reddit"}, {"data": {"children": [{"data": THING}]}}),
    "x": ("social", {"shape": "x", **DELAY}, PAGE),
}
ODD = [None, True, -1, 1e308, 10**30, "", [], {}, [1], {"a": {"b": 1}}, "x", "1", "2024-01-01", "\x00", float("inf")]


def no_call(_: Callable[[], Any]) -> Any:
    raise AssertionError("files are read without a request")


def load(connector: str, path: Path, given_settings: dict[str, Any], call: Call = no_call) -> None:
    """Read a file; whatever comes out must be a reason or rows that the catalog takes."""
    made = make_connector(
        connector, {"dataset": "d", "path": path, "symbol_names": ["bitcoin=BTC", "SOL=SOL"], **given_settings}
    )
    with suppress(InputError):  # which is a reason
        for task in made.tasks():
            for batch in made.fetch(task, call):
                if batch.rows.height:
                    require_valid(TABLES[batch.table], batch.rows)
                assert batch.rejected["reason"].null_count() == 0
                batch.rejected.write_csv()


def replaced(content: Any, draw: Callable[[st.SearchStrategy[Any]], Any]) -> Any:
    """Return JSON with some of its parts replaced by odd ones."""
    if isinstance(content, dict):
        return {
            name: draw(st.sampled_from(ODD)) if draw(st.integers(0, 7)) == 0 else replaced(value, draw)
            for name, value in content.items()
        }
    return [replaced(one, draw) for one in content] if isinstance(content, list) else content


def damaged(body: bytes, draw: Callable[[st.SearchStrategy[Any]], Any]) -> bytes:
    """Return bytes of which some are gone, some are new and some are others."""
    for _ in range(draw(st.integers(1, 4))):
        place = draw(st.integers(0, len(body)))
        gone = draw(st.integers(0, 20))
        body = body[:place] + draw(st.binary(max_size=8)) + body[place + gone :]
    return body


@pytest.mark.parametrize("kind", OBJECTS)
@settings(max_examples=40)
@given(data=st.data())
def test_objects_with_odd_parts(tmp_path_factory: pytest.TempPathFactory, kind: str, data: st.DataObject) -> None:
    connector, chosen, content = OBJECTS[kind]
    file = tmp_path_factory.mktemp("odd") / "rows.json"
    file.write_text(json.dumps(replaced(content, data.draw)), encoding="utf-8")

    load(connector, file, chosen)


def _table(ending: str) -> bytes:
    body = io.BytesIO()
    frame = pl.DataFrame(
        {"published_at": ["2024-03-12T12:00:00Z"] * 3, "title": list("abc"), "tags": [["x"], None, []]}
    )
    frame.write_parquet(body) if ending == "parquet" else frame.write_ipc(body)
    return body.getvalue()


BODIES: dict[str, tuple[dict[str, Any], bytes]] = {
    "rows.jsonl": (DELAY, f"{json.dumps(EVENT)}\n{json.dumps(EVENT)}\n".encode()),
    "feed.xml": ({"layout": "feed", **DELAY}, FEED.encode()),
    "table.parquet": (DELAY, _table("parquet")),
    "table.feather": (DELAY, _table("feather")),
    "update.csv": (
        {"layout": "gdelt-events"},
        "\t".join(["1", "20240311", *[""] * 57, "20240311121500", "u"]).encode(),
    ),
}


@pytest.mark.parametrize("name", BODIES)
@settings(max_examples=40)
@given(data=st.data())
def test_files_with_damaged_bytes(tmp_path_factory: pytest.TempPathFactory, name: str, data: st.DataObject) -> None:
    chosen, body = BODIES[name]
    file = tmp_path_factory.mktemp("damaged") / name
    file.write_bytes(damaged(body, data.draw))

    load("events", file, chosen)


def test_damage_is_noticed(tmp_path: Path) -> None:
    """What these tests rely on: a value that no table takes is not passed by."""
    frame = pl.DataFrame({"event_id": ["a"]})
    with pytest.raises(InputError, match="rows of events with no"):
        require_valid(TABLES["events"], frame)
