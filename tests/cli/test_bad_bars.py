"""Files and options that no ingest may take: exit 2, found, expected and hint, and nothing appended."""

from __future__ import annotations

import gzip
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import polars as pl
import pytest

from command import assert_refused

HEADER = "symbol,time,open,high,low,close,volume"
GOOD = (
    "AAA,2024-01-02,10,11,9,10.5,100",
    "AAA,2024-01-03,10.5,11,10,10.6,100",
    "AAA,2024-01-04,10.6,11,10,10.7,100",
)
DAILY = ("--dataset", "made-up", "--calendar", "24/7")
INTRADAY = ("--interval", "1h")


def csv(rows: Sequence[str], header: str = HEADER) -> Callable[[Path], Path]:
    """Return a writer of a CSV file."""

    def write(folder: Path) -> Path:
        path = folder / "bars.csv"
        path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
        return path

    return write


def raw(name: str, content: bytes) -> Callable[[Path], Path]:
    """Return a writer of any bytes."""

    def write(folder: Path) -> Path:
        path = folder / name
        path.write_bytes(content)
        return path

    return write


def frame(name: str, keep: float = 1.0, **columns: object) -> Callable[[Path], Path]:
    """Return a writer of a Parquet or Feather file, or of the first part of one."""

    def write(folder: Path) -> Path:
        path = folder / name
        table = pl.DataFrame(
            {"symbol": ["AAA"] * 3, "time": [date(2024, 1, day) for day in (2, 3, 4)], "close": [1.0, 2.0, 3.0]}
        )
        table = table.with_columns(**{name: pl.Series(values) for name, values in columns.items()})  # type: ignore[arg-type]
        table.write_parquet(path) if path.suffix == ".parquet" else table.write_ipc(path)
        content = path.read_bytes()
        path.write_bytes(content[: int(len(content) * keep)])
        return path

    return write


def swapped_days(_folder: Path) -> list[str]:
    days = [date(2024, 1, 1) + timedelta(days=count) for count in range(60)]
    return [f"AAA,{day:%d/%m/%Y},1,1,1,1,1" for day in days]


def folder_of(*names: str) -> Callable[[Path], Path]:
    """Return a writer of a folder that holds nothing to read."""

    def write(folder: Path) -> Path:
        for name in names:
            (folder / name).write_text("x", encoding="utf-8")
        return folder

    return write


def files_of(folder: Path, count: int) -> Path:
    """Write one bar each into several files of a folder."""
    for number, row in enumerate(GOOD[:count]):
        text = f"{HEADER},adj_close\n{row},1\n"
        (folder / f"{number}.csv").write_text(text, encoding="utf-8")
    return folder


@dataclass(frozen=True)
class Case:
    """What is given, with which options, and what the answer must name."""

    give: Callable[[Path], Path | str]
    found: str
    options: tuple[str, ...] = DAILY


def with_options(*options: str, give: Callable[[Path], Path | str] | None = None, found: str) -> Case:
    """Return a case of the good file with further options."""
    return Case(give or csv(GOOD), found, (*DAILY, *options))


