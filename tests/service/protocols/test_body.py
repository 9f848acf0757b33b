"""Compressed bodies: the accepted encodings, and the protection against decompression bombs."""

import gzip
import io
import json
import zlib

import pytest

from service.errors import Malformed, RequestError, TooLarge, WrongContentType
from service.protocols.body import read_stream, unpack
from tests.helpers.predictions import make_request

PLAIN = json.dumps({"instances": [[1.0, 2.0]]}).encode()
COMPRESSED = {
    "gzip": gzip.compress(PLAIN),
    "deflate": zlib.compress(PLAIN),
    "identity": PLAIN,
    "GZIP": gzip.compress(PLAIN),
    "x-gzip": gzip.compress(PLAIN),  # RFC 9110, 8.4.1.3
    "X-GZip": gzip.compress(PLAIN),
}


def _unpack(body: bytes, encoding: str, limit: int = 1000) -> bytes | bytearray:
    return unpack(make_request({"content-encoding": encoding}, body), limit)


class Broken(io.BytesIO):
    """The stream that a server provides after the client has disconnected."""

    def read(self, size: int | None = -1, /) -> bytes:
        raise ConnectionResetError


def test_a_stream_is_read_up_to_the_limit() -> None:
    assert read_stream(io.BytesIO(b"abc"), 2) == b"ab"
    with pytest.raises(Malformed, match="the body is incomplete"):
        read_stream(Broken(), 2)


@pytest.mark.parametrize("encoding", COMPRESSED)
def test_compressed_bodies_are_decompressed(encoding: str) -> None:
    assert _unpack(COMPRESSED[encoding], encoding) == PLAIN


@pytest.mark.parametrize("encoding", ["gzip", "x-gzip", "deflate"])
@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda body: body[:-5], "truncated"),
        (lambda body: body + b"more", "unexpected bytes after|cannot be decompressed"),
        (lambda body: b"hello" + body, "cannot be decompressed"),
        (lambda body: b"", "truncated"),
    ],
)
def test_damaged_bodies_are_rejected(encoding: str, damage: object, message: str) -> None:
    assert callable(damage)
    with pytest.raises(Malformed, match=message):
        _unpack(damage(COMPRESSED[encoding]), encoding)


def test_gzip_may_have_several_members() -> None:
    members = [gzip.compress(part) for part in (PLAIN[:5], b"", PLAIN[5:])]
    assert _unpack(b"".join(members), "gzip") == PLAIN
    with pytest.raises(Malformed, match="truncated"):
        _unpack(b"".join(members)[:-1], "gzip")
    with pytest.raises(TooLarge):
        _unpack(b"".join(members), "gzip", limit=len(PLAIN) - 1)
    with pytest.raises(Malformed, match="unexpected bytes after"):
        _unpack(zlib.compress(PLAIN) * 2, "deflate")


def test_a_decompression_bomb_of_many_members_is_not_expanded() -> None:
    with pytest.raises(TooLarge):
        _unpack(gzip.compress(b" " * 150_000) * 10, "gzip", limit=200_000)
    with pytest.raises(Malformed, match="unexpected bytes after"):
        _unpack(gzip.compress(b"") * 100_000, "gzip", limit=3_000_000)


def test_a_decompression_bomb_is_not_expanded() -> None:
    bomb = gzip.compress(b" " * 100_000_000)
    with pytest.raises(TooLarge, match="larger than 200000 bytes"):
        _unpack(bomb, "gzip", limit=200_000)


@pytest.mark.parametrize(("encoding", "kind"), [("br", WrongContentType), ("gzip, gzip", WrongContentType)])
def test_other_encodings_are_rejected(encoding: str, kind: type[RequestError]) -> None:
    with pytest.raises(kind, match=f"unsupported Content-Encoding {encoding}: use gzip, deflate or none"):
        _unpack(PLAIN, encoding)
