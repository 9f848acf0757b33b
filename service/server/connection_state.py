"""The states of a connection: one for what is received, one for what is sent, and the table of their transitions.

Theory of operation
-------------------
The two halves of a connection are independent: a client may send a request before it has the response to the one before
(RFC 9112, 9.3.2). So each half has a state of its own. Both depend on the queue of `exchanges`: the requests that are
received and not answered yet.

Reading: IDLE between two requests, HEAD while headers are expected (a new connection begins here) and BODY while the
body of the last exchange of the queue is. DISCARDING after a rejection: whatever comes is ignored. ENDED when nothing
more can come: the client has ended its half, or the connection is closed.

Writing: IDLE where no request is being worked on, RESPONDING while the first exchange of the queue, and no other, is
with the batcher or the app, BLOCKED while the client does not read its responses. LINGERING after the last response to
a client that is still sending: a plain close would lose that response (RFC 9112, 9.6), so the client is read from until
it ends. CLOSED as soon as the transport is closing.

Invariants:

- In BODY, and only there, the last exchange of the queue is incomplete; all others are complete.
- A response comes only in RESPONDING, for the first exchange, or in CLOSED, where it is dropped.
- Requests are dispatched, and responses sent, only when writing is IDLE.
- A timeout runs for what the client owes: headers in HEAD, a body in BODY, the next request where both are IDLE, the
  reading of its responses in BLOCKED and CLOSED, its end in LINGERING. Nothing else ends by a timeout.

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


class Received:
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


class Sent:
    """What happens on this side."""

    DISPATCHED = WritingEvent("dispatched")
    RESPONSE = WritingEvent("response")
    PAUSED = WritingEvent("paused")
    RESUMED = WritingEvent("resumed")
    END = WritingEvent("end")  # of what is sent, while the rest of what comes is read
    CLOSED = WritingEvent("closed")


_STOP = {Received.REJECTED: Reading.DISCARDING, Received.END: Reading.ENDED}
READING: dict[ReadingState, dict[ReadingEvent, ReadingState]] = {
    Reading.IDLE: {Received.BEGIN: Reading.HEAD, **_STOP},
    Reading.HEAD: {Received.BEGIN: Reading.HEAD, Received.HEAD: Reading.BODY, **_STOP},
    Reading.BODY: {Received.REQUEST: Reading.IDLE, **_STOP},
    Reading.DISCARDING: {Received.END: Reading.ENDED},
    Reading.ENDED: {Received.END: Reading.ENDED},
}
_CLOSED = {Sent.CLOSED: Writing.CLOSED}
WRITING: dict[WritingState, dict[WritingEvent, WritingState]] = {
    Writing.IDLE: {
        Sent.DISPATCHED: Writing.RESPONDING,
        Sent.RESPONSE: Writing.IDLE,  # to a rejected request, which was never dispatched
        Sent.PAUSED: Writing.BLOCKED,
        Sent.END: Writing.LINGERING,
        **_CLOSED,
    },
    Writing.RESPONDING: {Sent.RESPONSE: Writing.IDLE, **_CLOSED},
    Writing.BLOCKED: {Sent.RESUMED: Writing.IDLE, Sent.END: Writing.LINGERING, **_CLOSED},
    Writing.LINGERING: {Sent.PAUSED: Writing.LINGERING, Sent.RESUMED: Writing.LINGERING, **_CLOSED},
    Writing.CLOSED: {Sent.PAUSED: Writing.CLOSED, Sent.RESUMED: Writing.CLOSED, **_CLOSED},
}


class ConnectionState:
    """The two states of one connection."""

    __slots__ = ("reading", "writing")

    def __init__(self) -> None:
        self.reading, self.writing = Reading.HEAD, Writing.IDLE

    def receive(self, event: ReadingEvent) -> None:
        """Change the state of reading."""
        self.reading = READING[self.reading][event]

    def send(self, event: WritingEvent) -> None:
        """Change the state of writing."""
        self.writing = WRITING[self.writing][event]
