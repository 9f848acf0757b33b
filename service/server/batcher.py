"""Dynamic batching without waiting: requests share a forward pass, but never wait for others to arrive.

Theory of operation
-------------------
Everything runs in the event loop, except the forward pass of `_compute`, which runs in a single thread.

A request is in one place at a time:

    submit -> _ready -> decode -> short pass: computed in this iteration, one pass per version
                               -> long pass:  _waiting -> computed in the thread, one pass at a time

- `_ready` holds the requests whose bodies were completed in this iteration of the loop. If there are several, the loop
  polls the sockets once more, because others may have arrived while these were read. The poll does not block, and a
  single request is computed at once. One iteration decodes at most MAX_READY_BYTES; the next one continues.
- `_waiting` holds the decoded calls whose forward pass would block the loop, the oldest first. The next pass takes the
  oldest call and all other calls to the same version, up to MAX_PASS_ROWS.
- `_computing` is true while the thread runs a pass. The end of a pass starts the next one, so either `_waiting` is
  empty or the thread is busy.

The queue is limited in seconds of work, not in requests: `max_queue_seconds` in `_ready`, `_waiting` and the rest of
the running pass. Work is estimated from the bytes of a body and what earlier requests to the version took, so a request
is shed before it is decoded, and again when its rows are known.

Every submitted request gets exactly one response, with one exception: a request whose client disconnects before it is
decoded is dropped, and its reservation released. A waiting call whose client disconnects gets its response without a
pass. So does one whose client has closed its half of the connection, once another pass has run in the meantime: a
client that hangs up sends the same FIN as one that still reads, and only a request that need not wait is computed. All
other reservations are released by the adapter that receives the response. Completed calls are counted COUNT_BATCH at a
time, or after COUNT_SECONDS.

`python -m benchmarks.serving --sharing` measures the gain.
"""

import asyncio
from collections import deque
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from time import perf_counter

from service.errors import ClientGone, DeadlineExceeded, Overloaded, RequestError
from service.prediction.calls import PendingRequest, PredictionCall, Result
from service.prediction.messages import Request
from service.prediction.pipeline import PredictionPipeline

FULL = "too many requests wait for this worker: try again later"
LONG_PASS_SECONDS = 0.002  # a longer pass costs more than handing it to a thread
MAX_PASS_ROWS = 4096  # of a shared pass in the thread; bounds the wait for the next pass
# Bounds an iteration, during which no socket is read: senders with a closed TCP window back off for a long time.
MAX_READY_BYTES = 2**18
COUNT_BATCH, COUNT_SECONDS = 64, 0.05


class Batcher:
    """Computes the predictions of one event loop. At most `max_queue_seconds` of work wait; more is shed."""

    def __init__(self, pipeline: PredictionPipeline, loop: asyncio.AbstractEventLoop, max_queue_seconds: float) -> None:
        self._pipeline, self._loop, self._max_queue_seconds = pipeline, loop, max_queue_seconds
        self._ready_seconds = self._waiting_seconds = 0.0
        self._pass_end = 0.0  # estimated, of the pass in the thread
        self._ready: deque[PendingRequest] = deque()
        self._waiting: deque[PredictionCall] = deque()
        self._thread = ThreadPoolExecutor(1, "forward")
        self._computing = False
        self._count_timer: asyncio.TimerHandle | None = None

    def submit(self, pending: PendingRequest) -> None:
        """Accept a request with a complete body, or shed it. The response is sent from the event loop."""
        if self.queued_seconds > self._max_queue_seconds:
            self._loop.call_soon(self._shed, pending)
            return
        pending.work_seconds = self._pipeline.estimate(pending)
        self._ready_seconds += pending.work_seconds
        self._ready.append(pending)
        if len(self._ready) == 1:
            self._loop.call_soon(self._process_soon)

    @property
    def queued_seconds(self) -> float:
        """The estimated seconds of the work that is queued, and of the rest of the pass in the thread."""
        return self._ready_seconds + self._thread_seconds()

    def _thread_seconds(self) -> float:
        rest = max(self._pass_end - perf_counter(), 0.0) if self._computing else 0.0
        return self._waiting_seconds + rest

    def _shed(self, pending: PendingRequest) -> None:
        self._pipeline.reject(pending, Overloaded(FULL))
        self._count_soon()

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
        if self._waiting and not self._computing:
            self._compute(self._take_waiting(waited=False))
        self._count_soon()

    def _take_ready(self) -> list[PendingRequest]:
        """Return the requests that this iteration decodes, the oldest first."""
        taken, size = list[PendingRequest](), 0
        while self._ready and size < MAX_READY_BYTES:
            pending = self._ready.popleft()
            self._ready_seconds -= pending.work_seconds
            if pending.request.expired:
                pending.request.release()
            else:
                taken.append(pending)
                size += len(pending.request.body)
        if self._ready:
            self._loop.call_soon(self._process_ready)
        else:
            self._ready_seconds = 0.0  # without the rounding errors of the sums
        return taken

    def _wait(self, call: PredictionCall) -> None:
        """Queue a call whose pass is long. Its work is known better than before it was decoded."""
        if self._thread_seconds() <= self._max_queue_seconds:
            self._waiting_seconds += call.queued_seconds
            self._waiting.append(call)
        else:
            self._pipeline.respond([call], [Overloaded(FULL)])

    def _compute(self, calls: Sequence[PredictionCall]) -> None:
        """Hand calls to one version to the thread."""
        self._computing = bool(calls)
        if calls:
            self._pass_end = perf_counter() + sum(call.queued_seconds for call in calls)
            future = self._loop.run_in_executor(self._thread, self._pipeline.compute, calls)
            future.add_done_callback(lambda done: self._computed(calls, done.result()))

    def _computed(self, calls: Sequence[PredictionCall], results: Sequence[Result]) -> None:
        self._pipeline.respond(calls, results)
        self._compute(self._take_waiting(waited=True))
        self._count_soon()

    def _take_waiting(self, *, waited: bool) -> list[PredictionCall]:
        """Return the oldest waiting call with all others to the same version, up to MAX_PASS_ROWS.

        Calls whose response is not needed any more get an error. `waited` is whether another pass has run meanwhile.
        """
        taken, left, rows = list[PredictionCall](), deque[PredictionCall](), 0
        for call in self._waiting:
            request = call.pending.request
            if request.expired or (waited and request.half_closed):
                self._pipeline.respond([call], [_reason(request)])
            elif not taken or (call.endpoint is taken[0].endpoint and rows + call.rows <= MAX_PASS_ROWS):
                taken.append(call)
                rows += call.rows
            else:
                left.append(call)
        self._waiting, self._waiting_seconds = left, sum(call.queued_seconds for call in left)
        return taken

    def _count_soon(self) -> None:
        """Count a full batch now, or the pending calls after COUNT_SECONDS."""
        if len(self._pipeline.counter) >= COUNT_BATCH:
            self._pipeline.counter.count()
        elif self._count_timer is None:
            self._count_timer = self._loop.call_later(COUNT_SECONDS, self._count_in_time)

    def _count_in_time(self) -> None:
        self._count_timer = None
        self._pipeline.counter.count()


def _reason(request: Request) -> RequestError:
    """Return the error for a request whose response is no longer needed."""
    return ClientGone("the client has disconnected") if request.is_abandoned else DeadlineExceeded()
