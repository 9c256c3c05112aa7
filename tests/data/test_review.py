"""Quality of events, samples for people, their verdicts, and what of posts is covered."""

from __future__ import annotations

import json
from collections import Counter
from itertools import combinations
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tidegate.core.clock import frozen_clock
from tidegate.core.errors import CatalogError, InputError
from tidegate.core.time import HOUR, MINUTE, Instant, moment_of, parse_instant
from tidegate.core.workspace import Workspace
from tidegate.data import Catalog
from tidegate.data.connectors import collect_from, make_connector
from tidegate.data.review import (
    ReviewVerdict,
    coverage_score,
    event_quality,
    latest_reviews,
    record_review,
    review_statistics,
    sample_events,
    score_events,
    social_coverage,
)

NOON = parse_instant("2024-03-12T12:00:00Z")
CORRECT, INCORRECT, UNCERTAIN = ReviewVerdict


def ingest(workspace: Workspace, connector: str, rows: list[dict[str, Any]]) -> None:
    file = workspace.root.parent / f"{connector}.jsonl"
    file.write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")
    with frozen_clock(Instant(NOON + HOUR)):
        done = collect_from(workspace, make_connector(connector, {"dataset": "news", "path": file}))
    assert done.complete
    assert done.quarantine is None


def story(number: int, **change: Any) -> dict[str, Any]:
    return {
        "title": f"story {number}",
        "source_name": f"publisher {number % 3}",
        "occurred_at": moment_of(NOON).isoformat(),
        "available_at": moment_of(NOON + MINUTE).isoformat(),
        **change,
    }


def say(workspace: Workspace, event: str, reviewer: str, verdict: ReviewVerdict, at: int = NOON + HOUR) -> None:
    with frozen_clock(Instant(at)):
        record_review(workspace, "news", event, reviewer=reviewer, verdict=verdict)


@pytest.fixture
def catalog(workspace: Workspace) -> Catalog:
    """Twelve events of three publishers."""
    ingest(workspace, "events", [story(number) for number in range(12)])
    return Catalog(workspace)


def ids(catalog: Catalog, **chosen: Any) -> list[str]:
    found: list[str] = sample_events(catalog, "news", as_of=Instant(NOON + HOUR), **chosen)["event_id"].to_list()
    return found


@given(
    st.tuples(*[st.none() | st.floats(0, 1)] * 3),
    st.integers(0, 20),
)
def test_quality_is_the_weighted_sum(parts: tuple[float | None, ...], entities: int) -> None:
    """Spec 11.2; D-28: importance is not replaced by confidence, nor anything else by anything else."""
    row = pl.DataFrame({"c": [parts[0]], "i": [parts[1]], "n": [parts[2]], "e": [entities]},
                       schema=dict.fromkeys("cin", pl.Float64()) | {"e": pl.UInt32()})  # fmt: skip

    quality = row.select(event_quality(*(pl.col(name) for name in "cine"))).item()

    weights = (0.3, 0.25, 0.25)
    expected = sum(weight * (part or 0.0) for weight, part in zip(weights, parts, strict=True))
    assert quality == pytest.approx(expected + 0.2 * min(1.0, entities / 4))


def test_links_raise_the_score_unless_they_were_made_up_or_came_later(workspace: Workspace) -> None:
    asset = {"entity_type": "asset", "symbol": "BTC"}
    rows = [
        story(1, confidence=1, importance=1, novelty=1, symbols=["A", "B", "C", "D", "E"]),
        story(2, confidence=0, importance=0, novelty=0, entities=[asset | {"synthetic": True}]),
        story(3, synthetic=True),
    ]
    ingest(workspace, "events", rows)

    scored = score_events(Catalog(workspace), "news", as_of=Instant(NOON + HOUR)).sort("title")

    assert scored["title"].to_list() == ["story 1", "story 2"]  # what was made up is not scored
    assert scored["entities"].to_list() == [5, 0]
    assert scored["quality"].to_list() == [1.0, 0.0]
    assert score_events(Catalog(workspace), "news", as_of=NOON).is_empty()


def test_a_sample_depends_on_its_seed_alone(catalog: Catalog, workspace: Workspace) -> None:
    first = ids(catalog, limit=6)

    assert ids(catalog, limit=6) == first
    assert ids(catalog, limit=3) == first[:3]
    assert ids(catalog, limit=6, seed=1) != first
    ingest(workspace, "events", [story(number) for number in range(100, 104)])
    again = ids(catalog, limit=6)
    assert [event for event in again if event in first] == first[: len(set(first) & set(again))]


def test_a_sample_is_fair(catalog: Catalog) -> None:
    drawn = Counter(event for seed in range(200) for event in ids(catalog, limit=3, seed=seed))

    assert len(drawn) == 12
    assert all(20 < count < 80 for count in drawn.values())  # 50 are expected, five standard deviations allowed


