"""How much of a data set of posts and comments can be used, and how late it was known."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Final

import polars as pl

from tidegate.core.errors import CatalogError
from tidegate.core.time import SECOND, Instant, Window
from tidegate.data.catalog import Catalog
from tidegate.data.connectors.social import COUNTS

__all__ = ["SocialCoverage", "SymbolCoverage", "coverage_score", "social_coverage"]

_MOST_SYMBOLS: Final = 20
_FOLLOWERS: Final = 1e5
_ENGAGEMENT: Final = 5e3
_ITEMS: Final = {"posts": "post_id", "comments": "comment_id"}


@dataclass(frozen=True, kw_only=True)
class SymbolCoverage:
    """Posts and comments about one symbol."""

    symbol: str
    posts: int
    comments: int
    enriched: int
    coverage_score: float


@dataclass(frozen=True, kw_only=True)
class SocialCoverage:
    """Coverage of a data set of posts and comments; rows that were made up are counted apart and nowhere else.

    Parameters
    ----------
    items
        Posts and comments.
    enriched
        Items with a sentiment or with counts whose moment of reading is known.
    masked
        Items whose counts are masked, because nothing says when they were read.
    coverage_ratio
        ``enriched / items``; None where there are none.
    coverage_score
        Mean of :func:`coverage_score`; None where there are no items.
    lag_p50_seconds, lag_p90_seconds, lag_p99_seconds
        Quantiles of the time from an item's event to the moment from which it was first known.
    symbols
        The 20 symbols with most items.
    """

    dataset: str
    items: int
    posts: int
    comments: int
    enriched: int
    masked: int
    synthetic: int
    coverage_ratio: float | None
    coverage_score: float | None
    lag_p50_seconds: float | None
    lag_p90_seconds: float | None
    lag_p99_seconds: float | None
    symbols: tuple[SymbolCoverage, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return plain values, the document printed under ``--json``."""
        return {**asdict(self), "symbols": [asdict(one) for one in self.symbols]}


def coverage_score(followers: pl.Expr, engagement: pl.Expr, text: pl.Expr) -> pl.Expr:
    """Return how much is known of an item, 0 to 1.

    ``0.45 min(1, followers / 1e5) + 0.45 min(1, engagement / 5e3) + 0.10 has_text``; a masked count is 0.

    Examples
    --------
    >>> row = pl.DataFrame({"f": [50_000.0], "e": [None], "t": ["up"]}, schema_overrides={"e": pl.Float64})
    >>> row.select(coverage_score(pl.col("f"), pl.col("e"), pl.col("t"))).item()
    0.325
    """
    reach = (followers.fill_null(0.0) / _FOLLOWERS).clip(0.0, 1.0)
    echo = (engagement.fill_null(0.0) / _ENGAGEMENT).clip(0.0, 1.0)
    has_text = text.fill_null("").str.strip_chars() != ""
    return 0.45 * reach + 0.45 * echo + 0.10 * has_text.cast(pl.Float64())


def social_coverage(catalog: Catalog, dataset: str, *, as_of: Instant, window: Window | None = None) -> SocialCoverage:
    """Return the coverage of the posts and comments known by then.

    Raises
    ------
    CatalogError
        If the data set has neither.
    """
    every = _items(catalog, dataset, as_of, window)
    real = every.filter(~pl.col("synthetic"))
    enriched = int(real["enriched"].sum())
    lags = {level: real["lag"].quantile(level / 100, "linear") for level in (50, 90, 99)}
    return SocialCoverage(
        dataset=dataset,
        items=real.height,
        posts=int((real["table"] == "posts").sum()),
        comments=int((real["table"] == "comments").sum()),
        enriched=enriched,
        masked=int(real["masked"].sum()),
        synthetic=every.height - real.height,
        coverage_ratio=enriched / real.height if real.height else None,
        coverage_score=real.select(pl.col("score").mean()).item(),
        lag_p50_seconds=lags[50],
        lag_p90_seconds=lags[90],
        lag_p99_seconds=lags[99],
        symbols=_symbols(catalog, dataset, as_of, window, real),
    )


def _items(catalog: Catalog, dataset: str, as_of: Instant, window: Window | None) -> pl.DataFrame:
    """Return each item once: its newest known row, and how long it took to become known first."""
    found: list[pl.DataFrame] = []
    absent: list[CatalogError] = []
    for table, member in _ITEMS.items():
        try:
            rows = catalog.revisions(table, dataset=dataset, as_of=as_of, window=window)
        except CatalogError as error:
            absent.append(error)
            continue
        key = [member, "event_time"]
        lag = (pl.col("known_time").min().over(key) - pl.col("event_time")).dt.total_microseconds() / SECOND
        newest = rows.with_columns(lag=lag).sort(*key, "known_time", "recorded_time").unique(key, keep="last")
        enriched = pl.any_horizontal(pl.col("sentiment", *COUNTS).is_not_null())
        masked = pl.col("payload").str.contains('"counts_masked":true', literal=True).fill_null(value=False)
        score = coverage_score(pl.col("followers"), pl.col("engagement"), pl.col("text"))
        columns = {"item_id": pl.col(member), "table": pl.lit(table), "enriched": enriched, "masked": masked}
        found.append(newest.select("synthetic", "lag", **columns, score=score).collect())
    if not found:
        raise absent[0]
    return pl.concat(found)


def _symbols(
    catalog: Catalog, dataset: str, as_of: Instant, window: Window | None, items: pl.DataFrame
) -> tuple[SymbolCoverage, ...]:
    try:
        links = catalog.read("entity_links", dataset=dataset, as_of=as_of, window=window)
    except CatalogError:
        return ()
    real = links.filter(~pl.col("synthetic")).select(
        "symbol", "item_id", table=pl.concat_str(pl.col("item_kind"), pl.lit("s"))
    )
    counted = (
        real.join(items.lazy(), on=["item_id", "table"])
        .group_by("symbol")
        .agg(
            (pl.col("table") == "posts").sum().alias("posts"),
            (pl.col("table") == "comments").sum().alias("comments"),
            pl.col("enriched").sum(),
            pl.col("score").mean().alias("coverage_score"),
            pl.len().alias("items"),
        )
        .sort(["items", "symbol"], descending=[True, False])
        .head(_MOST_SYMBOLS)
        .drop("items")
        .collect()
    )
    return tuple(SymbolCoverage(**row) for row in counted.iter_rows(named=True))
