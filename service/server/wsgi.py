"""The Flask app behind the fast lane: called in a few threads, with requests that are whole."""

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
from service.prediction.messages import Answer
from service.server.request_head import Head

THREADS = 4
log = logging.getLogger("npserve")


class Pages:
    """Answers requests from one event loop."""

    def __init__(self, app: Callable[..., Iterable[bytes]], loop: asyncio.AbstractEventLoop) -> None:
        self._app, self._loop = app, loop
        self._threads = ThreadPoolExecutor(THREADS, "pages")

    def submit(
        self, head: Head, body: bytes | bytearray, transport: asyncio.Transport, reply: Callable[[Answer], None]
    ) -> None:
        """Hand a request to a thread; it is answered from the loop."""
        environ = make_environ(head, body, transport.get_extra_info("sockname"), transport.get_extra_info("peername"))
        future = self._loop.run_in_executor(self._threads, partial(call, self._app, environ))
        future.add_done_callback(lambda done: reply(done.result()))


def call(app: Callable[..., Iterable[bytes]], environ: dict[str, Any]) -> Answer:
    """Call a WSGI application (PEP 3333), and return its answer when it is whole. It never raises."""
    began: list[Any] = []

    def start_response(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Callable[[bytes], object]:
        began[:] = status, headers
        return lambda _: None  # the old way to write, which Flask does not use

    try:
        parts = app(environ, start_response)
        try:
            body = b"".join(parts)
        finally:
            getattr(parts, "close", lambda: None)()
        return Answer(int(began[0][:3]), dict(began[1]), body)
    except Exception:  # Flask answers its own; this is a mistake beyond it
        log.exception("a page failed")
        return Answer(500, {"Content-Type": "application/json"}, orjson.dumps(Unexpected().body()))


def make_environ(head: Head, body: bytes | bytearray, local: Any, remote: Any) -> dict[str, Any]:
    """Return what WSGI knows of a request; addresses are (host, port, ...), or a path or nothing on Unix sockets."""
    host, port = local[:2] if isinstance(local, tuple) else ("localhost", "")
    environ = {
        "REQUEST_METHOD": head.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": head.path.encode().decode("latin1"),
        "QUERY_STRING": head.query,
        "SERVER_PROTOCOL": "HTTP/1.1",
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
