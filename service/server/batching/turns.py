"""Large bodies take turns with other requests, so that they use a third of the time at most.

Theory of operation
-------------------
A small request takes some 50 microseconds, a large body up to 50 milliseconds. If each were processed as soon as it
arrives, a few senders of large bodies would use nearly all of the time, because each of their requests counts as much
as a small one, and costs a thousand times as much.

The seconds that large bodies use are charged. After a part of a large body, the next one waits:

- at least until the sockets have been polled, so that an iteration of the event loop is short. At most MAX_RESUMED
  continue in each iteration, and as many refused ones, whose bodies are ignored. The rest of a short refused body is
  read at once: the response to it was delayed instead;
- while small requests arrive, until they have had TIME_FOR_SMALL times the seconds that were charged. It does not wait
  any longer if none arrives for IDLE_TICKS; between two ticks the sockets are polled.

Large bodies and long passes have turns of their own, and may use a third each: a pass takes up to seconds.

Up to CREDIT_SECONDS are charged without waiting, so that a single large body is not delayed.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from math import inf
from time import perf_counter

CONTENDED_SECONDS = 0.1  # after a small request: the longest pause between the requests of a busy client
TICK_SECONDS = 0.001  # the resolution of the timers of libuv
IDLE_TICKS = 4
CREDIT_SECONDS = 0.001
TIME_FOR_SMALL = 2  # times that of large requests: small ones keep half of their rate beside what is not charged
MAX_RESUMED = 64


class Turns:
    """Decides when large bodies of one event loop are processed further."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._small = -inf  # time of the last small request
        self._due = 0.0  # when small requests have had their time
        self._waiting: deque[Callable[[], None]] = deque()
        self._discarding: deque[Callable[[], None]] = deque()  # bodies that are not needed

    def note_small(self) -> None:
        """Record that a small request has arrived."""
        self._small = perf_counter()

    @property
    def contended(self) -> bool:
        """Whether small requests arrive."""
        return perf_counter() - self._small < CONTENDED_SECONDS

    def add(self, seconds: float) -> None:
        """Charge time that a large request has taken, or will take."""
        self._due = max(self._due, perf_counter() - CREDIT_SECONDS) + TIME_FOR_SMALL * seconds

    def charge(self, seconds: float, then: Callable[[], None], *, is_needed: bool = True) -> bool:
        """Charge the time that a part of a large body took.

        Return whether the next part may follow at once; if it may not, `then` is called when it may. Bodies that are
        not needed, because their request is refused, wait only for small requests.
        """
        self.add(seconds)
        now = perf_counter()
        if self._due <= now or not (is_needed or self.contended):
            return True
        is_first = not (self._waiting or self._discarding)
        (self._waiting if is_needed else self._discarding).append(then)
        if is_first:
            self._schedule(0)
        return False

    def _schedule(self, idle_ticks: int) -> None:
        wait = TICK_SECONDS if self.contended and idle_ticks < IDLE_TICKS else 0
        self._loop.call_later(wait, self._tick, self._small, idle_ticks)

    def _tick(self, small: float, idle_ticks: int) -> None:
        """Continue the oldest large bodies if they are due. `small` is the time of the last small request before."""
        idle_ticks = idle_ticks + 1 if small == self._small else 0
        now = perf_counter()
        if idle_ticks >= IDLE_TICKS or not self.contended:
            self._due = now
        due = list[Callable[[], None]]()
        for queue in (self._waiting, self._discarding) if self._due <= now else ():
            due += [queue.popleft() for _ in range(min(len(queue), MAX_RESUMED))]
        if self._waiting or self._discarding:
            self._schedule(idle_ticks)
        for then in due:
            self._loop.call_soon(then)
