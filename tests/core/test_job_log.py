from __future__ import annotations

import io
from pathlib import Path

import pytest

from tidegate.core.jobs import JobLog, follow_lines, read_last_lines


def test_a_log_never_grows_beyond_its_limit_and_its_earlier_parts_are_kept(tmp_path: Path) -> None:
    """Equity G.10: the original cut its log off at every start."""
    path = tmp_path / "jobs" / "train-1.log"
    with JobLog(path, maximum_bytes=1000) as log:
        for number in range(100):
            log.write(f"line {number:04d} {'x' * 30}")

    parts = sorted(tmp_path.glob("jobs/*"))
    assert [part.name for part in parts] == ["train-1.log", "train-1.log.1", "train-1.log.2", "train-1.log.3"]
    assert max(part.stat().st_size for part in parts) <= 1000
    assert [line[:9] for line in read_last_lines(path, 70)] == [f"line {number:04d}" for number in range(30, 100)]


def test_another_process_goes_on_where_the_first_left_off(tmp_path: Path) -> None:
    path = tmp_path / "train-1.log"
    for text in ("one", "two"):
        with JobLog(path) as log:
            log.write(text)

    assert read_last_lines(path, 9) == ["one", "two"]
    assert read_last_lines(path, 1) == ["two"]
    assert read_last_lines(path, 0) == []
    assert read_last_lines(path, 9, size=4) == ["one"]
    assert read_last_lines(tmp_path / "nothing", 9) == []


def test_output_is_copied_whatever_it_holds(tmp_path: Path) -> None:
    path = tmp_path / "train-1.log"
    with JobLog(path) as log:
        log.copy(io.BytesIO("水\n100%s\n\n".encode() + b"\xff broken\r\nno end" + b"z" * 25_000))

        assert list(log.last)[:2] == ["100%s", "� broken"]
    lines = read_last_lines(path, 99)
    assert lines[:4] == ["水", "100%s", "", "� broken"]
    assert "".join(lines[4:]) == "no end" + "z" * 25_000
    assert max(map(len, lines)) <= 10_000


def test_a_full_disk_does_not_stop_the_work(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "train-1.log").symlink_to("/dev/full")
    with JobLog(tmp_path / "train-1.log") as log:
        log.copy(io.BytesIO(b"lost\n" * 10))

        assert list(log.last) == ["lost"] * 5
    assert capsys.readouterr().err == ""


def test_following_goes_over_to_each_new_part(tmp_path: Path) -> None:
    path = tmp_path / "train-1.log"
    coming = follow_lines(path, 0)
    assert next(coming) is None
    seen: list[str] = []
    with JobLog(path, maximum_bytes=200) as log:
        for number in range(40):
            log.write(f"line {number:04d}")
            while (line := next(coming)) is not None:
                seen.append(line)
    coming.close()

    assert seen == [f"line {number:04d}" for number in range(40)]


def test_following_waits_for_the_end_of_a_line_and_begins_where_it_is_told(tmp_path: Path) -> None:
    path = tmp_path / "train-1.log"
    path.write_text("old\nha", encoding="utf-8")
    coming = follow_lines(path, 4)

    assert next(coming) is None
    with path.open("a", encoding="utf-8") as file:
        file.write("lf\n")
    assert next(coming) == "half"
    coming.close()