CASES = {
    # files
    "a path that is not there": Case(lambda folder: folder / "absent.csv", "no file"),
    "a folder without a readable file": Case(folder_of("notes.txt", "data.xlsx"), "no file"),
    "an empty folder": Case(folder_of(), "no file"),
    "a glob that matches nothing": Case(lambda folder: f"{folder}/*.csv", "no file"),
    "a file of another kind": Case(raw("bars.xlsx", b"x"), "ending '.xlsx'"),
    "an empty file": Case(raw("bars.csv", b""), "an empty file"),
    "an empty Parquet file": Case(raw("bars.parquet", b""), "bars.parquet"),
    "a header only": Case(csv([]), "no rows"),
    "a cut Parquet file": Case(frame("bars.parquet", keep=0.7), "not readable as parquet"),
    "a Parquet file that is none": Case(raw("bars.parquet", b"symbol,time,close\n" * 9), "not readable as parquet"),
    "a cut Feather file": Case(frame("bars.feather", keep=0.7), "not readable as feather"),
    "a Feather file that is none": Case(raw("bars.feather", b"symbol,time,close\n" * 9), "not readable as feather"),
    "a gzip file that is none": Case(raw("bars.csv.gz", b"\x1f\x8b" + b"symbol" * 9), "bars.csv.gz"),
    "a cut gzip file": Case(
        raw("bars.csv.gz", gzip.compress("\n".join([HEADER, *GOOD]).encode())[:-12]), "bars.csv.gz"
    ),
    "binary content in a CSV file": Case(raw("bars.csv", bytes(range(256)) * 20), "bars.csv"),
    "lines of different length": Case(csv([*GOOD, "AAA,2024-01-05,1,1,1,1,1,1,1,1"]), "not readable as csv"),
    "a folder called like a file": Case(lambda folder: (folder / "bars.csv").mkdir() or folder, "no file"),
    # columns
    "nothing that is recognised": Case(csv(["1,2"], "a,b"), "no column 'symbol', 'time', 'close'"),
    "two columns of one name": Case(csv(["AAA,2024-01-02,1,1"], "symbol,time,Close,CLOSE"), "'Close' and 'CLOSE'"),
    "a header of three rows": Case(
        csv(["Ticker,AAA", "Date,", "2024-01-02,1"], "Price,Close"), "a header of several rows (Price, ..., Date)"
    ),
    "daily times of two kinds": with_options(
        "--calendar",
        "XNYS",
        give=csv(["AAA,2024-01-02T00:00:00Z,1,1,1,1,1", "AAA,2024-01-03T18:30:00Z,1,1,1,1,1"]),
        found="1 daily times at midnight UTC and 1 at other times, the first 2024-01-03 18:30",
    ),
    "no close": Case(csv(["AAA,2024-01-02,1"], "symbol,time,open"), "no column 'close'"),
    "no symbol": Case(csv(["2024-01-02,1"], "time,close"), "no column 'symbol'"),
    "no time": Case(csv(["AAA,1"], "symbol,close"), "no column 'time'"),
    "text in a price": Case(csv([*GOOD, "AAA,2024-01-05,1,1,1,ten,1"]), r"'ten' in column 'close', row 4"),
    "a price of another type": Case(frame("bars.parquet", close=[True, False, True]), "column 'close' of type Boolean"),
    "nested prices": Case(frame("bars.parquet", close=[[1.0], [2.0], [3.0]]), "column 'close' of type List"),
    "nested symbols": Case(frame("bars.parquet", symbol=[{"a": 1}] * 3), "symbol"),
    "a time column of another type": Case(
        frame("bars.parquet", time=[True, False, True]), "time column of type Boolean"
    ),
    "a column option without a name": with_options("--column", "close", found="--column close"),
    "a column that the file lacks": with_options("--column", "close=Last", found="no column 'Last'"),
    "an optional column that the file lacks": with_options("--column", "volume=Vol", found="no column 'Vol'"),
    "a column that we do not know": with_options("--column", "clsoe=close", found="--column"),
    "a factor that the file lacks": with_options("--adjust", "factor", found="no column 'factor'"),
    # times
    "times reversed": Case(csv(GOOD[::-1]), r"time runs backward 2 times, first in row 2"),
    "day and month swapped": with_options(
        "--time-format", "%m/%d/%Y", give=lambda folder: csv(swapped_days(folder))(folder), found="time runs backward"
    ),
    "two zones": with_options(
        *INTRADAY,
        give=csv(["AAA,2024-01-02T10:00:00+00:00,1,1,1,1,1", "AAA,2024-01-02T11:00:00+08:00,1,1,1,1,1"]),
        found="offsets",
    ),
    "one time without a zone": with_options(
        *INTRADAY,
        give=csv(["AAA,2024-01-02T10:00:00Z,1,1,1,1,1", "AAA,2024-01-02T11:00:00,1,1,1,1,1"]),
        found="without any",
    ),
    "times without a zone": with_options(
        *INTRADAY, give=csv(["AAA,2024-01-02 10:00:00,1,1,1,1,1"]), found="without a zone"
    ),
    "daily times of day without a zone": Case(csv(["AAA,2024-01-02 15:00:00,1,1,1,1,1"]), "without a zone"),
    "numbers that are no times": Case(csv(["AAA,1704153600000000000,1,1,1,1,1"]), "unparsable time"),
    "a time format that is none": with_options("--time-format", "%Q-%", found="unparsable time"),
    "no time at all": Case(csv(["AAA,,1,1,1,1,1"]), "unparsable time"),
    # rows
    "every row bad": Case(csv(["AAA,2024-01-02,1,1,1,-1,1", "AAA,2024-01-03,1,1,1,0,1"]), "2 rows, every one rejected"),
    "only the future": Case(csv(["AAA,2999-01-02,1,1,1,1,1"]), "bar in the future"),
    "nothing but holidays": with_options(
        "--calendar", "XNYS", give=csv(["AAA,2024-01-01,1,1,1,1,1"]), found="not a session of XNYS"
    ),
    "nothing but disagreeing duplicates": Case(
        csv(["AAA,2024-01-02,1,1,1,1,1", "AAA,2024-01-02,1,1,1,1,2"]), "duplicates that disagree"
    ),
    # options
    "an unknown preset": with_options("--preset", "bloomberg", found="bloomberg"),
    "an unknown option": with_options("--colour", "red", found="--colour"),
    "an unknown calendar": with_options("--calendar", "XMOON", found="XMOON"),
    "an unknown zone": with_options("--timezone", "Mars/Olympus", found="Mars/Olympus"),
    "an unknown interval": with_options("--interval", "5x", found="5x"),
    "an unknown stamp": with_options("--stamp", "middle", found="middle"),
    "an unknown adjustment": with_options("--adjust", "magic", found="magic"),
    "an unknown order": with_options("--order", "random", found="random"),
    "no data set": Case(csv(GOOD), "--dataset", DAILY[2:]),
    "daily bars without a calendar": Case(csv(GOOD), "nor --calendar", DAILY[:2]),
    "neither data set nor calendar": Case(csv(GOOD), "nor --dataset and --calendar", ()),
    "a data set with a bad name": with_options("--dataset", "Bad Name", found="Bad Name"),
    "a data set that would leave the catalog": with_options("--dataset", "../../x", found="../../x"),
    "a calendar other than that of the stored bars": with_options(
        "--calendar", "XNYS", found="stored ones are of 24/7"
    ),
    "a source of symbols that is none": with_options("--symbol-from", "sky", found="--symbol-from sky"),
    "one symbol for several files": with_options(
        "--symbol", "AAA", give=lambda folder: files_of(folder, 2), found="--symbol AAA for 2 files"
    ),
    "back-adjusted bars of one symbol in two files": with_options(
        "--adjust", "adj_close", give=lambda folder: files_of(folder, 2), found="back-adjusted bars of AAA in 2 files"
    ),
    "a back-adjusted history that was restated": with_options(
        "--adjust", "adj_close", "--known-at", "2024-02-01", found="--known-at with back-adjusted bars"
    ),
    "values known only in the future": with_options("--known-at", "2999-01-01", found="which is yet to come"),
    "no path": Case(lambda _folder: "--symbol=AAA", "no path"),
    "a time known at that is none": with_options("--known-at", "yesterday", found="yesterday"),
    "a correction without a reason": with_options("--correct", found="--correct without --reason"),
    "a reason without a correction": with_options("--reason", "typo", found="--reason without --correct"),
    "a revision of two kinds": with_options("--correct", "--reason", "x", "--known-at", "2024-01-09", found="both"),
}


