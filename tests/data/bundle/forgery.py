"""A small catalog of every kind of vintage, and bundles that somebody tampered with but kept consistent."""

from __future__ import annotations

import hashlib
import io
import tarfile
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow.parquet as pq

from tidegate.core.clock import frozen_clock
from tidegate.core.time import Instant, instant_of, parse_instant
from tidegate.core.workspace import Workspace
from tidegate.data import Catalog, Revision
from tidegate.data.bundle import BundleFile, BundleManifest, BundleScope
from tidegate.data.bundle.archive import write_archive
from tidegate.data.bundle.build import side_file_of
from tidegate.data.bundle.parquet import columns_of
from tidegate.data.tables import spec_of

LATER = parse_instant("2024-06-01")
BUILT = parse_instant("2024-07-01")


def at(text: str) -> datetime:
    """A moment of 2024: ``01-02`` or ``01-02T03``."""
    day, _, hour = text.partition("T")
    return datetime.fromisoformat(f"2024-{day}T{hour or '00'}:00:00+00:00")


def rows_of(table: str, *rows: dict[str, Any], dataset: str = "d") -> pl.DataFrame:
    """Rows of a table: what is not given is missing, and a row is known when it happens unless it says otherwise."""
    columns = columns_of(spec_of(table))
    empty: dict[str, Any] = dict.fromkeys(columns)
    filled = [
        {**empty, "dataset": dataset, "source": "test", "synthetic": False, "known_time": row["event_time"], **row}
        for row in rows
    ]
    return pl.DataFrame(filled, schema=columns, orient="row")


def bars_of(symbol: str, closes: dict[str, float], *, dataset: str = "d", interval: str = "1h") -> pl.DataFrame:
    """Bars of one symbol, by hour."""
    rows = [
        {
            "interval": interval,
            "symbol": symbol,
            "event_time": at(hour),
            **dict.fromkeys(("open", "high", "low", "close"), close),
            "volume": 10.0,
            "adjustment": 1.0,
            "calendar": "24/7",
        }
        for hour, close in closes.items()
    ]
    return rows_of("bars", *rows, dataset=dataset)


def stock(workspace: Workspace) -> None:
    """Fill a catalog with bars of two intervals, a restatement, a correction, and tables of every kind."""
    catalog = Catalog(workspace)
    with frozen_clock(LATER):
        hours = {"01-02T01": 1.0, "01-02T02": 2.0, "01-03T01": 3.0, "01-04T01": 4.0}
        for symbol in ("A", "B"):
            catalog.append("bars", bars_of(symbol, hours))
        catalog.append("bars", bars_of("A", {"01-02": 1.0, "01-03": 2.0}, interval="1d"))
        catalog.append("bars", bars_of("A", {"01-02T01": 1.5}), revision=Revision(known_at=instant_of(at("01-20"))))
        wrong = Revision(correction_reason="a comma too many")
        catalog.append("bars", bars_of("B", {"01-03T01": 3.3}), revision=wrong)
        prints = [("12-31", "01-15", 3.1), ("12-31", "02-15", 3.2), ("12-31", "03-15", 3.1), ("01-31", "02-15", 3.4)]
        catalog.append(
            "macro",
            rows_of(
                "macro",
                *(
                    {
                        "series": "cpi",
                        "event_time": datetime(2023, 12, 31, tzinfo=UTC) if month == "12-31" else at(month),
                        "known_time": at(known),
                        "value": value,
                        "unit": "percent",
                        "revised": False,
                    }
                    for month, known, value in prints
                ),
            ),
        )
        lives = [("A", "listed", "01-01", "01-01"), ("B", "delisted", "05-01", "01-03")]
        catalog.append(
            "symbol_lives",
            rows_of(
                "symbol_lives",
                *(
                    {"symbol": symbol, "change": change, "event_time": at(event), "known_time": at(known)}
                    for symbol, change, event, known in lives
                ),
            ),
        )
        catalog.append(
            "events",
            rows_of(
                "events",
                {"event_id": "e1", "event_time": at("01-02T03"), "title": "到岸 ☃", "tier": 1, "payload": "{}"},
                {"event_id": "e2", "event_time": at("03-01"), "known_time": at("01-03"), "title": "ahead"},
                {"event_id": "e3", "event_time": at("03-01"), "known_time": at("02-20"), "title": "too late"},
            ),
        )


