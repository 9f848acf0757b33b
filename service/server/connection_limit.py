"""The limit of the connections of a worker.

Theory of operation
-------------------
A connection beyond the limit is not left in the backlog, where a probe would wait as long as all others. It is
accepted, and closed after the response to its first request: health is answered, and anything else gets a 503 that is
decided from the head. At most ALLOWANCE such connections are open, each until it times out; further ones are closed at
once. When the number of connections is within the limit again, those that are still open are served like the others.

Connections to the admin address are not counted, so that clients cannot make it unavailable.
"""

import asyncio
import resource
import sys
from collections.abc import Callable

from service.errors import Overloaded
from service.server.exchanges import Exchange

ALLOWANCE = 100  # connections beyond the limit
# Of a worker, besides the connections within the limit: listening sockets, metrics, files of the store while a version
# is loaded (about 60 together), and connections to the admin address.
OTHER_FILES = ALLOWANCE + 156


class ConnectionLimit:
    """The open connections of one worker. Those beyond the limit are in `surplus`."""

    def __init__(self, most: int = sys.maxsize, on_removed: Callable[[], object] = lambda: None) -> None:
        self._most, self._on_removed = most, on_removed
        self._open = set[asyncio.BaseProtocol]()
        self.surplus = set[asyncio.BaseProtocol]()

    def add(self, connection: asyncio.BaseProtocol, transport: asyncio.Transport) -> None:
        """Count a connection. Close it if there are too many, even for health."""
        self._open.add(connection)
        if len(self._open) > self._most + ALLOWANCE:
            transport.abort()
        elif len(self._open) > self._most:
            self.surplus.add(connection)

    def remove(self, connection: asyncio.BaseProtocol) -> None:
        """Forget a connection that has been closed, and one to the admin address, which was not added."""
        if connection in self._open:
            self._open.remove(connection)
            self._on_removed()
        self.surplus.discard(connection)
        if len(self._open) <= self._most:
            self.surplus.clear()

    def restrict(self, exchange: Exchange, *, is_health: bool) -> None:
        """Make the request of a surplus connection its last one, and refuse it unless it asks for health."""
        exchange.head.keep_alive = False
        if not is_health:
            exchange.request.error = Overloaded(
                f"too many connections (at most {self._most} per worker): reuse connections, or try again later"
            )


def fit_connections(wanted: int) -> int:
    """Return how many of the connections a process may open. Raise its limit of open files as far as they need."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = wanted + OTHER_FILES
    allowed = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
    if soft != resource.RLIM_INFINITY and soft < allowed:
        resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
    return max(allowed - OTHER_FILES, 1)
