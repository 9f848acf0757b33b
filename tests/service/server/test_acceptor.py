"""A burst of connections is accepted at once, and spread over the workers."""

import asyncio
import errno
import socket
import time
from contextlib import AsyncExitStack, ExitStack
from functools import partial
from pathlib import Path
from typing import Any, Self
from unittest.mock import MagicMock

import pytest

from service.admin_address import AdminAddress
from service.metrics.memory import ACCEPTS, CONNECTIONS
from service.metrics.registry import Metrics
from service.server.acceptor import Acceptor
from service.server.siblings import REFRESH_SECONDS, Siblings
from tests.helpers.server import Server
from tests.helpers.wire import Wire, http_request


class Accepted:
    """The connections of an acceptor."""

    def __init__(self) -> None:
        self.siblings, self.protocols, self.stopped = Siblings(Metrics()), list[asyncio.Protocol](), False
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=200)
        self.listener.setblocking(False)
        self.acceptor = Acceptor(
            asyncio.get_running_loop(), [self.listener.dup()], self.connect, self.siblings, AdminAddress()
        )

    def connect(self) -> asyncio.Protocol:
        self.protocols.append(asyncio.Protocol())
        return self.protocols[-1]

    async def __aenter__(self) -> Self:
        return self

    async def stop(self) -> None:
        if not self.stopped:
            self.stopped = True
            await self.acceptor.stop()

    async def __aexit__(self, *_: object) -> None:
        await self.stop()
        self.listener.close()

    async def wait_for(self, count: int) -> None:
        async with asyncio.timeout(10):
            while len(self.protocols) < count:
                await asyncio.sleep(0.001)
        assert len(self.protocols) == count
        assert self.siblings.connections == count


@pytest.mark.parametrize("waiting", [1, 5, 150])
def test_all_waiting_connections_are_accepted(waiting: int) -> None:
    async def run() -> None:
        async with Accepted() as accepted, AsyncExitStack() as stack:
            for _ in range(waiting):
                stack.enter_context(socket.create_connection(accepted.listener.getsockname()))
            accepted.acceptor.start()
            await accepted.wait_for(waiting)
            await asyncio.sleep(0.01)

    asyncio.run(run())


def test_a_stopped_acceptor_takes_what_waits_and_leaves_connections_to_others() -> None:
    async def run() -> None:
        async with Accepted() as accepted, AsyncExitStack() as stack:
            accepted.acceptor.start()
            stack.enter_context(socket.create_connection(accepted.listener.getsockname()))
            await accepted.stop()
            assert len(accepted.protocols) == 1
            accepted.protocols.clear()
            with socket.create_connection(accepted.listener.getsockname()):
                await asyncio.sleep(0.01)
                assert accepted.protocols == []
                accepted.listener.accept()[0].close()

    asyncio.run(run())


def test_a_busy_sibling_delays_no_connection_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    async def run() -> None:
        async with Accepted() as accepted, AsyncExitStack() as stack:
            monkeypatch.setattr(Siblings, "fewest_connections", 0)
            accepted.acceptor.start()
            began = time.monotonic()
            for _ in range(100):
                stack.enter_context(socket.create_connection(accepted.listener.getsockname()))
            await accepted.wait_for(100)
            assert 0.01 < time.monotonic() - began < 1

    asyncio.run(run())


def test_too_many_open_files_are_no_end(caplog: pytest.LogCaptureFixture) -> None:
    async def run() -> None:
        async with Accepted() as accepted, AsyncExitStack() as stack:
            listener = MagicMock(wraps=accepted.listener.dup())
            errors = [OSError(errno.EMFILE, "Too many open files"), ConnectionAbortedError()]
            listener.accept.side_effect = partial(_accept, accepted.listener, errors)
            listener.fileno.return_value = accepted.listener.fileno()
            listener.getsockname.return_value = accepted.listener.getsockname()
            acceptor = Acceptor(
                asyncio.get_running_loop(), [listener], accepted.connect, accepted.siblings, AdminAddress()
            )
            stack.enter_context(socket.create_connection(accepted.listener.getsockname()))
            acceptor.start()
            await accepted.wait_for(1)
            await acceptor.stop()

    asyncio.run(run())
    assert [record.getMessage() for record in caplog.records] == [
        "no connection can be accepted: [Errno 24] Too many open files"
    ]


def _accept(listener: socket.socket, errors: list[OSError]) -> tuple[socket.socket, Any]:
    """Raise the errors, one per call, before a connection is accepted."""
    if errors:
        raise errors.pop(0)
    return listener.accept()


def _counts(server: Server) -> list[int]:
    """Return the connections of each worker that accepts some."""
    with server.open_memory() as memory:
        return [int(record[CONNECTIONS]) for record in memory.records_of_others() if record[ACCEPTS]]


def _counts_of_burst(server: Server, number: int) -> list[int]:
    """Open connections at once; return how many each worker has accepted."""
    server.wait_for(lambda: sum(_counts(server)) == 0)
    with ExitStack() as stack:
        wires = [stack.enter_context(Wire(server.port)) for _ in range(number)]
        for wire in wires:
            assert wire.send(http_request("GET", "/livez")).read_response()
        counts = _counts(server)
    assert sum(counts) == number
    return counts


@pytest.mark.parametrize("number", [8, 32])
def test_connections_are_spread_over_the_workers(number: int, iris: Path) -> None:
    with Server(iris, workers=2) as server:
        server.wait_until_ready()
        server.wait_for(lambda: len(_counts(server)) == 2)
        time.sleep(2 * REFRESH_SECONDS)  # until they know of each other
        # On a busy machine a worker may get no processor time: the other one rightly accepts its share of that burst.
        bursts = [_counts_of_burst(server, number) for _ in range(10)]
        assert sum(min(counts) >= number // 4 for counts in bursts) >= 2, bursts


def test_each_connection_of_a_burst_is_served(iris: Path) -> None:
    with Server(iris, workers=1) as server, ExitStack() as stack:
        server.wait_until_ready()
        wires = [stack.enter_context(Wire(server.port)) for _ in range(200)]
        for wire in wires:
            wire.send(http_request("GET", "/livez"))
        answers = [wire.read_response() for wire in wires]
        assert {answer.status for answer in answers if answer} == {200}
        assert all(answers)
