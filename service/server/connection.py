"""One HTTP connection: predictions go to the batcher, all other requests to the dispatcher of the address.

Theory of operation
-------------------
A connection has one component per concern, and this module connects them:

    transport -> RequestParser -> ExchangeQueue -> Batcher or ViewDispatcher -> response -> transport
    beside them: ConnectionState (states and transitions), ConnectionLimit, Timeouts, FlowControl

- A request is dispatched when it is complete, so that a slow sender does not block others, and all earlier requests of
  the connection have their responses. So at most one request per connection is in progress: the first of the queue.
- `_advance` performs the actions that the states allow: it sends, dispatches, and pauses reading while more than one
  request is pending or the client does not read its responses. It is idempotent, and called after each event that may
  allow an action.
- A request owns its reservation. It is made with the head, resized by the body and by the pipeline, and released when
  the client has read most of the response (until then it is `_unsent`), or when the exchange is dropped.

uvicorn, which is pinned, calls `shutdown()`; its `server_state` has the open connections, the default headers and the
number of requests. Nothing else of it is used.
"""

import asyncio
from time import perf_counter

from uvicorn.config import Config
from uvicorn.server import ServerState

from service.errors import ClientGone, RequestError, RequestRejected
from service.prediction.calls import PendingRequest
from service.prediction.messages import Response
from service.server.batching.batcher import Batcher
from service.server.connection_limit import ConnectionLimit
from service.server.connection_state import ConnectionState, ReadEvent, Reading, ReadingEvent, WriteEvent, Writing
from service.server.exchanges import Exchange, ExchangeQueue
from service.server.flow_control import FlowControl
from service.server.request_head import RequestHead
from service.server.request_parser import RequestParser
from service.server.response_bytes import serialize_response
from service.server.timeouts import Seconds, Timeouts
from service.server.view_dispatcher import ViewDispatcher
from service.views import Service


