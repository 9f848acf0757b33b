"""The states of a connection, one for reading and one for writing, and the table of their transitions.

Theory of operation
-------------------
The two directions of a connection are independent: a client may send a request before it has the response to the
previous one (RFC 9112, 9.3.2). So each direction has its own state. Both depend on the queue of `exchanges`, the
received requests that have no response yet.

Reading: IDLE between two requests. HEAD while headers are expected; the initial state. BODY while the body of the last
exchange of the queue is expected. SKIPPING while the body of a refused request arrives, whose response does not wait
for it; the connection stays open. DISCARDING after a rejection: received data is ignored. ENDED when no more data can
arrive: the client has closed its side, or the connection is closed.

Writing: IDLE while no request is in progress. RESPONDING while the batcher or the app processes the first exchange of
the queue; it never processes another one. BLOCKED while the client does not read its responses. LINGERING after the
last response to a client that is still sending: closing at once would lose that response (RFC 9112, 9.6), so data is
read until the client closes its side. CLOSED when the server has closed the transport, or the connection is lost.

Invariants:

- In BODY, and only there, the last exchange of the queue is incomplete; all others are complete.
- The batcher or the app responds only in RESPONDING, to the first exchange, or in CLOSED, which ignores the response.
- Requests are dispatched, and rejections sent, only in IDLE.
- A timeout runs while the connection waits for its client: for headers in HEAD, for a body in BODY and SKIPPING, for
  the next request when both states are IDLE, for the end of data in LINGERING, and in BLOCKED and CLOSED until the
  client reads its responses.

An event without a row in the current state is a bug in this package, and raises KeyError.
"""

from typing import NewType

# Not enums: in Python 3.11 the lookup of an enum member is much slower than that of a class attribute.
ReadingState = NewType("ReadingState", str)
ReadingEvent = NewType("ReadingEvent", str)
WritingState = NewType("WritingState", str)
WritingEvent = NewType("WritingEvent", str)


class Reading:
    """The states of reading: what the server expects from the client."""

    IDLE = ReadingState("idle")
    HEAD = ReadingState("headers")  # the term in error messages
    BODY = ReadingState("body")
    SKIPPING = ReadingState("skipping")
    DISCARDING = ReadingState("discarding")
    ENDED = ReadingState("ended")


class ReadEvent:
    """The events of reading."""

    BEGIN = ReadingEvent("begin")  # start of a request
    HEAD = ReadingEvent("head")  # end of its headers
    REQUEST = ReadingEvent("request")  # end of its body
    REFUSED = ReadingEvent("refused")  # only the request, not the connection
    REJECTED = ReadingEvent("rejected")
    END = ReadingEvent("end")


class Writing:
    """The states of writing: what the server is doing for the client."""

    IDLE = WritingState("idle")
    RESPONDING = WritingState("responding")
    BLOCKED = WritingState("blocked")
    LINGERING = WritingState("lingering")
    CLOSED = WritingState("closed")


class WriteEvent:
    """The events of writing."""

    DISPATCHED = WritingEvent("dispatched")
    RESPONSE = WritingEvent("response")
    PAUSED = WritingEvent("paused")
    RESUMED = WritingEvent("resumed")
    END = WritingEvent("end")  # all is sent, and the client is still sending
    CLOSED = WritingEvent("closed")


_STOP = {ReadEvent.REJECTED: Reading.DISCARDING, ReadEvent.END: Reading.ENDED}
READING: dict[ReadingState, dict[ReadingEvent, ReadingState]] = {
    Reading.IDLE: {ReadEvent.BEGIN: Reading.HEAD, **_STOP},
    Reading.HEAD: {ReadEvent.BEGIN: Reading.HEAD, ReadEvent.HEAD: Reading.BODY, **_STOP},
    Reading.BODY: {ReadEvent.REQUEST: Reading.IDLE, ReadEvent.REFUSED: Reading.SKIPPING, **_STOP},
    Reading.SKIPPING: {ReadEvent.REQUEST: Reading.IDLE, **_STOP},
    Reading.DISCARDING: {ReadEvent.END: Reading.ENDED},
    Reading.ENDED: {ReadEvent.END: Reading.ENDED},
}
_CLOSED = {WriteEvent.CLOSED: Writing.CLOSED}
WRITING: dict[WritingState, dict[WritingEvent, WritingState]] = {
    Writing.IDLE: {
        WriteEvent.DISPATCHED: Writing.RESPONDING,
        WriteEvent.RESPONSE: Writing.IDLE,  # to a rejected request, which was never dispatched
        WriteEvent.PAUSED: Writing.BLOCKED,
        WriteEvent.END: Writing.LINGERING,
        **_CLOSED,
    },
    Writing.RESPONDING: {WriteEvent.RESPONSE: Writing.IDLE, **_CLOSED},
    Writing.BLOCKED: {WriteEvent.RESUMED: Writing.IDLE, WriteEvent.END: Writing.LINGERING, **_CLOSED},
    Writing.LINGERING: {WriteEvent.PAUSED: Writing.LINGERING, WriteEvent.RESUMED: Writing.LINGERING, **_CLOSED},
    Writing.CLOSED: {WriteEvent.PAUSED: Writing.CLOSED, WriteEvent.RESUMED: Writing.CLOSED, **_CLOSED},
}


class ConnectionState:
    """The two states of one connection."""

    __slots__ = ("reading", "writing")

    def __init__(self) -> None:
        self.reading, self.writing = Reading.HEAD, Writing.IDLE

    def on_read(self, event: ReadingEvent) -> None:
        self.reading = READING[self.reading][event]

    def on_write(self, event: WritingEvent) -> None:
        self.writing = WRITING[self.writing][event]
