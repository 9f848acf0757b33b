"""Pipelining (RFC 9112, 9.3.2): the requests of one connection that are not answered yet, in their order."""

from collections import deque
from dataclasses import dataclass

from service.errors import RequestError
from service.prediction.memory_budget import MemoryBudget
from service.prediction.messages import Request, Response
from service.prediction.pipeline import PredictionPipeline
from service.protocols import Codec, Route, find_route
from service.protocols.codec import error_response
from service.server.request_head import RequestHead, RequestRejected

MAX_PIPELINED = 100  # requests that one connection may have unanswered


@dataclass(slots=True)
class Exchange:
    """A request; its route if that is a prediction; its response if that is a rejection."""

    head: RequestHead
    request: Request
    route: Route | None = None
    body_limit: int = 0
    response: Response | None = None


class ExchangeQueue(deque[Exchange]):
    """The exchanges of one connection, the oldest first."""

    def __init__(self, pipeline: PredictionPipeline, budget: MemoryBudget) -> None:
        super().__init__()
        self._pipeline, self._budget = pipeline, budget

    def receive(self, head: RequestHead) -> None:
        """Append a request whose body is still to come. Raises RequestRejected where there are too many."""
        if len(self) >= MAX_PIPELINED:
            raise RequestRejected(429, f"more than {MAX_PIPELINED} requests are sent at once")
        route = find_route(head.path)
        limit = self._pipeline.body_limit(route, head.fields)
        self.append(Exchange(head, self._request(head), route, limit))

    def reject(self, head: RequestHead, error: RequestError) -> None:
        """Append the response to what never became a request, or not a complete one."""
        request = self._request(head)
        self.append(Exchange(head, request, response=error_response(Codec, error, request.request_id)))

    def _request(self, head: RequestHead) -> Request:
        return Request(head.fields, self._budget.reserve())

    def drop_last(self) -> Exchange:
        """Remove the latest exchange, and what it holds; return it."""
        exchange = self.pop()
        exchange.request.release()
        return exchange

    def drop_behind(self, kept: int) -> None:
        """Remove all exchanges but the oldest ones, and what they hold."""
        while len(self) > kept:
            self.drop_last()
