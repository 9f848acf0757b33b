"""The fast lane: uvicorn's HTTP protocol, in which predictions are answered without an ASGI task of their own.

Everything else goes the usual way, to the Flask app. Here are also the limits and deadlines of a
connection, which uvicorn does not have. Answering inside the protocol gains an eighth, and lets
requests share a forward pass; its price is that `_start_asgi_task` and the cycle's fields are
uvicorn's own affair, so its version is pinned.
"""

import asyncio
from collections.abc import Iterable
from enum import Enum
from time import perf_counter
from typing import Any

import httptools
import orjson
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from service.metrics import Metrics
from service.protocols import find_route
from service.request import Answer, Request, request_id
from service.settings import Settings
from service.turns import Turns, Visitor

# What gunicorn takes (its limit_request_line, limit_request_fields and limit_request_field_size).
MOST_LINE, MOST_FIELDS, MOST_FIELD = 4094, 100, 8190
MOST_HEAD = 65536
MOST_DISCARDED = 2**24  # bytes of a body that is refused already, read so that the client sees why


class Refused(Exception):
    """A request that is not let in: status and sentence."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


class Stage(Enum):
    """What a connection is waiting for."""

    NOTHING = "nothing"
    HEAD = "headers"
    BODY = "body"


class Fields(dict[str, str]):
    """Header fields by their names in small letters; of one that comes twice all values, as WSGI has them."""

    def __init__(self, raw: Iterable[tuple[bytes, bytes]]) -> None:
        for name, value in raw:
            key, text = name.decode("latin1"), value.decode("latin1")
            self[key] = f"{self[key]},{text}" if key in self else text


class FastLane(HttpToolsProtocol):
    """One connection."""

    def __init__(self, turns: Turns, most_bytes: Any, settings: Settings, metrics: Metrics, **options: Any) -> None:
        super().__init__(**options)
        self._turns, self._most_bytes, self._metrics = turns, most_bytes, metrics
        self._seconds = {Stage.HEAD: settings.header_seconds, Stage.BODY: settings.body_seconds}
        self._stage, self._watched = Stage.HEAD, Stage.NOTHING
        self._due: float | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._head_bytes = self._discarded = 0
        self._active: RequestResponseCycle | None = None
        self._most = 0  # bytes of the active prediction's body
        self._shut = False

    # A connection and its bytes.

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for a request."""
        super().connection_made(transport)
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no longer."""
        self._due = None
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Feed the parser; what it or this class refuses is answered in JSON."""
        if self._shut:
            return
        self._unset_keepalive_if_required()
        message = self.headers
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            pass  # a request like any other: nothing else is spoken here
        except httptools.HttpParserError as error:
            refused = error.__context__
            if isinstance(refused, Refused):
                self._refuse(refused.status, str(refused))
            else:
                self._refuse(400, "the request is not HTTP/1.1 as RFC 9112 has it")
            return
        if self._stage is Stage.HEAD and message is self.headers:  # all of it was for the same head
            self._head_bytes += len(data)
            if self._head_bytes > MOST_HEAD:
                self._refuse(431, f"the headers are larger than {MOST_HEAD} bytes")
                return
        self._watch()

    def resume_writing(self) -> None:
        """Go on reading: the client takes its answers again."""
        super().resume_writing()
        self.flow.resume_reading()
        self._due, self._watched = None, Stage.NOTHING
        self._watch()

    # The parser's events.

    def on_message_begin(self) -> None:
        """Begin a request."""
        super().on_message_begin()
        self._stage, self._head_bytes = Stage.HEAD, 0

    def on_url(self, url: bytes) -> None:
        """Take a part of the target."""
        super().on_url(url)
        if len(self.url) > MOST_LINE:
            raise Refused(414, f"the request line is longer than {MOST_LINE} bytes")

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a field."""
        if len(name) + len(value) > MOST_FIELD:
            raise Refused(431, f"a header is longer than {MOST_FIELD} bytes")
        if len(self.headers) >= MOST_FIELDS:
            raise Refused(431, f"there are more than {MOST_FIELDS} headers")
        if name.lower() == b"host" and any(known == b"host" for known, _ in self.headers):
            raise Refused(400, "there are two Host headers")
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Start the request, or queue it behind those that came before it on this connection."""
        self._stage = Stage.BODY
        names = [name for name, _ in self.headers]
        if b"transfer-encoding" in names and b"content-length" in names:
            raise Refused(400, "there are both Transfer-Encoding and Content-Length")
        self.scope["began"] = perf_counter()  # type: ignore[typeddict-unknown-key]
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Collect the body of a prediction; uvicorn's way for the Flask app stops reading after each 64 kB."""
        cycle = self.cycle
        if cycle.response_complete:
            self._discard(len(body))
        elif cycle is not self._active or not self._most:
            super().on_body(body)
        else:
            cycle.body += body
            if len(cycle.body) > self._most:
                cycle.keep_alive = False
                self._submit(cycle)

    def on_message_complete(self) -> None:
        """Answer a prediction, whose body is whole now."""
        self._stage = Stage.NOTHING
        cycle = self.cycle
        if cycle.response_complete:
            if not cycle.keep_alive:
                self.transport.close()
            return
        super().on_message_complete()
        if cycle is self._active and self._most:
            self._submit(cycle)

    # Predictions.

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        """Keep a prediction here; let all others go to the app."""
        self._active, self._most = cycle, 0
        path = cycle.scope["path"]
        if cycle.scope["method"] != "POST" or find_route(path) is None:
            self._turns.count()  # it may ask for the metrics
            super()._start_asgi_task(cycle, app)
            return
        fields = Fields(cycle.scope["headers"])
        cycle.scope["fields"] = fields  # type: ignore[typeddict-unknown-key]
        self._most = self._most_bytes(path, fields)
        if cycle.waiting_for_100_continue:
            self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        if not cycle.more_body or len(cycle.body) > self._most:
            self._submit(cycle)

    def _submit(self, cycle: RequestResponseCycle) -> None:
        self._most = 0  # whatever comes now is not for it
        scope: Any = cycle.scope
        request = Request(scope["path"], scope["fields"], cycle.body, scope["began"])
        self._turns.submit(
            Visitor(request, lambda answer: self._answer(cycle, answer), lambda: bool(cycle.disconnected))
        )

    def _answer(self, cycle: RequestResponseCycle, answer: Answer) -> None:
        if cycle.disconnected or self.transport.is_closing():
            return
        self.transport.write(self._message(answer, cycle.keep_alive))
        cycle.response_started = cycle.response_complete = True
        if not cycle.keep_alive and not cycle.more_body:
            self.transport.close()
        self.on_response_complete()
        if self.flow.write_paused:
            # Who sends requests and takes no answers is not read from; and not for ever.
            self.flow.pause_reading()
            self._wait_until(self.loop.time() + self._seconds[Stage.BODY])

    def _message(self, answer: Answer, keep_alive: bool) -> bytes:
        parts = [STATUS_LINE[answer.status]]
        for name, value in self.server_state.default_headers:
            parts += (name, b": ", value, b"\r\n")
        lines = [f"{name}: {value}\r\n" for name, value in answer.headers.items()]
        end = "" if keep_alive else "Connection: close\r\n"
        parts.append(f"{''.join(lines)}Content-Length: {len(answer.body)}\r\n{end}\r\n".encode("latin1"))
        parts.append(answer.body)
        return b"".join(parts)

    # What is refused, and when it is too late.

    def _refuse(self, status: int, reason: str) -> None:
        """Answer what never became a request, and close."""
        self._shut = True
        active = self._active
        in_its_body = self._stage is Stage.BODY and active is self.cycle
        if active is not None and not active.response_complete and not in_its_body:
            # An answer to an earlier request is on its way: this one would be taken for it.
            active.keep_alive = False
            self.pipeline.clear()
            return
        method = self.scope.get("method", "") if self.scope else ""
        headers = {"Content-Type": "application/json", "X-Request-ID": request_id(Fields(self.headers or []))}
        self._metrics.count_http(method, None, status)
        self.transport.write(self._message(Answer(status, headers, orjson.dumps({"error": reason})), keep_alive=False))
        self.transport.close()

    def _discard(self, count: int) -> None:
        self._discarded += count
        if self._discarded > MOST_DISCARDED:
            self.transport.close()

    def _watch(self) -> None:
        """Set the deadline of the stage, once for each."""
        if self._stage is not self._watched:
            self._watched = self._stage
            self._wait_until(self.loop.time() + self._seconds[self._stage] if self._stage in self._seconds else None)

    def _wait_until(self, due: float | None) -> None:
        """Move the deadline. One timer a connection, which looks again when it is due, costs next to nothing."""
        self._due = due
        if due is not None and self._timer is None:
            self._timer = self.loop.call_at(due, self._look)

    def _look(self) -> None:
        self._timer = None
        if self._due is None or self.transport.is_closing():
            return
        if self.loop.time() < self._due:
            self._wait_until(self._due)
        elif self.flow.write_paused:
            self.transport.abort()
        elif self.flow.read_paused:
            self._wait_until(self.loop.time() + self._seconds[Stage.BODY])  # it is we who do not read
        elif self._stage is Stage.BODY and self.cycle.response_started:
            self.transport.close()
        else:
            self._refuse(408, f"the {self._stage.value} did not come within {self._seconds[self._stage]:g} seconds")
