"""The head of a request: request line and header fields, with the limits of gunicorn."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain
from urllib.parse import unquote

import httptools

from service.errors import RequestRejected
from service.head_checks import check_host, check_transfer_encoding

# gunicorn's limit_request_line, limit_request_fields and limit_request_field_size.
MAX_LINE_BYTES, MAX_FIELDS, MAX_FIELD_BYTES = 4094, 100, 8190
MAX_HEAD_BYTES = 65536
VERSIONS = ("1.1", "1.0")

RawHeaders = list[tuple[bytes, bytes]]


class HeaderFields(dict[str, str]):
    """Header fields by lower-case name. Values of a repeated field are joined, as in WSGI.

    Fields with an underscore in the name are dropped, as in gunicorn: WSGI cannot distinguish `X_Y` from `X-Y`.
    """

    def __init__(self, raw: Iterable[tuple[bytes, bytes]] = ()) -> None:
        for field in raw:
            key, text = _read_field(*field)
            if "_" not in key:
                self[key] = f"{self[key]},{text}" if key in self else text


@dataclass(slots=True)
class RequestHead:
    """Method, unescaped path, query, header fields and version of a request; whether to keep the connection open.

    `expects_continue` is whether the client waits for a 100 before it sends the body.
    """

    method: str
    path: str
    query: str
    fields: HeaderFields
    version: str = "1.1"
    keep_alive: bool = False
    expects_continue: bool = False


def read_head(parser: httptools.HttpRequestParser, target: bytes, raw: RawHeaders) -> RequestHead:
    """Return the head that the parser has just completed. Raises RequestRejected."""
    method = parser.get_method().decode()
    if method == "CONNECT":
        raise RequestRejected(405, "CONNECT is not supported: this server is not a proxy")
    version = parser.get_http_version()
    if version not in VERSIONS:
        raise RequestRejected(505, "unsupported HTTP version: use HTTP/1.1 or HTTP/1.0")
    path, query = _split_target(target)
    fields = check_fields(raw)
    check_host(version, fields.get("host"))
    if "transfer-encoding" in fields:
        check_transfer_encoding(version, fields["transfer-encoding"])
    newer = version != "1.0"
    expects_continue = newer and fields.get("expect", "").lower() == "100-continue"
    return RequestHead(method, path, query, fields, version, newer and parser.should_keep_alive(), expects_continue)


def check_target(target: bytes) -> None:
    """Raises RequestRejected if the target, or the part received so far, is too long."""
    if len(target) > MAX_LINE_BYTES:
        raise RequestRejected(414, f"the request line is longer than {MAX_LINE_BYTES} bytes")


def check_fields(raw: RawHeaders) -> HeaderFields:
    """Return the header fields. Raises RequestRejected if they are too many, too long or contradictory."""
    if len(raw) > MAX_FIELDS:
        raise RequestRejected(431, f"the request has more than {MAX_FIELDS} headers")
    if sum(map(len, chain.from_iterable(raw))) > MAX_FIELD_BYTES:  # together: most heads are much shorter
        _check_lengths(raw)
    if [name for name, _ in raw].count(b"host") > 1:
        raise RequestRejected(400, "the request has several Host headers: send one")
    fields = HeaderFields(raw)
    if "transfer-encoding" in fields and "content-length" in fields:
        raise RequestRejected(400, "the request has both Transfer-Encoding and Content-Length: send one of them")
    return fields


def _check_lengths(raw: RawHeaders) -> None:
    if max(len(name) + len(value) for name, value in raw) > MAX_FIELD_BYTES:
        raise RequestRejected(431, f"a header is longer than {MAX_FIELD_BYTES} bytes")


@lru_cache(256)  # clients repeat most of their fields
def _read_field(name: bytes, value: bytes) -> tuple[str, str]:
    return name.decode("latin1"), value.decode("latin1").rstrip(" \t")


@lru_cache(256)  # targets repeat
def _split_target(target: bytes) -> tuple[str, str]:
    """Return path and query of a target, which may be an absolute URL (RFC 9112, 3.2.2)."""
    try:
        url = httptools.parse_url(target)
    except httptools.HttpParserInvalidURLError as error:
        raise RequestRejected(400, "the request target is not a valid URL") from error
    return unquote((url.path or b"/").decode("latin1")), (url.query or b"").decode("latin1")
