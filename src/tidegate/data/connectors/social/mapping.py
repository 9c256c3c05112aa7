"""From one row to a post or comment: identity, order of its times, and what may be said of its counts.

Counts (followers, likes, reposts, replies, engagement) are those of the moment at which they were read. A crawl years
later saw what happened since, so a count without that moment is no number here (D-11).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from tidegate.core.fingerprint import fingerprint
from tidegate.core.time import MINUTE, Instant, format_instant
from tidegate.data.connectors.items import Row, SymbolNames, payload_text, refusal
from tidegate.data.connectors.social.settings import Shape, SocialSettings

__all__ = ["COUNTS", "ItemRows", "item_of"]

COUNTS: Final = ("followers", "engagement", "likes", "reposts", "replies")
"""Columns that hold what was counted at ``observed_time``."""

_NAMES: Final = {
    "followers": ("followers", "author_followers", "followers_count"),
    "engagement": ("engagement", "engagement_score"),
    "likes": ("likes", "favorites", "favourites", "like_count", "favorite_count", "score"),
    "reposts": ("reposts", "retweets", "shares", "retweet_count"),
    "replies": ("replies", "n_comments", "num_comments", "n_replies", "reply_count"),
}
_EVERY_NAME: Final = tuple(name for names in _NAMES.values() for name in names)
_READ_LATER: Final = ("symbol", "symbols", "symbol_mentions", "entities", "entity_links", "confidence", "synthetic")
_INVENTED: Final = "comment_backfill_synthetic"
_DIGITS: Final = re.compile(r"[-+]?\d+(\.\d+)?")
_MANY: Final = 1e12
_IDENTITY_DIGITS: Final = 16


@dataclass(frozen=True, kw_only=True)
class ItemRows:
    """One post or comment.

    Parameters
    ----------
    table
        ``posts`` or ``comments``.
    plain
        Its row without counts; None where the counts became known together with it.
    counted
        Its row with counts, known since both the item and the counts were; None where there are none to be told.
    links
        Rows of ``entity_links``.
    is_masked
        Whether it came with counts of an unknown moment.
    """

    table: str
    plain: Mapping[str, Any] | None
    counted: Mapping[str, Any] | None
    links: tuple[Mapping[str, Any], ...]
    is_masked: bool


@dataclass(frozen=True, kw_only=True)
class _Times:
    occurred: Instant
    known: Instant
    observed: Instant | None


@dataclass(frozen=True, kw_only=True)
class _Told:
    """What a row says beyond its words: things said, counts by column, and every count by the source's name."""

    said: dict[str, Any]
    counts: dict[str, float]
    raw: dict[str, Any]


def item_of(row: Row, settings: SocialSettings, names: SymbolNames) -> ItemRows:
    """Return the post or comment that a row tells of.

    Raises
    ------
    DataError
        If its times do not come in the order occurred, published, available; if it tells no availability (D-10); if
        a value is out of its range.
    """
    times = _times(row, settings)
    is_comment = _is_comment(row)
    table, member = ("comments", "comment_id") if is_comment else ("posts", "post_id")
    platform = (row.text("platform") or settings.platform).strip().lower()
    if not platform.replace("-", "").replace("_", "").isalnum():
        raise refusal("a platform that is no word")
    words = {
        "title": None if is_comment else row.text("title"),
        "text": row.text("text", "body"),
        "url": row.text("source_url", "url"),
    }
    item = {
        "dataset": settings.dataset,
        member: f"{platform}:{_source_id(row, platform, words, times.occurred)}",
        "event_time": times.occurred,
        **{name: value for name, value in words.items() if not (is_comment and name == "title")},
        **({"parent_id": _parent(row, platform)} if is_comment else {}),
        "platform": platform,
        "author_id": row.text("author_id"),
        "author": row.text("author"),
        "source": settings.origin,
    }
    plain, counted, is_masked = _vintages(row, item, times, settings.shape)
    links = _links(row, item, str(item[member]), "comment" if is_comment else "post", times.known, names)
    return ItemRows(table=table, plain=plain, counted=counted, links=links, is_masked=is_masked)


