"""GDELT 2.0's files of every 15 minutes: events and the knowledge graph, from a folder or from its server.

Columns as in "The GDELT Event Database Data Format Codebook V2.0" and "The GDELT Global Knowledge Graph (GKG) Data
Format Codebook V2.1", both at https://www.gdeltproject.org/data.html#documentation. The files have no header, are
divided by tabs, and name the instant of their update in every row.
"""

from __future__ import annotations

import html
import io
import lzma
import re
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final

from tidegate.core.errors import DataError, SourceGarbledError
from tidegate.core.time import MINUTE, Instant, moment_of
from tidegate.data.connectors.contract import Call
from tidegate.data.connectors.events.settings import Layout
from tidegate.data.connectors.items import Record, read_body
from tidegate.data.connectors.web import download

if TYPE_CHECKING:
    import httpx

__all__ = ["ADDRESS", "ENDINGS", "UPDATE_MINUTES", "fetch_updates", "read_update"]

ADDRESS: Final = "http://data.gdeltproject.org/gdeltv2"
ENDINGS: Final = (".zip", ".csv", ".tsv")
UPDATE_MINUTES: Final = 15
"""A row names the update it belongs to; the file is there within the next quarter of an hour."""

_FILES: Final = {Layout.GDELT_EVENTS: "export.CSV.zip", Layout.GDELT_GKG: "gkg.csv.zip"}
_WIDTHS: Final = {Layout.GDELT_EVENTS: 61, Layout.GDELT_GKG: 27}
_LARGEST: Final = 2**30
_TITLE: Final = re.compile(r"<PAGE_TITLE>(.*?)</PAGE_TITLE>", re.DOTALL)
_PRECISE: Final = re.compile(r"<PAGE_PRECISEPUBTIMESTAMP>(\d{14})</PAGE_PRECISEPUBTIMESTAMP>")
_NO_LETTERS: Final = re.compile(r"[^0-9A-Za-z]+")


def read_update(file: Path, layout: Layout) -> list[Record]:
    """Return the rows of one file, packed as .zip or .gz or not.

    Raises
    ------
    DataError
        If it cannot be unpacked.
    """
    try:
        return _records(_unpacked(read_body(file)), file.name, layout)
    except ValueError as error:
        raise DataError(found=f"{file}: {error}", expected="a whole update", hint="download it again") from None


def fetch_updates(
    client: httpx.Client, layout: Layout, start: Instant, end: Instant, call: Call
) -> Iterator[list[Record] | None]:
    """Yield the rows of every update from ``start`` to before ``end``; None for one that the server does not have.

    Raises
    ------
    SourceError
        As :func:`tidegate.data.connectors.web.download`; SourceGarbledError if a file cannot be unpacked or
        is another one.
    """
    with TemporaryDirectory(prefix="tidegate-gdelt-") as folder:
        place = Path(folder, "update")
        for at in range(start, end, UPDATE_MINUTES * MINUTE):
            name = f"{moment_of(at):%Y%m%d%H%M%S}.{_FILES[layout]}"

            def fetch(name: str = name) -> list[Record] | None:
                if not download(client, name, place, missing_ok=True, maximum_bytes=_LARGEST):
                    return None
                try:
                    records = _records(_unpacked(place.read_bytes()), name, layout)
                    _require_update(records, name)
                except ValueError as error:
                    raise SourceGarbledError(
                        found=f"{name}: {error}", expected="a whole update", hint="try again later"
                    ) from None
                return records

            yield call(fetch)


def _require_update(records: list[Record], name: str) -> None:
    """Refuse the rows of another update, which a confused cache on the way may give.

    Raises
    ------
    ValueError
        If no row is of the update that the file is named after.
    """
    told = [record.content.get("published_at") for record in records if record.fault is None]
    if told and name[:14] not in told:
        raise ValueError("the rows of another update")


def _unpacked(body: bytes) -> bytes:
    """Return what a packed file holds, or the file itself.

    Raises
    ------
    ValueError
        If its packing is damaged, holds several files, or holds more than 1 GiB.
    """
    if not body.startswith(b"PK"):
        return body
    try:
        with zipfile.ZipFile(io.BytesIO(body)) as packed:
            members = packed.infolist()
            if len(members) != 1:
                raise ValueError(f"{len(members)} files in one")
            with packed.open(members[0]) as inside:
                content = inside.read(_LARGEST + 1)
    except (
        zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, OSError, NotImplementedError, RuntimeError,
    ) as error:  # fmt: skip
        raise ValueError(f"not a whole zip file ({error})") from None
    if len(content) > _LARGEST:
        raise ValueError(f"more than {_LARGEST:,} bytes unpacked")
    return content


def _records(body: bytes, name: str, layout: Layout) -> list[Record]:
    rows = []
    for number, line in enumerate(body.decode("utf-8", "replace").split("\n"), start=1):
        fields = line.rstrip("\r").split("\t")
        if not line.strip():
            continue
        if len(fields) != _WIDTHS[layout]:
            rows.append(Record(name, number, {"line": line[:200]}, f"not {_WIDTHS[layout]} columns"))
            continue
        rows.append(Record(name, number, _event(fields) if layout is Layout.GDELT_EVENTS else _article(fields)))
    return rows


def _event(fields: list[str]) -> dict[str, Any]:
    """Return a coded event; its title is what was coded, for the files hold no headline."""
    actors = [fields[6], fields[16]]
    return {
        "type": f"cameo-{fields[26]}",
        "title": " ".join(part for part in (actors[0], f"CAMEO {fields[26]}", actors[1]) if part),
        "occurred_at": fields[1],
        "published_at": fields[59],
        "source_url": fields[60],
        "source_name": _host(fields[60]),
        "sentiment": _tone(fields[34]),
        "searched": f"{' '.join(actors)} {_NO_LETTERS.sub(' ', fields[60])}",
        "gdelt_id": fields[0],
        "goldstein": fields[30] or None,
        "place": fields[52] or None,
    }


def _article(fields: list[str]) -> dict[str, Any]:
    """Return an article of the knowledge graph."""
    title, precise = _TITLE.search(fields[26]), _PRECISE.search(fields[26])
    # A time of publication after the update that brought it is a clock or zone gone wrong.
    published = precise[1] if precise and precise[1] <= fields[1] else fields[1]
    names = [name.split(",")[0] for name in fields[23].split(";")]
    return {
        "type": "article",
        "title": html.unescape(title[1]).strip() if title else None,
        "occurred_at": published,
        "published_at": fields[1],
        "source_url": fields[4],
        "source_name": fields[3] or None,
        "sentiment": _tone(fields[15].split(",")[0]),
        "searched": "\n".join([*names, *fields[13].split(";"), _NO_LETTERS.sub(" ", fields[4])]),
        "gdelt_id": fields[0],
        "themes": [theme for theme in fields[7].split(";") if theme] or None,
    }


def _tone(text: str) -> float | None:
    """Return GDELT's tone, -100 to 100, as a sentiment of -1 to 1."""
    return float(text) / 100 if re.fullmatch(r"-?\d{1,3}(\.\d+)?(E-?\d+)?", text) else None


def _host(url: str) -> str | None:
    host = url.partition("://")[2].partition("/")[0]
    return host or None
