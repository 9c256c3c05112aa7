"""RSS and Atom: the entries of a feed as rows in our own names."""

from __future__ import annotations

import hashlib
import html
import io
import re
from calendar import timegm
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from tidegate.core.errors import DataError, InputError, SourceGarbledError
from tidegate.core.time import SECOND
from tidegate.data.connectors.extras import require
from tidegate.data.connectors.items import Record, read_body
from tidegate.data.connectors.web import get_bytes

if TYPE_CHECKING:
    import httpx

__all__ = ["fetch_feed", "name_of_feed", "read_feed"]

_END: Final = re.compile(rb"</(?:rss|feed|rdf:RDF|RDF)\s*>\s*(?:<!--.*?-->\s*)*$", re.DOTALL)
_BROKEN: Final = (ValueError, LookupError, TypeError, AttributeError, AssertionError, RecursionError)
"""What feedparser lets through of the parsers below it where a document is damaged."""
_TAG: Final = re.compile(r"<[^<>]*>")
_BLANKS: Final = re.compile(r"\s+")


def name_of_feed(url: str) -> str:
    """Return what a feed is called in reports: its address without a query, which may hold a key.

    Raises
    ------
    InputError
        If it is no address of http or https.

    Examples
    --------
    >>> name_of_feed("https://news.example/rss?key=1")
    'news.example/rss'
    """
    try:
        parts = urlsplit(url)
        host = parts.hostname if parts.scheme in {"http", "https"} else None
    except ValueError:
        host = None
    if not host:
        raise InputError(
            found=f"the feed {url!r}", expected="an address of http or https", hint="such as https://host/rss.xml"
        )
    return f"{host}{parts.path}"


def fetch_feed(client: httpx.Client, url: str, answers: dict[str, str]) -> list[Record]:
    """Return the entries of a feed as it is now.

    Parameters
    ----------
    answers
        What the feeds of this run have answered, by its hash, and which of them; this one is added.

    Raises
    ------
    SourceError
        As :func:`tidegate.data.connectors.web.get_bytes`; and SourceGarbledError if the answer is no whole feed, or
        that of another feed, as a confused cache on the way gives it.
    """
    name = name_of_feed(url)
    body = get_bytes(client, url)
    first = answers.setdefault(hashlib.sha256(body).hexdigest(), url)
    if first != url:
        raise SourceGarbledError(
            found=f"{name}: the very answer of {name_of_feed(first)}",
            expected="a feed of its own",
            hint="leave one of the two out if both addresses lead to one feed",
        )
    entries = _entries(body)
    if entries is None:
        raise SourceGarbledError(
            found=f"{name}: no feed, or one that breaks off",
            expected="RSS or Atom, whole",
            hint="open the address in a browser",
        )
    return _records(entries, name)


def read_feed(file: Path) -> list[Record]:
    """Return the entries of a feed that was saved.

    Raises
    ------
    DataError
        If the file is no whole feed.
    """
    entries = _entries(read_body(file))
    if entries is None:
        raise DataError(
            found=f"{file}: no feed, or one that breaks off", expected="RSS or Atom, whole", hint="get it again"
        )
    return _records(entries, file.name)


def _records(entries: list[dict[str, Any]], name: str) -> list[Record]:
    return [Record(name, number, entry) for number, entry in enumerate(entries, start=1)]


def _entries(body: bytes) -> list[dict[str, Any]] | None:
    """Return the entries in our names; None where the body is no feed or has no end."""
    library = require("feedparser", extra="feeds")
    try:
        # Given bytes or text, feedparser would try them as the name of a file first.
        parsed = library.parse(io.BytesIO(body), sanitize_html=False)
    except _BROKEN:
        return None
    if not parsed.get("version") or not _END.search(body):
        return None
    title = parsed.feed.get("title")
    return [_row(entry, title) for entry in parsed.entries]


def _row(entry: dict[str, Any], feed: str | None) -> dict[str, Any]:
    # The plain lookup of a dict: feedparser's own answers for a missing update with the publication, and warns.
    moment = dict.get(entry, "published_parsed") or dict.get(entry, "updated_parsed")
    texts = [entry.get("summary"), *(part.get("value") for part in entry.get("content", ()))]
    return {
        "title": _plain(entry.get("title")),
        "text": _plain(next((text for text in texts if text), None)),
        "source_url": entry.get("link"),
        "source_name": _plain((entry.get("source") or {}).get("title")) or _plain(feed),
        # An entry without a date stays without: nobody knows when it was published.
        "published_at": None if moment is None else timegm(moment) * SECOND,
        "tags": [tag["term"] for tag in entry.get("tags", ()) if tag.get("term")],
        "guid": entry.get("id"),
    }


def _plain(text: str | None) -> str | None:
    """Return text without markup."""
    return None if text is None else _BLANKS.sub(" ", html.unescape(_TAG.sub(" ", text))).strip()
