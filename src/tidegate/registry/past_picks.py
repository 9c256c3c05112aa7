"""What became of the best names of every past day out of sample, summed up by month and by year.

A pick belongs to the day that ends with its close: one at midnight to the day before, and to that day's month.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from tidegate.registry.artifacts import Artifact

__all__ = ["PastMonth", "past_months", "past_sentence", "picks_by_month", "picks_by_year", "picks_of"]

PICKS_FILE = "picks.parquet"


@dataclass(frozen=True, kw_only=True)
class PastMonth:
    """The picks of one month or one year, none of which their models had seen.

    Parameters
    ----------
    month
        Of the decisions, such as ``2024-05`` (UTC), or a year such as ``2024``.
    days, picks
        Days with a list, and names on all of them.
    hits, judged
        Names that were hits, and names of which it is known.
    precision
        Hits per judged name; None where none is.
    base_rate
        The same share over all names of the same days, each day as often as it has judged picks.
    trades
        Picks that could be bought and sold.
    net_return
        Mean simple return of one trade after a round trip; None where none was possible.
    day_sum
        Sum over the days of the day's mean ``net_return``; None likewise.
    called, called_judged, called_hits
        Names whose probability reached the threshold then, those of them whose outcome is known, and the hits among
        them; None where nothing was calibrated.
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
    day_sum: float | None
    called: int | None
    called_judged: int | None
    called_hits: int | None

    @property
    def called_precision(self) -> float | None:
        """Hits per judged name that was called; None where none is."""
        return self.called_hits / self.called_judged if self.called_judged and self.called_hits is not None else None


def picks_of(picks: pl.DataFrame, model: str) -> pl.DataFrame:
    """Return the picks of one model in the order of time and rank, with the ``day`` of each."""
    day = (pl.col("time") - pl.duration(microseconds=1)).dt.date()
    return (
        picks.filter(pl.col("model") == model)
        .with_columns(
            day=day,
            called=pl.col("called").cast(pl.Boolean),
            hit=pl.col("hit").cast(pl.Float64).fill_nan(None),
            net_return=pl.col("net_return").cast(pl.Float64).fill_nan(None),
            base_rate=pl.col("base_rate").cast(pl.Float64).fill_nan(None),
        )
        .sort("time", "rank")
    )


def picks_by_month(picks: pl.DataFrame) -> tuple[PastMonth, ...]:
    """Sum up the picks of one model, as :func:`picks_of` returns them, by month, oldest first."""
    return _periods(picks, "%Y-%m")


def picks_by_year(picks: pl.DataFrame) -> tuple[PastMonth, ...]:
    """Sum up the picks of one model, as :func:`picks_of` returns them, by year, oldest first."""
    return _periods(picks, "%Y")


def past_months(artifact: Artifact, model: str, top_k: int | None = None) -> tuple[PastMonth, ...]:
    """Return the past months of a model, oldest first; empty where its target is no hit.

    Parameters
    ----------
    top_k
        Only so many names of each day; more than the ``picks.top_k`` of the training were not stored.
    """
    if not artifact.holds(PICKS_FILE):
        return ()
    picks = picks_of(pl.read_parquet(artifact.path(PICKS_FILE)), model)
    return picks_by_month(picks if top_k is None else picks.filter(pl.col("rank") <= top_k))


def _periods(picks: pl.DataFrame, pattern: str) -> tuple[PastMonth, ...]:
    known, called = pl.col("hit").is_not_null(), pl.col("called")
    calibrated = called.is_not_null().any()
    period = pl.col("day").dt.strftime(pattern).alias("month")
    days = (
        picks.group_by(period, "day")
        .agg(pl.col("net_return").mean())
        .group_by("month")
        .agg(day_sum=pl.when(pl.col("net_return").is_not_null().any()).then(pl.col("net_return").sum()))
    )
    periods = (
        picks.group_by(period)
        .agg(
            days=pl.col("day").n_unique(),
            picks=pl.len(),
            hits=pl.col("hit").sum().cast(pl.Int64),
            judged=known.sum(),
            precision=pl.col("hit").mean(),
            base_rate=pl.col("base_rate").filter(known).mean(),
            trades=pl.col("net_return").is_not_null().sum(),
            net_return=pl.col("net_return").mean(),
            called=pl.when(calibrated).then(called.sum()),
            called_judged=pl.when(calibrated).then((called & known).sum()),
            called_hits=pl.when(calibrated).then(pl.col("hit").filter(called).sum().cast(pl.Int64)),
        )
        .join(days, on="month")
        .sort("month")
    )
    return tuple(PastMonth(**row) for row in periods.iter_rows(named=True))


def past_sentence(months: Sequence[PastMonth]) -> str:
    """Return what the months say, in one sentence.

    Examples
    --------
    >>> month = PastMonth(
    ...     month="2024-05", days=1, picks=2, hits=1, judged=2, precision=0.5, base_rate=0.25, trades=2,
    ...     net_return=-0.01, day_sum=-0.01, called=0, called_judged=0, called_hits=0,
    ... )
    >>> past_sentence([month]).partition(": ")[0]
    'In 1 of 1 months the picks were hits more often than all names of the same days'
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
        f"In {better} of {len(judged)} months the picks were hits more often than all names of the same days: "
        f"{precision:.1%} of {total:,} against {base_rate:.1%}{earned}."
    )
