"""Tushare's interfaces: columns, largest page, and when their rows are known.

Each number is taken from the document whose address :attr:`Endpoint.document` gives.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import time
from typing import Final

from tidegate.data.connectors.plain_table import Columns
from tidegate.data.connectors.tushare.settings import Kind

__all__ = ["ENDPOINTS", "KNOWN_TIMES", "SHANGHAI", "Endpoint", "KnownTime"]

SHANGHAI: Final = "Asia/Shanghai"


@dataclass(frozen=True, kw_only=True)
class Endpoint:
    """One interface.

    Parameters
    ----------
    page_rows
        Most rows that one request returns.
    columns
        What is asked for, and told apart.
    """

    name: str
    document_number: int
    page_rows: int
    columns: Columns

    @property
    def document(self) -> str:
        """Where it is described."""
        return f"https://tushare.pro/document/2?doc_id={self.document_number}"

    @property
    def fields(self) -> str:
        """The columns as the service wants them."""
        return ",".join(self.columns.names)


@dataclass(frozen=True, kw_only=True)
class KnownTime:
    """When rows of one kind are known.

    Parameters
    ----------
    at
        Time of day in Shanghai on the row's own date; None where another column or the download tells.
    rule
        In words.
    source
        What says so.
    """

    at: time | None
    rule: str
    source: str


_BARS: Final = ("open", "high", "low", "close", "vol", "amount")
_BY_DAY: Final = ("ts_code", "trade_date")


def _endpoint(
    name: str,
    document_number: int,
    page_rows: int,
    *,
    texts: tuple[str, ...] = ("ts_code",),
    dates: tuple[str, ...] = ("trade_date",),
    numbers: tuple[str, ...] = (),
    needed: tuple[str, ...] = _BY_DAY,
) -> Endpoint:
    columns = Columns(texts=texts, dates=dates, numbers=numbers, needed=needed)
    return Endpoint(name=name, document_number=document_number, page_rows=page_rows, columns=columns)


ENDPOINTS: Final = {
    endpoint.name: endpoint
    for endpoint in (
        _endpoint("daily", 27, 6000, numbers=_BARS, needed=(*_BY_DAY, "close")),
        _endpoint("adj_factor", 28, 6000, numbers=("adj_factor",), needed=(*_BY_DAY, "adj_factor")),
        _endpoint("daily_basic", 32, 6000, numbers=(
            "turnover_rate", "turnover_rate_f", "volume_ratio", "pe", "pe_ttm", "pb", "ps", "ps_ttm", "dv_ratio",
            "dv_ttm", "total_share", "float_share", "free_share", "total_mv", "circ_mv")),
        _endpoint("index_daily", 95, 8000, numbers=_BARS, needed=(*_BY_DAY, "close")),
        _endpoint("stock_basic", 25, 6000, texts=("ts_code", "name", "industry", "list_status"),
                  dates=("list_date", "delist_date"), needed=("ts_code", "list_date")),
        _endpoint("namechange", 100, 5000, texts=("ts_code", "name", "change_reason"),
                  dates=("start_date", "end_date", "ann_date"), needed=("ts_code", "name", "start_date")),
        _endpoint("stk_limit", 183, 5800, numbers=("up_limit", "down_limit"),
                  needed=(*_BY_DAY, "up_limit", "down_limit")),
        _endpoint("suspend_d", 214, 5000, texts=("ts_code", "suspend_timing", "suspend_type"),
                  needed=(*_BY_DAY, "suspend_type")),
        _endpoint("trade_cal", 26, 2000, texts=("exchange",), dates=("cal_date",), numbers=("is_open",),
                  needed=("cal_date", "is_open")),
        _endpoint("index_member_all", 335, 2000, texts=("ts_code", "l1_name", "is_new"),
                  dates=("in_date", "out_date"), needed=("ts_code", "l1_name", "in_date")),
    )
}  # fmt: skip
"""By name. Documents 26, 28, 100 and 214 name no largest page; theirs is no larger than that of their neighbours."""

_OWN_DAY: Final = "without one, at the end of its own day"
KNOWN_TIMES: Final = {
    Kind.DAILY: KnownTime(at=time(15), rule="at the close of the session", source="prices are public at once"),
    Kind.INDEX_DAILY: KnownTime(at=time(15), rule="at the close of the session", source="levels are public at once"),
    Kind.DAILY_BASIC: KnownTime(
        at=time(17), rule="at 17:00 of the day", source="doc_id=32: published between 15:00 and 17:00"
    ),
    Kind.STK_LIMIT: KnownTime(
        at=time(9), rule="at 9:00 of the day, before the call auction", source="doc_id=183: about 8:40 of each session"
    ),
    Kind.SUSPEND_D: KnownTime(
        at=time(9, 30),
        rule="when trading should begin, or at the hour of a halt",
        source="doc_id=214: at no fixed time",
    ),
    Kind.STOCK_BASIC: KnownTime(
        at=None,
        rule="a listing at the start of its day, a delisting at the end of its day",
        source="doc_id=25 names no day of announcement; a listing is announced before it",
    ),
    Kind.NAMECHANGE: KnownTime(
        at=None, rule=f"at the end of the day of announcement; {_OWN_DAY}", source="doc_id=100: ann_date"
    ),
    Kind.INDUSTRY: KnownTime(
        at=None, rule="at the download, never earlier", source="doc_id=25 and doc_id=335 tell the present state"
    ),
    Kind.TRADE_CAL: KnownTime(at=None, rule="at the end of its own day", source="doc_id=26"),
}
"""When rows of each kind are known to a trader."""
