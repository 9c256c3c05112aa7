"""The contract suite of connectors: whatever a source does, the catalog holds what it would hold had all gone well.

A connector of one's own, its source as the source's document describes it, and its test:

>>> import tempfile
>>> from functools import partial
>>> from itertools import count
>>> from pathlib import Path
>>> from tidegate.data.connectors.metric_rows import metric_rows
>>> from tidegate.data.connectors.web import get_json, open_client
>>> class Gauge:
...     name, dataset, tables = "gauge", "gauge", ("metrics",)
...
...     def __init__(self, base_url):
...         self.client = open_client(base_url, timeout_seconds=2.0)
...
...     def tasks(self):
...         return [Task(member=symbol) for symbol in ("A", "B")]
...
...     def fetch(self, task, call):
...         for page in range(2):
...             found = call(partial(self.ask, {"symbol": task.member, "page": page}))
...             rows = pl.DataFrame({"symbol": task.member, "metric": "mark_price", "value": found["value"]})
...             time = pl.lit(found["time"]).str.to_datetime(time_unit="us", time_zone="UTC")
...             rows = rows.with_columns(time.alias("event_time"))
...             yield Batch(table="metrics", rows=metric_rows(rows, dataset=self.dataset, source=self.name))
...
...     def ask(self, query):
...         found = get_json(self.client, "/value", query)
...         if any(found[name] != value for name, value in query.items()):
...             raise SourceGarbledError(found="another page", expected=f"{query}", hint="try again later")
...         return found
>>> def answer(request):
...     symbol, page = request.query["symbol"], int(request.query["page"])
...     return Reply({"symbol": symbol, "page": page, "time": f"2024-01-0{page + 1}T00:00:00Z", "value": 7.0 + page})
>>> folder, numbers = Path(tempfile.mkdtemp()), count()
>>> check_connector(lambda source: Gauge(source.url), answer, lambda: Workspace.create(folder / f"{next(numbers)}"))
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

import polars as pl

from tidegate.core.clock import frozen_clock, now
from tidegate.core.errors import CatalogError, SourceError, SourceGarbledError, TidegateError
from tidegate.core.time import Instant, instant_of
from tidegate.core.workspace import Workspace
from tidegate.data.catalog import Catalog
from tidegate.data.connectors.collection import Collected, collect_from
from tidegate.data.connectors.contract import Batch, Call, Connector, SourceStatus, Task
from tidegate.data.connectors.courtesy import RetryPolicy
from tidegate.data.revisions import require_valid
from tidegate.data.tables import spec_of
from tidegate.testing.source_server import Fault, Reply, ScriptedSource, SeenRequest

__all__ = ["check_connector"]

Answer = TypeVar("Answer")
Content = dict[str, pl.DataFrame]
Script = Callable[[SeenRequest], Reply]

_HANG_SECONDS: Final = 0.3
_FAULTS: Final = {
    "429": (Fault.limited(), 10**6),
    "418": (Fault.limited(status=418), 10**6),
    "503": (Fault.status(503), 10**6),
    "no answer in time": (Fault.hang(_HANG_SECONDS), 2),
    "a cut answer": (Fault.cut(), 10**6),
    "a dropped connection": (Fault.drop(), 10**6),
    "the page before": (Fault.repeat_page(), 10**6),
}
"""What goes wrong, and with how many of a run's requests."""
_PATIENCE: Final = RetryPolicy(
    attempts=3, first_wait_seconds=0.0, longest_wait_seconds=0.0, pause_seconds=0.0, cooldown_seconds=0.0
)