def contents(root: Path) -> set[tuple[str, int]]:
    return {(str(path), path.stat().st_size) for path in (root / "catalog").rglob("*") if path.is_file()}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_bad_input_is_refused_and_nothing_is_appended(
    tidegate, stocked: Path, tmp_path: Path, case: Case, json_output: bool
) -> None:  # type: ignore[no-untyped-def]
    before = contents(stocked)

    done = tidegate(
        "ingest",
        "ohlcv",
        case.give(tmp_path),
        *case.options,
        "--workspace",
        stocked,
        *(["--json"] if json_output else []),
    )

    said = assert_refused(done, json_output=json_output)
    assert re.search(re.escape(case.found), said["found"]), said
    assert contents(stocked) == before


HINTS = {
    "no calendar": (GOOD, ("--dataset", "x"), "tidegate ingest ohlcv {path} --dataset x --calendar XNYS"),
    "no data set and no calendar": (
        GOOD,
        ("--column", "close=open"),
        "tidegate ingest ohlcv {path} --dataset my-bars --calendar XNYS --column close=open",
    ),
    "factors are served apart": (GOOD, ("--preset", "tushare-daily"), "daily.merge(pro.adj_factor("),
    "no adjusted close": (GOOD, (*DAILY, "--adjust", "adj_close"), "auto_adjust=False"),
}


@pytest.mark.parametrize(("rows", "options", "hint"), HINTS.values(), ids=HINTS)
def test_a_refusal_shows_what_would_work(
    tidegate, stocked: Path, tmp_path: Path, rows: Sequence[str], options: Sequence[str], hint: str
) -> None:  # type: ignore[no-untyped-def]
    path = csv(rows)(tmp_path)

    done = tidegate("ingest", "ohlcv", path, *options, "--workspace", stocked)

    assert hint.format(path=path) in assert_refused(done, json_output=False)["hint"]


def test_each_missing_column_has_an_example(tidegate, stocked: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    path = csv(["AAA,2024-01-02,1,1"], "Ticker,Trade Date,Open,Last")(tmp_path)

    said = assert_refused(tidegate("ingest", "ohlcv", path, *DAILY, "--workspace", stocked), json_output=False)

    assert "recognised: open" in said["found"]
    for flag in ("--column symbol=Ticker", "--column 'time=Trade Date'", "--column close=Last"):
        assert flag in said["hint"]
