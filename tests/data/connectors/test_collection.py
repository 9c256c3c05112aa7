"""The runner: patience, cool-down, checkpoints, and a report that hides nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import polars as pl
import pytest

from tidegate.core.clock import frozen_clock, now
from tidegate.core.config import Settings
from tidegate.core.errors import (
    SourceDownError,
    SourceError,
    SourceGarbledError,
    SourceLimitedError,
    SourceRefusedError,
)
from tidegate.core.time import HOUR, MINUTE, SECOND, Instant, instant_of, moment_of
from tidegate.core.workspace import Workspace
from tidegate.data import Catalog, Revision
from tidegate.data.connectors import Batch, Call, Collected, RetryPolicy, SourceStatus, Task, collect_from
from tidegate.data.connectors.courtesy import Courtesy
from tidegate.data.tables import FUNDING

PATIENT = RetryPolicy(first_wait_seconds=0.0, longest_wait_seconds=0.0, pause_seconds=0.0)
START = instant_of(datetime(2024, 1, 1, tzinfo=UTC))


def payments(symbol: str, count: int, *, first: Instant = START, rate: float = 1e-4) -> pl.DataFrame:
    """Funding of some hours."""
    times = [moment_of(first + hour * HOUR) for hour in range(count)]
    return pl.DataFrame(
        {
            "dataset": "perp",
            "symbol": symbol,
            "event_time": times,
            "known_time": times,
            "rate": rate,
            "period_hours": 1.0,
            "source": "test",
            "synthetic": False,
        }
    ).cast({name: kind for name, kind in FUNDING.schema.items() if name != "recorded_time"})


class Meaning(Settings):
    """Settings of the source below."""

    venue: str = "here"
    symbols: tuple[str, ...] = ()


@dataclass
class Source:
    """A source that holds payments per symbol and raises what it is told to, one fault a request."""

    held: dict[str, list[pl.DataFrame]]
    faults: dict[str, list[SourceError]] = field(default_factory=dict)
    closed: bool = True
    settings: Settings = field(default_factory=Meaning)
    asked: list[str] = field(default_factory=list)
    name: str = "test"
    dataset: str = "perp"
    tables: tuple[str, ...] = ("funding",)

    def tasks(self) -> Sequence[Task]:
        return [Task(member=symbol, what="funding", closed=self.closed) for symbol in self.held]

    def fetch(self, task: Task, call: Call) -> Iterator[Batch]:
        for page in self.held[task.member]:
            yield Batch(table="funding", rows=call(self._answer(task.member, page)))

    def _answer(self, symbol: str, page: pl.DataFrame) -> Callable[[], pl.DataFrame]:
        def answer() -> pl.DataFrame:
            self.asked.append(symbol)
            if self.faults.get(symbol):
                raise self.faults[symbol].pop(0)
            return page

        return answer


def fault(kind: type[SourceError], **extra: Any) -> SourceError:
    return kind(found="trouble", expected="none", hint="wait", **extra)


def collect(workspace: Workspace, source: Source, policy: RetryPolicy = PATIENT, **options: Any) -> Collected:
    return collect_from(workspace, source, policy=policy, **options)


def stored(workspace: Workspace) -> pl.DataFrame:
    rows = Catalog(workspace).read("funding", dataset="perp", as_of=now()).collect()
    return rows.select("symbol", "event_time", "rate")


@pytest.mark.parametrize("kind", [SourceDownError, SourceGarbledError, SourceLimitedError])
def test_a_passing_fault_is_repeated_away(workspace: Workspace, kind: type[SourceError]) -> None:
    source = Source({"BTC": [payments("BTC", 3)]}, {"BTC": [fault(kind), fault(kind)]})
    (report,) = collect(workspace, source).members
    assert (report.status, report.appended, report.requests, report.retries) == (SourceStatus.SUCCESS, 3, 3, 2)


def test_a_refusal_is_not_repeated_and_stops_nobody_else(workspace: Workspace) -> None:
    source = Source(
        {"BTC": [payments("BTC", 3)], "NONE": [payments("NONE", 1)], "ETH": [payments("ETH", 2)]},
        {"NONE": [fault(SourceRefusedError)]},
    )
    done = collect(workspace, source)
    assert [one.status for one in done.members] == [SourceStatus.SUCCESS, SourceStatus.FAILURE, SourceStatus.SUCCESS]
    assert not done.complete
    assert "found trouble" in str(done.failed[0].error)
    assert source.asked.count("NONE") == 1
    assert stored(workspace)["symbol"].unique().sort().to_list() == ["BTC", "ETH"]


def test_waits_grow_have_jitter_and_an_end() -> None:
    waits: list[float] = []
    policy = RetryPolicy(attempts=6, first_wait_seconds=0.5, longest_wait_seconds=4.0, pause_seconds=0.0)
    with pytest.raises(SourceDownError):
        Courtesy(policy, wait=waits.append)(_raising(fault(SourceDownError)))
    assert len(waits) == 5
    assert max(waits) <= 4.0
    assert 0.5 <= waits[0] <= 1.0 < 2.0 <= waits[2] <= 2.5
    assert len({wait % 0.5 for wait in waits[:3]}) == 3  # jitter


def test_what_a_source_asks_for_is_waited_for_unless_it_is_too_long() -> None:
    waits: list[float] = []
    with pytest.raises(SourceLimitedError):
        Courtesy(PATIENT, wait=waits.append)(_raising(fault(SourceLimitedError, retry_after_seconds=7.0)))
    assert waits == [7.0] * 4
    waits.clear()
    with pytest.raises(SourceLimitedError):
        Courtesy(PATIENT, wait=waits.append)(_raising(fault(SourceLimitedError, retry_after_seconds=3600.0)))
    assert waits == []


def _raising(error: SourceError) -> Callable[[], None]:
    def request() -> None:
        raise error

    return request


def test_a_source_that_stays_down_is_left_alone_and_asked_again_later(workspace: Workspace) -> None:
    policy = PATIENT.model_copy(update={"attempts": 1, "failures_before_cooldown": 2, "cooldown_seconds": 120.0})
    names = ["A", "B", "C", "D"]
    source = Source({name: [payments(name, 1)] for name in names}, {"A": [fault(SourceDownError)], "B": [
        fault(SourceLimitedError)]})  # fmt: skip
    at = instant_of(datetime(2024, 6, 1, tzinfo=UTC))
    with frozen_clock(at):
        done = collect(workspace, source, policy)
    assert [str(one.status) for one in done.members] == ["failure", "rate_limited", "cooldown", "cooldown"]
    assert source.asked == ["A", "B"]
    with frozen_clock(Instant(at + 119 * SECOND)):
        assert all(one.status is SourceStatus.COOLDOWN for one in collect(workspace, source, policy).members)
    assert source.asked == ["A", "B"]
    with frozen_clock(Instant(at + 120 * SECOND)):
        assert collect(workspace, source, policy).complete
    assert stored(workspace).height == 4


def test_what_is_finished_for_good_is_not_asked_again(workspace: Workspace) -> None:
    source = Source({"BTC": [payments("BTC", 2)], "NEW": []})
    collect(workspace, source)
    again = collect(workspace, source)
    assert source.asked == ["BTC"]
    assert [one.remembered for one in again.members] == [1, 1]
    assert again.complete
    assert collect(workspace, source, resume=False).members[0].identical == 2


def test_an_open_task_is_asked_again(workspace: Workspace) -> None:
    source = Source({"BTC": [payments("BTC", 2)]}, closed=False)
    collect(workspace, source)
    source.held["BTC"] = [payments("BTC", 3)]
    (report,) = collect(workspace, source).members
    assert (report.appended, report.identical) == (1, 2)


def test_another_meaning_is_another_checkpoint_but_another_choice_is_not(workspace: Workspace) -> None:
    collect(workspace, Source({"BTC": [payments("BTC", 2)]}))
    choice = Source({"BTC": [payments("BTC", 2)]}, settings=Meaning(symbols=("BTC", "ETH")))
    collect(workspace, choice)
    assert choice.asked == []
    meaning = Source({"BTC": [payments("BTC", 2)]}, settings=Meaning(venue="there"))
    collect(workspace, meaning)
    assert meaning.asked == ["BTC"]


def test_a_torn_checkpoint_costs_one_more_request(workspace: Workspace) -> None:
    source = Source({"BTC": [payments("BTC", 2)], "ETH": [payments("ETH", 2)]})
    collect(workspace, source)
    (path,) = (workspace.root / "checkpoints").iterdir()
    path.write_bytes(path.read_bytes()[:-9])
    collect(workspace, source)
    assert source.asked == ["BTC", "ETH", "ETH"]
    collect(workspace, source)
    assert source.asked == ["BTC", "ETH", "ETH"]


def test_a_checkpoint_without_its_rows_is_forgotten(workspace: Workspace) -> None:
    """Whoever restores an older catalog must not be left with holes that nobody fills."""
    source = Source({"BTC": [payments("BTC", 2)]})
    collect(workspace, source)
    (workspace.catalog_folder / "funding").rename(workspace.root / "elsewhere")
    collect(workspace, source)
    assert stored(workspace).height == 2


def test_pages_before_a_fault_are_kept_and_the_rest_follows(workspace: Workspace) -> None:
    policy = PATIENT.model_copy(update={"attempts": 1})
    pages = [payments("BTC", 3), payments("BTC", 3, first=Instant(START + 2 * HOUR))]
    source = Source({"BTC": pages})
    broken = Source({"BTC": pages})
    answers = iter([None, fault(SourceDownError)])
    broken.fetch = lambda task, call: _until(source.fetch(task, call), answers)  # type: ignore[method-assign]
    (report,) = collect(workspace, broken, policy).members
    assert (report.status, report.appended) == (SourceStatus.FAILURE, 3)
    (report,) = collect(workspace, source, policy).members
    assert (report.status, report.appended, stored(workspace).height) == (SourceStatus.SUCCESS, 2, 5)


def _until(batches: Iterator[Batch], answers: Iterator[SourceError | None]) -> Iterator[Batch]:
    for batch in batches:
        if error := next(answers):
            raise error
        yield batch


def test_what_nobody_can_know_yet_is_not_stored_and_comes_later(workspace: Workspace) -> None:
    """A venue whose clock is ahead must not bring tomorrow's rows."""
    source = Source({"BTC": [payments("BTC", 3)]})
    with frozen_clock(Instant(START + HOUR + MINUTE)):
        (report,) = collect(workspace, source).members
        assert (report.appended, report.not_yet_known) == (2, 1)
        assert stored(workspace).height == 2
    (report,) = collect(workspace, source).members
    assert (report.appended, report.not_yet_known) == (1, 0)