def check_connector(
    make: Callable[[ScriptedSource], Connector],
    answer: Script,
    workspace_factory: Callable[[], Workspace],
    *,
    at: Instant | None = None,
    paged: bool = True,
) -> None:
    """Check an implementation of :class:`tidegate.data.connectors.Connector` that asks over HTTP.

    A test of one's own connector needs no more than this: a function that answers as the source's document says, for
    at least two members and several pages, and a call of this suite.

    Parameters
    ----------
    make
        Returns a fresh connector that asks ``source.url``, with a time-out of at least a second or so.
    answer
        The source as documented: the same request is always given the same answer.
    workspace_factory
        Returns a fresh, empty workspace each time.
    at
        The present, where the connector's windows depend on it; None leaves the clock alone.
    paged
        Whether a stretch takes several requests, so that a page that repeats for ever would not end.

    Raises
    ------
    AssertionError
        On the first promise that is not kept; the message names it.
    """
    suite = _Suite(make=make, answer=answer, workspace_factory=workspace_factory, at=at)
    with suite.clock():
        suite.check_tasks_and_rows()
        reference = suite.undisturbed()
        suite.check_repetition(reference)
        suite.check_faults(reference)
        suite.check_endless_pages(reference, paged=paged)
        suite.check_kill(reference)
        suite.check_refusal(reference)
    suite.check_clock(reference)


@dataclass
class _Run:
    """What one run ended in."""

    content: Content
    collected: Collected
    requests: list[SeenRequest]


@dataclass(kw_only=True)
class _Script:
    """The source, disturbed: each answer queues the next fault, or is the last one for ever, or refuses."""

    answer: Script
    fault: Fault | None = None
    faults_left: int = 0
    frozen_after: int | None = None
    refuses: Callable[[SeenRequest], bool] = field(default=lambda _: False)
    most_requests: int = 10**6
    source: ScriptedSource | None = None
    answers: int = 0
    last: Reply | None = None

    def __call__(self, request: SeenRequest) -> Reply:
        self.answers += 1
        if self.answers > self.most_requests:
            return Reply({"msg": "too many requests of one run"}, 400)
        if self.refuses(request):
            return Reply({"code": -1121, "msg": "Invalid symbol."}, 400)
        if self.frozen_after is None or self.answers <= self.frozen_after or self.last is None:
            self.last = self.answer(request)
        self.queue()
        return self.last

    def queue(self) -> None:
        """Let the coming request go wrong, unless this answer is the one that was cut."""
        was_cut = self.fault is not None and self.fault.kind == "cut" and self.answers % 2
        if self.fault is not None and self.faults_left and self.source is not None and not was_cut:
            self.faults_left -= 1
            self.source.next_fault(self.fault)


