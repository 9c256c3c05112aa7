"""What the verdicts on a sample say: how much was looked at, how much of it was right, and whether people agree."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Final

import polars as pl

from tidegate.core.time import Instant
from tidegate.data.catalog import Catalog
from tidegate.data.review.quality import score_events
from tidegate.data.review.workflow import ReviewVerdict, latest_reviews

__all__ = ["ReviewStatistics", "SourceStatistics", "review_statistics"]

_MOST_SOURCES: Final = 50


@dataclass(frozen=True, kw_only=True)
class SourceStatistics:
    """Verdicts on the events of one publisher; shares of ``reviews``."""

    publisher: str
    reviews: int
    precision: float
    incorrect_rate: float
    uncertain_rate: float


@dataclass(frozen=True, kw_only=True)
class ReviewStatistics:
    """Verdicts on a data set of events. Each reviewer's last verdict on an event counts once.

    Parameters
    ----------
    coverage
        Reviewed events over all events; None where there are none.
    precision, incorrect_rate, uncertain_rate
        Shares of ``reviews``; None where there are none.
    by_source
        The 50 publishers with most reviews.
    compared_events
        Events that at least two people reviewed.
    compared_pairs
        Pairs of verdicts on them.
    agreement
        Share of these pairs that say the same; None where there is no pair.
    """

    dataset: str
    events: int
    reviewed_events: int
    reviews: int
    reviewers: int
    coverage: float | None
    precision: float | None
    incorrect_rate: float | None
    uncertain_rate: float | None
    by_source: tuple[SourceStatistics, ...]
    compared_events: int
    compared_pairs: int
    agreement: float | None

    def as_dict(self) -> dict[str, Any]:
        """Return plain values, the document printed under ``--json``."""
        return {**asdict(self), "by_source": [asdict(one) for one in self.by_source]}


def review_statistics(catalog: Catalog, dataset: str, *, as_of: Instant) -> ReviewStatistics:
    """Return what was said of the events of a data set by then.

    Raises
    ------
    CatalogError
        If the data set has no events.
    """
    events = score_events(catalog, dataset, as_of=as_of).select("event_id", "publisher").unique("event_id")
    reviews = latest_reviews(catalog, dataset, as_of=as_of).join(events, on="event_id")
    reviewed = reviews["event_id"].n_unique()
    compared, pairs, equal = _agreement(reviews)
    return ReviewStatistics(
        dataset=dataset,
        events=events.height,
        reviewed_events=reviewed,
        reviews=reviews.height,
        reviewers=reviews["reviewer"].n_unique(),
        coverage=_share(reviewed, events.height),
        precision=_share_of(reviews, ReviewVerdict.CORRECT),
        incorrect_rate=_share_of(reviews, ReviewVerdict.INCORRECT),
        uncertain_rate=_share_of(reviews, ReviewVerdict.UNCERTAIN),
        by_source=_by_source(reviews),
        compared_events=compared,
        compared_pairs=pairs,
        agreement=_share(equal, pairs),
    )


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def _share_of(reviews: pl.DataFrame, verdict: ReviewVerdict) -> float | None:
    return _share(int((reviews["verdict"] == str(verdict)).sum()), reviews.height)


def _by_source(reviews: pl.DataFrame) -> tuple[SourceStatistics, ...]:
    shares = {
        name: (pl.col("verdict") == str(verdict)).mean().alias(name)
        for name, verdict in (
            ("precision", ReviewVerdict.CORRECT),
            ("incorrect_rate", ReviewVerdict.INCORRECT),
            ("uncertain_rate", ReviewVerdict.UNCERTAIN),
        )
    }
    named = reviews.with_columns(pl.col("publisher").fill_null("unknown"))
    grouped = named.group_by("publisher").agg(pl.len().alias("reviews"), *shares.values())
    most = grouped.sort(["reviews", "publisher"], descending=[True, False]).head(_MOST_SOURCES)
    return tuple(SourceStatistics(**row) for row in most.iter_rows(named=True))


def _agreement(reviews: pl.DataFrame) -> tuple[int, int, int]:
    """Return events that several people reviewed, pairs of verdicts on them, and how many pairs say the same."""
    counts = reviews.group_by("event_id", "verdict").len("same")
    events = counts.group_by("event_id").agg(
        pl.col("same").sum().alias("all"), (pl.col("same") * (pl.col("same") - 1) // 2).sum().alias("equal")
    )
    several = events.filter(pl.col("all") >= 2)
    pairs = several.select((pl.col("all") * (pl.col("all") - 1) // 2).sum()).item()
    return several.height, int(pairs), int(several["equal"].sum())
