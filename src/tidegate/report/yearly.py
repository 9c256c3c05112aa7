"""Calendar sums of a backtest: what each year brought and cost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

__all__ = ["COST_PARTS", "COST_ROLES", "Year", "years_of"]

COST_PARTS = ("commission", "half_spread", "impact", "stamp_tax")
COST_ROLES = dict(zip(COST_PARTS, ("first", "third", "second", "fourth"), strict=True))
"""Colour of each kind of cost, the same in every chart."""


@dataclass(frozen=True, kw_only=True)
class Year:
    """One calendar year of a backtest, whole or cut by its ends.

    Parameters
    ----------
    strategy, benchmark, index, equal_weight
        Simple returns within the year; the last two are ``None`` where there is none.
    turnover
        Sum of the sessions' one-sided turnover, as a multiple of equity.
    costs
        Each kind of cost as a fraction of the year's mean equity.
    """

    year: int
    strategy: float
    benchmark: float
    index: float | None
    turnover: float
    costs: Mapping[str, float]
    equal_weight: float | None = None

    @property
    def cost(self) -> float:
        """All costs as a fraction of the year's mean equity."""
        return sum(self.costs.values())


def years_of(equity: pl.DataFrame) -> tuple[Year, ...]:
    """Return the years of an equity table, which carries a column ``day``, in order.

    A year's return runs from the last session of the year before; the first one starts at the first session.
    """
    curves = [name for name in ("equity", "benchmark", "index", "equal_weight") if name in equity.columns]
    sums = [
        *(pl.col(part).sum() for part in ("turnover", *COST_PARTS)),
        pl.col("equity").mean().alias("mean_equity"),
    ]
    ends = [pl.col(curve).last().alias(f"{curve}_end") for curve in curves]
    table = equity.group_by(pl.col("day").dt.year().alias("year"), maintain_order=True).agg(*ends, *sums)
    first = {curve: equity[curve][0] for curve in curves}
    years = []
    for row in table.iter_rows(named=True):
        returns = {curve: _growth(first[curve], row[f"{curve}_end"]) for curve in curves}
        first = {curve: row[f"{curve}_end"] for curve in curves}
        costs = {part: row[part] / row["mean_equity"] for part in COST_PARTS}
        years.append(
            Year(
                year=row["year"],
                strategy=returns["equity"] or 0.0,
                benchmark=returns["benchmark"] or 0.0,
                index=returns["index"],
                turnover=row["turnover"],
                costs=costs,
                equal_weight=returns.get("equal_weight"),
            )
        )
    return tuple(years)


def _growth(start: float | None, end: float | None) -> float | None:
    return None if start is None or end is None else end / start - 1.0
