"""A prediction request and its response, whichever adapter carries them."""

import os
import random
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from time import perf_counter
from typing import Protocol

_ID = re.compile(r"[A-Za-z0-9._-]{1,128}")
# An ID has to be unique, not unguessable: this costs a fifth of a UUID. No two workers draw the same.
_random = random.Random()
os.register_at_fork(after_in_child=_random.seed)


class Headers(Protocol):
    """Header fields by name, case-insensitive."""

    def get(self, name: str, /) -> str | None:
        """Return a field, or None."""


@dataclass(slots=True)
class Request:
    """A request whose body is read. `began` and `completed`: the perf_counter when its headers and its body ended."""

    path: str
    headers: Headers
    body: bytes | bytearray
    began: float
    method: str = "POST"
    request_id: str = field(init=False)
    completed: float = field(init=False)

    def __post_init__(self) -> None:
        self.completed = perf_counter()
        self.request_id = read_request_id(self.headers)


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
