"""Accepts connections: about as many as each other worker does, and a burst at once.

Theory of operation
-------------------
All workers wait for the same listening socket, so that none of its connections is lost when a worker ends. The kernel
wakes all of them for a new connection, and the fastest accepts it: without a rule, one idle worker gets nearly all of
the connections that are opened at once, and keeps them. So a worker that has more connections than another one leaves
a new connection to that one for YIELD_SECONDS. If the other one has accepted nothing by then, because it is busy or
hangs, a few are accepted nevertheless. The connections to the admin address are few, and accepted at once.
"""

import asyncio
import logging
import socket
from collections.abc import Callable, Sequence

from service.admin_address import AdminAddress
from service.server.siblings import Siblings

MAX_ACCEPTED = 256  # per iteration of the event loop and listening socket
YIELD_SECONDS, MIN_ACCEPTED = 0.001, 4  # which is the least number after a pause in vain
RETRY_SECONDS = 0.1  # after an error, such as too many open files
MARGIN_SHARE = 8  # for each 8 connections, one more than others, so that a burst is accepted in few steps
log = logging.getLogger("npserve")


class Acceptor:
    """Accepts the connections of the listening sockets in turns with the siblings, but for the admin address."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        listeners: Sequence[socket.socket],
        connect: Callable[[], asyncio.BaseProtocol],
        siblings: Siblings,
        admin: AdminAddress,
    ) -> None:
        self._loop, self._listeners, self._connect, self._siblings = loop, listeners, connect, siblings
        self._shared = [listener for listener in listeners if not admin.matches(listener.getsockname())]
        self._tasks = set[asyncio.Task[None]]()
        self._stopped = self._failed = False

    def start(self) -> None:
        """Accept connections from now on."""
        self._siblings.note(accepts=True)
        for listener in self._listeners:
            self._loop.add_reader(listener, self._accept_waiting, listener)

    async def stop(self) -> None:
        """Accept the connections that wait now, and close the sockets: others are left to the siblings."""
        self._stopped = True
        self._siblings.note(accepts=False)
        for listener in self._listeners:
            self._loop.remove_reader(listener)
            self._accept_waiting(listener, MAX_ACCEPTED)
            listener.close()  # at once, because connections that wait at the last close are reset
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _accept_waiting(self, listener: socket.socket, least: int = 0) -> None:
        """Accept the connections that wait; at least so many, if siblings have clearly fewer."""
        siblings, is_shared = self._siblings, listener in self._shared
        for number in range(MAX_ACCEPTED):
            own = siblings.connections
            if is_shared and number >= least and own > siblings.fewest_connections + own // MARGIN_SHARE:
                self._pause(listener, YIELD_SECONDS)
                return
            if not self._accept(listener, is_counted=is_shared):
                return

    def _accept(self, listener: socket.socket, *, is_counted: bool) -> bool:
        """Accept a connection. Return whether another one may be accepted now."""
        try:
            accepted, _ = listener.accept()
        except (BlockingIOError, InterruptedError):
            return False
        except ConnectionAbortedError:  # the client has gone
            return True
        except OSError as error:
            if not self._failed:
                log.error("no connection can be accepted: %s", error)  # noqa: TRY400  # the place is known
            self._failed = True
            self._pause(listener, RETRY_SECONDS)
            return False
        self._failed = False
        if is_counted:
            self._siblings.add_connection()
        task = self._loop.create_task(self._start(accepted, is_counted=is_counted))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return True

    async def _start(self, accepted: socket.socket, *, is_counted: bool) -> None:
        try:
            await self._loop.connect_accepted_socket(self._connect, accepted)
        except OSError:  # the client has disconnected
            accepted.close()
            if is_counted:
                self._siblings.remove_connection()

    def _pause(self, listener: socket.socket, seconds: float) -> None:
        """Accept nothing for a while."""
        self._loop.remove_reader(listener)
        self._loop.call_later(seconds, self._resume, listener, self._siblings.fewest_connections)

    def _resume(self, listener: socket.socket, fewest: float) -> None:
        """Accept again. Before the pause, a sibling had `fewest` connections."""
        if not self._stopped:
            in_vain = fewest == self._siblings.fewest_connections
            self._loop.add_reader(listener, self._accept_waiting, listener)
            self._accept_waiting(listener, MIN_ACCEPTED if in_vain else 0)
