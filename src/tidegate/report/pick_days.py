"""What became of the picks of each day."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from tidegate.report.language import format_value

__all__ = ["PickDay", "by_day"]


@dataclass(frozen=True, kw_only=True)
class PickDay:
    """The picks of one day: its ISO date, the mean net return of those that were ``traded``, and each by name."""

    day: str
    picks: int
    traded: int
    known: int
    hits: int
    base_rate: float | None
    net_return: float | None
    names: str


def by_day(picks: pl.DataFrame) -> tuple[PickDay, ...]:
    """Sum up the picks of one model, as :func:`~tidegate.registry.picks_of` returns them, by day."""
    days = picks.group_by("day", maintain_order=True).agg(
        picks=pl.len(),
        known=pl.col("hit").count(),
        hits=pl.col("hit").sum(),
        base_rate=pl.col("base_rate").mean(),
        traded=pl.col("net_return").count(),
        net_return=pl.col("net_return").mean(),
        symbols=pl.col("symbol"),
        returns=pl.col("net_return").alias("returns"),
    )
    return tuple(
        PickDay(
            day=str(row["day"]),
            picks=row["picks"],
            traded=row["traded"],
            known=row["known"],
            hits=int(row["hits"]),
            base_rate=row["base_rate"],
            net_return=row["net_return"],
            names=", ".join(
                f"{name} {format_value(earned, 'signed1')}"
                for name, earned in zip(row["symbols"], row["returns"], strict=True)
            ),
        )
        for row in days.iter_rows(named=True)
    )
