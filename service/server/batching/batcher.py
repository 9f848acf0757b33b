"""Dynamic batching without waiting: requests share a forward pass, but never wait for others to arrive.

Theory of operation
-------------------
A request is in one place at a time, or waits in LoadingRequests before, while its model is loaded for the first time:

    submit -> _ready ------------------> decoded in the event loop -> short pass: in the same turn, one per version
           -> LargeBodies (large) -----> decoded in a thread       -> long pass:  PassQueue, in a thread

- `_ready` holds the requests whose bodies were completed in this iteration of the loop. If there are several, the loop
  polls the sockets once more, because others may have arrived while these were read. The poll does not block, and a
  single request is computed at once. A turn ends after some milliseconds of estimated work, or of decoding by the
  clock, and the next one continues, so that new connections, health checks and other sockets do not wait long.
- A large body is decoded in the loop only while no small requests arrive, and only if it is not too large for that.
  Otherwise it is decoded by `LargeBodies`, in turns with the small ones.
- A pass that would block the loop is computed by a `PassQueue`. There are two, so that a pass of seconds does not hold
  up the others: one for passes of at most MAX_PASS_SECONDS, one for longer ones.

Each of these queues is limited to `max_queue_seconds` of work. Work is estimated from the bytes of a body and what
earlier requests to the version took, so a large request is shed before it is decoded, even before it is received, and
again when its rows are known. Small requests are not measured one by one: the queue learns how much longer its turns
take than the estimates say. A request that has waited longer by the clock is shed when it is its turn.

Every submitted request gets exactly one response, with one exception: a request whose client disconnects before it is
decoded is dropped, and its reservation released. A request that waits for a thread gets its response without being
computed if its client disconnects. So does one whose client has closed its half of the connection, once another one
was computed in the meantime: a client that hangs up sends the same FIN as one that still reads, and only a request that
need not wait is computed. All other reservations are released by the adapter that receives the response. Completed
calls are counted COUNT_BATCH at a time, or after COUNT_SECONDS.

`python -m benchmarks.serving --sharing` measures the gain.
"""

import asyncio
from collections import deque
from collections.abc import Sequence
from time import perf_counter

from service.errors import Overloaded, RequestError
from service.prediction.calls import Decoded, PendingRequest, PredictionCall
from service.prediction.catalogue import Endpoint
from service.prediction.messages import Request
from service.prediction.pipeline import PredictionPipeline
from service.prediction.reloader import CatalogueReloader
from service.prediction.work import SMALL_BYTE_SECONDS, SMALL_SECONDS
from service.protocols import Route
from service.server.batching.backlog import FULL, Backlog, Stretch
from service.server.batching.large_bodies import LargeBodies
from service.server.batching.loading import LoadingRequests
from service.server.batching.pass_queue import MAX_PASS_SECONDS, PassQueue
from service.server.batching.turns import Turns

LONG_PASS_SECONDS = 0.002  # a longer pass costs more than handing it to a thread
# A turn may last as long as the sockets have taken since the last one, within these limits: receiving and refusing
# requests at many times the capacity would leave no time to process any.
MIN_TURN_SECONDS, MAX_TURN_SECONDS = 0.005, 0.02
MAX_LOOP_BYTES = 2**20  # of a body that is decoded in the loop
ADMITTED_SHARE = 0.8  # of the queue; the estimates are not exact
# Until a large request is refused beside small ones, since its sender may repeat it: 20 ms, and 5 ns for each byte of
# its body, twice the time in which large bodies are received.
REFUSAL_SECONDS, REFUSAL_BYTE_SECONDS, MAX_REFUSAL_SECONDS = 0.02, 5e-9, 0.2
COUNT_BATCH, COUNT_SECONDS = 64, 0.05


