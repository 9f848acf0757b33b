"""Requests as bytes, encoded once before a load, in the pieces in which they are sent."""

from dataclasses import dataclass
from itertools import pairwise
from typing import Self
from urllib.parse import urlsplit

from benchmarks.bodies import Written


@dataclass(frozen=True)
class PreparedRequest:
    """The bytes of a request; the second and every further piece follows `interval` seconds after the one before."""

    pieces: tuple[bytes, ...]
    interval: float = 0.0

    @classmethod
    def get(cls, url: str) -> Self:
        """Return a request without a body, on a connection of its own, as a probe sends it."""
        return cls((f"GET {urlsplit(url).path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".encode(),))

    @classmethod
    def post(cls, url: str, body: Written, pieces: int = 1, seconds: float = 0.0) -> Self:
        """Return a request with a body, in pieces of equal size of which the last follows `seconds` after the first."""
        content = request_head(url, body) + body.content
        if pieces == 1:
            return cls((content,))
        bounds = [len(content) * number // pieces for number in range(pieces + 1)]
        return cls(tuple(content[start:end] for start, end in pairwise(bounds)), seconds / (pieces - 1))


def request_head(url: str, body: Written) -> bytes:
    """Return the request line and the headers of a POST."""
    fields = {"Host": urlsplit(url).netloc, **body.headers, "Content-Length": str(len(body.content))}
    lines = [f"POST {urlsplit(url).path} HTTP/1.1", *(f"{name}: {value}" for name, value in fields.items())]
    return "\r\n".join([*lines, "", ""]).encode()
