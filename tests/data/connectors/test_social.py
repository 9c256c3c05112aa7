"""Posts and comments: identity, order of times, and counts that are not known before they were read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tidegate.core.clock import frozen_clock, now
from tidegate.core.errors import CatalogError, DataError, InputError
from tidegate.core.time import MINUTE, Instant, moment_of, parse_instant
from tidegate.core.workspace import Workspace
from tidegate.data import Catalog, Revision
from tidegate.data.connectors import Collected, RetryPolicy, collect_from, make_connector
from tidegate.data.connectors.items import Row, SymbolNames
from tidegate.data.connectors.social import COUNTS, SocialSettings
from tidegate.data.connectors.social.mapping import item_of

QUICK = RetryPolicy(pause_seconds=0.0)
TODAY = parse_instant("2024-03-12T15:00:00Z")
POST = {
    "platform": "x",
    "source_id": "1",
    "occurred_at": "2024-03-12T12:00:00Z",
    "available_at": "2024-03-12T12:01:00Z",
    "text": "$BTC to the moon",
    "symbol_mentions": ["BTC"],
}
COUNTED = {"likes": 7, "reposts": 2, "author_followers": 900}


def collect(workspace: Workspace, path: Path, *, revision: Revision | None = None, **given_settings: Any) -> Collected:
    with frozen_clock(TODAY):
        connector = make_connector("social", {"dataset": "chat", "path": path, **given_settings})
        return collect_from(workspace, connector, policy=QUICK, revision=revision)


def from_lines(workspace: Workspace, *rows: dict[str, Any], **given_settings: Any) -> Collected:
    file = workspace.root.parent / "posts.jsonl"
    file.write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")
    return collect(workspace, file, **given_settings)


def table(workspace: Workspace, name: str = "posts", at: str = "2024-03-12T15:00:00Z") -> pl.DataFrame:
    try:
        return Catalog(workspace).read(name, dataset="chat", as_of=parse_instant(at)).collect()
    except CatalogError:
        return pl.DataFrame()


def rejected(collected: Collected) -> dict[str, int]:
    (member,) = collected.members
    return member.rejected


def payload(row: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(row["payload"])
    return found


def test_a_post_keeps_its_fields(workspace: Workspace) -> None:
    full = POST | {
        "author": "ada", "author_id": 17, "title": "Moon", "post_sentiment": 0.5, "source_url": "https://x.example/1",
        "lang": "en", "published_at": "2024-03-12T12:00:30Z",
    }  # fmt: skip
    assert from_lines(workspace, full).complete

    post = table(workspace).row(0, named=True)

    assert post["post_id"] == "x:1"
    assert post["event_time"] == moment_of(parse_instant(POST["occurred_at"]))
    assert post["known_time"] == moment_of(parse_instant(POST["available_at"]))
    assert (post["author"], post["author_id"], post["title"]) == ("ada", "17", "Moon")
    assert (post["sentiment"], post["url"], payload(post)) == (0.5, "https://x.example/1", {"lang": "en"})
    assert [post[name] for name in COUNTS] == [None] * 5
    (link,) = table(workspace, "entity_links").rows(named=True)
    assert (link["symbol"], link["item_id"], link["item_kind"], link["role"]) == ("BTC", "x:1", "post", "mentioned")


def test_counts_of_an_unknown_moment_are_no_numbers(workspace: Workspace) -> None:
    """D-11: a crawl years later saw what happened since; its counts are kept as text, and marked."""
    done = from_lines(workspace, POST | COUNTED | {"view_count": "12", "payload": {"score": 3, "lang": "en"}})

    post = table(workspace).row(0, named=True)

    assert [post[name] for name in (*COUNTS, "observed_time")] == [None] * 6
    assert payload(post) == {
        "counts": {"author_followers": "900", "likes": "7", "reposts": "2", "score": "3", "view_count": "12"},
        "counts_masked": True,
        "lang": "en",
    }
    assert done.warnings == ("counts of 1 rows are masked: nothing says when they were read",)


def test_counts_with_their_moment_are_a_further_vintage(workspace: Workspace) -> None:
    """D-11: the post is known at once, its counts when they were read, and neither shows in the other's time."""
    from_lines(workspace, POST | COUNTED | {"observed_at": "2024-03-12T13:00:00Z", "lang": "en"})

    before = table(workspace, at="2024-03-12T12:59:59Z").row(0, named=True)
    after = table(workspace, at="2024-03-12T13:00:00Z").row(0, named=True)

    assert [before[name] for name in COUNTS] == [None] * 5
    assert payload(before) == {"lang": "en"}
    assert {name: after[name] for name in COUNTS} == {
        "followers": 900, "engagement": 9.0, "likes": 7, "reposts": 2, "replies": None,
    }  # fmt: skip
    assert after["known_time"] == after["observed_time"] == moment_of(parse_instant("2024-03-12T13:00:00Z"))
    assert "counts_masked" not in payload(after)