def _is_comment(row: Row) -> bool:
    answers = row.value("parent_source_id", "parent_id") is not None
    kind = (row.text("kind") or ("comment" if answers else "post")).lower()
    if kind not in {"post", "comment"}:
        raise refusal("a kind other than post or comment")
    return kind == "comment"


def _times(row: Row, settings: SocialSettings) -> _Times:
    """Return when an item occurred, was known, and had its counts read; refuse times in the wrong order."""
    occurred, published = row.instant("occurred_at", "created_at"), row.instant("published_at", day_ends=True)
    if published is None:
        published = row.instant("occurred_at", "created_at", day_ends=True)
    if occurred is None:
        occurred = published
    if occurred is None or published is None:
        raise refusal("no time of the post")
    told = row.instant("observed_at", "counts_observed_at", "retrieved_at", day_ends=True)
    observed = settings.counts_observed if told is None else told
    known = max(_available(row, published, observed, settings), row.instant("edited_at") or occurred)
    if published < occurred:
        raise refusal("published before it occurred")
    if known < published:
        raise refusal("available before it was published")
    if observed is not None and observed < occurred:
        raise refusal("counts read before the post was there")
    return _Times(occurred=occurred, known=known, observed=observed)


def _available(row: Row, published: Instant, observed: Instant | None, settings: SocialSettings) -> Instant:
    """Return when an item was available: as told, after the delay, or at the latest when it was read (D-10)."""
    told = row.instant("available_at", day_ends=True)
    ingested = row.instant("ingested_at", day_ends=True)
    if told is not None:
        return told
    if settings.availability_delay_minutes is not None:
        return row.after(published, settings.availability_delay_minutes * MINUTE)
    if ingested is not None:
        return ingested
    if observed is not None:
        return observed
    raise refusal("no time of availability, and no availability_delay_minutes")


def _source_id(row: Row, platform: str, words: Mapping[str, str | None], occurred: Instant) -> str:
    """Return the source's id; without one, the first digits of what makes an item itself."""
    told = row.text("source_id", "id")
    if told is not None:
        return told.strip()
    title = words["title"] or words["text"] or ""
    return fingerprint([platform, words["url"] or "", format_instant(occurred), title])[:_IDENTITY_DIGITS]


def _parent(row: Row, platform: str) -> str | None:
    parent = row.text("parent_source_id", "parent_id")
    return None if parent is None else f"{platform}:{parent.strip()}"


def _vintages(
    row: Row, item: Mapping[str, Any], times: _Times, shape: Shape
) -> tuple[Mapping[str, Any] | None, Mapping[str, Any] | None, bool]:
    """Return the row without counts, the one with them, and whether counts had to be masked."""
    sentiment = row.number("post_sentiment", "sentiment", least=-1.0, most=1.0)
    # What others wrote below a post is as late as the number of them.
    of_comments = row.number("comment_sentiment", least=-1.0, most=1.0)
    told = _told(row, shape, str(item["platform"]))
    base = {
        **item,
        **dict.fromkeys(COUNTS),
        "sentiment": sentiment,
        "observed_time": None,
        "synthetic": row.flag("synthetic") or told.said.get(_INVENTED) is True,
    }
    if of_comments is not None:
        told.raw["comment_sentiment"] = of_comments
    if times.observed is None or not told.raw:
        masked = {"counts_masked": True, "counts": {name: str(one) for name, one in told.raw.items()}}
        payload = payload_text({**told.said, **(masked if told.raw else {})})
        return {**base, "known_time": times.known, "payload": payload}, None, bool(told.raw)
    known = max(times.known, times.observed)
    both = [one for one in (sentiment, of_comments) if one is not None]
    counted = {
        **base,
        **{name: told.counts.get(name) for name in COUNTS},
        "sentiment": sum(both) / len(both) if both else None,
        "known_time": known,
        "observed_time": times.observed,
        "payload": payload_text({**told.said, "counts": told.raw}),
    }
    plain = {**base, "known_time": times.known, "payload": payload_text(told.said)}
    return (None if known == times.known else plain), counted, False


