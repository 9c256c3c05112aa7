"""The client against a real server on the loopback interface.

The meaning of the status codes: https://developers.binance.com/docs/binance-spot-api-docs/rest-api/limits (418, 429 and
``Retry-After``), https://www.rfc-editor.org/rfc/rfc9110#name-retry-after (seconds or a date).
"""

from __future__ import annotations

import gzip
import logging
import socket
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest

from tidegate.core.clock import frozen_clock
from tidegate.core.errors import (
    InputError,
    SourceDownError,
    SourceError,
    SourceGarbledError,
    SourceLimitedError,
    SourceRefusedError,
)
from tidegate.core.time import parse_instant
from tidegate.data.connectors.web import download, get_bytes, get_json, open_client, seconds_to_wait
from tidegate.testing import Fault, Reply, ScriptedSource, SeenRequest

BOMB = gzip.compress(b"0" * 5_000_000)


def answer(request: SeenRequest) -> Reply:
    known = {
        "/api/fine": Reply({"symbol": "BTCUSDT"}),
        "/api/no-json": Reply("<html>please log in</html>"),
        "/api/bomb": Reply(BOMB, headers={"Content-Encoding": "gzip"}),
        "/api/packed": Reply(gzip.compress(b"[1]"), headers={"Content-Encoding": "gzip"}),
        "/api/strange": Reply(b"[1]", headers={"Content-Encoding": "br"}),
        "/api/broken": Reply(b"no gzip", headers={"Content-Encoding": "gzip"}),
        "/api/moved": Reply(b"", 302, {"Location": "/api/fine"}),
        "/api/round": Reply(b"", 302, {"Location": "/api/round"}),
        "/api/file": Reply(b"", 302, {"Location": "file:///etc/hostname"}),
        "/api/unchanged": Reply(b"", 304),
        "/api/deep": Reply("[" * 100_000),
    }
    if request.path == "/api/echo":
        return Reply(f"Bad Request. The value {request.query} is not registered.", 400)
    if request.path == "/api/echo-fine":
        return Reply(f"{request.query} {quote(str(request.query))}")
    if request.path == "/api/moved-echo":
        return Reply(b"", 302, {"Location": "/api/echo?granted=by-the-server"})
    return known.get(request.path, Reply({"error": "unknown"}, 404))


@pytest.fixture
def source() -> Iterator[ScriptedSource]:
    with ScriptedSource(answer) as running:
        yield running


@pytest.fixture
def client(source: ScriptedSource) -> Iterator[httpx.Client]:
    with open_client(f"{source.url}/api", timeout_seconds=5.0) as opened:
        yield opened


def test_an_answer_is_read_and_the_query_is_sent(source: ScriptedSource, client: httpx.Client) -> None:
    assert get_json(client, "fine", {"limit": 5}) == {"symbol": "BTCUSDT"}
    assert get_bytes(client, f"{source.url}/api/fine?limit=6") == b'{"symbol": "BTCUSDT"}'
    assert get_json(client, "packed") == [1]
    assert get_json(client, "moved") == {"symbol": "BTCUSDT"}
    assert [request.query for request in source.seen[:2]] == [{"limit": "5"}, {"limit": "6"}]


@pytest.mark.parametrize("status", [429, 418, 403])
def test_a_limit_tells_how_long_to_wait(source: ScriptedSource, client: httpx.Client, status: int) -> None:
    source.next_fault(Fault.limited(2.5, status=status))

    with pytest.raises(SourceLimitedError) as caught:
        get_json(client, "fine")

    assert caught.value.retry_after_seconds == 2.5


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "Tue, 12 Mar 2024 12:30:00 GMT", "Date": "Tue, 12 Mar 2024 12:29:00 GMT"}, 60.0),
        ({"Retry-After": "Tue, 12 Mar 2024 12:00:00 GMT", "Date": "Tue, 12 Mar 2024 12:29:00 GMT"}, 0.0),
        ({"Retry-After": "Tue, 12 Mar 2024 12:30:00 GMT"}, 30.0),
        ({"Retry-After": "Tue, 12 Mar 2024 12:30:00 -0000"}, 30.0),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "nan"}, None),
        ({"Retry-After": "-5"}, 0.0),
        ({}, None),
    ],
)
def test_a_limit_may_name_a_date(headers: dict[str, str], seconds: float | None) -> None:
    """A bare answer: a server of the standard library tells its own date, which no script can replace."""
    with frozen_clock(parse_instant("2024-03-12T12:29:30Z")):
        assert seconds_to_wait(httpx.Headers(headers)) == seconds


def test_a_date_is_read_on_the_servers_clock(source: ScriptedSource, client: httpx.Client) -> None:
    later = format_datetime(datetime.now(UTC) + timedelta(seconds=60), usegmt=True)
    source.next_fault(Fault(kind="reply", reply=Reply(b"", 429, {"Retry-After": later})))

    with frozen_clock(parse_instant("2000-01-01")), pytest.raises(SourceLimitedError) as caught:
        get_bytes(client, "fine")

    assert caught.value.retry_after_seconds == pytest.approx(60.0, abs=5.0)


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (Fault.status(500), SourceDownError),
        (Fault.status(503), SourceDownError),
        (Fault.status(408), SourceDownError),
        (Fault.drop(), SourceDownError),
        (Fault.cut(share=0.5), SourceGarbledError),
        (Fault.status(401), SourceRefusedError),
        (Fault.status(403), SourceRefusedError),
        (Fault.status(404), SourceRefusedError),
    ],
)
def test_every_failure_has_its_error(
    source: ScriptedSource, client: httpx.Client, fault: Fault, kind: type[SourceError]
) -> None:
    source.next_fault(fault)

    with pytest.raises(kind) as caught:
        get_json(client, "fine")

    assert "/api/fine" in caught.value.found
    assert get_json(client, "fine") == {"symbol": "BTCUSDT"}


