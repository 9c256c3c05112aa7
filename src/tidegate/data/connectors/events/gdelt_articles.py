"""GDELT DOC 2.0: lists of articles, asked for window by window.

https://blog.gdeltproject.org/gdelt-doc-2-0-api-debuts/ describes ``mode=ArtList``: at most 250 articles per answer, no
pages; ``seendate`` is the quarter of an hour in which GDELT saw the article. A full answer is therefore followed by a
search that begins where it ended.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from tidegate.core.clock import sleep
from tidegate.core.errors import DataError, SourceGarbledError, SourceLimitedError, SourceRefusedError
from tidegate.core.time import MINUTE, Instant, format_instant, moment_of
from tidegate.data.connectors.contract import Call
from tidegate.data.connectors.items import Record, read_body, read_instant, read_json_text
from tidegate.data.connectors.web import get_bytes

if TYPE_CHECKING:
    import httpx

__all__ = ["ADDRESS", "ArticleSearch", "read_articles"]

ADDRESS: Final = "https://api.gdeltproject.org/api/v2/doc/doc"

_MOST_RECORDS: Final = 250
_STEP: Final = 15 * MINUTE
_PACE_SECONDS: Final = 5.0
"""GDELT asks for no more than one request in five seconds."""
_LONE_BACKSLASH: Final = re.compile(rb'\\(?!["\\/bfnrtu])')
_SENTENCE: Final = re.compile(rb"\s*[A-Z][^<{\[]*\Z")

Page = list[tuple[Instant, dict[str, Any]]]


class ArticleSearch:
    """Searches one window after the other.

    Parameters
    ----------
    client
        Opened on the API's address.
    query
        In GDELT's query language.
    records
        Articles per request.
    pause_seconds
        Between two requests.
    warnings
        What could not be had is noted here.
    """

    def __init__(
        self, client: httpx.Client, query: str, *, records: int, pause_seconds: float, warnings: list[str]
    ) -> None:
        self._client = client
        self._query = query
        self._records = records
        self._pause_seconds = pause_seconds
        self._warnings = warnings

    def pages(self, start: Instant, end: Instant, call: Call) -> Iterator[list[Record]]:
        """Yield the articles seen from ``start`` to ``end``, answer by answer, each address once.

        Raises
        ------
        SourceError
            As :func:`tidegate.data.connectors.web.get_bytes`; also where a full answer brings nothing new.
        """
        cursor, limit, seen = start, self._records, set[str]()
        while cursor < end:
            page = call(partial(self._page, cursor, end, limit, frozenset(seen)))
            yield [
                Record(f"articles from {format_instant(cursor)}", number, article)
                for number, (_, article) in enumerate(page, start=1)
                if article["source_url"] not in seen
            ]
            seen.update(article["source_url"] for _, article in page)
            if len(page) < limit:
                return
            sleep(self._pause_seconds)
            last = max(at for at, _ in page)
            if last > cursor:
                cursor, limit = last, self._records
            elif limit < _MOST_RECORDS:
                limit = _MOST_RECORDS
            else:
                self._warnings.append(f"more than {limit} articles at {format_instant(cursor)}; GDELT shows no others")
                cursor, limit = Instant(cursor + _STEP), self._records

    def _page(self, start: Instant, end: Instant, limit: int, seen: frozenset[str]) -> Page:
        asked: dict[str, str | int] = {
            "query": self._query,
            "mode": "ArtList",
            "format": "json",
            "sort": "DateAsc",
            "maxrecords": limit,
            "startdatetime": _compact(start),
            "enddatetime": _compact(end),
        }
        page = [_seen(article) for article in _articles(get_bytes(self._client, "", asked))]
        inside = [article for at, article in page if start <= at <= end]
        # A full answer whose articles are all at its beginning is not stuck: the next one asks for more of them.
        fresh = any(article["source_url"] not in seen for article in inside) or all(at == start for at, _ in page)
        if page and not (inside and (fresh or len(page) < limit)):
            raise SourceGarbledError(
                found=f"{len(page)} articles from {format_instant(start)} on, none of them new",
                expected="articles of the window that was asked for",
                hint="try again later",
            )
        return page


def read_articles(file: Path) -> list[Record]:
    """Return the articles of an answer of the API that was saved.

    Raises
    ------
    DataError
        If the file holds no such answer.
    """
    try:
        articles = _listed(read_json_text(_LONE_BACKSLASH.sub(rb"\\\\", read_body(file))))
        return [Record(file.name, number, _row(article)) for number, article in enumerate(articles, start=1)]
    except (ValueError, TypeError, AttributeError):
        raise DataError(
            found=f"{file}: no list of articles", expected="an answer of GDELT's mode ArtList", hint="get it again"
        ) from None


def _compact(at: Instant) -> str:
    return f"{moment_of(at):%Y%m%d%H%M%S}"


def _articles(body: bytes) -> list[dict[str, Any]]:
    """Return the articles of an answer; a plain sentence instead of JSON is how GDELT explains a refusal."""
    try:
        return [_row(article) for article in _listed(read_json_text(_LONE_BACKSLASH.sub(rb"\\\\", body)))]
    except (ValueError, TypeError, AttributeError):
        said = body[:200].decode("utf-8", "replace").strip()
    if b"limit requests" in body:
        raise SourceLimitedError(
            found=f"GDELT: {said!r}",
            expected="articles",
            hint="ask for less at a time",
            retry_after_seconds=_PACE_SECONDS,
        )
    if body.strip() and _SENTENCE.match(body[:1000]):
        raise SourceRefusedError(found=f"GDELT: {said!r}", expected="articles", hint="change the query")
    raise SourceGarbledError(found=f"GDELT: {said!r}", expected="a JSON document", hint="try again later")


def _listed(content: Any) -> list[dict[str, Any]]:
    """Return the list in an answer; a search that finds nothing is answered with an empty object."""
    if not isinstance(content, dict):
        raise TypeError
    return list(content.get("articles") or [])


def _seen(article: dict[str, Any]) -> tuple[Instant, dict[str, Any]]:
    try:
        return read_instant(article["published_at"]), article
    except DataError:
        raise SourceGarbledError(
            found=f"GDELT: an article seen at {article['published_at']!r}", expected="a time", hint="try again later"
        ) from None


def _row(article: dict[str, Any]) -> dict[str, Any]:
    """Return an article in our names; when it was seen is the earliest that is known of its publication."""
    if not isinstance(article.get("url"), str):
        raise TypeError
    return {
        "title": article.get("title"),
        "source_url": article["url"],
        "source_name": article.get("domain"),
        "published_at": article.get("seendate"),
        "language": article.get("language"),
        "source_country": article.get("sourcecountry"),
    }
