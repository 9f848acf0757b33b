"""A load generator: requests at a fixed rate (open loop), or one after another (closed loop).

A closed loop such as wrk's sends less as soon as the server is slow, and can never offer more than the capacity. The
open loop sends what is due every millisecond over at most `connections` connections; what finds all of them in use is
counted as unsent. Each load runs in a process of its own: start it with `submit`.
"""

import asyncio
import gc
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, Future
from itertools import cycle
from time import perf_counter, sleep

import uvloop

from benchmarks.client_connection import LOST, ClientConnection
from benchmarks.outcomes import Outcomes
from benchmarks.prepared import PreparedRequest

TICK = 0.001
MAX_BURST = 256  # requests per tick; more would delay the responses, whose time is being measured
RETRY_SECONDS = 0.02  # before a closed loop replaces a lost connection
DRAIN_SECONDS = 5.0  # after the load, until a request without a response is lost


class Generator:
    """Sends requests in turn over a pool of connections to a port on 127.0.0.1."""

    def __init__(self, port: int, requests: Sequence[PreparedRequest], connections: int, seconds: float) -> None:
        self.outcomes = Outcomes(seconds)
        self._port, self._requests, self._connections = port, cycle(requests), connections
        self._idle: list[ClientConnection] = []
        self._busy: set[ClientConnection] = set()
        self._opening: set[asyncio.Task[None]] = set()
        self._end = 0.0
        self._after: Callable[[int], None] = lambda status: None

    async def offer(self, rate: float) -> Outcomes:
        """Send `rate` requests per second."""
        begin, handled = self._begin(), 0
        while (now := perf_counter()) < self._end:
            due = int((now - begin) * rate) - handled
            handled += due
            for _ in range(min(due, MAX_BURST)):
                self._send()
            self.outcomes.unsent += max(0, due - MAX_BURST)
            await asyncio.sleep(TICK)
            self.outcomes.lags.append(perf_counter() - now - TICK)
        return await self._drain()

    async def repeat(self) -> Outcomes:
        """Send a request on every connection, and the next one as soon as a response has arrived."""
        self._begin()
        self._after = self._send_next
        for _ in range(self._connections):
            self._send()
        await asyncio.sleep(self.outcomes.seconds)
        return await self._drain()

    def _begin(self) -> float:
        begin = perf_counter()
        self._end = begin + self.outcomes.seconds
        return begin

    def _send_next(self, status: int) -> None:
        asyncio.get_running_loop().call_later(0 if status != LOST else RETRY_SECONDS, self._send)

    def _send(self) -> None:
        if perf_counter() >= self._end:
            return
        connection = self._take()
        if connection is None:
            self.outcomes.unsent += 1
            return
        self._busy.add(connection)
        self.outcomes.sent += 1
        connection.send(next(self._requests))

    def _take(self) -> ClientConnection | None:
        """Return an idle connection or a new one, or None if all are in use."""
        while self._idle:
            if (connection := self._idle.pop()).reusable:  # the server may have closed it
                return connection
        if len(self._busy) >= self._connections:
            return None
        connection = ClientConnection(self._finish)
        task = asyncio.get_running_loop().create_task(self._open(connection))
        self._opening.add(task)
        task.add_done_callback(self._opening.discard)
        return connection

    async def _open(self, connection: ClientConnection) -> None:
        try:
            await asyncio.get_running_loop().create_connection(lambda: connection, "127.0.0.1", self._port)
        except OSError:
            connection.abort()

    def _finish(self, connection: ClientConnection, status: int, wait: float) -> None:
        self._busy.discard(connection)
        self.outcomes.add(status, wait, perf_counter() < self._end)
        if connection.reusable:
            self._idle.append(connection)
        self._after(status)

    async def _drain(self) -> Outcomes:
        deadline = perf_counter() + DRAIN_SECONDS
        while self._busy and perf_counter() < deadline:
            await asyncio.sleep(TICK)
        for connection in [*self._busy, *self._idle]:
            connection.abort()
        await asyncio.sleep(10 * TICK)  # until the aborted requests are counted
        return self.outcomes


def submit(
    executor: Executor,
    port: int,
    requests: Sequence[PreparedRequest],
    seconds: float,
    connections: int,
    rate: float | None = None,
    delay: float = 0.0,
) -> Future[Outcomes]:
    """Start a load in a process: an open loop at `rate` requests per second, or a closed loop without a rate."""
    return executor.submit(run, port, requests, seconds, connections, rate, delay)


def run(
    port: int,
    requests: Sequence[PreparedRequest],
    seconds: float,
    connections: int,
    rate: float | None,
    delay: float = 0.0,
) -> Outcomes:
    """Run a load in this process, after a delay in seconds."""
    sleep(delay)
    gc.collect()
    gc.disable()  # a collection would delay the responses, whose time is being measured
    try:
        return uvloop.run(_run(port, requests, seconds, connections, rate))
    finally:
        gc.enable()


async def _run(
    port: int, requests: Sequence[PreparedRequest], seconds: float, connections: int, rate: float | None
) -> Outcomes:
    generator = Generator(port, requests, connections, seconds)
    return await (generator.repeat() if rate is None else generator.offer(rate))
