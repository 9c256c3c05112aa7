"""Files that a disk, a network or a spreadsheet has spoilt: a correct load or a reason, never a crash, never a half."""

from __future__ import annotations

import io
import json
import random
import shutil
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import polars as pl
import pytest

from command import TRACEBACK
from tidegate.cli import run
from tidegate.core.clock import now
from tidegate.core.workspace import Workspace
from tidegate.data import Catalog
from tidegate.data.revisions import require_valid
from tidegate.data.tables import spec_of

MUTANTS = 48
"""Of each of the eleven kinds of file below: more than five hundred."""


@dataclass(frozen=True)
class Sample:
    """A sound file, and the command that reads it."""

    file: str
    content: Callable[[], bytes]
    words: tuple[str, ...]


def lines(*rows: str) -> Callable[[], bytes]:
    return lambda: ("\n".join(rows) + "\n").encode()


def json_lines(*rows: dict[str, object]) -> Callable[[], bytes]:
    return lines(*(json.dumps(row) for row in rows))


def parquet(**columns: list[object]) -> Callable[[], bytes]:
    def content() -> bytes:
        held = io.BytesIO()
        pl.DataFrame(columns).write_parquet(held)
        return held.getvalue()

    return content


def zipped(member: str, text: str) -> Callable[[], bytes]:
    def content() -> bytes:
        held = io.BytesIO()
        with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(zipfile.ZipInfo(member, (2024, 1, 1, 0, 0, 0)), text)
        return held.getvalue()

    return content


HOURS = [1_704_067_200_000 + 3_600_000 * hour for hour in range(30)]
BARS = [f"BTC,{at},{100 + i}.5,{101 + i},{99 + i},{100 + i},12.5" for i, at in enumerate(HOURS)]
KLINES = "\n".join(f"{at},100,101,99,100.5,12,{at + 3_599_999},1200,7,6,600,0" for at in HOURS[:24])
EVENTS = [
    {
        "type": "market",
        "title": f"Headline {number}",
        "source_url": f"https://example.org/{number}",
        "occurred_at": f"2024-01-{number + 1:02}T10:00:00Z",
        "available_at": f"2024-01-{number + 1:02}T10:05:00Z",
        "entities": [{"entity_type": "asset", "symbol": "BTC", "name": "Bitcoin"}],
        "confidence": 0.7,
    }
    for number in range(20)
]
POSTS = [
    {
        "platform": "reddit",
        "kind": "post",
        "source_id": f"p{number}",
        "occurred_at": f"2024-01-{number + 1:02}T10:00:00Z",
        "available_at": f"2024-01-{number + 1:02}T10:05:00Z",
        "text": "up it goes",
        "symbol_mentions": ["BTC"],
    }
    for number in range(20)
]

SAMPLES = {
    "bars-csv": Sample(
        "bars.csv",
        lines("symbol,ts,open,high,low,close,volume", *BARS),
        ("ohlcv", "{}", "--preset", "binance-klines", "--interval", "1h"),
    ),
    "bars-parquet": Sample(
        "bars.parquet",
        parquet(symbol=["A"] * 30, ts=HOURS, open=[1.0] * 30, high=[2.0] * 30, low=[0.5] * 30, close=[1.5] * 30,
                volume=[3.0] * 30),
        ("ohlcv", "{}", "--preset", "binance-klines", "--interval", "1h"),
    ),
    "funding-csv": Sample(
        "funding.csv",
        lines("symbol,ts,funding_rate", *(f"BTC,{at},0.000{i + 1}" for i, at in enumerate(HOURS[::8]))),
        ("funding", "{}"),
    ),
    "funding-parquet": Sample(
        "funding.parquet",
        parquet(symbol=["BTC"] * 4, ts=HOURS[::8], funding_rate=[1e-4, 2e-4, -1e-4, 0.0]),
        ("funding", "{}"),
    ),
    "derivatives": Sample(
        "ratio.csv",
        lines("ts,ratio", *(f"{at},1.{i}" for i, at in enumerate(HOURS))),
        ("binance-derivatives", "{}", "--symbol", "SOL", "--interval", "1h"),
    ),
    "archive": Sample(
        "data/futures/um/monthly/klines/BTCUSDT/1h/BTCUSDT-1h-2024-01.zip",
        zipped("BTCUSDT-1h-2024-01.csv", KLINES),
        ("binance-archive", "{root}", "--symbols", "BTCUSDT=BTC", "--start", "2024-01-01", "--end",
         "2024-01-31", "--interval", "1h", "--dataset", "archive"),
    ),
    "macro": Sample(
        "macro.csv",
        lines("series_id,obs_date,value,availability_rule",
              *(f"DGS10,2024-01-{day:02},4.{day},next business day (H.15)" for day in range(2, 29))),
        ("macro", "{}", "--preset", "macro-long", "--dataset", "us"),
    ),
    "events": Sample("events.jsonl", json_lines(*EVENTS), ("events", "{}", "--dataset", "news")),
    "social": Sample("posts.jsonl", json_lines(*POSTS), ("social", "{}", "--dataset", "chatter")),
    "lives": Sample(
        "lives.csv",
        lines("symbol,assetType,ipoDate,delistingDate,status", "A,Stock,2001-01-02,null,Active",
              *(f"S{i},Stock,2001-01-02,20{i:02}-03-04,Delisted" for i in range(10, 22))),
        ("lives", "{}"),
    ),
    "tushare": Sample(
        "daily.csv",
        lines("ts_code,trade_date,open,high,low,close,pre_close,vol,amount,adj_factor",
              *(f"600000.SH,202401{day:02},10.0,10.5,9.5,10.2,10.0,1000,1020,1.0" for day in range(2, 6)),
              *(f"000001.SZ,202401{day:02},20.0,20.5,19.5,20.2,20.0,1000,2040,1.0" for day in range(2, 6))),
        ("tushare", "{}", "--kinds", "daily"),
    ),
}  # fmt: skip


