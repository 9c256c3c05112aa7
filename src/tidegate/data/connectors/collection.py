"""Collecting: every task of a connector is fetched, appended and remembered; nothing is lost, nothing twice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import polars as pl

from tidegate.core.clock import now
from tidegate.core.errors import InputError, SourceDownError, SourceError, SourceGarbledError, SourceLimitedError
from tidegate.core.progress import SILENT, Progress
from tidegate.core.randomness import unique_suffix
from tidegate.core.time import SECOND, Instant, format_instant, moment_of
from tidegate.core.workspace import Workspace
from tidegate.data.catalog import Catalog
from tidegate.data.connectors.checkpoint import Checkpoint
from tidegate.data.connectors.contract import Batch, Connector, SourceStatus, Task
from tidegate.data.connectors.courtesy import Courtesy, RetryPolicy
from tidegate.data.connectors.quarantine import count_reasons, quarantine
from tidegate.data.revisions import Revision
from tidegate.data.tables import spec_of

__all__ = ["Collected", "MemberReport", "collect_from"]

_ROWS_PER_COMMIT: Final = 200_000
_WORST_LAST: Final = (
    SourceStatus.EMPTY,
    SourceStatus.SUCCESS,
    SourceStatus.COOLDOWN,
    SourceStatus.RATE_LIMITED,
    SourceStatus.FAILURE,
)
_DEFAULT_POLICY: Final = RetryPolicy()


@dataclass(frozen=True, kw_only=True)
class MemberReport:
    """How it went with one symbol, series or file.

    ``rows`` is what arrived; it equals ``appended + identical + revised + not_yet_known``. ``rejected`` counts further
    rows by reason, and ``remembered`` the tasks that an earlier run had finished for good.
    """

    member: str
    status: SourceStatus = SourceStatus.EMPTY
    rows: int = 0
    appended: int = 0
    identical: int = 0
    revised: int = 0
    rejected: dict[str, int] = field(default_factory=dict)
    not_yet_known: int = 0
    requests: int = 0
    retries: int = 0
    remembered: int = 0
    error: str | None = None


@dataclass(frozen=True, kw_only=True)
class Collected:
    """What one run of a connector did, member by member."""

    connector: str
    dataset: str
    members: tuple[MemberReport, ...]
    versions: dict[str, int]
    quarantine: Path | None
    """The file of rejected rows, or the folder where there are several."""
    warnings: tuple[str, ...]

    @property
    def complete(self) -> bool:
        """Whether every member was answered, be it with nothing."""
        return all(report.status in {SourceStatus.SUCCESS, SourceStatus.EMPTY} for report in self.members)

    @property
    def appended(self) -> int:
        """Rows that are new in the catalog."""
        return sum(report.appended + report.revised for report in self.members)

    @property
    def failed(self) -> tuple[MemberReport, ...]:
        """The members that were not answered."""
        return tuple(one for one in self.members if one.status not in {SourceStatus.SUCCESS, SourceStatus.EMPTY})

    def as_dict(self) -> dict[str, Any]:
        """Return the report as plain values, the document printed under ``--json``."""
        return {
            "connector": self.connector,
            "dataset": self.dataset,
            "complete": self.complete,
            "appended": self.appended,
            "members": [asdict(report) for report in self.members],
            "versions": self.versions,
            "quarantine": None if self.quarantine is None else str(self.quarantine),
            "warnings": list(self.warnings),
        }


def collect_from(
    workspace: Workspace,
    connector: Connector,
    *,
    progress: Progress = SILENT,
    policy: RetryPolicy = _DEFAULT_POLICY,
    resume: bool = True,
    revision: Revision | None = None,
) -> Collected:
    """Fetch everything that a connector lists and that is not there yet.

    Parameters
    ----------
    policy
        Patience with the source.
    resume
        Whether to leave out tasks that an earlier run finished for good.
    revision
        What rows that differ from stored ones mean; without one such a task fails and appends nothing of them.

    Returns
    -------
    Collected
        A member that failed is reported in it and stops none of the others.

    Raises
    ------
    InputError
        If the settings cannot be fetched at all, before anything is appended.
    """
    attach = getattr(connector, "attach", None)
    if attach is not None:
        attach(workspace)
    with workspace.lock(f"collect-{connector.name}-{connector.dataset}"):
        run = _Run(workspace, connector, policy, revision)
        tasks, remembered = run.to_do(resume=resume)
        earlier = f", {remembered:,} finished earlier" if remembered else ""
        progress.say(f"{connector.name}: {len(tasks):,} {'task' if len(tasks) == 1 else 'tasks'} to do{earlier}")
        for task in progress.track(tasks, f"{connector.name} to {connector.dataset}"):
            run.do(task)
        return run.result()


class _Run:
    """One run of one connector."""

    def __init__(
        self, workspace: Workspace, connector: Connector, policy: RetryPolicy, revision: Revision | None
    ) -> None:
        self._workspace = workspace
        self._connector = connector
        self._policy = policy
        self._revision = revision
        self._catalog = Catalog(workspace)
        self._checkpoint = Checkpoint(workspace, connector)
        self._name = f"ingest-{connector.dataset}-{moment_of(now()):%Y%m%d-%H%M%S}-{unique_suffix()}"
        self._reports: dict[str, MemberReport] = {}
        self._versions: dict[str, int] = {}
        self._quarantined: set[Path] = set()
        self._failures_in_a_row = 0

    def to_do(self, *, resume: bool) -> tuple[list[Task], int]:
        """Return the tasks not finished for good, and how many are; a memory without its rows is forgotten."""
        tasks = self._connector.tasks()
        if not resume or (self._checkpoint.has_rows and not self._holds_anything()):
            self._checkpoint.forget()
        for task in tasks:
            report = self._report(task)
            if self._checkpoint.has(task):
                self._note(replace(report, status=SourceStatus.SUCCESS, remembered=report.remembered + 1))
        left = [task for task in tasks if not self._checkpoint.has(task)]
        return left, len(tasks) - len(left)

    def do(self, task: Task) -> None:
        """Fetch one task and append its rows; whatever the source does wrong ends in the report."""
        report = self._report(task)
        if now() < self._checkpoint.cooling_until:
            error = f"left alone until {format_instant(self._checkpoint.cooling_until)}"
            self._note(replace(report, status=_worse(report.status, SourceStatus.COOLDOWN), error=error))
            return
        courtesy = Courtesy(self._policy)
        fetched = _Fetched()
        fault: SourceError | InputError | None = None
        try:
            for batch in _in_commits(self._connector.fetch(task, courtesy)):
                self._append(batch, fetched)
        except (SourceError, InputError) as error:
            fault = error
        self._note(_after(report, fetched, courtesy, fault))
        # What was rejected may be whole once the source has mended it, so such a task is asked for again.
        if fault is None and task.closed and not fetched.not_yet_known and not fetched.rejected:
            self._checkpoint.remember(task, fetched.rows)
        self._mind(fault)

    def result(self) -> Collected:
        """Return the report of all that was done."""
        files = sorted(self._quarantined)
        return Collected(
            connector=self._connector.name,
            dataset=self._connector.dataset,
            members=tuple(self._reports.values()),
            versions=self._versions,
            quarantine=files[0] if len(files) == 1 else self._workspace.quarantine_folder if files else None,
            warnings=tuple(getattr(self._connector, "warnings", ())),
        )

    def _append(self, batch: Batch, fetched: _Fetched) -> None:
        if (kept := quarantine(self._workspace, self._connector.dataset, batch.rejected)) is not None:
            self._quarantined.add(kept)
            fetched.rejected.update(count_reasons(batch.rejected))
        fetched.rows += batch.rows.height
        # A venue whose clock is ahead sends what nobody can know yet; it is fetched again once it is known.
        known = batch.rows.filter(pl.col("known_time") <= moment_of(now()))
        fetched.not_yet_known += batch.rows.height - known.height
        for part in known.partition_by(*spec_of(batch.table).partition) if known.height else ():
            done = self._catalog.append(batch.table, part, revision=self._revision, run=self._name)
            self._versions[batch.table] = done.version
            fetched.appended += done.appended
            fetched.identical += done.identical
            fetched.revised += done.revised

    def _mind(self, fault: Exception | None) -> None:
        """Leave a source alone that failed too often in a row; a refusal is an answer and does not count."""
        passing = isinstance(fault, SourceDownError | SourceGarbledError | SourceLimitedError)
        self._failures_in_a_row = self._failures_in_a_row + 1 if passing else 0
        if self._failures_in_a_row >= self._policy.failures_before_cooldown and self._policy.cooldown_seconds:
            self._checkpoint.cool_down(Instant(now() + int(self._policy.cooldown_seconds * SECOND)))
            self._failures_in_a_row = 0

    def _holds_anything(self) -> bool:
        tables = getattr(self._connector, "tables", ())
        return any(
            entry.dataset == self._connector.dataset and entry.table in tables for entry in self._catalog.datasets()
        )

    def _report(self, task: Task) -> MemberReport:
        return self._reports.setdefault(task.member, MemberReport(member=task.member))

    def _note(self, report: MemberReport) -> None:
        self._reports[report.member] = report


@dataclass
class _Fetched:
    """Rows of one task by fate."""

    rows: int = 0
    appended: int = 0
    identical: int = 0
    revised: int = 0
    not_yet_known: int = 0
    rejected: Counter[str] = field(default_factory=Counter)


def _after(
    report: MemberReport, fetched: _Fetched, courtesy: Courtesy, fault: SourceError | InputError | None
) -> MemberReport:
    if isinstance(fault, SourceLimitedError):
        status = SourceStatus.RATE_LIMITED
    elif fault is not None or (fetched.rejected and not fetched.rows):
        status = SourceStatus.FAILURE
    else:
        status = SourceStatus.SUCCESS if fetched.rows else SourceStatus.EMPTY
    return replace(
        report,
        status=_worse(report.status, status),
        rows=report.rows + fetched.rows,
        appended=report.appended + fetched.appended,
        identical=report.identical + fetched.identical,
        revised=report.revised + fetched.revised,
        not_yet_known=report.not_yet_known + fetched.not_yet_known,
        rejected=dict(Counter(report.rejected) + fetched.rejected),
        requests=report.requests + courtesy.tally.requests,
        retries=report.retries + courtesy.tally.retries,
        error=_explained(fault, fetched) or report.error,
    )


def _explained(fault: SourceError | InputError | None, fetched: _Fetched) -> str | None:
    if fault is not None:
        return str(fault)
    if fetched.rejected and not fetched.rows:
        return f"every row was rejected: {', '.join(fetched.rejected)}"
    return None


def _worse(one: SourceStatus, other: SourceStatus) -> SourceStatus:
    return max(one, other, key=_WORST_LAST.index)


def _in_commits(batches: Iterator[Batch]) -> Iterator[Batch]:
    """Gather small pages into batches worth a commit; what arrived before a fault is handed on before it is raised."""
    gathered: dict[str, list[Batch]] = {}
    try:
        for batch in batches:
            held = gathered.setdefault(batch.table, [])
            held.append(batch)
            if sum(part.rows.height + part.rejected.height for part in held) >= _ROWS_PER_COMMIT:
                yield _joined(gathered.pop(batch.table))
    except (SourceError, InputError):
        yield from (_joined(held) for held in gathered.values())
        raise
    yield from (_joined(held) for held in gathered.values())


def _joined(batches: list[Batch]) -> Batch:
    """Join pages of one table; pages may overlap, and a row that arrived twice is one row."""
    rows = pl.concat([batch.rows for batch in batches], how="vertical_relaxed")
    rejected = pl.concat([batch.rejected for batch in batches], how="diagonal_relaxed")
    return Batch(
        table=batches[0].table,
        rows=rows.unique(maintain_order=True) if len(batches) > 1 else rows,
        rejected=rejected,
    )