def test_other_values_need_a_revision(workspace: Workspace) -> None:
    collect(workspace, Source({"BTC": [payments("BTC", 2)]}, closed=False))
    changed = Source({"BTC": [payments("BTC", 2, rate=2e-4)]}, closed=False)
    (report,) = collect(workspace, changed).members
    assert report.status is SourceStatus.FAILURE
    assert "differ from stored ones" in str(report.error)
    revision = Revision(correction_reason="wrong decimal")
    (report,) = collect(workspace, changed, revision=revision).members
    assert (report.status, report.revised) == (SourceStatus.SUCCESS, 2)
    assert stored(workspace)["rate"].to_list() == [2e-4, 2e-4]


def test_rejected_rows_lie_in_quarantine_with_their_reason(workspace: Workspace) -> None:
    source = Source({"BTC": [payments("BTC", 1)]})
    rejected = pl.DataFrame({"rate": ["much"], "reason": ["not a number"]})
    source.fetch = lambda task, call: iter(  # type: ignore[method-assign]
        [Batch(table="funding", rows=payments("BTC", 1), rejected=rejected)]
    )
    done = collect(workspace, source)
    assert done.members[0].rejected == {"not a number": 1}
    assert done.quarantine is not None
    assert "much" in done.quarantine.read_text()


