"""Which events are read from where, what a source does not say about them, and presets for usual sources."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import Field, model_validator

from tidegate.core.config import Settings
from tidegate.data.connectors.items import Pairs
from tidegate.data.connectors.local_days import ZoneName

__all__ = ["PRESETS", "EventsSettings", "Layout"]

Share = Annotated[float, Field(ge=0.0, le=1.0)]


class Layout(StrEnum):
    """The shape in which a source tells of events."""

    RECORDS = "records"
    """One JSON object, or one row of a table, per event."""
    FEED = "feed"
    """RSS or Atom."""
    GDELT_ARTICLES = "gdelt-articles"
    """Article lists of the GDELT DOC 2.0 API."""
    GDELT_EVENTS = "gdelt-events"
    """The event files that GDELT 2.0 writes every 15 minutes."""
    GDELT_GKG = "gdelt-gkg"
    """The knowledge-graph files (GKG 2.1) that GDELT writes every 15 minutes."""


class EventsSettings(Settings):
    """News, filings and announcements: from files, feeds and GDELT."""

    path: Path | None = None
    """A file, a folder or a glob; none asks the source itself."""
    preset: Literal["crypto-news", "gdelt-articles", "gdelt-events", "gdelt-gkg", "fed-press", "sec-press"] | None = (
        None
    )
    """A usual source; it sets the defaults of the other options."""
    dataset: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")]
    """Name under which the events are kept."""
    layout: Layout = Layout.RECORDS
    """records, feed, gdelt-articles, gdelt-events or gdelt-gkg."""
    feeds: tuple[str, ...] = ()
    """Addresses of RSS or Atom feeds."""
    query: str | None = None
    """What to search GDELT's articles for, in its own query language."""
    start: date | None = None
    """First day (UTC) to ask GDELT for."""
    end: date | None = None
    """Last day (UTC) to ask GDELT for; none goes on up to now."""
    base_url: str | None = None
    """Another address of GDELT's API or files, such as a mirror."""
    gdelt_max_records: Annotated[int, Field(ge=1, le=250)] = 50
    """Articles per request; GDELT gives at most 250."""
    gdelt_pause_seconds: Annotated[float, Field(ge=0.0, le=600.0)] = 5.0
    """Seconds between two searches for articles; GDELT asks for five."""
    step_days: Annotated[int, Field(ge=1, le=30)] = 7
    """Days that one search for articles covers."""
    columns: Pairs = ()
    """ours=theirs for fields that the source names otherwise, such as published_at=date."""
    timezone: ZoneName | None = None
    """IANA zone of times without an offset; none refuses such rows."""
    availability_delay_minutes: Annotated[float, Field(ge=0.0, le=525_600.0)] | None = None
    """How long after its publication an event counts as known, where a file does not say when it was available."""
    symbol_names: Pairs = ()
    """name=SYMBOL: links events whose title, text or tags hold that name as a whole word."""
    only_linked: bool = False
    """Leave out events that are about no symbol and not macro."""
    kind: Annotated[str, Field(min_length=1)] = "news"
    """Type of events that do not say theirs."""
    scope: Literal["crypto", "equity", "macro"] = "crypto"
    """Scope of events that do not say theirs; macro events concern every symbol and have no links."""
    publisher: str | None = None
    """Publisher of events that do not say theirs."""
    tier: Annotated[int, Field(ge=1, le=5)] = 3
    """Quality of the source where it does not say: 1 (best) to 5."""
    confidence: Share = 0.5
    """Confidence where the source does not say, 0 to 1."""
    importance: Share = 0.5
    """Importance where the source does not say, 0 to 1."""
    novelty: Share = 0.5
    """Novelty where the source does not say, 0 to 1."""
    entity_confidence: Share = 0.5
    """Confidence in links where the source does not say, 0 to 1."""
    source: str | None = None
    """Origin noted with every row; none notes file, rss or gdelt."""

    @model_validator(mode="before")
    @classmethod
    def _with_preset(cls, given: Any) -> Any:
        known = isinstance(given, Mapping) and PRESETS.get(str(given.get("preset")))
        return {**known, **given} if known else given

    @property
    def column_map(self) -> dict[str, str]:
        """Our field names to the source's."""
        return dict(pair.split("=", 1) for pair in self.columns)

    @property
    def origin(self) -> str:
        """What the column ``source`` says."""
        return self.source or {Layout.RECORDS: "file", Layout.FEED: "rss"}.get(self.layout, "gdelt")


_CRYPTO_NAMES: Final = (
    "bitcoin=BTC", "BTC=BTC", "ethereum=ETH", "ether=ETH", "ETH=ETH", "solana=SOL", "SOL=SOL", "ripple=XRP", "XRP=XRP",
    "binance coin=BNB", "BNB=BNB", "cardano=ADA", "ADA=ADA", "dogecoin=DOGE", "DOGE=DOGE", "TRX=TRX",
    "avalanche=AVAX", "AVAX=AVAX", "chainlink=LINK", "uniswap=UNI", "arbitrum=ARB", "shiba inu=SHIB", "SHIB=SHIB",
    "toncoin=TON", "sui network=SUI", "aptos=APT", "fantom=FTM", "FTM=FTM", "near protocol=NEAR",
)  # fmt: skip
"""Names that are hardly ever ordinary words; tickers that are (LINK, NEAR, ONE) are left out."""
_CRYPTO_QUERY: Final = "(bitcoin OR ethereum OR cryptocurrency) sourcelang:english"

PRESETS: Final[dict[str, dict[str, Any]]] = {
    # Headlines of three crypto news sites with their summaries. The zone of their times is undocumented and taken as
    # UTC; an hour's delay covers a clock that is off by one.
    "crypto-news": {
        "dataset": "crypto-news",
        "columns": ("source_name=source", "tags=subject", "sentiment=sentiment_textblob"),
        "timezone": "UTC",
        "availability_delay_minutes": 60.0,
        "symbol_names": _CRYPTO_NAMES,
        "source": "crypto-news",
    },
    "gdelt-articles": {
        "dataset": "gdelt-articles",
        "layout": Layout.GDELT_ARTICLES,
        "query": _CRYPTO_QUERY,
        "symbol_names": _CRYPTO_NAMES,
    },
    "gdelt-events": {
        "dataset": "gdelt-events",
        "layout": Layout.GDELT_EVENTS,
        "symbol_names": _CRYPTO_NAMES,
        "only_linked": True,
        "tier": 4,
    },
    "gdelt-gkg": {
        "dataset": "gdelt-gkg",
        "layout": Layout.GDELT_GKG,
        "symbol_names": _CRYPTO_NAMES,
        "only_linked": True,
        "tier": 4,
    },
    "fed-press": {
        "dataset": "fed-press",
        "layout": Layout.FEED,
        "feeds": ("https://www.federalreserve.gov/feeds/press_all.xml",),
        "kind": "regulatory",
        "scope": "macro",
        "publisher": "Federal Reserve",
        "tier": 1,
    },
    "sec-press": {
        "dataset": "sec-press",
        "layout": Layout.FEED,
        "feeds": ("https://www.sec.gov/news/pressreleases.rss",),
        "kind": "regulatory",
        "scope": "equity",
        "publisher": "SEC",
        "tier": 1,
    },
}
"""Settings of usual sources; each may be overridden field by field."""
