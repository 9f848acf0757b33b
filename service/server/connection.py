"""One HTTP connection: predictions are answered in the event loop, all other requests by the Flask app.

Of uvicorn's HTTP protocol it keeps the parser and the place in the server; requests and responses are its own. A
request is handed on when it is complete, so that a slow sender does not block others, and its response is sent when
all before it on the connection are. Without an ASGI task, predictions can share a forward pass; without uvicorn's
request cycles, small requests take 4 to 12 % less of the server's time. uvicorn is pinned, for its parts are not made
to be replaced.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import Any

import httptools
import orjson
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from service.errors import Overloaded, RequestError, Unexpected
from service.metrics.registry import Metrics
from service.prediction.messages import Headers, Request, Response, read_request_id
from service.protocols import find_route
from service.server.batcher import Batcher, PendingRequest
from service.server.exchanges import Exchange, ExchangeQueue
from service.server.flow_control import FlowControl
from service.server.memory_budget import SMALL, MemoryBudget
from service.server.request_head import (
    MAX_HEAD_BYTES,
    HeaderFields,
    RequestHead,
    RequestRejected,
    check_target,
    read_head,
)
from service.server.response_bytes import serialize_response
from service.server.timeouts import ConnectionState, Timeouts
from service.server.wsgi import WSGIBridge
from service.settings import Settings

MAX_DISCARDED = 2**24  # bytes after a rejection, read so that the client sees why
log = logging.getLogger("npserve")


class HTTPConnection(HttpToolsProtocol):
    """One client."""

    def __init__(
        self,
        batcher: Batcher,
        bridge: WSGIBridge,
        get_body_limit: Callable[[str, Headers], int],
        budget: MemoryBudget,
        settings: Settings,
        metrics: Metrics,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self._batcher, self._bridge, self._get_body_limit = batcher, bridge, get_body_limit
        self._budget, self._metrics = budget, metrics
        self._flow = FlowControl()
        self._timeouts = Timeouts(self.loop, self._flow, settings, self.timeout_keep_alive, self._expire)
        self._exchanges = ExchangeQueue(budget)
        self._discarding = False  # whatever is received from now on is ignored
        self._no_progress = self._discarded = self._buffered = 0  # bytes
        self._progress = False

    # The transport's events.

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for a request."""
        self.connections.add(self)
        self.transport = transport
        self._flow.start(transport)
        self._timeouts.start(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """Drop the requests, and the parser, which refers to this: else bodies stay until garbage is collected."""
        self.connections.discard(self)
        self.parser = None  # type: ignore[assignment]
        self._timeouts.stop()
        self._hold_buffered(0)
        self._exchanges.cancel_all()
        self._discarding = True
        if not self.connections:
            self._batcher.count()  # the worker may be about to end, and waits for nothing but its connections

    def data_received(self, data: bytes) -> None:
        """Feed the parser; what it or this class rejects is answered in JSON."""
        if self._discarding:
            self._discarded += len(data)
            if self._discarded > MAX_DISCARDED:
                self.transport.abort()
            return
        self._progress = False
        upgrade_offset = None
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            upgrade_offset = upgrade.args[0]
        except httptools.HttpParserError as error:
            self._reject(_cause(error))
            return
        if upgrade_offset is not None:  # not in the handler above: there a rejection would lose its cause, the context
            self._feed_without_upgrade(data[upgrade_offset:])
            return
        self._no_progress = 0 if self._progress else self._no_progress + len(data)
        if self._no_progress > MAX_HEAD_BYTES:
            self._reject(RequestRejected(431, f"the headers are larger than {MAX_HEAD_BYTES} bytes"))

    def _feed_without_upgrade(self, rest: bytes) -> None:
        """Treat a request that offers another protocol as the HTTP/1.1 that it is (RFC 9110, 7.8).

        The parser stops at its head and skips its body. Java's client and `curl --http2` make such offers.
        """
        line = b"%s %s HTTP/%s\r\n" % (self.parser.get_method(), self.url, self.parser.get_http_version().encode())
        fields = b"".join(b"%s: %s\r\n" % pair for pair in self.headers if pair[0] != b"upgrade")
        self.parser = httptools.HttpRequestParser(self)
        self.data_received(line + fields + b"\r\n" + rest)

    def eof_received(self) -> bool:  # type: ignore[override]
        """Answer the complete requests of a client that sends no more; True keeps its connection open for that."""
        self._exchanges.drop_receiving()
        if self._exchanges:
            self._exchanges[-1].head.keep_alive = False
            self._timeouts.enter(ConnectionState.RESPONDING)
        return bool(self._exchanges)

    def shutdown(self) -> None:
        """Answer the requests that are there, and close."""
        if self._exchanges:
            self._exchanges[-1].head.keep_alive = False
        else:
            self.transport.close()

    def pause_writing(self) -> None:
        """Wait until the client has read its responses."""
        self._hold_buffered(self.transport.get_write_buffer_size())
        self._flow.pause_writing()
        self._timeouts.restart_write_timeout()
        if self._flow.pause_reading(True):
            self._timeouts.restart()

    def resume_writing(self) -> None:
        """Go on."""
        self._hold_buffered(0)
        self._flow.resume_writing()
        self._timeouts.restart_write_timeout()
        self._advance()

    def _hold_buffered(self, size: int) -> None:
        self._budget.held += size - self._buffered
        self._buffered = size

    # The parser's events.

    def on_message_begin(self) -> None:
        """Begin a request."""
        self.url, self.headers = b"", []
        self._timeouts.enter(ConnectionState.HEAD)

    def on_url(self, url: bytes) -> None:
        """Take a part of the target."""
        self.url += url
        check_target(self.url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header field; trailers, which follow a body, are ignored (RFC 9110, 6.5.1)."""
        if self._timeouts.state is ConnectionState.HEAD:
            self.headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        """Queue a request."""
        if self.parser.should_upgrade() and self.parser.get_method() != b"CONNECT":
            return  # it is parsed again without the offer
        self._timeouts.enter(ConnectionState.BODY)
        self._progress = True
        head = read_head(self.parser, self.url, self.headers)
        self._exchanges.receive(head, self._get_body_limit(head.path, head.fields))
        if head.expects_continue or len(self._exchanges) > 1:
            self._advance()

    def on_body(self, body: bytes) -> None:
        """Collect a body, no further than shows that it is too long."""
        self._progress = True
        exchange = self._exchanges.receiving
        if exchange is None:
            return
        size = self._exchanges.receive_body(exchange, body)
        if size > exchange.body_limit:
            self._discarding, exchange.head.keep_alive = True, False
            self._complete(exchange)
        elif size > SMALL and self._budget.is_exhausted(size):
            raise Overloaded("too much is being sent at once: try again")

    def on_message_complete(self) -> None:
        """Hand a request on."""
        self._progress = True
        if self._exchanges.receiving:
            self._complete(self._exchanges.receiving)

    def _complete(self, exchange: Exchange) -> None:
        self._exchanges.receiving, exchange.complete = None, True
        self._timeouts.enter(ConnectionState.RESPONDING)
        self._advance()

    # The exchanges.

    def _advance(self) -> None:
        """Send the responses that are there, and dispatch the request that is next."""
        while self._exchanges and not self._flow.write_paused:
            exchange = self._exchanges[0]
            if exchange.response is None:
                self._dispatch(exchange)
                break
            self._exchanges.remove_first()
            self._send(exchange.response, exchange.head)
        if self._flow.pause_reading(self._flow.write_paused or len(self._exchanges) > 1):
            self._timeouts.restart()  # paused time does not count against the client

    def _dispatch(self, exchange: Exchange) -> None:
        if exchange.dispatched:
            return
        head = exchange.head
        if not exchange.complete:
            if head.expects_continue and not exchange.body:
                self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            return
        exchange.dispatched = True
        body, exchange.body = exchange.body, bytearray()

        def respond(response: Response) -> None:
            exchange.response = response
            if not exchange.cancelled:
                self._advance()

        if head.method == "POST" and find_route(head.path):
            request = Request(head.path, head.fields, body, exchange.began)
            self._batcher.submit(PendingRequest(request, respond, lambda: exchange.cancelled))
        else:
            self._batcher.count()  # it may ask for the metrics
            self._bridge.submit(head, body, self.transport, respond)

    def _send(self, response: Response, head: RequestHead) -> None:
        self.transport.write(serialize_response(response, head, self.server_state.default_headers))
        self.server_state.total_requests += 1
        if self._timeouts.state is ConnectionState.RESPONDING and not self._exchanges:
            self._timeouts.enter(ConnectionState.IDLE)
        if not head.keep_alive:
            self._exchanges.cancel_all()
            self._close(response.status)

    def _close(self, status: int) -> None:
        """Close; a client that is still sending would lose the response by that, so it is read from for a while."""
        if self._discarding and status != 408:
            self._timeouts.enter(ConnectionState.LINGERING)
            self.transport.write_eof()
        else:
            self._discarding = True
            self.transport.close()

    def _reject(self, error: RequestError) -> None:
        """Answer what never became a request, after those that did, and close."""
        self._discarding = True
        self._timeouts.enter(ConnectionState.RESPONDING)
        fields, method, route = HeaderFields(self.headers or []), "", None
        if head := self._exchanges.drop_receiving():
            method, route = head.method, find_route(head.path)
        headers = {"Content-Type": "application/json", **error.headers, "X-Request-ID": read_request_id(fields)}
        self._metrics.count_http(method, route and route.template, error.status)
        response = Response(error.status, headers, orjson.dumps(error.body()))
        head = RequestHead(method, "", "", fields, keep_alive=False)
        self._exchanges.append(Exchange(head, response=response, complete=True))
        self._advance()

    def _expire(self, state: ConnectionState) -> None:
        """Close; a client that has begun a request gets a 408 first."""
        if state in (ConnectionState.HEAD, ConnectionState.BODY):
            seconds = self._timeouts.seconds(state)
            self._reject(RequestRejected(408, f"the {state.value} did not come within {seconds:g} seconds"))
        else:
            self.transport.close()


def _cause(error: httptools.HttpParserError) -> RequestError:
    """Return what stopped the parser."""
    if not isinstance(error, httptools.HttpParserCallbackError):
        return RequestRejected(400, "the request is not HTTP/1.1 as RFC 9112 has it")
    cause = error.__context__
    if isinstance(cause, RequestError):
        return cause
    log.error("a request failed", exc_info=cause)
    return Unexpected()
