"""A dump is for other engines: every column is explained, and the page of the documentation says the same."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from rotation_markets import market_of
from tidegate.core.errors import InputError
from tidegate.core.recipe_strategy import StrategySettings
from tidegate.costs import CostModel
from tidegate.engine.dump import COLUMNS, describe_dump, dump
from tidegate.engine.recording import Recording, record_of
from tidegate.engine.sweep import Trial, run_trials


@pytest.fixture(scope="module")
def recording() -> Recording:
    market = market_of({"A": [10.0, 11.0] * 10, "B": [20.0, 19.0] * 10}, {"A": 1.0, "B": 0.5})
    trial = Trial(settings=StrategySettings(top_n=1), costs=CostModel(commission_bps=10))
    return record_of(market, run_trials(market, [trial], initial_cash=1000.0, records=True))


def test_every_frame_and_column_is_explained_in_order(recording: Recording) -> None:
    found = {name: frame.columns for name, frame in recording.frames().items()}
    assert found == {name: list(COLUMNS[name]) for name in found}
    assert found.keys() == COLUMNS.keys()


def test_what_was_written_reads_back(recording: Recording, tmp_path: Path) -> None:
    written = dump(recording, tmp_path / "new" / "folder")
    assert sorted(path.name for path in written) == sorted([*(f"{name}.parquet" for name in COLUMNS), "README.md"])
    for name, frame in recording.frames().items():
        assert pl.read_parquet(tmp_path / "new" / "folder" / f"{name}.parquet").equals(frame)
    page = (tmp_path / "new" / "folder" / "README.md").read_text(encoding="utf-8")
    assert recording.order_list in page
    assert page.startswith(describe_dump())
    assert not list(tmp_path.rglob("*.partial"))


def test_the_documentation_says_the_same(project_root: Path) -> None:
    page = (project_root / "docs" / "backtest_dump.md").read_text(encoding="utf-8")
    assert page == describe_dump(), "write tidegate.engine.dump.describe_dump() to docs/backtest_dump.md"


def test_a_file_is_no_folder(recording: Recording, tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("mine", encoding="utf-8")
    with pytest.raises(InputError, match="a folder that can be written"):
        dump(recording, tmp_path / "taken")
    assert (tmp_path / "taken").read_text(encoding="utf-8") == "mine"


def test_a_dump_that_breaks_off_has_no_readme(recording: Recording, tmp_path: Path) -> None:
    dump(recording, tmp_path)
    (tmp_path / "positions.parquet").unlink()
    (tmp_path / "positions.parquet").mkdir()
    with pytest.raises(InputError, match="a folder that can be written"):
        dump(recording, tmp_path)
    assert not (tmp_path / "README.md").exists()


@pytest.mark.parametrize("name", ["README.md", "daily.parquet"])
def test_what_no_dump_wrote_is_not_replaced(recording: Recording, tmp_path: Path, name: str) -> None:
    """A dump into the current folder must not cost its README."""
    (tmp_path / name).write_text("# My project", encoding="utf-8")
    with pytest.raises(InputError, match=f"holds {name} that no dump wrote"):
        dump(recording, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert (tmp_path / name).read_text(encoding="utf-8") == "# My project"


def test_a_dump_may_be_repeated_even_one_that_broke_off(recording: Recording, tmp_path: Path) -> None:
    dump(recording, tmp_path)
    (tmp_path / "README.md").unlink()
    (tmp_path / "mine.txt").write_text("other files are left alone", encoding="utf-8")
    dump(recording, tmp_path)
    assert (tmp_path / "mine.txt").exists()
    assert (tmp_path / "README.md").exists()
