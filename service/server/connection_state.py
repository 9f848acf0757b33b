"""The states of a connection: one for what is received, one for what is sent, and the table of their transitions.

Theory of operation
-------------------
The two halves of a connection are independent: a client may send a request before it has the response to the one before
(RFC 9112, 9.3.2). So each half has a state of its own. Both depend on the queue of `exchanges`: the requests that are
received and not answered yet.

Reading: IDLE between two requests. HEAD while headers are expected; a new connection begins here. BODY while the body
of the last exchange of the queue is expected. DISCARDING after a rejection: received data is ignored. ENDED when no
more data can come: the client has ended its half, or the connection is closed.

Writing: IDLE where no request is being worked on, RESPONDING while the first exchange of the queue, and no other, is
with the batcher or the app, BLOCKED while the client does not read its responses. LINGERING after the last response to
a client that is still sending: a plain close would lose that response (RFC 9112, 9.6), so the client is read from until
it ends. CLOSED when this side has closed the transport, or the connection is lost.

Invariants:

- In BODY, and only there, the last exchange of the queue is incomplete; all others are complete.
- The batcher or the app responds only in RESPONDING, to the first exchange, or in CLOSED, where that is ignored.
- Requests are dispatched, and rejections sent, only in IDLE.
- A timeout runs while the connection waits for its client: for headers in HEAD, for a body in BODY, for the next
  request where both are IDLE, for the end of its half in LINGERING, and in BLOCKED and CLOSED until it reads its
  responses.

An event that a state has no row for is a bug in this package, and raises KeyError.
"""

from typing import NewType

# Not enums: in Python 3.11 a member of an enum is looked up much more slowly than the attribute of a plain class.
ReadingState = NewType("ReadingState", str)
ReadingEvent = NewType("ReadingEvent", str)
WritingState = NewType("WritingState", str)
WritingEvent = NewType("WritingEvent", str)


class Reading:
    """What is expected of the client."""

    IDLE = ReadingState("idle")
    HEAD = ReadingState("headers")  # as an error names it
    BODY = ReadingState("body")
    DISCARDING = ReadingState("discarding")
    ENDED = ReadingState("ended")


class ReadEvent:
    """What happens on the side of the client."""

    BEGIN = ReadingEvent("begin")  # of a request
    HEAD = ReadingEvent("head")
    REQUEST = ReadingEvent("request")  # its end
    REJECTED = ReadingEvent("rejected")
    END = ReadingEvent("end")


class Writing:
    """What is being done for the client."""

    IDLE = WritingState("idle")
    RESPONDING = WritingState("responding")
    BLOCKED = WritingState("blocked")
    LINGERING = WritingState("lingering")
    CLOSED = WritingState("closed")


class WriteEvent:
    """What happens on this side."""

    DISPATCHED = WritingEvent("dispatched")
    RESPONSE = WritingEvent("response")
    PAUSED = WritingEvent("paused")
    RESUMED = WritingEvent("resumed")
    END = WritingEvent("end")  # of what is sent, while the rest of what comes is read
    CLOSED = WritingEvent("closed")


_STOP = {ReadEvent.REJECTED: Reading.DISCARDING, ReadEvent.END: Reading.ENDED}
READING: dict[ReadingState, dict[ReadingEvent, ReadingState]] = {
    Reading.IDLE: {ReadEvent.BEGIN: Reading.HEAD, **_STOP},
    Reading.HEAD: {ReadEvent.BEGIN: Reading.HEAD, ReadEvent.HEAD: Reading.BODY, **_STOP},
    Reading.BODY: {ReadEvent.REQUEST: Reading.IDLE, **_STOP},
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
        """Change the state of reading."""
        self.reading = READING[self.reading][event]

    def on_write(self, event: WritingEvent) -> None:
        """Change the state of writing."""
        self.writing = WRITING[self.writing][event]
