"""The fast lane: a connection whose predictions are answered in the event loop, and all else by the Flask app.

Of uvicorn's HTTP protocol it keeps the parser and the place in the server; requests and answers are
its own. A request is handed on when it is whole, so that who sends slowly keeps nobody waiting, and
its answer is sent when all before it on the connection are. Without an ASGI task for each request
predictions gain a fifth, and can share a forward pass. uvicorn is pinned, for its parts are not
made to be replaced.
"""

import asyncio
import sys
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from math import inf
from time import perf_counter
from typing import Any

import httptools
import orjson
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from service.head import MOST_HEAD, Fields, Head, Refused, check_line, read_head
from service.metrics import Metrics
from service.pages import Pages
from service.protocols import find_route
from service.request import Answer, Headers, Request, request_id
from service.settings import Settings
from service.turns import Turns, Visitor

MOST_PIPELINED = 100  # requests that one connection may have unanswered
MOST_DISCARDED = 2**24  # bytes after a refusal, read so that the client sees why
LINGER_SECONDS = 5.0  # and for so long


class Stage(Enum):
    """What a connection is waiting for."""

    NOTHING = "nothing"
    HEAD = "headers"
    BODY = "body"
    END = "end"


@dataclass(slots=True)
class Exchange:
    """A request, whole or coming in, and its answer. `began` is the perf_counter when its head had come."""

    head: Head
    most_bytes: int = 0
    body: bytearray = field(default_factory=bytearray)
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
        settings: Settings,
        metrics: Metrics,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self._turns, self._pages, self._most_bytes, self._metrics = turns, pages, most_bytes, metrics
        self._seconds = {
            Stage.HEAD: settings.header_seconds,
            Stage.BODY: settings.body_seconds,
            Stage.NOTHING: self.timeout_keep_alive,
            Stage.END: LINGER_SECONDS,
        }
        self._queue: deque[Exchange] = deque()  # unanswered, in their order
        self._incoming: Exchange | None = None  # the last of them, while its body is coming
        self._deaf = False  # whatever comes now is thrown away
        self._no_progress = self._discarded = 0  # bytes
        self._progress = self._read_paused = self._write_paused = False
        self._stage, self._since = Stage.HEAD, self.loop.time()
        self._unsent, self._unsent_since = sys.maxsize, 0.0
        self._timer: asyncio.TimerHandle | None = None

    # A connection and its bytes.

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for a request."""
        self.connections.add(self)
        self.transport = transport
        self._look()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the requests, and the parser, which holds on to this: else bodies stay until garbage is collected."""
        self.connections.discard(self)
        self.parser = None  # type: ignore[assignment]
        if self._timer:
            self._timer.cancel()
        for exchange in self._queue:
            exchange.gone = True
        self._queue.clear()
        self._incoming = None
        self._deaf = True

    def data_received(self, data: bytes) -> None:
        """Feed the parser; what it or this class refuses is answered in JSON."""
        if self._deaf:
            self._discarded += len(data)
            if self._discarded > MOST_DISCARDED:
                self.transport.abort()
            return
        self._progress = False
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._feed_without_upgrade(data[upgrade.args[0] :])
            return
        except httptools.HttpParserError as error:
            refused = error.__context__
            if isinstance(refused, Refused):
                self._refuse(refused.status, str(refused))
            else:
                self._refuse(400, "the request is not HTTP/1.1 as RFC 9112 has it")
            return
        self._no_progress = 0 if self._progress else self._no_progress + len(data)
        if self._no_progress > MOST_HEAD:
            self._refuse(431, f"the headers are larger than {MOST_HEAD} bytes")

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
        if self._incoming is not None and not self._incoming.whole:
            self._queue.pop()
            self._incoming = None
        if self._queue:
            self._queue[-1].head.keep_alive = False
            self._enter(Stage.NOTHING)
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
        self._enter(Stage.HEAD)

    def on_url(self, url: bytes) -> None:
        """Take a part of the target."""
        self.url += url
        check_line(self.url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a field; those that follow a body mean nothing here (RFC 9110, 6.5.1)."""
        if self._stage is Stage.HEAD:
            self.headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        """Put a request into the queue."""
        if self.parser.should_upgrade() and self.parser.get_method() != b"CONNECT":
            return  # it comes again without the offer
        self._enter(Stage.BODY)
        self._progress = True
        head = read_head(self.parser, self.url, self.headers)
        if len(self._queue) >= MOST_PIPELINED:
            raise Refused(429, f"more than {MOST_PIPELINED} requests are sent at once")
        self._incoming = Exchange(head, self._most_bytes(head.path, head.fields))
        self._queue.append(self._incoming)
        self._advance()

    def on_body(self, body: bytes) -> None:
        """Collect a body, up to one byte more than it may have at least: that tells that it is too long."""
        self._progress = True
        exchange = self._incoming
        if exchange is None or exchange.whole:
            return
        exchange.body += body
        if len(exchange.body) > exchange.most_bytes:
            self._deaf, exchange.head.keep_alive = True, False
            self._complete(exchange)

    def on_message_complete(self) -> None:
        """Hand a request on."""
        self._progress = True
        if self._incoming is not None and not self._incoming.whole:
            self._complete(self._incoming)

    def _complete(self, exchange: Exchange) -> None:
        self._incoming, exchange.whole = None, True
        self._enter(Stage.NOTHING)
        self._advance()

    # The queue.

    def _advance(self) -> None:
        """Send the answers that are there, and hand on the request that is next."""
        while self._queue and not self._write_paused:
            exchange = self._queue[0]
            if exchange.answer is None:
                self._begin(exchange)
                break
            self._queue.popleft()
            self._send(exchange.answer, exchange.head)
        self._pause_reading(self._write_paused or len(self._queue) > 1)

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
        if self._stage is Stage.NOTHING:
            self._enter(Stage.NOTHING)
        if not head.keep_alive:
            self._queue.clear()
            self._end(answer.status)

    def _end(self, status: int) -> None:
        """Close; who is still sending would lose the answer by that, and is heard out for a while."""
        if self._deaf and status != 408:
            self._enter(Stage.END)
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
        parts += ("".join(lines).encode("latin1"), answer.body)
        return b"".join(parts)

    def _refuse(self, status: int, reason: str) -> None:
        """Answer what never became a request, after those that did, and close."""
        self._deaf = True
        fields, method, route = Fields(self.headers or []), "", None
        if self._incoming is not None:
            self._queue.pop()
            head, self._incoming = self._incoming.head, None
            method, route = head.method, find_route(head.path)
        headers = {"Content-Type": "application/json", "X-Request-ID": request_id(fields)}
        self._metrics.count_http(method, route and route.template, status)
        answer = Answer(status, headers, orjson.dumps({"error": reason}))
        self._queue.append(Exchange(Head(method, "", "", fields, keep_alive=False), answer=answer, whole=True))
        self._advance()

    # Flow, and when it is too late.

    def _pause_reading(self, paused: bool) -> None:
        if paused != self._read_paused and not self.transport.is_closing():
            self._read_paused = paused
            (self.transport.pause_reading if paused else self.transport.resume_reading)()

    def pause_writing(self) -> None:
        """Stop: the client does not take its answers as fast as they come."""
        self._write_paused = True
        self._unsent, self._unsent_since = sys.maxsize, self.loop.time()
        self._pause_reading(True)

    def resume_writing(self) -> None:
        """Go on."""
        self._write_paused = False
        self._enter(self._stage)  # it is we who did not read
        self._advance()

    def _enter(self, stage: Stage) -> None:
        self._stage, self._since = stage, self.loop.time()

    def _look(self) -> None:
        """See whether it is too late, and look again when it may be. One timer a connection costs next to nothing."""
        now = self.loop.time()
        if self._write_paused or self.transport.is_closing():
            self._check_sending(now)
        elif self._read_paused:
            self._since = now
        elif now >= self._due():
            self._expire()
        soon = now + min(self._seconds.values())
        due = self._due()
        self._timer = self.loop.call_at(due if now < due < soon else soon, self._look)

    def _due(self) -> float:
        working = self._stage is Stage.NOTHING and self._queue
        return inf if working else self._since + self._seconds[self._stage]

    def _check_sending(self, now: float) -> None:
        """Hang up on who has taken nothing of its answers for as long as a body may take."""
        unsent = self.transport.get_write_buffer_size()
        if unsent < self._unsent:
            self._unsent, self._unsent_since = unsent, now
        elif now >= self._unsent_since + self._seconds[Stage.BODY]:
            self.transport.abort()

    def _expire(self) -> None:
        if self._stage in (Stage.HEAD, Stage.BODY):
            self._refuse(408, f"the {self._stage.value} did not come within {self._seconds[self._stage]:g} seconds")
        else:
            self.transport.close()