def flip(dice: random.Random, content: bytes) -> bytes:
    spoilt = bytearray(content)
    for _ in range(dice.randint(1, 8)):
        spoilt[dice.randrange(len(spoilt))] = dice.randrange(256)
    return bytes(spoilt)


def cut(dice: random.Random, content: bytes) -> bytes:
    return content[: dice.randrange(len(content))]


def insert(dice: random.Random, content: bytes) -> bytes:
    junk = dice.choice(
        [b"\x00" * 20, b"\xff\xfe", b"\n\n", b",,,,", b'"', b"1e999", b"-1e308", b"nan", b"9" * 40, b"../../x", b"{[",
         "\u6da8\u505c".encode(), b"2024-13-45", b"\r", b";", b"null", b"=cmd()", b"0001-01-01", b"99999-12-31"]
    )  # fmt: skip
    at = dice.randrange(len(content) + 1)
    return content[:at] + junk + content[at + (len(junk) if dice.random() < 0.5 else 0) :]


def shuffle_lines(dice: random.Random, content: bytes) -> bytes:
    rows = content.split(b"\n")
    for _ in range(dice.randint(1, 5)):
        one, other = dice.randrange(len(rows)), dice.randrange(len(rows))
        rows[one] = rows[other] if dice.random() < 0.5 else rows[one] + rows[other]
    return b"\n".join(rows)


def drop_a_column(dice: random.Random, content: bytes) -> bytes:
    column = dice.randrange(1 + content.split(b"\n")[0].count(b","))
    rows = [row.split(b",") for row in content.split(b"\n")]
    return b"\n".join(b",".join(row[:column] + row[column + 1 :]) for row in rows)


def replace_a_field(dice: random.Random, content: bytes) -> bytes:
    rows = [row.split(b",") for row in content.split(b"\n")]
    row = dice.choice(rows)
    row[dice.randrange(len(row))] = dice.choice([b"", b"-1", b"abc", b"0", b"inf", b"1,5", b"1e400", b"  ", b"'x'"])
    return b"\n".join(b",".join(row) for row in rows)


MUTATIONS = (flip, cut, insert, shuffle_lines, drop_a_column, replace_a_field)


def spoil(dice: random.Random, content: bytes) -> bytes:
    for _ in range(dice.randint(1, 3)):
        content = dice.choice(MUTATIONS)(dice, content) if content else content
    return content


def versions(root: Path) -> dict[str, int]:
    catalog = Catalog(Workspace.open(root))
    return {entry.table: entry.version for entry in catalog.datasets()}


def require_sound(root: Path) -> int:
    """Check every stored row against the rules of the door, and return how many there are."""
    catalog, count = Catalog(Workspace.open(root)), 0
    for table, dataset in {(entry.table, entry.dataset) for entry in catalog.datasets()}:
        rows = catalog.revisions(table, dataset=dataset, as_of=now()).collect()
        for part in rows.partition_by(*spec_of(table).partition):
            require_valid(spec_of(table), part.drop("recorded_time"))
        count += rows.height
    return count


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("fuzz") / "empty"
    Workspace.create(root).database.dispose()
    return root


def ingest(sample: Sample, folder: Path, root: Path) -> int:
    words = [word.format(folder / sample.file, root=folder) for word in sample.words]
    return run(["ingest", *words, "--json", "--workspace", str(root)])


def place(sample: Sample, folder: Path, content: bytes) -> None:
    path = folder / sample.file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


@pytest.mark.parametrize("name", SAMPLES)
def test_a_sound_file_loads(name: str, empty: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """The mutants below would all be refused for the wrong reason if their original were."""
    root = Path(shutil.copytree(empty, tmp_path / "work"))
    place(SAMPLES[name], tmp_path, SAMPLES[name].content())
    assert ingest(SAMPLES[name], tmp_path, root) == 0, capfd.readouterr()
    assert require_sound(root) > 0


@pytest.mark.parametrize("name", SAMPLES)
def test_a_spoilt_file_is_loaded_correctly_or_refused_with_a_reason(
    name: str, empty: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    dice = random.Random(f"fuzz {name}")
    sample, sound = SAMPLES[name], SAMPLES[name].content()
    bites = 0
    for number in range(MUTANTS):
        root = Path(shutil.copytree(empty, tmp_path / f"work-{number}"))
        folder = tmp_path / f"files-{number}"
        content = spoil(dice, sound)
        place(sample, folder, content)
        capfd.readouterr()
        exit_code = ingest(sample, folder, root)
        out, err = capfd.readouterr()
        assert exit_code in {0, 2}, (exit_code, content, out, err)
        assert TRACEBACK not in out + err
        document = json.loads(out)
        stored = require_sound(root)
        if exit_code:
            said = document.get("found") or [one["error"] for one in document["members"] if one["error"]]
            assert said, document
        if "members" in document:
            assert stored == sum(one["appended"] + one["revised"] for one in document["members"])
        else:
            assert stored == document.get("appended", 0)
        bites += exit_code == 2 or '"rejected": {}' not in json.dumps(document)
        shutil.rmtree(root)
    assert bites
