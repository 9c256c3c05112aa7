"""A source of data that answers as it is told and breaks on request: a real HTTP server on the loopback interface."""

from __future__ import annotations

import json
import threading
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Final, Literal
from urllib.parse import parse_qsl, unquote, urlsplit

__all__ = ["Fault", "Reply", "ScriptedSource", "SeenRequest"]

_LOOPBACK: Final = "127.0.0.1"


@dataclass(frozen=True, kw_only=True)
class SeenRequest:
    """One request as it arrived.

    Parameters
    ----------
    method
        Such as ``GET``.
    path
        Without the query, percent signs resolved.
    query
        Last value of each name in the query.
    headers
        Names in lower case.
    body
        What was sent; empty for most requests.
    """

    method: str
    path: str
    query: dict[str, str] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""


@dataclass(frozen=True)
class Reply:
    """One answer.

    Parameters
    ----------
    body
        Bytes and text are sent as they are, anything else as JSON.
    status
        HTTP status.
    headers
        Further headers, or another ``Content-Type`` or ``Date``, spelt like this.

    Examples
    --------
    >>> Reply([{"symbol": "BTCUSDT"}]).content
    b'[{"symbol": "BTCUSDT"}]'
    """

    body: Any = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def content(self) -> bytes:
        """The bytes that are sent."""
        if isinstance(self.body, bytes):
            return self.body
        return (self.body if isinstance(self.body, str) else json.dumps(self.body)).encode()

    @property
    def content_type(self) -> str:
        """What the bytes are said to be where ``headers`` do not tell."""
        if isinstance(self.body, bytes):
            return "application/octet-stream"
        return "text/plain; charset=utf-8" if isinstance(self.body, str) else "application/json"


@dataclass(frozen=True, kw_only=True)
class Fault:
    """What goes wrong with one request; made by the methods below.

    Examples
    --------
    >>> Fault.status(503)
    Fault(kind='reply', reply=Reply(body={'msg': 'scripted fault'}, status=503, headers={}), seconds=0.0, share=1.0)
    """

    kind: Literal["reply", "hang", "cut", "drop", "repeat"]
    reply: Reply | None = None
    seconds: float = 0.0
    share: float = 1.0

    @classmethod
    def limited(cls, retry_after: float = 0.01, status: int = 429) -> Fault:
        """Answer that there were too many requests, and when to come back, in seconds."""
        return cls(kind="reply", reply=Reply({"msg": "scripted limit"}, status, {"Retry-After": f"{retry_after:g}"}))

    @classmethod
    def status(cls, code: int) -> Fault:
        """Answer with a status and a body that says nothing of use."""
        return cls(kind="reply", reply=Reply({"msg": "scripted fault"}, code))

    @classmethod
    def hang(cls, seconds: float) -> Fault:
        """Say nothing for so long, then hang up."""
        return cls(kind="hang", seconds=seconds)

    @classmethod
    def cut(cls, share: float = 0.5) -> Fault:
        """Announce the whole answer, send this share of its bytes, and hang up."""
        return cls(kind="cut", share=share)

    @classmethod
    def drop(cls) -> Fault:
        """Hang up without a word."""
        return cls(kind="drop")

    @classmethod
    def repeat_page(cls) -> Fault:
        """Answer this request with the body of the answer before; the first request of all is answered as usual."""
        return cls(kind="repeat")


class ScriptedSource:
    """HTTP server on the loopback interface; use as a context manager.

    Each connection carries one request. Requests of several threads are answered side by side.

    Parameters
    ----------
    answer
        Makes the answer of every request that no fault is queued for; must stand being called by several threads.

    Attributes
    ----------
    seen
        Every request so far in the order of arrival, those met by a fault included.

    Raises
    ------
    Exception
        On leaving, whatever ``answer`` raised first; the request itself was answered with status 500.

    Examples
    --------
    >>> from urllib.request import urlopen
    >>> with ScriptedSource(lambda request: Reply({"path": request.path})) as source:
    ...     urlopen(source.url + "/ping").read()
    ...     source.seen[0].method
    b'{"path": "/ping"}'
    'GET'
    """

    def __init__(self, answer: Callable[[SeenRequest], Reply]) -> None:
        self.seen: list[SeenRequest] = []
        self._answer = answer
        self._faults: deque[Fault] = deque()
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._last: Reply | None = None
        self._raised: Exception | None = None
        self._server: _Server | None = None
        self._thread: threading.Thread | None = None

    @property
    def url(self) -> str:
        """Address without a slash at the end; known while the server runs."""
        if self._server is None:
            raise AssertionError("broken promise: a scripted source is used inside its with block")
        return f"http://{_LOOPBACK}:{self._server.server_port}"

    def next_fault(self, *faults: Fault) -> None:
        """Queue faults for the coming requests, one each; those are then not asked of ``answer``."""
        with self._lock:
            self._faults.extend(faults)

    def __enter__(self) -> ScriptedSource:
        self._server = _Server((_LOOPBACK, 0), _handler_of(self))
        # The default looks for the end of the server twice a second, which every test would wait for.
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing.set()
        if self._server is not None and self._thread is not None:
            self._server.shutdown()
            self._thread.join()
            self._server.server_close()
        if self._raised is not None and kind is None:
            raise self._raised

    def meet(self, request: SeenRequest) -> tuple[Reply | None, float]:
        """Return what is sent and which share of it; no reply is to hang up. For the server."""
        with self._lock:
            self.seen.append(request)
            fault = self._faults.popleft() if self._faults else None
        if fault is None or fault.kind == "cut":
            return self._ask(request), 1.0 if fault is None else fault.share
        if fault.kind == "repeat":
            return self._last or self._ask(request), 1.0
        if fault.kind == "hang":
            self._closing.wait(fault.seconds)
        return fault.reply, 1.0

    def _ask(self, request: SeenRequest) -> Reply:
        try:
            reply = self._answer(request)
        except Exception as error:  # noqa: BLE001 - raised again where the test can see it
            self._raised = self._raised or error
            return Reply({"msg": f"the script raised {error!r}"}, 500)
        self._last = reply
        return reply


class _Server(ThreadingHTTPServer):
    # Waited for when the server closes, so that no socket outlives it.
    daemon_threads = False


def _handler_of(source: ScriptedSource) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def handle_one_request(self) -> None:
            # A client that gave up waiting is what many tests are about, not a fault of the server.
            try:
                self.raw_requestline = self.rfile.readline(65537)
                if self.raw_requestline and self.parse_request():
                    self._respond()
            except ConnectionError:
                pass
            self.close_connection = True

        def _respond(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            parts = urlsplit(self.path)
            reply, share = source.meet(
                SeenRequest(
                    method=self.command,
                    path=unquote(parts.path),
                    query=dict(parse_qsl(parts.query, keep_blank_values=True)),
                    headers={name.lower(): value for name, value in self.headers.items()},
                    body=body,
                )
            )
            if reply is not None:
                self._send(reply, share)

        def _send(self, reply: Reply, share: float) -> None:
            content = reply.content
            usual = {"Date": self.date_time_string(), "Content-Type": reply.content_type}
            headers = {**usual, **reply.headers, "Content-Length": str(len(content))}
            self.send_response_only(reply.status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(content[: int(len(content) * share)])

        def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - the name of the base class
            """Stay silent: the terminal belongs to the test."""

    return Handler
