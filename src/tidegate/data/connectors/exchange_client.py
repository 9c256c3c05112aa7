"""Asking an exchange through ccxt: one meaning of every way in which it can fail, and no page taken for another."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC
from difflib import get_close_matches
from email.utils import parsedate_to_datetime
from typing import Any, Final, TypeVar
from urllib.parse import urlsplit

import polars as pl

from tidegate.core.clock import now
from tidegate.core.errors import (
    InputError,
    SourceDownError,
    SourceError,
    SourceGarbledError,
    SourceLimitedError,
    SourceRefusedError,
)
from tidegate.core.fingerprint import fingerprint
from tidegate.core.time import SECOND, Instant, instant_of
from tidegate.data.connectors.contract import Call
from tidegate.data.connectors.extras import require

__all__ = ["Venue", "open_venue"]

Answer = TypeVar("Answer")

_LIMITED: Final = frozenset({418, 429})
_PASSING: Final = frozenset({408, 425})
_QUOTED: Final = 200
# What ccxt's parsers raise on an answer that is JSON, but not the JSON that the document describes.
_MISSHAPEN: Final = (TypeError, ValueError, LookupError, AttributeError, ArithmeticError)


@dataclass
class _Heard:
    """The last answer; status 0 stands for none."""

    status: int = 0
    url: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    body: str = ""
    content: Any = None


class Venue:
    """An exchange behind ccxt.

    Parameters
    ----------
    exchange
        The ccxt object; :func:`open_venue` makes it.
    """

    def __init__(self, exchange: Any) -> None:
        self.exchange = exchange
        self._heard = _Heard()
        self._pages: dict[str, str] = {}
        exchange.on_rest_response = self._hear

    @property
    def clock(self) -> Instant:
        """The earlier of our clock and the one that the last answer was dated by.

        A bar whose close this clock has not reached is still in progress, whichever of the two clocks is wrong.
        """
        try:
            said = parsedate_to_datetime(self._heard.headers.get("date", ""))
        except (ValueError, TypeError):
            return now()
        theirs = instant_of(said if said.tzinfo else said.replace(tzinfo=UTC))
        return min(now(), theirs)

    def in_progress(self, column: str) -> pl.Expr:
        """Return whether an end is past by our clock, but not by the exchange's: what ends then may still change.

        An end that is yet to come by our own clock is left to the runner, which counts it.
        """
        end = pl.col(column).dt.epoch("us")
        return (end > self.clock) & (end <= now())

    def ask(self, request: Callable[[], Any]) -> Any:
        """Return what ``request``, a call of the ccxt object, returns.

        Raises
        ------
        SourceLimitedError
            At 429, 418, 403 with ``Retry-After``, and what ccxt calls a rate limit.
        SourceDownError
            If there is no answer in time, or one of a broken server.
        SourceGarbledError
            If the answer is cut, no JSON, or not shaped as documented.
        SourceRefusedError
            At any other refusal: an unknown symbol, a wrong argument, a missing right.
        """
        ccxt = require("ccxt", extra="exchange")
        self._heard = _Heard()
        try:
            return request()
        except ccxt.BaseError as error:
            raise self._explained(ccxt, error) from None
        except _MISSHAPEN as error:
            raise self._garbled(f"an answer that cannot be understood ({type(error).__name__}: {error})") from None

    def page(self, call: Call, request: Callable[[], list[Any]], *, telling: int = 1) -> list[Any]:
        """Return one page of rows, asked for through ``call``.

        Parameters
        ----------
        telling
            Rows that two requests do not have in common by chance.

        Raises
        ------
        SourceGarbledError
            If it is no list, or the very answer that another request was given: its rows belong there.
        """

        def listed() -> list[Any]:
            rows = request()
            if not isinstance(rows, list):
                raise TypeError("no list of rows")
            # ccxt drops what lies before the asked-for instant, and skips what it cannot parse; neither is emptiness.
            content = self._heard.content
            if not rows and (_has_rows(content) or not isinstance(content, list | dict)):
                raise ValueError("rows of another time or shape than was asked for")
            return rows

        return call(lambda: self._own(listed, lambda rows: len(rows) >= telling))

    def look(self, call: Call, request: Callable[[], Answer]) -> Answer:
        """Return one answer that is no page, such as an order book; otherwise as :meth:`page`."""
        return call(lambda: self._own(request, lambda _: True))

    def _own(self, request: Callable[[], Answer], is_telling: Callable[[Answer], bool]) -> Answer:
        """Return an answer unless another address has given it before."""
        answer: Answer = self.ask(request)
        body = fingerprint(self._heard.body)
        if self._pages.get(body, self._heard.url) != self._heard.url:
            raise self._garbled("the answer to another request, word for word")
        if is_telling(answer):
            self._pages[body] = self._heard.url
        return answer

    def _hear(
        self,
        code: int,
        reason: str,  # noqa: ARG002 - the arguments are ccxt's
        url: str,
        method: str,  # noqa: ARG002
        response_headers: Any,
        response_body: str,
        request_headers: Any,  # noqa: ARG002
        request_body: Any,  # noqa: ARG002
    ) -> str:
        """Note an answer before ccxt parses it; ccxt hands on a cut one as text."""
        headers = {str(name).lower(): str(value) for name, value in dict(response_headers).items()}
        self._heard = _Heard(status=code, url=url, headers=headers, body=response_body.strip())
        if code < 300:
            try:
                self._heard.content = json.loads(self._heard.body)
            except (ValueError, RecursionError):
                raise self._garbled("no JSON, or a part of it") from None
        return self._heard.body

    def _explained(self, ccxt: Any, error: Exception) -> SourceError:
        """Return our error; where the exchange answered, its status counts, as ccxt calls most refusals an outage."""
        status, what = self._heard.status, self._quoted(error)
        is_limit = isinstance(error, ccxt.RateLimitExceeded | ccxt.DDoSProtection)
        if status in _LIMITED or (status == 403 and "retry-after" in self._heard.headers) or is_limit:
            return SourceLimitedError(
                found=what,
                expected="an answer",
                hint="ask for less at a time, or try again later",
                retry_after_seconds=self._retry_after(),
            )
        if status < 300 and type(error.__cause__).__name__ in {"ChunkedEncodingError", "ContentDecodingError"}:
            return self._garbled("an answer that breaks off or cannot be unpacked")
        if isinstance(error, ccxt.BadResponse):
            return self._garbled(what)
        passing = isinstance(error, ccxt.NetworkError) and not 400 <= status < 500
        if status >= 500 or status in _PASSING or passing:
            return SourceDownError(
                found=what, expected="an answer", hint="try again later; check the connection if it stays"
            )
        return SourceRefusedError(
            found=what, expected="an answer", hint="check symbol, interval, start and what this exchange offers"
        )

    def _garbled(self, what: str) -> SourceGarbledError:
        return SourceGarbledError(
            found=f"{self.exchange.id}: {what}",
            expected="the answer that its document describes",
            hint="try again later; if it stays, the exchange has changed or the address is another's",
        )

    def _quoted(self, error: Exception) -> str:
        said = " ".join(f"{type(error).__name__}: {error}".split())
        printable = "".join(letter for letter in said if letter.isprintable())
        return printable[:_QUOTED] + ("..." if len(printable) > _QUOTED else "")

    def _retry_after(self) -> float | None:
        """Return how many seconds the exchange asks to be left alone."""
        said = self._heard.headers.get("retry-after", "")
        try:
            return max(float(said), 0.0)
        except ValueError:
            pass
        try:
            until = parsedate_to_datetime(said)
        except (ValueError, TypeError):
            return None
        return max((instant_of(until if until.tzinfo else until.replace(tzinfo=UTC)) - now()) / SECOND, 0.0)


def open_venue(
    name: str, *, base_url: str | None = None, timeout_seconds: float = 30.0, pause_seconds: float | None = None
) -> Venue:
    """Return an exchange; nothing is asked of it yet.

    Parameters
    ----------
    name
        As ccxt names it, such as ``binance`` or ``binanceusdm``.
    base_url
        Another address of the same service: scheme and host of every address are replaced, paths stay.
    timeout_seconds
        Longest silence.
    pause_seconds
        Least time between two requests; none leaves it to ccxt's knowledge of the exchange.

    Raises
    ------
    InputError
        If ccxt is not installed or knows no such exchange, or ``base_url`` is no address of http or https.
    """
    ccxt = require("ccxt", extra="exchange")
    if name not in ccxt.exchanges:
        near = get_close_matches(name, ccxt.exchanges, n=1)
        raise InputError(
            found=f"the exchange {name!r}",
            expected=f"one of the {len(ccxt.exchanges)} that ccxt knows",
            hint=f"did you mean {near[0]!r}?" if near else "names as ccxt writes them, such as binance or okx",
        )
    exchange = getattr(ccxt, name)({"timeout": int(timeout_seconds * 1000), "enableRateLimit": True})
    if pause_seconds is not None:
        exchange.rateLimit = int(pause_seconds * 1000)
    if base_url is not None:
        exchange.urls["api"] = _moved(exchange.urls["api"], _checked(base_url))
    return Venue(exchange)


def _has_rows(content: Any) -> bool:
    """Whether JSON holds a list of objects or of lists anywhere, which is how exchanges send rows."""
    if isinstance(content, dict):
        return any(_has_rows(value) for value in content.values())
    return isinstance(content, list) and any(isinstance(entry, dict | list) for entry in content)


def _checked(base_url: str) -> str:
    parts = urlsplit(base_url)
    if parts.scheme not in {"http", "https"} or not parts.netloc:
        raise InputError(
            found=f"the address {base_url!r}", expected="an address of http or https", hint="such as https://host/path"
        )
    return base_url.rstrip("/")


def _moved(addresses: Any, base_url: str) -> Any:
    """Return ccxt's addresses, which may be nested, with the host replaced."""
    if isinstance(addresses, dict):
        return {key: _moved(value, base_url) for key, value in addresses.items()}
    return base_url + urlsplit(addresses).path if isinstance(addresses, str) else addresses
