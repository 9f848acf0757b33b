"""Timeouts of one connection: how long it may wait for what the client owes."""

import asyncio
import sys
from collections.abc import Callable
from math import inf

from service.server.connection_state import ConnectionState, Reading, Writing
from service.server.flow_control import FlowControl
from service.settings import Settings

LINGER_SECONDS = 5.0


class Timeouts:
    """Calls `on_expired` when the client has owed something for too long, and aborts where it reads no responses.

    One timer a connection, which sets itself again for when a timeout may be due, costs next to nothing.
    """

    def __init__(
        self,
        transport: asyncio.Transport,
        state: ConnectionState,
        flow: FlowControl,
        settings: Settings,
        keep_alive: float,
        on_expired: Callable[[], None],
    ) -> None:
        self._loop, self._transport = asyncio.get_running_loop(), transport
        self._state, self._flow, self._on_expired = state, flow, on_expired
        self._keep_alive, self.body_seconds = keep_alive, settings.body_seconds
        self._reading = {Reading.HEAD: settings.header_seconds, Reading.BODY: settings.body_seconds}
        self._shortest = min(*self._reading.values(), keep_alive, LINGER_SECONDS)
        self._unsent, self._unsent_since = sys.maxsize, 0.0  # bytes
        self.restart()
        self._check()

    def stop(self) -> None:
        """Cancel the timer."""
        self._timer.cancel()

    def restart(self) -> None:
        """Give the client its full time from now on: it owes something else, or reading was paused."""
        self._since = self._loop.time()

    @property
    def seconds(self) -> float:
        """How long the present state may last."""
        if self._state.writing is Writing.LINGERING:
            return LINGER_SECONDS
        if self._state.reading is Reading.IDLE and self._state.writing is Writing.IDLE:
            return self._keep_alive
        return self._reading.get(self._state.reading, inf)

    def restart_write_timeout(self) -> None:
        """Give the client its full time to read: what it read of earlier responses does not count."""
        self._unsent, self._unsent_since = sys.maxsize, self._loop.time()

    def _check(self) -> None:
        now = self._loop.time()
        if self._state.writing in (Writing.BLOCKED, Writing.CLOSED):
            self._check_write_timeout(now)
        elif not self._flow.paused and now >= self._since + self.seconds:
            self._on_expired()
        due, soon = self._since + self.seconds, now + self._shortest
        self._timer = self._loop.call_at(due if now < due < soon else soon, self._check)

    def _check_write_timeout(self, now: float) -> None:
        """Abort if the client has read nothing of its responses for as long as a body may take."""
        unsent = self._transport.get_write_buffer_size()
        if unsent < self._unsent:
            self._unsent, self._unsent_since = unsent, now
        elif now >= self._unsent_since + self.body_seconds:
            self._transport.abort()
