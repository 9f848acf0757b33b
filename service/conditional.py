"""Documents with an entity tag: a client that has the current one gets a 304 (RFC 9110, 8.8.3 and 13.1.2)."""

from hashlib import sha256
from typing import NamedTuple

from service.prediction.messages import Headers, Response


class Document(NamedTuple):
    """The body of a response, its content type and its strong entity tag."""

    body: bytes
    content_type: str
    etag: str

    @classmethod
    def make(cls, body: bytes, content_type: str) -> "Document":
        """Return a document whose tag is a digest of the body."""
        return cls(body, content_type, f'"{sha256(body).hexdigest()[:32]}"')

    def response(self, headers: Headers) -> Response:
        """Return the response to a GET with these headers."""
        known = headers.get("if-none-match") or ""
        if known.strip() == "*" or self.etag in known:  # a digest, which no other tag contains
            return Response(304, {"ETag": self.etag}, b"")
        return Response(200, {"Content-Type": self.content_type, "ETag": self.etag}, self.body)
