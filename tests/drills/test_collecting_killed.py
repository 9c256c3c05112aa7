"""Collecting from files and from a server, killed at any moment, then repeated: the same tables as undisturbed."""

from __future__ import annotations

import hashlib
import io
import shutil
import signal
import time
import zipfile
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import polars as pl
import pytest

from command import execute, started
from tidegate.core.clock import now
from tidegate.core.workspace import Workspace
from tidegate.data import Catalog
from tidegate.testing import Reply, ScriptedSource, SeenRequest

SYMBOLS = ("BTC", "ETH", "SOL", "XRP")
MONTHS = ("2024-01", "2024-02", "2024-03", "2024-04")
HOUR = 3_600_000
MOMENTS = 6


@cache
def month_of_bars(month: str) -> bytes:
    first = datetime.fromisoformat(f"{month}-01").replace(tzinfo=UTC)
    following = first.replace(month=first.month + 1)
    opens = range(int(first.timestamp() * 1000), int(following.timestamp() * 1000), HOUR)
    rows = "".join(f"{at},100,101,99,{100 + at % 7},12,{at + HOUR - 1},1200,7,6,600,0\n" for at in opens)
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("rows.csv", rows)
    return held.getvalue()


def slow_archive(request: SeenRequest) -> Reply:
    """Answer as https://github.com/binance/binance-public-data describes, and take one's time."""
    time.sleep(0.02)
    name = request.path.rsplit("/", 1)[-1]
    content = month_of_bars(name.removesuffix(".CHECKSUM").removesuffix(".zip")[-7:])
    if name.endswith(".CHECKSUM"):
        return Reply(f"{hashlib.sha256(content).hexdigest()}  {name.removesuffix('.CHECKSUM')}\n")
    return Reply(content)


def content_of(root: Path) -> dict[tuple[str, str], pl.DataFrame]:
    catalog = Catalog(Workspace.open(root))
    return {
        (entry.table, entry.dataset): catalog.revisions(entry.table, dataset=entry.dataset, as_of=now())
        .drop("recorded_time")
        .collect()
        .sort(pl.all())
        for entry in catalog.datasets()
    }


def require_same(found: Path, expected: Path) -> None:
    one, other = content_of(found), content_of(expected)
    assert one.keys() == other.keys()
    for key, rows in other.items():
        assert one[key].equals(rows), key


def drill(command: Callable[[Path], Sequence[str | Path]], folder: Path) -> int:
    """Kill a command at moments spread over its duration; return how many kills found it with some rows stored."""
    whole = folder / "whole"
    execute(["init", "--workspace", whole]).checked()
    fresh = Path(shutil.copytree(whole, folder / "fresh"))
    with started(command(whole)) as undisturbed:
        undisturbed.wait_for_output()
        began = time.monotonic()
        undisturbed.end().checked()
        duration = time.monotonic() - began
    amid = 0
    for number in range(MOMENTS):
        root = Path(shutil.copytree(fresh, folder / f"killed-{number}"))
        with started(command(root)) as doomed:
            doomed.wait_for_output()
            time.sleep(duration * (number + 0.5) / MOMENTS)
            doomed.send(signal.SIGKILL)
            doomed.end()
        stored = sum(rows.height for rows in content_of(root).values())
        amid += 0 < stored < sum(rows.height for rows in content_of(whole).values())
        execute(command(root)).checked()
        require_same(root, whole)
    return amid


@pytest.mark.slow
def test_a_server_s_rows_are_whole_after_any_kill(tmp_path: Path) -> None:
    with ScriptedSource(slow_archive) as source:
        mapped = ",".join(f"{symbol}USDT={symbol}" for symbol in SYMBOLS)
        amid = drill(
            lambda root: [
                *("ingest", "binance-archive", "--base-url", source.url, "--symbols", mapped, "--interval", "1h"),
                *("--start", f"{MONTHS[0]}-01", "--end", "2024-04-30", "--dataset", "perp", "--workspace", root),
            ],
            tmp_path,
        )
        seen = len(source.seen)
    assert amid  # some kills fell between two commits
    asked = len(SYMBOLS) * len(MONTHS) * 2
    assert seen < asked * (2 * MOMENTS + 1)  # what was finished for good was not asked for again


@pytest.mark.slow
def test_a_file_s_rows_are_whole_after_any_kill(tmp_path: Path) -> None:
    """Items and their links go to two tables; a kill between the two commits must not part them for good."""
    path = tmp_path / "events.jsonl"
    path.write_text(
        "".join(
            f'{{"title": "Headline {n}", "occurred_at": "2024-01-01T{n // 60 % 24:02}:{n % 60:02}:00Z", '
            f'"available_at": "2024-01-02T00:00:00Z", "source_url": "https://example.org/{n}", '
            f'"entities": [{{"entity_type": "asset", "symbol": "BTC"}}]}}\n'
            for n in range(3_000)
        )
    )
    drill(lambda root: ["ingest", "events", path, "--dataset", "news", "--workspace", root], tmp_path)
