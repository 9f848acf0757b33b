"""A burst of connections is accepted at once."""

import asyncio
import socket
from contextlib import ExitStack
from pathlib import Path

import pytest

from service.server.acceptor import Acceptor
from tests.helpers.server import Server
from tests.helpers.wire import Wire, http_request


@pytest.mark.parametrize("waiting", [0, 5, 150])
def test_all_waiting_connections_are_accepted(waiting: int) -> None:
    async def run() -> int:
        loop = asyncio.get_running_loop()
        accepted: list[asyncio.Protocol] = []

        def connect(**arguments: int) -> asyncio.Protocol:
            assert arguments == {"number": 7}
            accepted.append(asyncio.Protocol())
            return accepted[-1]

        with ExitStack() as stack:
            listener = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=200))
            listener.setblocking(False)
            for _ in range(waiting):
                stack.enter_context(socket.create_connection(listener.getsockname()))
            Acceptor(loop, [listener], connect)(number=7)
            async with asyncio.timeout(10):
                while len(accepted) < waiting + 1:
                    await asyncio.sleep(0)
            await asyncio.sleep(0.01)
        return len(accepted)

    assert asyncio.run(run()) == waiting + 1


def test_a_closed_listener_accepts_nothing() -> None:
    async def run() -> None:
        listener = socket.create_server(("127.0.0.1", 0))
        acceptor = Acceptor(asyncio.get_running_loop(), [listener], asyncio.Protocol)
        acceptor()
        listener.close()
        await asyncio.sleep(0.01)

    asyncio.run(run())


def test_each_connection_of_a_burst_is_served(iris: Path) -> None:
    with Server(iris, workers=1) as server, ExitStack() as stack:
        server.wait_until_ready()
        wires = [stack.enter_context(Wire(server.port)) for _ in range(200)]
        for wire in wires:
            wire.send(http_request("GET", "/livez"))
        answers = [wire.read_response() for wire in wires]
        assert {answer.status for answer in answers if answer} == {200}
        assert all(answers)
