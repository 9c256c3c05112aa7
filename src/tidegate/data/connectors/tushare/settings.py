"""What is asked of Tushare, and of folders of its files."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationInfo, field_validator

from tidegate.core.config import Settings
from tidegate.core.recipe_data import Day, Name

__all__ = ["Kind", "TushareSettings"]


class Kind(StrEnum):
    """What Tushare tells of."""

    DAILY = "daily"
    """Bars of shares with their adjustment."""
    DAILY_BASIC = "daily_basic"
    """Valuation and turnover of a session."""
    INDEX_DAILY = "index_daily"
    """Bars of indexes."""
    STOCK_BASIC = "stock_basic"
    """Listings and delistings, of companies gone too."""
    NAMECHANGE = "namechange"
    """Names, and with them special treatment."""
    STK_LIMIT = "stk_limit"
    """Price limits of a session."""
    SUSPEND_D = "suspend_d"
    """Suspensions and resumptions."""
    TRADE_CAL = "trade_cal"
    """The calendar, checked against ours."""
    INDUSTRY = "industry"
    """Industries as they are on the day of the download."""


class TushareSettings(Settings):
    """What to fetch from Tushare; the token is read from the variable TUSHARE_TOKEN."""

    path: Path | None = None
    """File or folder of Tushare's files, CSV or Parquet; nothing is then asked of the service."""
    kinds: tuple[str, ...] = ("daily",)
    """Of daily, daily_basic, index_daily, stock_basic, namechange, stk_limit, suspend_d, trade_cal and industry."""
    dataset: Name = "a-share"
    """Name under which everything but the indexes is kept."""
    index_dataset: Name = "a-share-index"
    """Name under which bars of indexes are kept."""
    symbols: tuple[str, ...] = ()
    """Codes such as 000001.SZ; none means all."""
    indexes: tuple[str, ...] = ("000001.SH",)
    """Codes of indexes."""
    start: Day | None = None
    """First day in Shanghai; none means the whole history."""
    end: Day | None = None
    """Last day; none means up to now."""
    industry_source: Literal["stock_basic", "index_member_all"] = "stock_basic"
    """Tushare's own industry, or the first level of Shenwan's classification."""
    page_rows: Annotated[int, Field(ge=1)] | None = None
    """Rows per request; none means as many as the documents allow."""
    timeout_seconds: Annotated[float, Field(gt=0.0)] = 30.0
    """How long to wait for an answer."""
    base_url: str | None = None
    """Another address of the same service."""

    @field_validator("kinds")
    @classmethod
    def _known(cls, kinds: tuple[str, ...]) -> tuple[str, ...]:
        if not kinds or set(kinds) - set(Kind):
            raise ValueError(f"one or more of {', '.join(Kind)}")
        return tuple(dict.fromkeys(kinds))

    @field_validator("end")
    @classmethod
    def _after_start(cls, end: Any, info: ValidationInfo) -> Any:
        start = info.data.get("start")
        if end is not None and start is not None and end < start:
            raise ValueError(f"a day on or after start, {start}")
        return end
