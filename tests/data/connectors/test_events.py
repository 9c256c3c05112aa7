"""Events: fingerprints, availability, links; files, feeds and GDELT, each in its documented shape."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.core.clock import frozen_clock, now
from tidegate.core.errors import CatalogError, InputError
from tidegate.core.time import DAY, HOUR, MINUTE, Instant, moment_of, parse_instant
from tidegate.core.workspace import Workspace
from tidegate.data import Catalog
from tidegate.data.connectors import Collected, Connector, RetryPolicy, SourceStatus, collect_from, make_connector
from tidegate.data.connectors.events import event_fingerprint, source_tier_weight
from tidegate.testing import Fault, Reply, ScriptedSource, SeenRequest, check_connector

QUICK = RetryPolicy(first_wait_seconds=0.0, longest_wait_seconds=0.0, pause_seconds=0.0, cooldown_seconds=0.0)
TODAY = parse_instant("2024-03-12T15:00:00Z")
EVENT = {
    "type": "product",
    "title": "Exchange lists a coin",
    "source_url": "https://news.example/1",
    "source_name": "Example",
    "occurred_at": "2024-03-12T12:00:00Z",
    "available_at": "2024-03-12T12:05:00Z",
}


def collect(workspace: Workspace, **settings: Any) -> Collected:
    """Run the connector with a clock that stands still."""
    with frozen_clock(TODAY):
        return collect_from(workspace, make_connector("events", {"dataset": "news", **settings}), policy=QUICK)


def from_lines(workspace: Workspace, *rows: dict[str, Any], **settings: Any) -> Collected:
    """Ingest rows as a file of JSON lines."""
    file = workspace.root.parent / "events.jsonl"
    file.write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")
    return collect(workspace, path=file, **settings)


def table(workspace: Workspace, name: str = "events", at: Instant = TODAY, dataset: str = "news") -> pl.DataFrame:
    """Return what a table says by an instant; nothing where there is no such table."""
    try:
        return Catalog(workspace).read(name, dataset=dataset, as_of=at).collect()
    except CatalogError:
        return pl.DataFrame()


def rejected(collected: Collected) -> dict[str, int]:
    (member,) = collected.members
    return member.rejected


def test_defaults_are_those_of_the_specification(workspace: Workspace) -> None:
    """Spec 6.1: published = occurred, available = published + latency, effective = available, tier weight."""
    row = {name: EVENT[name] for name in ("title", "source_url", "occurred_at")} | {"latency_ms": 90_000}
    assert from_lines(workspace, row).complete

    event = table(workspace).row(0, named=True)

    occurred = parse_instant(EVENT["occurred_at"])
    assert event["event_time"] == event["published_time"] == moment_of(occurred)
    assert event["known_time"] == event["effective_time"] == moment_of(occurred + 90_000_000)
    assert (event["kind"], event["tier"], event["scope"], event["confidence"]) == ("news", 3, "crypto", 0.5)
    payload = json.loads(event["payload"])
    assert payload["source_tier_weight"] == 0.6
    assert payload["defaulted"] == ["confidence", "entity_confidence", "importance", "novelty"]


def test_the_fingerprint_is_of_type_title_address_and_time() -> None:
    whole = event_fingerprint("news", "Up", "u", Instant(0))

    assert whole == event_fingerprint("news", "uP", "u", Instant(0))
    others = [("market", "Up", "u", 0), ("news", "Down", "u", 0), ("news", "Up", "v", 0), ("news", "Up", "u", 1)]
    assert len({whole, *(event_fingerprint(*other) for other in others)}) == 5
    assert [source_tier_weight(tier) for tier in range(1, 7)] == [1.0, 0.8, 0.6, 0.4, 0.2, 0.1]


def test_events_are_one_by_their_fingerprint(workspace: Workspace) -> None:
    later = {**EVENT, "available_at": "2024-03-12T13:00:00Z", "importance": 0.9}
    again = {**EVENT, "title": EVENT["title"].upper()}

    done = from_lines(workspace, EVENT, EVENT, later)

    assert table(workspace).height == 1
    assert (done.appended, table(workspace)["importance"].to_list()) == (2, [0.9])
    assert table(workspace, at=parse_instant("2024-03-12T12:30:00Z"))["importance"].to_list() == [0.5]
    assert from_lines(workspace, EVENT, later).appended == 0
    # The same event in other capitals is told differently, which one file cannot do.
    assert rejected(from_lines(workspace, EVENT, again)) == {"the same event_id, told differently": 1}


REFUSED = {
    "available before it was published": {"published_at": "2024-03-12T12:06:00Z"},
    "no time of the event": {"occurred_at": None},
    "no time of availability, and no availability_delay_minutes": {"available_at": None},
    "neither a title nor an address": {"title": " ", "source_url": None},
    "confidence outside 0 to 1": {"confidence": 1.5},
    "tier outside 1 to 5": {"source_tier": None, "tier": 9},
    "sentiment outside -1 to 1": {"sentiment": -2},
    "sentiment is not a number": {"sentiment": "{'mood': 'good'}"},
    "a scope other than crypto, equity, macro": {"market_scope": "weather"},
    "a time without a zone": {"occurred_at": "2024-03-12T12:00:00"},
    "an asset entity without a symbol": {"entities": [{"entity_type": "asset", "name": "Bitcoin"}]},
    "latency_ms outside 0 to 1e+11": {"available_at": None, "latency_ms": -1},
    "payload is not a mapping": {"payload": [1]},
    "title is not text": {"title": {"a": 1}},
}


@pytest.mark.parametrize(("reason", "change"), REFUSED.items(), ids=REFUSED)
def test_a_bad_row_is_refused_with_its_reason_and_stops_no_other(
    workspace: Workspace, reason: str, change: dict[str, Any]
) -> None:
    bad = {name: value for name, value in {**EVENT, **change}.items() if value is not None}

    done = from_lines(workspace, bad, {**EVENT, "title": "a good one"})

    found = rejected(done)
    assert list(found) == ["source_tier outside 1 to 5" if reason.startswith("tier") else reason]
    assert table(workspace)["title"].to_list() == ["a good one"]
    assert done.quarantine is not None
    assert "events.jsonl" in done.quarantine.read_text("utf-8")


def test_missing_availability_never_becomes_the_occurrence(workspace: Workspace) -> None:
    """D-10: a file without availability needs a delay that somebody chose; a live read is known when it is read."""
    row = {**EVENT, "available_at": None}

    assert from_lines(workspace, row).appended == 0
    assert table(workspace).is_empty()
    assert from_lines(workspace, row, availability_delay_minutes=30).appended == 1
    assert table(workspace, at=parse_instant("2024-03-12T12:29:59Z")).is_empty()
    assert table(workspace, at=parse_instant("2024-03-12T12:30:00Z")).height == 1
    # When a collector read it is better than nothing, and later than any delay.
    crawled = {**EVENT, "title": "crawled", "available_at": None, "ingested_at": "2024-03-12T14:00:00Z"}
    from_lines(workspace, crawled)
    assert table(workspace)["known_time"].max() == moment_of(parse_instant("2024-03-12T14:00:00Z"))


def test_what_was_published_on_a_day_is_known_after_it(workspace: Workspace) -> None:
    """D-10: a date without a time of day says nothing before the day is over."""
    from_lines(workspace, {"title": "a day", "published_at": "2024-03-10"}, availability_delay_minutes=0)
    from_lines(workspace, {"title": "of it", "occurred_at": "2024-03-10"}, availability_delay_minutes=0)

    events = table(workspace)

    assert events["known_time"].to_list() == [moment_of(parse_instant("2024-03-11"))] * 2
    assert set(events["event_time"]) == {moment_of(parse_instant("2024-03-10")), moment_of(parse_instant("2024-03-11"))}


def test_an_announcement_may_be_known_before_what_it_is_about(workspace: Workspace) -> None:
    planned = {**EVENT, "published_at": "2024-03-12T12:00:00Z", "occurred_at": "2024-06-01T00:00:00Z"}

    assert from_lines(workspace, planned).appended == 1
    assert table(workspace)["event_time"].to_list() == [moment_of(parse_instant("2024-06-01"))]


def test_links_come_from_entities_and_names(workspace: Workspace) -> None:
    entities = [
        {"entity_type": "asset", "symbol": "XRP", "confidence": 0.9},
        {"entity_type": "company", "name": "Bitcoin Holdings", "role": "issuer"},
        {"entity_type": "asset", "symbol": "DOGE", "synthetic": True},
        {"entity_type": "investor", "name": "Somebody"},
        "solana",
    ]
    row = {**EVENT, "text": "Ethereal, not ethereum", "entities": entities, "symbol": "ADA", "entity_confidence": 0.7}

    from_lines(workspace, row, symbol_names=["bitcoin=BTC", "ethereum=ETH", "ETH=ETH", "solana=SOL"])

    links = table(workspace, "entity_links").sort("symbol")
    assert links["symbol"].to_list() == ["ADA", "BTC", "DOGE", "ETH", "SOL", "XRP"]
    assert links["role"].to_list() == ["mentioned", "issuer", *["mentioned"] * 4]
    assert links["confidence"].to_list() == [0.7, 0.7, 0.7, 0.7, 0.7, 0.9]
    assert links.filter("synthetic")["symbol"].to_list() == ["DOGE"]
    assert links["item_kind"].unique().to_list() == ["event"]
    assert links["item_id"].unique().to_list() == table(workspace)["event_id"].to_list()
    assert links["known_time"].unique().to_list() == table(workspace)["known_time"].to_list()


@pytest.mark.parametrize("change", [{"market_scope": "macro"}, {"payload": {"global_impact": True}}])
def test_macro_events_have_no_links(workspace: Workspace, change: dict[str, Any]) -> None:
    """Spec 6.2: they concern every symbol, however that is said."""
    from_lines(workspace, {**EVENT, **change, "symbol": "BTC"})

    assert table(workspace)["scope"].to_list() == ["macro"]
    assert table(workspace, "entity_links").is_empty()


def test_only_linked_events_can_be_asked_for(workspace: Workspace) -> None:
    rows = [{**EVENT, "title": title} for title in ("bitcoin up", "weather fine")]

    done = from_lines(workspace, *rows, symbol_names=["bitcoin=BTC"], only_linked=True)

    assert table(workspace)["title"].to_list() == ["bitcoin up"]
    assert done.warnings == ("1 events left out that are about no symbol and not macro",)


def test_synthetic_events_stay_marked(workspace: Workspace) -> None:
    from_lines(workspace, {**EVENT, "synthetic": True, "symbol": "BTC"})

    assert table(workspace)["synthetic"].to_list() == table(workspace, "entity_links")["synthetic"].to_list() == [True]


@given(
    delay=st.integers(0, 3 * 24 * 60),
    told=st.none() | st.integers(-60, 600),
    ingested=st.none() | st.integers(0, 600),
)
def test_no_event_is_known_before_it_was_published(delay: int, told: int | None, ingested: int | None) -> None:
    """D-10, as a property: whatever a row tells, either it is refused or it is known at or after its publication."""
    from tidegate.core.errors import DataError
    from tidegate.data.connectors.events import EventsSettings
    from tidegate.data.connectors.events.mapping import Provenance, event_of
    from tidegate.data.connectors.items import Row, SymbolNames

    published = parse_instant("2024-03-12")
    content = {"title": "t", "published_at": "2024-03-12T00:00:00Z"}
    for name, minutes in (("available_at", told), ("ingested_at", ingested)):
        if minutes is not None:
            content[name] = moment_of(published + minutes * MINUTE).isoformat()
    settings = EventsSettings(dataset="d", availability_delay_minutes=delay)
    asked = (Row(content), settings, Provenance(delay_minutes=delay), SymbolNames(()))
    if told is not None and told < 0:
        with pytest.raises(DataError, match="before it was published"):
            event_of(*asked)
        return
    made = event_of(*asked)
    assert made.event["known_time"] >= published
    assert made.event["known_time"] == published + (delay if told is None else told) * MINUTE


# Feeds: https://www.rssboard.org/rss-specification and https://www.rfc-editor.org/rfc/rfc4287
RSS = """<?xml version="1.0" encoding="UTF-8"?>
<rss version="2.0"><channel><title>Example &amp; Co</title><link>https://news.example</link><description>d</description>
{items}</channel></rss>"""
ITEM = """<item><title>{title}</title><link>https://news.example/{number}</link>{date}
<description>&lt;p&gt;Up &lt;b&gt;again&lt;/b&gt;&lt;/p&gt;</description><category>bitcoin</category>
<guid isPermaLink="false">id-{number}</guid></item>"""
ATOM = """<?xml version="1.0" encoding="utf-8"?>
<feed xmlns="http://www.w3.org/2005/Atom"><title>Example</title><id>urn:feed</id><updated>2024-03-12T12:00:00Z</updated>
<entry><title>Rates held</title><link href="https://news.example/a"/><id>urn:a</id>
<updated>2024-03-12T12:00:00Z</updated><summary>Held.</summary></entry></feed>"""


def rss(*titles: str, date: str = "<pubDate>Tue, 12 Mar 2024 12:00:00 GMT</pubDate>") -> str:
    items = (ITEM.format(title=title, number=number, date=date) for number, title in enumerate(titles))
    return RSS.format(items="".join(items))


def test_a_feed_is_known_from_when_it_is_read(workspace: Workspace) -> None:
    """D-10: pubDate is the publisher's word; what we read at 15:00 was known to us at 15:00."""
    with ScriptedSource(lambda _: Reply(rss("Bitcoin up"))) as source:
        done = collect(workspace, layout="feed", feeds=[f"{source.url}/rss?key=1"], symbol_names=["bitcoin=BTC"])

    event = table(workspace).row(0, named=True)
    assert [member.member for member in done.members] == ["127.0.0.1/rss"]
    assert event["known_time"] == moment_of(TODAY)
    assert event["event_time"] == event["published_time"] == moment_of(parse_instant("2024-03-12T12:00:00Z"))
    assert (event["title"], event["text"], event["publisher"]) == ("Bitcoin up", "Up again", "Example & Co")
    assert event["source"] == "rss"
    assert json.loads(event["payload"])["tags"] == ["bitcoin"]
    assert table(workspace, "entity_links")["symbol"].to_list() == ["BTC"]


