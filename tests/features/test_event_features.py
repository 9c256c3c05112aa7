"""Profiles of events, posts and comments: by hand, against a loop, and without the future."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl
import pytest
from catalog_rows import at, built, garbled_after, instants, observed, rows_of
from hypothesis import given, settings
from hypothesis import strategies as st

from tidegate.core.errors import DataError
from tidegate.core.history import rows_until
from tidegate.core.time import DAY, HOUR
from tidegate.features.formulas import events
from tidegate.features.profiles import EventProfile, SocialProfile

PROFILE = EventProfile()
POSTS = SocialProfile(name="post", table="posts")


def event(name: str, hours: float, symbol: str = "A", **more: Any) -> dict[str, Any]:
    return {"symbol": symbol, "event_id": name, "known_time": at(hours), "tier": 1, "confidence": 1.0, **more}


def post(name: str, hours: float, symbol: str = "A", **more: Any) -> dict[str, Any]:
    return {"symbol": symbol, "post_id": name, "known_time": at(hours), "author_id": name, **more}


def comment(name: str, hours: float, **more: Any) -> dict[str, Any]:
    return {"symbol": "A", "comment_id": name, "known_time": at(hours), **more}


def features_of(tables: dict[str, pl.DataFrame], *hours: float) -> dict[str, list[float]]:
    return built(events.FEATURES, events.SOURCES, tables, instants(*hours))


def test_an_event_profile_by_hand() -> None:
    """Spec 14.1, D-28: two events of two publishers, one of them uncertain and of a lower tier."""
    rows = rows_of(
        "events",
        event("a", 0, sentiment=0.5, importance=0.8, novelty=0.5, publisher="x"),
        event("b", 3, sentiment=-0.3, importance=0.2, novelty=1.0, publisher="y", tier=3, confidence=0.5),
    )
    said = {name: values[0] for name, values in features_of({"events": rows}, 4).items()}
    first, second = 1.0, 0.6 * 0.5
    total = first + second
    mean = (0.5 * first - 0.3 * second) / total
    deviation = math.sqrt((0.25 * first + 0.09 * second) / total - mean**2)
    share = first / total
    expected = {
        "event_decay": (first * math.exp(-4 / 12) + second * math.exp(-1 / 12)) / total,
        "source_tier_weight": 0.8,
        "source_confidence": 0.75,
        "event_velocity_1h": math.tanh(second),
        "event_velocity_6h": math.tanh(total / 6),
        "event_sentiment": mean,
        "event_disagreement": deviation,
        "source_diversity": -(share * math.log(share) + (1 - share) * math.log(1 - share)) / math.log(2),
        "cross_source_consensus": 1 - deviation,
        "event_lag_bucket_0_1h": second / total,
        "event_lag_bucket_1_6h": first / total,
        "event_lag_bucket_6_24h": 0.0,
        "event_density": 2 / 32,
        "sentiment_abs": (0.5 * first + 0.3 * second) / total,
        "event_importance_mean": (0.8 * first + 0.2 * second) / total,
        "novelty_confidence_blend": (0.5 * first + 1.0 * 0.5 * second) / total,
    }
    assert {name: said[name] for name in expected} == pytest.approx(expected, rel=1e-6)
    assert {name for name, value in said.items() if name.endswith("_flag") and value} == set()


def test_a_social_profile_by_hand() -> None:
    """Spec 14.1, D-30: comments say nothing about posts, nor posts about comments."""
    tables = {
        "events": rows_of("events", event("e", 0)),
        "posts": rows_of(
            "posts",
            post("p", 0, sentiment=0.4, engagement=9.0, followers=99.0, observed_time=at(1)),
            post("q", 0, sentiment=0.0),
            post("r", 0),
        ),
        "comments": rows_of("comments", comment("c", 0, sentiment=-0.5, engagement=1e6, observed_time=at(0))),
    }
    said = {name: values[0] for name, values in features_of(tables, 2).items()}
    expected = {
        "social_post_sentiment": 0.2,
        "social_comment_sentiment": -0.5,
        "social_engagement_norm": math.tanh(math.log(10) / 6),
        "social_influence_norm": math.tanh(math.log(100) / 14),
        "social_event_ratio": 0.75,
        "social_buzz": math.tanh(0.6),
        "comment_skew": -0.7,
        "social_comment_rate": math.tanh(1 / 60),
    }
    assert {name: said[name] for name in expected} == pytest.approx(expected, rel=1e-6)


def test_an_item_counts_from_when_it_was_known_for_a_day() -> None:
    """D-10: what happened hours before it was known is not older for that, and its last day is whole."""
    rows = rows_of("events", event("a", 0, event_time=at(-9)))
    said = features_of({"events": rows}, -1, 0, 1, 6, 24, 24.001)
    assert said["event_missing_flag"] == [1, 0, 0, 0, 0, 1]
    decayed = [0.0, *(math.exp(-hours / 12) for hours in (0, 1, 6, 24)), 0.0]
    assert said["event_decay"] == pytest.approx(decayed, rel=1e-6)
    assert said["event_lag_bucket_0_1h"] == [0, 1, 1, 0, 0, 0]
    assert said["event_lag_bucket_1_6h"] == [0, 0, 0, 1, 0, 0]
    assert said["event_lag_bucket_6_24h"] == [0, 0, 0, 0, 1, 0]


def test_a_later_reading_counts_once_and_makes_nothing_younger() -> None:
    """D-11: counts that were read a day after the post were attached to the post itself."""
    rows = rows_of(
        "posts",
        post("p", 0, sentiment=0.5),
        post("p", 2, sentiment=-0.5, engagement=99.0, observed_time=at(3), event_time=at(0)),
        post("p", 30, engagement=5000.0, observed_time=at(30), event_time=at(0)),
    )
    said = features_of({"posts": rows}, 1, 2, 3, 24, 25, 31)
    assert said["post_missing_flag"] == [0, 0, 0, 0, 1, 1]
    assert said["social_post_sentiment"] == [0.5, -0.5, -0.5, -0.5, 0, 0]
    assert said["social_engagement_missing_flag"] == [1, 1, 0, 0, 1, 1]
    assert said["social_engagement_norm"][2] == pytest.approx(math.tanh(math.log(100) / 6), rel=1e-6)


def test_counts_that_nobody_knows_when_they_were_read_never_count() -> None:
    """D-11."""
    said = features_of({"posts": rows_of("posts", post("p", 0, engagement=9.0, followers=9.0))}, 1)
    assert (said["post_missing_flag"], said["social_engagement_missing_flag"]) == ([0], [1])
    assert said["social_influence_missing_flag"] == [1]


def test_made_up_items_never_count() -> None:
    """Spec 1.4, D-19: comments were invented until there were ten of them per post."""
    rows = rows_of("posts", post("p", 0, synthetic=True, sentiment=1.0))
    assert features_of({"posts": rows}, 1)["post_missing_flag"] == [1]


def test_what_concerns_everybody_weighs_less() -> None:
    """Spec 6.2."""
    said = features_of({"events": rows_of("events", event("a", 0, scope="macro"), event("b", 0, scope="crypto"))}, 1)
    assert said["event_velocity_1h"] == pytest.approx([math.tanh(1.7)], rel=1e-6)


def test_what_states_no_tier_or_confidence() -> None:
    """It counts as the lowest tier, weighted by that alone; of the confidence nothing is said."""
    said = features_of({"events": rows_of("events", event("a", 0, tier=None, confidence=None))}, 1)
    assert said["event_velocity_1h"] == pytest.approx([math.tanh(0.2)], rel=1e-6)
    assert said["source_tier_weight"] == pytest.approx([0.2])
    assert (said["source_confidence"], said["event_confidence_missing_flag"]) == ([0], [1])
    assert (said["event_importance_missing_flag"], said["event_novelty_missing_flag"]) == ([1], [1])


def test_what_nobody_believes_is_not_there() -> None:
    said = features_of({"events": rows_of("events", event("a", 0, confidence=0.0, sentiment=1.0))}, 1)
    assert (said["event_missing_flag"], said["event_sentiment_missing_flag"]) == ([1], [1])


def test_what_was_not_believed_yet_makes_nothing_younger() -> None:
    """Believed from noon on, it was known at ten: until noon the newest that counts is the one of nine."""
    rows = rows_of(
        "events",
        event("a", 9, event_time=at(9)),
        event("b", 10, confidence=0.0, event_time=at(10)),
        event("b", 12, confidence=0.9, event_time=at(10)),
        event("b", 14, confidence=0.0, event_time=at(10)),
    )
    times = instants(8, 9, 10, 11, 12, 13, 14, 33, 33.5)
    ages = observed(PROFILE, {"events": rows}, times)["event_age"].ravel() / HOUR
    np.testing.assert_array_equal(ages, [np.nan, 0, 1, 2, 2, 3, 5, 24, np.nan])
    until = observed(PROFILE, {"events": rows_until(rows, at(11))}, times)["event_age"].ravel() / HOUR
    np.testing.assert_array_equal(until[:4], ages[:4])


@pytest.mark.parametrize("count", [1, 2, 50])
def test_equal_opinions_do_not_disagree(count: int) -> None:
    rows = rows_of("events", *(event(f"{i}", i / 10, sentiment=0.1, confidence=0.07) for i in range(count)))
    said = features_of({"events": rows}, 6)
    assert (said["event_disagreement"], said["cross_source_consensus"]) == ([0], [1])


def test_a_table_that_is_not_there_leaves_its_part_out() -> None:
    """D-05, D-04: absent from the contract, not a constant; an empty one is neutral and flagged."""
    alone = features_of({"posts": rows_of("posts")}, 0)
    assert "social_buzz" in alone
    assert {"event_decay", "social_event_ratio", "comment_skew"}.isdisjoint(alone)
    everything = features_of({name: rows_of(name) for name in ("events", "posts", "comments")}, 0)
    assert set(everything) == {feature.name for feature in events.FEATURES}
    assert all(values == [float(name.endswith("_flag"))] for name, values in everything.items())
    with pytest.raises(DataError, match=r"data\.uses\.events"):
        PROFILE.open({}, ["A"])
    with pytest.raises(DataError, match="without symbol"):
        PROFILE.open({"events": rows_of("events").drop("symbol")}, ["A"])


def test_the_last_five_keys_of_the_original_stand_in_the_contract() -> None:
    """D-04: its online profile left them out."""
    names = {feature.known_as for feature in events.FEATURES}
    assert {
        "event_density", "sentiment_abs", "social_comment_rate", "event_importance_mean", "novelty_confidence_blend",
    } <= names  # fmt: skip


some_hours = st.integers(0, 60).map(lambda steps: steps / 2)
number = st.one_of(st.none(), st.integers(0, 20).map(lambda steps: steps / 20))
told_events = st.lists(
    st.fixed_dictionaries(
        {
            "symbol": st.sampled_from(["A", "B", "Z"]),
            "event_id": st.sampled_from("abcdefgh"),
            "known_time": some_hours.map(at),
            "tier": st.one_of(st.none(), st.integers(1, 5)),
            "confidence": number,
            "importance": number,
            "novelty": number,
            "sentiment": st.one_of(st.none(), st.integers(-10, 10).map(lambda steps: steps / 10)),
            "publisher": st.sampled_from(["x", "y", None]),
            "source": st.sampled_from(["s", "x"]),
            "scope": st.sampled_from(["crypto", "macro"]),
        }
    ),
    max_size=25,
    unique_by=lambda row: (row["symbol"], row["event_id"], row["known_time"]),
)
doubted_events = st.lists(
    st.tuples(st.sampled_from("abc"), st.integers(0, 12), st.sampled_from([0.0, 0.9])),
    min_size=3,
    max_size=10,
    unique_by=lambda row: row[:2],
).map(
    lambda told: [
        {
            **dict.fromkeys(("importance", "novelty", "sentiment", "publisher", "scope")),
            **event(name, hours, event_time=at(0), confidence=confidence, source="s"),
        }
        for name, hours, confidence in told
    ]
)
"""Few events, restated within hours, of which many a vintage is believed by nobody."""
some_events = st.one_of(told_events, doubted_events)
some_times = st.lists(some_hours, min_size=1, max_size=6, unique=True).map(lambda hours: instants(*sorted(hours)))


def there(rows: list[dict[str, Any]], symbol: str, time: int) -> list[dict[str, Any]]:
    """The newest known vintage of each event that is there, with its weight and age in hours."""
    newest: dict[str, dict[str, Any]] = {}
    for row in sorted(rows, key=lambda row: row["known_time"]):
        if row["symbol"] == symbol and row["known_time"] <= time:
            first = newest.get(row["event_id"], row).get("first", row["known_time"])
            newest[row["event_id"]] = {**row, "first": first}
    found = []
    for row in newest.values():
        tier_weight = (6 - (row["tier"] or 5)) / 5
        confidence = 1.0 if row["confidence"] is None else row["confidence"]
        weight = tier_weight * confidence * (0.7 if row["scope"] == "macro" else 1)
        if weight and time - row["first"] <= DAY:
            age = (time - row["first"]) / HOUR
            found.append({**row, "w": weight, "tw": tier_weight, "age": age, "by": row["publisher"] or row["source"]})
    return found


def mean(items: list[dict[str, Any]], value: Any, *, weight: Any = lambda one: one["w"]) -> float:
    told = [(weight(one), value(one)) for one in items if value(one) is not None]
    return sum(w * v for w, v in told) / sum(w for w, _ in told) if told else math.nan


def novelty_times_confidence(one: dict[str, Any]) -> float | None:
    return None if None in (one["novelty"], one["confidence"]) else one["novelty"] * one["confidence"]


def by_hand(items: list[dict[str, Any]]) -> dict[str, float]:
    stating = [one for one in items if one["sentiment"] is not None]
    total, middle = sum(one["w"] for one in items), mean(items, lambda one: one["sentiment"])
    shares, means = [], []
    for publisher in sorted({one["by"] for one in items}):
        own = [one for one in items if one["by"] == publisher]
        shares.append(sum(one["w"] for one in own) / total)
        if any(one["sentiment"] is not None for one in own):
            weight = sum(one["w"] for one in own if one["sentiment"] is not None)
            means.append({"w": weight, "gap": (mean(own, lambda one: one["sentiment"]) - middle) ** 2})
    entropy = -sum(share * math.log(share) for share in shares)
    nothing = math.nan if not items else 0.0
    return {
        "count": len(items),
        "decay": mean(items, lambda one: math.exp(-one["age"] / 12)),
        "tier_weight": mean(items, lambda one: one["tw"], weight=lambda one: 1),
        "confidence": mean(items, lambda one: one["confidence"], weight=lambda one: 1),
        "weight_1h": nothing + sum(one["w"] for one in items if one["age"] <= 1),
        "weight_6h": nothing + sum(one["w"] for one in items if one["age"] <= 6),
        "share_1h": mean(items, lambda one: float(one["age"] <= 1)),
        "share_6h": mean(items, lambda one: float(1 < one["age"] <= 6)),
        "share_24h": mean(items, lambda one: float(one["age"] > 6)),
        "sentiment": middle,
        "sentiment_abs": mean(stating, lambda one: abs(one["sentiment"])),
        "disagreement": math.sqrt(mean(stating, lambda one: (one["sentiment"] - middle) ** 2)),
        "source_diversity": nothing + (entropy / math.log(len(shares)) if len(shares) > 1 else 0.0),
        "source_consensus": 1 - min(1.0, math.sqrt(mean(means, lambda one: one["gap"]))) if means else math.nan,
        "importance": mean(items, lambda one: one["importance"]),
        "novelty_confidence": mean(items, novelty_times_confidence),
    }  # fmt: skip


@settings(max_examples=60)
@given(rows=some_events, times=some_times)
def test_event_profiles_agree_with_a_loop(rows: list[dict[str, Any]], times: Any) -> None:
    symbols = ("A", "B", "C")
    found = observed(PROFILE, {"events": rows_of("events", *rows)}, times, symbols)
    for row, time in enumerate(times):
        for place, symbol in enumerate(symbols):
            items = there(rows, symbol, int(time))
            expected = by_hand(items)
            said = {name: found[f"event_{name}"][row, place] for name in expected}
            # The deviation's square is told from nothing only where rounding does not hide it.
            assert said == pytest.approx(expected, rel=1e-6, abs=2e-5, nan_ok=True)
            age = min((time - one["first"] for one in items), default=math.nan)
            np.testing.assert_equal(found["event_age"][row, place], float(age))


@given(rows=some_events, times=some_times, cut=some_hours.map(at))
def test_events_known_later_change_nothing_and_one_instant_says_the_same(
    rows: list[dict[str, Any]], times: Any, cut: int
) -> None:
    """Truncation, poison and online, each to the bit."""
    frame, symbols = rows_of("events", *rows), ("A", "B")
    observe, past = PROFILE.open({"events": frame}, symbols), times <= cut
    whole = observe(times)
    for other in (rows_until(frame, cut), garbled_after(frame, cut), frame.reverse()):
        for name, values in observed(PROFILE, {"events": other}, times, symbols).items():
            np.testing.assert_array_equal(values[past], whole[name][past], err_msg=name)
    for row in range(len(times)):
        for name, values in observe(times[row : row + 1]).items():
            np.testing.assert_array_equal(values[0], whole[name][row], err_msg=name)


some_posts = st.lists(
    st.fixed_dictionaries(
        {
            "symbol": st.sampled_from(["A", "B"]),
            "post_id": st.sampled_from("abcdef"),
            "known_time": some_hours.map(at),
            "observed_time": st.one_of(st.none(), some_hours.map(at)),
            "engagement": st.one_of(st.none(), st.integers(0, 5000).map(float)),
            "followers": st.one_of(st.none(), st.integers(-2, 50).map(float)),
            "sentiment": st.one_of(st.none(), st.integers(-10, 10).map(lambda steps: steps / 10)),
        }
    ),
    max_size=20,
    unique_by=lambda row: (row["symbol"], row["post_id"], row["known_time"]),
)


@given(rows=some_posts, times=some_times, cut=some_hours.map(at))
def test_posts_and_readings_known_later_change_nothing(rows: list[dict[str, Any]], times: Any, cut: int) -> None:
    """D-11: a reading of counts that lies ahead is not there, though its post is."""
    frame, past = rows_of("posts", *rows), times <= cut
    whole = observed(POSTS, {"posts": frame}, times, ("A", "B"))
    for other in (rows_until(frame, cut), garbled_after(frame, cut)):
        for name, values in observed(POSTS, {"posts": other}, times, ("A", "B")).items():
            np.testing.assert_array_equal(values[past], whole[name][past], err_msg=name)
    for row, time in enumerate(times):
        newest: dict[str, dict[str, Any]] = {}
        for one in sorted((one for one in rows if one["symbol"] == "A"), key=lambda one: one["known_time"]):
            if one["known_time"] <= time:
                newest[one["post_id"]] = {
                    **one,
                    "first": newest.get(one["post_id"], {"first": one["known_time"]})["first"],
                }
        seen = [one for one in newest.values() if time - one["first"] <= DAY]
        read = [
            math.log1p(one["engagement"])
            for one in seen
            if one["engagement"] is not None and one["observed_time"] is not None and one["observed_time"] <= time
        ]
        assert whole["post_count"][row, 0] == len(seen)
        expected = sum(read) / len(read) if read else math.nan
        assert whole["post_engagement"][row, 0] == pytest.approx(expected, rel=1e-9, nan_ok=True)


@given(rows=some_events, posts=some_posts, times=some_times)
def test_what_is_missing_is_neutral_and_flagged(
    rows: list[dict[str, Any]], posts: list[dict[str, Any]], times: Any
) -> None:
    """D-04, D-15: the flag of something missing is 1, and of nothing else."""
    tables = {"events": rows_of("events", *rows), "posts": rows_of("posts", *posts), "comments": rows_of("comments")}
    said = built(events.FEATURES, events.SOURCES, tables, times, ("A", "B"))
    bare = [replace(feature, neutral=None) for feature in events.FEATURES]
    missing = built(bare, events.SOURCES, tables, times, ("A", "B"))
    for feature in events.FEATURES:
        if feature.mask is not None:
            gone = np.isnan(missing[feature.name])
            np.testing.assert_array_equal(np.array(said[feature.mask]) == 1.0, gone, err_msg=feature.name)
            assert np.all(np.array(said[feature.name])[gone] == 0.0)
