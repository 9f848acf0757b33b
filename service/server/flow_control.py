"""Flow control of one connection: the client is read from no faster than it reads, and than requests are answered."""

import asyncio


class FlowControl:
    """Whether reading from the transport is paused."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport, self.paused = transport, False

    def pause_reading(self, paused: bool) -> bool:
        """Pause or resume reading; return whether that changed anything."""
        if paused == self.paused or self._transport.is_closing():
            return False
        self.paused = paused
        (self._transport.pause_reading if paused else self._transport.resume_reading)()
        return True
