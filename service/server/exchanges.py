"""Pipelining (RFC 9112, 9.3.2): the pending requests of one connection, in order."""

from collections import deque
from dataclasses import dataclass

from service.errors import RequestError, RequestRejected, body_too_large, unexpected_body
from service.prediction.memory_budget import Reservation
from service.prediction.messages import LARGE_BODY, Request, Response
from service.protocols import Codec, Route, find_route
from service.protocols.codec import error_response
from service.server.request_head import HeaderFields, RawHeaders, RequestHead
from service.views import Service

MAX_SKIPPED = 2**20  # bytes of a refused body that are received, so that the connection stays open
MAX_PIPELINED = 100  # pending requests per connection


@dataclass(slots=True)
class Exchange:
    """A request, with its route if it is a prediction, or its response if it is rejected."""

    head: RequestHead
    request: Request
    route: Route | None = None
    body_limit: int = 0
    response: Response | None = None

    @property
    def has_body(self) -> bool:
        """Whether the client sends a body, which may be empty if it is sent in chunks."""
        return self.request.content_length > 0 or "transfer-encoding" in self.head.fields

    @property
    def can_be_skipped(self) -> bool:
        """Whether the client sends a body that is short enough to be skipped."""
        return 0 < self.request.content_length <= MAX_SKIPPED and not self.head.expects_continue


class ExchangeQueue(deque[Exchange]):
    """The exchanges of one connection, the oldest first."""

    def __init__(self, service: Service) -> None:
        super().__init__()
        self._pipeline, self._budget, self._record = service.pipeline, service.budget, service.record
        self.predicts = True  # whether the address of the connection has predictions
        self._ended = False

    def receive(self, head: RequestHead) -> Exchange:
        """Append and return a request whose body has not been received yet. Raises RequestRejected for too many.

        A request with a Content-Length above its limit gets its error here, so that its body is not awaited.
        """
        if len(self) >= MAX_PIPELINED:
            raise RequestRejected(429, f"more than {MAX_PIPELINED} requests are pending: wait for the responses")
        route = find_route(head.path) if self.predicts and head.method == "POST" else None
        limit = self._pipeline.body_limit(route, head.fields)
        head.keep_alive &= not self._ended
        exchange = Exchange(head, self._request(head), route, limit)
        size = exchange.request.content_length
        if size > LARGE_BODY:
            exchange.request.reservation.expect(size)
        if size > limit:
            exchange.request.error = body_too_large(limit) if route else unexpected_body(limit)
        self.append(exchange)
        return exchange

    def receive_body(self, data: bytes) -> bool:
        """Append a part of the body of the last request. Return whether the body is within its limit."""
        exchange, request = self[-1], self[-1].request
        request.body += data
        if len(request.body) > exchange.body_limit:
            return False
        request.reservation.receive(len(request.body))
        return True

    @property
    def receives_large(self) -> bool:
        """Whether the body of the last request is already large."""
        return len(self[-1].request.body) > LARGE_BODY

    def reject(self, raw: RawHeaders, error: RequestError, *, in_body: bool) -> None:
        """Append the error response to a request with an invalid head or an incomplete body, and count it."""
        head, route = RequestHead("", "", "", HeaderFields(raw)), None
        request = self._request(head)
        if in_body:
            received = self.drop_last()
            head.method, route, request.began = received.head.method, received.route, received.request.began
        self._record(head.method, route and route.template, error.status, request.request_id, request.began)
        self.append(Exchange(head, request, response=error_response(Codec, error, request.request_id)))

    def _request(self, head: RequestHead) -> Request:
        return Request(head.fields, Reservation(self._budget))

    def drop_last(self) -> Exchange:
        """Remove and return the latest exchange, and release its memory."""
        exchange = self.pop()
        exchange.request.release()
        return exchange

    def drop_behind(self, kept: int) -> None:
        """Keep the `kept` oldest exchanges; remove all others, and release their memory."""
        while len(self) > kept:
            self.drop_last()

    def half_close(self) -> None:
        """Mark all requests: their client sends nothing more, and may be gone."""
        self.end()
        for exchange in self:
            exchange.request.half_closed = True

    def end(self) -> None:
        """Let the last request, and any that follows, be the last one of its connection."""
        self._ended = True
        if self:
            self[-1].head.keep_alive = False

    def abandon(self, *, in_progress: bool) -> None:
        """Drop the requests of a client that has disconnected, except the one in progress, which is marked."""
        self.drop_behind(1 if in_progress else 0)
        for exchange in self:
            exchange.request.abandon()
