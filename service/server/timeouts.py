"""Timeouts of one connection: what it waits for, and when that has lasted too long."""

import asyncio
import sys
from collections.abc import Callable
from enum import Enum
from math import inf

from service.server.flow_control import FlowControl
from service.settings import Settings

LINGER_SECONDS = 5.0


class Stage(Enum):
    """What a connection waits for."""

    HEAD = "headers"
    BODY = "body"
    RESPONDING = "response"
    IDLE = "next request"
    LINGERING = "end of a rejected request"


class Timeouts:
    """Calls `expired` when a stage lasts too long, and aborts where a client does not read its responses.

    One timer a connection, which sets itself again for when a timeout may be due, costs next to nothing.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        flow: FlowControl,
        settings: Settings,
        keep_alive: float,
        expired: Callable[[Stage], None],
    ) -> None:
        self._loop, self._flow, self._expired = loop, flow, expired
        self._seconds = {
            Stage.HEAD: settings.header_seconds,
            Stage.BODY: settings.body_seconds,
            Stage.RESPONDING: inf,
            Stage.IDLE: keep_alive,
            Stage.LINGERING: LINGER_SECONDS,
        }
        self._unsent, self._unsent_since = sys.maxsize, 0.0  # bytes

    def start(self, transport: asyncio.Transport) -> None:
        """Begin to wait for the head of a request."""
        self._transport = transport
        self.enter(Stage.HEAD)
        self._check()

    def stop(self) -> None:
        """Cancel the timer."""
        self._timer.cancel()

    def enter(self, stage: Stage) -> None:
        """Begin a stage."""
        self.stage, self._since = stage, self._loop.time()

    def restart(self) -> None:
        """Begin the same stage again."""
        self.enter(self.stage)

    def seconds(self, stage: Stage) -> float:
        """Return how long a stage may last."""
        return self._seconds[stage]

    def restart_unsent(self) -> None:
        """Give the client its full time to read: what it read of earlier responses does not count."""
        self._unsent, self._unsent_since = sys.maxsize, self._loop.time()

    def _check(self) -> None:
        now = self._loop.time()
        if self._flow.write_paused or self._transport.is_closing():
            self._check_unsent(now)
        elif not self._flow.read_paused and now >= self._since + self._seconds[self.stage]:
            self._expired(self.stage)
        due, soon = self._since + self._seconds[self.stage], now + min(self._seconds.values())
        self._timer = self._loop.call_at(due if now < due < soon else soon, self._check)

    def _check_unsent(self, now: float) -> None:
        """Abort if the client has read nothing of its responses for as long as a body may take."""
        unsent = self._transport.get_write_buffer_size()
        if unsent < self._unsent:
            self._unsent, self._unsent_since = unsent, now
        elif now >= self._unsent_since + self._seconds[Stage.BODY]:
            self._transport.abort()
