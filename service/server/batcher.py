"""Dynamic batching without waiting, at two scales: requests share a forward pass, and never wait for others to arrive.

Theory of operation
-------------------
All of this runs in the event loop, but for the forward pass of `_compute_next`, which runs in the only thread.

A request is in one place at a time:

    submit -> _ready -> decode -> short: answered in this iteration, one pass for each version
                               -> long:  _waiting -> the pass in the thread, one at a time -> answered

- `_ready` has the requests whose bodies were complete in this iteration of the loop. Where there are several, the loop
  polls the sockets once more: others have come while these were read. That waits for nothing, and a request that is
  alone is answered at once. One iteration decodes MAX_READY_BYTES at most; the others have the next one.
- `_waiting` has decoded calls whose forward pass would block the loop, the oldest first. There are `max_waiting` at
  most; more are shed. The next pass takes the oldest and all that wait for the same version, up to MAX_PASS_ROWS.
- `_computing` is true while the thread has a pass. The end of a pass begins the next one, so that either `_waiting` is
  empty or the thread is busy.

Every submitted request gets exactly one response, except that a request whose client is gone before it is decoded is
dropped, and its reservation released; a waiting call whose client is gone is answered without a pass. All other
reservations are released by the adapter that gets the response. Answered calls are counted COUNT_BATCH at a time, or
after COUNT_SECONDS.

The gain is shown by `python -m benchmarks.serving --sharing`.
"""

import asyncio
from collections import deque
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from service.errors import ClientGone, Overloaded
from service.prediction.calls import PendingRequest, PredictionCall, Result
from service.prediction.pipeline import PredictionPipeline

LONG_PASS_SECONDS = 0.002  # from there on a pass costs more than handing it to a thread
MAX_PASS_ROWS = 4096  # of a shared pass in the thread: the requests that wait for the next one wait less
# During a longer iteration the sockets are not read, and senders whose windows have closed back off for long.
MAX_READY_BYTES = 2**18
COUNT_BATCH, COUNT_SECONDS = 64, 0.05


class Batcher:
    """Answers the prediction requests of one event loop. `max_waiting` calls wait for the thread; more are shed."""

    def __init__(self, pipeline: PredictionPipeline, loop: asyncio.AbstractEventLoop, max_waiting: int) -> None:
        self._pipeline, self._loop, self._max_waiting = pipeline, loop, max_waiting
        self._ready: deque[PendingRequest] = deque()
        self._waiting: deque[PredictionCall] = deque()
        self._thread = ThreadPoolExecutor(1, "forward")
        self._computing = False
        self._count_timer: asyncio.TimerHandle | None = None

    def submit(self, pending: PendingRequest) -> None:
        """Take a request whose body is complete; it is answered from the loop."""
        self._ready.append(pending)
        if len(self._ready) == 1:
            self._loop.call_soon(self._process_soon)

    def _process_soon(self) -> None:
        if len(self._ready) > 1:
            self._loop.call_soon(self._process_ready)
        else:
            self._process_ready()

    def _process_ready(self) -> None:
        calls = self._pipeline.decode(self._take_ready())
        self._pipeline.answer([call for call in calls if call.work_seconds <= LONG_PASS_SECONDS])
        for call in calls:
            if call.work_seconds > LONG_PASS_SECONDS:
                self._wait(call)
        if not self._computing:
            self._compute_next()
        self._count_soon()

    def _take_ready(self) -> list[PendingRequest]:
        """Return as many requests as one iteration may decode, the oldest first."""
        taken, size = list[PendingRequest](), 0
        while self._ready and size < MAX_READY_BYTES:
            pending = self._ready.popleft()
            if pending.request.expired:
                pending.request.release()
            else:
                taken.append(pending)
                size += len(pending.request.body)
        if self._ready:
            self._loop.call_soon(self._process_ready)
        return taken

    def _wait(self, call: PredictionCall) -> None:
        if len(self._waiting) < self._max_waiting:
            self._waiting.append(call)
        else:
            self._pipeline.respond([call], [Overloaded("too many requests wait for this model: try again")])

    def _compute_next(self) -> None:
        """Hand the oldest waiting call to the thread, with others to the same version."""
        calls = self._take_waiting()
        self._computing = bool(calls)
        if calls:
            future = self._loop.run_in_executor(self._thread, self._pipeline.compute, calls)
            future.add_done_callback(lambda done: self._computed(calls, done.result()))

    def _take_waiting(self) -> list[PredictionCall]:
        taken, left, rows = list[PredictionCall](), deque[PredictionCall](), 0
        for call in self._waiting:
            if call.pending.request.expired:
                self._pipeline.respond([call], [ClientGone("the client has gone")])
            elif not taken or (call.endpoint is taken[0].endpoint and rows + call.rows <= MAX_PASS_ROWS):
                taken.append(call)
                rows += call.rows
            else:
                left.append(call)
        self._waiting = left
        return taken

    def _computed(self, calls: Sequence[PredictionCall], results: Sequence[Result]) -> None:
        self._pipeline.respond(calls, results)
        self._compute_next()
        self._count_soon()

    def _count_soon(self) -> None:
        """Count in time, many at once."""
        if len(self._pipeline.counter) >= COUNT_BATCH:
            self._pipeline.counter.count()
        elif self._count_timer is None:
            self._count_timer = self._loop.call_later(COUNT_SECONDS, self._count_in_time)

    def _count_in_time(self) -> None:
        self._count_timer = None
        self._pipeline.counter.count()
