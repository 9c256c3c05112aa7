"""What the same rule earned before: the best names of every past day out of sample, month by month."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from tidegate.registry.artifacts import Artifact

__all__ = ["PastMonth", "past_months", "past_sentence"]

PICKS_FILE = "picks.parquet"


@dataclass(frozen=True, kw_only=True)
class PastMonth:
    """The picks of one month, none of which their models had seen.

    Parameters
    ----------
    month
        Of the decisions, such as ``2024-05`` (UTC).
    days, picks
        Days with a list, and names on all of them.
    hits, judged
        Names that were hits, and names of which it is known.
    precision
        Hits per judged name; None where none is.
    base_rate
        The same share over all names of the same days, weighed as the picks.
    trades
        Picks that could be bought and sold.
    net_return
        Mean simple return of one trade after a round trip; None where none was possible.
    called, called_hits
        Names whose probability reached the threshold then, and the hits among them.
    """

    month: str
    days: int
    picks: int
    hits: int
    judged: int
    precision: float | None
    base_rate: float | None
    trades: int
    net_return: float | None
    called: int
    called_hits: int


def past_months(artifact: Artifact, model: str, top_k: int | None = None) -> tuple[PastMonth, ...]:
    """Return the past months of a model, oldest first; empty where its target is no hit.

    Parameters
    ----------
    top_k
        Only so many names of each day; more than were stored cannot be had.
    """
    if not artifact.holds(PICKS_FILE):
        return ()
    picks = pl.read_parquet(artifact.path(PICKS_FILE)).filter(pl.col("model") == model)
    if top_k is not None:
        picks = picks.filter(pl.col("rank") <= top_k)
    known, called = pl.col("hit").is_not_null(), pl.col("called").fill_null(value=False)
    months = (
        picks.group_by(pl.col("time").dt.strftime("%Y-%m").alias("month"))
        .agg(
            days=pl.col("time").n_unique(),
            picks=pl.len(),
            hits=pl.col("hit").sum().cast(pl.Int64),
            judged=known.sum(),
            precision=pl.col("hit").mean(),
            base_rate=pl.col("base_rate").filter(known).mean(),
            trades=pl.col("net_return").is_not_null().sum(),
            net_return=pl.col("net_return").mean(),
            called=called.sum(),
            called_hits=pl.col("hit").filter(called).sum().cast(pl.Int64),
        )
        .sort("month")
    )
    return tuple(PastMonth(**row) for row in months.iter_rows(named=True))


def past_sentence(months: Sequence[PastMonth]) -> str:
    """Return what the months say, in one sentence.

    Examples
    --------
    >>> month = PastMonth(
    ...     month="2024-05", days=1, picks=2, hits=1, judged=2, precision=0.5, base_rate=0.25, trades=2,
    ...     net_return=-0.01, called=0, called_hits=0,
    ... )
    >>> past_sentence([month]).partition("; ")[2]
    'one trade lost 1.00% after costs on average.'
    """
    judged = [one for one in months if one.judged and one.base_rate is not None]
    if not judged:
        return "Nothing is known of earlier picks."
    better = sum((one.precision or 0.0) > (one.base_rate or 0.0) for one in judged)
    total = sum(one.judged for one in judged)
    precision = sum(one.hits for one in judged) / total
    base_rate = sum((one.base_rate or 0.0) * one.judged for one in judged) / total
    traded = [(one.net_return, one.trades) for one in judged if one.net_return is not None]
    earned = ""
    if traded:
        mean = sum(value * count for value, count in traded) / sum(count for _, count in traded)
        earned = f"; one trade {'earned' if mean >= 0.0 else 'lost'} {abs(mean):.2%} after costs on average"
    return (
        f"In {better} of {len(judged)} months the picks were hits more often than the other names of their days: "
        f"{precision:.1%} of {total:,} against {base_rate:.1%}{earned}."
    )