def test_what_is_secret_in_an_address_of_a_feed_is_kept_nowhere(workspace: Workspace) -> None:
    def answer(request: SeenRequest) -> Reply:
        is_welcome = request.query.get("key") == "hidden1" or request.headers.get("authorization")
        return Reply(
            rss(f"{len(source.seen)}") if is_welcome else f"not allowed: {request.query}", 200 if is_welcome else 403
        )

    with ScriptedSource(answer) as source:
        host = source.url.removeprefix("http://")
        feeds = [f"http://{host}/rss?key={key}" for key in ("hidden1", "hidden2")]
        done = collect(
            workspace, layout="feed", feeds=[*feeds, f"http://bob:hidden3@{host}/rss", f"http://{host}/more"]
        )

    names = [member.member for member in done.members]
    assert [name[:13] for name in names] == ["127.0.0.1/rss"] * 3 + ["127.0.0.1/mor"]
    assert len(set(names)) == 4
    assert [member.status for member in done.members] == [
        SourceStatus.SUCCESS, SourceStatus.FAILURE, SourceStatus.SUCCESS, SourceStatus.FAILURE,
    ]  # fmt: skip
    written = [file.read_bytes() for file in workspace.root.rglob("*") if file.is_file() and file.suffix != ".parquet"]
    rows = [table(workspace).write_json(), table(workspace, "entity_links").write_json()]
    told = "".join([str(done.as_dict()), *rows, *(body.decode("utf-8", "replace") for body in written)])
    assert not [word for word in ("hidden", "bob") if word in told]


