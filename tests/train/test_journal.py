"""The journal of a study: whole trials or none, whatever ended the process that wrote it."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import pytest

from tidegate.core.errors import RunError
from tidegate.train.journal import Journal, quiet_optuna

IDENTITY = "a" * 64


def written(path: Path, trials: int = 3) -> Journal:
    import optuna

    journal = Journal(path, IDENTITY)
    for number in range(trials):
        distribution = optuna.distributions.FloatDistribution(0.0, 1.0)
        journal.append(
            optuna.trial.create_trial(value=number / 3.0, params={"x": 0.1 * number}, distributions={"x": distribution})
        )
    return journal


def values(journal: Journal) -> list[float | None]:
    return [trial.value for trial in journal.trials()]


def test_trials_come_back_with_their_numbers_and_exact_values(tmp_path: Path) -> None:
    written(tmp_path / "journal.log")
    again = Journal(tmp_path / "journal.log", IDENTITY)
    assert values(again) == [0.0, 1.0 / 3.0, 2.0 / 3.0]
    assert [trial.number for trial in again.trials()] == [0, 1, 2]
    assert [trial.params["x"] for trial in again.trials()] == [0.0, 0.1, 0.2]


def test_a_last_line_torn_anywhere_is_dropped(tmp_path: Path) -> None:
    path = tmp_path / "journal.log"
    written(path)
    whole = path.read_bytes()
    last = whole[: len(whole) - 1].rfind(b"\n") + 1
    for cut in range(last, len(whole), 40):
        path.write_bytes(whole[:cut])
        journal = Journal(path, IDENTITY)
        assert values(journal) == [0.0, 1.0 / 3.0]
        assert path.read_bytes() == whole[:last]
    path.write_bytes(whole[:last] + b"\0" * 64)  # what some file systems leave where a write was lost
    assert values(Journal(path, IDENTITY)) == [0.0, 1.0 / 3.0]


def test_one_goes_on_behind_what_was_kept(tmp_path: Path) -> None:
    path = tmp_path / "journal.log"
    written(path)
    path.write_bytes(path.read_bytes()[:-5])
    written(path, trials=1)
    assert values(Journal(path, IDENTITY)) == [0.0, 1.0 / 3.0, 0.0]


def test_the_lock_of_a_killed_process_holds_nobody_up(tmp_path: Path) -> None:
    path = tmp_path / "journal.log"
    written(path)
    path.with_name("journal.log.lock").touch()
    assert values(written(path, trials=1)) == [0.0, 1.0 / 3.0, 2.0 / 3.0, 0.0]
    assert not path.with_name("journal.log.lock").exists()


def test_the_journal_of_another_study_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "journal.log"
    written(path)
    before = path.read_bytes()
    with pytest.raises(RunError, match="another study"):
        Journal(path, "b" * 64)
    assert path.read_bytes() == before


@pytest.mark.parametrize("line", [b"nonsense\n", b"{}\n", b'{"op_code": 99, "worker_id": "x"}\n', b"\xff\xfe\n"])
def test_damage_in_the_middle_is_refused_in_words(tmp_path: Path, line: bytes) -> None:
    path = tmp_path / "journal.log"
    written(path)
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([*lines[:3], line, *lines[3:]]))
    with pytest.raises(RunError, match="damaged"):
        Journal(path, IDENTITY)


def test_a_trial_under_way_in_another_program_is_refused(tmp_path: Path) -> None:
    import optuna

    path = tmp_path / "journal.log"
    written(path)
    with quiet_optuna():
        storage = optuna.storages.JournalStorage(optuna.storages.journal.JournalFileBackend(str(path)))
        optuna.load_study(study_name="tidegate", storage=storage).ask()
    with pytest.raises(RunError):
        Journal(path, IDENTITY)


def test_optunas_own_tools_read_it(tmp_path: Path) -> None:
    import optuna

    path = tmp_path / "journal.log"
    written(path)
    with quiet_optuna():
        storage = optuna.storages.JournalStorage(optuna.storages.journal.JournalFileBackend(str(path)))
        study = optuna.load_study(study_name="tidegate", storage=storage)
    assert study.best_value == 2.0 / 3.0
    assert all(json.loads(line) for line in path.read_text("utf-8").splitlines())


def test_optuna_prints_nothing_and_what_it_prints_elsewhere_stays(capfd: pytest.CaptureFixture[str]) -> None:
    import optuna

    before = logging.getLogger("optuna").level
    with quiet_optuna():
        optuna.create_study()
    assert logging.getLogger("optuna").level == before
    assert capfd.readouterr() == ("", "")
