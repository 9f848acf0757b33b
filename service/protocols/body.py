"""The bytes of a request body: read, decompressed and parsed within size limits."""

import zlib
from typing import IO, Any

import orjson

from service.errors import Malformed, NotJSON, RequestError, WrongContentType, body_too_large
from service.prediction.messages import Headers, Request, content_type

# The `wbits` argument of zlib for each format; HTTP's "deflate" is the zlib format (RFC 9110, 8.4.1.2).
GZIP = 16 + zlib.MAX_WBITS
ENCODINGS = {"gzip": GZIP, "x-gzip": GZIP, "deflate": zlib.MAX_WBITS}
PART_BYTES = 2**20  # the most that is decompressed, or read by the decompressor, at once
MAX_MEMBERS = 16  # of a gzip body (RFC 1952, 2.2); decompressing a member copies all bytes after it


def read_stream(stream: IO[bytes], max_bytes: int) -> bytes:
    """Read at most `max_bytes` of a body from a WSGI server. Raises RequestError."""
    try:
        return stream.read(max_bytes)
    except RequestError:
        raise
    # Each server raises its own exceptions for malformed chunks and for a disconnected client.
    except Exception as error:
        raise Malformed("the body is incomplete, or its chunked encoding is malformed (RFC 9112)") from error


def unpack(request: Request, limit: int) -> bytes | bytearray:
    """Return the decompressed body. `limit` is the maximum size before and after decompression. Raises RequestError."""
    body, encoding = request.body, request.encoding
    if len(body) <= limit and request.is_compressed:
        if encoding not in ENCODINGS:
            raise WrongContentType(f"unsupported Content-Encoding {encoding[:100]}: use gzip, deflate or none")
        body = _inflate(request, ENCODINGS[encoding], limit)
    if len(body) > limit:
        raise body_too_large(limit)
    return body


def _inflate(request: Request, window: int, limit: int) -> bytearray:
    """Decompress at most one byte more than the limit. Raises Malformed, Overloaded."""
    plain, body = bytearray(), memoryview(request.body)
    for _ in range(MAX_MEMBERS if window == GZIP else 1):
        stream = zlib.decompressobj(window)
        try:
            rest = _inflate_member(request, stream, body, plain, limit)
        except zlib.error as error:
            raise Malformed(f"the body cannot be decompressed: {error}") from error
        if len(plain) > limit:
            return plain
        if not stream.eof:
            raise Malformed("the compressed body is truncated")
        if not (body := memoryview(stream.unused_data + rest)):
            return plain
    raise Malformed("unexpected bytes after the compressed body")


def _inflate_member(request: Request, stream: Any, body: memoryview, plain: bytearray, limit: int) -> bytes:
    """Append the decompressed bytes of a member to `plain`, and return the bytes that were not read.

    Memory is reserved before it is used, and the interpreter is released after each part.
    """
    while body and not stream.eof and len(plain) <= limit:
        part, body = body[:PART_BYTES], body[PART_BYTES:]
        is_full = True
        # Output may be pending inside the decompressor when it has consumed its input.
        while (len(part) or is_full) and not stream.eof and len(plain) <= limit:
            request.reservation.resize(len(request.body) + len(plain) + PART_BYTES)
            size = min(PART_BYTES, limit + 1 - len(plain))
            inflated = stream.decompress(part, size)
            plain += inflated
            part, is_full = stream.unconsumed_tail, len(inflated) == size
    return bytes(body)


def check_json(headers: Headers, *others: str) -> None:
    """Raise WrongContentType unless the content type is absent, JSON or one of `others`."""
    given = content_type(headers)
    if given not in ("", "application/json", *others):
        raise WrongContentType(
            f"unsupported Content-Type {given[:100]}: send the header Content-Type: application/json"
        )


def parse_json(body: bytes | bytearray) -> Any:
    """Parse strictly: NaN, Infinity, 1e400, invalid UTF-8 and excessive nesting are errors. Raises NotJSON."""
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise NotJSON(f"the body is not JSON: {error}" if body else "the body is empty; expected JSON") from error