class Batcher:
    """Computes the predictions of one event loop. At most `max_queue_seconds` of work wait; more is shed."""

    def __init__(
        self,
        pipeline: PredictionPipeline,
        reloader: CatalogueReloader,
        loop: asyncio.AbstractEventLoop,
        max_queue_seconds: float,
    ) -> None:
        self._pipeline, self._loop, self._max_queue_seconds = pipeline, loop, max_queue_seconds
        self._max_wait = max_queue_seconds + MAX_TURN_SECONDS  # by the clock, where the estimates are too low
        self.turns = Turns(loop)
        self._reloader, self._loading = reloader, LoadingRequests(reloader, loop, self._enqueue)
        self._ready: deque[PendingRequest] = deque()
        self._backlog = Backlog()  # of `_ready`
        self._scheduled, self._turn_ended = False, 0.0  # whether the next turn is scheduled
        self._pace = Stretch()  # of turns without the sockets
        self._large = LargeBodies(pipeline, loop, self.turns, self._max_wait, self._accept)
        self._passes = PassQueue(pipeline, loop, "forward", self._count_soon)
        self._pass_turns = Turns(loop)  # of their own, because large bodies would wait for passes of seconds
        self._long_passes = PassQueue(pipeline, loop, "long forward", self._count_soon, self._pass_turns)
        self._count_timer: asyncio.TimerHandle | None = None

    def submit(self, pending: PendingRequest) -> None:
        """Accept a request with a complete body, or shed it. The response is sent from the event loop."""
        if not (self._reloader.catalogue.loading and self._loading.hold(pending)):
            self._enqueue(pending)

    def _enqueue(self, pending: PendingRequest) -> None:
        request, size = pending.request, len(pending.request.body)
        if request.error or self._is_full(pending):
            self._refuse(pending, request.error or Overloaded(FULL))
            return
        if not pending.is_large:
            pending.work_seconds = SMALL_SECONDS + SMALL_BYTE_SECONDS * size
        else:
            pending.work_seconds = self._pipeline.estimate(pending.route, request, size)
            if not self._fits_loop(pending):
                self._large.add(pending)
                return
        pending.queued = perf_counter()
        self._backlog.seconds += pending.work_seconds
        self._ready.append(pending)
        if not self._scheduled:
            self._scheduled = True
            self._loop.call_soon(self._process_soon)

    def admit(self, route: Route, request: Request) -> RequestError | None:
        """Admit a large request before its body is received. Return an error if it would wait too long, or not fit.

        The queues have only requests that are complete. So the bytes of all large bodies that have been received count
        as if they were the bodies of such requests as this one.
        """
        stretch = max(self._backlog.stretch.value, self._large.backlog.stretch.value)
        received = stretch * self._pipeline.estimate(route, request, request.reservation.received_by_others)
        if received > ADMITTED_SHARE * self._max_queue_seconds or self._large_wait > self._max_queue_seconds:
            return Overloaded(FULL)
        return request.reservation.refusal(request.content_length)

    @property
    def _large_wait(self) -> float:
        """The expected seconds until a large request that is added now is computed."""
        return max(self._backlog.wait, self._large.backlog.wait) + self._passes.seconds

    def _is_full(self, pending: PendingRequest) -> bool:
        """Return whether a request is shed because of the work that is queued before it."""
        limit = self._max_queue_seconds
        if pending.is_large:
            return self._large_wait > limit
        if self._backlog.wait > limit:
            return True
        # A small request whose pass is short does not wait for the thread.
        return self._passes.seconds > limit and self._pipeline.pass_seconds(pending.route, 1) > LONG_PASS_SECONDS

    def _fits_loop(self, pending: PendingRequest) -> bool:
        request = pending.request
        plain = len(request.body) <= MAX_LOOP_BYTES and not request.is_compressed
        return plain and not self.turns.contended and not self._large.active

    def _refuse(self, pending: PendingRequest, error: RequestError) -> None:
        """Respond with an error soon; to a large request beside small ones after a while, without its body."""
        size = pending.request.content_length or len(pending.request.body)
        pending.request.drop_body()
        delay = 0.0
        if pending.is_large and self.turns.contended:
            delay = min(REFUSAL_SECONDS + REFUSAL_BYTE_SECONDS * size, MAX_REFUSAL_SECONDS)
        self._loop.call_later(delay, self._reject, pending, error)

    def _reject(self, pending: PendingRequest, error: RequestError) -> None:
        self._pipeline.reject(pending, error)
        self._count_soon()

    def _process_soon(self) -> None:
        now = perf_counter()
        if len(self._ready) > 1:
            self._loop.call_soon(self._process_ready, now)
        else:
            self._process_ready(now)

    def _process_ready(self, since: float) -> None:
        """Process requests for a turn. `since` is when it began to be their turn, before the sockets were polled."""
        began, estimated = perf_counter(), 0.0
        try:
            decoded, estimated = self._decode_ready(began)
            self._process(self._pipeline.accept(decoded))
        finally:  # requests that were pipelined behind these are ready now
            ended = self._turn_ended = perf_counter()
            self._pace.learn(estimated, ended - began)
            self._backlog.stretch.learn(estimated, ended - since)
            self._scheduled = bool(self._ready)
            if self._scheduled:
                self._loop.call_soon(self._process_ready, ended)

    def _decode_ready(self, now: float) -> tuple[list[tuple[PendingRequest, Decoded]], float]:
        """Decode requests, the oldest first, until the turn ends. Return the results, and the estimate for all work."""
        decoded, estimated, has_small = list[tuple[PendingRequest, Decoded]](), 0.0, False
        end = now + MAX_TURN_SECONDS  # of decoding, where the estimates are too low
        turn = min(max(now - self._turn_ended, MIN_TURN_SECONDS), MAX_TURN_SECONDS) / max(self._pace.value, 1.0)
        while self._ready and estimated < turn and now < end:
            pending = self._ready.popleft()
            self._backlog.seconds -= pending.work_seconds
            has_small |= not pending.is_large
            if pending.request.deadline <= now:
                pending.request.release()
            elif now - pending.queued > self._max_wait:
                self._refuse(pending, Overloaded(FULL))
            else:
                estimated += pending.work_seconds
                decoded.append((pending, self._pipeline.read(pending)))
                now = perf_counter()
        if not self._ready:
            self._backlog.seconds = 0.0  # without the rounding errors of the sums
        if has_small:
            self.turns.note_small()
            self._pass_turns.note_small()
        return decoded, estimated

    def _accept(self, pending: PendingRequest, decoded: Decoded) -> None:
        self._process(self._pipeline.accept([(pending, decoded)]))

    def _process(self, calls: Sequence[PredictionCall]) -> None:
        """Compute the short passes, and queue the calls whose pass would block the loop."""
        short, seconds, versions = list[PredictionCall](), 0.0, set[Endpoint]()
        for call in calls:
            if seconds <= MAX_TURN_SECONDS and call.work_seconds <= LONG_PASS_SECONDS:
                short.append(call)
                shared = call.endpoint in versions
                seconds += call.endpoint.row_seconds * call.rows if shared else call.work_seconds
                versions.add(call.endpoint)
            else:
                self._wait(call)
        self._pipeline.answer(short)
        if len(short) < len(calls):
            self._passes.start()
            self._long_passes.start()
        self._count_soon()

    def _wait(self, call: PredictionCall) -> None:
        """Queue a call whose pass is long, or shed it: its work is known better than before it was decoded."""
        queue = self._passes if call.queued_seconds <= MAX_PASS_SECONDS else self._long_passes
        if queue.seconds <= self._max_queue_seconds:
            queue.add(call)
            if queue is self._passes and call.pending.is_large:
                self.turns.add(call.queued_seconds)  # the thread of the pass takes it from small requests
        else:
            self._pipeline.respond([call], [Overloaded(FULL)])

    def _count_soon(self) -> None:
        """Count a full batch now, or the pending calls after COUNT_SECONDS."""
        if len(self._pipeline.counter) >= COUNT_BATCH:
            self._pipeline.counter.count()
        elif self._count_timer is None:
            self._count_timer = self._loop.call_later(COUNT_SECONDS, self._count_in_time)

    def _count_in_time(self) -> None:
        self._count_timer = None
        self._pipeline.counter.count()
