"""Flow control of one connection: pauses reading while responses are pending or unread by the client."""

import asyncio


class FlowControl:
    """Pauses and resumes reading from the transport."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport, self.paused = transport, False

    def pause_reading(self, paused: bool) -> bool:
        """Pause or resume reading. Return whether the state has changed."""
        if paused == self.paused or self._transport.is_closing():
            return False
        self.paused = paused
        (self._transport.pause_reading if paused else self._transport.resume_reading)()
        return True
