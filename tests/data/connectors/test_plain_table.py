from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tidegate.core.errors import DataError
from tidegate.data.connectors.plain_table import Columns, column_names, read_table, typed

COLUMNS = Columns(
    texts=("name",), dates=("day",), numbers=("size",), needed=("name",), aliases={"day": ("date", "when")}
)
DAY = date(2024, 1, 31)


def one(**columns: Any) -> dict[str, Any]:
    return typed(pl.DataFrame({"name": ["A"], **columns}), COLUMNS, "table").row(0, named=True)


@pytest.mark.parametrize(
    "written",
    [
        "20240131",
        "2024-01-31",
        "2024/01/31",
        " 2024-01-31 ",
        20240131,
        20240131.0,
        DAY,
        datetime(2024, 1, 31, tzinfo=UTC),
    ],
)
def test_a_day_is_read_however_it_is_written(written: object) -> None:
    assert one(day=[written])["day"] == DAY


@pytest.mark.parametrize("nothing", ["", "-", "NaN", "None", "null", "n/a", " NA ", None])
def test_what_stands_for_nothing_is_nothing(nothing: str | None) -> None:
    columns = {"day": pl.Series([nothing], dtype=pl.String), "size": pl.Series([nothing], dtype=pl.String)}

    row = one(**columns)

    assert (row["day"], row["size"], row["fault"]) == (None, None, None)


def test_a_day_that_is_none_is_a_fault_of_its_row_alone() -> None:
    rows = typed(pl.DataFrame({"name": ["A", "B"], "day": ["2024-02-30", "2024-01-31"]}), COLUMNS, "table")

    assert rows["fault"].to_list() == ["unparsable day", None]
    assert rows.select("file", "row_number").rows() == [("table", 1), ("table", 2)]


def test_text_for_a_number_refuses_the_table() -> None:
    with pytest.raises(DataError, match=r"table: 'many' in column 'size', row 1"):
        one(size=["many"])


@pytest.mark.parametrize("called", ["day", "Day", "DATE", "d_a_y", "when"])
def test_names_are_found_however_they_are_spelt(called: str) -> None:
    assert one(**{called: ["2024-01-31"]})["day"] == DAY


def test_a_column_that_is_not_there_is_missing_unless_it_is_needed() -> None:
    assert one()["size"] is None
    with pytest.raises(DataError, match="no column 'name' among other"):
        typed(pl.DataFrame({"other": [1]}), COLUMNS, "table")


@pytest.mark.parametrize("column", [[[1, 2]], [{"a": 1}], [b"\xff"]], ids=["list", "struct", "bytes"])
def test_columns_of_no_plain_values_are_refused_or_missing(column: list[Any]) -> None:
    frame = pl.DataFrame({"name": ["A"], "size": column})

    with pytest.raises(DataError):
        typed(frame, COLUMNS, "table")


@pytest.mark.parametrize("content", [b"", b"PAR1", b"name,day\nA\nB,C,D\n"], ids=["empty", "cut", "ragged"])
@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_a_damaged_file_is_refused(tmp_path: Path, content: bytes, ending: str) -> None:
    file = tmp_path / f"table.{ending}"
    file.write_bytes(content)
    if (content, ending) == (b"PAR1", "csv"):
        assert read_table(file).is_empty()
        return

    with pytest.raises(DataError, match="table"):
        read_table(file)


def test_the_columns_of_a_file_are_known_without_its_rows(tmp_path: Path) -> None:
    frame = pl.DataFrame({"name": ["A"], "day": ["2024-01-31"]})
    frame.write_csv(tmp_path / "table.csv")
    frame.write_parquet(tmp_path / "table.parquet")
    (tmp_path / "empty.csv").touch()

    found = [column_names(tmp_path / name) for name in ("table.csv", "table.parquet", "empty.csv")]

    assert found == [["name", "day"], ["name", "day"], []]
    with pytest.raises(DataError):
        column_names(tmp_path / "nobody.csv")
