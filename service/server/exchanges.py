"""Pipelining (RFC 9112, 9.3.2): the requests of one connection that are not answered yet, in their order."""

from collections import deque
from dataclasses import dataclass

from service.prediction.messages import Request, Response
from service.protocols import Route
from service.server.request_head import RequestHead, RequestRejected

MAX_PIPELINED = 100  # requests that one connection may have unanswered


@dataclass(slots=True)
class Exchange:
    """A request and, where it needed nobody to be made, its response. `route` is where a prediction is made, if so."""

    head: RequestHead
    request: Request
    route: Route | None = None
    body_limit: int = 0
    response: Response | None = None


class ExchangeQueue(deque[Exchange]):
    """The exchanges of one connection, the oldest first."""

    def receive(self, exchange: Exchange) -> None:
        """Append a request whose body is still to come. Raises RequestRejected where there are too many."""
        if len(self) >= MAX_PIPELINED:
            raise RequestRejected(429, f"more than {MAX_PIPELINED} requests are sent at once")
        self.append(exchange)

    def drop_last(self) -> Exchange:
        """Remove the latest exchange, and what it holds; return it."""
        exchange = self.pop()
        exchange.request.reservation.release()
        return exchange

    def drop_behind(self, kept: int) -> None:
        """Remove all exchanges but the oldest ones, and what they hold."""
        while len(self) > kept:
            self.drop_last()
