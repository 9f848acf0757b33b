"""A prediction request and its response, whichever adapter carries them."""

import os
import random
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import inf
from time import perf_counter
from typing import Protocol

from service.prediction.memory_budget import Reservation

_ID = re.compile(r"[A-Za-z0-9._-]{1,128}")
# An ID has to be unique, not unguessable, and this is much cheaper than a UUID. No two workers draw the same.
_random = random.Random()
os.register_at_fork(after_in_child=_random.seed)


class Headers(Protocol):
    """Header fields by name, case-insensitive."""

    def get(self, name: str, /) -> str | None:
        """Return a field, or None."""


@dataclass(slots=True)
class Request:
    """Headers and body of a request, what it holds of the worker's memory, and how long its response is wanted.

    `began` and `completed` are the perf_counter when its headers and its body ended, `deadline` is the one from which
    on no response is wanted.
    """

    headers: Headers
    reservation: Reservation
    body: bytes | bytearray = field(default_factory=bytearray)
    began: float = field(default_factory=perf_counter)
    completed: float = field(default_factory=perf_counter)
    deadline: float = inf
    request_id: str = field(init=False)

    def __post_init__(self) -> None:
        self.request_id = read_request_id(self.headers)

    def abandon(self) -> None:
        """Note that the client is gone."""
        self.deadline = -inf

    def release(self) -> None:
        """Let go of the body, and of the memory that is reserved."""
        self.body = b""
        self.reservation.release()

    @property
    def expired(self) -> bool:
        """Whether no response is wanted any more."""
        return self.deadline <= perf_counter()


@dataclass(slots=True)
class Response:
    """What is sent back."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def read_request_id(headers: Headers) -> str:
    """Return the client's X-Request-ID where it is safe to repeat, else a new one."""
    given = headers.get("x-request-id")
    return given if given and _ID.fullmatch(given) else f"{_random.getrandbits(128):032x}"


def content_type(headers: Headers) -> str:
    """Return the media type of a body in lower case, without parameters; "" where none is given."""
    return (headers.get("content-type") or "").partition(";")[0].strip().lower()