def test_each_reading_of_the_counts_is_kept(workspace: Workspace) -> None:
    """D-11: a collector that reads a post again in another file brings the new counts and nothing else."""
    first = POST | {"likes": 1, "observed_at": "2024-03-12T12:01:00Z"}
    second = POST | {"likes": 5, "observed_at": "2024-03-12T14:00:00Z", "author": "renamed"}
    from_lines(workspace, first)

    done = from_lines(workspace, second)

    assert (done.complete, rejected(done), done.appended) == (True, {}, 1)
    for at, likes in (("12:01:00", 1.0), ("13:59:59", 1.0), ("14:00:00", 5.0)):
        assert table(workspace, at=f"2024-03-12T{at}Z")["likes"].to_list() == [likes]
    assert table(workspace, at="2024-03-12T12:00:59Z").is_empty()
    assert from_lines(workspace, first).appended == from_lines(workspace, first, second).appended == 0


def test_one_moment_may_be_told_for_the_whole_file(workspace: Workspace) -> None:
    from_lines(workspace, POST | {"likes": 3}, counts_observed_at="2024-03-12T14:00:00Z")

    assert table(workspace)["likes"].to_list() == [3.0]
    assert table(workspace, at="2024-03-12T13:00:00Z")["likes"].to_list() == [None]


def test_counts_of_the_future_are_not_stored(workspace: Workspace) -> None:
    done = from_lines(workspace, POST | {"likes": 3, "observed_at": "2024-03-12T16:00:00Z"})

    assert done.members[0].not_yet_known == 1
    assert table(workspace, at="2030-01-01")["likes"].to_list() == [None]


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    readings=st.lists(
        st.tuples(st.integers(0, 90), st.integers(0, 1000)), min_size=1, max_size=5, unique_by=lambda r: r[0]
    ),
    available=st.integers(0, 60),
    asked=st.integers(0, 100),
)
def test_no_count_is_seen_before_it_was_read(readings: list[tuple[int, int]], available: int, asked: int) -> None:
    """D-11, as a property: as of any instant, the newest known counts are the last that had been read by then."""
    start = parse_instant("2024-03-12")

    def moment(minutes: int) -> str:
        return moment_of(start + minutes * MINUTE).isoformat()

    chosen = SocialSettings(dataset="d", path=Path("p"))
    vintages = []
    for minute, likes in readings:
        row = Row(
            POST
            | {
                "occurred_at": moment(0),
                "available_at": moment(available),
                "observed_at": moment(minute),
                "likes": likes,
            }
        )
        item = item_of(row, chosen, SymbolNames(()))
        vintages += [one for one in (item.plain, item.counted) if one is not None]
    known = [one for one in vintages if one["known_time"] <= start + asked * MINUTE]
    read = [(minute, likes) for minute, likes in readings if max(minute, available) <= asked]

    assert all(one["known_time"] >= one["event_time"] for one in vintages)
    assert {one["likes"] for one in known} - {None} == {float(likes) for _, likes in read}
    assert not known or asked >= available
    for one in known:
        assert one["observed_time"] is None or one["observed_time"] <= start + asked * MINUTE
        if one["observed_time"] is None:
            assert "likes" not in one["payload"]


