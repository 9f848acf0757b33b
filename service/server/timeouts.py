"""The timeouts of one connection."""

import asyncio
import sys
from collections.abc import Callable
from math import inf
from typing import NamedTuple

from service.server.connection_state import ConnectionState, Reading, Writing
from service.server.flow_control import FlowControl

STOP_SECONDS, STOP_BODY_SECONDS = 0.5, 20.0  # gunicorn kills a worker after 25 seconds


class Seconds(NamedTuple):
    """Time limits for the headers, for the body, until the next request, and for the end of discarded data."""

    head: float
    body: float
    idle: float
    linger: float = 5.0


class Timeouts:
    """Calls `on_expired` when a state lasts too long, and aborts if the client does not read its responses.

    Each connection has one timer, which reschedules itself for the next possible timeout; restarts cost almost nothing.
    """

    def __init__(
        self,
        transport: asyncio.Transport,
        state: ConnectionState,
        flow: FlowControl,
        seconds: Seconds,
        on_expired: Callable[[], None],
    ) -> None:
        self._loop, self._transport = asyncio.get_running_loop(), transport
        self._state, self._flow, self._seconds, self._on_expired = state, flow, seconds, on_expired
        self._unsent, self._unsent_since = sys.maxsize, 0.0  # bytes
        self._body_until = inf
        self.restart()
        self._check()

    def shorten(self) -> None:
        """Expect further requests for a moment only, because the server stops, and the rest of a body for some time."""
        self._seconds = self._seconds._replace(head=STOP_SECONDS, idle=STOP_SECONDS)
        self._body_until = self._loop.time() + STOP_BODY_SECONDS
        if self._state.reading not in (Reading.BODY, Reading.SKIPPING):
            self.restart()
        self._timer.cancel()
        self._check()

    def stop(self) -> None:
        self._timer.cancel()

    def restart(self) -> None:
        """Restart the time limit, after a change of state or a pause of reading."""
        self._since = self._loop.time()

    @property
    def limit(self) -> float:
        """The time limit of the current state, in seconds."""
        match self._state.reading, self._state.writing:
            case _, Writing.LINGERING:
                return self._seconds.linger
            case Reading.HEAD, _:
                return self._seconds.head
            case ((Reading.BODY | Reading.SKIPPING), _):
                return min(self._seconds.body, self._body_until - self._since)
            case Reading.IDLE, Writing.IDLE:
                return self._seconds.idle
        return inf

    def restart_write_timeout(self) -> None:
        """Restart the time limit for reading responses, regardless of earlier reads."""
        self._unsent, self._unsent_since = sys.maxsize, self._loop.time()

    def _check(self) -> None:
        now = self._loop.time()
        if self._state.writing in (Writing.BLOCKED, Writing.CLOSED):
            self._check_write_timeout(now)
        elif not (self._flow.paused or self._flow.between_turns) and now >= self._since + self.limit:
            self._on_expired()
        due, soon = self._since + self.limit, now + min(self._seconds)
        self._timer = self._loop.call_at(due if now < due < soon else soon, self._check)

    def _check_write_timeout(self, now: float) -> None:
        """Abort if the client has read nothing for `body` seconds."""
        unsent = self._transport.get_write_buffer_size()
        if unsent < self._unsent:
            self._unsent, self._unsent_since = unsent, now
        elif now >= self._unsent_since + self._seconds.body:
            self._transport.abort()
