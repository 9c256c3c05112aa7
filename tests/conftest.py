"""Rules that hold for every test: one thread per library, no network, the same examples in every run."""

from __future__ import annotations

import ipaddress
import os
import socket
from collections import Counter
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

# Nothing above imports a numeric library, and these must be set before one is: threads that spin on busy
# cores make tests slow, and sums depend on how many threads share them.
for _variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS"):
    os.environ.setdefault(_variable, "1")
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

PROJECT = Path(__file__).resolve().parents[1]
DEFAULT_DATA = Path("..", "shared", "data")

settings.register_profile(
    "tidegate",
    derandomize=True,
    deadline=None,
    max_examples=40,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("tidegate")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give every test that asks for real data its marker, so that ``-m "not realdata"`` can be relied on."""
    for item in items:
        if "real_data" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.realdata)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Escape captured output that is no Unicode text: a worker could not send the report of such a test."""
    report = yield
    report.sections = [(name, text.encode(errors="backslashreplace").decode()) for name, text in report.sections]
    return report


@pytest.fixture(scope="session")
def project_root() -> Path:
    """The folder that holds ``pyproject.toml``."""
    return PROJECT


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real development files; the test is skipped where there is none."""
    named = os.environ.get("TIDEGATE_TEST_DATA")
    folder = Path(named) if named else (PROJECT / DEFAULT_DATA)
    if not folder.is_dir():
        where = f"{named} ($TIDEGATE_TEST_DATA)" if named else f"{DEFAULT_DATA} ($TIDEGATE_TEST_DATA is unset)"
        pytest.skip(f"the real development files are not on this machine: no folder {where}")
    return folder.resolve()


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """The URL of a real PostgreSQL that lives as long as the session; skipped where it cannot run."""
    from postgres import CannotStartError, postgres

    try:
        with postgres() as url:
            yield url
    except CannotStartError as reason:
        pytest.skip(f"PostgreSQL cannot run here: {reason}")


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """An empty database of each kind, for workspaces too."""
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path / 'test.sqlite'}"
    else:
        from postgres import empty_database

        url = request.getfixturevalue("postgres_server")
        empty_database(url)
    monkeypatch.setenv("TIDEGATE_DATABASE_URL", url)
    return url


class NetworkAccessError(RuntimeError):
    """A test tried to leave the machine; not an ``OSError``, so that no code under test swallows it."""


def _refuse_unless_local(host: object) -> None:
    if not _is_local(host):
        raise NetworkAccessError(f"a test tried to reach {host!r}; tests use no network beyond loopback")


def _is_local(host: object) -> bool:
    if isinstance(host, bytes):
        host = host.decode(errors="replace")
    if host in {None, "", "localhost"}:
        return True
    try:
        return ipaddress.ip_address(str(host).split("%")[0]).is_loopback
    except ValueError:
        return False


@pytest.fixture(scope="session", autouse=True)
def no_network() -> Iterator[None]:
    """Make every connection and name lookup beyond loopback raise, for the whole session.

    The guard lives in this process: a subprocess or a compiled client is not covered by it.
    """
    methods: dict[str, Any] = {name: getattr(socket.socket, name) for name in ("connect", "connect_ex", "sendto")}
    lookup = socket.getaddrinfo

    def guarded(name: str) -> Any:
        def call(self: socket.socket, *arguments: Any) -> Any:
            address = arguments[-1] if name == "sendto" else arguments[0]
            if self.family in {socket.AF_INET, socket.AF_INET6}:
                _refuse_unless_local(address[0])
            return methods[name](self, *arguments)

        return call

    def guarded_lookup(host: Any, *arguments: Any, **named: Any) -> Any:
        _refuse_unless_local(host)
        return lookup(host, *arguments, **named)

    with pytest.MonkeyPatch.context() as patch:
        for name in methods:
            patch.setattr(socket.socket, name, guarded(name))
        patch.setattr(socket, "getaddrinfo", guarded_lookup)
        yield


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say how many tests were skipped, and why, also when it was none: silence could mean either."""
    skipped = terminalreporter.stats.get("skipped", [])
    reasons = Counter(report.longrepr[2] for report in skipped)
    terminalreporter.write_line(f"{len(skipped)} tests skipped")
    for reason, count in reasons.most_common():
        terminalreporter.write_line(f"  {count} x {reason}")
