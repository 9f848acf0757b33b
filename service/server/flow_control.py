"""Flow control of one connection: pauses reading while responses are pending or unread by the client."""

import asyncio
import sys
from fcntl import ioctl
from termios import FIONREAD


class FlowControl:
    """Pauses and resumes reading from the transport."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport, self.paused = transport, False

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
        (self._transport.pause_reading if paused else self._transport.resume_reading)()
        return True
