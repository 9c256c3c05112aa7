"""The manifest: events that only grow, the last one of a key counts, steps that cannot follow are refused."""

from __future__ import annotations

import json
from itertools import product
from pathlib import Path

import pytest
from fake_server import works

from tidegate.core.errors import RunError
from tidegate.core.time import Instant
from tidegate.search.runner.backend import Work
from tidegate.search.runner.manifest import Manifest, Step
from tidegate.search.runner.states import ENDED, TRANSITIONS, State, Tally, check_transition, tally_of


def begun(path: Path) -> Manifest:
    manifest = Manifest(path, stamp=lambda: Instant(1_000_000))
    manifest.plan(works(2))
    manifest.record(Step(key=f"top_n={number}", state=State.SUBMITTED, attempt=1, task="t") for number in range(2))
    manifest.record([Step(key="top_n=0", state=State.SUCCESS, attempt=1, task="t", figures={"cagr": 0.1})])
    return manifest


def test_events_say_what_happened(tmp_path: Path) -> None:
    """Equity E.7: time stamp, key, attempt, resolved parameters, data, error and figures."""
    manifest = begun(tmp_path / "manifest.jsonl")
    manifest.close(Tally(total=2, succeeded=1, cancelled=1))
    lines = [json.loads(line) for line in (tmp_path / "manifest.jsonl").read_text("utf-8").splitlines()]
    assert lines[0] == {"ts": "1970-01-01T00:00:01Z", "event": "planned", "key": "top_n=0", **works(1)[0].payload}
    assert lines[4] == {
        "ts": "1970-01-01T00:00:01Z",
        "event": "success",
        "key": "top_n=0",
        "attempt": 1,
        "task": "t",
        "figures": {"cagr": 0.1},
    }
    assert lines[-1]["event"] == "closed"
    assert (lines[-1]["total"], lines[-1]["succeeded"], lines[-1]["failed"]) == (2, 1, 0)


def test_what_is_read_is_what_was_written(tmp_path: Path) -> None:
    manifest = begun(tmp_path / "manifest.jsonl")
    again = Manifest(tmp_path / "manifest.jsonl")
    assert dict(again.entries) == dict(manifest.entries)
    assert again.content() == manifest.content()
    assert again.entries["top_n=0"].is_finished
    assert again.entries["top_n=1"].is_under_way
    assert again.content()["works"]["top_n=0"] == {
        "status": "success",
        "parameters": {"top_n": 0},
        "idempotency_key": "0" * 64,
        "figures": {"cagr": 0.1},
        "error": None,
        "same_as": None,
    }


def test_closing_numbers_stand_once_and_only_while_it_is_closed(tmp_path: Path) -> None:
    manifest = begun(tmp_path / "manifest.jsonl")
    tally = Tally(total=2, succeeded=1)
    manifest.close(tally)
    manifest.close(tally)
    assert (tmp_path / "manifest.jsonl").read_text("utf-8").count("closed") == 1
    again = Manifest(tmp_path / "manifest.jsonl")
    assert again.content()["closed"] == tally.as_dict()
    again.plan(works(2))
    assert again.content()["closed"] == tally.as_dict()
    again.plan(works(3))
    assert again.content()["closed"] is None
    assert Manifest(tmp_path / "manifest.jsonl").content()["closed"] is None


def test_every_step_is_held_against_the_one_table(tmp_path: Path) -> None:
    for before, after in product(State, State):
        if after in TRANSITIONS[before]:
            check_transition(before, after, key="one")
        else:
            with pytest.raises(RunError, match=f"{after} after {before}"):
                check_transition(before, after, key="one")
    assert TRANSITIONS.keys() == set(State)
    assert all(TRANSITIONS[state] <= {State.PLANNED} for state in ENDED)


def test_an_illegal_step_is_refused_and_not_written(tmp_path: Path) -> None:
    path = tmp_path / "manifest.jsonl"
    manifest = begun(path)
    before = path.read_bytes()
    with pytest.raises(RunError, match="running after success"):
        manifest.record([Step(key="top_n=1", state=State.RUNNING), Step(key="top_n=0", state=State.RUNNING)])
    assert path.read_bytes() == before
    assert manifest.entries["top_n=1"].state is State.SUBMITTED
    manifest.record([Step(key="top_n=1", state=State.RUNNING)])


@pytest.mark.parametrize(
    "line",
    [
        {"event": "running", "key": "nobody"},
        {"event": "dancing", "key": "top_n=0"},
        {"event": "running", "key": "top_n=0"},
        {"event": "closed"},
        {"key": "top_n=0"},
    ],
)
def test_lines_that_are_no_events_are_refused(tmp_path: Path, line: dict[str, str]) -> None:
    path = tmp_path / "manifest.jsonl"
    begun(path)
    path.write_text(path.read_text("utf-8") + json.dumps(line) + "\n", encoding="utf-8")
    with pytest.raises(RunError):
        Manifest(path)


def test_a_torn_last_line_is_dropped(tmp_path: Path) -> None:
    path = tmp_path / "manifest.jsonl"
    begun(path)
    path.write_bytes(path.read_bytes()[:-9])
    manifest = Manifest(path)
    assert manifest.entries["top_n=0"].state is State.SUBMITTED
    manifest.record([Step(key="top_n=0", state=State.FAILED, error="no", permanent=True)])
    assert Manifest(path).entries["top_n=0"].is_finished


def test_the_manifest_of_other_works_is_refused(tmp_path: Path) -> None:
    begun(tmp_path / "manifest.jsonl")
    other = Work(key="top_n=0", payload={"idempotency_key": "f" * 64})
    with pytest.raises(RunError, match="other parameters, scores, data or code"):
        Manifest(tmp_path / "manifest.jsonl").plan([other])


def test_a_payload_keeps_off_the_manifests_own_names(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="a payload with error"):
        Manifest(tmp_path / "manifest.jsonl").plan([Work(key="one", payload={"error": "mine"})])
    assert not (tmp_path / "manifest.jsonl").exists()


def test_nothing_is_written_after_a_write_that_was_interrupted(tmp_path: Path) -> None:
    """What is known here may then differ from what is in the file; a step that follows could be an illegal one."""
    path = tmp_path / "manifest.jsonl"
    manifest = begun(path)
    with pytest.raises(ValueError, match="JSON"):
        manifest.plan([Work(key="one", payload={"figure": float("nan")})])
    with pytest.raises(RunError, match="interrupted"):
        manifest.record([Step(key="top_n=1", state=State.RUNNING)])
    Manifest(path).record([Step(key="top_n=1", state=State.RUNNING)])


def test_numbers_add_up() -> None:
    tally = tally_of({state: number for number, state in enumerate(State)}, duplicates=2)
    assert tally.total == sum(range(len(State))) + 2
    assert tally.open == sum(number for number, state in enumerate(State) if state not in ENDED)
    assert (tally + tally).total == 2 * tally.total