def test_what_others_wrote_below_a_post_is_as_late_as_their_number(workspace: Workspace) -> None:
    """D-11: the sentiment of comments tells of comments that were not there yet."""
    from_lines(workspace, POST | {"post_sentiment": 0.2, "comment_sentiment": -0.6, "n_comments": 4,
                                  "observed_at": "2024-03-12T14:00:00Z"})  # fmt: skip

    before, after = (table(workspace, at=f"2024-03-12T{at}:00:00Z").row(0, named=True) for at in (13, 14))

    assert before["sentiment"] == 0.2
    assert "comment" not in before["payload"]
    assert after["sentiment"] == pytest.approx(-0.2)
    assert (after["replies"], payload(after)["counts"]["comment_sentiment"]) == (4.0, -0.6)


def test_comments_are_never_made_up(workspace: Workspace) -> None:
    """D-19: a number of comments makes no comment, and a number that is marked as invented is no number."""
    told = POST | {"n_comments": 10, "observed_at": "2024-03-12T14:00:00Z"}
    invented = told | {"source_id": "2", "likes": 3, "payload": {"comment_backfill_synthetic": True}}

    from_lines(workspace, told, invented)

    posts = table(workspace).sort("post_id")
    assert posts["replies"].to_list() == [10.0, None]
    assert posts["engagement"].to_list() == [10.0, None]
    assert posts["likes"].to_list() == [None, 3.0]
    assert posts["synthetic"].to_list() == [False, True]
    assert "10" not in posts["payload"][1]
    assert table(workspace, "comments").is_empty()


def test_comments_name_what_they_answer(workspace: Workspace) -> None:
    comment = POST | {"kind": "comment", "source_id": "c", "parent_source_id": "1", "title": "none of its own"}

    from_lines(workspace, POST, comment)

    (found,) = table(workspace, "comments").rows(named=True)
    assert (found["comment_id"], found["parent_id"]) == ("x:c", "x:1")
    assert table(workspace)["post_id"].to_list() == ["x:1"]
    assert table(workspace, "entity_links").sort("item_kind")["item_kind"].to_list() == ["comment", "post"]


def test_without_an_id_a_post_is_known_by_what_it_is(workspace: Workspace) -> None:
    """Spec 7: SHA-256 prefix of platform, address, time and title; the text stands in for a title that is not there."""
    nameless = {name: value for name, value in POST.items() if name != "source_id"}
    others = [nameless | {"text": "another"}, nameless | {"platform": "reddit"}, nameless | {"title": "a title"}]

    from_lines(workspace, nameless, nameless, *others)

    found = table(workspace)["post_id"].to_list()
    assert len(found) == 4
    assert all(len(one.partition(":")[2]) == 16 for one in found)


REFUSED = {
    "published before it occurred": {"published_at": "2024-03-12T11:00:00Z"},
    "available before it was published": {"published_at": "2024-03-12T12:02:00Z"},
    "counts read before the post was there": {"observed_at": "2024-03-12T11:00:00Z", "likes": 1},
    "no time of the post": {"occurred_at": None},
    "no time of availability, and no availability_delay_minutes": {"available_at": None},
    "a kind other than post or comment": {"kind": "rumour"},
    "a platform that is no word": {"platform": "x:y"},
    "likes outside 0 to 1e+12": {"likes": -1},
    "followers is not a number": {"author_followers": "many"},
    "post_sentiment outside -1 to 1": {"sentiment": 3},
    "a time without a zone": {"occurred_at": "2024-03-12T12:00:00"},
}


@pytest.mark.parametrize(("reason", "change"), REFUSED.items(), ids=REFUSED)
def test_a_bad_row_is_refused_with_its_reason_and_stops_no_other(
    workspace: Workspace, reason: str, change: dict[str, Any]
) -> None:
    """Spec 7: occurred <= published <= available, row by row; D-10: availability is never made of the occurrence."""
    bad = {name: value for name, value in (POST | change).items() if value is not None}

    done = from_lines(workspace, bad, POST | {"source_id": "good"})

    assert list(rejected(done)) == [reason]
    assert table(workspace)["post_id"].to_list() == ["x:good"]


