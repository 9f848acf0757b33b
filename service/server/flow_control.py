"""Flow control of one connection: pauses reading while responses are pending or unread, and between parts of a body."""

import asyncio
import sys
from fcntl import ioctl
from termios import FIONREAD

from service.server.batching.turns import Turns

MAX_DISCARDED = 2**24  # bytes read after a rejection, so that the client receives the response
# To receive a byte of a body, and as long for other requests. Measured on one connection: 0.3 ns per byte for bodies of
# 1 to 4 MB, 1 ns for 32 MB; several at once compete for the cache.
READ_SECONDS = 2.5e-9


class FlowControl:
    """Pauses and resumes reading from the transport."""

    def __init__(self, transport: asyncio.Transport, turns: Turns) -> None:
        self._transport, self._turns = transport, turns
        self.paused = self.between_turns = False
        self._discarded = 0  # bytes

    def has_unread(self) -> bool:
        """Return whether the client has sent data that has not been read yet."""
        connection = self._transport.get_extra_info("socket")
        if connection is None or connection.fileno() < 0:
            return False
        return int.from_bytes(ioctl(connection.fileno(), FIONREAD, bytes(4)), sys.byteorder) > 0

    def pause_reading(self, paused: bool) -> bool:
        """Pause or resume reading. Return whether the state has changed."""
        if paused == self.paused or self._transport.is_closing():
            return False
        self.paused = paused
        self._apply()
        return True

    def take_turn(self, size: int, *, is_needed: bool) -> None:
        """Pause reading after a part of a large body until other requests have had a turn."""
        if not self.between_turns:
            self.between_turns = not self._turns.charge(size * READ_SECONDS, self._end_turn, is_needed=is_needed)
            if self.between_turns:
                self._apply()

    def allow(self, size: int) -> None:
        """Accept that many ignored bytes more: of a client that sends a body without waiting for the response."""
        self._discarded = -size

    def discard(self, size: int) -> None:
        """Count received bytes that are ignored, and abort if there are too many."""
        self._discarded += size
        if self._discarded > MAX_DISCARDED:
            self._transport.abort()
        else:
            self.take_turn(size, is_needed=False)

    def _end_turn(self) -> None:
        self.between_turns = False
        self._apply()

    def _apply(self) -> None:
        if not self._transport.is_closing():
            reading = not (self.paused or self.between_turns)
            (self._transport.resume_reading if reading else self._transport.pause_reading)()
