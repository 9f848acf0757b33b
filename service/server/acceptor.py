"""Accepts connections: all that wait, not one per iteration of the event loop.

libuv accepts one connection per iteration and listening socket. After a burst, a probe would wait for hundreds of
iterations, because its connection is the last in the backlog. So the others are accepted in the iteration that follows
a new connection.
"""

import asyncio
import socket
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

MAX_ACCEPTED = 256  # per iteration and listening socket


class Acceptor:
    """Called by uvicorn for the protocol of each new connection. `connect` creates it."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        listeners: Sequence[socket.socket],
        connect: Callable[..., asyncio.BaseProtocol],
    ) -> None:
        self._loop, self._listeners, self._connect = loop, listeners, connect
        self._scheduled = False
        self._tasks = set[asyncio.Task[Any]]()

    def __call__(self, **arguments: Any) -> asyncio.BaseProtocol:
        self._schedule(partial(self._connect, **arguments))
        return self._connect(**arguments)

    def _schedule(self, connect: Callable[[], asyncio.BaseProtocol]) -> None:
        if not self._scheduled:
            self._scheduled = True
            self._loop.call_soon(self._accept_waiting, connect)

    def _accept_waiting(self, connect: Callable[[], asyncio.BaseProtocol]) -> None:
        self._scheduled = False
        for listener in self._listeners:
            for _ in range(MAX_ACCEPTED):
                try:
                    accepted, _address = listener.accept()
                except OSError:  # none waits, the client has gone, or the server is closing
                    break
                task = self._loop.create_task(self._start(connect, accepted))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)
            else:
                self._schedule(connect)

    async def _start(self, connect: Callable[[], asyncio.BaseProtocol], accepted: socket.socket) -> None:
        try:
            await self._loop.connect_accepted_socket(connect, accepted)
        except OSError:  # the client has disconnected
            accepted.close()