def test_an_address_of_no_feed_is_refused_without_its_secrets() -> None:
    with pytest.raises(InputError) as caught:
        make_connector("events", {"dataset": "n", "layout": "feed", "feeds": ["ftp://bob:hidden@host/rss?key=hidden"]})
    assert "ftp://host/rss" in str(caught.value)
    assert "hidden" not in str(caught.value)


def test_reading_a_feed_again_says_nothing_new(workspace: Workspace) -> None:
    with ScriptedSource(lambda _: Reply(rss("one", "two"))) as source:
        settings = {"dataset": "news", "layout": "feed", "feeds": [f"{source.url}/rss"]}
        for at, appended in ((TODAY, 2), (Instant(TODAY + HOUR), 0)):
            with frozen_clock(at):
                assert collect_from(workspace, make_connector("events", settings), policy=QUICK).appended == appended

    assert table(workspace)["known_time"].unique().to_list() == [moment_of(TODAY)]


def test_entries_without_a_date_or_of_tomorrow_are_refused(workspace: Workspace) -> None:
    tomorrow = "<pubDate>Wed, 13 Mar 2024 12:00:00 GMT</pubDate>"
    pages = {"/undated": rss("one", date=""), "/ahead": rss("two", date=tomorrow)}
    with ScriptedSource(lambda request: Reply(pages[request.path])) as source:
        done = collect(workspace, layout="feed", feeds=[source.url + page for page in pages])

    assert [one.rejected for one in done.members] == [
        {"no time of the event": 1},
        {"available before it was published": 1},
    ]
    assert table(workspace).is_empty()


