"""The access log: a JSON line on stderr for each response, or for a share of them.

A thread writes the lines, so that requests do not wait for a slow reader. If the reader is stuck, new lines are
dropped, and a later line says how many. A write is as short as the system keeps in one piece, because all workers write
to the same pipe.
"""

import atexit
import os
import select
import threading
import time
from collections import deque
from datetime import UTC, datetime
from random import Random
from typing import Any

import orjson

from service.logs.json_lines import STDERR
from service.process.forks import call_after_fork

MAX_LINES = 20_000  # that wait to be written; about 6 MB
WRITE_SECONDS = 0.05  # between two writes
EXIT_SECONDS = 1.0  # to write the last lines
ERROR_STATUS = 400  # the lowest status of which all responses are logged, not a share


class AccessLog:
    """Logs responses: with a `share` of 0 none, below 1 all errors and a share of the others. Thread-safe."""

    def __init__(self, share: float) -> None:
        self._share, self._random = share, Random()
        if self.is_on:
            self._start()
            call_after_fork(self._start)
            atexit.register(self._finish)

    @property
    def is_on(self) -> bool:
        return self._share > 0

    def write(
        self,
        method: str,
        route: str | None,
        status: int,
        request_id: str,
        seconds: float,
        model: str | None = None,
        version: int | None = None,
        rows: int | None = None,
    ) -> None:
        """Log a response. `route` is the template that the path matched; `seconds` are counted from the headers."""
        if not self.is_on or (status < ERROR_STATUS and self._random.random() >= self._share):
            return
        response = {"request_id": request_id, "method": method or None, "route": route, "status": status}
        self._add("response", {**response, "model": model, "version": version, "rows": rows, "seconds": seconds})

    def _add(self, message: str, fields: dict[str, Any]) -> None:
        if len(self._lines) >= MAX_LINES:
            self._dropped += 1
            return
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        line = {"time": now, "level": "info", "process": os.getpid(), "message": message, **fields}
        self._lines.append(orjson.dumps({name: value for name, value in line.items() if value is not None}) + b"\n")
        self._wake.set()

    def _start(self) -> None:
        self._lines = deque[bytes]()
        self._dropped, self._finishing = 0, False
        self._wake = threading.Event()
        self._thread = threading.Thread(target=self._run, name="access-log", daemon=True)
        self._thread.start()
        self._random.seed()

    def _run(self) -> None:
        while not self._finishing:
            self._wake.wait()
            self._wake.clear()
            self._write_lines()
            time.sleep(WRITE_SECONDS)
        self._write_lines()

    def _write_lines(self) -> None:
        while self._lines:
            part = self._lines.popleft()
            while self._lines and len(part) + len(self._lines[0]) <= select.PIPE_BUF:
                part += self._lines.popleft()
            self._write_part(part)
        if self._dropped and not self._finishing:
            self._add(f"{self._dropped} lines of the access log are lost: stderr was not read in time", {})
            self._dropped = 0

    def _write_part(self, part: bytes) -> None:
        try:
            while part:
                try:
                    part = part[os.write(STDERR, part) :]
                except BlockingIOError:  # another process has made the pipe non-blocking
                    select.select([], [STDERR], [])
        except OSError:
            self._dropped += part.count(b"\n")

    def _finish(self) -> None:
        self._finishing = True
        self._wake.set()
        self._thread.join(EXIT_SECONDS)
