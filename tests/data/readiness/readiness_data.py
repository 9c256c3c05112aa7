"""Rows of every table for audits of readiness, and the recipe that reads them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl

from tidegate.core.clock import frozen_clock
from tidegate.core.recipe import Recipe
from tidegate.core.time import Instant, instant_of
from tidegate.core.workspace import Workspace
from tidegate.data import Catalog
from tidegate.data.readiness import ReadinessAudit, audit_readiness
from tidegate.data.tables import spec_of

START = datetime(2024, 1, 1, tzinfo=UTC)
HOURS = 600
HOUR = timedelta(hours=1)
END = START + HOURS * HOUR
SYMBOLS = ("BTC", "ETH")


def recipe_of(**data: Any) -> Recipe:
    """A recipe on hourly bars of two coins."""
    universe = data.pop("universe", {"symbols": list(SYMBOLS)})
    return Recipe.model_validate(
        {
            "name": "made",
            "data": {"dataset": "coins", "interval": "1h", **data},
            "universe": universe,
            "split": {"first_test": "2024-01-15"},
            "models": {"lightgbm": {}},
            "costs": {"preset": "crypto-perpetual"},
        }
    )


def rows(
    table: str, events: Sequence[datetime], *, dataset: str, late: timedelta = timedelta(0), **values: Any
) -> pl.DataFrame:
    """Rows of a table, known so long after their event; whatever is not given is missing."""
    spec = spec_of(table)
    given = {
        "dataset": dataset,
        "event_time": pl.Series(list(events), dtype=pl.Datetime("us", "UTC")),
        "known_time": pl.Series([event + late for event in events], dtype=pl.Datetime("us", "UTC")),
        "source": "made",
        "synthetic": False,
        "revised": False,
        **values,
    }
    columns = [
        (given[name] if isinstance(given.get(name), pl.Series) else pl.Series([given.get(name)] * len(events)))
        .cast(kind)
        .alias(name)
        for name, kind in spec.schema.items()
        if name != "recorded_time"
    ]
    return pl.DataFrame(columns)


def bars(
    symbol: str,
    hours: Iterable[int] = range(1, HOURS + 1),
    *,
    dataset: str = "coins",
    step: timedelta = HOUR,
    interval: str = "1h",
    **values: Any,
) -> pl.DataFrame:
    """Bars that close so many steps after the start."""
    closes = [START + hour * step for hour in hours]
    prices = {"open": 10.0, "high": 11.0, "low": 9.0, "close": 10.0, "volume": 5.0, "traded_value": 50.0}
    adjusted = {"adjustment": 1.0, "calendar": "24/7", "interval": interval, "symbol": symbol}
    return rows("bars", closes, dataset=dataset, **{**prices, **adjusted, **values})


def metrics(symbol: str, name: str, steps: Iterable[int], *, step: timedelta, **values: Any) -> pl.DataFrame:
    """Readings of a metric that end so many steps before the end."""
    events = [END - back * step for back in steps]
    return rows("metrics", events, symbol=symbol, metric=name, value=1.0, unit="ratio", **values)


def put(workspace: Workspace, table: str, *frames: pl.DataFrame) -> None:
    """Append frames of one data set."""
    Catalog(workspace).append(table, pl.concat(frames))


def audited(workspace: Workspace, recipe: Recipe | None = None, *, as_of: datetime = END) -> ReadinessAudit:
    """The audit as it would have been made then."""
    at = Instant(instant_of(as_of))
    with frozen_clock(at):
        return audit_readiness(Catalog(workspace), recipe or recipe_of(), as_of=at)