def test_nothing_at_all_is_empty_and_not_success(workspace: Workspace) -> None:
    assert collect(workspace, Source({"NEW": []})).members[0].status is SourceStatus.EMPTY


def _rejecting(source: Source, *, good: int) -> Source:
    """Let a source bring so many good rows and one rejected one."""
    rejected = pl.DataFrame({"rate": ["much"], "reason": ["not a number"]})
    source.fetch = lambda task, call: iter(  # type: ignore[method-assign]
        [Batch(table="funding", rows=payments("BTC", good), rejected=rejected)]
    )
    return source


def test_what_was_rejected_is_asked_for_again(workspace: Workspace) -> None:
    """A source that mends its rows must not find the door closed for ever."""
    collect(workspace, _rejecting(Source({"BTC": []}), good=2))
    mended = Source({"BTC": [payments("BTC", 3)]})
    (report,) = collect(workspace, mended).members
    assert (report.remembered, report.appended, report.identical) == (0, 1, 2)


def test_all_rejected_is_a_failure_and_not_nothing(workspace: Workspace) -> None:
    done = collect(workspace, _rejecting(Source({"BTC": []}), good=0))
    assert not done.complete
    assert (done.members[0].status, done.members[0].error) == (
        SourceStatus.FAILURE,
        "every row was rejected: not a number",
    )


def test_a_garbled_source_is_left_alone_too(workspace: Workspace) -> None:
    policy = PATIENT.model_copy(update={"attempts": 1, "failures_before_cooldown": 2})
    names = ["A", "B", "C"]
    source = Source({n: [payments(n, 1)] for n in names}, {n: [fault(SourceGarbledError)] for n in names})
    assert [str(one.status) for one in collect(workspace, source, policy).members] == ["failure", "failure", "cooldown"]


@pytest.mark.parametrize("line", ['{"done": ["a"]}', '{"cooling_until": "soon"}', "[1]", "7", '{"other": 1}', "\x00"])
def test_a_checkpoint_with_nonsense_in_it_is_read_around(workspace: Workspace, line: str) -> None:
    source = Source({"BTC": [payments("BTC", 2)]})
    collect(workspace, source)
    (path,) = (workspace.root / "checkpoints").iterdir()
    path.write_text(f"{line}\n{path.read_text()}")
    assert collect(workspace, source).members[0].remembered == 1
