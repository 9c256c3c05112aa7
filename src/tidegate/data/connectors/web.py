"""Asking over HTTP: one client for every source, and one meaning of every way in which it can fail.

What passes (too many requests, no answer, a cut one) and what lasts (a refusal) become the errors of
:mod:`tidegate.core.errors`; repeating a request is not done here. The query of an address may hold a key, and what
stands before its host a password, so no message names them.
"""

from __future__ import annotations

import json
import logging
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from tidegate.core.clock import now
from tidegate.core.errors import (
    InputError,
    SourceDownError,
    SourceError,
    SourceGarbledError,
    SourceLimitedError,
    SourceRefusedError,
)
from tidegate.core.files import write_atomically
from tidegate.core.time import SECOND, instant_of
from tidegate.data.connectors.extras import require

if TYPE_CHECKING:
    import httpx

__all__ = ["download", "get_bytes", "get_json", "is_limit", "open_client", "seconds_to_wait", "without_secrets"]

Parameters = Mapping[str, str | int | float | bool]

_LARGEST_ANSWER: Final = 64 * 2**20
_LARGEST_FILE: Final = 4 * 2**30
_PIECE: Final = 2**16
_MOST_REDIRECTS: Final = 5
_QUOTED: Final = 200
_LIMITED: Final = frozenset({418, 429})
_PASSING: Final = frozenset({408, 425})
_MISSING: Final = 404
# Others unpack without a bound on what one piece may grow to.
_CODINGS: Final = frozenset({"", "identity", "gzip", "deflate"})
_SECRET_MARKS: Final = ("key", "token", "secret", "signature", "password")
_USER: Final = re.compile(r"^((?:[^/?#]*:)?//)?[^/?#]*@")


def open_client(
    base_url: str | None = None, *, timeout_seconds: float = 30.0, headers: Mapping[str, str] | None = None
) -> httpx.Client:
    """Return a client that keeps its connections; close it, or use it in a ``with`` statement.

    httpx would log every address that it asks, with its query, so it is told to log no more than warnings.

    Parameters
    ----------
    base_url
        What relative addresses are relative to.
    timeout_seconds
        Longest silence of the server, not the longest download.
    headers
        Sent with every request; the place for a key, which redirects to other hosts do not get to see.

    Raises
    ------
    InputError
        If httpx is not installed, or ``base_url`` is no address of http or https.

    Examples
    --------
    >>> with open_client("https://data.example/api") as client:
    ...     str(client.base_url)
    'https://data.example/api/'
    """
    web = require("httpx", extra="feeds")
    if base_url is not None and not _is_web_address(web, base_url):
        raise InputError(
            found=f"the address {without_secrets(base_url)!r}",
            expected="an address of http or https",
            hint="such as https://host/path",
        )
    for library in ("httpx", "httpcore"):
        logging.getLogger(library).setLevel(logging.WARNING)
    sent = {"user-agent": "tidegate", "accept-encoding": "gzip, deflate", **(headers or {})}
    client: httpx.Client = web.Client(
        base_url=base_url or "",
        timeout=timeout_seconds,
        headers=sent,
        follow_redirects=True,
        max_redirects=_MOST_REDIRECTS,
    )
    return client


def get_bytes(
    client: httpx.Client, url: str, params: Parameters | None = None, *, maximum_bytes: int = _LARGEST_ANSWER
) -> bytes:
    """Return the body of an answer.

    Parameters
    ----------
    maximum_bytes
        A longer body, unpacked, is given up as soon as it turns out to be longer.

    Raises
    ------
    SourceLimitedError
        At 429 and 418, and at 403 with ``Retry-After``, which may be seconds or a date.
    SourceDownError
        At 5xx, and if there is no connection or no answer in time.
    SourceGarbledError
        If the body is cut, too long, or redirects do not end.
    SourceRefusedError
        At every other 4xx, and at a redirect to anything but http or https.
    """
    with _answer(client, url, params) as response:
        return b"".join(_pieces(response, maximum_bytes))


