"""What became of the picks, summed up by day and by month."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from tidegate.report.language import format_value

__all__ = ["PickDay", "PickMonth", "by_day", "by_month", "picks_of"]


@dataclass(frozen=True, kw_only=True)
class PickMonth:
    """The picks of one month, or of one year where ``month`` is ``None``.

    Parameters
    ----------
    picks, known, hits
        How many were picked, of how many the outcome is known, and how many of these hit.
    base_rate
        Share of all names that hit on the same days, each day as often as it has known picks.
    calls, calls_known, calls_hit
        The same of those picks that a threshold called; ``None`` where there was none.
    net_return
        Mean simple return of a trade after a round trip; ``None`` where no pick could be traded.
    day_sum
        Sum over the days of the day's mean ``net_return``.
    """

    year: int
    month: int | None
    days: int
    picks: int
    known: int
    hits: int
    base_rate: float | None
    calls: int | None
    calls_known: int | None
    calls_hit: int | None
    net_return: float | None
    day_sum: float | None

    @property
    def precision(self) -> float | None:
        """Share of the picks with a known outcome that hit."""
        return self.hits / self.known if self.known else None

    @property
    def call_precision(self) -> float | None:
        """Share of the called picks with a known outcome that hit."""
        return self.calls_hit / self.calls_known if self.calls_known and self.calls_hit is not None else None


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


def picks_of(picks: pl.DataFrame, model: str) -> pl.DataFrame:
    """Return the picks of one model in order, with the ``day`` of each; a close at midnight ends the day before."""
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


def by_day(picks: pl.DataFrame) -> tuple[PickDay, ...]:
    """Sum up the picks of one model, as :func:`picks_of` returns them, by day."""
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


def by_month(picks: pl.DataFrame) -> tuple[PickMonth, ...]:
    """Sum up the picks of one model by month, each year's sum behind its months."""
    dated = picks.with_columns(year=pl.col("day").dt.year(), month=pl.col("day").dt.month())
    months = [_period(part, int(str(year)), int(str(month))) for (year, month), part in _parts(dated, "year", "month")]
    years = [_period(part, int(str(year)), None) for (year,), part in _parts(dated, "year")]
    return tuple(sorted([*months, *years], key=lambda one: (one.year, one.month or 13)))


def _parts(dated: pl.DataFrame, *keys: str) -> list[tuple[tuple[object, ...], pl.DataFrame]]:
    return list(dated.group_by(*keys, maintain_order=True))


def _period(part: pl.DataFrame, year: int, month: int | None) -> PickMonth:
    known = part.filter(pl.col("hit").is_not_null())
    threshold = part["called"].count() > 0
    called = part.filter(pl.col("called"))
    traded = part.filter(pl.col("net_return").is_not_null())
    days = traded.group_by("day").agg(pl.col("net_return").mean())
    return PickMonth(
        year=year,
        month=month,
        days=part["day"].n_unique(),
        picks=part.height,
        known=known.height,
        hits=int(known["hit"].sum()),
        base_rate=_mean(known["base_rate"]),
        calls=called.height if threshold else None,
        calls_known=called["hit"].count() if threshold else None,
        calls_hit=int(called["hit"].sum()) if threshold else None,
        net_return=_mean(traded["net_return"]),
        day_sum=float(days["net_return"].sum()) if days.height else None,
    )


def _mean(values: pl.Series) -> float | None:
    mean = values.mean()
    return float(mean) if isinstance(mean, float) else None