def test_atom_is_read_too_and_a_saved_feed_needs_a_delay(workspace: Workspace, tmp_path: Path) -> None:
    (tmp_path / "saved.xml").write_text(ATOM, encoding="utf-8")

    assert list(rejected(collect(workspace, layout="feed", path=tmp_path / "saved.xml"))) == [
        "no time of availability, and no availability_delay_minutes"
    ]
    collect(workspace, layout="feed", path=tmp_path / "saved.xml", availability_delay_minutes=10)
    assert table(workspace)["title"].to_list() == ["Rates held"]
    assert table(workspace)["known_time"].to_list() == [moment_of(parse_instant("2024-03-12T12:10:00Z"))]


FAULTS = {
    "limited": Fault.limited(),
    "unavailable": Fault.status(503),
    "cut": Fault.cut(),
    "dropped": Fault.drop(),
    "a portal": None,
}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_a_feed_survives_what_passes(workspace: Workspace, fault: Fault | None) -> None:
    bodies = iter(["<html>log in</html>"] if fault is None else [])
    with ScriptedSource(lambda _: Reply(next(bodies, rss("one", "two")))) as source:
        if fault is not None:
            source.next_fault(fault)
        done = collect(workspace, layout="feed", feeds=[f"{source.url}/rss"])

    assert done.complete
    assert done.members[0].retries == 1
    assert sorted(table(workspace)["title"]) == ["one", "two"]


