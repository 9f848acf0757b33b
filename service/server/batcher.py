"""Sharing forward passes without waiting for company, at two scales.

Calls whose bodies are complete in the same turn of the event loop share one pass. A pass that would
hold the loop up for long runs in a thread; what comes meanwhile to the same kind of pass waits, and
is computed together in the next. Nobody waits for anybody who is not there.

It more than doubles the requests per second of digits with 8 connections, and of 784-2048-2048-10
with 32. With a single connection it costs about a tenth on either
(`python -m benchmarks.serving --sharing`).
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from service.errors import ClientGone, Overloaded
from service.prediction.messages import Answer, Request
from service.prediction.pipeline import Call, Calls, group
from service.server.memory_budget import SMALL, Budget

# As many multiplications as take about 2 ms on one core: from there on a pass costs more than handing it to a thread.
LONG = 2**25
# Of few rows it is not the multiplying that costs but reading the weights, as much as for so many rows more.
READING_ROWS = 8
MOST_ROWS = 4096  # of a shared pass in the thread: those who wait for the next one wait less
# Of bodies read in one turn. In a longer one nobody reads from the sockets, and senders whose windows have closed back
# off: with 64 connections and bodies of 400 kB the slowest answers came after 2 s, where half came within 0.13 s.
TURN_BYTES = 2**18
NUMBER_BYTES = 12  # of an answer's number as JSON writes it; binary ones have 4
# Answered calls are counted so many at a time, or after so long. Counting after each turn took a seventh of the time of
# small requests.
COUNTED_TOGETHER, COUNT_SECONDS = 64, 0.05


@dataclass(slots=True)
class Visitor:
    """A request, where its answer goes, and a way to see that nobody waits for it any more."""

    request: Request
    reply: Callable[[Answer], None]
    gone: Callable[[], bool]
    held: int = 0


class Turns:
    """Answers the requests of one event loop. `most_waiting` calls wait for the thread; more are shed."""

    def __init__(self, calls: Calls, loop: asyncio.AbstractEventLoop, most_waiting: int, budget: Budget) -> None:
        self._calls, self._loop, self._most_waiting, self._budget = calls, loop, most_waiting, budget
        self._ready: deque[Visitor] = deque()
        self._waiting: deque[tuple[Visitor, Call]] = deque()
        self._thread = ThreadPoolExecutor(1, "forward")
        self._computing = False
        self._uncounted: list[Call] = []
        self._count_timer: asyncio.TimerHandle | None = None

    def submit(self, visitor: Visitor) -> None:
        """Take a request whose body is complete; it is answered from the loop."""
        self._ready.append(visitor)
        if len(self._ready) == 1:
            self._loop.call_soon(self._look_again)

    def _look_again(self) -> None:
        """Where several are ready, let the loop poll the sockets once more: others have come while they were read.

        It does not wait there, and who is alone is answered at once. Of small requests with 8 connections it saves a
        tenth of the time.
        """
        if len(self._ready) > 1:
            self._loop.call_soon(self._turn)
        else:
            self._turn()

    def _turn(self) -> None:
        """Answer what has become ready, but for long passes, which are only begun."""
        visitors = self._take_ready()
        pairs = zip(visitors, self._calls.begin([visitor.request for visitor in visitors]), strict=True)
        short = []
        for pair in pairs:
            if not self._admit(*pair):
                self._answer([pair])  # at once: its rows are let go of before the next are read
            elif is_long(pair[1]):
                self._wait(*pair)
            else:
                short.append(pair)
        for together in group([call for _, call in short]):
            self._calls.compute(together)
        self._answer(short)
        if not self._computing:
            self._compute_next()

    def _take_ready(self) -> list[Visitor]:
        """Return as many requests as one turn may read, the oldest first; the others have the next turn."""
        taken, size = list[Visitor](), 0
        while self._ready and size < TURN_BYTES:
            visitor = self._ready.popleft()
            if not visitor.gone():
                taken.append(visitor)
                size += len(visitor.request.body)
        if self._ready:
            self._loop.call_soon(self._turn)
        return taken

    def _admit(self, visitor: Visitor, call: Call) -> bool:
        """Hold what a call takes until it is answered; its body may be small, and its answer large."""
        size = _bytes(call)
        if size > SMALL:
            if self._budget.is_spent(len(call.request.body)):
                call.error = Overloaded("too much is asked for at once: try again")
                return False
            visitor.held = size
            self._budget.held += size
        return True

    def _wait(self, visitor: Visitor, call: Call) -> None:
        if len(self._waiting) >= self._most_waiting:
            call.error = Overloaded("too many requests wait for this model: try again")
            self._answer([(visitor, call)])
            return
        self._waiting.append((visitor, call))

    def _compute_next(self) -> None:
        """Hand the oldest waiting call to the thread, with others to the same version."""
        pairs = self._take()
        self._computing = bool(pairs)
        if pairs:
            future = self._loop.run_in_executor(self._thread, self._calls.compute, [call for _, call in pairs])
            future.add_done_callback(lambda _: self._computed(pairs))

    def _take(self) -> list[tuple[Visitor, Call]]:
        taken: list[tuple[Visitor, Call]] = []
        left: list[tuple[Visitor, Call]] = []
        rows = 0
        for visitor, call in self._waiting:
            if visitor.gone():
                call.error = ClientGone()
                self._answer([(visitor, call)])
            elif not taken or (call.endpoint is taken[0][1].endpoint and rows + _rows(call) <= MOST_ROWS):
                taken.append((visitor, call))
                rows += _rows(call)
            else:
                left.append((visitor, call))
        self._waiting = deque(left)
        return taken

    def _computed(self, pairs: Sequence[tuple[Visitor, Call]]) -> None:
        self._answer(pairs)
        self._compute_next()

    def _answer(self, pairs: Sequence[tuple[Visitor, Call]]) -> None:
        calls = [call for _, call in pairs]
        for (visitor, _), answer in zip(pairs, self._calls.finish(calls), strict=True):
            visitor.reply(answer)
            self._budget.held -= visitor.held
        self._uncounted += calls
        if len(self._uncounted) >= COUNTED_TOGETHER:
            self.count()
        elif self._count_timer is None:
            self._count_timer = self._loop.call_later(COUNT_SECONDS, self._count_in_time)

    def count(self) -> None:
        """Count what is answered, so that who asks for the metrics now finds it there."""
        calls, self._uncounted = self._uncounted, []
        self._calls.count(calls)

    def _count_in_time(self) -> None:
        self._count_timer = None
        self.count()


def _rows(call: Call) -> int:
    return len(call.asked.codes) if call.asked else 0


def _bytes(call: Call) -> int:
    """Return how many bytes the rows of a call and its answer take, about."""
    if call.endpoint is None or call.asked is None:
        return 0
    return call.asked.codes.nbytes + _rows(call) * call.endpoint.version.artifact.model.network.outputs * NUMBER_BYTES


def is_long(call: Call) -> bool:
    """Tell whether the forward pass of a call would hold the loop up."""
    if call.error or call.endpoint is None:
        return False
    return call.endpoint.row_cost * (_rows(call) + READING_ROWS) > LONG
