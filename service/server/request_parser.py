"""Parses the bytes of a connection with llhttp, and adds limits and error messages."""

import logging
from typing import Protocol

import httptools

from service.errors import RequestError, RequestRejected, Unexpected
from service.server.connection_state import ConnectionState, Reading
from service.server.request_head import (
    MAX_HEAD_BYTES,
    RawHeaders,
    RequestHead,
    check_target,
    read_head,
)

log = logging.getLogger("npserve")


class Receiver(Protocol):
    """Receives the parts of requests. Each method may raise RequestError."""

    def begin_request(self) -> None:
        """Called at the start of a request."""

    def receive_head(self, head: RequestHead) -> None:
        """Called when the headers are complete."""

    def receive_body(self, data: bytes) -> None:
        """Called for each part of the body."""

    def end_request(self) -> None:
        """Called when the request is complete."""

    def end_skipped(self) -> None:
        """Called when the body of a refused request is complete."""


class RequestParser:
    """Calls the receiver for the parts that the state of reading expects; other parts are ignored."""

    def __init__(self, state: ConnectionState, receiver: Receiver) -> None:
        self._state, self._receiver = state, receiver
        self.target, self.raw_headers = b"", RawHeaders()
        self._progress, self._unused = False, 0  # bytes since the last complete head or body part
        self._start()

    def _start(self) -> None:
        self._parser = httptools.HttpRequestParser(self)
        # Data after a request with `Connection: close` is ignored, not an error.
        self._parser.set_dangerous_leniencies(lenient_data_after_close=True)

    def close(self) -> None:
        """Break the reference cycle with the parser of llhttp, so that both are freed at once."""
        del self._parser

    def feed(self, data: bytes) -> None:
        """Parse received bytes. Raises RequestError if they are not HTTP, or if the receiver rejects a part."""
        self._progress = False
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            offset: int = upgrade.args[0]
        except httptools.HttpParserError as error:
            raise _cause(error) from None
        else:
            self._unused = 0 if self._progress else self._unused + len(data)
            if self._unused > MAX_HEAD_BYTES:
                raise RequestRejected(431, f"the headers are larger than {MAX_HEAD_BYTES} bytes")
            return
        if self._state.reading is Reading.HEAD:
            self._feed_without_upgrade(data[offset:])

    def _feed_without_upgrade(self, rest: bytes) -> None:
        """Parse a request that offers another protocol as plain HTTP/1.1 (RFC 9110, 7.8).

        llhttp stops after the head of such a request and skips its body. Java's HTTP client and `curl --http2` send
        such offers.
        """
        method, version = self._parser.get_method(), self._parser.get_http_version().encode()
        fields = b"".join(b"%s: %s\r\n" % pair for pair in self.raw_headers if pair[0] != b"upgrade")
        line = b"%s %s HTTP/%s\r\n" % (method, self.target, version)
        self._start()
        self.feed(line + fields + b"\r\n" + rest)

    # Callbacks of llhttp.

    def on_message_begin(self) -> None:
        self.target, self.raw_headers = b"", []
        if self._state.reading in (Reading.IDLE, Reading.HEAD):
            self._receiver.begin_request()

    def on_url(self, url: bytes) -> None:
        self.target += url
        check_target(self.target)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Store a header field. Trailers, which follow a body, are ignored (RFC 9110, 6.5.1)."""
        if self._state.reading is Reading.HEAD:
            self.raw_headers.append((name.lower(), value))
        elif name.lower() == b"connection":  # llhttp would obey it, and ignore the next request
            raise RequestRejected(400, "Connection must be in the headers, not after the body")

    def on_headers_complete(self) -> None:
        """Pass on the head. A head that offers another protocol is parsed again without the offer."""
        offered = self._parser.should_upgrade() and self._parser.get_method() != b"CONNECT"
        if self._state.reading is Reading.HEAD and not offered:
            self._progress = True
            self._receiver.receive_head(read_head(self._parser, self.target, self.raw_headers))

    def on_body(self, body: bytes) -> None:
        self._progress = True
        if self._state.reading is Reading.BODY:
            self._receiver.receive_body(body)

    def on_message_complete(self) -> None:
        self._progress = True
        if self._state.reading is Reading.BODY:
            self._receiver.end_request()
        elif self._state.reading is Reading.SKIPPING:
            self._receiver.end_skipped()


def _cause(error: httptools.HttpParserError) -> RequestError:
    """Return the error that stopped the parser."""
    if not isinstance(error, httptools.HttpParserCallbackError):
        if "overflow" in str(error):  # of a Content-Length or a chunk size beyond 64 bits
            return RequestRejected(413, "the body is larger than any limit: send fewer rows per request")
        return RequestRejected(400, "the request is not valid HTTP/1.1 (RFC 9112)")
    cause = error.__context__
    if isinstance(cause, RequestError):
        return cause
    log.error("request failed: internal error", exc_info=cause)
    return Unexpected()
