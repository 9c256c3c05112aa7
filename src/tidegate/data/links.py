"""Items about symbols: events, posts and comments, found by the links that were known by then."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, Literal

import polars as pl

from tidegate.core.time import Instant, Window
from tidegate.data.catalog import Catalog
from tidegate.data.tables import spec_of

__all__ = ["ITEM_TABLES", "ItemTable", "items_about", "vintages_about"]

ItemTable = Literal["events", "posts", "comments"]
ITEM_TABLES: Final = ("events", "posts", "comments")
_KINDS: Final = {"events": "event", "posts": "post", "comments": "comment"}


def items_about(
    catalog: Catalog,
    table: ItemTable,
    *,
    dataset: str,
    symbols: Sequence[str],
    as_of: Instant,
    window: Window | None = None,
    versions: Mapping[str, int] | None = None,
) -> pl.LazyFrame:
    """Return the newest known row of each item that is linked to a symbol, once per symbol.

    A link counts from the moment it was known: an article that was tagged a week later is about nothing until then.
    Links that were made up (``synthetic``) never count.

    Parameters
    ----------
    table
        ``events``, ``posts`` or ``comments``.
    window
        Event times of the items.
    versions
        ``table/dataset`` to the table version that is read, of links and items; the present one where it names none.

    Returns
    -------
    polars.LazyFrame
        The table's columns with ``symbol``, and ``linked_time``, the instant from which the pair was known; sorted by
        symbol and event time.

    Raises
    ------
    CatalogError
        If the data set has no items or no links.
    """
    member, pinned = spec_of(table).member, versions or {}
    links = catalog.read(
        "entity_links", dataset=dataset, as_of=as_of, symbols=symbols, window=window,
        version=pinned.get(f"entity_links/{dataset}"),
    )  # fmt: skip
    links = links.filter(pl.col("item_kind") == _KINDS[table], ~pl.col("synthetic")).select(
        "symbol", pl.col("item_id").alias(member), pl.col("known_time").alias("linked_time")
    )
    version = pinned.get(f"{table}/{dataset}")
    items = catalog.read(table, dataset=dataset, as_of=as_of, window=window, version=version)
    joined = items.join(links, on=member, maintain_order="left_right").with_columns(
        pl.max_horizontal("known_time", "linked_time").alias("linked_time")
    )
    return joined.sort("symbol", "event_time", member, maintain_order=True)


def vintages_about(
    catalog: Catalog,
    table: str,
    *,
    dataset: str,
    symbols: Sequence[str],
    as_of: Instant,
    versions: Mapping[str, int],
) -> pl.LazyFrame:
    """Return every vintage of the items that are linked to symbols, as features read them.

    Parameters
    ----------
    table
        ``events``, ``posts`` or ``comments``.
    versions
        ``table/dataset`` to the table version that is read, of links and items; the present one where it names none.

    Returns
    -------
    polars.LazyFrame
        The table's columns with ``symbol``, sorted by symbol, event time and item; ``known_time`` is the later of item
        and link, since an article that was tagged a week later is about nothing until then. Of the vintages that had
        been superseded by then only the last is there. Links that were made up never count. An event of scope
        ``macro`` concerns every symbol, whatever its links; where it is restated to another scope, the later vintage
        stands with a confidence of 0 at the symbols that it is not linked to, so that it counts for them no longer.

    Raises
    ------
    CatalogError
        If the data set has no items or no links.
    """
    member = spec_of(table).member
    pinned = {name: versions.get(f"{name}/{dataset}") for name in ("entity_links", table)}
    links = catalog.revisions(
        "entity_links", dataset=dataset, as_of=as_of, symbols=symbols, version=pinned["entity_links"]
    )
    links = (
        links.filter(pl.col("item_kind") == _KINDS[table], ~pl.col("synthetic"))
        .group_by("symbol", pl.col("item_id").alias(member))
        .agg(pl.col("known_time").min().alias("_linked"))
    )
    items = catalog.revisions(table, dataset=dataset, as_of=as_of, version=pinned[table])
    about = (
        _of_everyone(items, links, symbols, member)
        if table == "events"
        else items.join(links, on=member, maintain_order="left_right")
    )
    return (
        about.sort("symbol", "event_time", member, "known_time", "recorded_time", maintain_order=True)
        .with_columns(pl.max_horizontal("known_time", "_linked").alias("known_time"))
        .drop("_linked")
        # What was restated before it was linked was never seen of this symbol.
        .unique(["symbol", "event_time", member, "known_time"], keep="last", maintain_order=True)
    )


def _of_everyone(items: pl.LazyFrame, links: pl.LazyFrame, symbols: Sequence[str], member: str) -> pl.LazyFrame:
    """Return the vintages of events at the symbols that each is about: what is macro is about every symbol.

    Of rows that are known together the one that counts comes last.
    """
    is_macro = pl.col("scope").eq_missing(pl.lit("macro"))
    everyone = pl.LazyFrame({"symbol": list(symbols)}, schema={"symbol": pl.String})
    macro = items.filter(is_macro)
    spoken = macro.group_by(member).agg(pl.col("known_time").min().alias("_spoken"))
    # Without them an event that was macro once would go on counting for everyone.
    ended = (
        items.filter(~is_macro)
        .join(spoken, on=member, maintain_order="left")
        .filter(pl.col("known_time") >= pl.col("_spoken"))
        .drop("_spoken")
        .join(everyone, how="cross", maintain_order="left_right")
        .with_columns(pl.lit(0.0).alias("confidence"))
    )
    following = pl.col("known_time").shift(-1).over("event_time", member)
    linked = (
        items.sort("event_time", member, "known_time", "recorded_time", maintain_order=True)
        .with_columns(following.alias("_following"))
        .filter(~is_macro)
        .join(links, on=member, maintain_order="left_right")
        # A vintage that was superseded when its link came, by a macro one too, is not the newest from then on.
        .filter(~(pl.col("_following") <= pl.col("_linked")).fill_null(value=False))
        .drop("_following")
    )
    return pl.concat(
        [ended, linked, macro.join(everyone, how="cross", maintain_order="left_right")], how="diagonal_relaxed"
    )
