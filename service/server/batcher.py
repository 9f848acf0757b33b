"""Dynamic batching without waiting, at two scales.

Requests whose bodies are complete in the same iteration of the event loop share one forward pass. A pass that would
block the loop for long runs in a thread; requests for the same version that arrive meanwhile are computed together in
the next one. A request never waits for others to arrive.

It more than doubles the requests per second of digits with 8 connections, and of 784-2048-2048-10 with 32. With a
single connection it costs about a tenth on either (`python -m benchmarks.serving --sharing`).
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from service.errors import ClientGone, Overloaded
from service.prediction.messages import Request, Response
from service.prediction.pipeline import PredictionCall, PredictionPipeline, group_by_version
from service.server.memory_budget import SMALL, MemoryBudget

# As many multiplications as take about 2 ms on one core: from there on a pass costs more than handing it to a thread.
LONG_PASS = 2**25
# Of few rows it is not the multiplying that costs but reading the weights, as much as for so many rows more.
READING_ROWS = 8
MAX_PASS_ROWS = 4096  # of a shared pass in the thread: the requests that wait for the next one wait less
# Of bodies decoded in one iteration. During a longer one the sockets are not read, and senders whose windows have
# closed back off: with 64 connections and bodies of 400 kB the slowest responses took 2 s, half up to 0.13 s.
MAX_READY_BYTES = 2**18
NUMBER_BYTES = 12  # of a number as JSON writes it; binary ones have 4
# Answered calls are counted so many at a time, or after so long. Counting after each iteration took a seventh of the
# time of small requests.
COUNT_BATCH, COUNT_SECONDS = 64, 0.05


@dataclass(slots=True)
class PendingRequest:
    """A request, where its response goes, and a way to see that its client is gone. `held` is in the budget."""

    request: Request
    respond: Callable[[Response], None]
    is_cancelled: Callable[[], bool]
    held: int = 0


Pair = tuple[PendingRequest, PredictionCall]


class Batcher:
    """Answers the prediction requests of one event loop. `max_waiting` calls wait for the thread; more are shed."""

    def __init__(
        self, pipeline: PredictionPipeline, loop: asyncio.AbstractEventLoop, max_waiting: int, budget: MemoryBudget
    ) -> None:
        self._pipeline, self._loop, self._max_waiting, self._budget = pipeline, loop, max_waiting, budget
        self._ready: deque[PendingRequest] = deque()
        self._waiting: deque[Pair] = deque()
        self._thread = ThreadPoolExecutor(1, "forward")
        self._computing = False
        self._uncounted: list[PredictionCall] = []
        self._count_timer: asyncio.TimerHandle | None = None

    def submit(self, pending: PendingRequest) -> None:
        """Take a request whose body is complete; it is answered from the loop."""
        self._ready.append(pending)
        if len(self._ready) == 1:
            self._loop.call_soon(self._process_soon)

    def _process_soon(self) -> None:
        """Where several are ready, let the loop poll the sockets once more: others have come while they were read.

        That waits for nothing, and a single request is answered directly. It saves a tenth of the time of small
        requests with 8 connections.
        """
        if len(self._ready) > 1:
            self._loop.call_soon(self._process_ready)
        else:
            self._process_ready()

    def _process_ready(self) -> None:
        """Answer what has become ready, except long passes, which are only begun."""
        batch = self._take_ready()
        pairs = zip(batch, self._pipeline.begin([pending.request for pending in batch]), strict=True)
        short = []
        for pair in pairs:
            if not self._admit(*pair):
                self._answer([pair])  # now: its rows are released before the next are decoded
            elif is_long(pair[1]):
                self._wait(*pair)
            else:
                short.append(pair)
        for calls in group_by_version([call for _, call in short]):
            self._pipeline.compute(calls)
        self._answer(short)
        if not self._computing:
            self._compute_next()

    def _take_ready(self) -> list[PendingRequest]:
        """Return as many requests as one iteration may decode, the oldest first; the others have the next one."""
        taken, size = list[PendingRequest](), 0
        while self._ready and size < MAX_READY_BYTES:
            pending = self._ready.popleft()
            if not pending.is_cancelled():
                taken.append(pending)
                size += len(pending.request.body)
        if self._ready:
            self._loop.call_soon(self._process_ready)
        return taken

    def _admit(self, pending: PendingRequest, call: PredictionCall) -> bool:
        """Hold what a call takes until it is answered; its body may be small, and its response large."""
        size = _bytes(call)
        if size > SMALL:
            if self._budget.is_exhausted(len(call.request.body)):
                call.error = Overloaded("too much is asked for at once: try again")
                return False
            pending.held = size
            self._budget.held += size
        return True

    def _wait(self, pending: PendingRequest, call: PredictionCall) -> None:
        if len(self._waiting) >= self._max_waiting:
            call.error = Overloaded("too many requests wait for this model: try again")
            self._answer([(pending, call)])
            return
        self._waiting.append((pending, call))

    def _compute_next(self) -> None:
        """Hand the oldest waiting call to the thread, with others to the same version."""
        pairs = self._take_waiting()
        self._computing = bool(pairs)
        if pairs:
            future = self._loop.run_in_executor(self._thread, self._pipeline.compute, [call for _, call in pairs])
            future.add_done_callback(lambda _: self._computed(pairs))

    def _take_waiting(self) -> list[Pair]:
        taken: list[Pair] = []
        left: list[Pair] = []
        rows = 0
        for pending, call in self._waiting:
            if pending.is_cancelled():
                call.error = ClientGone()
                self._answer([(pending, call)])
            elif not taken or (call.endpoint is taken[0][1].endpoint and rows + _rows(call) <= MAX_PASS_ROWS):
                taken.append((pending, call))
                rows += _rows(call)
            else:
                left.append((pending, call))
        self._waiting = deque(left)
        return taken

    def _computed(self, pairs: Sequence[Pair]) -> None:
        self._answer(pairs)
        self._compute_next()

    def _answer(self, pairs: Sequence[Pair]) -> None:
        calls = [call for _, call in pairs]
        for (pending, _), response in zip(pairs, self._pipeline.finish(calls), strict=True):
            pending.respond(response)
            self._budget.held -= pending.held
        self._uncounted += calls
        if len(self._uncounted) >= COUNT_BATCH:
            self.count()
        elif self._count_timer is None:
            self._count_timer = self._loop.call_later(COUNT_SECONDS, self._count_in_time)

    def count(self) -> None:
        """Count what is answered, so that a scrape that comes now finds it."""
        calls, self._uncounted = self._uncounted, []
        self._pipeline.count(calls)

    def _count_in_time(self) -> None:
        self._count_timer = None
        self.count()


def _rows(call: PredictionCall) -> int:
    return len(call.decoded.codes) if call.decoded else 0


def _bytes(call: PredictionCall) -> int:
    """Return how many bytes the rows of a call and its response take, about."""
    if call.endpoint is None or call.decoded is None:
        return 0
    outputs = call.endpoint.version.artifact.model.network.outputs
    return int(call.decoded.codes.nbytes) + _rows(call) * outputs * NUMBER_BYTES


def is_long(call: PredictionCall) -> bool:
    """Tell whether the forward pass of a call would block the loop for long."""
    if call.error or call.endpoint is None:
        return False
    return call.endpoint.row_cost * (_rows(call) + READING_ROWS) > LONG_PASS
