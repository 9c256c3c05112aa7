"""What was said about a symbol lately: sums over the items that were known at an instant and young enough.

Events, posts and comments are profiled each for themselves and never mixed (D-30). The weight of an item is
``(6 - clip(tier, 1, 5)) / 5 * confidence``, from 0.2 to 1 before the confidence, times 0.7 where it concerns every
symbol (scope ``macro``). What states no tier counts as tier 5, and what states no confidence is weighted by its tier
alone; posts and comments state neither.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from tidegate.core.time import DAY, HOUR
from tidegate.core.units import FloatArray, Int64Array, Mask
from tidegate.features.items import ItemSpans, item_spans
from tidegate.features.sources import Observe
from tidegate.features.tallies import LEAST_TERM, Tally, by_group, each_time, tally

if TYPE_CHECKING:
    import polars as pl

__all__ = ["EventProfile", "SocialProfile", "newest_age"]

_HALF_DAY: Final = 12 * HOUR
_WINDOW: Final = DAY
_LOWEST_TIER: Final = 5.0
_MACRO_WEIGHT: Final = 0.7
_LEAST_WEIGHT: Final = 1e-9
_MOST_FOLLOWERS: Final = 1e12
_NOTHING: Final = -(2**62)


@dataclass(frozen=True, kw_only=True)
class EventProfile:
    """Statistics of the events of the last 24 hours, by the newest vintage of each that was known.

    An event's age counts from the instant at which it was first known. With *w* its weight, *a* its age in hours, *s*
    its sentiment and *j* its publisher (or, where it has none, its source):

    ==================================== ==============================================================
    column                               value
    ==================================== ==============================================================
    ``<name>_count``                     n; 0 where there is none
    ``<name>_decay``                     sum(w exp(-a / 12)) / sum(w)
    ``<name>_tier_weight``               mean of the tier weights
    ``<name>_confidence``                mean of the confidences that are stated
    ``<name>_weight_1h``, ``_weight_6h`` sum(w) over a <= 1 and a <= 6
    ``<name>_share_1h``, ...             share of sum(w) with a <= 1, 1 < a <= 6, 6 < a
    ``<name>_sentiment``                 sum(w s) / sum(w) over events that state one
    ``<name>_sentiment_abs``             sum(w abs(s)) / sum(w), the same ones
    ``<name>_disagreement``              min(1, weighted deviation of s), the same ones
    ``<name>_source_diversity``          entropy of w by publisher / ln(number of publishers); 0 if one
    ``<name>_source_consensus``          1 - min(1, weighted deviation of the publishers' mean s)
    ``<name>_importance``                sum(w importance) / sum(w) over events that state one
    ``<name>_novelty_confidence``        sum(w novelty confidence) / sum(w) over events that state both
    ``<name>_age``                       microseconds since the newest was known
    ==================================== ==============================================================

    Everything but the count is NaN where there is nothing to take it of. Source of the formulas: those of the
    original's event profile, with importance and novelty as they are stated (D-28).

    Parameters
    ----------
    name
        Begins the names of the columns.
    """

    name: str = "event"

    table: str = "events"

    @property
    def produces(self) -> tuple[str, ...]:
        """Columns that it delivers."""
        return tuple(f"{self.name}_{part}" for part in _EVENT_PARTS)

    @property
    def maximum_age(self) -> int:
        """Microseconds after which an event counts no more."""
        return _WINDOW

    def as_document(self) -> dict[str, Any]:
        """Return the declaration as plain values."""
        return {
            "name": self.name,
            "table": self.table,
            "maximum_age": self.maximum_age,
            "kind": "event profile",
            "decay_hours": 12,
            "macro_weight": _MACRO_WEIGHT,
        }

    def open(self, tables: Mapping[str, pl.DataFrame], symbols: Sequence[str]) -> Observe:
        """Prepare the rows for some symbols; an exact running sum per statistic.

        Raises
        ------
        DataError
            If the history has no such table.
        """
        wanted = ("tier", "confidence", "importance", "novelty", "sentiment", "scope")
        items = item_spans(
            tables,
            self.table,
            symbols,
            columns=wanted,
            groups={"by": ("publisher", "source")},
            keep=_WINDOW + 1,
        )
        sums = _EventSums(items)

        def observe(times: Int64Array) -> dict[str, FloatArray]:
            return {f"{self.name}_{part}": values for part, values in sums.at(times).items()}

        return observe


_EVENT_PARTS: Final = (
    "count", "decay", "tier_weight", "confidence", "weight_1h", "weight_6h", "share_1h", "share_6h", "share_24h",
    "sentiment", "sentiment_abs", "disagreement", "source_diversity", "source_consensus", "importance",
    "novelty_confidence", "age",
)  # fmt: skip


class _EventSums:
    """The sums of an event profile."""

    def __init__(self, items: ItemSpans) -> None:
        tiers = np.nan_to_num(items.number("tier", 1.0, _LOWEST_TIER), nan=_LOWEST_TIER)
        tier_weight, confidence = (6.0 - tiers) / 5.0, items.number("confidence", 0.0, 1.0)
        scope = _is_macro(items)
        weight = tier_weight * np.nan_to_num(confidence, nan=1.0) * np.where(scope, _MACRO_WEIGHT, 1.0)
        # Of what nobody believes at all nothing is said, not even that it is there.
        believed = weight >= _LEAST_WEIGHT
        items, weight, tier_weight, confidence = (
            items.where(believed), weight[believed], tier_weight[believed], confidence[believed],
        )  # fmt: skip
        sentiment, spans, count = items.number("sentiment", -1.0, 1.0), items.spans, items.n_symbols
        importance = items.number("importance", 0.0, 1.0)
        blend = items.number("novelty", 0.0, 1.0) * confidence
        terms = {
            "count": np.ones(len(weight)),
            "weight": weight,
            "tier_weight": tier_weight,
            "confidence": confidence,
            "of_confidence": _there(confidence),
            **_of_stated("importance", weight, importance),
            **_of_stated("blend", weight, blend),
            **_of_stated("sentiment", weight, sentiment),
            "sentiment_abs": weight * np.abs(sentiment),
            "sentiment_square": weight * sentiment * sentiment,
            "stating": _there(sentiment),
            **_decaying(weight, items.first),
        }
        self._all = tally(spans, terms, count)
        self._hour = tally(spans.until(items.first + HOUR + 1), {"weight": weight}, count)
        self._hours = tally(spans.until(items.first + 6 * HOUR + 1), {"weight": weight}, count)
        self._sources = _by_source(items, weight, sentiment)
        self._newest = newest_age(items)

    def at(self, times: Int64Array) -> dict[str, FloatArray]:
        """Return every part of the profile, ``float64 (n, n_symbols)``."""
        sums, sources = self._all.at(times), self._sources.at(times)
        total = sums["weight"]
        hour, hours = self._hour.at(times)["weight"], self._hours.at(times)["weight"]
        stated = sums["of_sentiment"]
        mean = each_time(sums["sentiment"], stated)
        return {
            "count": sums["count"],
            "decay": each_time(_decayed(sums, times), total),
            "tier_weight": each_time(sums["tier_weight"], sums["count"]),
            "confidence": each_time(sums["confidence"], sums["of_confidence"]),
            "weight_1h": np.where(total > 0.0, hour, np.nan),
            "weight_6h": np.where(total > 0.0, hours, np.nan),
            "share_1h": each_time(hour, total),
            "share_6h": each_time(hours - hour, total),
            "share_24h": each_time(total - hours, total),
            "sentiment": mean,
            "sentiment_abs": each_time(sums["sentiment_abs"], stated),
            "disagreement": _deviation(sums["sentiment_square"], stated, mean, sums["stating"]),
            "source_diversity": _diversity(sources, total),
            "source_consensus": 1.0 - _deviation(sources["squares"], stated, mean, sums["stating"]),
            "importance": each_time(sums["importance"], sums["of_importance"]),
            "novelty_confidence": each_time(sums["blend"], sums["of_blend"]),
            "age": self._newest(times),
        }


@dataclass(frozen=True, kw_only=True)
class SocialProfile:
    """Statistics of the posts, or of the comments, of the last 24 hours, by the newest vintage of each.

    ======================= =====================================================================
    column                  value
    ======================= =====================================================================
    ``<name>_count``        n; 0 where there is none
    ``<name>_weight``       sum(w), *w* = 0.2 each: neither tier nor confidence is stated
    ``<name>_sentiment``    mean over those that state one
    ``<name>_engagement``   mean of ln(1 + engagement) over those whose count was read by then (D-11)
    ``<name>_followers``    mean of ln(1 + followers), the same way
    ``<name>_age``          microseconds since the newest was known
    ======================= =====================================================================

    Everything but the count is NaN where there is nothing to take it of.

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
        return tuple(
            f"{self.name}_{part}" for part in ("count", "weight", "sentiment", "engagement", "followers", "age")
        )

    @property
    def maximum_age(self) -> int:
        """Microseconds after which an item counts no more."""
        return _WINDOW

    def as_document(self) -> dict[str, Any]:
        """Return the declaration as plain values."""
        return {"name": self.name, "table": self.table, "maximum_age": self.maximum_age, "kind": "social profile"}

    def open(self, tables: Mapping[str, pl.DataFrame], symbols: Sequence[str]) -> Observe:
        """Prepare the rows for some symbols.

        Raises
        ------
        DataError
            If the history has no such table.
        """
        wanted = ("sentiment", "engagement", "followers")
        items = item_spans(tables, self.table, symbols, columns=wanted, keep=_WINDOW + 1)
        sentiment = items.number("sentiment", -1.0, 1.0)
        logs = {name: _log_count(items.number(name, -1.0, _MOST_FOLLOWERS)) for name in ("engagement", "followers")}
        terms = {"count": np.ones(len(sentiment))}
        for name, values in {"sentiment": sentiment, **logs}.items():
            terms |= _of_stated(name, np.ones(len(values)), values)
        sums, newest = tally(items.spans, terms, len(symbols)), newest_age(items)

        def observe(times: Int64Array) -> dict[str, FloatArray]:
            found = sums.at(times)
            means = {name: each_time(found[name], found[f"of_{name}"]) for name in ("sentiment", *logs)}
            weight = np.where(found["count"] > 0.0, found["count"] * ((6.0 - _LOWEST_TIER) / 5.0), np.nan)
            parts = {"count": found["count"], "weight": weight, **means, "age": newest(times)}
            return {f"{self.name}_{part}": values for part, values in parts.items()}

        return observe


def newest_age(items: ItemSpans) -> Callable[[Int64Array], FloatArray]:
    """Return what tells, at some instants, the microseconds since the newest item there was first known.

    Only spans that hold the instant count: a vintage that is not there, because nobody believed it then, makes nothing
    younger, though its item was known. NaN where there is none.
    """
    instants, bounds, newest = _newest_between(items)

    def ages(times: Int64Array) -> FloatArray:
        found = np.full((len(times), items.n_symbols), np.nan)
        for place in range(items.n_symbols):
            own = slice(bounds[place], bounds[place + 1])
            since = np.searchsorted(instants[own], times, side="right") - 1
            if len(instants[own]):
                first = newest[own][np.maximum(since, 0)]
                found[:, place] = np.where((since >= 0) & (first > _NOTHING), times - first, np.nan)
        return found

    return ages


def _newest_between(items: ItemSpans) -> tuple[Int64Array, Int64Array, Int64Array]:
    """Return instants at which spans begin or end, where each symbol's begin, and the largest ``first`` after each.

    Each span writes its ``first`` to the two blocks of ``2 ** k`` instants that cover it; then each block hands what it
    holds to its halves.
    """
    spans = items.spans
    some = np.flatnonzero(spans.start < spans.stop)
    symbol, first = np.tile(spans.symbol[some], 2), items.first[some]
    moments = np.concatenate([spans.start[some], spans.stop[some]])
    order = np.lexsort((moments, symbol))
    instants, owner = moments[order], symbol[order]
    place = np.empty(len(order), dtype=np.int64)
    place[order] = np.arange(len(order))
    # Of equal instants a search finds the last: what begins or ends anywhere among them stands there.
    begin, end = place[: len(some)], place[len(some) :]
    level = np.frexp(np.maximum(end - begin, 1).astype(np.float64))[1] - 1
    newest = np.full(len(order), _NOTHING, dtype=np.int64)
    for size in range(int(level.max(initial=0)), -1, -1):
        at_level = np.flatnonzero(level == size)
        np.maximum.at(newest, begin[at_level], first[at_level])
        np.maximum.at(newest, end[at_level] - 2**size, first[at_level])
        if size:
            half = 2 ** (size - 1)
            handed = newest.copy()
            np.maximum(newest[half:], handed[:-half], out=newest[half:])
    return instants, np.searchsorted(owner, np.arange(items.n_symbols + 1)), newest


def _is_macro(items: ItemSpans) -> Mask:
    if "scope" not in items.rows.columns:
        return np.zeros(items.rows.height, dtype=np.bool_)
    return np.asarray((items.rows["scope"] == "macro").fill_null(value=False).to_numpy())


def _there(values: FloatArray) -> FloatArray:
    return (~np.isnan(values)).astype(np.float64)


def _of_stated(name: str, weight: FloatArray, values: FloatArray) -> dict[str, FloatArray]:
    """Return weighted values, and the weights of the items that state one."""
    return {name: weight * values, f"of_{name}": weight * _there(values)}


def _log_count(counts: FloatArray) -> FloatArray:
    return np.log1p(np.where(counts >= 0.0, counts, np.nan))


def _decaying(weight: FloatArray, first: Int64Array) -> dict[str, FloatArray]:
    """Return weights as they would be at the start of the day in which each was first known, even and odd days apart.

    What is there at an instant is from its own day or the day before, so that the parity of a day names it, and one
    factor per day carries all its weights to that instant.
    """
    day = first // DAY
    grown = weight * np.exp((first - day * DAY) / _HALF_DAY)
    return {f"decay_{parity}": np.where(day % 2 == parity, grown, 0.0) for parity in (0, 1)}


def _decayed(sums: Mapping[str, FloatArray], times: Int64Array) -> FloatArray:
    day = times // DAY
    since = ((times - day * DAY) / _HALF_DAY)[:, np.newaxis]
    odd = (day % 2 == 1)[:, np.newaxis]
    present = np.where(odd, sums["decay_1"], sums["decay_0"])
    before = np.where(odd, sums["decay_0"], sums["decay_1"])
    carried: FloatArray = present * np.exp(-since) + before * np.exp(-(since + DAY / _HALF_DAY))
    return carried


def _deviation(squares: FloatArray, weight: FloatArray, mean: FloatArray, count: FloatArray) -> FloatArray:
    """Return ``min(1, sqrt(squares / weight - mean ** 2))``; exactly 0 where rounding is all that is left of it."""
    variance = each_time(squares, weight) - mean * mean
    rounding = each_time(4.0 * (count + 1.0) * LEAST_TERM, weight)
    return np.minimum(np.sqrt(np.where(variance <= rounding, np.where(np.isnan(variance), np.nan, 0.0), variance)), 1.0)


def _by_source(items: ItemSpans, weight: FloatArray, sentiment: FloatArray) -> Tally:
    def entropy(sums: Mapping[str, FloatArray]) -> FloatArray:
        own = sums["weight"]
        return own * np.log(np.where(own > 0.0, own, 1.0))

    def squares(sums: Mapping[str, FloatArray]) -> FloatArray:
        return np.nan_to_num(each_time(sums["sentiment"] ** 2, sums["of_sentiment"]))

    def there(sums: Mapping[str, FloatArray]) -> FloatArray:
        return (sums["weight"] > 0.0).astype(np.float64)

    return by_group(
        items.spans,
        items.group("by"),
        {"weight": weight, **_of_stated("sentiment", weight, sentiment)},
        {"entropy": entropy, "squares": squares, "sources": there},
        items.n_symbols,
    )


def _diversity(sources: Mapping[str, FloatArray], total: FloatArray) -> FloatArray:
    """Return the entropy of shares ``p = w / W``: ``ln W - sum(w ln w) / W``, as a share of the largest possible."""
    several = sources["sources"] > 1.5
    entropy = np.log(np.where(total > 0.0, total, 1.0)) - np.nan_to_num(each_time(sources["entropy"], total))
    share: FloatArray = np.clip(entropy / np.log(np.where(several, sources["sources"], np.e)), 0.0, 1.0)
    return np.where(total > 0.0, np.where(several, share, 0.0), np.nan)
