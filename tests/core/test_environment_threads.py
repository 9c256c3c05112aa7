from __future__ import annotations

import pytest

from tidegate.core.environment import prefer_passive_threads, read_variable


def test_openmp_threads_sleep_by_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OMP_WAIT_POLICY", raising=False)
    prefer_passive_threads()

    assert read_variable("OMP_WAIT_POLICY") == "PASSIVE"


def test_a_choice_of_the_user_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_WAIT_POLICY", "ACTIVE")
    prefer_passive_threads()

    assert read_variable("OMP_WAIT_POLICY") == "ACTIVE"