def test_a_sample_can_ask_for_quality(workspace: Workspace) -> None:
    ingest(workspace, "events", [story(number, importance=number / 10) for number in range(11)])
    catalog = Catalog(workspace)

    drawn = sample_events(catalog, "news", as_of=Instant(NOON + HOUR), minimum_quality=0.4)

    # 0.3 x 0.5 + 0.25 x importance + 0.25 x 0.5 reaches 0.4 from an importance of one half on.
    assert sorted(drawn["title"]) == ["story 10", *(f"story {number}" for number in range(5, 10))]
    assert drawn["quality"].min() == pytest.approx(0.4)


@pytest.mark.parametrize("chosen", [{"limit": 0}, {"limit": 1001}, {"minimum_quality": 1.5}])
def test_a_sample_out_of_range_is_refused(catalog: Catalog, chosen: dict[str, Any]) -> None:
    with pytest.raises(InputError):
        ids(catalog, **chosen)
    with pytest.raises(CatalogError, match="no data set 'none'"):
        sample_events(catalog, "none", as_of=NOON)


def test_nobody_is_asked_twice(catalog: Catalog, workspace: Workspace) -> None:
    first, second, *_ = ids(catalog)
    say(workspace, first, "ada", CORRECT)

    assert first not in ids(catalog, unreviewed_by="ada")
    assert second in ids(catalog, unreviewed_by="ada")
    assert first in ids(catalog, unreviewed_by="bob")


def test_the_last_verdict_of_a_person_counts_and_the_first_stays(catalog: Catalog, workspace: Workspace) -> None:
    (event,) = ids(catalog, limit=1)
    say(workspace, event[:10], " ada ", UNCERTAIN)
    say(workspace, event, "ada", CORRECT, at=NOON + 2 * HOUR)

    def verdicts(at: int) -> list[str]:
        found: list[str] = latest_reviews(catalog, "news", as_of=Instant(at))["verdict"].to_list()
        return found

    assert verdicts(NOON) == []
    assert verdicts(NOON + HOUR) == ["uncertain"]
    assert verdicts(NOON + 3 * HOUR) == ["correct"]
    assert catalog.revisions("event_reviews", dataset="news", as_of=Instant(NOON + 3 * HOUR)).collect().height == 2


def test_a_verdict_needs_an_event_and_a_name(catalog: Catalog, workspace: Workspace) -> None:
    (event,) = ids(catalog, limit=1)
    bad: list[tuple[type[Exception], str, dict[str, Any]]] = [
        (CatalogError, "f" * 64, {"reviewer": "ada"}),
        (CatalogError, event[:7], {"reviewer": "ada"}),
        (CatalogError, "", {"reviewer": "ada"}),
        (InputError, event, {"reviewer": " "}),
        (InputError, event, {"reviewer": "a" * 65}),
        (InputError, event, {"reviewer": "ada", "note": "n" * 2001}),
    ]
    for kind, asked, more in bad:
        with pytest.raises(kind):
            record_review(workspace, "news", asked, verdict=CORRECT, **more)
    assert latest_reviews(catalog, "news", as_of=Instant(NOON + HOUR)).is_empty()


def test_statistics_of_nothing_claim_nothing(catalog: Catalog) -> None:
    found = review_statistics(catalog, "news", as_of=Instant(NOON + HOUR))

    assert (found.events, found.reviews, found.coverage) == (12, 0, 0.0)
    assert (found.precision, found.incorrect_rate, found.uncertain_rate, found.agreement) == (None,) * 4
    assert found.by_source == ()


def test_statistics_count_reviews_and_pairs(catalog: Catalog, workspace: Workspace) -> None:
    """Spec 11.2, by hand: three events, six verdicts, two events that several people saw."""
    first, second, third, *_ = ids(catalog)
    for event, reviewer, verdict in (
        (first, "ada", CORRECT), (first, "bob", CORRECT), (first, "eve", INCORRECT),
        (second, "ada", CORRECT), (second, "bob", UNCERTAIN), (third, "ada", CORRECT),
    ):  # fmt: skip
        say(workspace, event, reviewer, verdict)

    found = review_statistics(catalog, "news", as_of=Instant(NOON + HOUR))

    assert (found.reviews, found.reviewers, found.reviewed_events, found.coverage) == (6, 3, 3, 3 / 12)
    assert (found.precision, found.incorrect_rate, found.uncertain_rate) == (4 / 6, 1 / 6, 1 / 6)
    # Pairs: three of the first event, of which one agrees; one of the second, which does not.
    assert (found.compared_events, found.compared_pairs, found.agreement) == (2, 4, 1 / 4)
    assert sum(one.reviews for one in found.by_source) == 6
    assert found.by_source[0].reviews == max(one.reviews for one in found.by_source)
    assert json.loads(json.dumps(found.as_dict()))["by_source"][0]["publisher"].startswith("publisher")


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    verdicts=st.dictionaries(
        st.tuples(st.integers(0, 4), st.sampled_from(["ada", "bob", "eve"])), st.sampled_from(list(ReviewVerdict))
    )
)
def test_agreement_is_that_of_every_pair(
    tmp_path_factory: pytest.TempPathFactory, verdicts: dict[tuple[int, str], ReviewVerdict]
) -> None:
    workspace = Workspace.create(tmp_path_factory.mktemp("pairs") / "work")
    ingest(workspace, "events", [story(number) for number in range(5)])
    catalog = Catalog(workspace)
    events = ids(catalog)
    for (number, reviewer), verdict in verdicts.items():
        say(workspace, events[number], reviewer, verdict)

    found = review_statistics(catalog, "news", as_of=Instant(NOON + HOUR))

    pairs = [verdicts[one] == verdicts[other] for one, other in combinations(sorted(verdicts), 2) if one[0] == other[0]]
    assert (found.compared_pairs, found.agreement) == (len(pairs), sum(pairs) / len(pairs) if pairs else None)


