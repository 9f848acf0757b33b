"""Flow control of one connection: the client is read from no faster than it reads, and than requests are answered."""

import asyncio


class FlowControl:
    """Whether reading and writing are paused."""

    def __init__(self) -> None:
        self.read_paused = self.write_paused = False

    def start(self, transport: asyncio.Transport) -> None:
        """Control the reading of a transport."""
        self._transport = transport

    def pause_writing(self) -> None:
        """Send no more responses: the client does not read those that were sent."""
        self.write_paused = True

    def resume_writing(self) -> None:
        """Send responses again."""
        self.write_paused = False

    def pause_reading(self, paused: bool) -> bool:
        """Pause or resume reading; return whether that changed anything."""
        if paused == self.read_paused or self._transport.is_closing():
            return False
        self.read_paused = paused
        (self._transport.pause_reading if paused else self._transport.resume_reading)()
        return True