def test_availability_is_told_delayed_or_that_of_the_reading(workspace: Workspace) -> None:
    """D-10: in this order, and never the occurrence."""
    bare = {name: value for name, value in POST.items() if name != "available_at"}
    read = bare | {"ingested_at": "2024-03-12T13:00:00Z"}

    from_lines(workspace, read)
    assert table(workspace, at="2024-03-12T12:59:00Z").is_empty()
    from_lines(workspace, read | {"source_id": "2"}, POST | {"source_id": "3"}, availability_delay_minutes=5)
    assert table(workspace, at="2024-03-12T12:05:00Z")["post_id"].to_list() == ["x:2", "x:3"]
    assert table(workspace, at="2024-03-12T12:01:00Z")["post_id"].to_list() == ["x:3"]


def test_a_post_that_is_told_differently_needs_a_word_from_the_user(workspace: Workspace) -> None:
    from_lines(workspace, POST)
    file = workspace.root.parent / "posts.jsonl"

    assert rejected(from_lines(workspace, POST, POST | {"text": "other"})) == {"the same post_id, told differently": 1}
    assert not from_lines(workspace, POST | {"text": "other"}).complete
    assert table(workspace)["text"].to_list() == [POST["text"]]
    collect(workspace, file, revision=Revision(correction_reason="misread"))
    assert table(workspace)["text"].to_list() == ["other"]


# Reddit: https://github.com/reddit-archive/reddit/wiki/JSON; retrieved_on/retrieved_utc as in the archives of
# https://github.com/pushshift/api.
SUBMISSION = {
    "id": "abc", "created_utc": 1710244800, "retrieved_on": 1710252000, "subreddit": "Bitcoin", "author": "ada",
    "author_fullname": "t2_x", "title": "Bitcoin up", "selftext": "again", "score": -4, "num_comments": 12, "ups": 3,
    "upvote_ratio": 0.4, "permalink": "/r/Bitcoin/comments/abc/bitcoin_up/", "url": "https://news.example/1",
    "edited": False, "subreddit_subscribers": 6_000_000,
}  # fmt: skip
REPLY = {
    "id": "abc", "created_utc": "1710245000", "retrieved_utc": 1710252000, "subreddit": "Bitcoin", "author": "bob",
    "body": "no", "score": 1, "link_id": "t3_abc", "parent_id": "t1_xyz", "edited": 1710246000,
}  # fmt: skip


def test_reddit_is_known_when_it_was_retrieved_unless_a_delay_is_chosen(workspace: Workspace) -> None:
    """D-10 and D-11: created_utc is when it was written; score and num_comments are of retrieved_on."""
    from_lines(workspace, SUBMISSION, REPLY, preset="reddit", dataset="chat", symbol_names=["bitcoin=BTC"])

    (post,) = table(workspace).rows(named=True)
    assert (post["post_id"], post["author_id"]) == ("reddit:t3_abc", "t2_x")
    assert post["url"] == "https://www.reddit.com/r/Bitcoin/comments/abc/bitcoin_up/"
    assert post["known_time"] == post["observed_time"] == moment_of(1710252000 * 10**6)
    assert (post["likes"], post["replies"], post["engagement"]) == (-4.0, 12.0, 8.0)
    assert payload(post)["counts"]["subreddit_subscribers"] == 6_000_000
    assert payload(post)["link"] == "https://news.example/1"
    (comment,) = table(workspace, "comments").rows(named=True)
    assert (comment["comment_id"], comment["parent_id"], comment["text"]) == ("reddit:t1_abc", "reddit:t1_xyz", "no")
    assert payload(comment)["link_id"] == "t3_abc"
    assert table(workspace, "entity_links")["symbol"].to_list() == ["BTC"]


def test_reddit_with_a_delay_is_known_early_without_its_counts(workspace: Workspace) -> None:
    """D-11: and what was edited only since the edit."""
    from_lines(workspace, SUBMISSION, REPLY, preset="reddit", dataset="chat", availability_delay_minutes=1)

    early = table(workspace, at="2024-03-12T12:01:00Z").row(0, named=True)
    assert [early[name] for name in COUNTS] == [None] * 5
    assert payload(early) == {"subreddit": "Bitcoin", "link": "https://news.example/1"}
    assert table(workspace, "comments", at="2024-03-12T12:19:59Z").is_empty()
    assert table(workspace, "comments", at="2024-03-12T12:20:00Z")["likes"].to_list() == [None]
    assert table(workspace, "comments")["likes"].to_list() == [1.0]


