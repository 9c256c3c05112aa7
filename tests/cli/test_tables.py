"""Tables for the terminal: what is copied stays whole, numbers have the digits that mean something."""

from __future__ import annotations

import io
import re
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console, RenderableType

from tidegate.cli import terminal
from tidegate.cli.tables import run_details, runs_table
from tidegate.cli.terminal import Terminal, table
from tidegate.core import progress
from tidegate.core.progress import Reached
from tidegate.core.workspace import Workspace
from tidegate.registry import Run, RunKind, RunStatus, RunStore


def drawn(*parts: RenderableType, width: int = 80) -> str:
    console = Console(file=io.StringIO(), width=width, highlight=False)
    for part in parts:
        console.print(part, soft_wrap=isinstance(part, str))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


@pytest.fixture
def run(stocked: Path) -> Run:
    return RunStore(Workspace.open(stocked)).list(kind=RunKind.BACKTEST)[0]


def test_ids_are_never_broken(run: Run) -> None:
    long = replace(run, id="backtest-us-rotation-with-a-long-name-20260101-120000-abcdef", project="a-longer-project")

    for width in (66, 80, 200):
        assert long.id in drawn(runs_table([run, long]), width=width)


def test_an_error_takes_one_line(run: Run) -> None:
    failed = replace(
        run, status=RunStatus.FAILED, metrics={}, error="DataError: found this;\n  and [that] " + "x" * 500
    )

    lines = drawn(runs_table([failed]), width=200).splitlines()

    assert len(lines) == 3
    assert "DataError: found this; and [that] ..." in lines[-1]


@pytest.mark.parametrize("kind", [RunKind.SEARCH, RunKind.SELECT])
def test_a_search_tells_how_many_sets_it_tried_and_its_verdict(run: Run, kind: RunKind) -> None:
    metrics = {"counts": {"succeeded": 29, "total": 30}, "met": True, "verdict": "luck"}

    assert "29 of 30 sets, one is recommended, verdict: luck" in drawn(
        runs_table([replace(run, kind=kind, metrics=metrics)]), width=160
    )
    assert "none within the constraints" in drawn(
        runs_table([replace(run, kind=kind, metrics={**metrics, "met": False})]), width=160
    )


def test_columns_without_content_are_left_out(run: Run) -> None:
    assert "note" not in drawn(runs_table([run]))
    assert "data corrected since" in drawn(runs_table([replace(run, corrected=("bars made-up @ 3: typo",))]), width=120)


def test_what_a_training_shipped_and_whose_parameters_it_took_are_told(run: Run) -> None:
    tuned = {"run": "tune-small-20260101-120000-abcdef", "parameters": {"eta": 0.1}}
    metrics = {"artifact": "a" * 64, "tuned": tuned, "folds": 3}

    facts, _, figures, *_ = run_details(replace(run, metrics=metrics))

    assert re.search(rf"artifact +{'a' * 64}", drawn(facts, width=200))
    assert re.search(rf"tuned by +{tuned['run']}", drawn(facts, width=200))
    assert tuned["run"] not in drawn(figures, width=200)
    assert "tuned parameters eta" in drawn(figures, width=200)
    untuned = drawn(run_details(replace(run, metrics={**metrics, "tuned": None}))[0], width=200)
    assert "tuned by" not in untuned


def test_figures_have_units_and_few_digits(run: Run) -> None:
    said = drawn(*run_details(replace(run, metrics={"cagr": 0.123456, "orders": 6714, "sharpe": None})), width=200)

    assert "12.35% a year" in said
    assert "6,714" in said
    assert "0.123456" not in said


def test_a_recipe_is_shown_without_its_defaults(run: Run) -> None:
    said = drawn(*run_details(run), width=200)

    assert "top_n: 2" in said
    assert "null" not in said
    assert "max_score_age_bars" not in said


def test_a_recipe_of_another_version_is_shown_as_it_is(run: Run) -> None:
    assert "qubits: 3" in drawn(*run_details(replace(run, recipe={"quantum": {"qubits": 3}})))


def test_a_title_wider_than_its_table_stays_on_its_line() -> None:
    title = "A title that is much wider than the table below it"

    assert drawn(table(title, ("a",), [(1,)])).splitlines()[0] == title


def test_work_without_a_terminal_leaves_no_blank_lines(capfd: pytest.CaptureFixture[str]) -> None:
    assert list(Terminal(json_output=False).track([1, 2], "counting")) == [1, 2]

    assert capfd.readouterr() == ("", "")


def test_work_without_a_terminal_tells_how_far_it_is_now_and_then(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A log, where no bar can be drawn, shows that the work goes on."""
    clock = iter(range(0, 1000, 2))
    for module in (terminal, progress):
        monkeypatch.setattr(module, "elapsed_seconds", lambda: float(next(clock)))
    assert list(Terminal(json_output=True).track(range(9), "training folds")) == list(range(9))

    out, err = capfd.readouterr()
    assert out == ""
    lines = err.splitlines()
    assert 1 < len(lines) < 9
    assert re.fullmatch(r"training folds \d of 9, \d+ s left", lines[0])


def test_a_search_tells_its_best(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(terminal, "_SECONDS_BETWEEN_LINES", 0.0)
    Terminal(json_output=True).tell(Reached(label="trial", done=12, total=50, best=0.61249, seconds_left=490.0))

    assert capfd.readouterr().err == "trial 12 of 50, best 0.612, 8 min left\n"


def test_on_a_terminal_a_bar_is_drawn_and_taken_away(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = io.StringIO()
    watched = Terminal(json_output=True)
    monkeypatch.setattr(watched, "_err", Console(file=screen, force_terminal=True, width=100))
    for done in (1, 2):
        watched.tell(Reached(label="trial", done=done, total=3, best=0.5))
    assert watched._bar is not None
    watched.tell(Reached(label="trial", done=3, total=3, best=0.625))

    assert watched._bar is None
    assert "trial, best 0.625" in screen.getvalue()
    assert list(watched.track([1, 2], "counting")) == [1, 2]
    assert "counting" in screen.getvalue()
