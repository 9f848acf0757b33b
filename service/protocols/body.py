"""The bytes of a body: read, unpacked where they are compressed, parsed where they are JSON; and how many are taken."""

import zlib
from typing import IO, Any

import orjson

from service.errors import Malformed, NotJSON, TooLarge, WrongContentType
from service.prediction.messages import Headers, Request, content_type

# zlib's words for the two formats; "deflate" is zlib's own in HTTP (RFC 9110, 8.4.1.2).
ENCODINGS = {"gzip": 16 + zlib.MAX_WBITS, "deflate": zlib.MAX_WBITS}
MAX_MEMBERS = 16  # of gzip, one after the other (RFC 1952, 2.2): each is a copy of all that follow it


def read_stream(stream: IO[bytes], max_bytes: int) -> bytes:
    """Read a body from a WSGI server, at most so many bytes of it. Raises Malformed."""
    try:
        return stream.read(max_bytes)
    # Each server has its own exceptions for malformed chunks and for a client that is gone.
    except Exception as error:
        raise Malformed("the body is cut short, or not in chunks as RFC 9112 has them") from error


def unpack(request: Request, limit: int) -> bytes | bytearray:
    """Return the body, decompressed; neither form may have more bytes than `limit`. Raises RequestError."""
    body = request.body
    encoding = (request.headers.get("content-encoding") or "identity").strip().lower()
    if len(body) <= limit and encoding != "identity":
        if encoding not in ENCODINGS:
            raise WrongContentType(f"the body is encoded as {encoding[:100]}: send it plain, gzip or deflate")
        body = _inflate(body, ENCODINGS[encoding], limit)
    if len(body) > limit:
        raise TooLarge(f"the body is larger than {limit} bytes: send fewer rows at a time")
    return body


def _inflate(body: bytes | bytearray, window: int, limit: int) -> bytes:
    """Decompress at most one byte more than the limit: a bomb never unfolds."""
    plain = b""
    for _ in range(MAX_MEMBERS if window == ENCODINGS["gzip"] else 1):
        stream = zlib.decompressobj(window)
        try:
            plain += stream.decompress(body, limit + 1 - len(plain))
        except zlib.error as error:
            raise Malformed(f"the body does not decompress: {error}") from error
        if len(plain) > limit:
            return plain
        if not stream.eof:
            raise Malformed("the compressed body is cut short")
        if not (body := stream.unused_data):
            return plain
    raise Malformed("bytes follow the compressed body")


def check_json(headers: Headers, *others: str) -> None:
    """Refuse a body that says that it is something else than JSON, or one of these."""
    given = content_type(headers)
    if given not in ("", "application/json", *others):
        raise WrongContentType(f"the body is sent as {given[:100]}: send the header Content-Type: application/json")


def parse_json(body: bytes | bytearray) -> Any:
    """Parse strictly: NaN, Infinity, 1e400, bad UTF-8 and endless nesting are no JSON."""
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise NotJSON(f"the body is not JSON: {error}" if body else "the body is empty; expected JSON") from error
