"""Large bodies wait here to be decoded: one at a time in a thread, in turns with small requests.

Decompression, and the conversion of binary numbers, release the interpreter, so that the event loop goes on meanwhile.
Parsing JSON holds it, for MAX_PARSE_SECONDS at most, and validation in parts; small requests get as much time
afterwards.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from time import perf_counter, thread_time

from service.errors import Overloaded
from service.prediction.calls import Decoded, PendingRequest
from service.prediction.pipeline import PredictionPipeline
from service.server.batching.backlog import FULL, Backlog
from service.server.batching.turns import Turns


class LargeBodies:
    """Requests that wait for decoding, the oldest first. `decoded` is called in the event loop with each result."""

    def __init__(
        self,
        pipeline: PredictionPipeline,
        loop: asyncio.AbstractEventLoop,
        turns: Turns,
        max_wait: float,
        decoded: Callable[[PendingRequest, Decoded], None],
    ) -> None:
        self._pipeline, self._loop, self._turns, self._decoded = pipeline, loop, turns, decoded
        self._max_wait = max_wait  # seconds
        self._thread = ThreadPoolExecutor(1, "decode")
        self._waiting: deque[PendingRequest] = deque()
        self.active = False  # decoding, or waiting for a turn
        self.backlog = Backlog()

    def add(self, pending: PendingRequest) -> None:
        """Queue a request."""
        self.backlog.add(pending)
        self._waiting.append(pending)
        if not self.active:
            self.active = True
            self._decode_next(waited=False)

    def _decode_next(self, *, waited: bool = True) -> None:
        """Hand the oldest request to the thread. `waited` is whether another one was decoded meanwhile."""
        while self._waiting:
            pending = self._waiting.popleft()
            self.backlog.remove(pending)
            request = pending.request
            if request.expired or (waited and request.half_closed):
                self._pipeline.reject(pending, request.expiry_error())
            elif perf_counter() - pending.queued > self._max_wait:
                self._pipeline.reject(pending, Overloaded(FULL))
            else:
                self._start(pending)
                return
        self.active = False

    def _start(self, pending: PendingRequest) -> None:
        future = self._loop.run_in_executor(self._thread, self._decode, pending)
        future.add_done_callback(lambda done: self._finish(pending, *done.result()))

    def _decode(self, pending: PendingRequest) -> tuple[Decoded, float]:
        began = thread_time()
        return self._pipeline.read(pending), thread_time() - began

    def _finish(self, pending: PendingRequest, decoded: Decoded, seconds: float) -> None:
        try:
            self._decoded(pending, decoded)
        finally:
            self._decode_later(seconds)

    def _decode_later(self, seconds: float) -> None:
        if self._turns.charge(seconds, self._decode_next):
            self._decode_next()
