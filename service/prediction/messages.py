"""A prediction request and its response, independent of the adapter."""

import os
import random
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from math import inf
from time import perf_counter
from typing import Protocol

from service.errors import ClientGone, DeadlineExceeded, Malformed, RequestError
from service.prediction.memory_budget import Reservation

LARGE_BODY = 2**16  # bytes
MAX_LOADING_SECONDS = 5.0  # that a request without a deadline waits for a model that is still loading
MAX_DIGITS = 20  # of a Content-Length: any number of more digits is too large
_MILLISECONDS = re.compile(r"(?=.*[1-9])[0-9]{1,9}")
_ID = re.compile(r"[A-Za-z0-9._-]{1,128}")
# IDs must be unique, not unguessable; this is much cheaper than a UUID. The seed differs in each worker.
_random = random.Random()
os.register_at_fork(after_in_child=_random.seed)


class Headers(Protocol):
    """Header fields by name, case-insensitive."""

    def get(self, name: str, /) -> str | None:
        """Return the value of a field, or None."""


@dataclass(slots=True)
class Request:
    """Headers and body of a request, its reservation of memory, and its times.

    `began`, `completed` and `deadline` are values of perf_counter: the end of the headers, the end of the body, and the
    time after which the response is no longer needed. `error` is the reason why the body was not received.
    """

    headers: Headers
    reservation: Reservation
    body: bytes | bytearray = field(default_factory=bytearray)
    began: float = field(default_factory=perf_counter)
    completed: float = field(default_factory=perf_counter)
    deadline: float = inf
    half_closed: bool = field(default=False, init=False)  # the client sends nothing more, and may be gone
    error: RequestError | None = field(default=None, init=False)
    encoding: str = field(default="identity", init=False)  # the Content-Encoding in lower case
    content_length: int = field(default=0, init=False)  # the announced size of the body; 0 if it is not announced
    request_id: str = field(init=False)

    def __post_init__(self) -> None:
        headers = self.headers
        self.request_id = read_request_id(headers)
        if given := headers.get("content-encoding"):
            self.encoding = given.strip().lower()
        if (length := headers.get("content-length")) and length.isdecimal():
            self.content_length = int(length.lstrip("0")[:MAX_DIGITS] or 0)

    def abandon(self) -> None:
        """Mark the request as expired because the client has disconnected."""
        self.deadline = -inf

    @property
    def is_abandoned(self) -> bool:
        """Whether the client has disconnected, or may have."""
        return self.deadline == -inf or self.half_closed

    def allow(self, seconds: float) -> None:
        """Limit the time for the response, counted from the end of the headers."""
        self.deadline = min(self.deadline, self.began + seconds)

    def drop_body(self) -> None:
        """Drop the body, whose request is refused; the reservation is released with the response."""
        self.body = b""
        self.reservation.resize(0)
        self.reservation.decoded()

    def release(self) -> None:
        """Drop the body and release the reservation."""
        self.body = b""
        self.reservation.release()

    @property
    def is_compressed(self) -> bool:
        """Whether the body has to be decompressed, or claims so."""
        return self.encoding != "identity"

    @property
    def is_large(self) -> bool:
        """Whether the costs of this request are estimated and measured. A compressed body may become a large one."""
        return self.content_length > LARGE_BODY or len(self.body) > LARGE_BODY or self.is_compressed

    def expiry_error(self) -> RequestError:
        """Return the error for a request whose response is no longer needed."""
        return ClientGone("the client has disconnected") if self.is_abandoned else DeadlineExceeded()

    @property
    def expired(self) -> bool:
        """Whether the response is no longer needed."""
        return self.deadline <= perf_counter()


@dataclass(slots=True)
class Response:
    """Status, headers and body of a response."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def read_request_id(headers: Headers) -> str:
    """Return the X-Request-ID of the client if it is safe to repeat, else a new ID."""
    given = headers.get("x-request-id")
    return given if given and _ID.fullmatch(given) else f"{_random.getrandbits(128):032x}"


def read_timeout(headers: Headers) -> float | None:
    """Return the seconds that a client allows for its request, or None. Raises Malformed."""
    given = headers.get("x-request-timeout-ms")
    if given is None:
        return None
    if not _MILLISECONDS.fullmatch(given):
        raise Malformed("the header X-Request-Timeout-Ms must be a positive integer of milliseconds")
    return int(given) / 1000


def loading_seconds(request: Request) -> float:
    """Return for how long a request may wait for a model that is still loading."""
    with suppress(Malformed):
        allowed = read_timeout(request.headers)
        left = inf if allowed is None else request.began + allowed - perf_counter()
        return min(left, MAX_LOADING_SECONDS)
    return 0.0


def check_deadline(request: Request) -> None:
    """Raise DeadlineExceeded if the time that the client allows is over."""
    if request.expired:
        raise DeadlineExceeded


def content_type(headers: Headers) -> str:
    """Return the media type of a body in lower case, without parameters; "" if there is none."""
    given = headers.get("content-type")
    if given == "application/json":  # of almost all requests; this is called several times for each
        return given
    return (given or "").partition(";")[0].strip().lower()
