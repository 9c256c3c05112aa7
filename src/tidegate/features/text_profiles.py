"""How much was written about a symbol in the last six hours, counted in buckets of five minutes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from tidegate.core.time import HOUR, MINUTE, SECOND
from tidegate.core.units import FloatArray, Int64Array
from tidegate.features.items import ItemSpans, item_spans
from tidegate.features.profiles import newest_age
from tidegate.features.sources import Observe
from tidegate.features.tallies import Tally, by_group, each_time, tally

if TYPE_CHECKING:
    import polars as pl

__all__ = ["TextProfile"]

_BUCKET: Final = 5 * MINUTE
_WINDOW: Final = 6 * HOUR
_MOST_COUNTED: Final = 1e9
_MANY: Final = 2.0**16
_PARTS: Final = (
    "items", "items_1h", "authors", "texts", "buckets", "sentiment", "sentiment_abs", "engagement", "lag", "age",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class TextProfile:
    """Statistics of the posts, or of the comments, of the last six hours of five-minute buckets.

    An item counts from the end of the bucket in which it was first known, never from the bucket's start (D-48), until
    six hours later. Its weight *w* is ``1 + sqrt(engagement)``, as far as its engagement was read by then (D-11).

    ======================= ==============================================================
    column                  value
    ======================= ==============================================================
    ``<name>_items``        number of items; 0 where there is none
    ``<name>_items_1h``     the same of the last hour of buckets
    ``<name>_authors``      different authors
    ``<name>_texts``        different texts
    ``<name>_buckets``      buckets with an item
    ``<name>_sentiment``    sum(w s) / sum(w) over items that state a sentiment *s*
    ``<name>_sentiment_abs`` sum(w abs(s)) / sum(w), the same ones
    ``<name>_engagement``   mean engagement of the items whose engagement was read
    ``<name>_lag``          mean seconds from an item's event to the end of its bucket
    ``<name>_age``          microseconds since the end of the newest item's bucket
    ======================= ==============================================================

    Parameters
    ----------
    name
        Begins the names of the columns.
    table
        ``posts`` or ``comments``.
    """

    name: str
    table: str

    @property
    def produces(self) -> tuple[str, ...]:
        """Columns that it delivers."""
        return tuple(f"{self.name}_{part}" for part in _PARTS)

    @property
    def maximum_age(self) -> int:
        """Microseconds after which an item counts no more."""
        return _WINDOW

    def as_document(self) -> dict[str, Any]:
        """Return the declaration as plain values."""
        return {
            "name": self.name,
            "table": self.table,
            "maximum_age": self.maximum_age,
            "kind": "text profile",
            "bucket": _BUCKET,
        }

    def open(self, tables: Mapping[str, pl.DataFrame], symbols: Sequence[str]) -> Observe:
        """Prepare the rows for some symbols.

        Raises
        ------
        DataError
            If the history has no such table.
        """
        items = item_spans(
            tables,
            self.table,
            symbols,
            columns=("sentiment", "engagement"),
            groups={"authors": ("author_id", "author"), "texts": ("text",)},
            keep=_WINDOW,
            bucket=_BUCKET,
        )
        sums = _TextSums(items)

        def observe(times: Int64Array) -> dict[str, FloatArray]:
            return {f"{self.name}_{part}": values for part, values in sums.at(times).items()}

        return observe


class _TextSums:
    """The sums of a text profile."""

    def __init__(self, items: ItemSpans) -> None:
        engagement = items.number("engagement", -1.0, _MOST_COUNTED)
        engagement = np.where(engagement >= 0.0, engagement, np.nan)
        sentiment, read = items.number("sentiment", -1.0, 1.0), (~np.isnan(engagement)).astype(np.float64)
        # Tens of thousands at most: kept as parts of many, so that their sums fit as exactly.
        weight = (1.0 + np.sqrt(np.nan_to_num(engagement))) / _MANY
        ones, count = np.ones(len(weight)), items.n_symbols
        lag = (items.first - items.group("event")) / (SECOND * _MANY)
        terms = {
            "items": ones,
            "weight": np.where(np.isnan(sentiment), 0.0, weight),
            "sentiment": weight * sentiment,
            "sentiment_abs": weight * np.abs(sentiment),
            "engagement": engagement / _MANY,
            "read": read,
            "lag": lag,
        }
        self._all = tally(items.spans, terms, count)
        self._hour = tally(items.spans.until(items.first + HOUR), {"items": ones}, count)
        self._distinct = {
            "authors": _distinct(items, items.group("authors")),
            "texts": _distinct(items, items.group("texts")),
            "buckets": _distinct(items, items.first),
        }
        self._newest = newest_age(items)

    def at(self, times: Int64Array) -> dict[str, FloatArray]:
        """Return every part of the profile, ``float64 (n, n_symbols)``."""
        sums = self._all.at(times)
        return {
            "items": sums["items"],
            "items_1h": self._hour.at(times)["items"],
            **{name: counted.at(times)["groups"] for name, counted in self._distinct.items()},
            "sentiment": each_time(sums["sentiment"], sums["weight"]),
            "sentiment_abs": each_time(sums["sentiment_abs"], sums["weight"]),
            "engagement": each_time(sums["engagement"], sums["read"]) * _MANY,
            "lag": each_time(sums["lag"], sums["items"]) * _MANY,
            "age": self._newest(times),
        }


def _distinct(items: ItemSpans, group: Int64Array) -> Tally:
    """Return how many groups have an item."""

    def there(sums: Mapping[str, FloatArray]) -> FloatArray:
        return (sums["items"] > 0.5).astype(np.float64)

    return by_group(items.spans, group, {"items": np.ones(len(group))}, {"groups": there}, items.n_symbols)