class HTTPConnection(asyncio.Protocol):
    """The asyncio protocol of one HTTP connection."""

    def __init__(
        self,
        service: Service,
        batcher: Batcher,
        views: ViewDispatcher,
        admin_views: ViewDispatcher | None = None,
        *,
        limit: ConnectionLimit | None = None,
        config: Config,
        server_state: ServerState,
    ) -> None:
        self._service, self._batcher, self._server = service, batcher, server_state
        self._views, self._admin_views, self._limit = views, admin_views, limit or ConnectionLimit()
        settings = service.settings
        self._seconds = Seconds(settings.header_seconds, settings.body_seconds, config.timeout_keep_alive)
        self._state, self._exchanges = ConnectionState(), ExchangeQueue(service)
        self._parser = RequestParser(self._state, self)
        self._unsent = service.budget.reserve()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self._server.connections.add(self)  # type: ignore[arg-type]
        self._transport = transport
        if self._admin_views and self._service.admin.matches(transport.get_extra_info("sockname")):
            self._views, self._exchanges.predicts = self._admin_views, False
        else:
            self._limit.add(self, transport)
        self._flow = FlowControl(transport, self._batcher.turns)
        self._timeouts = Timeouts(transport, self._state, self._flow, self._seconds, self._expire)

    def connection_lost(self, exc: Exception | None) -> None:
        """Drop the pending requests; the one in progress is marked as abandoned."""
        self._server.connections.discard(self)
        self._limit.remove(self)
        self._exchanges.abandon(in_progress=self._state.writing is Writing.RESPONDING)
        self._state.on_read(ReadEvent.END)
        self._state.on_write(WriteEvent.CLOSED)
        self._timeouts.stop()
        self._parser.close()
        self._unsent.release()
        if not self._server.connections:
            self._service.pipeline.counter.count()  # a stopping worker waits only for its connections

    def data_received(self, data: bytes) -> None:
        if self._state.reading is Reading.DISCARDING:
            self._flow.discard(len(data))
            return
        try:
            self._parser.feed(data)
        except RequestError as error:
            self._reject(error)
        if self._state.reading is Reading.BODY and self._exchanges.receives_large:
            self._flow.take_turn(len(data), is_needed=True)

    def eof_received(self) -> bool:
        """Respond to the complete requests of a client that has closed its side. True keeps the connection open."""
        if self._state.reading is Reading.BODY:
            self._exchanges.drop_last()
        self._state.on_read(ReadEvent.END)
        self._exchanges.half_close()
        if not self._exchanges:
            self._close()
        return bool(self._exchanges)

    def shutdown(self) -> None:
        """Close after the responses, or soon: the client of an idle connection may be sending a request just now."""
        self._exchanges.end()
        self._timeouts.shorten()

    def pause_writing(self) -> None:
        """Stop sending: the client does not read its responses."""
        self._state.on_write(WriteEvent.PAUSED)
        self._timeouts.restart_write_timeout()

    def resume_writing(self) -> None:
        self._state.on_write(WriteEvent.RESUMED)
        self._unsent.release()
        self._timeouts.restart_write_timeout()
        self._advance()

    def begin_request(self) -> None:
        self._state.on_read(ReadEvent.BEGIN)
        self._timeouts.restart()

    def receive_head(self, head: RequestHead) -> None:
        exchange = self._exchanges.receive(head)
        if self in self._limit.surplus:
            self._limit.restrict(exchange, is_health=self._views.is_health(head))
        elif exchange.route and exchange.request.is_large and not exchange.request.error:
            exchange.request.error = self._batcher.admit(exchange.route, exchange.request)
        self._state.on_read(ReadEvent.HEAD)
        self._timeouts.restart()
        if exchange.request.error and exchange.has_body:
            self._flow.allow(exchange.body_limit)
            self.end_request(ReadEvent.REFUSED if exchange.can_be_skipped else ReadEvent.REJECTED)
        elif head.expects_continue or len(self._exchanges) > 1:
            self._advance()

    def receive_body(self, data: bytes) -> None:
        if not self._exchanges.receive_body(data):
            self.end_request(ReadEvent.REJECTED)

    def end_request(self, event: ReadingEvent = ReadEvent.REQUEST) -> None:
        """End the request that is being received. If it is REFUSED or REJECTED, the rest of its body is ignored."""
        exchange = self._exchanges[-1]
        exchange.request.completed = perf_counter()
        exchange.head.keep_alive &= event is not ReadEvent.REJECTED
        self._state.on_read(event)
        self._timeouts.restart()
        self._advance()

    def end_skipped(self) -> None:
        self._state.on_read(ReadEvent.REQUEST)
        self._timeouts.restart()

    def _advance(self) -> None:
        """Send the available responses, and dispatch the next request."""
        while self._exchanges and self._state.writing is Writing.IDLE:
            exchange = self._exchanges[0]
            if exchange.response is not None:
                self._send(exchange, exchange.response)
            elif self._state.reading is not Reading.BODY or len(self._exchanges) > 1:
                self._dispatch(exchange)
            else:
                self._send_continue(exchange)
                break
        if self._flow.pause_reading(self._state.writing is Writing.BLOCKED or len(self._exchanges) > 1):
            self._timeouts.restart()  # paused time does not count against the client

    def _send_continue(self, exchange: Exchange) -> None:
        """Send 100 Continue to a client that waits for it before it sends the body (RFC 9110, 10.1.1)."""
        if exchange.head.expects_continue and not exchange.request.body:
            exchange.head.expects_continue = False
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def _dispatch(self, exchange: Exchange) -> None:
        self._state.on_write(WriteEvent.DISPATCHED)
        if exchange.route:
            self._batcher.submit(PendingRequest(exchange.request, exchange.route, self._respond))
        elif exchange.request.error:
            self._views.refuse(exchange.head, exchange.request.error, self._respond)
        else:
            self._views.submit(exchange.head, exchange.request.body, self._transport, self._respond)

    def _respond(self, response: Response) -> None:
        """Send the response to the dispatched request."""
        if self._state.writing is Writing.CLOSED:
            self._exchanges.drop_behind(0)
        elif response.status == ClientGone.status:
            self._close()
        else:
            self._send(self._exchanges[0], response)
            self._advance()

    def _send(self, exchange: Exchange, response: Response) -> None:
        self._exchanges.popleft()
        self._state.on_write(WriteEvent.RESPONSE)
        self._transport.write(serialize_response(response, exchange.head, self._server.default_headers))
        self._server.total_requests += 1
        if self._state.writing is Writing.BLOCKED:
            self._unsent = exchange.request.reservation
            self._unsent.settle(self._transport.get_write_buffer_size())
        else:
            exchange.request.release()
        if not exchange.head.keep_alive:
            self._finish(response.status)
        elif self._state.reading is Reading.IDLE:
            self._timeouts.restart()

    def _finish(self, status: int) -> None:
        """Close, but first read from a client that is still sending: it would lose the response otherwise."""
        self._exchanges.drop_behind(0)
        unread = self._state.reading is Reading.IDLE and self._flow.has_unread()  # data after the last request
        if unread or self._state.reading is Reading.SKIPPING:
            self._state.on_read(ReadEvent.REJECTED)
        if self._state.reading is Reading.DISCARDING and status != 408:
            self._state.on_write(WriteEvent.END)
            self._timeouts.restart()
            self._transport.write_eof()
        else:
            self._close()

    def _close(self) -> None:
        self._state.on_read(ReadEvent.END)
        self._state.on_write(WriteEvent.CLOSED)
        self._transport.close()

    def _reject(self, error: RequestError) -> None:
        """Queue the error response to a request that could not be received, then close."""
        if self._state.reading is Reading.DISCARDING:
            return  # an earlier part of the same data was rejected
        self._exchanges.reject(self._parser.raw_headers, error, in_body=self._state.reading is Reading.BODY)
        self._state.on_read(ReadEvent.REJECTED)
        self._advance()

    def _expire(self) -> None:
        """Close. A client that has not sent the expected headers or body gets a 408 first."""
        if (reading := self._state.reading) in (Reading.HEAD, Reading.BODY):
            self._reject(RequestRejected(408, f"the {reading} did not arrive within {self._timeouts.limit:g} seconds"))
        else:
            self._close()
