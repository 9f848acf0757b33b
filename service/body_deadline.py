"""Gives request bodies a deadline under gunicorn's own workers, so that a slow sender frees its thread.

Theory of operation
-------------------
gunicorn's threaded worker reads a body from a blocking socket without a time limit, so that a few half-sent bodies
occupy all threads. A time limit of the socket would apply to each read, and a client that sends one byte per second
never exceeds it. So one thread per process watches the reads, and shuts down the receiving direction of a socket when
the deadline has passed: the blocked read returns, and the request gets a 408.

A part of a body that the app has not read remains in the connection. gunicorn waits for it for seconds, in the thread
of the request and in the main thread. So it is read here, for a short time and after the response has been sent. If it
does not end by then, the receiving direction is shut down, and gunicorn closes the connection at once.

The event-loop server passes complete bodies, and other servers do not pass their socket: this module ignores both.
"""

import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import IO, Any

from werkzeug.wsgi import ClosingIterator

from service.errors import Malformed, RequestRejected

DISCARD_SECONDS, MAX_UNREAD, PIECE = 1.0, 2**24, 2**16  # for the rest of a body; the sizes are bytes
TICK = 0.1  # seconds between two checks of the deadlines

WSGIApp = Callable[[dict[str, Any], Any], Iterable[bytes]]


class BodyDeadline:
    """WSGI middleware that gives the body of each request a deadline of `seconds`."""

    def __init__(self, app: WSGIApp, seconds: float) -> None:
        self._app, self._seconds, self._watchdog = app, seconds, Watchdog()

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        connection, length = environ.get("gunicorn.socket"), environ.get("CONTENT_LENGTH")
        if connection is None or (length in (None, "0") and "HTTP_TRANSFER_ENCODING" not in environ):
            return self._app(environ, start_response)
        body = TimedBody(environ["wsgi.input"], connection, length, self._watchdog, self._seconds)
        environ["wsgi.input"] = body
        return ClosingIterator(self._app(environ, start_response), body.discard)


class TimedBody:
    """The body of one request. All reads of the app together have one deadline."""

    def __init__(
        self, stream: IO[bytes], connection: socket.socket, length: str | None, watchdog: "Watchdog", seconds: float
    ) -> None:
        self._stream, self._connection, self._watchdog, self._seconds = stream, connection, watchdog, seconds
        self._deadline = time.monotonic() + seconds
        self._missing = 0 if length is None else int(length)  # bytes; of a chunked body, the server checks the end
        self._ended, self._broken = False, False

    def read(self, size: int) -> bytes:
        """Read `size` bytes, or fewer at the end of the body. Raises RequestError, or an exception of the server."""
        with self._watchdog.watch(self._connection, self._deadline) as watched:
            self._broken = True
            try:
                data = self._stream.read(size)
                self._missing -= len(data)
                self._ended = len(data) < size
                if self._ended and self._missing > 0:
                    raise Malformed("the body is incomplete: it has fewer bytes than its Content-Length")
            except Exception as error:
                if watched.expired:
                    raise RequestRejected(408, f"the body did not arrive within {self._seconds:g} seconds") from error
                raise
            self._broken = False
        return data

    def discard(self) -> None:
        """Read the rest of the body, or stop receiving. Called after the response."""
        if self._ended and not self._broken:
            return
        if self._broken:  # gunicorn will close the connection; a client that sees the end of its responses does, too
            with suppress(OSError):
                self._connection.shutdown(socket.SHUT_WR)
        discarded, receive = 0, self._connection.recv if self._broken else self._stream.read
        with suppress(Exception), self._watchdog.watch(self._connection, time.monotonic() + DISCARD_SECONDS):
            while discarded < MAX_UNREAD and (data := receive(PIECE)):
                discarded += len(data)
            self._ended = discarded < MAX_UNREAD
        if self._broken or not self._ended:
            _stop_receiving(self._connection)


@dataclass(eq=False)
class Watched:
    """The reads from a socket that end at a deadline, a value of time.monotonic."""

    connection: socket.socket
    deadline: float
    expired: bool = False


class Watchdog:
    """Stops the reads whose deadline has passed, from a thread that starts with the first read."""

    def __init__(self) -> None:
        self._watched, self._lock, self._running = set[Watched](), threading.Lock(), False

    @contextmanager
    def watch(self, connection: socket.socket, deadline: float) -> Iterator[Watched]:
        """Within the context, the deadline applies to reads from the connection."""
        watched = Watched(connection, deadline)
        with self._lock:
            self._watched.add(watched)
            if not self._running:
                threading.Thread(target=self._run, name="body-deadline", daemon=True).start()
                self._running = True
        try:
            yield watched
        finally:
            with self._lock:
                self._watched.remove(watched)

    def _run(self) -> None:
        while True:
            time.sleep(TICK)
            with self._lock:
                for watched in self._watched:
                    if not watched.expired and time.monotonic() >= watched.deadline:
                        watched.expired = True
                        _stop_receiving(watched.connection)


def _stop_receiving(connection: socket.socket) -> None:
    with suppress(OSError):  # the client has disconnected
        connection.shutdown(socket.SHUT_RD)