def get_json(
    client: httpx.Client, url: str, params: Parameters | None = None, *, maximum_bytes: int = _LARGEST_ANSWER
) -> Any:
    """Return the content of a JSON answer; otherwise as :func:`get_bytes`.

    Raises
    ------
    SourceGarbledError
        Also if the body is no JSON, as that of a portal that wants a login.
    """
    body = get_bytes(client, url, params, maximum_bytes=maximum_bytes)
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        asked = client.build_request("GET", url, params=params or None).url
        said = _masked(body[:_PIECE].decode("utf-8", errors="replace"), _secrets([asked], params or {}))
        raise SourceGarbledError(
            found=f"{_place(client, url)}: {_quoted(said)} where JSON belongs",
            expected="a JSON document",
            hint="try again later; check the address if it stays",
        ) from None


def download(
    client: httpx.Client,
    url: str,
    path: Path,
    *,
    missing_ok: bool = False,
    maximum_bytes: int = _LARGEST_FILE,
) -> bool:
    """Stream a file to ``path``, which is there afterwards in full or as it was before.

    Parameters
    ----------
    missing_ok
        Whether 404 is an answer rather than an error.

    Returns
    -------
    bool
        False if the server has no such file.

    Raises
    ------
    SourceError
        As :func:`get_bytes`.
    """
    with _answer(client, url, None, missing_ok=missing_ok) as response:
        if response.status_code == _MISSING:
            return False

        def write(partial: Path) -> None:
            with partial.open("wb") as file:
                for piece in _pieces(response, maximum_bytes):
                    file.write(piece)

        write_atomically(path, write)
    return True


def is_limit(status: int, headers: Mapping[str, str]) -> bool:
    """Whether an answer says that there were too many requests.

    Examples
    --------
    >>> is_limit(429, {}), is_limit(403, {}), is_limit(403, {"retry-after": "60"})
    (True, False, True)
    """
    return status in _LIMITED or (status == 403 and "retry-after" in headers)


def seconds_to_wait(headers: Mapping[str, str]) -> float | None:
    """Return for how many seconds ``Retry-After`` asks to be left alone: it says seconds, or a date.

    A date is read on the server's own clock, which ``Date`` shows, and on ours where it does not.

    Examples
    --------
    >>> seconds_to_wait({"retry-after": "2.5"})
    2.5
    """
    said = (headers.get("retry-after") or "").strip()
    try:
        seconds = float(said)
    except ValueError:
        until = _date(said)
        if until is None:
            return None
        here = _date(headers.get("date") or "")
        present = instant_of(here) if here else now()
        seconds = (instant_of(until) - present) / SECOND
    return max(seconds, 0.0) if math.isfinite(seconds) else None


def without_secrets(url: str) -> str:
    """Return an address without its query, user and password, as messages and reports may show it.

    Examples
    --------
    >>> without_secrets("https://bob:pass@news.example/rss?key=1#top")
    'https://news.example/rss'
    """
    return _USER.sub(r"\1", url.partition("?")[0].partition("#")[0])


def _is_web_address(web: Any, text: str) -> bool:
    try:
        address = web.URL(text)
    except web.InvalidURL:
        return False
    return address.scheme in {"http", "https"} and bool(address.host)


@contextmanager
def _answer(
    client: httpx.Client, url: str, params: Parameters | None, *, missing_ok: bool = False
) -> Iterator[httpx.Response]:
    """Send a request and let the caller read the body of a good answer."""
    place = _place(client, url)
    with _explained(place, began=False):
        # A params argument, even an empty one, would replace the query that the address itself has.
        request = client.build_request("GET", url, params=params or None)
        response = client.send(request, stream=True)
    try:
        if not (missing_ok and response.status_code == _MISSING):
            _require_good(place, response, params or {})
        with _explained(place, began=True):
            yield response
    finally:
        response.close()


@contextmanager
def _explained(place: str, *, began: bool) -> Iterator[None]:
    """Turn what the client raises into errors of a source; ``began`` is whether the body had begun to arrive."""
    import httpx

    try:
        yield
    except httpx.TooManyRedirects:
        raise SourceGarbledError(
            found=f"{place}: redirects without end", expected="an answer", hint="check the address"
        ) from None
    except (httpx.UnsupportedProtocol, httpx.InvalidURL) as error:
        raise SourceRefusedError(
            found=f"{place}: {error or 'not an address'}",
            expected="an address of http or https, also after redirects",
            hint="check the address",
        ) from None
    except (httpx.RemoteProtocolError, httpx.DecodingError) as error:
        if not began and isinstance(error, httpx.RemoteProtocolError):
            raise _down(place, str(error)) from None
        raise SourceGarbledError(
            found=f"{place}: an answer that breaks off or cannot be unpacked",
            expected="all of it",
            hint="try again later",
        ) from None
    except httpx.HTTPError as error:
        what = "no answer in time" if isinstance(error, httpx.TimeoutException) else str(error)
        raise _down(place, what or type(error).__name__) from None