def test_a_later_export_without_the_text_takes_nothing_away(workspace: Workspace) -> None:
    chosen = {"preset": "reddit", "dataset": "chat", "availability_delay_minutes": 1}
    from_lines(workspace, SUBMISSION, **chosen)
    removed = SUBMISSION | {"selftext": "[removed]", "score": 9, "retrieved_on": 1710254000}

    done = from_lines(workspace, removed, **chosen)

    assert (done.complete, done.appended) == (True, 1)
    assert table(workspace, at="2024-03-12T14:00:00Z")["text"].to_list() == ["again"]
    assert table(workspace)["likes"].to_list() == [9.0]


def test_a_listing_of_reddit_is_read_thing_by_thing(workspace: Workspace) -> None:
    """https://www.reddit.com/dev/api#listings"""
    children = [{"kind": "t3", "data": SUBMISSION | {"name": "t3_abc"}}, {"kind": "t1", "data": REPLY}]
    listing = {"kind": "Listing", "data": {"children": children, "after": None}}

    from_lines(workspace, listing, preset="reddit", dataset="chat")

    assert table(workspace)["post_id"].to_list() == ["reddit:t3_abc"]
    assert table(workspace, "comments")["comment_id"].to_list() == ["reddit:t1_abc"]
    odd = {"data": {"children": [1]}}
    assert rejected(from_lines(workspace, odd, preset="reddit", dataset="chat")) == {"not a JSON object": 1}


# X: https://docs.x.com/x-api/fundamentals/data-dictionary; twarc adds __twarc.retrieved_at.
TWEET = {
    "id": "100", "author_id": "7", "created_at": "2024-03-12T12:00:00.000Z", "lang": "en", "conversation_id": "100",
    "text": "$SOL up", "edit_history_tweet_ids": ["100"],
    "entities": {"cashtags": [{"start": 0, "end": 4, "tag": "SOL"}]},
    "public_metrics": {"retweet_count": 2, "reply_count": 1, "like_count": 5, "quote_count": 3, "impression_count": 90},
}  # fmt: skip
ANSWER = {
    "id": "101", "author_id": "8", "created_at": "2024-03-12T12:10:00.000Z", "text": "no",
    "referenced_tweets": [{"type": "replied_to", "id": "100"}], "public_metrics": {"like_count": 0},
}  # fmt: skip
PAGE = {
    "data": [TWEET, ANSWER],
    "includes": {"users": [{"id": "7", "username": "ada", "public_metrics": {"followers_count": 900}}]},
    "meta": {"result_count": 2},
}


def test_pages_of_x_bring_posts_replies_and_authors(workspace: Workspace) -> None:
    page = PAGE | {"__twarc": {"retrieved_at": "2024-03-12T14:00:00+00:00"}}

    from_lines(workspace, page, preset="x", dataset="chat", availability_delay_minutes=1)

    post = table(workspace).row(0, named=True)
    assert (post["post_id"], post["author"], post["author_id"]) == ("x:100", "ada", "7")
    assert {name: post[name] for name in COUNTS} == {
        "followers": 900.0, "engagement": 8.0, "likes": 5.0, "reposts": 2.0, "replies": 1.0,
    }  # fmt: skip
    assert payload(post)["counts"]["impressions"] == 90
    assert table(workspace, at="2024-03-12T13:00:00Z")["followers"].to_list() == [None]
    (comment,) = table(workspace, "comments").rows(named=True)
    assert (comment["comment_id"], comment["parent_id"]) == ("x:101", "x:100")
    assert table(workspace, "entity_links")["symbol"].to_list() == ["SOL"]


def test_posts_of_x_without_the_moment_of_reading_are_masked(workspace: Workspace) -> None:
    """D-11: API objects that somebody saved do not say when."""
    done = from_lines(workspace, TWEET, preset="x", dataset="chat", availability_delay_minutes=1)

    post = table(workspace).row(0, named=True)
    assert [post[name] for name in COUNTS] == [None] * 5
    assert payload(post)["counts_masked"] is True
    assert payload(post)["conversation_id"] == "100"
    assert len(done.warnings) == 1


