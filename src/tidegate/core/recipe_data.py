"""What a recipe says about its data: which are read, what they must cover, and how missing ones are collected."""

from __future__ import annotations

import re
from datetime import date
from enum import StrEnum
from typing import Annotated, Final, Literal

from pydantic import BeforeValidator, Field, field_validator

from tidegate.core.config import Settings
from tidegate.core.time import BarInterval
from tidegate.core.units import Count, Fraction

__all__ = ["CollectStep", "DataKind", "DataSettings", "Day", "Name", "QualitySettings", "ReadinessSettings"]

Day = Annotated[date, Field(ge=date(1900, 1, 1), le=date(2199, 12, 31))]
Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")]
Share = Annotated[float, Field(gt=0.0, le=1.0)]
"""A least share; never 0, which nothing at all would reach."""
_SECRET: Final = re.compile(r"://[^/?#]*@|[?&][^=&]*(key|token|secret|password|signature)[^=&]*=", re.IGNORECASE)
"""A user in an address, or a value in its query that is named like a secret."""


class DataKind(StrEnum):
    """What can be read beside the bars."""

    SECONDARY_BARS = "secondary_bars"
    ORDER_BOOKS = "order_books"
    FUNDING = "funding"
    DERIVATIVES = "derivatives"
    ONCHAIN = "onchain"
    MACRO = "macro"
    EVENTS = "events"
    POSTS = "posts"
    COMMENTS = "comments"
    SYMBOL_LIVES = "symbol_lives"


class ReadinessSettings(Settings):
    """What ``tidegate audit readiness`` asks for; each least value is asked of the mean over symbols and of the worst.

    A data kind that the recipe does not read is not judged, except in mode ``production``.
    """

    production_days: Count = 420
    """Mode ``production`` looks at so many days before now."""
    derivatives_days: Count = 30
    """The indicators of derivatives are looked at over so many days: exchanges keep no more of them."""
    bars_fraction: Share = 0.90
    """Least share of the bars that the calendar owes."""
    secondary_bars_fraction: Share = 0.85
    """The same of the secondary bars."""
    order_books_fraction: Share = 0.70
    """Least share of bars with a real order book in them."""
    funding_fraction: Share = 0.70
    """Least share of funding payments."""
    onchain_fraction: Share = 0.70
    """Least share of stretches with an on-chain net inflow."""
    derivatives_fraction: Share = 0.40
    """Least share of stretches with a value, of each of the six indicators."""
    events_per_symbol: Count = 20
    """Least number of events linked to a symbol."""
    posts_per_symbol: Count = 200
    """Least number of posts linked to a symbol."""
    symbol_fraction: Share = 1.0
    """What the worst symbol must reach, as a share of what the mean must reach. One empty symbol always fails."""
    secondary_interval: BarInterval = BarInterval("1h")
    """Size of the secondary bars."""
    derivatives_interval: BarInterval = BarInterval("5m")
    """How often a value of each indicator of derivatives is owed."""
    onchain_interval: BarInterval = BarInterval("1d")
    """How often an on-chain value is owed."""


class QualitySettings(Settings):
    """Quality of each symbol's bars over the training window; what exceeds these is a reason not to train."""

    mode: Literal["hard", "soft"] = "hard"
    """``hard`` refuses to train; ``soft`` trains, and every run says that its data were degraded."""
    lookback_days: Count | None = None
    """Only the last days of the training window are looked at; none means all of it."""
    missing_rate: Fraction = 0.02
    """Largest share of owed bars that are absent."""
    invalid_price_rate: Fraction = 0.005
    """Largest share of bars without a usable price."""
    duplicate_rate: Fraction = 0.02
    """Largest share of bars that stand for a stretch of time which has one already."""
    stale_ratio: Fraction = 0.10
    """Largest share of steps from one bar to the next that are longer than three bars."""
    minimum_rows: Count = 200
    """Least number of bars; above 5 minutes 0.7 of those owed suffice, but no fewer than 24."""
    training_fraction: Share = 0.70
    """The audit of the training window calls a symbol ready with this share of its bars and ``minimum_rows``."""


class DataSettings(Settings):
    """Which data are read, and what they must cover before a model may be trained."""

    dataset: Name
    """Data set of the catalog that holds the bars."""
    interval: BarInterval = BarInterval("1d")
    """Size of one bar: a count and one of ``s``, ``m``, ``h``, ``d``; ``1d`` is one session of the calendar."""
    start: Day | None = None
    """First date read, inclusive (UTC); none means from the first bar."""
    end: Day | None = None
    """Last date read, inclusive (UTC); none means up to the last bar that was known."""
    cash_rate: str | None = None
    """Series of the annual cash rate (a fraction) in the same data set; none means that cash earns nothing.

    ``tidegate ingest macro`` brings series from files and from FRED.
    """
    uses: dict[DataKind, Name] = Field(default_factory=dict)
    """Data kinds read beside the bars, and the data set of each: ``funding: my-funding``."""
    mode: Literal["research", "production"] = "research"
    """``research`` audits the window that is read; ``production`` the last 420 days, and every data kind it knows."""
    readiness: ReadinessSettings = ReadinessSettings()
    """What the data must cover."""
    quality: QualitySettings = QualitySettings()
    """What the bars must be like."""


def _as_text(value: object) -> object:
    # YAML reads 2024-01-31 as a date; a connector's settings are text until the connector reads them.
    return value.isoformat() if isinstance(value, date) else value


Setting = Annotated[str | int | float | bool | list[str], BeforeValidator(_as_text)]


class CollectStep(Settings):
    """One source that ``tidegate collect`` asks, in the order of the list."""

    connector: Name
    """Name as typed after ``tidegate ingest``."""
    settings: dict[str, Setting] = Field(default_factory=dict)
    """The connector's settings, as its command takes them: ``tidegate ingest CONNECTOR --help`` lists them.

    No secrets: a recipe is stored with every run.
    """

    @field_validator("settings")
    @classmethod
    def _keeps_no_secret(cls, settings: dict[str, Setting]) -> dict[str, Setting]:
        for value in settings.values():
            for text in value if isinstance(value, list | tuple) else [value]:
                if isinstance(text, str) and _SECRET.search(text):
                    raise ValueError("an address without user, password or key: a recipe is stored with every run")
        return settings
