"""A copy of a search for Optuna's own tools: a journal in the run's folder, or a study in a database.

The manifest of the search is the truth and a resume reads nothing else; the copy is brought up to date from it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from tidegate.core.errors import InputError, RunError
from tidegate.core.files import write_atomically

if TYPE_CHECKING:
    from optuna.storages import BaseStorage, RDBStorage
    from optuna.trial import FrozenTrial

__all__ = ["OPTUNA_LOG", "StudyCopy", "study_copy"]

OPTUNA_LOG: Final = "optuna.log"
"""The journal in the run's folder; ``optuna-dashboard optuna.log`` shows it."""

_JOURNAL: Final = "journal"
_FIELD: Final = "search.optuna.storage"
_SECRET_WORDS: Final = ("password", "passwd", "secret", "token", "key")


class StudyCopy(Protocol):
    """Takes trials that have ended."""

    def append(self, trials: Sequence[FrozenTrial]) -> None:
        """Write further trials, each as a whole; the first call brings the copy to what the search knows."""

    def close(self) -> None:
        """Let go of the file or the database."""


def study_copy(storage: str, folder: Path, *, minimised: bool) -> StudyCopy:
    """Return the copy that a recipe asks for; it is opened when the first trials are written.

    Parameters
    ----------
    storage
        ``journal``, or the URL of a database.
    folder
        The run's folder; its name is the name of the study.
    minimised
        Whether the objective is made small.

    Raises
    ------
    InputError
        If the storage is neither, or its URL holds a password. No message repeats a URL.
    """
    if storage == _JOURNAL:
        return _JournalCopy(folder / OPTUNA_LOG, folder.name, minimised)
    return _DatabaseCopy(_address(storage), folder.name, minimised)


def _address(storage: str) -> URL:
    try:
        address = make_url(storage)
    except (ArgumentError, ValueError):
        raise InputError(
            found=f"{_FIELD} that is no URL of a database",
            expected="journal, or such as postgresql+psycopg://user@host/name",
            hint="correct it in the recipe",
        ) from None
    if address.password is not None or any(word in name.lower() for name in address.query for word in _SECRET_WORDS):
        raise InputError(
            found=f"{_FIELD} with a password",
            expected="a URL without one: a recipe is stored with every run",
            hint="give it by PGPASSWORD or in ~/.pgpass, which the driver reads",
        )
    return address


class _JournalCopy:
    def __init__(self, path: Path, name: str, minimised: bool) -> None:
        self._path, self._name, self._minimised = path, name, minimised
        self._storage: BaseStorage | None = None
        self._study = 0

    def append(self, trials: Sequence[FrozenTrial]) -> None:
        if self._storage is None:
            # A killed search may leave a torn line, a lock, or trials of a batch that is asked for once more.
            self._path.with_name(f"{self._path.name}.lock").unlink(missing_ok=True)
            write_atomically(self._path, lambda partial: self._write(partial, trials))
            self._storage = _journal(self._path)
            self._study = self._storage.get_study_id_from_name(self._name)
            return
        for trial in trials:
            self._storage.create_new_trial(self._study, template_trial=trial)

    def close(self) -> None:
        self._storage = None

    def _write(self, path: Path, trials: Sequence[FrozenTrial]) -> None:
        storage = _journal(path)
        study = _begun(storage, self._name, self._minimised)
        for trial in trials:
            storage.create_new_trial(study, template_trial=trial)


def _journal(path: Path) -> BaseStorage:
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock

    return JournalStorage(JournalFileBackend(str(path), lock_obj=JournalFileOpenLock(str(path))))


def _begun(storage: BaseStorage, name: str, minimised: bool) -> int:
    from optuna.study import StudyDirection

    direction = StudyDirection.MINIMIZE if minimised else StudyDirection.MAXIMIZE
    study: int = storage.create_new_study([direction], study_name=name)
    return study


class _DatabaseCopy:
    def __init__(self, address: URL, name: str, minimised: bool) -> None:
        self._address, self._name, self._minimised = address, name, minimised
        self._storage: RDBStorage | None = None
        self._study = 0

    def append(self, trials: Sequence[FrozenTrial]) -> None:
        with _named_errors(self._address):
            fresh = trials
            if self._storage is None:
                self._storage = _database(self._address)
                fresh = trials[self._already(trials) :]
            for trial in fresh:
                self._storage.create_new_trial(self._study, template_trial=trial)

    def close(self) -> None:
        if self._storage is not None:
            self._storage.remove_session()
            self._storage.engine.dispose()
            self._storage = None

    def _already(self, trials: Sequence[FrozenTrial]) -> int:
        """Return how many of the trials the database holds."""
        assert self._storage is not None
        names = {one.study_name: one._study_id for one in self._storage.get_all_studies()}
        if self._name not in names:
            self._study = _begun(self._storage, self._name, self._minimised)
            return 0
        self._study = names[self._name]
        held = self._storage.get_all_trials(self._study)
        if [_identity(one) for one in held] != [_identity(one) for one in trials[: len(held)]]:
            raise RunError(
                found=f"a study {self._name!r} with other trials in the database of {_FIELD}",
                expected="those of this search",
                hint="delete that study, or name another database",
            )
        return len(held)


def _identity(trial: FrozenTrial) -> tuple[Any, ...]:
    return trial.user_attrs.get("number"), trial.user_attrs.get("key"), trial.state


def _database(address: URL) -> RDBStorage:
    from optuna.storages import RDBStorage

    return RDBStorage(address.render_as_string(hide_password=False))


@contextmanager
def _named_errors(address: URL) -> Iterator[None]:
    """Turn errors of the database into one that names its kind and host, and nothing else of its URL."""
    from optuna.exceptions import OptunaError

    try:
        yield
    except (SQLAlchemyError, OptunaError, ImportError) as error:
        place = f"{address.get_backend_name()} database on {address.host or 'this machine'}"
        raise RunError(
            found=f"the {place} of {_FIELD}: {type(error).__name__}",
            expected="a database that answers and may be written",
            hint="check the server, the driver and the rights, and resume the search; its sets are safe",
        ) from None
