"""What a command's end means: 0 done, 1 a bug, 2 bad input, 3 not passed, 130 interrupted; and how it says so."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

from command import PROGRAM, TRACEBACK, assert_refused, execute_from_scratch
from tidegate import __version__
from tidegate.cli import main
from tidegate.core.errors import LedgerError, LookAheadError

COMMANDS = (
    ("demo",),
    ("init",),
    ("doctor",),
    ("ingest",),
    ("ingest", "ohlcv"),
    ("audit",),
    ("audit", "data"),
    ("catalog",),
    ("train",),
    ("backtest",),
    ("runs",),
    ("status",),
    ("tail",),
    ("stop",),
    ("report",),
)


def test_without_arguments_it_shows_what_it_can_do() -> None:
    done = execute_from_scratch([])

    assert done.exit_code == 2
    assert all(name in done.out for name, *_ in COMMANDS)
    assert TRACEBACK not in done.err


def test_the_version() -> None:
    assert execute_from_scratch(["--version"]).checked().out.strip() == __version__


@pytest.mark.parametrize("command", [(), *COMMANDS], ids=" ".join)
def test_every_command_explains_itself(tidegate: Any, command: tuple[str, ...]) -> None:
    said = tidegate(*command, "--help").checked().out

    assert "Usage: tidegate" in said
    if command and command not in {("ingest",), ("audit",)}:
        assert "--workspace" in said
        assert "--json" in said


def test_done_is_0(tidegate: Any, stocked: Path) -> None:
    assert tidegate("catalog", "--workspace", stocked).exit_code == 0


@pytest.mark.parametrize(
    "arguments",
    [
        ("no-such-command",),
        ("--no-such-option",),
        ("ingest", "no-such-source"),
        ("train",),
        ("runs", "--limit", "-1"),
        ("runs", "--limit", "many"),
        ("runs", "--status", "happy"),
        ("runs", "--kind", "lottery"),
        ("train", "demo", "--threads", "0"),
        ("report", "--language", "tlh"),
        ("report", "--colours", "pink"),
        ("audit", "data", "--minimum-coverage", "1.5"),
        ("audit", "data", "--dataset", "elsewhere"),
        ("catalog", "--history", "weather"),
        ("catalog", "--symbols", "elsewhere"),
        ("runs", "no-such-run"),
        ("runs", "%"),
        ("runs", ""),
    ],
    ids=" ".join,
)
def test_bad_input_is_2(tidegate: Any, stocked: Path, arguments: tuple[str, ...], json_output: bool) -> None:
    options = ["--workspace", stocked] if len(arguments) > 1 and arguments[1] != "no-such-source" else []

    done = tidegate(*arguments, *options, *(["--json"] if json_output else []))

    assert_refused(done, json_output=json_output)


def test_an_audit_that_does_not_pass_is_3(tidegate: Any, stocked: Path, tmp_path: Path) -> None:
    rows = "\n".join(f"AAA,2024-01-{day:02},1" for day in range(1, 29) if day % 3)
    (tmp_path / "holes.csv").write_text(f"symbol,time,close\n{rows}\n", encoding="utf-8")
    root = tmp_path / "workspace"
    tidegate("init", "--workspace", root).checked()
    tidegate(
        "ingest",
        "ohlcv",
        tmp_path / "holes.csv",
        "--calendar",
        "24/7",
        "--dataset",
        "holes",
        "--calendar",
        "24/7",
        "--workspace",
        root,
    ).checked()

    done = tidegate("audit", "data", "--json", "--workspace", root)

    assert done.exit_code == 3
    assert done.document[0]["dataset"] == "holes"
    assert tidegate(
        "audit", "data", "--minimum-coverage", "0.5", "--no-html", "--json", "--workspace", root
    ).exit_code in {0, 3}


@pytest.mark.parametrize("bug", [LookAheadError, LedgerError])
def test_a_guard_against_our_own_mistakes_is_1(
    tidegate: Any, stocked: Path, monkeypatch: pytest.MonkeyPatch, bug: type[LookAheadError], json_output: bool
) -> None:
    def planted(*_arguments: Any, **_named: Any) -> None:
        raise bug(found="a", expected="b", hint="c")

    monkeypatch.setattr("tidegate.registry.RunStore.list", planted)

    done = tidegate("runs", "--workspace", stocked, *(["--json"] if json_output else []))

    assert_refused(done, json_output=json_output, exit_code=1)


def test_an_unforeseen_error_is_1_and_leaves_its_trace_in_the_log(
    tidegate: Any, stocked: Path, monkeypatch: pytest.MonkeyPatch, json_output: bool
) -> None:
    monkeypatch.setattr("tidegate.registry.RunStore.list", lambda *_arguments, **_named: 1 / 0)

    done = tidegate("runs", "--workspace", stocked, *(["--json"] if json_output else []))

    said = assert_refused(done, json_output=json_output, exit_code=1)
    assert "ZeroDivisionError" in said["found"]
    assert "1 / 0" in (stocked / "logs" / "tidegate.log").read_text(encoding="utf-8")


@pytest.mark.parametrize("stop", [KeyboardInterrupt, main.Abort])
def test_interrupted_is_130(
    tidegate: Any, stocked: Path, monkeypatch: pytest.MonkeyPatch, stop: type[BaseException], json_output: bool
) -> None:
    def stopped(*_arguments: Any, **_named: Any) -> None:
        raise stop

    monkeypatch.setattr("tidegate.registry.RunStore.list", stopped)

    done = tidegate("runs", "--workspace", stocked, *(["--json"] if json_output else []))

    assert (done.exit_code, done.out) == (130, "")
    assert "interrupted; repeat the command" in done.err


@pytest.mark.parametrize(
    ("command", "inside"),
    [
        (("audit", "lookahead", "us-rotation"), "tidegate.train.audit_recipe"),
        (("audit", "parity", "us-rotation"), "tidegate.features.store.read_recipe_inputs"),
        (("lineage", "0123456789ab"), "tidegate.audit.lineage.check_lineage"),
    ],
)
def test_an_interrupted_audit_says_that_it_starts_anew(
    tidegate: Any, stocked: Path, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...], inside: str
) -> None:
    def stopped(*_arguments: Any, **_named: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(inside, stopped)

    done = tidegate(*command, "--workspace", stocked)

    assert (done.exit_code, done.out) == (130, "")
    assert "interrupted; nothing was kept, repeat the command to start anew" in done.err
    assert "to go on" not in done.err


def test_the_help_of_audit_names_every_audit(tidegate: Any) -> None:
    said = " ".join(tidegate("audit", "--help").out.split())
    for words in ("Audits of data", "readiness to train", "look-ahead", "parity"):
        assert words in said


@pytest.mark.parametrize("options", [(), ("--json",)])
def test_a_reader_that_leaves_early_is_no_bug(stocked: Path, options: tuple[str, ...]) -> None:
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(
        [*PROGRAM, "runs", "--workspace", str(stocked), *options],
        stdout=write,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    os.close(write)

    assert (done.returncode, done.stderr) == (0, "")


def test_a_file_name_that_is_not_utf8_is_reported_all_the_same(stocked: Path, json_output: bool) -> None:
    done = execute_from_scratch(
        [
            "ingest",
            "ohlcv",
            "\udcff.csv",
            "--calendar",
            "24/7",
            "--dataset",
            "x",
            "--workspace",
            stocked,
            *(["--json"] if json_output else []),
        ]
    )

    assert_refused(done, json_output=json_output)


def test_an_interrupt_that_a_library_turned_into_its_own_error_is_still_130(
    tidegate: Any, stocked: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def swallow(*_arguments: object, **_named: object) -> None:
        try:
            signal.raise_signal(signal.SIGINT)
        except KeyboardInterrupt:
            raise TypeError("an unprintable object") from None

    monkeypatch.setattr("tidegate.data.Catalog.datasets", swallow)
    # A shell starts what runs in the background with interrupts ignored, and tests may run there.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        done = tidegate("catalog", "--json", "--workspace", stocked)
    finally:
        signal.signal(signal.SIGINT, before)
    assert (done.exit_code, done.out) == (130, "")
    assert "interrupted" in done.err
