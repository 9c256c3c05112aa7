"""Six hours of five-minute buckets: by hand, against a loop, and without the future."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from catalog_rows import at, built, garbled_after, instants, observed, rows_of
from hypothesis import given
from hypothesis import strategies as st

from tidegate.core.history import rows_until
from tidegate.core.time import HOUR, MINUTE
from tidegate.features.formulas import events, text_statistics
from tidegate.features.text_profiles import TextProfile

PROFILE = TextProfile(name="text_post", table="posts")


def post(name: str, minutes: float, **more: Any) -> dict[str, Any]:
    known = at(minutes / 60)
    return {"symbol": "A", "post_id": name, "known_time": known, "author_id": name, "text": name, **more}


def test_a_window_by_hand() -> None:
    """Spec 14.2, 15.5: three posts of two authors, two of them with one text."""
    posts = rows_of(
        "posts",
        post("a", 1, event_time=at(0), sentiment=0.5, author_id="x", text="moon", engagement=9.0, observed_time=at(1)),
        post("b", 2, event_time=at(0), sentiment=-0.1, author_id="x", text="moon"),
        post("c", 300, event_time=at(5), author_id="y", text="doom"),
    )
    comments = rows_of(
        "comments",
        {"symbol": "A", "comment_id": "k", "known_time": at(5), "sentiment": -0.2},
    )
    said = built(
        text_statistics.FEATURES, text_statistics.SOURCES, {"posts": posts, "comments": comments}, instants(5.5)
    )
    weighted = (4 * 0.5 - 1 * 0.1) / 5
    expected = {
        "text_item_count": 3,
        "text_unique_authors": 2,
        "text_duplicate_ratio": 1 / 3,
        "text_mean_lag_seconds": (300 + 300 + 0) / 3,
        "text_coverage": 0.25,
        "text_density": 3 / 72,
        "text_buzz": math.tanh(math.log(4) / 4),
        "text_velocity_1h": math.tanh(1 / 12),
        "text_velocity_6h": math.tanh(3 / 72),
        "text_influence_norm": math.tanh(math.log(2) / 2),
        "text_engagement_norm": math.tanh(math.log(10) / 3),
        "text_post_sentiment": weighted,
        "text_sentiment_abs": (4 * 0.5 + 0.1) / 5,
        "text_comment_sentiment": -0.2,
        "text_comment_rate": 1 / 3,
        "text_comment_skew": -0.2 - weighted,
    }
    assert {name: said[name][0] for name in expected} == pytest.approx(expected, rel=1e-6)
    assert [name for name in said if name.endswith("_flag") and said[name] != [0]] == []


def test_a_post_counts_from_the_end_of_its_bucket() -> None:
    """D-48: rounded down, a post stood at the start of a bucket that it came in the middle of."""
    found = observed(
        PROFILE, {"posts": rows_of("posts", post("a", 2), post("b", 5))}, instants(2 / 60, 4.9 / 60, 5 / 60)
    )
    assert found["text_post_items"].ravel().tolist() == [0, 0, 2]
    assert found["text_post_buckets"].ravel().tolist() == [0, 0, 1]


def test_a_post_counts_for_six_hours_of_buckets() -> None:
    said = built(
        text_statistics.FEATURES, text_statistics.SOURCES, {"posts": rows_of("posts", post("a", 5))},
        instants(0, 5 / 60, 1, 1 + 5 / 60, 6, 6 + 5 / 60),
    )  # fmt: skip
    assert said["text_missing_flag"] == [1, 0, 0, 0, 0, 1]
    assert said["text_item_count"] == [0, 1, 1, 1, 1, 0]
    assert [value > 0 for value in said["text_velocity_1h"]] == [False, True, True, False, False, False]


def test_the_two_estimators_have_names_of_their_own() -> None:
    """D-29: values of six hours and of a day were blended under one name, twice."""
    ours = {feature.name for feature in text_statistics.FEATURES}
    assert ours.isdisjoint(feature.name for feature in events.FEATURES)
    assert all(name.startswith("text_") for name in ours)


def test_comments_alone_say_nothing_of_posts() -> None:
    """D-30."""
    comments = rows_of("comments", {"symbol": "A", "comment_id": "k", "known_time": at(0), "sentiment": 1.0})
    said = built(text_statistics.FEATURES, text_statistics.SOURCES, {"comments": comments}, instants(1))
    assert set(said) == {"text_comment_sentiment", "text_comment_sentiment_missing_flag"}
    both = built(
        text_statistics.FEATURES,
        text_statistics.SOURCES,
        {"comments": comments, "posts": rows_of("posts")},
        instants(1),
    )
    assert both["text_item_count"] == both["text_post_sentiment"] == [0]
    assert both["text_missing_flag"] == both["text_comment_skew_missing_flag"] == [1]


some_minutes = st.integers(0, 500)
some_posts = st.lists(
    st.fixed_dictionaries(
        {
            "symbol": st.sampled_from(["A", "B", "Z"]),
            "post_id": st.sampled_from("abcdefgh"),
            "known_time": some_minutes.map(lambda minutes: at(minutes / 60)),
            "observed_time": st.one_of(st.none(), some_minutes.map(lambda minutes: at(minutes / 60))),
            "author_id": st.sampled_from(["x", "y", None]),
            "author": st.sampled_from(["x", "z"]),
            "text": st.sampled_from(["one", "two", None]),
            "sentiment": st.one_of(st.none(), st.integers(-10, 10).map(lambda steps: steps / 10)),
            "engagement": st.one_of(st.none(), st.integers(-1, 500).map(float)),
        }
    ),
    max_size=25,
    unique_by=lambda row: (row["symbol"], row["post_id"], row["known_time"]),
)
some_times = st.lists(some_minutes, min_size=1, max_size=6, unique=True).map(
    lambda minutes: instants(*(one / 60 for one in sorted(minutes)))
)


def bucket_end(instant: int) -> int:
    return -(-instant // (5 * MINUTE)) * 5 * MINUTE


def by_hand(rows: list[dict[str, Any]], symbol: str, time: int) -> dict[str, float]:
    newest: dict[str, dict[str, Any]] = {}
    for row in sorted(rows, key=lambda row: row["known_time"]):
        end = bucket_end(row["known_time"])
        if row["symbol"] == symbol and end <= time:
            newest[row["post_id"]] = {**row, "end": newest.get(row["post_id"], {"end": end})["end"]}
    items = [row for row in newest.values() if time - row["end"] < 6 * HOUR]
    for row in items:
        seen = row["observed_time"] is not None and bucket_end(row["observed_time"]) <= time
        row["read"] = row["engagement"] if seen and (row["engagement"] or 0) >= 0 else None
        row["w"] = 1 + math.sqrt(row["read"] or 0)
    stating = [row for row in items if row["sentiment"] is not None]
    weight, read = sum(row["w"] for row in stating), [row["read"] for row in items if row["read"] is not None]
    return {
        "items": len(items),
        "items_1h": sum(time - row["end"] < HOUR for row in items),
        "authors": len({row["author_id"] or row["author"] for row in items}),
        "texts": len({row["text"] for row in items}),
        "buckets": len({row["end"] for row in items}),
        "sentiment": sum(row["w"] * row["sentiment"] for row in stating) / weight if stating else math.nan,
        "sentiment_abs": sum(row["w"] * abs(row["sentiment"]) for row in stating) / weight if stating else math.nan,
        "engagement": sum(read) / len(read) if read else math.nan,
        "age": min((time - row["end"] for row in items), default=math.nan),
    }


@given(rows=some_posts, times=some_times)
def test_windows_agree_with_a_loop(rows: list[dict[str, Any]], times: Any) -> None:
    found = observed(PROFILE, {"posts": rows_of("posts", *rows)}, times, ("A", "B", "C"))
    for row, time in enumerate(times):
        for place, symbol in enumerate("ABC"):
            expected = by_hand(rows, symbol, int(time))
            said = {name: found[f"text_post_{name}"][row, place] for name in expected}
            assert said == pytest.approx(expected, rel=1e-6, abs=1e-7, nan_ok=True)


@given(rows=some_posts, times=some_times, cut=some_minutes.map(lambda minutes: at(minutes / 60)))
def test_what_became_known_later_changes_nothing(rows: list[dict[str, Any]], times: Any, cut: int) -> None:
    """Truncation, poison and online, each to the bit."""
    frame, past = rows_of("posts", *rows), times <= cut
    observe = PROFILE.open({"posts": frame}, ("A", "B"))
    whole = observe(times)
    for other in (rows_until(frame, cut), garbled_after(frame, cut)):
        for name, values in observed(PROFILE, {"posts": other}, times, ("A", "B")).items():
            np.testing.assert_array_equal(values[past], whole[name][past], err_msg=name)
    for row in range(len(times)):
        for name, values in observe(times[row : row + 1]).items():
            np.testing.assert_array_equal(values[0], whole[name][row], err_msg=name)
