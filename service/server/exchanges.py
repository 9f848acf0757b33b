"""Pipelining (RFC 9112, 9.3.2): the requests of one connection that are not answered yet, in their order."""

from collections import deque
from dataclasses import dataclass, field
from time import perf_counter

from service.prediction.messages import Response
from service.server.memory_budget import SMALL, MemoryBudget
from service.server.request_head import RequestHead, RequestRejected

MAX_PIPELINED = 100  # requests that one connection may have unanswered


@dataclass(slots=True)
class Exchange:
    """A request, complete or being received, and its response.

    `held` is what the budget counts of its body; `began` is the perf_counter when its head was complete.
    """

    head: RequestHead
    body_limit: int = 0
    body: bytearray = field(default_factory=bytearray)
    held: int = 0
    began: float = field(default_factory=perf_counter)
    complete: bool = False
    dispatched: bool = False
    cancelled: bool = False
    response: Response | None = None


class ExchangeQueue(deque[Exchange]):
    """The exchanges of one connection, the oldest first. `receiving` is the last of them while its body is coming in.

    Bodies of more than SMALL bytes are held in the budget until their exchange leaves the queue.
    """

    def __init__(self, budget: MemoryBudget) -> None:
        super().__init__()
        self._budget = budget
        self.receiving: Exchange | None = None

    def receive(self, head: RequestHead, body_limit: int) -> None:
        """Append a request whose body is still to come. Raises RequestRejected where there are too many."""
        if len(self) >= MAX_PIPELINED:
            raise RequestRejected(429, f"more than {MAX_PIPELINED} requests are sent at once")
        self.receiving = Exchange(head, body_limit)
        self.append(self.receiving)

    def receive_body(self, exchange: Exchange, data: bytes) -> int:
        """Append to the body of an exchange; return its size."""
        exchange.body += data
        size = len(exchange.body)
        if size > SMALL:
            self._budget.held += size - exchange.held
            exchange.held = size
        return size

    def remove_first(self) -> None:
        """Remove the oldest exchange."""
        self._budget.held -= self.popleft().held

    def drop_receiving(self) -> RequestHead | None:
        """Remove the request whose body is coming in; return its head."""
        if self.receiving is None:
            return None
        exchange, self.receiving = self.pop(), None
        self._budget.held -= exchange.held
        return exchange.head

    def cancel_all(self) -> None:
        """Remove all exchanges; those that are being answered see that they are cancelled."""
        for exchange in self:
            exchange.cancelled = True
            self._budget.held -= exchange.held
        self.clear()
        self.receiving = None