def test_a_feed_that_is_refused_stops_no_other(workspace: Workspace) -> None:
    def answer(request: SeenRequest) -> Reply:
        if request.path == "/gone":
            return Reply("gone", status=410)
        return Reply(rss("one") if request.path == "/rss" else rss("two")[:-20])

    with ScriptedSource(answer) as source:
        done = collect(workspace, layout="feed", feeds=[f"{source.url}/{name}" for name in ("gone", "cut", "rss")])

    assert [one.status for one in done.members] == [SourceStatus.FAILURE, SourceStatus.FAILURE, SourceStatus.SUCCESS]
    assert table(workspace)["title"].to_list() == ["one"]


# The DOC API: https://blog.gdeltproject.org/gdelt-doc-2-0-api-debuts/ (mode ArtList, at most 250 articles, no pages).
Articles = list[dict[str, Any]]


def articles(count: int, *, per_stamp: int = 1, first: str = "2024-03-01T00:00:00Z") -> Articles:
    """Articles seen every 15 minutes, so many at a time."""
    start = parse_instant(first)
    stamps = [moment_of(start + number // per_stamp * 15 * MINUTE) for number in range(count)]
    return [
        {
            "url": f"https://news.example/{number}",
            "url_mobile": "",
            "title": f"Bitcoin story {number}",
            "seendate": f"{stamp:%Y%m%dT%H%M%SZ}",
            "socialimage": "",
            "domain": "news.example",
            "language": "English",
            "sourcecountry": "United States",
        }
        for number, stamp in enumerate(stamps)
    ]


def gdelt(held: Articles) -> Callable[[SeenRequest], Reply]:
    """Answer as the API does: the window's articles in order of time, cut at ``maxrecords``."""

    def answer(request: SeenRequest) -> Reply:
        asked = request.query
        assert (asked["mode"], asked["format"], asked["sort"]) == ("ArtList", "json", "DateAsc")
        stamps = [one["seendate"].replace("T", "").rstrip("Z") for one in held]
        inside = [
            one
            for one, stamp in zip(held, stamps, strict=True)
            if asked["startdatetime"] <= stamp <= asked["enddatetime"]
        ]
        return Reply({"articles": inside[: int(asked["maxrecords"])]} if inside else {})

    return answer


def search(workspace: Workspace, source: ScriptedSource, **settings: Any) -> Collected:
    settings = {"start": "2024-03-01", "end": "2024-03-10", "gdelt_pause_seconds": 0, **settings}
    return collect(workspace, layout="gdelt-articles", query="bitcoin", base_url=f"{source.url}/doc", **settings)


@pytest.mark.parametrize("per_stamp", [1, 7])
def test_a_full_answer_is_followed_by_the_next_search(workspace: Workspace, per_stamp: int) -> None:
    with ScriptedSource(gdelt(articles(40, per_stamp=per_stamp))) as source:
        done = search(workspace, source, gdelt_max_records=10)

    assert done.complete
    assert [one.member for one in done.members] == ["2024-03-01", "2024-03-08"]
    assert table(workspace).height == 40
    assert table(workspace)["known_time"].unique().to_list() == [moment_of(TODAY)]
    assert done.warnings == ()


def test_more_articles_at_once_than_gdelt_shows_are_told(workspace: Workspace) -> None:
    with ScriptedSource(gdelt(articles(300, per_stamp=260))) as source:
        done = search(workspace, source)

    assert done.complete
    assert table(workspace).height == 250 + 40
    assert done.warnings == ("more than 250 articles at 2024-03-01; GDELT shows no others",)


def test_a_window_that_has_passed_is_not_asked_for_again(workspace: Workspace) -> None:
    with ScriptedSource(gdelt(articles(3))) as source:
        search(workspace, source, end=None)
        first = len(source.seen)
        done = search(workspace, source, end=None)

    assert [one.remembered for one in done.members] == [1, 0]
    assert (first, len(source.seen)) == (2, 3)
    assert done.appended == 0


def test_the_history_of_articles_can_be_known_after_a_chosen_delay(workspace: Workspace) -> None:
    """D-10: a search of the past is known now, unless somebody vouches for a delay after GDELT saw an article."""
    with ScriptedSource(gdelt(articles(1))) as source:
        search(workspace, source, availability_delay_minutes=30)

    assert table(workspace)["known_time"].to_list() == [moment_of(parse_instant("2024-03-01T00:30:00Z"))]


@pytest.mark.parametrize(
    "fault",
    [Fault.limited(), Fault.status(503), Fault.cut(), Fault.drop(), Fault.repeat_page()],
    ids=["limited", "unavailable", "cut", "dropped", "repeated"],
)
def test_a_search_survives_what_passes(workspace: Workspace, fault: Fault) -> None:
    held = articles(25)
    once: list[SeenRequest] = []

    def answer(request: SeenRequest) -> Reply:
        if not once:
            source.next_fault(fault)  # the second request meets it
        once.append(request)
        return gdelt(held)(request)

    with ScriptedSource(answer) as source:
        done = search(workspace, source, gdelt_max_records=10)

    assert done.complete
    assert sum(one.retries for one in done.members) == 1
    assert table(workspace).height == 25


def test_an_answer_that_repeats_for_ever_is_given_up(workspace: Workspace) -> None:
    page = articles(10)
    with ScriptedSource(lambda _: Reply({"articles": page})) as source:
        done = search(workspace, source, gdelt_max_records=10, end="2024-03-05")

    assert not done.complete
    assert "none of them new" in (done.members[0].error or "")
    assert table(workspace).height == 10  # what it answered before is kept


@pytest.mark.parametrize(
    ("said", "status"),
    [
        ("Your query was too short or too long.", SourceStatus.FAILURE),
        ("Please limit requests to one every 5 seconds or contact us.", SourceStatus.RATE_LIMITED),
        ('{"articles": [{"title": "no address"}]}', SourceStatus.FAILURE),
        ('{"articles": [{"url": "u", "seendate": "soon"}]}', SourceStatus.FAILURE),
    ],
)
def test_what_gdelt_says_instead_of_articles_is_understood(
    workspace: Workspace, said: str, status: SourceStatus
) -> None:
    impatient = RetryPolicy(attempts=1, pause_seconds=0.0, cooldown_seconds=0.0)
    with ScriptedSource(lambda _: Reply(said)) as source, frozen_clock(TODAY):
        settings = {"dataset": "news", "layout": "gdelt-articles", "query": "x", "base_url": source.url}
        connector = make_connector("events", {**settings, "start": "2024-03-01", "end": "2024-03-02"})
        done = collect_from(workspace, connector, policy=impatient)

    assert [one.status for one in done.members] == [status]


def test_a_saved_answer_is_read_as_a_file(workspace: Workspace, tmp_path: Path) -> None:
    file = tmp_path / "articles.json"
    file.write_text(json.dumps({"articles": articles(2)}).replace("Bitcoin", "Bit\\coin"), encoding="utf-8")

    collect(workspace, layout="gdelt-articles", path=file, availability_delay_minutes=30)

    assert table(workspace)["title"].to_list()[0].startswith("Bit\\coin")
    file.write_text("[]", encoding="utf-8")
    assert not collect(workspace, layout="gdelt-articles", path=file, availability_delay_minutes=30).complete


# Event files: The GDELT Event Database Data Format Codebook V2.0; knowledge graph: GKG Codebook V2.1, both at
# https://www.gdeltproject.org/data.html#documentation (61 and 27 columns, divided by tabs, no header).
def event_line(**given: str) -> str:
    fields = [""] * 61
    told = {
        0: "1163301234", 1: "20240311", 6: "COINBASE", 16: "REGULATOR", 25: "1", 26: "036", 30: "4.0", 31: "10",
        34: "-2.5", 52: "Washington, United States", 59: "20240311121500",
        60: "https://news.example/2024/bitcoin-etf-approved.html",
    }  # fmt: skip
    for place, text in {**told, **{int(name[1:]): text for name, text in given.items()}}.items():
        fields[place] = text
    return "\t".join(fields)


def article_line(extras: str = "<PAGE_TITLE>Bitcoin &amp; ether up</PAGE_TITLE>") -> str:
    fields = [""] * 27
    told = {
        0: "20240311121500-1", 1: "20240311121500", 2: "1", 3: "news.example", 4: "https://news.example/x",
        7: "ECON_BITCOIN;TAX", 13: "coinbase", 15: "3.2,5,2,7,20,1,300", 23: "Solana,10;Coinbase,40", 26: extras,
    }  # fmt: skip
    for place, text in told.items():
        fields[place] = text
    return "\t".join(fields)


def packed(text: str, name: str = "x.CSV", method: int = zipfile.ZIP_DEFLATED) -> bytes:
    body = io.BytesIO()
    with zipfile.ZipFile(body, "w", method) as opened:
        opened.writestr(name, text)
    return body.getvalue()


def test_coded_events_of_a_folder_are_known_after_their_update(workspace: Workspace, tmp_path: Path) -> None:
    """D-10: SQLDATE is when it happened, DATEADDED names the update; the file is there a quarter of an hour later."""
    lines = "\n".join([event_line(), event_line(p60="https://news.example/weather"), "too\tshort"])
    (tmp_path / "20240311121500.export.CSV.zip").write_bytes(packed(lines + "\n"))

    done = collect(workspace, preset="gdelt-events", path=tmp_path)

    assert rejected(done) == {"not 61 columns": 1}
    event = table(workspace).row(0, named=True)
    assert table(workspace).height == 1  # the weather is about no symbol
    assert event["event_time"] == moment_of(parse_instant("2024-03-11"))
    assert event["known_time"] == moment_of(parse_instant("2024-03-11T12:30:00Z"))
    assert (event["kind"], event["title"]) == ("cameo-036", "COINBASE CAMEO 036 REGULATOR")
    assert (event["sentiment"], event["publisher"], event["source"]) == (-0.025, "news.example", "gdelt")
    assert table(workspace, "entity_links")["symbol"].to_list() == ["BTC"]


def test_the_knowledge_graph_names_symbols_in_titles_and_names(workspace: Workspace, tmp_path: Path) -> None:
    precise = "<PAGE_PRECISEPUBTIMESTAMP>{}</PAGE_PRECISEPUBTIMESTAMP><PAGE_TITLE>{}</PAGE_TITLE>"
    lines = [
        article_line(),
        article_line(precise.format("20240311114000", "dated")),
        article_line(precise.format("20240311235900", "dated tomorrow")),
    ]
    (tmp_path / "20240311121500.gkg.csv").write_text("\n".join(lines), encoding="utf-8")

    collect(workspace, preset="gdelt-gkg", path=tmp_path)

    events = {row["title"]: row for row in table(workspace).iter_rows(named=True)}
    first = events["Bitcoin & ether up"]
    assert first["known_time"] == moment_of(parse_instant("2024-03-11T12:30:00Z"))
    assert first["sentiment"] == pytest.approx(0.032)
    assert json.loads(first["payload"])["themes"] == ["ECON_BITCOIN", "TAX"]
    assert events["dated"]["event_time"] == moment_of(parse_instant("2024-03-11T11:40:00Z"))
    assert events["dated tomorrow"]["event_time"] == moment_of(parse_instant("2024-03-11T12:15:00Z"))
    links = table(workspace, "entity_links").filter(pl.col("item_id") == first["event_id"])
    assert links["symbol"].to_list() == ["BTC", "ETH", "SOL"]


def test_updates_come_from_the_server_and_missing_ones_are_told(workspace: Workspace) -> None:
    def answer(request: SeenRequest) -> Reply:
        stamp = request.path.rpartition("/")[2][:14]
        if stamp.endswith("010000"):
            source.next_fault(Fault.repeat_page())
        if stamp.endswith("4500"):
            return Reply("not found", status=404)
        return Reply(packed(event_line(p59=stamp, p60=f"https://news.example/bitcoin-{stamp}")))

    with ScriptedSource(answer) as source:
        source.next_fault(Fault.cut(), Fault.status(503))
        done = collect(
            workspace, preset="gdelt-events", start="2024-03-11", end="2024-03-11", base_url=f"{source.url}/gdeltv2"
        )
        seen = [request.path for request in source.seen]

    assert done.complete
    assert seen[0] == "/gdeltv2/20240311000000.export.CSV.zip"
    assert len(set(seen)) == 96
    assert (done.members[0].retries, table(workspace).height) == (3, 72)
    note = "2024-03-11: 24 updates of 15 minutes are not on the server; until 2024-03-19 they are asked for again"
    assert note in done.warnings


def test_updates_that_come_late_are_asked_for_until_a_week_has_passed(workspace: Workspace) -> None:
    late = ["20240311114500"]

    def answer(request: SeenRequest) -> Reply:
        stamp = request.path.rpartition("/")[2][:14]
        if stamp in late:
            return Reply("not found", status=404)
        return Reply(packed(event_line(p59=stamp, p60=f"https://news.example/bitcoin-{stamp}")))

    def run(at: str) -> Collected:
        settings = {"preset": "gdelt-events", "start": "2024-03-11", "end": "2024-03-11", "base_url": source.url}
        with frozen_clock(parse_instant(at)):
            return collect_from(workspace, make_connector("events", settings), policy=QUICK)

    with ScriptedSource(answer) as source:
        first = run("2024-03-12T01:00:00Z")
        late.clear()
        second, third, fourth = (run(at) for at in ("2024-03-18T23:00:00Z", "2024-03-19", "2024-03-20"))

    assert any("1 updates of 15 minutes are not on the server" in warning for warning in first.warnings)
    assert [one.appended for one in (first, second, third)] == [190, 2, 0]  # an event and its link
    assert [one.members[0].remembered for one in (second, third, fourth)] == [0, 0, 1]


def damaged_lzma() -> bytes:
    body = bytearray(packed("x" * 100, method=zipfile.ZIP_LZMA))
    body[34 + len("x.CSV")] = 0xFF
    return bytes(body)


@pytest.mark.parametrize(
    "body", [b"PK\x03\x04 torn", packed("x")[:-10], damaged_lzma()], ids=["torn", "cut", "damaged LZMA"]
)
def test_a_damaged_update_is_told(workspace: Workspace, tmp_path: Path, body: bytes) -> None:
    (tmp_path / "20240311121500.export.CSV.zip").write_bytes(body)

    done = collect(workspace, preset="gdelt-events", path=tmp_path)

    assert not done.complete
    assert "not a whole zip file" in (done.members[0].error or "")


def test_an_update_of_today_is_not_asked_for_before_it_is_there(workspace: Workspace) -> None:
    with ScriptedSource(lambda request: Reply(packed(event_line(p59=request.path[1:15])))) as source:
        done = collect(workspace, preset="gdelt-events", start="2024-03-12", base_url=source.url)
        assert len(source.seen) == (TODAY % DAY) // (15 * MINUTE)
        assert source.seen[-1].path.startswith("/20240312144500")
    assert done.complete


def test_feeds_keep_the_promises_of_a_connector(tmp_path: Path) -> None:
    """The contract suite: faults, kills, refusals and clocks leave no trace."""
    numbers = count()

    def make(source: ScriptedSource) -> Connector:
        feeds = [f"{source.url}/{name}" for name in "ab"]
        return make_connector("events", {"dataset": "news", "layout": "feed", "feeds": feeds})

    check_connector(
        make,
        lambda request: Reply(rss(f"one of {request.path}", f"two of {request.path}")),
        lambda: Workspace.create(tmp_path / str(next(numbers))),
        at=TODAY,
        paged=False,
    )


def test_searches_keep_the_promises_of_a_connector(tmp_path: Path) -> None:
    numbers = count()
    held = [*articles(6), *articles(6, first="2024-03-08T01:00:00Z")]
    held = [article | {"url": f"{article['url']}/{article['seendate']}"} for article in held]
    asked = {"layout": "gdelt-articles", "query": "bitcoin", "start": "2024-03-01", "end": "2024-03-10"}

    def make(source: ScriptedSource) -> Connector:
        pages = {"gdelt_max_records": 4, "gdelt_pause_seconds": 0, "base_url": source.url}
        return make_connector("events", {"dataset": "news", **asked, **pages})

    check_connector(make, gdelt(held), lambda: Workspace.create(tmp_path / str(next(numbers))), at=TODAY)


NO_SOURCE: dict[str, dict[str, Any]] = {
    "a path": {},
    "a path or feeds": {"layout": "feed"},
    "a path, or a query and a start": {"layout": "gdelt-articles", "query": "x"},
    "a path or a start": {"layout": "gdelt-gkg"},
    "none: what is read": {"layout": "feed", "feeds": ["https://h/x"], "availability_delay_minutes": 5},
    "an address of http or https": {"layout": "feed", "feeds": ["ftp://h/x"]},
    "an IANA zone": {"path": "x", "timezone": "Mars"},
    "texts such as left=right": {"path": "x", "symbol_names": ["bitcoin"]},
    "a file, a folder or a glob": {"path": "nothing-here"},
}


@pytest.mark.parametrize(("expected", "settings"), NO_SOURCE.items(), ids=NO_SOURCE)
def test_settings_that_name_no_source_are_refused(expected: str, settings: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=expected):
        make_connector("events", {"dataset": "news", **settings}).tasks()


def test_other_names_of_columns_are_mapped(workspace: Workspace, tmp_path: Path) -> None:
    frame = pl.DataFrame(
        {"headline": ["Up"], "day": ["2024-03-12 08:00"], "link": ["u"], "mood": ["{'polarity': 0.25, 'x': 1}"]}
    )
    frame.write_csv(tmp_path / "news.csv")

    collect(
        workspace,
        path=tmp_path / "news.csv",
        columns=["published_at=day", "sentiment=mood"],
        timezone="America/New_York",
        availability_delay_minutes=1,
    )

    event = table(workspace).row(0, named=True)
    assert event["published_time"] == moment_of(parse_instant("2024-03-12T12:00:00Z"))
    assert (event["title"], event["url"], event["sentiment"]) == ("Up", "u", 0.25)
    assert json.loads(event["payload"])["sentiment_told"] == "{'polarity': 0.25, 'x': 1}"


@pytest.mark.realdata
def test_crypto_news_are_ingested_by_their_preset(workspace: Workspace, real_data: Path) -> None:
    """D-10: the file says when a headline was published, not when it was available: the preset's delay counts."""
    connector = make_connector("events", {"preset": "crypto-news", "path": real_data / "crypto_news.parquet"})
    done = collect_from(workspace, connector)

    events = table(workspace, dataset="crypto-news", at=now())
    assert done.complete
    assert rejected(done) == {}
    assert events.height == 7_464
    assert (events["known_time"] - events["published_time"]).unique().dt.total_minutes().to_list() == [60]
    assert events["event_time"].min() == moment_of(parse_instant("2021-10-12T20:00:00Z"))
    assert events["sentiment"].null_count() == 0
    assert events["sentiment"].is_between(-1, 1).all()
    assert set(events["publisher"]) == {"CoinTelegraph", "CryptoNews", "CryptoPotato"}
    links = table(workspace, "entity_links", dataset="crypto-news", at=now())
    about = dict(links["symbol"].value_counts().rows())
    assert about["BTC"] > about["ETH"] > about["SOL"] > 100
    assert collect_from(workspace, connector).appended == 0
