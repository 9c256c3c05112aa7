"""From one row of a source to an event and its links: fingerprint, defaults, and the instant at which it was known."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from tidegate.core.fingerprint import fingerprint
from tidegate.core.time import MINUTE, Instant, format_instant
from tidegate.data.connectors.events.settings import EventsSettings
from tidegate.data.connectors.items import Row, SymbolNames, payload_text, refusal

__all__ = ["EventRows", "Provenance", "event_fingerprint", "event_of", "source_tier_weight"]

_SCOPES: Final = ("crypto", "equity", "macro")
_POLARITY: Final = re.compile(r"['\"](?:polarity|compound|score)['\"]\s*:\s*(-?\d+(?:\.\d+)?(?:[eE]-?\d+)?)")
_SCORES: Final = ("confidence", "importance", "novelty", "entity_confidence")
_MOST_MILLISECONDS: Final = 1e11


@dataclass(frozen=True, kw_only=True)
class Provenance:
    """How events reached us.

    Parameters
    ----------
    ingested
        The instant at which a live source was read, which is when its events became known; None for files.
    delay_minutes
        From publication to availability, where the row does not tell; None refuses such a row of a file.
    """

    ingested: Instant | None = None
    delay_minutes: float | None = None


@dataclass(frozen=True, kw_only=True)
class EventRows:
    """An event and the symbols it is about, as rows of ``events`` and ``entity_links``."""

    event: Mapping[str, Any]
    links: tuple[Mapping[str, Any], ...]


def event_fingerprint(kind: str, title: str | None, url: str | None, occurred: Instant) -> str:
    """Return the identity of an event: SHA-256 of type, lower-cased title, address and the instant it occurred.

    Examples
    --------
    >>> event_fingerprint("news", "Up", None, 0) == event_fingerprint("news", "UP", None, 0)
    True
    """
    return fingerprint([kind, (title or "").lower(), url or "", format_instant(occurred)])


def source_tier_weight(tier: int) -> float:
    """Return the weight of a source's tier: ``clip((6 - tier) / 5, 0.1, 1)``.

    Examples
    --------
    >>> source_tier_weight(1), source_tier_weight(5)
    (1.0, 0.2)
    """
    return min(max((6 - tier) / 5, 0.1), 1.0)


def event_of(row: Row, settings: EventsSettings, provenance: Provenance, names: SymbolNames) -> EventRows:
    """Return the event that a row tells of.

    Raises
    ------
    DataError
        If the row is not usable: no time, no availability (D-10), available before it was published, a value out of
        its range, neither title nor address.
    """
    occurred, published, known = _times(row, provenance)
    effective = row.instant("effective_at", day_ends=True)
    kind = row.text("type", "event_type", "kind") or settings.kind
    title, text, url = row.text("title", "headline"), row.text("text", "summary"), row.text("source_url", "url", "link")
    if title is None and url is None:
        raise refusal("neither a title nor an address")
    scores = {name: row.number(name, least=0.0, most=1.0) for name in _SCORES}
    told = {name: getattr(settings, name) if score is None else score for name, score in scores.items()}
    tier = _tier(row, settings)
    given = row.mapping("payload", "metadata")
    scope = _scope(row, given, settings)
    event = {
        "dataset": settings.dataset,
        "event_id": event_fingerprint(kind, title, url, occurred),
        "event_time": occurred,
        "known_time": known,
        "kind": kind,
        "title": title,
        "text": text,
        "url": url,
        "publisher": row.text("source_name", "publisher", "source") or settings.publisher,
        "scope": scope,
        "cluster": row.text("dedup_cluster_id", "cluster"),
        "tier": tier,
        **{name: told[name] for name in ("confidence", "importance", "novelty")},
        "sentiment": _sentiment(row),
        "published_time": published,
        # What is read live is known from the moment of reading; the next reading must not look like a revision.
        "effective_time": known if effective is None and provenance.ingested is None else effective,
        "source": settings.origin,
        "synthetic": row.flag("synthetic"),
    }
    links = _links(row, event, told["entity_confidence"], names)
    extras = {
        "source_tier_weight": source_tier_weight(tier),
        "entity_confidence": told["entity_confidence"],
        "latency_ms": row.number("latency_ms"),
        "defaulted": sorted(name for name, score in scores.items() if score is None) or None,
        "entities": row.several("entities") or None,
        "tags": row.several("tags") or None,
        "sentiment_told": _if_not_number(row.value("sentiment", "post_sentiment")),
    }
    event["payload"] = payload_text({**row.rest(), **given, **extras})
    return EventRows(event=event, links=() if scope == "macro" else links)


def _times(row: Row, provenance: Provenance) -> tuple[Instant, Instant, Instant]:
    """Return when it occurred, was published and was known.

    A day without a time of day is over before anything that was published on it counts as public.
    """
    occurred, published = row.instant("occurred_at", "event_time"), row.instant("published_at", day_ends=True)
    if published is None:
        published = row.instant("occurred_at", "event_time", day_ends=True)
    if occurred is None:
        occurred = published
    if occurred is None or published is None:
        raise refusal("no time of the event")
    known = _available(row, published, provenance)
    if known < published:
        raise refusal("available before it was published")
    return occurred, published, known


def _available(row: Row, published: Instant, provenance: Provenance) -> Instant:
    """Return the first instant at which a trader could have known an event; never that of its occurrence (D-10)."""
    told = row.instant("available_at", day_ends=True)
    ingested = row.instant("ingested_at", day_ends=True)
    latency = row.number("latency_ms", least=0.0, most=_MOST_MILLISECONDS)
    if told is not None:
        return told
    if latency is not None:
        return row.after(published, latency * 1000)
    if provenance.ingested is not None:
        return provenance.ingested
    if provenance.delay_minutes is not None:
        return row.after(published, provenance.delay_minutes * MINUTE)
    if ingested is not None:
        return ingested
    raise refusal("no time of availability, and no availability_delay_minutes")


def _tier(row: Row, settings: EventsSettings) -> int:
    tier = row.number("source_tier", "tier", least=1, most=5)
    return settings.tier if tier is None else int(tier)


def _scope(row: Row, payload: Mapping[str, Any], settings: EventsSettings) -> str:
    """Return the scope; an event that is said to be global is macro, so that there is one way to say it."""
    scope = (row.text("market_scope", "scope") or settings.scope).lower()
    if scope not in _SCOPES:
        raise refusal(f"a scope other than {', '.join(_SCOPES)}")
    return "macro" if payload.get("global_impact") is True else scope


def _sentiment(row: Row) -> float | None:
    """Return the sentiment: a number, or the polarity in a mapping, also in one that was written as Python text."""
    told = row.value("sentiment", "post_sentiment")
    if isinstance(told, Mapping):
        told = next((told[name] for name in ("polarity", "compound", "score") if name in told), None)
    elif _if_not_number(told) is not None:
        found = _POLARITY.search(told)
        if found is None:
            raise refusal("sentiment is not a number")
        told = found[1]
    return Row({"sentiment": told}).number("sentiment", least=-1.0, most=1.0)


def _if_not_number(told: Any) -> Any:
    """Return what a source says beyond one number."""
    return told if isinstance(told, Mapping) or (isinstance(told, str) and told.lstrip().startswith("{")) else None


def _links(row: Row, event: Mapping[str, Any], confidence: float, names: SymbolNames) -> tuple[Mapping[str, Any], ...]:
    """Return the links that the row tells, then those found by names."""
    found: dict[str, Mapping[str, Any]] = {}

    def link(symbol: str, role: str, how_sure: float, *, synthetic: bool) -> None:
        shared = {name: event[name] for name in ("dataset", "event_time", "known_time", "source")}
        new = {"symbol": symbol, "item_id": event["event_id"], "role": role, "confidence": how_sure}
        found.setdefault(symbol, {**shared, **new, "item_kind": "event", "synthetic": synthetic or event["synthetic"]})

    for entity in row.several("entities"):
        for symbol, role, how_sure, synthetic in _of_entity(entity, confidence, names):
            link(symbol, role, how_sure, synthetic=synthetic)
    told = [*row.several("symbol"), *row.several("symbols", "symbol_mentions")]
    named = names.found_in([event["title"], event["text"], *_words(row.several("tags")), row.text("searched")])
    for symbol in (*_words(told), *named):
        link(symbol, "mentioned", confidence, synthetic=False)
    return tuple(found.values())


def _of_entity(entity: Any, confidence: float, names: SymbolNames) -> list[tuple[str, str, float, bool]]:
    """Return symbol, role, confidence and synthetic flag of the links of one entity."""
    if not isinstance(entity, Mapping):
        return [(symbol, "mentioned", confidence, False) for symbol in names.found_in([str(entity)])]
    fields = Row(entity)
    symbol, kind = fields.text("symbol"), (fields.text("entity_type", "type") or "").lower()
    if kind == "asset" and symbol is None:
        raise refusal("an asset entity without a symbol")
    role = fields.text("role", "link_role") or "mentioned"
    told = fields.number("confidence", "entity_confidence", least=0.0, most=1.0)
    symbols = names.found_in([fields.text("name")]) if symbol is None else [symbol]
    return [(one, role, confidence if told is None else told, fields.flag("synthetic")) for one in symbols]


def _words(told: list[Any]) -> list[str]:
    return [one.strip() for one in told if isinstance(one, str) and one.strip()]
