"""A client connection that measures the time from the last byte of a request to the end of its response.

asyncio's streams cost more than the server's own work for a small request, so this is a bare protocol. A write buffer
of size zero makes the transport report when the kernel has taken the last byte (`resume_writing`). A response that
arrives before that, such as an early refusal, has waited 0 seconds, and the connection is then closed.
"""

import asyncio
import re
from collections.abc import Callable
from time import perf_counter
from typing import Any

from benchmarks.prepared import PreparedRequest

HEAD = re.compile(rb"HTTP/1\.1 (\d{3}).*?\r\ncontent-length: *(\d+)\r\n(?:.*?\r\n)?\r\n", re.IGNORECASE | re.DOTALL)
LOST = 0  # the status of a request whose connection ended before its response

Finished = Callable[["ClientConnection", int, float], None]  # arguments: the status and the seconds of waiting


class ClientConnection(asyncio.Protocol):
    """Sends one request at a time, and calls `finished` once for each. `reusable` says whether it can send another."""

    def __init__(self, finished: Finished) -> None:
        self.reusable = False
        self._finished = finished
        self._request: PreparedRequest | None = None
        self._transport: Any = None
        self._paused = False
        self._next = 0  # the number of pieces that were written
        self._sent: float | None = None  # when the kernel took the last byte
        self._received, self._missing, self._status = b"", 0, LOST
        self._timer: asyncio.TimerHandle | None = None

    def send(self, request: PreparedRequest) -> None:
        """Send a request, now or as soon as the connection is open."""
        self._request, self._next, self._sent = request, 0, None
        self._received, self._status, self.reusable = b"", LOST, False
        if self._transport is not None:
            self._send_piece(request)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._transport.set_write_buffer_limits(0)
        if self._request is not None:
            self._send_piece(self._request)

    def _send_piece(self, request: PreparedRequest) -> None:
        self._next += 1
        self._transport.write(request.pieces[self._next - 1])
        if self._next < len(request.pieces):
            self._timer = asyncio.get_running_loop().call_later(request.interval, self._send_piece, request)
        elif not self._paused:
            self._sent = perf_counter()

    def pause_writing(self) -> None:
        self._paused = True

    def resume_writing(self) -> None:
        self._paused = False
        if self._request is not None and self._next == len(self._request.pieces):
            self._sent = perf_counter()

    def data_received(self, data: bytes) -> None:
        if self._status:
            self._missing -= len(data)
        else:
            self._received += data
            if not (head := HEAD.match(self._received)):
                return
            self._status, self._missing = int(head[1]), head.end() + int(head[2]) - len(self._received)
            self.reusable = self._sent is not None and b"connection: close" not in head[0].lower()
        if self._missing <= 0:
            self._finish(self._status)
            if not self.reusable:
                self.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self.reusable = False
        self._finish(LOST)

    def abort(self) -> None:
        """Close the connection at once; a request without a response is then lost."""
        self.reusable = False
        if self._transport is None:
            self._finish(LOST)
        else:
            self._transport.abort()

    def _finish(self, status: int) -> None:
        if self._timer:
            self._timer.cancel()
            self._timer = None
        if self._request is not None:
            self._request = None
            self._finished(self, status, 0.0 if self._sent is None else perf_counter() - self._sent)