def _told(row: Row, shape: Shape, platform: str) -> _Told:
    """Return what a row says beyond its words: numbers are taken for counts, whatever they are called."""
    raw = {**row.present(_EVERY_NAME), **row.mapping("counts")}
    fields = Row(raw)
    # Votes against count, too, where they can be given.
    least = -_MANY if platform == "reddit" else 0.0
    found = {
        ours: fields.number(*names, least=least if ours == "likes" else 0.0, most=_MANY)
        for ours, names in _NAMES.items()
        if any(name in raw for name in names)
    }
    counts = {name: number for name, number in found.items() if number is not None}
    said = row.mapping("said") if shape is not Shape.RECORDS else {}
    given = row.mapping("payload", "metadata")
    row.present(_READ_LATER)
    for name, value in {**row.rest(), **given}.items():
        (raw if _holds_number(name, value) else said)[name] = value
    if said.get(_INVENTED) is True:
        made_up = {*_NAMES["replies"], *_NAMES["engagement"]}
        raw = {name: value for name, value in raw.items() if name not in made_up}
        counts = {name: number for name, number in counts.items() if name not in {"replies", "engagement"}}
    elif "engagement" not in counts:
        parts = [counts[name] for name in ("likes", "reposts", "replies") if name in counts]
        if parts:
            counts["engagement"] = max(sum(parts), 0.0)
    return _Told(said=said, counts=counts, raw=raw)


def _holds_number(name: str, value: Any) -> bool:
    """Whether a field may be a count: a number or the text of one, also deep inside; names of things are none."""
    if isinstance(value, Mapping):
        return any(_holds_number(str(key), one) for key, one in value.items())
    if isinstance(value, list):
        return any(_holds_number(name, one) for one in value)
    if isinstance(value, str):
        return not name.endswith("id") and _DIGITS.fullmatch(value.strip()) is not None
    return isinstance(value, int | float) and not isinstance(value, bool)


def _links(
    row: Row, item: Mapping[str, Any], member: str, kind: str, known: Instant, names: SymbolNames
) -> tuple[Mapping[str, Any], ...]:
    """Return the links that the row tells, then those found by names."""
    sure = row.number("confidence", least=0.0, most=1.0)
    confidence = None if sure is None else 0.4 + 0.6 * sure
    found: dict[str, tuple[str, float | None, bool]] = {}
    for entity in (*row.several("entities"), *row.several("entity_links")):
        fields = Row(entity if isinstance(entity, Mapping) else {"symbol": entity})
        symbol = fields.text("symbol")
        if symbol is not None:
            told = fields.number("confidence", least=0.0, most=1.0)
            role = fields.text("role") or "mentioned"
            found.setdefault(symbol.strip(), (role, confidence if told is None else told, fields.flag("synthetic")))
    told_symbols = [*row.several("symbol"), *row.several("symbols"), *row.several("symbol_mentions")]
    named = names.found_in([item.get("title"), item["text"]])
    for symbol in (*(one.strip() for one in told_symbols if isinstance(one, str) and one.strip()), *named):
        found.setdefault(symbol, ("mentioned", confidence, False))
    shared = {"dataset": item["dataset"], "event_time": item["event_time"], "known_time": known, "item_id": member}
    return tuple(
        {**shared, "symbol": symbol, "role": role, "confidence": how_sure, "item_kind": kind,
         "source": item["source"], "synthetic": synthetic}
        for symbol, (role, how_sure, synthetic) in found.items()
    )  # fmt: skip