def test_the_archive_of_an_account_is_read(workspace: Workspace, tmp_path: Path) -> None:
    """tweets.js of "Download an archive of your data", https://help.x.com/en/managing-your-account."""
    tweet = {
        "id_str": "55", "full_text": "hold $BTC", "created_at": "Tue Mar 12 12:00:00 +0000 2024", "lang": "en",
        "favorite_count": "3", "retweet_count": "1", "entities": {"symbols": [{"text": "BTC", "indices": ["5", "9"]}]},
        "in_reply_to_status_id_str": "54",
    }  # fmt: skip
    file = tmp_path / "tweets.js"
    file.write_text(f"window.YTD.tweets.part0 = {json.dumps([{'tweet': tweet}], indent=1)}", encoding="utf-8")

    done = collect(workspace, file, preset="x", dataset="chat", availability_delay_minutes=1)

    assert rejected(done) == {}
    comment = table(workspace, "comments").row(0, named=True)
    assert (comment["comment_id"], comment["parent_id"], comment["text"]) == ("x:55", "x:54", "hold $BTC")
    assert payload(comment)["counts"] == {"likes": "3", "reposts": "1"}
    assert table(workspace, "entity_links")["symbol"].to_list() == ["BTC"]


def test_a_post_about_several_symbols_is_one_post(workspace: Workspace) -> None:
    rows = [
        POST | {"symbol_mentions": None, "symbol": symbol, "followers": followers}
        for symbol, followers in (("AAPL", 1), ("MSFT", 2), ("AAPL", 1))
    ]

    done = from_lines(workspace, *rows)

    assert rejected(done) == {}
    assert table(workspace).height == 1
    assert table(workspace, "entity_links")["symbol"].to_list() == ["AAPL", "MSFT"]


def test_confidence_in_a_post_is_confidence_in_its_links(workspace: Workspace) -> None:
    """Spec 7: 0.4 + 0.6 confidence; nothing is claimed where the source says nothing."""
    from_lines(workspace, POST | {"confidence": 0.5}, POST | {"source_id": "2"})

    links = table(workspace, "entity_links").sort("item_id")
    assert links["confidence"].to_list() == [0.7, None]


@pytest.mark.parametrize(
    ("expected", "chosen"),
    [
        ("an ISO date or time", {"counts_observed_at": "yesterday"}),
        ("an IANA zone", {"timezone": "Mars"}),
        ("text like", {"platform": "X Y"}),
        ("one of", {"shape": "circle"}),
    ],
)
def test_settings_that_cannot_be_meant_are_refused(expected: str, chosen: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=expected):
        make_connector("social", {"dataset": "chat", "path": "p", **chosen})


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no file"):
        make_connector("social", {"dataset": "chat", "path": tmp_path / "nothing.jsonl"}).tasks()


@pytest.mark.realdata
def test_stocknet_tweets_are_ingested_by_their_preset(workspace: Workspace, real_data: Path) -> None:
    """D-11: the counts of that crawl are masked; one tweet about several stocks is one post with several links."""
    connector = make_connector("social", {"preset": "stocknet", "path": real_data / "stocknet_tweets.parquet"})
    done = collect_from(workspace, connector)

    catalog = Catalog(workspace)
    posts = catalog.read("posts", dataset="stocknet", as_of=now()).collect()
    links = catalog.read("entity_links", dataset="stocknet", as_of=now()).collect()
    assert done.complete
    assert done.members[0].rejected == {}
    assert posts.height == 74_849
    assert links.height == 92_207  # 37 of the file's 92,244 rows stand there twice
    assert links["symbol"].n_unique() == 87
    assert posts.select(pl.col(*COUNTS, "observed_time").is_null().all()).row(0) == (True,) * 6
    assert posts["payload"].str.contains('"counts_masked":true', literal=True).all()
    assert (posts["known_time"] - posts["event_time"]).unique().dt.total_minutes().to_list() == [5]
    assert posts.filter(
        pl.col("known_time") <= moment_of(Instant(posts["event_time"].min().timestamp() * 1e6))
    ).is_empty()
    assert done.warnings == ("counts of 92,244 rows are masked: nothing says when they were read",)
