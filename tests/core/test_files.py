from __future__ import annotations

from pathlib import Path

import pytest

from tidegate.core.files import read_json, write_atomically, write_json, write_text


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_json_survives_the_way_there_and_back(tmp_path: Path) -> None:
    content = {"b": [1, 2.5, None, True], "a": {"ü": "水"}}
    path = write_json(tmp_path / "deep" / "er" / "a.json", content)

    assert read_json(path) == content
    assert path.read_text(encoding="utf-8").index('"a"') < path.read_text(encoding="utf-8").index('"b"')
    assert names(path.parent) == ["a.json"]


def test_a_writer_that_fails_leaves_the_old_content_and_nothing_else(tmp_path: Path) -> None:
    path = write_text(tmp_path / "a.txt", "old")

    def fail_halfway(partial: Path) -> None:
        partial.write_text("ne", encoding="utf-8")
        assert path.read_text(encoding="utf-8") == "old"
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_atomically(path, fail_halfway)

    assert path.read_text(encoding="utf-8") == "old"
    assert names(tmp_path) == ["a.txt"]


def test_a_writer_that_writes_nothing_replaces_nothing(tmp_path: Path) -> None:
    path = write_text(tmp_path / "a.txt", "old")

    with pytest.raises(FileNotFoundError):
        write_atomically(path, lambda partial: None)

    assert path.read_text(encoding="utf-8") == "old"


def test_a_reader_sees_old_or_new(tmp_path: Path) -> None:
    path = write_text(tmp_path / "a.txt", "old")
    with path.open(encoding="utf-8") as reader:
        write_text(path, "new")

        assert reader.read() == "old"
    assert path.read_text(encoding="utf-8") == "new"


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_what_json_cannot_hold_is_refused_before_anything_is_written(tmp_path: Path, value: float) -> None:
    path = write_json(tmp_path / "a.json", 1)

    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(path, {"sharpe": value})
    assert read_json(path) == 1
    assert names(tmp_path) == ["a.json"]