def _down(place: str, what: str) -> SourceDownError:
    return SourceDownError(
        found=f"{place}: {what}", expected="an answer", hint="try again later; check the connection if it stays"
    )


def _require_good(place: str, response: httpx.Response, params: Parameters) -> None:
    """Refuse an answer whose status is not 2xx."""
    if response.is_success:
        return
    status, later = response.status_code, seconds_to_wait(response.headers)
    what = f"{place}: status {status}{_reason(response, params)}"
    if is_limit(status, response.headers):
        raise SourceLimitedError(
            found=what,
            expected="an answer",
            hint="ask for less at a time, or try again later",
            retry_after_seconds=later,
        )
    if response.is_server_error or status in _PASSING:
        raise _down(place, what.removeprefix(f"{place}: "))
    if response.is_client_error:
        raise SourceRefusedError(found=what, expected="an answer", hint="check address, key and what was asked for")
    raise SourceGarbledError(found=what, expected="an answer or a refusal", hint="check the address")


def _reason(response: httpx.Response, params: Parameters) -> str:
    """Return how the server explains itself, without a key that it may repeat."""
    import httpx

    try:
        body = b"".join(_pieces(response, _PIECE))
    except (httpx.HTTPError, SourceError):
        return ""
    asked = [one.request.url for one in (*response.history, response)]
    said = _masked(body.decode("utf-8", errors="replace"), _secrets(asked, params))
    return f", {_quoted(said)}" if said.strip() else ""


def _secrets(addresses: Iterable[httpx.URL], params: Parameters) -> set[str]:
    """Return what no message may repeat: passwords, values of an address's own query, and keys among ``params``."""
    found = {str(value) for name, value in params.items() if any(mark in name.lower() for mark in _SECRET_MARKS)}
    for address in addresses:
        found.add(address.password)
        found |= {value for name, value in address.params.multi_items() if name not in params}
    return found - {""}


def _masked(said: str, secrets: set[str]) -> str:
    """Return a text without these words, however much of them it writes with percent signs."""
    if not secrets:
        return said

    def written(letter: str) -> str:
        code = "".join(f"%{byte:02x}" for byte in letter.encode("utf-8", errors="replace"))
        return f"(?:{re.escape(letter)}|(?i:{code}){r'|[+]' if letter == ' ' else ''})"

    longest_first = sorted(secrets, key=len, reverse=True)
    return re.sub("|".join("".join(map(written, secret)) for secret in longest_first), "...", said)


def _pieces(response: httpx.Response, maximum_bytes: int) -> Iterator[bytes]:
    """Yield a body piece by piece, unpacked, and stop where it grows too long."""
    place = response.url.host + response.url.path
    coding = response.headers.get("content-encoding", "").strip().lower()
    if coding not in _CODINGS:
        raise SourceGarbledError(
            found=f"{place}: a body packed as {coding!r}", expected="gzip or plain", hint="check the address"
        )
    size = 0
    for piece in response.iter_bytes(_PIECE):
        size += len(piece)
        if size > maximum_bytes:
            raise SourceGarbledError(
                found=f"{place}: a body of more than {maximum_bytes:,} bytes",
                expected="fewer",
                hint="ask for a shorter stretch, or check the address",
            )
        yield piece


def _date(text: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, TypeError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _place(client: httpx.Client, url: str) -> str:
    """Return the whole address without what may be secret."""
    shown = without_secrets(url)
    return shown if "://" in shown else f"{without_secrets(str(client.base_url)).rstrip('/')}/{shown.lstrip('/')}"


def _quoted(text: str) -> str:
    said = " ".join(text[: 4 * _QUOTED].split())
    printable = "".join(letter for letter in said if letter.isprintable())
    return repr(printable[:_QUOTED] + ("..." if len(printable) > _QUOTED else ""))