def test_silence_is_given_up(source: ScriptedSource) -> None:
    source.next_fault(Fault.hang(5.0))

    with open_client(source.url, timeout_seconds=0.1) as client, pytest.raises(SourceDownError, match="in time"):
        get_json(client, "api/fine")


def test_nobody_at_home_is_a_source_that_is_down() -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{held.getsockname()[1]}"
        with open_client(address) as client, pytest.raises(SourceDownError, match="refused"):
            get_json(client, "anything")


@pytest.mark.parametrize(
    ("path", "kind", "words"),
    [
        ("no-json", SourceGarbledError, "please log in"),
        ("deep", SourceGarbledError, "JSON"),
        ("bomb", SourceGarbledError, "more than 1,000,000 bytes"),
        ("broken", SourceGarbledError, "unpacked"),
        ("strange", SourceGarbledError, "packed as 'br'"),
        ("round", SourceGarbledError, "redirects"),
        ("file", SourceRefusedError, "http"),
        ("unchanged", SourceGarbledError, "304"),
    ],
)
def test_a_hostile_answer_is_refused(client: httpx.Client, path: str, kind: type[SourceError], words: str) -> None:
    with pytest.raises(kind) as caught:
        get_json(client, path, maximum_bytes=1_000_000)

    assert words in str(caught.value)


def test_a_key_appears_in_no_message(client: httpx.Client) -> None:
    with pytest.raises(SourceRefusedError) as caught:
        get_json(client, "echo?api_key=in-the-address", {"api_key": "abcdef0123456789", "series_id": "CPIAUCSL"})

    assert "abcdef0123456789" not in str(caught.value)
    assert "in-the-address" not in str(caught.value)
    assert "CPIAUCSL" in str(caught.value)


def test_a_secret_of_the_address_itself_appears_in_no_message(source: ScriptedSource) -> None:
    """A feed's address may hold a key under any name, or a user and a password; the server may repeat them all."""
    host = source.url.removeprefix("http://")
    asked = ("echo?id=hidden%2Fone two", "echo-fine?id=hidden%2Fone two", "moved-echo", "none?id=hidden%2Fone two")
    for base in (f"http://bob:hidden-pass@{host}/api", f"http://{host}/api"):
        for path in asked:
            with open_client(base) as client, pytest.raises(SourceError) as caught:
                get_json(client, path)
            with open_client() as client, pytest.raises(SourceError) as again:
                get_json(client, f"{base}/{path}")
            for message in (str(caught.value), str(again.value)):
                assert not [word for word in ("hidden", "bob", "one two", "by-the-server") if word in message]
                assert f"http://{host}/api/" in message


def test_a_password_that_the_server_repeats_is_left_out(source: ScriptedSource) -> None:
    says = "hidden@word and hidden%40word are wrong"
    source.next_fault(Fault(kind="reply", reply=Reply(says, 401)))
    address = source.url.replace("://", "://bob:hidden%40word@")

    with (
        open_client(address) as client,
        pytest.raises(SourceRefusedError, match=r"'\.\.\. and \.\.\. are wrong") as caught,
    ):
        get_json(client, "api/fine")
    assert f"{source.url}/api/fine" in str(caught.value)


def test_no_address_is_logged(
    source: ScriptedSource, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """httpx tells every request at level INFO, with its query."""
    for name in ("httpx", "httpcore"):
        monkeypatch.setattr(logging.getLogger(name), "level", logging.NOTSET)
    caplog.set_level(logging.INFO)

    with open_client(source.url) as client:
        get_json(client, "api/fine?key=hidden")

    assert "hidden" not in caplog.text


def test_an_address_that_is_refused_is_shown_without_its_secrets() -> None:
    with pytest.raises(InputError) as caught:
        open_client("ftp://bob:hidden@host/x?key=hidden")
    assert "ftp://host/x" in str(caught.value)
    assert "hidden" not in str(caught.value)


def test_a_download_is_there_in_full_or_not_at_all(
    source: ScriptedSource, client: httpx.Client, tmp_path: Path
) -> None:
    path = tmp_path / "new" / "file.json"
    source.next_fault(Fault.cut(share=0.5))
    with pytest.raises(SourceGarbledError):
        download(client, "fine", path)
    assert list(path.parent.iterdir()) == []

    assert download(client, "fine", path)
    assert path.read_bytes() == b'{"symbol": "BTCUSDT"}'

    with pytest.raises(SourceGarbledError, match="more than 1,000 bytes"):
        download(client, "bomb", path, maximum_bytes=1_000)
    assert path.read_bytes() == b'{"symbol": "BTCUSDT"}'


def test_a_missing_file_is_an_error_unless_it_may_be_missing(client: httpx.Client, tmp_path: Path) -> None:
    with pytest.raises(SourceRefusedError, match="404"):
        download(client, "nothing", tmp_path / "file")

    assert not download(client, "nothing", tmp_path / "file", missing_ok=True)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("address", ["ftp://host/x", "data.binance.vision", "http://", "http://host:port"])
def test_an_address_of_another_kind_is_refused(address: str) -> None:
    with pytest.raises(InputError, match="http"):
        open_client(address)
