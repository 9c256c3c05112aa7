"""The rows of a data kind as an audit needs them: the newest known one of each key, real ones apart from the rest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import polars as pl

from tidegate.core.time import SECOND, BarInterval, Instant, Window
from tidegate.data.catalog import Catalog
from tidegate.data.tables import MOMENT, spec_of

__all__ = ["BARS_SCHEMA", "KindRows", "Latency", "bars_known_in_time", "kind_rows"]

BARS_SCHEMA: Final = {
    "symbol": pl.String(),
    "event_time": MOMENT,
    "calendar": pl.String(),
    **dict.fromkeys(("open", "high", "low", "close"), pl.Float64()),
    "synthetic": pl.Boolean(),
}
"""Columns of the bars that are looked at."""

_QUANTILES: Final = (0.5, 0.9, 0.99)


@dataclass(frozen=True, slots=True)
class Latency:
    """How long after its event a row became known: quantiles in seconds, over the first known row of each key."""

    p50: float
    p90: float
    p99: float

    @classmethod
    def of(cls, rows: pl.DataFrame, *, at_once: int = 0) -> Latency | None:
        """Return the quantiles of ``known_time - event_time``; none where there is no row.

        Parameters
        ----------
        at_once
            How many rows there are beside these that were known at their own event time.
        """
        late = (rows["known_time"].dt.epoch("us") - rows["event_time"].dt.epoch("us")).sort().to_numpy() / SECOND
        count = at_once + len(late)
        if not count:
            return None
        places = [round(share * (count - 1)) - at_once for share in _QUANTILES]
        return cls(*(float(late[place]) if place >= 0 else 0.0 for place in places))

    def as_dict(self) -> dict[str, float]:
        """Return plain values."""
        return {"p50_seconds": self.p50, "p90_seconds": self.p90, "p99_seconds": self.p99}


@dataclass(frozen=True, eq=False)
class KindRows:
    """Rows of one data kind within a window.

    Parameters
    ----------
    real
        The newest known row of each key that is not synthetic.
    synthetic
        How many keys are synthetic; they never count as coverage.
    latency
        Of the real keys.
    """

    real: pl.DataFrame
    synthetic: int
    latency: Latency | None

    def times(self, **same: Any) -> pl.DataFrame:
        """Return ``symbol str, time i64`` of the real rows whose columns are the ``same``."""
        chosen = self.real.filter(**same) if same else self.real
        return chosen.select("symbol", pl.col("event_time").dt.epoch("us").alias("time"))


def bars_known_in_time(
    catalog: Catalog,
    dataset: str,
    *,
    interval: BarInterval,
    as_of: Instant,
    version: int,
    symbols: Sequence[str] | None,
    window: Window,
) -> tuple[pl.DataFrame, Latency | None, int]:
    """Return the bars that training reads, their latency, and how many more became known only after their close.

    Training uses what was known of a bar at its own close, so a bar that became known later is missing there.

    Returns
    -------
    bars
        Columns :data:`BARS_SCHEMA`, sorted by symbol and event time, each once.
    """
    known = catalog.revisions(
        "bars", dataset=dataset, as_of=as_of, version=version, symbols=symbols, window=window
    ).filter(pl.col("interval") == str(interval))
    key, in_time = ["symbol", "event_time"], pl.col("known_time") <= pl.col("event_time")
    # No bar is known before its close, so of those known in time only the time of the record tells vintages apart.
    timely = known.filter(in_time).select(*BARS_SCHEMA, "recorded_time").sort(*key, "recorded_time")
    bars = timely.unique(key, keep="last", maintain_order=True).drop("recorded_time").collect()
    late = known.filter(~in_time).select(*key, "known_time", "synthetic").sort(*key, "known_time").collect()
    if late.height:
        late = late.unique(key, keep="first", maintain_order=True).join(bars.select(key), on=key, how="anti")
    latency = Latency.of(late.filter(~pl.col("synthetic")), at_once=bars.height - int(bars["synthetic"].sum()))
    return bars, latency, late.height


def kind_rows(
    catalog: Catalog,
    table: str,
    dataset: str,
    *,
    as_of: Instant,
    version: int,
    window: Window,
    symbols: Sequence[str] | None = None,
    where: pl.Expr | None = None,
) -> KindRows:
    """Read the rows of a table about these symbols or series within a window.

    The column that names the member is called ``symbol``, whatever the table calls it.

    Parameters
    ----------
    where
        Which rows, in terms of the table's columns; none means all.
    """
    spec = spec_of(table)
    known = catalog.revisions(table, dataset=dataset, as_of=as_of, version=version, symbols=symbols, window=window)
    key = list(spec.key)
    extra = [name for name in ("revised",) if name in spec.schema]
    columns = [*key, "known_time", "recorded_time", "synthetic", *extra]
    rows = (known if where is None else known.filter(where)).select(columns)
    ordered = rows.sort(*key, "known_time", "recorded_time").collect().rename({spec.member: "symbol"})
    key = ["symbol" if name == spec.member else name for name in key]
    newest = ordered.unique(key, keep="last", maintain_order=True)
    real = newest.filter(~pl.col("synthetic"))
    first = ordered.filter(~pl.col("synthetic")).unique(key, keep="first", maintain_order=True)
    return KindRows(real, newest.height - real.height, Latency.of(first))
