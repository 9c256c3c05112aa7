from __future__ import annotations

import socket
import threading
from http.client import IncompleteRead, RemoteDisconnected
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

import pytest

from tidegate.testing import Fault, Reply, ScriptedSource, SeenRequest


def get(url: str, timeout: float = 5.0) -> bytes:
    with urlopen(url, timeout=timeout) as response:
        body: bytes = response.read()
        return body


def counting() -> tuple[list[str], ScriptedSource]:
    asked: list[str] = []

    def answer(request: SeenRequest) -> Reply:
        asked.append(request.path)
        return Reply({"page": len(asked)})

    return asked, ScriptedSource(answer)


def test_a_request_arrives_as_it_was_sent() -> None:
    with ScriptedSource(lambda request: Reply("fine", 201, {"X-Used": "7", "Date": "then"})) as source:
        request = Request(f"{source.url}/a%20b?symbol=BTC&empty=&symbol=ETH", data=b"body", headers={"X-Key": "k"})
        with urlopen(request, timeout=5) as response:
            assert (response.status, response.headers["X-Used"], response.read()) == (201, "7", b"fine")
            assert response.headers.get_all("Date") == ["then"]

    [seen] = source.seen
    assert (seen.method, seen.path, seen.query) == ("POST", "/a b", {"symbol": "ETH", "empty": ""})
    assert (seen.headers["x-key"], seen.body) == ("k", b"body")


@pytest.mark.parametrize(
    ("body", "sent", "kind"),
    [
        (b"\x00\x01", b"\x00\x01", "application/octet-stream"),
        ("naïve", "naïve".encode(), "text/plain; charset=utf-8"),
        ([1, None], b"[1, null]", "application/json"),
    ],
)
def test_bodies_are_sent_as_what_they_are(body: object, sent: bytes, kind: str) -> None:
    with ScriptedSource(lambda request: Reply(body)) as source, urlopen(source.url, timeout=5) as response:
        assert (response.read(), response.headers["Content-Type"]) == (sent, kind)


def test_a_limit_says_when_to_come_back() -> None:
    asked, script = counting()
    with script as source:
        source.next_fault(Fault.limited(0.25), Fault.limited(status=418), Fault.status(503))
        found = []
        for _ in range(3):
            with pytest.raises(HTTPError) as caught:
                get(source.url)
            found.append((caught.value.code, caught.value.headers["Retry-After"]))
            caught.value.close()

        assert found == [(429, "0.25"), (418, "0.01"), (503, None)]
        assert asked == []
        assert get(source.url) == b'{"page": 1}'


def test_a_cut_answer_is_shorter_than_announced() -> None:
    with ScriptedSource(lambda request: Reply("0123456789")) as source:
        source.next_fault(Fault.cut(share=0.3))
        with pytest.raises(IncompleteRead) as caught:
            get(source.url)

        assert caught.value.partial == b"012"
        assert get(source.url) == b"0123456789"


def test_a_dropped_connection_brings_nothing() -> None:
    asked, script = counting()
    with script as source:
        source.next_fault(Fault.drop())
        with pytest.raises(RemoteDisconnected):
            get(source.url)

    assert asked == []
    assert len(source.seen) == 1


def test_a_hanging_source_runs_into_the_clients_patience_and_holds_up_nobody_else() -> None:
    with ScriptedSource(lambda request: Reply("here")) as source:
        source.next_fault(Fault.hang(30.0))
        with pytest.raises((TimeoutError, URLError)):
            get(source.url, timeout=0.1)

        assert get(source.url) == b"here"
    # Leaving did not wait for the half minute either: the test's own time limit would tell.


def test_a_repeated_page_has_the_body_of_the_answer_before() -> None:
    asked, script = counting()
    with script as source:
        source.next_fault(Fault.repeat_page())
        pages = [get(f"{source.url}/{number}") for number in range(2)]
        source.next_fault(Fault.repeat_page(), Fault.repeat_page())
        pages += [get(f"{source.url}/{number}") for number in range(2, 5)]

    assert pages == [b'{"page": 1}', b'{"page": 2}', b'{"page": 2}', b'{"page": 2}', b'{"page": 3}']
    assert asked == ["/0", "/1", "/4"]


def test_what_the_script_raises_reaches_the_test() -> None:
    def answer(request: SeenRequest) -> Reply:
        raise LookupError(f"no page {request.path}")

    def ask() -> None:
        with ScriptedSource(answer) as source:
            with pytest.raises(HTTPError) as caught:
                get(f"{source.url}/x")
            caught.value.close()

    with pytest.raises(LookupError, match="no page /x"):
        ask()


def test_nothing_outlives_the_block() -> None:
    before = threading.active_count()
    with ScriptedSource(lambda request: Reply("here")) as source:
        get(source.url)
        address = source.url

    assert threading.active_count() == before
    port = int(address.rsplit(":", 1)[1])
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port)) != 0


def test_the_address_is_known_inside_the_block_only() -> None:
    with pytest.raises(AssertionError, match="inside its with block"):
        _ = ScriptedSource(lambda request: Reply("")).url
