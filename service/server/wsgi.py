"""Calls the Flask app from the event-loop server, in a thread and with complete requests."""

import asyncio
import io
import logging
import sys
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from time import perf_counter
from typing import Any, NamedTuple

import orjson

from service.errors import Unexpected
from service.prediction.messages import Response
from service.server.request_head import RequestHead

MAX_WAITING = 64  # requests
MAX_SECONDS = 1.0  # that a request waits
TURN_SECONDS = 0.005  # of the thread; the event loop continues in between
log = logging.getLogger("npserve")


class WSGICall(NamedTuple):
    """A request that waits for the thread, and the time until which it waits (perf_counter)."""

    environ: Callable[[], dict[str, Any]]
    respond: Callable[[Response | None], None]
    deadline: float


class WSGIBridge:
    """Passes requests of one event loop to a WSGI application, in one thread with a short queue.

    Theory of operation
    -------------------
    The application computes, so its thread competes with the event loop for the interpreter. uvloop releases the
    interpreter between any two callbacks, and waits up to 5 milliseconds to get it back from a thread that computes. A
    thread that is never idle would stretch an iteration with hundreds of ready sockets to seconds. So the bridge has
    one thread, and gives it calls for TURN_SECONDS at a time. The next ones follow after an iteration of the loop.
    """

    def __init__(
        self, app: Callable[..., Iterable[bytes]], loop: asyncio.AbstractEventLoop, max_waiting: int = MAX_WAITING
    ) -> None:
        self._app, self._loop, self._max_waiting = app, loop, max_waiting
        self._waiting: deque[WSGICall] = deque()
        self._thread = ThreadPoolExecutor(1, "wsgi")
        self._running = False

    def submit(
        self,
        head: RequestHead,
        body: bytes | bytearray,
        transport: asyncio.Transport,
        respond: Callable[[Response | None], None],
    ) -> bool:
        """Queue a request. Return False if the queue is full.

        `respond` is called from the event loop, with None if the request has waited too long.
        """
        if len(self._waiting) >= self._max_waiting:
            return False
        addresses = transport.get_extra_info("sockname"), transport.get_extra_info("peername")
        environ = partial(make_environ, head, body, *addresses)  # which copies the body
        self._waiting.append(WSGICall(environ, respond, perf_counter() + MAX_SECONDS))
        if not self._running:
            self._run()
        return True

    def _run(self) -> None:
        self._running = bool(self._waiting)
        if self._running:
            self._loop.run_in_executor(self._thread, self._call_some).add_done_callback(self._finish)

    def _call_some(self) -> list[tuple[WSGICall, Response | None]]:
        """Call the application for TURN_SECONDS, or once if that takes longer."""
        called, end = list[tuple[WSGICall, Response | None]](), perf_counter() + TURN_SECONDS
        while self._waiting and (now := perf_counter()) < end:
            call = self._waiting.popleft()
            called.append((call, call_app(self._app, call.environ()) if now < call.deadline else None))
        return called

    def _finish(self, done: asyncio.Future[list[tuple[WSGICall, Response | None]]]) -> None:
        for call, response in done.result():
            call.respond(response)
        self._loop.call_soon(self._run)


def call_app(app: Callable[..., Iterable[bytes]], environ: dict[str, Any]) -> Response:
    """Call a WSGI application (PEP 3333) and return its complete response. Never raises."""
    started: list[Any] = []

    def start_response(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Callable[[bytes], object]:
        started[:] = status, headers
        return lambda _: None  # write() of PEP 3333, which Flask does not use

    try:
        parts = app(environ, start_response)
        try:
            body = b"".join(parts)
        finally:
            getattr(parts, "close", lambda: None)()
        return Response(int(started[0][:3]), dict(started[1]), body)
    except Exception:  # Flask handles its own errors; this one was raised outside of it
        log.exception("request failed: the WSGI application raised an error")
        return Response(500, {"Content-Type": "application/json"}, orjson.dumps(Unexpected().body()))


def make_environ(head: RequestHead, body: bytes | bytearray, local: Any, remote: Any) -> dict[str, Any]:
    """Return the WSGI environment of a request. Addresses are (host, port, ...), or a path for a Unix socket."""
    host, port = local[:2] if isinstance(local, tuple) else ("localhost", "")
    environ = {
        "REQUEST_METHOD": head.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": head.path.encode().decode("latin1"),
        "QUERY_STRING": head.query,
        "SERVER_PROTOCOL": f"HTTP/{head.version}",
        "SERVER_NAME": host,
        "SERVER_PORT": str(port),
        "REMOTE_ADDR": remote[0] if isinstance(remote, tuple) else "",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(body),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
    }
    for name, value in head.fields.items():
        if name != "transfer-encoding":
            environ["HTTP_" + name.upper().replace("-", "_")] = value
    if "content-type" in head.fields:
        environ["CONTENT_TYPE"] = environ.pop("HTTP_CONTENT_TYPE")
    if environ.pop("HTTP_CONTENT_LENGTH", None) is not None or body:
        environ["CONTENT_LENGTH"] = str(len(body))
    return environ
