"""Serializes a response as HTTP/1.1 (RFC 9112, 4)."""

from collections.abc import Iterable
from http import HTTPStatus

from service.prediction.messages import Response
from service.server.request_head import RequestHead

STATUS_LINES = {status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode() for status in HTTPStatus}


def serialize_response(response: Response, head: RequestHead, defaults: Iterable[tuple[bytes, bytes]]) -> bytes:
    """Return the bytes of the response to `head`. `defaults` are header fields of every response."""
    parts = [STATUS_LINES[response.status]]
    for name, value in defaults:
        parts += (name, b": ", value, b"\r\n")
    lines = [f"{name}: {value}\r\n" for name, value in response.headers.items()]
    if "Content-Length" not in response.headers and response.status not in (204, 304):
        lines.append(f"Content-Length: {len(response.body)}\r\n")
    lines.append("\r\n" if head.keep_alive else "Connection: close\r\n\r\n")
    parts += ("".join(lines).encode("latin1"), b"" if head.method == "HEAD" else response.body)
    return b"".join(parts)