def everything(workspace: Workspace) -> dict[str, pl.DataFrame]:
    """Every vintage of every table, without when it was recorded; of a corrected one the last."""
    catalog = Catalog(workspace)
    found = {}
    for entry in catalog.datasets():
        vintage = [*spec_of(entry.table).key, "known_time"]
        rows = catalog.revisions(entry.table, dataset=entry.dataset, as_of=parse_instant("2100-01-01"))
        newest = rows.sort(*vintage, "recorded_time").unique(vintage, keep="last", maintain_order=True)
        found[f"{entry.table}/{entry.dataset}"] = newest.drop("recorded_time").collect()
    return found


def parquet_of(rows: pl.DataFrame, *groups: int, **options: Any) -> bytes:
    """A Parquet file of these rows, in groups of these lengths."""
    written = io.BytesIO()
    table = rows.to_arrow()
    with pq.ParquetWriter(written, table.schema, **{"store_schema": False, **options}) as writer:
        start = 0
        for length in groups or (rows.height,):
            writer.write_table(table.slice(start, length), row_group_size=length)
            start += length
    return written.getvalue()


def file_of(name: str, content: bytes, rows: int, **claimed: Any) -> BundleFile:
    """The entry of a manifest about a file; ``claimed`` says otherwise. Nothing is checked."""
    table, dataset, *interval = name.removesuffix(".parquet").split("/")
    stated = {
        "file": name,
        "table": table,
        "dataset": dataset,
        "interval": interval[0] if interval else None,
        "bytes": len(content),
        "rows": rows,
        "sha256": hashlib.sha256(content).hexdigest(),
        **claimed,
    }
    return BundleFile.model_construct(**stated)


def manifest_of(*files: BundleFile) -> BundleManifest:
    """A manifest that fits these files."""
    return BundleManifest.of(
        tuple(BundleFile.model_validate(file.model_dump()) for file in files),
        scope=BundleScope(),
        sources={file.source: 0 for file in files},
        recorded_until="2024-06-01",
        recipe=None,
        code_version="0.1.0",
    )


def forge(path: Path, contents: dict[str, tuple[bytes, int]], **claimed: Any) -> Path:
    """Write a bundle of these files, with a manifest and a side file that fit; ``claimed`` changes each entry."""
    files = [file_of(name, content, rows, **claimed) for name, (content, rows) in sorted(contents.items())]
    folder = path.with_suffix(".parts")
    parts = []
    for name, (content, _) in sorted(contents.items()):
        part = folder / name
        part.parent.mkdir(parents=True, exist_ok=True)
        part.write_bytes(content)
        parts.append((name, part))
    write_archive(path, manifest_of(*files).encoded(), parts, folder)
    return signed(path)


def forge_bars(path: Path, rows: pl.DataFrame, *groups: int, **claimed: Any) -> Path:
    """Write a bundle of these bars of data set ``d``."""
    return forge(path, {"bars/d/1h.parquet": (parquet_of(rows, *groups), rows.height)}, **claimed)


def signed(path: Path) -> Path:
    """Write the side file that fits a bundle, whatever became of it."""
    side_file_of(path).write_text(f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n", encoding="utf-8")
    return path


def repacked(path: Path, source: Path, members: Iterable[tuple[tarfile.TarInfo, bytes]], **options: Any) -> Path:
    """Write a container of other members in the place of a bundle."""
    with tarfile.open(path, "w", **{"format": tarfile.GNU_FORMAT, **options}) as container:
        for entry, content in members:
            entry.size = len(content) if entry.isreg() else 0
            container.addfile(entry, io.BytesIO(content))
    assert path != source
    return signed(path)


def members_of(path: Path) -> dict[str, bytes]:
    """The members of a bundle."""
    with tarfile.open(path, "r:") as container:
        return {entry.name: container.extractfile(entry).read() for entry in container}  # type: ignore[union-attr]


def known(text: str) -> Instant:
    """The instant of a moment of 2024."""
    return instant_of(at(text))
