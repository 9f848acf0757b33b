"""The flow of a connection: when it is read from, what it is waiting for, and when it is too late."""

import asyncio
import sys
from collections.abc import Callable
from enum import Enum
from math import inf

from service.settings import Settings

LINGER_SECONDS = 5.0


class Stage(Enum):
    """What a connection is waiting for."""

    HEAD = "headers"
    BODY = "body"
    WORK = "answer"
    NOTHING = "next request"
    END = "end"


class Flow:
    """Starts and stops reading, and calls `expired` when a stage has lasted too long.

    One timer a connection, which looks again when it may be too late, costs next to nothing.
    """

    def __init__(
        self, loop: asyncio.AbstractEventLoop, settings: Settings, keep_alive: float, expired: Callable[[Stage], None]
    ) -> None:
        self._loop, self._expired = loop, expired
        self._seconds = {
            Stage.HEAD: settings.header_seconds,
            Stage.BODY: settings.body_seconds,
            Stage.WORK: inf,
            Stage.NOTHING: keep_alive,
            Stage.END: LINGER_SECONDS,
        }
        self._read_paused = self.write_paused = False
        self._unsent, self._unsent_since = sys.maxsize, 0.0  # bytes

    def start(self, transport: asyncio.Transport) -> None:
        """Begin to wait for the head of a request."""
        self._transport = transport
        self.enter(Stage.HEAD)
        self._look()

    def stop(self) -> None:
        """Look no more."""
        self._timer.cancel()

    def enter(self, stage: Stage) -> None:
        """Wait for something else from now on."""
        self.stage, self._since = stage, self._loop.time()

    def seconds(self, stage: Stage) -> float:
        """Return how long a stage may last."""
        return self._seconds[stage]

    def pause_reading(self, paused: bool) -> None:
        """Read, or do not: that time is not the client's."""
        if paused != self._read_paused and not self._transport.is_closing():
            self._read_paused = paused
            (self._transport.pause_reading if paused else self._transport.resume_reading)()
            self.enter(self.stage)

    def pause_writing(self) -> None:
        """Read no more from a client that does not take its answers as fast as they come."""
        self.write_paused = True
        self._unsent, self._unsent_since = sys.maxsize, self._loop.time()
        self.pause_reading(True)

    def resume_writing(self) -> None:
        """Note that they are taken again."""
        self.write_paused = False
        self._unsent = sys.maxsize  # or the last bytes of a later answer would be measured by these

    def _look(self) -> None:
        now = self._loop.time()
        if self.write_paused or self._transport.is_closing():
            self._check_sending(now)
        elif not self._read_paused and now >= self._since + self._seconds[self.stage]:
            self._expired(self.stage)
        due, soon = self._since + self._seconds[self.stage], now + min(self._seconds.values())
        self._timer = self._loop.call_at(due if now < due < soon else soon, self._look)

    def _check_sending(self, now: float) -> None:
        """Hang up on who has taken nothing of its answers for as long as a body may take."""
        unsent = self._transport.get_write_buffer_size()
        if unsent < self._unsent:
            self._unsent, self._unsent_since = unsent, now
        elif now >= self._unsent_since + self._seconds[Stage.BODY]:
            self._transport.abort()
