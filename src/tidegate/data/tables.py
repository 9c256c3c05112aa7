"""The tables of the catalog: columns, keys and units. Every row says what it is about and when it became known."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import polars as pl

from tidegate.core.errors import CatalogError

__all__ = [
    "BARS",
    "COMMENTS",
    "CORPORATE_ACTIONS",
    "ENTITY_LINKS",
    "EVENTS",
    "EVENT_REVIEWS",
    "FUNDING",
    "MACRO",
    "METRICS",
    "MOMENT",
    "ORDER_BOOKS",
    "POSTS",
    "SCORES",
    "SYMBOL_LIVES",
    "TABLES",
    "TRADES",
    "UNIVERSE",
    "TableSpec",
    "spec_of",
]

MOMENT: Final = pl.Datetime("us", "UTC")


@dataclass(frozen=True, kw_only=True)
class TableSpec:
    """One table.

    Parameters
    ----------
    name
        Folder name in the catalog.
    about
        One line for the reader of a list.
    key
        Columns that, together with ``known_time``, name a row; the last is ``event_time``.
    values
        Columns that a revision may change, with their types.
    attributes
        Columns that describe a row's origin and never count as a revision.
    member
        The key column that names the symbol, series or item.
    units
        Unit of each value column that has one.
    partition
        Key columns that split the table into folders.
    approximate
        Value columns that carry rounding of the source, and the relative difference that is no revision.
    announced_ahead
        Whether a row may be known before what it is about: a delisting is announced weeks ahead.
    """

    name: str
    about: str
    key: dict[str, pl.DataType]
    values: dict[str, pl.DataType]
    attributes: dict[str, pl.DataType]
    member: str = "symbol"
    units: dict[str, str] = field(default_factory=dict)
    partition: tuple[str, ...] = ("dataset",)
    approximate: dict[str, float] = field(default_factory=dict)
    announced_ahead: bool = False

    @property
    def order(self) -> list[str]:
        """What rows of a partition are sorted by; no two rows of one record have the same."""
        return [*(name for name in self.key if name not in self.partition), "known_time"]

    @property
    def schema(self) -> dict[str, pl.DataType]:
        """Every column in stored order."""
        times = {"known_time": MOMENT, "recorded_time": MOMENT}
        return {**self.key, **times, **self.values, **self.attributes}


_TEXT: Final = pl.String()
_NUMBER: Final = pl.Float64()
_WHOLE: Final = pl.Int64()
_FLAG: Final = pl.Boolean()
_ORIGIN: Final[dict[str, pl.DataType]] = {"source": _TEXT, "synthetic": _FLAG}


def _key(*names: str) -> dict[str, pl.DataType]:
    return {**dict.fromkeys(("dataset", *names), _TEXT), "event_time": MOMENT}


def _numbers(*names: str) -> dict[str, pl.DataType]:
    return dict.fromkeys(names, _NUMBER)


def _texts(*names: str) -> dict[str, pl.DataType]:
    return dict.fromkeys(names, _TEXT)


BARS: Final = TableSpec(
    name="bars",
    about="prices and volume of one stretch of time; event_time is its close",
    key=_key("interval", "symbol"),
    # adjustment runs forward: adjusted price = price x adjustment, and no later dividend enters an earlier row.
    values=_numbers("open", "high", "low", "close", "volume", "traded_value", "adjustment"),
    attributes={"calendar": _TEXT, **_ORIGIN},
    units={**dict.fromkeys(("open", "high", "low", "close"), "currency, as traded"), "volume": "shares or coins",
           "traded_value": "currency", "adjustment": "forward factor"},
    partition=("dataset", "interval"),
    # Sources round adj_close to cents, and each download rounds another level: half a cent of ten dollars is 5e-4.
    approximate={"adjustment": 1e-3},
)  # fmt: skip

TRADES: Final = TableSpec(
    name="trades",
    about="single trades; side is the aggressor's",
    key=_key("symbol", "trade_id"),
    values={**_numbers("price", "size"), "side": _TEXT},
    attributes=_ORIGIN,
    units={"price": "currency", "size": "shares or coins", "side": "buy or sell"},
)

ORDER_BOOKS: Final = TableSpec(
    name="order_books",
    about="top of the book at one instant",
    key=_key("symbol"),
    values=_numbers("bid_price", "ask_price", "bid_size", "ask_size", "spread_bps", "imbalance"),
    attributes=_ORIGIN,
    units={**dict.fromkeys(("bid_price", "ask_price"), "currency"),
           **dict.fromkeys(("bid_size", "ask_size"), "shares or coins"), "spread_bps": "bps of the mid price",
           "imbalance": "(bid size - ask size) / (bid size + ask size)"},
)  # fmt: skip

FUNDING: Final = TableSpec(
    name="funding",
    about="funding of perpetuals at the instant it is paid",
    key=_key("symbol"),
    values=_numbers("rate", "period_hours"),
    attributes=_ORIGIN,
    units={"rate": "fraction per period", "period_hours": "hours since the payment before"},
)

METRICS: Final = TableSpec(
    name="metrics",
    about="one number about one symbol; the dictionary of metrics tells unit and largest age",
    key=_key("symbol", "metric"),
    values=_numbers("value"),
    attributes={"unit": _TEXT, **_ORIGIN},
    units={"value": "see column unit"},
)

MACRO: Final = TableSpec(
    name="macro",
    about="numbers about no symbol, with every vintage that is known",
    key=_key("series"),
    values=_numbers("value"),
    # revised: the file held the latest vintage of a series that is revised, so the first print may have differed.
    attributes={"unit": _TEXT, **_ORIGIN, "revised": _FLAG},
    member="series",
    units={"value": "see column unit"},
)

EVENTS: Final = TableSpec(
    name="events",
    about="news, filings, announcements; symbols are found by entity_links",
    key=_key("event_id"),
    values={
        **_texts("kind", "title", "text", "url", "publisher", "scope", "cluster"),
        "tier": _WHOLE,
        **_numbers("confidence", "importance", "novelty", "sentiment"),
        **dict.fromkeys(("published_time", "effective_time"), MOMENT),
        "payload": _TEXT,
    },
    attributes=_ORIGIN,
    member="event_id",
    units={"tier": "1 (best) to 5", "scope": "crypto, equity or macro", "sentiment": "-1 to 1",
           **dict.fromkeys(("confidence", "importance", "novelty"), "0 to 1"), "payload": "JSON"},
    # An embargoed or scheduled event is announced before it happens.
    announced_ahead=True,
)  # fmt: skip

ENTITY_LINKS: Final = TableSpec(
    name="entity_links",
    about="which symbol an event, post or comment is about",
    key=_key("symbol", "item_id"),
    values={"role": _TEXT, "confidence": _NUMBER},
    attributes={"item_kind": _TEXT, **_ORIGIN},
    units={"confidence": "0 to 1", "item_kind": "event, post or comment"},
    announced_ahead=True,
)

_SOCIAL: Final = {
    **_texts("platform", "author_id", "author", "text", "url"),
    **_numbers("sentiment", "followers", "engagement", "likes", "reposts", "replies"),
    # When the counts were read. Without it they would tell of the future, so they are not kept as numbers.
    "observed_time": MOMENT,
    "payload": _TEXT,
}
_SOCIAL_UNITS: Final = {"sentiment": "-1 to 1", "payload": "JSON", **dict.fromkeys(
    ("followers", "engagement", "likes", "reposts", "replies"), "count at observed_time")}  # fmt: skip

POSTS: Final = TableSpec(
    name="posts",
    about="posts of social networks; a later reading of the counts is a further vintage",
    key=_key("post_id"),
    values={"title": _TEXT, **_SOCIAL},
    attributes=_ORIGIN,
    member="post_id",
    units=_SOCIAL_UNITS,
)

COMMENTS: Final = TableSpec(
    name="comments",
    about="comments on posts",
    key=_key("comment_id"),
    values={"parent_id": _TEXT, **_SOCIAL},
    attributes=_ORIGIN,
    member="comment_id",
    units=_SOCIAL_UNITS,
)

UNIVERSE: Final = TableSpec(
    name="universe",
    about="who belonged to a universe at an instant, and why",
    key=_key("symbol"),
    values={"is_member": _FLAG, "rank": _WHOLE, "traded_value": _NUMBER, "snapshot": _TEXT},
    attributes=_ORIGIN,
    units={"rank": "1 = most traded", "traded_value": "currency per bar, mean of the look-back",
           "snapshot": "hash of the whole snapshot"},
)  # fmt: skip

SYMBOL_LIVES: Final = TableSpec(
    name="symbol_lives",
    about="listings, delistings, renames and states of symbols",
    key=_key("symbol", "change"),
    values={"detail": _TEXT},
    attributes=_ORIGIN,
    units={"change": "listed, delisted, renamed, special_treatment, industry, suspended or resumed",
           "detail": "new name, reason or industry"},
    announced_ahead=True,
)  # fmt: skip

CORPORATE_ACTIONS: Final = TableSpec(
    name="corporate_actions",
    about="dividends and splits at their ex-date",
    key=_key("symbol", "action"),
    values={**_numbers("ratio", "amount"), "currency": _TEXT},
    attributes=_ORIGIN,
    units={"ratio": "new shares per old share", "amount": "currency per old share"},
    announced_ahead=True,
)

SCORES: Final = TableSpec(
    name="scores",
    about="forecasts made elsewhere",
    key=_key("symbol", "model"),
    values=_numbers("score"),
    attributes=_ORIGIN,
)

EVENT_REVIEWS: Final = TableSpec(
    name="event_reviews",
    about="what people said of sampled events",
    key=_key("event_id", "reviewer"),
    values=_texts("verdict", "note"),
    attributes=_ORIGIN,
    member="event_id",
    units={"verdict": "correct, incorrect or uncertain"},
)

TABLES: Final = {
    spec.name: spec
    for spec in (
        BARS, TRADES, ORDER_BOOKS, FUNDING, METRICS, MACRO, EVENTS, ENTITY_LINKS, POSTS, COMMENTS, UNIVERSE,
        SYMBOL_LIVES, CORPORATE_ACTIONS, SCORES, EVENT_REVIEWS,
    )
}  # fmt: skip


def spec_of(table: str) -> TableSpec:
    """Return a table by its name.

    Raises
    ------
    CatalogError
        If there is no such table.
    """
    if table not in TABLES:
        raise CatalogError(
            found=f"no table {table!r}", expected=f"one of {', '.join(TABLES)}", hint="list them: tidegate catalog"
        )
    return TABLES[table]
