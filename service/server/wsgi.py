"""Calls the Flask app from the event-loop server, in a few threads and with complete requests."""

import asyncio
import io
import logging
import sys
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import orjson

from service.errors import Unexpected
from service.prediction.messages import Response
from service.server.request_head import RequestHead

THREADS = 4
log = logging.getLogger("npserve")


class WSGIBridge:
    """Passes the requests of one event loop to a WSGI application."""

    def __init__(self, app: Callable[..., Iterable[bytes]], loop: asyncio.AbstractEventLoop) -> None:
        self._app, self._loop = app, loop
        self._threads = ThreadPoolExecutor(THREADS, "wsgi")

    def submit(
        self,
        head: RequestHead,
        body: bytes | bytearray,
        transport: asyncio.Transport,
        respond: Callable[[Response], None],
    ) -> None:
        """Run a request in a thread. `respond` is called from the event loop."""
        environ = make_environ(head, body, transport.get_extra_info("sockname"), transport.get_extra_info("peername"))
        future = self._loop.run_in_executor(self._threads, partial(call_app, self._app, environ))
        future.add_done_callback(lambda done: respond(done.result()))


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
