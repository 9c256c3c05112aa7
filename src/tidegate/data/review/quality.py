"""How good an event is as an input, in one number."""

from __future__ import annotations

import polars as pl

from tidegate.core.errors import CatalogError
from tidegate.core.time import Instant, Window
from tidegate.data.catalog import Catalog

__all__ = ["event_quality", "score_events"]

_FULL = 4
"""Entities from which on more add nothing."""


def event_quality(confidence: pl.Expr, importance: pl.Expr, novelty: pl.Expr, entities: pl.Expr) -> pl.Expr:
    """Return the quality score of events, 0 to 1.

    ``0.3 confidence + 0.25 importance + 0.25 novelty + 0.2 min(1, entities / 4)``. What a source leaves open counts as
    0: importance is not a second confidence, and absence is no merit.

    Examples
    --------
    >>> row = pl.DataFrame({"c": [1.0], "i": [0.4], "n": [None], "e": [2]}, schema_overrides={"n": pl.Float64})
    >>> row.select(event_quality(pl.col("c"), pl.col("i"), pl.col("n"), pl.col("e"))).item()
    0.5
    """
    known = 0.3 * confidence.fill_null(0.0) + 0.25 * importance.fill_null(0.0) + 0.25 * novelty.fill_null(0.0)
    # Rounded, so that a score of one half passes a threshold of one half.
    return (known + 0.2 * (entities.fill_null(0) / _FULL).clip(upper_bound=1.0)).round(12)


def score_events(catalog: Catalog, dataset: str, *, as_of: Instant, window: Window | None = None) -> pl.DataFrame:
    """Return the events known by then with their quality, by event id; events that were made up are left out.

    Parameters
    ----------
    window
        Event times; none means all.

    Returns
    -------
    polars.DataFrame
        ``event_id``, ``event_time``, ``known_time``, ``kind``, ``title``, ``url``, ``publisher``; ``entities``, how
        many symbols it is linked to; ``quality``, 0 to 1.

    Raises
    ------
    CatalogError
        If the data set has no events.
    """
    events = catalog.read("events", dataset=dataset, as_of=as_of, window=window).filter(~pl.col("synthetic"))
    quality = event_quality(*(pl.col(name) for name in ("confidence", "importance", "novelty", "entities")))
    return (
        events.join(_entities(catalog, dataset, as_of, window), on="event_id", how="left", maintain_order="left")
        .with_columns(pl.col("entities").fill_null(0))
        .select("event_id", "event_time", "known_time", "kind", "title", "url", "publisher", "entities",
                quality.alias("quality"))
        .sort("event_id", "event_time")
        .collect()
    )  # fmt: skip


def _entities(catalog: Catalog, dataset: str, as_of: Instant, window: Window | None) -> pl.LazyFrame:
    """Return how many symbols each event is linked to; none where nothing was ever linked."""
    try:
        links = catalog.read("entity_links", dataset=dataset, as_of=as_of, window=window)
    except CatalogError:
        return pl.LazyFrame(schema={"event_id": pl.String(), "entities": pl.UInt32()})
    real = links.filter(pl.col("item_kind") == "event", ~pl.col("synthetic"))
    return real.group_by(pl.col("item_id").alias("event_id")).agg(pl.col("symbol").n_unique().alias("entities"))
