"""``tidegate collect``: how it ends, and what it tells."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import polars as pl
import pytest

from command import Done, assert_refused
from tidegate.core.workspace import Workspace
from tidegate.registry import RunStore

Tidegate = Callable[..., Done]

RECIPE = """\
name: gathered
data:
  dataset: gathered
  start: 2024-01-01
  end: 2024-10-26
{more}
split:
  first_test: 2024-06-01
models:
  ridge: {{}}
strategy:
  scores: ridge
costs:
  preset: free
collect:
  - connector: ohlcv
    settings: {{path: {path}, dataset: gathered, calendar: 24/7}}
"""


@pytest.fixture
def bars(tmp_path: Path) -> Path:
    days = [date(2024, 1, 1) + timedelta(days=number) for number in range(300)]
    closes = pl.Series("close", [100.0 + number % 7 for number in range(300)])
    prices = dict.fromkeys(("open", "high", "low", "close"), closes)
    path = tmp_path / "bars.csv"
    pl.DataFrame({"symbol": "A", "time": days, **prices}).with_columns(volume=10.0).write_csv(path)
    return path


@pytest.fixture
def gathered(tmp_path: Path, bars: Path) -> Path:
    path = tmp_path / "gathered.yaml"
    path.write_text(RECIPE.format(path=bars, more=""), encoding="utf-8")
    return path


@pytest.fixture
def root(tidegate: Tidegate, tmp_path: Path) -> Path:
    tidegate("init", "--workspace", tmp_path / "work").checked()
    return tmp_path / "work"


def test_collecting_ends_well_and_tells_each_step(tidegate: Tidegate, root: Path, gathered: Path) -> None:
    done = tidegate("collect", gathered, "--workspace", root).checked()

    for word in ("readiness-before", "ohlcv", "300 new rows", "readiness-after", "bundle", "next: "):
        assert word in done.out
    assert (root / "bundles" / "gathered.tar.sha256").exists()


def test_the_document_says_whether_data_suffice(tidegate: Tidegate, root: Path, gathered: Path) -> None:
    done = tidegate("collect", gathered, "--json", "--workspace", root).checked().document

    assert (done["complete"], done["ready_before"], done["ready"]) == (True, False, True)
    assert [step["status"] for step in done["steps"]] == ["done"] * 4
    assert tidegate("collect", gathered, "--json", "--workspace", root).checked().document["appended"] == 0


def test_what_the_audit_found_is_evidence(
    tidegate: Tidegate, root: Path, gathered: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorded = []
    monkeypatch.setattr(RunStore, "record_evidence", lambda store, found: recorded.append(str(found.verdict)))
    tidegate("collect", gathered, "--workspace", root).checked()

    assert recorded == ["failed", "passed"]
    assert Workspace.open(root)


def test_a_failed_step_is_exit_2(tidegate: Tidegate, root: Path, gathered: Path, bars: Path) -> None:
    bars.unlink()
    done = tidegate("collect", gathered, "--workspace", root)

    assert done.exit_code == 2
    assert "bars.csv" in done.out
    assert "What to do" in done.out
    assert "Traceback" not in done.out + done.err


def test_data_that_do_not_suffice_are_exit_3(tidegate: Tidegate, root: Path, bars: Path, tmp_path: Path) -> None:
    path = tmp_path / "more.yaml"
    path.write_text(RECIPE.format(path=bars, more="  uses: {funding: paid}"), encoding="utf-8")
    done = tidegate("collect", path, "--json", "--workspace", root)

    assert done.exit_code == 3
    assert done.document["missing_data_kinds"] == ["funding"]
    shown = tidegate("collect", path, "--skip", "collect", "--skip", "bundle", "--workspace", root)
    assert shown.exit_code == 3
    assert "not ready:" in shown.out
    assert tidegate("collect", path, "--skip", "readiness-after", "--workspace", root).exit_code == 0


def test_the_bundle_goes_where_it_is_wanted(tidegate: Tidegate, root: Path, gathered: Path, tmp_path: Path) -> None:
    tidegate("collect", gathered, "--update", "--bundle", tmp_path / "mine.tar", "--workspace", root).checked()

    assert (tmp_path / "mine.tar").exists()
    assert not (root / "bundles").exists()


@pytest.mark.parametrize("wrong", [("gathered", "--skip", "lunch"), ("demo",), ("nothing",)])
def test_a_wrong_wish_is_refused(
    tidegate: Tidegate, root: Path, gathered: Path, wrong: tuple[str, ...], json_output: bool
) -> None:
    name, *options = wrong
    flags = ["--json"] if json_output else []
    done = tidegate("collect", gathered if name == "gathered" else name, *options, *flags, "--workspace", root)

    assert_refused(done, json_output=json_output)
    assert not (root / "collections").exists()
