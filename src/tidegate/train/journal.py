"""The journal of a study: one line per finished trial, so that a killed study goes on where it stopped."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tidegate.core.append_log import drop_torn_line
from tidegate.core.errors import RunError
from tidegate.core.files import write_atomically

if TYPE_CHECKING:
    from optuna.storages import JournalStorage
    from optuna.trial import FrozenTrial

__all__ = ["Journal", "quiet_optuna"]

_STUDY: Final = "tidegate"
_IDENTITY: Final = "identity"


class Journal:
    """Finished trials in Optuna's journal format, which its own tools read as well.

    A trial is appended as a whole, in one line, when it has ended: a process that is killed leaves finished trials and
    at most a torn last line, which is dropped. No trial is ever half there, so numbers stay what they were.

    Parameters
    ----------
    path
        The file; made where there is none. One process at a time may hold it: its run's lock sees to that, so a lock
        file that lies beside it was left by a killed one.
    identity
        SHA-256 of everything that decides the trials; another study's journal is refused.

    Raises
    ------
    RunError
        If the file is damaged or belongs to another study.
    """

    def __init__(self, path: Path, identity: str) -> None:
        self._path = path
        path.with_name(path.name + ".lock").unlink(missing_ok=True)
        if path.exists():
            drop_torn_line(path)
        with quiet_optuna():
            if not path.exists():
                # The head appears as a whole as well: a journal without it would be nobody's.
                write_atomically(path, lambda partial: _begin(partial, identity))
            self._storage = _storage(path)
            self._study = self._number_of(identity)

    def trials(self) -> list[FrozenTrial]:
        """Return the trials that have ended, in order of their numbers."""
        trials: list[FrozenTrial] = self._storage.get_all_trials(self._study)
        return trials

    def append(self, trial: FrozenTrial) -> None:
        """Write a trial that has ended to the disk."""
        with quiet_optuna():
            self._storage.create_new_trial(self._study, template_trial=trial)

    def _number_of(self, identity: str) -> int:
        found = [one for one in self._storage.get_all_studies() if one.study_name == _STUDY]
        ended = all(trial.state.is_finished() for one in found for trial in self._storage.get_all_trials(one._study_id))
        if len(found) != 1 or found[0].user_attrs.get(_IDENTITY) != identity or not ended:
            raise RunError(
                found=f"{self._path}: the journal of another study",
                expected="one of the same rows, settings, seed and code",
                hint="choose another file, or take this one away to begin anew",
            )
        return int(found[0]._study_id)


@contextmanager
def quiet_optuna() -> Iterator[None]:
    """Keep Optuna from printing what it does and which of its parts are young; what it says otherwise stays."""
    import optuna

    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", category=optuna.exceptions.ExperimentalWarning)
            yield
    finally:
        optuna.logging.set_verbosity(before)


def _storage(path: Path) -> JournalStorage:
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock

    try:
        return JournalStorage(JournalFileBackend(str(path), lock_obj=JournalFileOpenLock(str(path))))
    except (ValueError, LookupError, AssertionError, AttributeError, TypeError) as error:
        raise RunError(
            found=f"{path}: a damaged journal ({type(error).__name__}: {error})",
            expected="whole lines, as they were written",
            hint="take the file away to begin anew, or bring back a copy of it",
        ) from None


def _begin(path: Path, identity: str) -> None:
    from optuna.study import StudyDirection

    storage = _storage(path)
    study = storage.create_new_study([StudyDirection.MAXIMIZE], study_name=_STUDY)
    storage.set_study_user_attr(study, _IDENTITY, identity)
