"""The fast lane: a connection whose predictions are answered in the event loop, and all else by the Flask app.

Of uvicorn's HTTP protocol it keeps the parser and the place in the server; requests and answers are
its own. A request is handed on when it is whole, so that who sends slowly keeps nobody waiting, and
its answer is sent when all before it on the connection are. Without an ASGI task predictions can
share a forward pass; without uvicorn's cycles small requests take 4 to 12 % less of the server's
time. uvicorn is pinned, for its parts are not made to be replaced.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any

import httptools
import orjson
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from service.errors import CallError, Overloaded, Unexpected
from service.metrics.registry import Metrics
from service.prediction.messages import Answer, Headers, Request, request_id
from service.protocols import find_route
from service.server.batcher import Turns, Visitor
from service.server.flow_control import Flow, Stage
from service.server.memory_budget import SMALL, Budget
from service.server.request_head import MOST_HEAD, Fields, Head, Refused, check_line, read_head
from service.server.wsgi import Pages
from service.settings import Settings

MOST_PIPELINED = 100  # requests that one connection may have unanswered
MOST_DISCARDED = 2**24  # bytes after a refusal, read so that the client sees why
log = logging.getLogger("npserve")


@dataclass(slots=True)
class Exchange:
    """A request, whole or coming in, and its answer.

    `held` is what the budget counts of its body; `began` is the perf_counter when its head had come.
    """

    head: Head
    most_bytes: int = 0
    body: bytearray = field(default_factory=bytearray)
    held: int = 0
    began: float = field(default_factory=perf_counter)
    whole: bool = False
    begun: bool = False
    gone: bool = False
    answer: Answer | None = None


class FastLane(HttpToolsProtocol):
    """One connection."""

    def __init__(
        self,
        turns: Turns,
        pages: Pages,
        most_bytes: Callable[[str, Headers], int],
        budget: Budget,
        settings: Settings,
        metrics: Metrics,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self._turns, self._pages, self._most_bytes = turns, pages, most_bytes
        self._budget, self._metrics = budget, metrics
        self._flow = Flow(self.loop, settings, self.timeout_keep_alive, self._expire)
        self._queue: deque[Exchange] = deque()  # unanswered, in their order
        self._incoming: Exchange | None = None  # the last of them, while its body is coming
        self._deaf = False  # whatever comes now is thrown away
        self._no_progress = self._discarded = self._untaken = 0  # bytes
        self._progress = False

    # A connection and its bytes.

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for a request."""
        self.connections.add(self)
        self.transport = transport
        self._flow.start(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the requests, and the parser, which holds on to this: else bodies stay until garbage is collected."""
        self.connections.discard(self)
        self.parser = None  # type: ignore[assignment]
        self._flow.stop()
        self._hold_untaken(0)
        self._forget_all()
        self._deaf = True
        if not self.connections:
            self._turns.count()  # the worker may be about to end, and waits for nothing but its connections

    def data_received(self, data: bytes) -> None:
        """Feed the parser; what it or this class refuses is answered in JSON."""
        if self._deaf:
            self._discarded += len(data)
            if self._discarded > MOST_DISCARDED:
                self.transport.abort()
            return
        self._progress = False
        offered = None
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            offered = upgrade.args[0]
        except httptools.HttpParserError as error:
            self._refuse(_reason(error))
            return
        if offered is not None:  # and not above: there what is refused would lose its reason, the error's context
            self._feed_without_upgrade(data[offered:])
            return
        self._no_progress = 0 if self._progress else self._no_progress + len(data)
        if self._no_progress > MOST_HEAD:
            self._refuse(Refused(431, f"the headers are larger than {MOST_HEAD} bytes"))

    def _feed_without_upgrade(self, rest: bytes) -> None:
        """Take a request that offers another protocol as the HTTP/1.1 that it is (RFC 9110, 7.8).

        The parser stops at its head and skips its body. Java's client and `curl --http2` make such offers.
        """
        line = b"%s %s HTTP/%s\r\n" % (self.parser.get_method(), self.url, self.parser.get_http_version().encode())
        fields = b"".join(b"%s: %s\r\n" % pair for pair in self.headers if pair[0] != b"upgrade")
        self.parser = httptools.HttpRequestParser(self)
        self.data_received(line + fields + b"\r\n" + rest)

    def eof_received(self) -> bool:  # type: ignore[override]
        """Answer what is whole to a client that sends no more; True keeps its connection open for that."""
        self._forget_incoming()
        if self._queue:
            self._queue[-1].head.keep_alive = False
            self._flow.enter(Stage.WORK)
        return bool(self._queue)

    def shutdown(self) -> None:
        """Answer what is there, and close."""
        if self._queue:
            self._queue[-1].head.keep_alive = False
        else:
            self.transport.close()

    # The parser's events.

    def on_message_begin(self) -> None:
        """Begin a request."""
        self.url, self.headers = b"", []
        self._flow.enter(Stage.HEAD)

    def on_url(self, url: bytes) -> None:
        """Take a part of the target."""
        self.url += url
        check_line(self.url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a field; those that follow a body mean nothing here (RFC 9110, 6.5.1)."""
        if self._flow.stage is Stage.HEAD:
            self.headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        """Put a request into the queue."""
        if self.parser.should_upgrade() and self.parser.get_method() != b"CONNECT":
            return  # it comes again without the offer
        self._flow.enter(Stage.BODY)
        self._progress = True
        head = read_head(self.parser, self.url, self.headers)
        if len(self._queue) >= MOST_PIPELINED:
            raise Refused(429, f"more than {MOST_PIPELINED} requests are sent at once")
        self._incoming = Exchange(head, self._most_bytes(head.path, head.fields))
        self._queue.append(self._incoming)
        if head.expects_continue or len(self._queue) > 1:
            self._advance()

    def on_body(self, body: bytes) -> None:
        """Collect a body, no further than shows that it is too long."""
        self._progress = True
        exchange = self._incoming
        if exchange is None:
            return
        exchange.body += body
        size = len(exchange.body)
        if size > SMALL:
            self._budget.held += size - exchange.held
            exchange.held = size
        if size > exchange.most_bytes:
            self._deaf, exchange.head.keep_alive = True, False
            self._complete(exchange)
        elif size > SMALL and self._budget.is_spent(size):
            raise Overloaded("too much is being sent at once: try again")

    def on_message_complete(self) -> None:
        """Hand a request on."""
        self._progress = True
        if self._incoming:
            self._complete(self._incoming)

    def _complete(self, exchange: Exchange) -> None:
        self._incoming, exchange.whole = None, True
        self._flow.enter(Stage.WORK)
        self._advance()

    # The queue.

    def _advance(self) -> None:
        """Send the answers that are there, and hand on the request that is next."""
        while self._queue and not self._flow.write_paused:
            exchange = self._queue[0]
            if exchange.answer is None:
                self._begin(exchange)
                break
            self._queue.popleft()
            self._budget.held -= exchange.held
            self._send(exchange.answer, exchange.head)
        self._flow.pause_reading(self._flow.write_paused or len(self._queue) > 1)

    def _begin(self, exchange: Exchange) -> None:
        if exchange.begun:
            return
        head = exchange.head
        if not exchange.whole:
            if head.expects_continue and not exchange.body:
                self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            return
        exchange.begun = True
        body, exchange.body = exchange.body, bytearray()

        def reply(answer: Answer) -> None:
            exchange.answer = answer
            if not exchange.gone:
                self._advance()

        if head.method == "POST" and find_route(head.path):
            request = Request(head.path, head.fields, body, exchange.began)
            self._turns.submit(Visitor(request, reply, lambda: exchange.gone))
        else:
            self._turns.count()  # it may ask for the metrics
            self._pages.submit(head, body, self.transport, reply)

    def _send(self, answer: Answer, head: Head) -> None:
        self.transport.write(self._message(answer, head))
        self.server_state.total_requests += 1
        if self._flow.stage is Stage.WORK and not self._queue:
            self._flow.enter(Stage.NOTHING)
        if not head.keep_alive:
            self._forget_all()
            self._end(answer.status)

    def _forget_incoming(self) -> Head | None:
        """Take the request whose body is coming out of the queue."""
        if self._incoming is None:
            return None
        exchange, self._incoming = self._queue.pop(), None
        self._budget.held -= exchange.held
        return exchange.head

    def _forget_all(self) -> None:
        for exchange in self._queue:
            exchange.gone = True
            self._budget.held -= exchange.held
        self._queue.clear()
        self._incoming = None

    def _hold_untaken(self, size: int) -> None:
        self._budget.held += size - self._untaken
        self._untaken = size

    def _end(self, status: int) -> None:
        """Close; who is still sending would lose the answer by that, and is heard out for a while."""
        if self._deaf and status != 408:
            self._flow.enter(Stage.END)
            self.transport.write_eof()
        else:
            self._deaf = True
            self.transport.close()

    def _message(self, answer: Answer, head: Head) -> bytes:
        parts = [STATUS_LINE[answer.status]]
        for name, value in self.server_state.default_headers:
            parts += (name, b": ", value, b"\r\n")
        lines = [f"{name}: {value}\r\n" for name, value in answer.headers.items()]
        if "Content-Length" not in answer.headers and answer.status != 204:
            lines.append(f"Content-Length: {len(answer.body)}\r\n")
        lines.append("\r\n" if head.keep_alive else "Connection: close\r\n\r\n")
        parts += ("".join(lines).encode("latin1"), b"" if head.method == "HEAD" else answer.body)
        return b"".join(parts)

    def _refuse(self, error: CallError) -> None:
        """Answer what never became a request, after those that did, and close."""
        self._deaf = True
        self._flow.enter(Stage.WORK)
        fields, method, route = Fields(self.headers or []), "", None
        if head := self._forget_incoming():
            method, route = head.method, find_route(head.path)
        headers = {"Content-Type": "application/json", **error.headers, "X-Request-ID": request_id(fields)}
        self._metrics.count_http(method, route and route.template, error.status)
        answer = Answer(error.status, headers, orjson.dumps(error.body()))
        self._queue.append(Exchange(Head(method, "", "", fields, keep_alive=False), answer=answer, whole=True))
        self._advance()

    def _expire(self, stage: Stage) -> None:
        """Say that it is too late, where somebody has begun to speak; and close."""
        if stage in (Stage.HEAD, Stage.BODY):
            seconds = self._flow.seconds(stage)
            self._refuse(Refused(408, f"the {stage.value} did not come within {seconds:g} seconds"))
        else:
            self.transport.close()

    def pause_writing(self) -> None:
        """Wait until the client has taken its answers."""
        self._hold_untaken(self.transport.get_write_buffer_size())
        self._flow.pause_writing()

    def resume_writing(self) -> None:
        """Go on."""
        self._hold_untaken(0)
        self._flow.resume_writing()
        self._advance()


def _reason(error: httptools.HttpParserError) -> CallError:
    """Return what stopped the parser."""
    if not isinstance(error, httptools.HttpParserCallbackError):
        return Refused(400, "the request is not HTTP/1.1 as RFC 9112 has it")
    refused = error.__context__
    if isinstance(refused, CallError):
        return refused
    log.error("a request failed", exc_info=refused)
    return Unexpected()