@dataclass(kw_only=True)
class _Suite:
    make: Callable[[ScriptedSource], Connector]
    answer: Script
    workspace_factory: Callable[[], Workspace]
    at: Instant | None

    def clock(self) -> AbstractContextManager[None]:
        return nullcontext() if self.at is None else frozen_clock(self.at)

    def run(
        self, workspace: Workspace, script: _Script, *, wrap: Callable[[Connector], Any] = lambda made: made
    ) -> _Run:
        with ScriptedSource(script) as source:
            script.source = source
            script.queue()
            connector = self.make(source)
            collected = collect_from(workspace, wrap(connector), policy=_PATIENCE)
            return _Run(_content(workspace, connector), collected, list(source.seen))

    def undisturbed(self) -> _Run:
        done = self.run(self.workspace_factory(), _Script(answer=self.answer))
        _promise(done.collected.complete, f"an undisturbed run is complete ({_errors(done.collected)})")
        _promise(any(rows.height for rows in done.content.values()), "an undisturbed run brings rows")
        return done

    def check_tasks_and_rows(self) -> None:
        with ScriptedSource(self.answer) as source:
            connector = self.make(source)
            _attach(connector, self.workspace_factory())
            tasks = list(connector.tasks())
            _promise(tasks == list(connector.tasks()) and tasks != [], "tasks are there, and the same when asked again")
            _promise(len({task.key for task in tasks}) == len(tasks), "no task is listed twice")
            _promise(not source.seen, "listing tasks asks nothing of the source")
            for task in tasks:
                for batch in connector.fetch(task, _once):
                    _check_batch(connector, batch)

    def check_repetition(self, reference: _Run) -> None:
        workspace = self.workspace_factory()
        self.run(workspace, _Script(answer=self.answer))
        again = self.run(workspace, _Script(answer=self.answer))
        _promise(again.collected.complete, f"a second run is complete ({_errors(again.collected)})")
        _promise(again.collected.appended == 0, "a second run appends nothing")
        _promise(_equal(again.content, reference.content), "a second run changes nothing")

    def check_faults(self, reference: _Run) -> None:
        for name, (fault, times) in _FAULTS.items():
            script = _Script(answer=self.answer, fault=fault, faults_left=times)
            done = self.run(self.workspace_factory(), script)
            errors = _errors(done.collected)
            _promise(done.collected.complete, f"{name}, once per request, is overcome ({errors})")
            _promise(_equal(done.content, reference.content), f"{name} leaves no trace in the tables")

    def check_endless_pages(self, reference: _Run, *, paged: bool) -> None:
        asked = len(reference.requests)
        kinds: set[type[Exception]] = set()
        for frozen_after in range(1, min(asked, 4)):
            script = _Script(answer=self.answer, frozen_after=frozen_after, most_requests=5 * asked + 20)
            done = self.run(self.workspace_factory(), script)
            _promise(script.answers <= script.most_requests, "a page that repeats for ever comes to an end")
            silent = done.collected.complete and not _equal(done.content, reference.content)
            _promise(not silent, "a page that repeats for ever is reported")
            _promise(_within(done.content, reference.content), "a page that repeats for ever brings no row of its own")
            kinds |= self._errors_of(_Script(answer=self.answer, frozen_after=frozen_after))
        if paged and asked > 1:
            _promise(SourceGarbledError in kinds, "a page that repeats for ever ends in SourceGarbledError")

    def _errors_of(self, script: _Script) -> set[type[Exception]]:
        """Return the kinds of errors that the tasks end in when nothing is tried again."""
        found: set[type[Exception]] = set()
        with ScriptedSource(script) as source:
            connector = self.make(source)
            _attach(connector, self.workspace_factory())
            for task in connector.tasks():
                try:
                    for _ in connector.fetch(task, _once):
                        pass
                except SourceError as error:
                    found.add(type(error))
        return found

    def check_kill(self, reference: _Run) -> None:
        workspace = self.workspace_factory()
        counting = _Mortal(batches_left=10**6)
        self.run(self.workspace_factory(), _Script(answer=self.answer), wrap=counting.of)
        with suppress(_Killed):
            dying = _Mortal(batches_left=counting.batches // 2)
            self.run(workspace, _Script(answer=self.answer), wrap=dying.of)
        resumed = self.run(workspace, _Script(answer=self.answer))
        _promise(_equal(resumed.content, reference.content), "a killed run, started again, ends where it would have")
        if any(report.remembered for report in resumed.collected.members):
            _promise(len(resumed.requests) < len(reference.requests), "what a killed run had done is not asked again")

    def check_refusal(self, reference: _Run) -> None:
        found = self._mark_of_one_member()
        if found is None:
            return
        member, mark = found
        script = _Script(answer=self.answer, refuses=lambda request: mark in _marks(request))
        done = self.run(self.workspace_factory(), script)
        reports = {report.member: report for report in done.collected.members}
        _promise(reports[member].status is SourceStatus.FAILURE, f"a refusal of {member} is reported as its failure")
        _promise(bool(reports[member].error), f"the report says why {member} failed")
        others = [report for name, report in reports.items() if name != member]
        _promise(all(report.error is None for report in others), f"a refusal of {member} stops no other member")
        kept = sum(report.rows for report in others)
        whole = sum(report.rows for report in reference.collected.members if report.member != member)
        _promise(kept == whole, f"a refusal of {member} costs no row of another member")
        _promise(_within(done.content, reference.content), f"a refusal of {member} brings no row of its own")

    def _mark_of_one_member(self) -> tuple[str, tuple[str, str]] | None:
        """Return a member and the part of a request by which only it is asked for; None where there is none such."""
        asked: dict[str, list[set[tuple[str, str]]]] = {}
        with ScriptedSource(self.answer) as source:
            connector = self.make(source)
            _attach(connector, self.workspace_factory())
            for task in connector.tasks():
                before = len(source.seen)
                for _ in connector.fetch(task, _once):
                    pass
                asked.setdefault(task.member, []).extend(_marks(request) for request in source.seen[before:])
        # What is asked once for all, such as a list of markets, is asked with the first member.
        for member, requests in asked.items():
            others = {mark for name, found in asked.items() if name != member for marks in found for mark in marks}
            own = Counter(mark for marks in requests for mark in marks & requests[-1] - others)
            if own and others:
                return member, max(sorted(own), key=own.__getitem__)
        return None

    def check_clock(self, reference: _Run) -> None:
        known = pl.concat(rows.select("known_time") for rows in reference.content.values())["known_time"].sort()
        early = instant_of(known[len(known) // 2])
        workspace = self.workspace_factory()
        with frozen_clock(early):
            done = self.run(workspace, _Script(answer=self.answer))
            latest = [rows["known_time"].max() for rows in done.content.values() if rows.height]
            ahead = any(instant_of(moment) > early for moment in latest)  # type: ignore[arg-type]
            _promise(not ahead, "of a source whose clock is ahead nothing is stored that nobody can know yet")
        with self.clock():
            done = self.run(workspace, _Script(answer=self.answer))
            _promise(_equal(done.content, reference.content), "what was not yet known is fetched once it is known")


class _Killed(BaseException):
    """Stands for the end of the process; no handler of errors may catch it."""


@dataclass
class _Mortal:
    """Counts the batches of a connector, and dies after so many."""

    batches_left: int
    batches: int = 0
    _inner: Any = None

    def of(self, connector: Connector) -> _Mortal:
        self._inner = connector
        return self

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def fetch(self, task: Task, call: Call) -> Iterator[Batch]:
        for batch in self._inner.fetch(task, call):
            if self.batches >= self.batches_left:
                raise _Killed
            self.batches += 1
            yield batch


def _once(request: Callable[[], Answer]) -> Answer:
    """Make a request without trying again."""
    return request()


def _attach(connector: Connector, workspace: Workspace) -> None:
    attach = getattr(connector, "attach", None)
    if attach is not None:
        attach(workspace)


def _check_batch(connector: Any, batch: Batch) -> None:
    """Check rows against their table: columns, types, keys, and no row known before its event."""
    spec = spec_of(batch.table)
    _promise(batch.table in connector.tables, f"rows of {batch.table} come from a connector that says it has such")
    _promise("reason" in batch.rejected.columns, "rejected rows say why")
    if batch.rows.is_empty():
        return
    _promise(set(batch.rows["dataset"]) == {connector.dataset}, "rows belong to the connector's data set")
    for part in batch.rows.partition_by(*spec.partition):
        try:
            require_valid(spec, part)
        except TidegateError as error:
            raise AssertionError(f"broken promise: rows obey their table ({error})") from None


def _content(workspace: Workspace, connector: Any) -> Content:
    """Return every row of a connector's tables, but for when it was recorded."""
    found: Content = {}
    for table in connector.tables:
        with suppress(CatalogError):
            rows = Catalog(workspace).revisions(table, dataset=connector.dataset, as_of=now()).collect()
            found[table] = rows.drop("recorded_time").sort(pl.all())
    return found


def _equal(one: Content, other: Content) -> bool:
    return set(one) == set(other) and all(rows.equals(other[table]) for table, rows in one.items())


def _within(part: Content, whole: Content) -> bool:
    """Whether every row of ``part`` is in ``whole``."""
    return all(
        table in whole and rows.join(whole[table], on=rows.columns, how="anti", nulls_equal=True).is_empty()
        for table, rows in part.items()
    )


def _marks(request: SeenRequest) -> set[tuple[str, str]]:
    return {("path", request.path), *request.query.items()}


def _errors(collected: Collected) -> str:
    failed: Sequence[str] = [f"{report.member}: {report.error}" for report in collected.failed]
    return "; ".join(failed) or "no error"


def _promise(kept: bool, what: str) -> None:
    if not kept:
        raise AssertionError(f"broken promise: {what}")
