"""Ctrl-C and a polite request to end: the state is as good as after a kill, and the user is told."""

from __future__ import annotations

import signal
import subprocess
import time
from pathlib import Path

import pytest

from command import PROGRAM, TRACEBACK, Started, execute, started

FIRST_FOLD = "0.parquet"


def wait_for_a_fold(command: Started, root: Path) -> None:
    """Wait until a training run has finished its first fold."""
    deadline = time.monotonic() + 60
    while not any(root.glob(f"runs/*/folds/{FIRST_FOLD}")):
        assert command.is_running
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_an_interrupted_training_says_so_and_is_resumed(root: Path, recipe: Path) -> None:
    with started(["train", recipe, "--json", "--workspace", root]) as command:
        wait_for_a_fold(command, root)
        command.send(signal.SIGINT)
        done = command.end()

    assert done.exit_code == 130
    assert done.out == ""
    assert "interrupted" in done.err
    assert TRACEBACK not in done.err
    (left,) = execute(["runs", "--json", "--workspace", root]).checked().document
    assert left["status"] == "interrupted"
    again = execute(["train", recipe, "--json", "--workspace", root]).checked()
    assert "resuming" in again.err
    assert (again.document["id"], again.document["status"]) == (left["id"], "finished")


def test_a_training_asked_to_end_is_resumed(root: Path, recipe: Path) -> None:
    with started(["train", recipe, "--json", "--workspace", root]) as command:
        wait_for_a_fold(command, root)
        command.send(signal.SIGTERM)
        done = command.end()

    assert done.exit_code == -signal.SIGTERM
    assert TRACEBACK not in done.err
    (left,) = execute(["runs", "--json", "--workspace", root]).checked().document
    assert left["status"] == "running"
    again = execute(["train", recipe, "--json", "--workspace", root]).checked().document
    assert (again["id"], again["status"]) == (left["id"], "finished")


@pytest.mark.parametrize("what", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_ingest_stores_all_or_nothing(root: Path, bars: Path, what: signal.Signals) -> None:
    ingest = ["ingest", "ohlcv", bars, "--calendar", "24/7", "--dataset", "cut-off", "--json", "--workspace", root]
    with started(ingest) as command:
        command.wait_for_output()
        command.send(what)
        done = command.end()

    assert done.exit_code == (130 if what is signal.SIGINT else -what)
    assert TRACEBACK not in done.err
    assert done.out == ""
    again = execute(ingest).checked().document
    assert again["appended"] + again["identical"] == again["rows"] - sum(again["rejected"].values())
    assert again["version"] == 1


@pytest.mark.parametrize("seconds", [0.05, 0.25, 0.5])
def test_an_interrupt_while_the_program_starts_shows_no_trace_of_ours(root: Path, seconds: float) -> None:
    command = subprocess.Popen(
        [*PROGRAM, "runs", "--workspace", str(root)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    time.sleep(seconds)
    command.send_signal(signal.SIGINT)
    _, err = command.communicate(timeout=60)

    assert command.returncode in {0, 130, -signal.SIGINT}
    assert "tidegate/cli" not in err
