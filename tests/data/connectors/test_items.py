"""Rows of files, their fields and times, and names of symbols."""

from __future__ import annotations

import gzip
import json
import math
from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from tidegate.core.errors import DataError
from tidegate.core.time import parse_instant
from tidegate.data.connectors.items import (
    Gathered,
    Pairs,
    Record,
    Row,
    SymbolNames,
    find_record_files,
    payload_text,
    read_instant,
    read_json_text,
    read_records,
)

NOON = parse_instant("2024-03-12T12:00:00Z")
WRITTEN = {
    "ISO": "2024-03-12T12:00:00Z",
    "ISO with an offset": "2024-03-12 20:00:00+08:00",
    "ISO, UTC in letters": "2024-03-12 12:00:00 UTC",
    "mail": "Tue, 12 Mar 2024 12:00:00 GMT",
    "X": "Tue Mar 12 12:00:00 +0000 2024",
    "GDELT articles": "20240312T120000Z",
    "GDELT files": "20240312120000",
    "seconds": NOON // 10**6,
    "seconds as text": str(NOON // 10**6),
    "seconds with a fraction": f"{NOON // 10**6}.0",
    "ms": NOON // 10**3,
    "us": NOON,
    "aware": datetime(2024, 3, 12, 12, tzinfo=UTC),
}


@pytest.mark.parametrize("value", WRITTEN.values(), ids=WRITTEN)
def test_one_instant_is_read_from_every_usual_form(value: object) -> None:
    assert read_instant(value) == NOON


@pytest.mark.parametrize("value", ["2024-03-12", "20240312", 20240312, date(2024, 3, 12)])
def test_a_day_is_its_first_or_its_last_instant(value: object) -> None:
    assert read_instant(value) == parse_instant("2024-03-12")
    assert read_instant(value, day_ends=True) == parse_instant("2024-03-13")


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("soon", "an unparsable time"),
        ("2024-13-01", "an unparsable time"),
        ("Tue Foo 12 12:00:00 +0000 2024", "an unparsable time"),
        (True, "an unparsable time"),
        ([], "an unparsable time"),
        (math.inf, "an unparsable time"),
        (10**18, "an unparsable time"),
        ("2024-03-12T12:00:00", "a time without a zone"),
        ("1850-01-01", "a time outside 1900 to 2200"),
    ],
)
def test_what_is_no_instant_says_why(value: object, reason: str) -> None:
    with pytest.raises(DataError) as refused:
        read_instant(value)

    assert refused.value.found == reason


def test_a_clock_that_is_changed_places_no_time_that_it_shows_twice() -> None:
    assert read_instant("2024-03-12T08:00:00", timezone="America/New_York") == NOON
    for text in ("2024-11-03T01:30:00", "2024-03-10T02:30:00"):
        with pytest.raises(DataError, match="twice or never"):
            read_instant(text, timezone="America/New_York")
    with pytest.raises(DataError, match="unknown time zone"):
        read_instant("2024-03-12T08:00:00", timezone="Mars/Olympus")


def test_numbers_keep_to_their_range() -> None:
    row = Row({"a": "0.5", "b": 7, "c": "seven", "d": True, "e": "n/a", "f": "1e999"})

    assert row.number("a", least=0.0, most=1.0) == 0.5
    assert row.number("e") is None
    for name, reason in (("b", "outside 0 to 1"), ("c", "not a number"), ("d", "not a number"), ("f", "not a number")):
        with pytest.raises(DataError, match=reason):
            row.number(name, least=0.0, most=1.0)


def test_lists_and_mappings_may_be_text_of_a_table_cell() -> None:
    row = Row({"symbols": '["BTC", "ETH"]', "one": "BTC", "payload": '{"a": 1}', "broken": "[1"})

    assert row.several("symbols") == ["BTC", "ETH"]
    assert row.several("one") == ["BTC"]
    assert row.mapping("payload") == {"a": 1}
    assert row.several("broken") == ["[1"]
    with pytest.raises(DataError, match="not a mapping"):
        row.mapping("one")


def test_names_are_whole_words_and_tickers_stand_in_capitals() -> None:
    names = SymbolNames(("bitcoin=BTC", "BTC=BTC", "SOL=SOL", "binance coin=BNB", "比特币=BTC"))

    assert names.found_in(["BITCOIN and #Bitcoin", None]) == ["BTC"]
    assert names.found_in(["bitcoins", "BTCUSDT", "sol", "solstice"]) == []
    assert names.found_in(["Binance Coin up", "$SOL down"]) == ["BNB", "SOL"]
    assert names.found_in(["昨日比特币价格"]) == ["BTC"]
    assert SymbolNames(()).found_in(["bitcoin"]) == []


@given(st.text(max_size=60))
def test_any_text_can_be_searched(text: str) -> None:
    assert set(SymbolNames(("bitcoin=BTC", "SOL=SOL", "(=PAREN")).found_in([text])) <= {"BTC", "SOL", "PAREN"}


