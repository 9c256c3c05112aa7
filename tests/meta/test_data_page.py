"""The data page: both languages say the same, every connector has its section, and the offline paths run."""

from __future__ import annotations

import io
import json
import re
import shlex
import subprocess
import sys
import zipfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from tidegate.core.time import BarInterval, parse_instant
from tidegate.data import trading_calendar
from tidegate.data.connectors import CONNECTORS
from tidegate.testing import synthetic_panel

DOCS = Path(__file__).resolve().parents[2] / "docs"
ENGLISH, CHINESE = DOCS / "data.md", DOCS / "data.zh-CN.md"
FENCE = re.compile(r"^```[^\n]*\n(?P<body>.*?)^```$", re.MULTILINE | re.DOTALL)
FEATURES = ("what", "cost", "latency", "known", "terms", "fails when")
LIMIT_SECONDS = 300


def text_of(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def sections(page: Path) -> dict[str, str]:
    """Return the sections of sources by the command in their heading."""
    parts = re.split(r"^### .*`([a-z-]+)`$", FENCE.sub("", text_of(page)), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def test_both_languages_have_the_same_headings_code_and_tables() -> None:
    shapes = []
    for page in (ENGLISH, CHINESE):
        text = text_of(page)
        prose = FENCE.sub("", text)
        levels = [len(marks) for marks in re.findall(r"^(#+) ", prose, re.MULTILINE)]
        columns = [line.count("|") for line in prose.splitlines() if line.startswith("|")]
        shapes.append((levels, [match["body"] for match in FENCE.finditer(text)], columns))

    assert shapes[0] == shapes[1]
    assert len(shapes[0][1]) > 10


@pytest.mark.parametrize("page", [ENGLISH, CHINESE], ids=["english", "chinese"])
def test_every_connector_has_a_section_with_an_example(page: Path) -> None:
    assert set(sections(page)) == set(CONNECTORS)
    code = "".join(match["body"] for match in FENCE.finditer(text_of(page)))
    assert [name for name in CONNECTORS if f"tidegate ingest {name} " not in code] == []


def test_every_section_says_what_a_user_must_know() -> None:
    for name, section in sections(ENGLISH).items():
        rows = {
            cell.strip() for line in re.findall(r"^\| ([^|]+) \|", section, re.MULTILINE) for cell in line.split(",")
        }
        assert set(FEATURES) <= rows, name


def session(workspace: str, folder: Path) -> list[str]:
    """Type the commands of the offline paths that end in a workspace and return what they printed."""
    offline = text_of(ENGLISH).split("## First runs")[1].split("\n## ")[0]
    typed = [
        line[2:]
        for match in FENCE.finditer(offline)
        for line in match["body"].replace("\\\n", " ").splitlines()
        if line.endswith(f"--workspace {workspace}")
    ]
    printed = []
    for command in typed:
        done = subprocess.run(
            [sys.executable, "-m", *shlex.split(command)],
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=LIMIT_SECONDS,
            check=False,
        )
        # An audit that does not pass has run, too.
        assert done.returncode in {0, 3 if " audit " in command else 0}, f"{command}\n{done.stdout}\n{done.stderr}"
        printed.append(done.stdout)
    return printed


@pytest.mark.slow
def test_the_offline_path_of_a_shares_runs(tmp_path: Path) -> None:
    write_tushare_folder(tmp_path / "tushare")

    printed = session("a-share", tmp_path)

    assert len(printed) == 5
    assert "members" in printed[2]


@pytest.mark.slow
def test_the_offline_path_of_perpetuals_runs(tmp_path: Path) -> None:
    write_archive(tmp_path / "archive")
    write_other_files(tmp_path)

    printed = [*session("perpetuals", tmp_path), *session("elsewhere", tmp_path)]

    assert len(printed) == 11
    for table in ("bars", "funding", "macro", "events", "entity_links", "posts", "order_books"):
        assert table in printed[7]


def write_tushare_folder(folder: Path) -> None:
    """Write a year of a synthetic market as answers of Tushare: one file of bars with factors, one of companies."""
    folder.mkdir()
    closes = trading_calendar("XSHG").expected(
        BarInterval("1d"), parse_instant("2023-01-01"), parse_instant("2024-01-01")
    )
    panel = synthetic_panel(7, n_times=len(closes), n_symbols=8, times=closes)
    dates = pl.Series(closes).cast(pl.Datetime("us")).dt.strftime("%Y%m%d")
    names = {"volume": "vol", "traded_value": "amount"}
    units = {"volume": 100.0, "traded_value": 1000.0}
    pl.concat(
        pl.DataFrame(
            {
                "ts_code": pl.repeat(f"{place:06d}.SZ", len(closes), eager=True),
                "trade_date": dates,
                **{
                    names.get(name, name): panel[name][:, place] / units.get(name, 1.0)
                    for name in ("open", "high", "low", "close", "volume", "traded_value")
                },
                "adj_factor": 1.0,
            }
        )
        for place in range(8)
    ).write_csv(folder / "daily.csv")
    companies = {"ts_code": [f"{place:06d}.SZ" for place in range(8)], "list_date": ["20100104"] * 8}
    gone = [None] * 7 + ["20230815"]
    pl.DataFrame({**companies, "delist_date": gone, "name": ["甲"] * 8}).write_csv(folder / "stock_basic.csv")


def write_archive(folder: Path) -> None:
    """Write January 2024 in bars of an hour, as https://github.com/binance/binance-public-data packs it."""
    folder.mkdir()
    opened = [datetime(2024, 1, 1, tzinfo=UTC) + timedelta(hours=hour) for hour in range(31 * 24)]
    stamps = [int(moment.timestamp() * 1000) for moment in opened]
    for symbol, price in (("BTCUSDT", 42_000.0), ("ETHUSDT", 2_300.0)):
        lines = [f"{at},{price},{price + 5},{price - 5},{price + 1},10,{at + 3_599_999},100,3,4,40,0" for at in stamps]
        held = io.BytesIO()
        with zipfile.ZipFile(held, "w") as packed:
            packed.writestr(f"{symbol}-1h-2024-01.csv", "\n".join(lines) + "\n")
        (folder / f"{symbol}-1h-2024-01.zip").write_bytes(held.getvalue())


def write_other_files(folder: Path) -> None:
    """Write a few rows each of funding, macro, headlines and posts."""
    (folder / "funding.csv").write_text(
        "symbol,ts,funding_rate\nBTC,2024-01-01T00:00:00Z,0.0001\nBTC,2024-01-01T08:00:00Z,0.0002\n", encoding="utf-8"
    )
    (folder / "macro_long.csv").write_text(
        "series_id,obs_date,value,availability_rule\nDGS10,2024-01-02,3.95,next business day (H.15)\n", encoding="utf-8"
    )
    (folder / "headlines.csv").write_text(
        "published_at,title,text,source,subject,url,sentiment_textblob\n"
        "2024-01-02 10:00:00,Bitcoin is up,Nobody knows why,a site,bitcoin,https://site.example/1,0.1\n",
        encoding="utf-8",
    )
    post = {"id": "abc", "title": "bitcoin", "selftext": "up", "author": "ann", "created_utc": 1704190000, "score": 3,
            "retrieved_utc": 1704200000}  # fmt: skip
    (folder / "posts.jsonl").write_text(json.dumps(post) + "\n", encoding="utf-8")
