"""Asking Tushare through its own client, whose every way to fail gets a meaning here.

The client raises a bare ``Exception`` with the service's message for every answer whose code is not 0, and returns an
empty frame without columns for every HTTP status that is not a success. Taken at face value the latter would be a day
without trades; here it is a source that is down.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

import polars as pl

from tidegate.core.environment import read_variable
from tidegate.core.errors import (
    InputError,
    SourceDownError,
    SourceError,
    SourceGarbledError,
    SourceLimitedError,
    SourceRefusedError,
)
from tidegate.data.connectors.contract import Call
from tidegate.data.connectors.extras import require
from tidegate.data.connectors.plain_table import typed
from tidegate.data.connectors.tushare.endpoints import Endpoint
from tidegate.data.connectors.tushare.settings import TushareSettings

__all__ = ["TOKEN_VARIABLE", "TushareClient", "check_token"]

TOKEN_VARIABLE: Final = "TUSHARE_TOKEN"  # noqa: S105 - its name

_USUAL: Final = re.compile(r"[0-9a-fA-F]{56}")
_ACCOUNT_PAGE: Final = "https://tushare.pro/document/1?doc_id=39"
_RIGHTS_PAGE: Final = "https://tushare.pro/document/1?doc_id=108"
_WINDOWS: Final = {"每分钟": 60.0, "每小时": 3600.0, "每天": 86_400.0}
"""Sorry, you may call this at most so many times per minute, hour, day (code 40203)."""
_HURRIED: Final = ("最多访问", "频率", "过快", "频繁")
_RIGHTS: Final = ("权限", "积分")
_PASSING: Final = ("系统", "服务", "稍后", "超时", "查询数据失败", "内部错误", "网络")
_ADDRESS: Final = "_DataApi__http_url"
"""Where the client keeps its address; it offers no other way to point it elsewhere."""
_ROUND: Final = 100


def check_token() -> tuple[bool, str]:
    """Return whether a token is set and looks like one, and what to say about it; the network is not asked.

    Examples
    --------
    >>> ok, detail = check_token()
    >>> isinstance(ok, bool) and "TUSHARE_TOKEN" in detail
    True
    """
    token = (read_variable(TOKEN_VARIABLE) or "").strip()
    if not token:
        return False, f"{TOKEN_VARIABLE} is not set"
    if not _USUAL.fullmatch(token):
        return False, f"{TOKEN_VARIABLE} holds {len(token)} characters; Tushare's tokens are 56 hexadecimal digits"
    return True, f"{TOKEN_VARIABLE} is set"


class TushareClient:
    """Pages of Tushare's interfaces as typed tables.

    Raises
    ------
    InputError
        If there is no token, the client library is not installed, or the address cannot be set.
    """

    def __init__(self, settings: TushareSettings) -> None:
        token = (read_variable(TOKEN_VARIABLE) or "").strip()
        if not token:
            raise InputError(
                found=f"no {TOKEN_VARIABLE}",
                expected="the token of a Tushare account",
                hint=f"export {TOKEN_VARIABLE}=..., from {_ACCOUNT_PAGE}; or name a folder of its files: path",
            )
        self._api = require("tushare", extra="exchange").pro_api(token, timeout=settings.timeout_seconds)
        self._failures = require("requests.exceptions", extra="exchange")
        self._token = token
        self._page_rows = settings.page_rows
        if settings.base_url is not None:
            self._point_to(settings.base_url.rstrip("/"))

    def pages(
        self, call: Call, endpoint: Endpoint, asked: Mapping[str, str], *, may_be_empty: bool = True
    ) -> pl.DataFrame:
        """Return every row of an answer, page after page.

        A page that is full is followed by the next. So is one of a round number of rows: an account may be allowed
        less than the documents say, and such limits are round. An answer without any row is asked for twice: nothing
        in it shows whether it belongs to the question.

        Parameters
        ----------
        asked
            Parameters of the interface. A row that is not about them is an answer to another question.
        may_be_empty
            Whether an answer without rows can be true.

        Raises
        ------
        SourceError
            If the service does not answer as documented; an answer that brings nothing new is garbled.
        """
        most = min(self._page_rows or endpoint.page_rows, endpoint.page_rows)
        found = typed(pl.DataFrame(schema=dict.fromkeys(endpoint.columns.names, pl.String)), endpoint.columns, "")
        while True:
            paged = {**asked, "limit": most, "offset": found.height}
            request = self._request(endpoint, paged, found, may_be_empty or not found.is_empty())
            page = call(request)
            if page.is_empty() and found.is_empty():
                page = call(request)
            found = pl.concat([found, page])
            if page.height < most and (page.height % _ROUND or not page.height):
                return found.unique(endpoint.columns.names, maintain_order=True)

    def _request(
        self, endpoint: Endpoint, asked: Mapping[str, Any], seen: pl.DataFrame, may_be_empty: bool
    ) -> Callable[[], pl.DataFrame]:
        def request() -> pl.DataFrame:
            page = self._answer(endpoint, asked)
            if page.is_empty() and not may_be_empty:
                raise _garbled(endpoint, "no rows", f"some for {_in_words(asked)}")
            _require_fitting(endpoint, page, asked)
            names = list(endpoint.columns.names)
            if page.height and page.join(seen, on=names, how="anti", nulls_equal=True).is_empty():
                raise _garbled(endpoint, f"a page from row {asked['offset']} on that repeats earlier ones", "new rows")
            return page

        return request

    def _answer(self, endpoint: Endpoint, asked: Mapping[str, Any]) -> pl.DataFrame:
        try:
            frame = self._api.query(endpoint.name, fields=endpoint.fields, **asked)
        except (self._failures.ChunkedEncodingError, self._failures.ContentDecodingError) as error:
            raise _garbled(endpoint, f"a cut answer ({type(error).__name__})", "a whole one") from None
        except (self._failures.InvalidURL, self._failures.InvalidSchema, self._failures.MissingSchema):
            raise InputError(
                found="an address that is none", expected="http://host/path", hint="check base_url"
            ) from None
        except self._failures.RequestException as error:
            raise _down(endpoint, f"no answer ({type(error).__name__})") from None
        except (ValueError, LookupError, TypeError, AttributeError) as error:
            raise _garbled(endpoint, f"an answer of another shape ({type(error).__name__})", "code and data") from None
        except Exception as error:  # the client raises the service's message as nothing narrower
            if type(error) is not Exception:
                raise
            raise self._refusal(endpoint, str(error)) from None
        if not len(frame.columns):
            raise _down(endpoint, "an HTTP status that is no success, which its client shows as an empty table")
        return _table(endpoint, frame)

    def _refusal(self, endpoint: Endpoint, message: str) -> SourceError:
        """Return the error that a message of the service means."""
        said = message.replace(self._token, "***")[:200]
        found, expected = f"{endpoint.name}: Tushare says {said!r}", "rows"
        if any(mark in message for mark in _HURRIED):
            waits = [seconds for window, seconds in _WINDOWS.items() if window in message]
            return SourceLimitedError(
                found=found, expected=expected, hint=f"wait, or ask for less; what an account may: {_RIGHTS_PAGE}",
                retry_after_seconds=waits[0] if waits else None,
            )  # fmt: skip
        if "token" in message.lower():
            return SourceRefusedError(found=found, expected=expected, hint=f"check {TOKEN_VARIABLE}: {_ACCOUNT_PAGE}")
        if any(mark in message for mark in _RIGHTS):
            return SourceRefusedError(found=found, expected=expected, hint=f"what an account may: {_RIGHTS_PAGE}")
        if any(mark in message for mark in _PASSING):
            return SourceDownError(found=found, expected=expected, hint="try again later")
        return SourceRefusedError(found=found, expected=expected, hint=f"see {endpoint.document}")

    def _point_to(self, address: str) -> None:
        if not hasattr(type(self._api), _ADDRESS):
            raise InputError(
                found="a tushare client that cannot be pointed to another address",
                expected="tushare 1.4.29 or alike",
                hint="leave base_url out",
            )
        setattr(self._api, _ADDRESS, address)


def _table(endpoint: Endpoint, frame: Any) -> pl.DataFrame:
    """Return the client's frame as a typed table."""
    names = [str(name) for name in frame.columns]
    lacking = [name for name in endpoint.columns.needed if name not in names]
    if lacking:
        raise _garbled(
            endpoint, f"no column {', '.join(lacking)} among {', '.join(names)[:200]}", "the columns asked for"
        )
    texts = {name: pl.Series(name, [_plain_text(value) for value in frame[name]], pl.String) for name in names}
    try:
        return typed(pl.DataFrame(texts), endpoint.columns, endpoint.name)
    except InputError as error:
        raise _garbled(endpoint, error.found, error.expected) from None