def test_a_pair_is_two_things() -> None:
    assert TypeAdapter(Pairs).validate_python((" bitcoin = BTC ",)) == ("bitcoin=BTC",)
    for wrong in ("bitcoin", "=BTC", "bitcoin="):
        with pytest.raises(ValueError, match="left=right"):
            TypeAdapter(Pairs).validate_python((wrong,))


def test_json_lines_keep_their_good_rows(tmp_path: Path) -> None:
    file = tmp_path / "mixed.jsonl"
    deep = b"[" * 500 + b"]" * 500
    file.write_bytes(b'\xef\xbb\xbf{"a": NaN}\n\nno\n[1]\n{"b": "\\ud800"}\n{"c": ' + deep + b'}\n\xff\n{"d": 1}\r\n')

    records = list(read_records(file))

    assert [(one.row_number, one.fault) for one in records] == [
        (1, None),
        (3, "not JSON"),
        (4, "not a JSON object"),
        (5, "not JSON"),
        (6, "not JSON"),
        (7, "not JSON"),
        (8, None),
    ]
    assert records[0].content == {"a": None}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.json", '[{"a": 1}, {"a": 2}]'),
        ("a.json", '{"a": 1}\n{"a": 2}\n'),
        ("tweets.js", 'window.YTD.tweets.part0 = [{"a": 1}, {"a": 2}];'),
        ("a.csv", "a\n1\n2\n"),
    ],
)
def test_documents_scripts_and_tables_hold_rows(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text, encoding="utf-8")

    assert [int(one.content["a"]) for one in read_records(tmp_path / name)] == [1, 2]


def test_packed_lines_are_unpacked_and_damage_is_told(tmp_path: Path) -> None:
    packed = gzip.compress(b'{"a": 1}\n')
    (tmp_path / "good.jsonl.gz").write_bytes(packed)
    (tmp_path / "cut.jsonl.gz").write_bytes(packed[:-6])
    (tmp_path / "broken.parquet").write_bytes(b"PAR1")
    (tmp_path / "latin.json").write_bytes(b'["\xe9"]')

    assert [one.content for one in read_records(tmp_path / "good.jsonl.gz")] == [{"a": 1}]
    for name in ("cut.jsonl.gz", "broken.parquet", "latin.json"):
        with pytest.raises(DataError):
            list(read_records(tmp_path / name))


def test_files_are_found_by_folder_and_glob(tmp_path: Path) -> None:
    for name in ("b.jsonl", "a.json", "notes.txt", "c.jsonl.gz"):
        (tmp_path / name).write_text("{}", encoding="utf-8")

    assert [file.name for file in find_record_files(tmp_path)] == ["a.json", "b.jsonl", "c.jsonl.gz"]
    assert [file.name for file in find_record_files(tmp_path / "*.jsonl")] == ["b.jsonl"]
    for absent in (tmp_path / "nothing", tmp_path / "notes.txt", tmp_path / "*.parquet"):
        with pytest.raises(DataError):
            find_record_files(absent)


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists, max_leaves=8))
def test_what_json_holds_is_read_back(content: object) -> None:
    text = json.dumps(content)

    assert read_json_text(text) == content


def test_json_refuses_what_could_not_be_stored() -> None:
    for text in ('"\\ud800"', "[" * 100 + "]" * 100, "1e", b"\xff"):
        with pytest.raises(ValueError):  # noqa: PT011 - any of its kinds
            read_json_text(text)
    with pytest.raises(DataError, match="no JSON"):
        payload_text({"a": math.inf})


def test_a_row_that_is_told_differently_is_refused_and_counted() -> None:
    gathered = Gathered(main=("events",))
    row = dict.fromkeys(("title", "text", "url"), "x") | {
        **dict.fromkeys(("kind", "publisher", "scope", "cluster", "payload"), None),
        **dict.fromkeys(("tier", "confidence", "importance", "novelty", "sentiment"), None),
        **dict.fromkeys(("published_time", "effective_time"), NOON),
        "dataset": "d", "event_id": "e", "event_time": NOON, "known_time": NOON, "source": "s", "synthetic": False,
    }  # fmt: skip
    assert gathered.add("events", row, Record("f", 1))
    assert gathered.add("events", row, Record("f", 2))
    assert not gathered.add("events", {**row, "text": "y"}, Record("f", 3))
    assert not gathered.add("events", {**row, "event_time": NOON + 1}, Record("f", 4))

    (batch,) = gathered.batches()

    assert batch.rows.height == 1
    assert batch.rows.schema["event_time"] == pl.Datetime("us", "UTC")
    assert batch.rejected["reason"].to_list() == [
        "the same event_id, told differently",
        "the same event_id at another time",
    ]
