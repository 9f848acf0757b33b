"""Checks of a request head that both adapters make: version, Host and Transfer-Encoding (RFC 9112, 3.2 and 6.1)."""

import re
from functools import lru_cache

from service.errors import RequestRejected

# uri-host [":" port] of RFC 9110, 7.2; a client without a host sends an empty value.
_HOST = re.compile(r"(\[[0-9A-Za-z:.%~!$&'()*+,;=_-]+\]|[0-9A-Za-z.%~!$&'()*+,;=_-]*)(:[0-9]*)?")


@lru_cache(256)  # clients repeat the same value
def check_host(version: str, host: str | None) -> None:
    """Raises RequestRejected if the Host header is invalid, or absent from an HTTP/1.1 request."""
    if host is None:
        if version != "1.0":
            raise RequestRejected(400, "the request has no Host header, which HTTP/1.1 requires: send one")
    elif not _HOST.fullmatch(host):
        raise RequestRejected(400, "the Host header is not a host name or address with an optional port")


def check_transfer_encoding(version: str, coding: str) -> None:
    """Raises RequestRejected unless the body is sent in chunks and without any other transfer coding."""
    if version == "1.0":
        raise RequestRejected(400, "Transfer-Encoding requires HTTP/1.1: send Content-Length instead")
    if coding.strip().lower() != "chunked":
        raise RequestRejected(501, "unsupported Transfer-Encoding: send chunked alone, or Content-Length")
