"""Timeouts of one connection: what it waits for, and when that has lasted too long."""

import asyncio
import sys
from collections.abc import Callable
from enum import Enum
from math import inf

from service.server.flow_control import FlowControl
from service.settings import Settings

LINGER_SECONDS = 5.0


class ConnectionState(Enum):
    """What a connection waits for."""

    HEAD = "headers"
    BODY = "body"
    RESPONDING = "response"
    IDLE = "next request"
    LINGERING = "end of a rejected request"


class Timeouts:
    """Calls `on_expired` when a state lasts too long, and aborts where a client does not read its responses.

    One timer a connection, which sets itself again for when a timeout may be due, costs next to nothing.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        flow: FlowControl,
        settings: Settings,
        keep_alive: float,
        on_expired: Callable[[ConnectionState], None],
    ) -> None:
        self._loop, self._flow, self._on_expired = loop, flow, on_expired
        self._seconds = {
            ConnectionState.HEAD: settings.header_seconds,
            ConnectionState.BODY: settings.body_seconds,
            ConnectionState.RESPONDING: inf,
            ConnectionState.IDLE: keep_alive,
            ConnectionState.LINGERING: LINGER_SECONDS,
        }
        self._unsent, self._unsent_since = sys.maxsize, 0.0  # bytes

    def start(self, transport: asyncio.Transport) -> None:
        """Begin to wait for the head of a request."""
        self._transport = transport
        self.enter(ConnectionState.HEAD)
        self._check()

    def stop(self) -> None:
        """Cancel the timer."""
        self._timer.cancel()

    def enter(self, state: ConnectionState) -> None:
        """Enter a state."""
        self.state, self._since = state, self._loop.time()

    def restart(self) -> None:
        """Enter the same state again."""
        self.enter(self.state)

    def seconds(self, state: ConnectionState) -> float:
        """Return how long a state may last."""
        return self._seconds[state]

    def restart_write_timeout(self) -> None:
        """Give the client its full time to read: what it read of earlier responses does not count."""
        self._unsent, self._unsent_since = sys.maxsize, self._loop.time()

    def _check(self) -> None:
        now = self._loop.time()
        if self._flow.write_paused or self._transport.is_closing():
            self._check_write_timeout(now)
        elif not self._flow.read_paused and now >= self._since + self._seconds[self.state]:
            self._on_expired(self.state)
        due, soon = self._since + self._seconds[self.state], now + min(self._seconds.values())
        self._timer = self._loop.call_at(due if now < due < soon else soon, self._check)

    def _check_write_timeout(self, now: float) -> None:
        """Abort if the client has read nothing of its responses for as long as a body may take."""
        unsent = self._transport.get_write_buffer_size()
        if unsent < self._unsent:
            self._unsent, self._unsent_since = unsent, now
        elif now >= self._unsent_since + self._seconds[ConnectionState.BODY]:
            self._transport.abort()
