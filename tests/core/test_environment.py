from __future__ import annotations

import getpass
import json
import os
import platform
import socket

import pytest

from tidegate import __version__
from tidegate.core import environment
from tidegate.core.environment import (
    describe_environment,
    environment_with,
    processor_count,
    read_variable,
    take_variable,
)


def test_an_unset_or_empty_variable_gives_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TIDEGATE_TEST", raising=False)
    assert read_variable("TIDEGATE_TEST") is None
    assert read_variable("TIDEGATE_TEST", "here") == "here"

    monkeypatch.setenv("TIDEGATE_TEST", "")
    assert read_variable("TIDEGATE_TEST", "here") == "here"

    monkeypatch.setenv("TIDEGATE_TEST", "there")
    assert read_variable("TIDEGATE_TEST", "here") == "there"


def test_a_variable_that_was_taken_is_inherited_by_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIDEGATE_TEST", "once")

    assert environment_with({"TIDEGATE_MORE": "2"})["TIDEGATE_TEST"] == "once"
    assert take_variable("TIDEGATE_TEST") == "once"
    assert take_variable("TIDEGATE_TEST") is None
    assert "TIDEGATE_TEST" not in environment_with({})
    assert environment_with({"TIDEGATE_MORE": "2"})["TIDEGATE_MORE"] == "2"
    assert "TIDEGATE_MORE" not in os.environ


def test_the_description_holds_versions_and_nobodys_name() -> None:
    described = describe_environment()
    text = json.dumps(described)

    assert described["tidegate"] == __version__
    assert described["python"] == platform.python_version()
    assert described["packages"]["numpy"].count(".") >= 1
    assert described["packages"]["numba"].count(".") >= 1  # it compiles the arithmetic of every backtest
    assert socket.gethostname() not in text
    assert os.path.expanduser("~") not in text  # noqa: PTH111 - the text itself, not a path
    assert f'"{getpass.getuser()}"' not in text


def test_a_package_that_is_not_installed_is_absent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environment, "_RECORDED_PACKAGES", ("numpy", "no-such-package-here"))

    assert describe_environment()["packages"]["no-such-package-here"] == "absent"


def test_processors_are_those_this_process_may_use(monkeypatch: pytest.MonkeyPatch) -> None:
    assert processor_count() == len(os.sched_getaffinity(0))

    monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert processor_count() == 1
