"""The head of a request: what is let in, within the limits that gunicorn has, and what it says."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import unquote

import httptools

from service.errors import CallError

# gunicorn's limit_request_line, limit_request_fields and limit_request_field_size.
MOST_LINE, MOST_FIELDS, MOST_FIELD = 4094, 100, 8190
MOST_HEAD = 65536
VERSIONS = ("1.1", "1.0")

Raw = list[tuple[bytes, bytes]]


class Refused(CallError):
    """A request that is not let in: status and sentence."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


class Fields(dict[str, str]):
    """Header fields by their names in small letters; of one that comes twice all values, as WSGI has them.

    Those with an underscore are left out, as gunicorn does it: in WSGI one could pass for another.
    """

    def __init__(self, raw: Iterable[tuple[bytes, bytes]] = ()) -> None:
        for name, value in raw:
            key, text = name.decode("latin1"), value.decode("latin1").rstrip(" \t")
            if "_" not in key:
                self[key] = f"{self[key]},{text}" if key in self else text


@dataclass(slots=True)
class Head:
    """What a request says of itself: method, path without escapes, query, fields, and what its client expects."""

    method: str
    path: str
    query: str
    fields: Fields
    keep_alive: bool
    expects_continue: bool = False


def read_head(parser: httptools.HttpRequestParser, target: bytes, raw: Raw) -> Head:
    """Read what the parser has found at the end of a head. Raises Refused."""
    method = parser.get_method().decode()
    if method == "CONNECT":
        raise Refused(405, "this is no proxy: CONNECT is not taken")
    version = parser.get_http_version()
    if version not in VERSIONS:
        raise Refused(505, "only HTTP/1.1 and HTTP/1.0 are spoken here")
    path, query = _split(target)
    fields = check_fields(raw)
    newer = version != "1.0"
    expects_continue = newer and fields.get("expect", "").lower() == "100-continue"
    return Head(method, path, query, fields, newer and parser.should_keep_alive(), expects_continue)


def check_line(target: bytes) -> None:
    """Raises Refused if the target of a request, or what came of it so far, is too long."""
    if len(target) > MOST_LINE:
        raise Refused(414, f"the request line is longer than {MOST_LINE} bytes")


def check_fields(raw: Raw) -> Fields:
    """Return the fields. Raises Refused where there are too many, one is too long, or two contradict each other."""
    if len(raw) > MOST_FIELDS:
        raise Refused(431, f"there are more than {MOST_FIELDS} headers")
    if max([len(name) + len(value) for name, value in raw], default=0) > MOST_FIELD:
        raise Refused(431, f"a header is longer than {MOST_FIELD} bytes")
    if [name for name, _ in raw].count(b"host") > 1:
        raise Refused(400, "there are two Host headers")
    fields = Fields(raw)
    if "transfer-encoding" in fields and "content-length" in fields:
        raise Refused(400, "there are both Transfer-Encoding and Content-Length")
    return fields


@lru_cache(256)  # what is asked for is asked for again
def _split(target: bytes) -> tuple[str, str]:
    """Return path and query of a target, which may be a whole URL (RFC 9112, 3.2.2)."""
    try:
        url = httptools.parse_url(target)
    except httptools.HttpParserInvalidURLError as error:
        raise Refused(400, "the target of the request is no URL") from error
    return unquote((url.path or b"/").decode("latin1")), (url.query or b"").decode("latin1")
