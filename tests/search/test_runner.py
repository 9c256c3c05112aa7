"""The runner against backends that fail in every way (equity I 12, H 11): bounded, never twice, always drained."""

from __future__ import annotations

import io
import json
import random
from collections.abc import Iterator
from email.message import Message
from pathlib import Path
from urllib.error import HTTPError, URLError

import pytest
from fake_server import FakeClock, FakeServer, Fate, KilledError, late, works
from hypothesis import given
from hypothesis import strategies as st

from tidegate.core.errors import LookAheadError, RunError, SourceLimitedError, WorkspaceError
from tidegate.search.runner.backend import Outcome, Phase, Polled, Work
from tidegate.search.runner.manifest import Manifest
from tidegate.search.runner.retry import Backoff, RunnerPolicy, is_transient, stops_everything
from tidegate.search.runner.runner import Runner
from tidegate.search.runner.states import ENDED, State, Tally


def answer(code: int) -> HTTPError:
    return HTTPError("http://localhost", code, "no", Message(), io.BytesIO())


PASSING = [
    lambda: answer(429),
    lambda: answer(500),
    lambda: answer(503),
    lambda: TimeoutError("no answer"),
    lambda: URLError("no route"),
    lambda: ConnectionResetError("reset"),
    lambda: late(TimeoutError("no answer, but it arrived")),
]


class Bench:
    """A server, a clock, a manifest and a runner."""

    def __init__(self, folder: Path, **server: object) -> None:
        self.clock = FakeClock()
        self.path = folder / "manifest.jsonl"
        self.server = FakeServer(clock=self.clock, **server)  # type: ignore[arg-type]
        self.policy = RunnerPolicy()
        self.manifest = Manifest(self.path)

    def run(self, count: int = 30, **how: object) -> Tally:
        return Runner(self.server, self.manifest, self.policy, self.clock).run(works(count), **how)  # type: ignore[arg-type]

    def events(self) -> list[tuple[str, str]]:
        lines = [json.loads(line) for line in self.path.read_text("utf-8").splitlines()]
        return [(line["event"], line.get("key", "")) for line in lines]

    def path_of(self, key: str) -> list[str]:
        return [event for event, which in self.events() if which == key]


def drained(tally: Tally, total: int) -> bool:
    return tally.total == total and tally.open == 0


