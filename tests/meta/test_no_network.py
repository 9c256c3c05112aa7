"""The guard of conftest is itself guarded: it must refuse, and it must leave loopback alone."""

from __future__ import annotations

import socket

import pytest

ELSEWHERE = "192.0.2.1"  # reserved for documentation: nobody answers there


@pytest.mark.parametrize("method", ["connect", "connect_ex"])
def test_a_connection_beyond_loopback_raises(method: str) -> None:
    with socket.socket() as client, pytest.raises(RuntimeError, match="tests use no network"):
        getattr(client, method)((ELSEWHERE, 80))


def test_a_datagram_beyond_loopback_raises() -> None:
    with (
        socket.socket(type=socket.SOCK_DGRAM) as client,
        pytest.raises(RuntimeError, match="tests use no network"),
    ):
        client.sendto(b"", (ELSEWHERE, 53))


def test_looking_up_a_name_raises() -> None:
    with pytest.raises(RuntimeError, match="tests use no network"):
        socket.create_connection(("somewhere.invalid", 443))


def test_loopback_works() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.create_connection(("localhost", server.getsockname()[1])) as client,
    ):
        assert client.getpeername()[0] == "127.0.0.1"


def test_unix_sockets_work() -> None:
    left, right = socket.socketpair()
    with left, right:
        left.sendall(b"x")
        assert right.recv(1) == b"x"
