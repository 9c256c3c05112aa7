"""How a file of bars is to be understood, and presets for the usual sources."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, Final, Literal

from pydantic import Field, ValidationInfo, field_validator

from tidegate.core.config import Settings
from tidegate.core.time import BarInterval
from tidegate.data.calendars import CONTINUOUS
from tidegate.data.connectors.local_days import ZoneName

__all__ = ["PRESETS", "Adjustment", "ColumnName", "OhlcvSettings", "Stamp"]

ColumnName = Literal["symbol", "time", "open", "high", "low", "close", "volume", "traded_value", "factor", "adj_close"]
"""What a column of a bar file may mean."""


class Stamp(StrEnum):
    """Which end of a bar its time names."""

    OPEN = "open"
    CLOSE = "close"


class Adjustment(StrEnum):
    """Where the correction for dividends and splits comes from."""

    NONE = "none"
    FACTOR = "factor"
    """A column of cumulative factors that only past events have entered (Tushare's ``adj_factor``)."""
    ADJ_CLOSE = "adj_close"
    """A back-adjusted close. Its level holds later dividends; its ratio to the first bar, which is used, does not."""


class OhlcvSettings(Settings):
    """Meaning of the columns of bar files.

    Examples
    --------
    >>> OhlcvSettings(dataset="mine", columns={"time": "date"}, calendar="NYSE").calendar
    'XNYS'
    """

    dataset: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")]
    interval: BarInterval = BarInterval("1d")
    columns: dict[ColumnName, str] = Field(default_factory=dict)
    """Our name to the file's, which must then be there; a name that is not mapped is looked for under itself.

    Capitals, blanks and ``_`` make no difference: ``adj_close`` is also ``Adj Close``.
    """
    symbol: str | None = None
    """The symbol of the one file, which has no symbol column."""
    symbol_from: Literal["column", "file"] = "column"
    """``file``: a file without a symbol column is named after its symbol, as ``AAPL.csv``."""
    stamp: Stamp = Stamp.CLOSE
    time_format: str | None = None
    """A ``strptime`` pattern; none reads ISO text, dates, times, or whole numbers of seconds, ms or us since 1970."""
    timezone: ZoneName | None = None
    """IANA zone of times written without an offset; none allows dates and times with offsets only."""
    calendar: str = ""
    """Exchange code or its alias, or ``24/7``, which is what bars shorter than a day are on if nothing is said."""
    adjust: Adjustment = Adjustment.NONE
    volume_unit: Annotated[float, Field(gt=0.0)] = 1.0
    """Shares or coins per unit of the volume column."""
    value_unit: Annotated[float, Field(gt=0.0)] = 1.0
    """Currency per unit of the traded-value column."""
    order: Literal["ascending", "any"] = "ascending"
    """Times that run backward usually mean that day and month are swapped; ``any`` accepts them."""
    source: str = "file"

    @field_validator("calendar")
    @classmethod
    def _canonical(cls, name: str, info: ValidationInfo) -> str:
        # Daily bars of shares on 24/7 would make every holiday a hole, so nobody gets it without asking.
        interval = info.data.get("interval")
        if not name and interval is not None and interval.is_session:
            raise ValueError("the market's calendar, such as XNYS, XSHG, or 24/7")
        return _canonical_calendar(name or CONTINUOUS)


def _canonical_calendar(name: str) -> str:
    """Return the exchange code behind an alias: two names of one market are one calendar."""
    if name == CONTINUOUS:
        return name
    import exchange_calendars
    from exchange_calendars.errors import InvalidCalendarName

    try:
        return str(exchange_calendars.resolve_alias(name))
    except InvalidCalendarName:
        raise ValueError("an exchange code such as XNYS, XSHG, or 24/7") from None


PRESETS: Final[dict[str, dict[str, Any]]] = {
    "demo": {
        "dataset": "us-large-caps",
        "columns": {"time": "date"},
        "calendar": "XNYS",
        "source": "demo",
    },
    "tushare-daily": {
        "dataset": "a-share",
        "columns": {
            "symbol": "ts_code",
            "time": "trade_date",
            "volume": "vol",
            "traded_value": "amount",
            "factor": "adj_factor",
        },
        "calendar": "XSHG",
        "adjust": Adjustment.FACTOR,
        "volume_unit": 100.0,  # lots
        "value_unit": 1000.0,  # thousand yuan
        "order": "any",  # the service delivers newest first
        "source": "tushare",
    },
    "yahoo-daily": {
        "dataset": "us-equity",
        "columns": {"time": "date"},
        "symbol_from": "file",
        "calendar": "XNYS",
        "adjust": Adjustment.ADJ_CLOSE,
        "source": "yahoo",
    },
    "binance-klines": {
        "dataset": "crypto-spot",
        "interval": "5m",
        "columns": {"time": "ts"},
        "stamp": Stamp.OPEN,
        "timezone": "UTC",
        "calendar": "24/7",
        "source": "binance",
    },
}
"""Settings of usual sources; each may be overridden field by field."""
