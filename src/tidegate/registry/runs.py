"""The store of runs: a row in the database and a folder of files for each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from sqlalchemy import Row, Select, and_, or_, select, update

from tidegate.core.clock import now
from tidegate.core.database import evidence, runs
from tidegate.core.environment import describe_environment
from tidegate.core.errors import GateNotPassed, RunError
from tidegate.core.evidence import Evidence, Verdict
from tidegate.core.files import write_json
from tidegate.core.fingerprint import canonical_json, fingerprint
from tidegate.core.interrupts import interrupt_requested
from tidegate.core.randomness import unique_suffix
from tidegate.core.recipe import Recipe
from tidegate.core.time import Instant, moment_of
from tidegate.core.workspace import Workspace
from tidegate.data import Catalog, Correction
from tidegate.data.readiness import READINESS_CHECK, audit_subject
from tidegate.registry.run import Run, RunKind, RunStatus

__all__ = ["ActiveRun", "RunStore"]


_PAGE = 200
"""Runs that are read from the database at once."""

_NAME_PART = 48
"""Characters of a recipe's name that fit into the 80 of a run's id."""


class ActiveRun:
    """A run being made; it must :meth:`finish` before its block ends."""

    def __init__(self, identifier: str, folder: Path, *, resumed: bool) -> None:
        self.id = identifier
        self.folder = folder
        self.resumed = resumed
        self.metrics: dict[str, Any] | None = None

    def finish(self, metrics: dict[str, Any]) -> None:
        """Say that the work is done; the database learns it when the block ends.

        Raises
        ------
        InputError
            If a metric is NaN, infinite or not plain: not every database could keep it.
        """
        canonical_json(metrics)
        self.metrics = metrics


class RunStore:
    """Runs of a workspace.

    Parameters
    ----------
    workspace
        Rows lie in its database, files in ``runs/<id>``.
    """

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace

    @contextmanager
    def begin(
        self,
        *,
        kind: str | RunKind,
        recipe: Recipe,
        fingerprint_of_work: str,
        data_versions: Mapping[str, int],
        parent: str | None = None,
    ) -> Iterator[ActiveRun]:
        """Open a run, or resume the interrupted one that does exactly the same work.

        Parameters
        ----------
        fingerprint_of_work
            SHA-256 of all that decides the result apart from data and code, which are added here.

        Raises
        ------
        WorkspaceError
            If the same work is being done by another process right now.
        """
        environment = describe_environment()
        identity = _identity(kind, recipe, fingerprint_of_work, data_versions, environment, parent)
        # The operating system drops this lock with the process, so a killed run is free to be resumed at once.
        with self._workspace.lock(f"{kind}-{recipe.name}-{identity[:12]}", wait_seconds=0.0):
            active = self._resume(identity) or self._insert(
                RunKind(kind), recipe, identity, data_versions, environment, parent
            )
            write_json(active.folder / "recipe.json", recipe.model_dump(mode="json", by_alias=True))
            try:
                yield active
                self._require_result(active)
            except BaseException as error:
                stopped = isinstance(error, KeyboardInterrupt | SystemExit) or interrupt_requested()
                status = RunStatus.INTERRUPTED if stopped else RunStatus.FAILED
                self._close(active, status, error=f"{type(error).__name__}: {error}")
                raise
            self._close(active, RunStatus.FINISHED)

    def finished_before(
        self,
        *,
        kind: str | RunKind,
        recipe: Recipe,
        fingerprint_of_work: str,
        data_versions: Mapping[str, int],
        parent: str | None = None,
    ) -> Run | None:
        """Return the newest finished run that did exactly the same work, on the same data by the same code, if any.

        Parameters
        ----------
        kind, recipe, fingerprint_of_work, data_versions, parent
            As of :meth:`begin`.
        """
        identity = _identity(kind, recipe, fingerprint_of_work, data_versions, describe_environment(), parent)
        same = select(runs).where(runs.c.fingerprint == identity, runs.c.status == RunStatus.FINISHED)
        found = self._fetch(same.order_by(runs.c.started_at.desc(), runs.c.id.desc()).limit(1))
        return found[0] if found else None

    def get(self, identifier: str) -> Run:
        """Return a run by its id, an unambiguous beginning of it, or ``latest``.

        Raises
        ------
        RunError
            If there is none or several.
        """
        if identifier == "latest":
            found = self.list(limit=1)
        else:
            begins = select(runs).where(runs.c.id.startswith(identifier, autoescape=True))
            found = self._fetch(begins.order_by(runs.c.id).limit(3))  # an id comes before those that it begins
        if len(found) == 1 or (found and found[0].id == identifier):
            return found[0]
        if found:
            raise RunError(
                found=f"{len(found)} runs or more that begin with {identifier!r}",
                expected="one",
                hint="give more of the id",
            )
        raise RunError(
            found=f"no run {identifier!r}",
            expected=f"a run of this workspace{self._such_as(identifier)}",
            hint="list them: tidegate runs",
        )

    def _such_as(self, identifier: str) -> str:
        known = [run.id for run in self.list(limit=200)]
        near = [name for name in known if identifier in name] or get_close_matches(identifier, known, n=3)
        return f", such as {', '.join((near or known)[:3])}" if known else ""

    def list(
        self,
        *,
        project: str | None = None,
        kind: str | None = None,
        status: str | None = None,
        recipe: str | None = None,
        limit: int = 50,
    ) -> Sequence[Run]:
        """Return runs, newest first, that match every filter given, and no more than ``limit`` of them."""
        return self._fetch(_newest_first(project=project, kind=kind, status=status, recipe_name=recipe).limit(limit))

    def every(
        self,
        *,
        project: str | None = None,
        kind: str | None = None,
        status: str | None = None,
        recipe: str | None = None,
    ) -> Iterator[Run]:
        """Yield all runs, newest first, that match every filter given, however many there are.

        Each page begins after the last run of the page before, and not at a number of rows: while others add runs,
        none comes twice, and none is missing that was there at the start.
        """
        query = _newest_first(project=project, kind=kind, status=status, recipe_name=recipe).limit(_PAGE)
        page = self._fetch(query)
        while page:
            yield from page
            started, identifier = page[-1].started_at, page[-1].id
            earlier = and_(runs.c.started_at == started, runs.c.id < identifier)
            page = self._fetch(query.where(or_(runs.c.started_at < started, earlier))) if len(page) == _PAGE else []

    def require_training_of(self, recipe: Recipe, run: Run) -> None:
        """Refuse a run that is not a finished training of a recipe's training part.

        Raises
        ------
        RunError
            If it is of another kind, did not finish, or was trained on other data, features, labels, splits or costs.
        """
        self.require_finished_training(run)
        if _training_part(run) != recipe.training_fingerprint():
            raise RunError(
                found=f"{run.id}, trained by another recipe than {recipe.name!r} as it stands",
                expected="equal data, universe, features, labels, split, models, costs and fill",
                hint=f"only strategy and backtest may differ; train first: tidegate train {recipe.name}",
            )

    @staticmethod
    def require_finished_training(run: Run) -> None:
        """Refuse a run that is not a finished training.

        Raises
        ------
        RunError
            If it is of another kind or did not finish.
        """
        if run.kind is not RunKind.TRAIN or run.status is not RunStatus.FINISHED:
            raise RunError(
                found=f"{run.id}, a {run.status} {run.kind} run",
                expected="a finished train run",
                hint="list them: tidegate runs --kind train --status finished",
            )

    def latest_training(self, recipe: Recipe) -> Run:
        """Return the newest finished training run of a recipe's training part, whatever its recipe is called.

        A recipe that extends another and changes the strategy alone trades on the other's scores.

        Raises
        ------
        RunError
            If there is none.
        """
        wanted = recipe.training_fingerprint()
        for run in self.every(kind=RunKind.TRAIN, status=RunStatus.FINISHED):
            if _training_part(run) == wanted:
                return run
        raise RunError(
            found=f"no finished training run of recipe {recipe.name!r} as it stands",
            expected="one",
            hint=f"run: tidegate {'train' if recipe.tune is None else 'tune'} {recipe.name}",
        )

    def record_evidence(self, found: Evidence) -> None:
        """Keep what a check found."""
        with self._workspace.database.begin() as connection:
            connection.execute(
                evidence.insert().values(
                    fingerprint=found.fingerprint(),
                    made_at=found.made_at,
                    check_name=found.check,
                    subject=found.subject,
                    verdict=found.verdict,
                    findings=found.findings,
                )
            )

    def latest_evidence(self, check: str, subject: str) -> Evidence | None:
        """Return what a check found last about a subject; none if it was never made."""
        query = select(evidence).where(evidence.c.check_name == check, evidence.c.subject == subject)
        with self._workspace.database.connect() as connection:
            row = connection.execute(query.order_by(evidence.c.made_at.desc()).limit(1)).mappings().first()
        if row is None:
            return None
        return Evidence(
            check=row["check_name"],
            subject=row["subject"],
            verdict=Verdict(row["verdict"]),
            findings=row["findings"],
            made_at=Instant(row["made_at"]),
        )

    def require_audit_of(self, recipe: Recipe, versions: Mapping[str, int]) -> Evidence:
        """Refuse to train on data that no audit of readiness passed (D-23).

        The audit must be of the same data, universe and audit settings of the recipe, at the same table versions.

        Raises
        ------
        RunError
            If there is no such audit.
        GateNotPassed
            If the newest one did not pass.
        """
        found = self.latest_evidence(READINESS_CHECK, audit_subject(recipe, versions))
        if found is None:
            raise RunError(
                found=f"no audit of readiness of recipe {recipe.name!r} as it and its data stand",
                expected="a passed one before anything is trained",
                hint=f"run: tidegate audit readiness {recipe.name}",
            )
        if found.verdict is not Verdict.PASSED:
            reasons = found.findings["reasons"]
            more = f" (and {len(reasons) - 1} more)" if len(reasons) > 1 else ""
            raise GateNotPassed(
                found=f"data of recipe {recipe.name!r} that are not ready: {reasons[0]}{more}",
                expected="a passed audit of readiness before anything is trained",
                hint=f"see what to do: tidegate audit readiness {recipe.name}",
            )
        return found

    def _resume(self, identity: str) -> ActiveRun | None:
        with self._workspace.database.connect() as connection:
            identifier = connection.execute(
                select(runs.c.id)
                .where(
                    runs.c.fingerprint == identity,
                    runs.c.status.in_([RunStatus.RUNNING, RunStatus.INTERRUPTED]),
                )
                .order_by(runs.c.started_at.desc())
            ).scalar()
        if identifier is None:
            return None
        self._set(identifier, status=RunStatus.RUNNING, finished_at=None, error=None)
        return ActiveRun(identifier, self._folder(identifier), resumed=True)

    def _insert(
        self,
        kind: RunKind,
        recipe: Recipe,
        identity: str,
        data_versions: Mapping[str, int],
        environment: dict[str, Any],
        parent: str | None,
    ) -> ActiveRun:
        started = now()
        identifier = f"{kind}-{recipe.name[:_NAME_PART]}-{moment_of(started):%Y%m%d-%H%M%S}-{unique_suffix()}"
        self._folder(identifier).mkdir(parents=True)
        with self._workspace.database.begin() as connection:
            connection.execute(
                runs.insert().values(
                    id=identifier,
                    project=recipe.project,
                    kind=kind,
                    status=RunStatus.RUNNING,
                    recipe_name=recipe.name,
                    recipe=recipe.model_dump(mode="json", by_alias=True),
                    fingerprint=identity,
                    parent=parent,
                    started_at=started,
                    data_versions=dict(data_versions),
                    environment=environment,
                    seed=recipe.seed,
                    metrics={},
                )
            )
        return ActiveRun(identifier, self._folder(identifier), resumed=False)

    @staticmethod
    def _require_result(active: ActiveRun) -> None:
        if active.metrics is None:
            raise RunError(
                found=f"run {active.id} ended without a result",
                expected="finish() to be called",
                hint="this is a mistake in the code of the run",
            )

    def _close(self, active: ActiveRun, status: RunStatus, error: str | None = None) -> None:
        self._set(active.id, status=status, finished_at=now(), metrics=active.metrics or {}, error=error)

    def _set(self, identifier: str, **values: Any) -> None:
        with self._workspace.database.begin() as connection:
            connection.execute(update(runs).where(runs.c.id == identifier).values(**values))

    def _folder(self, identifier: str) -> Path:
        return self._workspace.runs_folder / identifier

    def _fetch(self, query: Select[Any]) -> Sequence[Run]:
        with self._workspace.database.connect() as connection:
            rows = connection.execute(query).all()
        corrections = Catalog(self._workspace).corrections() if rows else []
        return [self._run(row, corrections) for row in rows]

    def _run(self, row: Row[Any], corrections: Sequence[Correction]) -> Run:
        values = dict(row._mapping)
        read = values["data_versions"]
        marks = tuple(
            f"{correction.dataset}: {correction.reason} ({correction.rows} rows)"
            for correction in corrections
            if correction.version > read.get(f"{correction.table}/{correction.dataset}", correction.version)
        )
        values |= {"kind": RunKind(values["kind"]), "status": RunStatus(values["status"])}
        return Run(**values, folder=self._folder(values["id"]), corrected=marks)


def _newest_first(**wanted: str | None) -> Select[Any]:
    """Return the query for runs whose columns have these values; None is any."""
    query = select(runs).order_by(runs.c.started_at.desc(), runs.c.id.desc())
    return query.where(*(runs.c[name] == value for name, value in wanted.items() if value is not None))


def _identity(
    kind: str | RunKind,
    recipe: Recipe,
    fingerprint_of_work: str,
    data_versions: Mapping[str, int],
    environment: Mapping[str, Any],
    parent: str | None,
) -> str:
    return fingerprint(
        [kind, recipe.project, recipe.name, fingerprint_of_work, dict(data_versions), dict(environment), parent]
    )


def _training_part(run: Run) -> str | None:
    try:
        return Recipe.model_validate(run.recipe).training_fingerprint()
    except ValidationError:  # written in the vocabulary of another version, so no run of today's recipe
        return None
