"""Forward passes in a thread: one at a time, each for all waiting calls to the version of the oldest.

The end of a pass starts the next one, so either no call waits or the thread is busy. All methods run in the event loop.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from time import perf_counter

from service.prediction.calls import PredictionCall, Result
from service.prediction.catalogue import Endpoint
from service.prediction.pipeline import PredictionPipeline
from service.server.batching.turns import Turns

# Bounds the wait for the next pass: a pass is shared by at most as many rows, and as many estimated seconds.
MAX_PASS_ROWS, MAX_PASS_SECONDS = 4096, 0.1


class PassQueue:
    """Calls that wait for a forward pass in a thread, the oldest first. With `turns`, small requests have turns."""

    def __init__(
        self,
        pipeline: PredictionPipeline,
        loop: asyncio.AbstractEventLoop,
        name: str,
        responded: Callable[[], None],
        turns: Turns | None = None,
    ) -> None:
        self._pipeline, self._loop, self._responded, self._turns = pipeline, loop, responded, turns
        self._thread = ThreadPoolExecutor(1, name)
        self._waiting: deque[PredictionCall] = deque()
        self._waiting_seconds, self._versions = 0.0, set[Endpoint]()  # of the waiting calls
        self._computing = False
        self._pass_began = self._pass_end = 0.0  # the end is an estimate

    @property
    def seconds(self) -> float:
        """The estimated seconds of the waiting calls, and of the rest of the pass in the thread."""
        rest = max(self._pass_end - perf_counter(), 0.0) if self._computing else 0.0
        return self._waiting_seconds + rest

    def add(self, call: PredictionCall) -> None:
        """Queue a call; `start` starts a pass if none runs."""
        self._waiting_seconds += call.shared_seconds if call.endpoint in self._versions else call.queued_seconds
        self._versions.add(call.endpoint)
        self._waiting.append(call)

    def start(self) -> None:
        """Start a pass for the calls that have been added, unless one runs."""
        if self._waiting and not self._computing:
            self._compute(self._take(waited=False))

    def _compute(self, calls: Sequence[PredictionCall]) -> None:
        """Hand calls to one version to the thread."""
        self._computing = bool(calls)
        if calls:
            self._pass_began = perf_counter()
            first, *others = calls
            self._pass_end = self._pass_began + first.queued_seconds + sum(call.shared_seconds for call in others)
            future = self._loop.run_in_executor(self._thread, self._pipeline.compute, calls)
            future.add_done_callback(lambda done: self._computed(calls, done.result()))

    def _computed(self, calls: Sequence[PredictionCall], results: Sequence[Result]) -> None:
        seconds = perf_counter() - self._pass_began
        try:
            self._pipeline.respond(calls, results)
            self._responded()
        finally:
            if self._turns is None or self._turns.charge(seconds, self._compute_next):
                self._compute_next()

    def _compute_next(self) -> None:
        self._compute(self._take(waited=True))
        self._responded()

    def _take(self, *, waited: bool) -> list[PredictionCall]:
        """Return the oldest waiting call with all others to the same version, up to the limits of a pass.

        Calls whose response is not needed any more get an error. `waited` is whether another pass has run meanwhile.
        """
        waiting, taken, rows = self._waiting, list[PredictionCall](), 0
        self._waiting, self._waiting_seconds, self._versions = deque(), 0.0, set()
        for call in waiting:
            request = call.pending.request
            if request.expired or (waited and request.half_closed):
                self._pipeline.respond([call], [request.expiry_error()])
            elif not taken or (call.endpoint is taken[0].endpoint and _fits(call, rows)):
                taken.append(call)
                rows += call.rows
            else:
                self.add(call)
        return taken


def _fits(call: PredictionCall, rows: int) -> bool:
    """Return whether a call may share a pass with `rows` other rows."""
    rows, endpoint = rows + call.rows, call.endpoint
    return rows <= MAX_PASS_ROWS and endpoint.pass_seconds(rows) * endpoint.work.pace <= MAX_PASS_SECONDS