def _plain_text(value: object) -> str | None:
    # A missing number is NaN in the client's frame, which equals nothing, itself included.
    return None if value is None or value != value else str(value)


def _require_fitting(endpoint: Endpoint, page: pl.DataFrame, asked: Mapping[str, Any]) -> None:
    """Refuse rows about something else than what was asked for, as after a mixed-up connection."""
    checks = []
    if "ts_code" in asked and "ts_code" in page.columns:
        checks.append(pl.col("ts_code") != asked["ts_code"])
    if "list_status" in asked:
        checks.append(pl.col("list_status") != asked["list_status"])
    day = "cal_date" if "cal_date" in page.columns else "trade_date"
    first, last = (asked.get(name, asked.get("trade_date")) for name in ("start_date", "end_date"))
    if day in page.columns and first and last:
        from_day, to_day = (pl.lit(text).str.to_date("%Y%m%d") for text in (first, last))
        checks.append(~pl.col(day).is_between(from_day, to_day))
    if checks and page.filter(pl.any_horizontal(checks)).height:
        raise _garbled(endpoint, "rows of another question", _in_words(asked))


def _in_words(asked: Mapping[str, Any]) -> str:
    return ", ".join(f"{name}={value}" for name, value in asked.items()) or "everything"


def _garbled(endpoint: Endpoint, found: str, expected: str) -> SourceGarbledError:
    return SourceGarbledError(found=f"{endpoint.name}: {found}", expected=expected, hint=f"see {endpoint.document}")


def _down(endpoint: Endpoint, found: str) -> SourceDownError:
    return SourceDownError(found=f"{endpoint.name}: {found}", expected="an answer", hint="try again later")