def post(number: int, **change: Any) -> dict[str, Any]:
    return {
        "platform": "x",
        "source_id": str(number),
        "text": f"text {number}",
        "occurred_at": moment_of(NOON).isoformat(),
        "available_at": moment_of(NOON + number * MINUTE).isoformat(),
        "symbol": "BTC" if number % 2 else "ETH",
        **change,
    }


def test_social_coverage_counts_what_can_be_used(workspace: Workspace) -> None:
    """Spec 7: totals, quantiles of the lag, ratio and symbols; masked counts (D-11) and invented rows cover nothing."""
    observed = moment_of(NOON + 30 * MINUTE).isoformat()
    counted = {"author_followers": 50_000, "engagement": 10_000, "observed_at": observed}
    rows = [
        post(1, **counted),
        post(2, post_sentiment=0.1),
        post(3, likes=5),
        post(4, kind="comment", parent_source_id="1", text=" "),
        post(5, synthetic=True, **counted),
    ]
    ingest(workspace, "social", rows)

    found = social_coverage(Catalog(workspace), "news", as_of=Instant(NOON + HOUR))

    assert (found.items, found.posts, found.comments, found.synthetic) == (4, 3, 1, 1)
    assert (found.enriched, found.masked, found.coverage_ratio) == (2, 1, 0.5)
    # The lag is that of an item's first vintage, not of its counts.
    assert (found.lag_p50_seconds, found.lag_p90_seconds) == (150.0, pytest.approx(222.0))
    assert found.coverage_score == pytest.approx((0.45 * 0.5 + 0.45 + 0.1 + 0.1 + 0.1) / 4)
    assert [(one.symbol, one.posts, one.comments, one.enriched) for one in found.symbols] == [
        ("BTC", 2, 0, 1), ("ETH", 1, 1, 1),
    ]  # fmt: skip
    earlier = social_coverage(Catalog(workspace), "news", as_of=Instant(NOON + 29 * MINUTE))
    assert (earlier.items, earlier.enriched) == (4, 1)


def test_social_coverage_of_nothing_is_refused(workspace: Workspace, catalog: Catalog) -> None:
    with pytest.raises(CatalogError, match="posts"):
        social_coverage(catalog, "news", as_of=NOON)
    ingest(workspace, "social", [post(1, symbol=None, synthetic=True)])
    found = social_coverage(catalog, "news", as_of=Instant(NOON + HOUR))
    assert (found.items, found.coverage_ratio, found.coverage_score, found.lag_p50_seconds) == (0, None, None, None)


@given(st.none() | st.floats(0, 1e7), st.none() | st.floats(0, 1e6), st.none() | st.sampled_from(["", " ", "text"]))
def test_the_coverage_score_is_the_weighted_sum(
    followers: float | None, engagement: float | None, text: str | None
) -> None:
    row = pl.DataFrame({"f": [followers], "e": [engagement], "t": [text]},
                       schema={"f": pl.Float64(), "e": pl.Float64(), "t": pl.String()})  # fmt: skip

    score = row.select(coverage_score(pl.col("f"), pl.col("e"), pl.col("t"))).item()

    parts = 0.45 * min(1.0, (followers or 0.0) / 1e5) + 0.45 * min(1.0, (engagement or 0.0) / 5e3)
    assert score == pytest.approx(parts + 0.10 * (text == "text"))


@pytest.mark.realdata
def test_real_news_can_be_reviewed(workspace: Workspace, real_data: Path) -> None:
    collect_from(
        workspace, make_connector("events", {"preset": "crypto-news", "path": real_data / "crypto_news.parquet"})
    )
    catalog = Catalog(workspace)

    drawn = sample_events(catalog, "crypto-news", as_of=parse_instant("2022-01-01"), limit=1000, minimum_quality=0.4)

    assert drawn.height > 0
    assert drawn["known_time"].max() <= moment_of(parse_instant("2022-01-01"))
    assert set(drawn["quality"].round(3)) <= {0.4, 0.45, 0.5, 0.55, 0.6}
