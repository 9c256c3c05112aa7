"""A log that only grows: whole lines or none, whatever ended the process that wrote them."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from tidegate.core.append_log import AppendLog, drop_torn_line
from tidegate.core.errors import RunError

LINES = [{"key": f"number {number}", "text": "größer, 大"} for number in range(3)]


def written(path: Path) -> bytes:
    AppendLog(path).append(LINES)
    return path.read_bytes()


def test_groups_come_back_in_order(tmp_path: Path) -> None:
    log = AppendLog(tmp_path / "new" / "log.jsonl")
    assert log.read() == []
    log.append(LINES[:2])
    log.append([])
    log.append(LINES[2:])
    assert log.read() == AppendLog(log.path).read() == LINES


def test_a_last_line_torn_anywhere_is_left_out_and_dropped_before_the_next(tmp_path: Path) -> None:
    """Equity E.7: a torn last line is tolerated."""
    path = tmp_path / "log.jsonl"
    whole = written(path)
    last = whole[:-1].rfind(b"\n") + 1
    for tail in [whole[last:cut] for cut in range(last, len(whole))] + [b"\0" * 64, b"[]\n", b"\xff\n"]:
        path.write_bytes(whole[:last] + tail)
        assert AppendLog(path).read() == LINES[:2]
        AppendLog(path).append([{"key": "next"}])
        assert AppendLog(path).read() == [*LINES[:2], {"key": "next"}]


def test_a_file_that_is_one_torn_line_is_empty(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    path.write_bytes(b'{"key"')
    assert AppendLog(path).read() == []
    drop_torn_line(path)
    assert path.read_bytes() == b""
    drop_torn_line(path)
    drop_torn_line(tmp_path / "none.jsonl")


@pytest.mark.parametrize("damage", [b"nonsense\n", b"[]\n", b"\xff\xfe\n", b'{"key": "numb\n'])
def test_damage_in_the_middle_is_refused_with_its_line(tmp_path: Path, damage: bytes) -> None:
    path = tmp_path / "log.jsonl"
    lines = written(path).splitlines(keepends=True)
    path.write_bytes(b"".join([lines[0], damage, *lines[1:]]))
    with pytest.raises(RunError, match="line 2 is damaged"):
        AppendLog(path).read()


def test_what_json_does_not_know_is_not_half_written(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    before = written(path)
    with pytest.raises(ValueError, match="JSON"):
        AppendLog(path).append([{"key": "fine"}, {"figure": float("nan")}])
    assert path.read_bytes() == before


def test_what_is_no_unicode_text_comes_back(tmp_path: Path) -> None:
    log = AppendLog(tmp_path / "log.jsonl")
    log.append([{"error": os.fsdecode(b"no file \xff")}])
    assert log.read() == [{"error": "no file \udcff"}]
    assert json.loads(log.path.read_text("utf-8"))


def test_a_group_that_does_not_fit_leaves_nothing(tmp_path: Path) -> None:
    import resource
    import signal

    path = tmp_path / "log.jsonl"
    before = written(path)
    log = AppendLog(path)
    log.append(LINES[:1])
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) + 100, hard))
    try:
        with pytest.raises(OSError, match="large"):
            log.append(LINES * 50)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, ignored)
    assert log.read() == [*LINES, LINES[0]]
    log.append(LINES[:1])
    assert log.read() == [*LINES, LINES[0], LINES[0]]
