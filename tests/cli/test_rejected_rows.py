"""Every row of a file has one fate, the counts say which, and the quarantine holds exactly what was refused."""

from __future__ import annotations

import random
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tidegate.core.workspace import Workspace
from tidegate.data import OhlcvSettings, ingest_ohlcv

DAILY = ("--dataset", "made-up", "--calendar", "24/7")
HEADER = "symbol,time,open,high,low,close,volume"
GOOD = ("AAA,2024-01-02,10,11,9,10.5,100", "AAA,2024-01-03,10.5,11,10,10.6,100")
REJECTED = {
    "NaN": ("AAA,2024-01-05,10,11,9,nan,1", "missing price"),
    "null": ("AAA,2024-01-05,10,null,9,10,1", "missing price"),
    "N/A": ("AAA,2024-01-05, N/A ,11,9,10,1", "missing price"),
    "a dash": ("AAA,2024-01-05,10,11,-,10,1", "missing price"),
    "infinity": ("AAA,2024-01-05,10,inf,9,10,1", "not a finite number"),
    "an infinite volume": ("AAA,2024-01-05,10,11,9,10,inf", "not a finite number"),
    "a price beyond any number": ("AAA,2024-01-05,10,11,9,1e999,1", "not a finite number"),
    "a negative price": ("AAA,2024-01-05,10,11,-9,10,1", "non-positive price"),
    "a zero price": ("AAA,2024-01-05,0,11,9,10,1", "non-positive price"),
    "no price": ("AAA,2024-01-05,10,11,9,,1", "missing price"),
    "a negative volume": ("AAA,2024-01-05,10,11,9,10,-1", "negative volume"),
    "high below low": ("AAA,2024-01-05,10,9,11,10,1", "high below low"),
    "the future": ("AAA,2999-01-04,10,11,9,10,1", "bar in the future"),
    "a date that does not exist": ("AAA,2024-02-30,10,11,9,10,1", "unparsable time"),
    "no date": ("AAA,,10,11,9,10,1", "unparsable time"),
    "no symbol": (",2024-01-05,10,11,9,10,1", "no symbol"),
}


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace.create(tmp_path / "workspace")


def write(path: Path, *rows: str) -> Path:
    path.write_text("\n".join([HEADER, *rows]) + "\n", encoding="utf-8")
    return path


def fates(document: dict[str, Any]) -> int:
    counted: int = sum(document[name] for name in ("appended", "identical", "revised", "repeated"))
    return counted + sum(document["rejected"].values())


@pytest.mark.parametrize(("row", "reason"), REJECTED.values(), ids=REJECTED)
def test_one_bad_row_goes_to_quarantine_and_the_others_in(
    tidegate: Any, workspace: Workspace, tmp_path: Path, row: str, reason: str
) -> None:
    path = write(tmp_path / "bars.csv", *GOOD, row)

    said = tidegate("ingest", "ohlcv", path, *DAILY, "--workspace", workspace.root, "--json").checked().document

    assert said["rejected"] == {reason: 1}
    assert (said["rows"], said["appended"]) == (3, 2)
    assert fates(said) == said["rows"]
    assert pl.read_csv(said["quarantine"])["file", "row_number", "reason"].rows() == [("bars.csv", 3, reason)]


def test_people_are_told_as_much_as_programs(tidegate: Any, workspace: Workspace, tmp_path: Path) -> None:
    path = write(tmp_path / "bars.csv", *GOOD, REJECTED["infinity"][0], REJECTED["no date"][0])

    said = tidegate("ingest", "ohlcv", path, *DAILY, "--workspace", workspace.root).checked().out

    assert "1 not a finite number" in said
    assert "1 unparsable time" in said
    assert str(workspace.quarantine_folder) in said
    assert [" ".join(line.split()) for line in said.splitlines()[-2:]] == [
        "bars.csv 3 not a finite number",
        "bars.csv 4 unparsable time",
    ]


def test_five_rejected_rows_are_shown_and_written_once(tidegate: Any, workspace: Workspace, tmp_path: Path) -> None:
    path = write(tmp_path / "bars.csv", *GOOD, *[REJECTED["a zero price"][0]] * 7)
    ingest = ("ingest", "ohlcv", path, *DAILY, "--workspace", workspace.root)

    first, second = tidegate(*ingest).checked(), tidegate(*ingest).checked()

    assert first.out.count("bars.csv") == 5
    assert "appended 2 bars" in first.err
    assert "2 bars already there" in second.err
    assert len(list(workspace.quarantine_folder.iterdir())) == 1


def test_a_header_in_the_middle_stops_the_file(tidegate: Any, workspace: Workspace, tmp_path: Path) -> None:
    done = tidegate(
        "ingest",
        "ohlcv",
        write(tmp_path / "bars.csv", *GOOD, HEADER),
        *DAILY,
        "--workspace",
        workspace.root,
    )

    assert done.exit_code == 2
    assert "row 3" in done.err


@pytest.mark.parametrize("seed", range(12))
def test_fates_add_up_whatever_the_file_holds(workspace: Workspace, tmp_path: Path, seed: int) -> None:
    settings = OhlcvSettings(dataset="made-up", calendar="24/7", order="any")
    dice = random.Random(seed)
    first = [good_row(dice, day) for day in dice.sample(range(40), 20)]
    ingest_ohlcv(workspace, write(tmp_path / "first.csv", *first), settings)
    again = [*dice.choices(first, k=10), *(good_row(dice, day) for day in dice.sample(range(40, 80), 10))]
    bad = [row for row, _reason in dice.choices(list(REJECTED.values()), k=7)]
    torn = [f"AAA,{date(2024, 6, 1)},1,1,1,1,{volume}" for volume in (1, 2, 2)]
    rows = [*again, *bad, *torn]
    dice.shuffle(rows)

    done = ingest_ohlcv(workspace, write(tmp_path / "second.csv", *rows), settings)

    assert fates({**done.__dict__}) == done.rows == len(rows)
    assert (done.appended, done.identical) == (10, len(set(again) & set(first)))
    assert done.rejected["duplicates that disagree"] == 2
    kept = pl.read_csv(done.quarantine) if done.quarantine else pl.DataFrame()
    assert dict(kept.group_by("reason").len().rows()) == done.rejected
    lines = [rows[number - 1] for number in kept["row_number"].to_list()]
    assert sorted(lines) == sorted([*bad, torn[0], torn[1]])


def good_row(dice: random.Random, day: int) -> str:
    low = round(dice.uniform(1, 50), 2)
    return f"AAA,{date(2024, 1, 1) + timedelta(days=day)},{low + 1},{low + 3},{low},{low + 2},{dice.randint(0, 9)}"