def test_works_are_done_eight_at_a_time_and_each_once(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    told: list[Tally] = []
    tally = bench.run(30, on_progress=told.append)
    assert tally == Tally(total=30, succeeded=30) == told[-1]
    assert bench.server.most_live == 8
    assert sorted(bench.server.begun) == [work.idempotency_key for work in works(30)]
    assert bench.path_of("top_n=7") == ["planned", "submitted", "running", "success"]
    assert [one.succeeded for one in told] == sorted({one.succeeded for one in told})
    bench.server.close()


def test_tasks_hold_several_works(tmp_path: Path) -> None:
    bench = Bench(tmp_path, batch=7, in_flight=2)
    assert bench.run(30).succeeded == 30
    assert [len(job.works) for job in bench.server.jobs.values()] == [7, 7, 7, 7, 2]
    assert bench.server.most_live == 2


@pytest.mark.parametrize("fault", PASSING)
def test_what_passes_is_tried_again_under_the_same_key(tmp_path: Path, fault: object) -> None:
    """Equity I 12: 429, 500, timeouts and a POST that arrived although it failed."""
    faults = iter([fault(), fault(), fault()])  # type: ignore[operator]
    bench = Bench(tmp_path, submit_faults=faults, in_flight=1)
    assert bench.run(2).succeeded == 2
    assert bench.server.begun == [work.idempotency_key for work in works(2)]
    assert bench.server.asked[:4] == [works(1)[0].idempotency_key] * 4
    assert bench.path_of("top_n=0")[:4] == ["planned", "submitted", "planned", "submitted"]
    assert 1.0 + 2.0 + 4.0 <= bench.clock.seconds <= 1.0 + 2.0 + 4.0 + 3.0 + 2 * 15.0


def test_a_post_that_may_have_arrived_keeps_its_room(tmp_path: Path) -> None:
    """Defect H 11: retried posts made duplicate runs; here the fake server counts what lives."""
    faults = (late(TimeoutError()) if number % 2 == 0 else None for number in range(10_000))
    bench = Bench(tmp_path, submit_faults=faults, fates=lambda works: Fate(takes=200.0))
    assert bench.run(40).succeeded == 40
    assert bench.server.most_live == 8
    assert len(bench.server.begun) == len(set(bench.server.begun)) == 40


def test_polls_that_fail_are_repeated_and_end(tmp_path: Path) -> None:
    bench = Bench(tmp_path, poll_faults=iter([answer(502), None, TimeoutError(), answer(504)]), in_flight=2)
    assert bench.run(4).succeeded == 4
    assert len(bench.server.begun) == 4


def test_a_server_that_never_answers_is_given_up(tmp_path: Path) -> None:
    bench = Bench(tmp_path, submit_faults=iter(lambda: TimeoutError("no answer"), None))
    tally = bench.run(20)
    assert tally == Tally(total=20, timeout=20)
    entry = bench.manifest.entries["top_n=3"]
    assert entry.last.error == "TimeoutError: no answer; tried for 600 s"
    assert not entry.is_finished
    assert bench.clock.seconds <= 3 * 700.0
    assert max(bench.clock.sleeps) <= 60.0


def test_a_job_that_cannot_be_asked_for_is_given_up_and_taken_back(tmp_path: Path) -> None:
    bench = Bench(tmp_path, poll_faults=iter(lambda: answer(500), None), in_flight=3)
    assert bench.run(3) == Tally(total=3, failed=3)
    assert len(bench.server.cancelled) == 3
    assert bench.server.live == 0


def test_a_job_that_is_not_known_any_longer_fails_at_once(tmp_path: Path) -> None:
    bench = Bench(tmp_path, poll_faults=iter([answer(404)]), in_flight=1)
    assert bench.run(2) == Tally(total=2, failed=1, succeeded=1)
    assert bench.manifest.entries["top_n=0"].is_finished
    assert bench.clock.seconds < 30.0


def test_a_server_that_asks_for_time_gets_it(tmp_path: Path) -> None:
    limited = SourceLimitedError(found="429", expected="patience", hint="wait", retry_after_seconds=120.0)
    bench = Bench(tmp_path, submit_faults=iter([limited]), in_flight=1)
    assert bench.run(1).succeeded == 1
    assert bench.clock.seconds >= 120.0


def test_a_stuck_work_is_marked_and_handed_over_once_more(tmp_path: Path) -> None:
    """Equity I 12, never-finishing: marked after 15 minutes, its room freed, resubmitted once with the same key."""
    bench = Bench(tmp_path, fates=lambda tried: Fate(ends="silent") if tried[0].key == "top_n=1" else Fate())
    assert bench.run(20) == Tally(total=20, succeeded=19, stuck=1)
    once = ["submitted", "running", "stuck"]
    assert bench.path_of("top_n=1") == ["planned", *once, "planned", *once]
    assert bench.server.begun.count(works(2)[1].idempotency_key) == 2
    assert 2 * 900.0 <= bench.clock.seconds < 2 * 930.0
    assert bench.server.live == 0


def test_a_work_that_was_stuck_by_accident_succeeds(tmp_path: Path) -> None:
    fates = iter([Fate(ends="silent"), Fate()])
    bench = Bench(tmp_path, fates=lambda tried: next(fates))
    assert bench.run(1) == Tally(total=1, succeeded=1)
    assert bench.manifest.entries["top_n=0"].times_stuck == 1


def test_works_queued_for_ever_stop_nobody(tmp_path: Path) -> None:
    """Equity I 12, defect H 11: eight queued runs stopped the original for good."""
    bench = Bench(tmp_path, fates=lambda tried: Fate(queued=1e9 if int(tried[0].key[6:]) < 12 else 0.0))
    assert bench.run(40) == Tally(total=40, succeeded=28, stuck=12)
    assert bench.clock.seconds < 4 * 1900.0


def test_a_slow_work_with_progress_is_no_stuck_one(tmp_path: Path) -> None:
    bench = Bench(tmp_path, fates=lambda tried: Fate(queued=1700.0, takes=850.0))
    assert bench.run(10) == Tally(total=10, succeeded=10)


def test_a_work_with_progress_and_no_end_times_out(tmp_path: Path) -> None:
    bench = Bench(tmp_path, fates=lambda tried: Fate(ends="busy"), poll_seconds=60.0)
    assert bench.run(3) == Tally(total=3, timeout=3)
    assert 86_400.0 <= bench.clock.seconds < 87_000.0


def test_a_task_that_breaks_is_halved_until_its_work_is_alone(tmp_path: Path) -> None:
    def fates(tried: tuple[Work, ...]) -> Fate:
        return Fate(ends="lasting" if any(work.key == "top_n=5" for work in tried) else "finished")

    bench = Bench(tmp_path, batch=16, fates=fates)
    assert bench.run(32) == Tally(total=32, succeeded=31, failed=1)
    last = bench.manifest.entries["top_n=5"].last
    assert (last.error, last.permanent) == ("ValueError: no such parameter", True)


def test_answers_that_make_no_sense_are_not_believed(tmp_path: Path) -> None:
    fates = iter([Fate(ends="garbled")] + [Fate()] * 9)
    bench = Bench(tmp_path, batch=4, fates=lambda tried: next(fates))
    assert bench.run(4).succeeded == 4
    bench = Bench(tmp_path / "again", fates=lambda tried: Fate(ends="garbled"))
    assert bench.run(2) == Tally(total=2, failed=2)


def test_an_outcome_that_is_no_end_is_not_believed(tmp_path: Path) -> None:
    bench = Bench(tmp_path, fates=lambda tried: Fate(statuses={tried[0].key: State.RUNNING}))
    assert bench.run(1) == Tally(total=1, failed=1)


def test_failures_and_missing_scores_stop_nobody(tmp_path: Path) -> None:
    bench = Bench(
        tmp_path, fates=lambda tried: Fate(statuses={"top_n=2": State.FAILED, "top_n=3": State.MISSING_SCORE})
    )
    assert bench.run(6) == Tally(total=6, succeeded=4, failed=1, missing_score=1)
    assert bench.manifest.entries["top_n=2"].last.error == "it says no"


def test_missing_scores_are_found_before_anything_is_handed_over(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    runner = Runner(
        bench.server,
        bench.manifest,
        clock=bench.clock,
        missing_score=lambda work: "no file" if work.key == "top_n=1" else None,
    )
    assert runner.run(works(3)) == Tally(total=3, succeeded=2, missing_score=1)
    assert bench.path_of("top_n=1") == ["planned", "missing_score"]
    assert len(bench.server.asked) == 2


def test_the_same_work_is_done_once(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    twin = Work(key="top_n=0.0", payload=works(1)[0].payload)
    runner = Runner(bench.server, bench.manifest, clock=bench.clock)
    assert runner.run([*works(2), twin, works(1)[0]]) == Tally(total=4, succeeded=2, duplicate=2)
    assert len(bench.server.begun) == 2
    assert bench.manifest.entries["top_n=0.0"].last.same_as == "top_n=0"
    assert runner.run([twin]) == Tally(total=1, duplicate=1)


def test_two_works_under_one_key_are_refused(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    other = Work(key="top_n=0", payload={"idempotency_key": "other"})
    with pytest.raises(RunError, match="two works under the key"):
        Runner(bench.server, bench.manifest).run([*works(1), other])


def test_cancelling_takes_everything_back(tmp_path: Path) -> None:
    bench = Bench(tmp_path, fates=lambda tried: Fate(takes=100.0))
    tally = bench.run(30, is_cancelled=lambda: bench.clock.seconds > 150.0)
    assert tally == Tally(total=30, succeeded=8, cancelled=22)
    assert len(bench.server.cancelled) == 8
    bench.server.close()
    again = bench.run(30)
    assert again == Tally(total=30, succeeded=30)
    assert len(bench.server.begun) == 38


@pytest.mark.parametrize("error", [KeyboardInterrupt(), LookAheadError(found="a", expected="b", hint="c")])
def test_interrupts_and_bugs_take_everything_back_and_are_raised(tmp_path: Path, error: BaseException) -> None:
    faults: Iterator[BaseException | None] = iter([None] * 10 + [error])
    bench = Bench(tmp_path, submit_faults=faults)
    with pytest.raises(type(error)):
        bench.run(30)
    assert bench.server.live == 0
    states = {entry.state for entry in Manifest(bench.path).entries.values()}
    assert states == {State.SUCCESS, State.CANCELLED}
    assert Bench(tmp_path).run(30).succeeded == 30


@pytest.mark.parametrize(
    "error", [OSError(28, "No space left on device"), WorkspaceError(found="", expected="", hint="")]
)
def test_a_full_disk_is_no_failure_of_a_work(tmp_path: Path, error: Exception) -> None:
    bench = Bench(tmp_path, submit_faults=iter([error]))
    with pytest.raises(type(error)):
        bench.run(3)
    assert not any(entry.is_finished for entry in Manifest(bench.path).entries.values())


def test_nothing_to_do_is_done(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    assert bench.run(0) == Tally()
    assert not bench.path.exists()


def test_a_backend_without_room_or_pause_does_not_hang(tmp_path: Path) -> None:
    bench = Bench(tmp_path, in_flight=0, batch=0, poll_seconds=0.0)
    bench.server.fates = lambda tried: Fate(takes=0.01)
    bench.server.in_flight = 1
    runner = Runner(Bare(bench.server), bench.manifest, clock=bench.clock)
    assert runner.run(works(3)).succeeded == 3


class Bare:
    """The same server, which says that it has no room."""

    in_flight, batch, poll_seconds = 0, 0, 0.0

    def __init__(self, server: FakeServer) -> None:
        self.submit, self.poll, self.cancel, self.close = server.submit, server.poll, server.cancel, server.close


def test_what_was_finished_is_not_repeated(tmp_path: Path) -> None:
    bench = Bench(
        tmp_path, fates=lambda tried: Fate(statuses={"top_n=1": State.FAILED, "top_n=2": State.MISSING_SCORE})
    )
    first = bench.run(10)
    asked = len(bench.server.asked)
    bench.manifest = Manifest(bench.path)
    assert bench.run(10) == first
    assert len(bench.server.asked) == asked


def test_orphans_of_a_dead_process_are_the_same_jobs_and_stop_nobody(tmp_path: Path) -> None:
    """Defect H 11: orphaned queued runs took the original's room for ever."""
    bench = Bench(tmp_path, fates=lambda tried: Fate(queued=1e9), dies_at_call=12)
    with pytest.raises(KilledError):
        bench.run(20)
    lines = bench.path.read_bytes().splitlines(keepends=True)
    kept = [line for line in lines if json.loads(line)["event"] != "cancelled"]
    bench.path.write_bytes(b"".join(kept) + b'{"ts":"2026')
    orphans = list(bench.server.begun)
    assert len(orphans) == 8
    bench.server.dies_at_call, bench.server.fates = None, lambda tried: Fate()
    bench.manifest = Manifest(bench.path)
    assert bench.run(20) == Tally(total=20, succeeded=20)
    assert bench.server.asked[8:16] == orphans
    assert sorted(bench.server.begun) == sorted([*orphans, *(work.idempotency_key for work in works(20))])


@given(st.integers(0, 10**9), st.integers(1, 5), st.integers(1, 8), st.integers(0, 30))
def test_whatever_a_server_does_the_runner_drains(
    tmp_path_factory: pytest.TempPathFactory, seed: int, batch: int, in_flight: int, count: int
) -> None:
    """Equity I 12: at most ``in_flight`` live, none done twice, the numbers add up."""
    dice = random.Random(seed)
    bench = Bench(
        tmp_path_factory.mktemp("drained"),
        batch=batch,
        in_flight=in_flight,
        submit_faults=faults(dice, ValueError("refused")),
        poll_faults=faults(dice, answer(404)),
        fates=lambda tried: fate(dice, tried),
        poll_seconds=60.0,
    )
    bench.policy = RunnerPolicy(longest_seconds=7200.0)
    cancelled_at = dice.choice([1e12, dice.uniform(0.0, 4000.0)])
    tally = bench.run(count, is_cancelled=lambda: bench.clock.seconds > cancelled_at)
    assert drained(tally, count)
    assert all(entry.state in ENDED for entry in bench.manifest.entries.values())
    assert bench.server.most_live <= in_flight
    bench.server.close()
    assert (tally.cancelled > 0) <= (bench.clock.seconds > cancelled_at)
    bench.manifest.close(tally)
    again = Manifest(bench.path)
    assert again.content() == bench.manifest.content()
    assert again.content()["closed"]["total"] == count
    succeeded = [line for line in bench.events() if line[0] == "success"]
    assert len(succeeded) == len(set(succeeded)) == tally.succeeded


@given(st.integers(0, 10**9), st.integers(1, 5))
def test_killed_anywhere_it_goes_on_where_it_was(
    tmp_path_factory: pytest.TempPathFactory, seed: int, batch: int
) -> None:
    """Equity I 12: a manifest cut at any byte, any number of times, ends in the content of an undisturbed search."""
    dice = random.Random(seed)
    statuses = {"top_n=3": State.FAILED, "top_n=4": State.MISSING_SCORE}
    folder = tmp_path_factory.mktemp("killed")
    undisturbed = Bench(folder / "whole", batch=batch, fates=lambda tried: Fate(statuses=statuses))
    undisturbed.manifest.close(undisturbed.run(25))

    bench = Bench(
        folder / "killed", batch=batch, fates=lambda tried: Fate(statuses=statuses, takes=dice.uniform(0, 99))
    )
    for _ in range(dice.randint(1, 4)):
        bench.server.dies_at_call = bench.server.calls + dice.randint(1, 60)
        before = bench.path.read_bytes() if bench.path.exists() else b""
        try:
            bench.run(25)
        except KilledError:
            written = bench.path.read_bytes()
            bench.path.write_bytes(written[: dice.randint(len(before), len(written))])
        bench.manifest = Manifest(bench.path)
    bench.server.dies_at_call = None
    bench.manifest.close(bench.run(25))
    assert Manifest(bench.path).content() == undisturbed.manifest.content()


def faults(dice: random.Random, lasting: BaseException) -> Iterator[BaseException | None]:
    """Yield trouble in short rows, so that no job is given up without anybody knowing whether it lives."""
    row, share = 0, dice.uniform(0.0, 0.6)
    while True:
        fault: BaseException | None = None
        if row < 4 and dice.random() < share:
            fault = lasting if dice.random() < 0.05 else dice.choice(PASSING)()
        row = 0 if fault is None else row + 1
        yield fault


def fate(dice: random.Random, tried: tuple[Work, ...]) -> Fate:
    ends = dice.choice(["finished"] * 8 + ["garbled", "passing", "lasting", "silent", "busy"])
    statuses = {tried[0].key: dice.choice([State.SUCCESS, State.SUCCESS, State.FAILED, State.MISSING_SCORE])}
    queued = dice.choice([0.0, 0.0, 300.0, 1e9])
    return Fate(queued=queued, takes=dice.uniform(0.0, 1000.0), ends=ends, statuses=statuses)


def test_waits_double_up_to_a_cap_and_end() -> None:
    """Equity E.6: 1, 2, 4, 8.. s with jitter, cap 60 s, a total deadline."""
    waits = Backoff(RunnerPolicy(), "one")
    at, found = 0.0, []
    while (wait := waits.after(TimeoutError(), at=at)) is not None:
        found.append(wait)
        at += wait
    for wait, least in zip(found, [1, 2, 4, 8, 16, 32, 60], strict=False):
        assert least <= wait <= min(least + 1, 60)
    assert set(found[6:]) == {60.0}
    assert sum(found) <= 600.0 < sum(found) + 60.0
    assert Backoff(RunnerPolicy(), "other").after(TimeoutError(), at=0.0) != found[0]
    waits.reset()
    assert waits.after(TimeoutError(), at=at) == found[0]


def test_errors_have_classes() -> None:
    assert all(is_transient(fault()) for fault in PASSING)
    assert not any(
        is_transient(error) for error in (answer(400), answer(401), answer(404), ValueError(), OSError(28, ""))
    )
    assert is_transient(OSError(101, "Network is unreachable"))
    assert stops_everything(LookAheadError(found="", expected="", hint=""))
    assert not stops_everything(RunError(found="", expected="", hint=""))


def test_a_failed_poll_without_a_reason_is_a_failure(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.server.poll = lambda ticket: Polled(phase=Phase.FAILED)  # type: ignore[method-assign]
    assert bench.run(1) == Tally(total=1, failed=1)


def test_figures_that_are_not_finite_are_written_as_none(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    outcome = Outcome(key="top_n=0", figures={"cagr": float("nan"), "sharpe": float("inf"), "sortino": 1.5})
    bench.server.poll = lambda ticket: Polled(phase=Phase.FINISHED, outcomes=[outcome])  # type: ignore[method-assign]
    assert bench.run(1).succeeded == 1
    assert Manifest(bench.path).entries["top_n=0"].last.figures == {"cagr": None, "sharpe": None, "sortino": 1.5}
