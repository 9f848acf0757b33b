"""The errors of a request: status, JSON body and metric labels of each.

Details give the location (a JSON pointer, RFC 6901), the expected value and the type of the received one, never the
received value itself: it may be confidential.
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from typing import Any, NamedTuple

MAX_DETAILS = 20
MAX_POINTER_LENGTH = 200
UNKNOWN_PATH = "unknown path: GET /docs lists all paths"
UNKNOWN_ADMIN_PATH = "unknown path: this address has only health (/livez, /readyz) and /metrics"


class Problem(NamedTuple):
    """One error in a body: its location, the expected value, and the type of the received one."""

    pointer: str
    expected: str
    got: str


class RequestError(Exception):
    """A request that gets an error response. Each subclass has its status, metric labels and headers."""

    status, reason, outcome = 500, "internal", "invalid"
    headers: Mapping[str, str]

    def __init_subclass__(
        cls, status: int = 500, reason: str = "internal", outcome: str = "invalid", retry: bool = False
    ) -> None:
        cls.status, cls.reason, cls.outcome = status, reason, outcome
        cls.headers = {"Retry-After": "1"} if retry else {}

    def __init__(self, message: str, problems: Sequence[Problem] = ()) -> None:
        super().__init__(message)
        self.problems = tuple(problems[:MAX_DETAILS])

    def body(self) -> dict[str, Any]:
        """Return the JSON body of the response."""
        details = {"details": [problem._asdict() for problem in self.problems]} if self.problems else {}
        return {"error": str(self), **details}


class NotJSON(RequestError, status=400, reason="not_json"):
    """The body is not JSON."""


class Malformed(RequestError, status=400, reason="malformed"):
    """The body is not in the format that its headers declare."""


class BadRequest(RequestError, status=400, reason="invalid_input"):
    """The body is JSON, but not a valid request of this protocol."""


class NotFound(RequestError, status=404, reason="not_found"):
    """The model, version or alias is unknown. A protocol may use the names in its own message."""

    def __init__(
        self, message: str, name: str | None = None, version: str | None = None, alias: str | None = None
    ) -> None:
        super().__init__(message)
        self.name, self.version, self.alias = name, version, alias


class TooLarge(RequestError, status=413, reason="too_large"):
    """The body has too many bytes or rows."""


class WrongContentType(RequestError, status=415, reason="content_type"):
    """The content type or encoding of the body is not supported."""


class InvalidInput(RequestError, status=422, reason="invalid_input"):
    """The body is JSON, but not a valid input for this model."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        location, expected, got = problems[0]
        others = "more" if len(problems) > MAX_DETAILS else f"{len(problems) - 1} more"
        more = f" (and {others})" if len(problems) > 1 else ""
        super().__init__(f"{location or 'the body'}: expected {expected}, got {got}{more}", problems)


class NotLoaded(RequestError, status=503, reason="not_loaded", outcome="error", retry=True):
    """The model is known, but no version of it is loaded (yet)."""


class Overloaded(RequestError, status=503, reason="overloaded", outcome="shed", retry=True):
    """The server has more work than it accepts."""


class ClientGone(RequestError, status=499, reason="client_gone", outcome="expired"):
    """The client has disconnected. The status, which nginx introduced, is counted but never sent."""


class DeadlineExceeded(RequestError, status=504, reason="deadline", outcome="expired"):
    """The time that the client allowed for its request is over."""

    def __init__(self) -> None:
        super().__init__("the request was not computed within the time that it allows: allow more, or try again later")


class RequestRejected(RequestError):
    """A request that is rejected because of its head or framing, with status and message."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


class Unexpected(RequestError, outcome="error"):
    """An internal error. The log has its traceback, with the ID of the request."""

    def __init__(self) -> None:
        super().__init__("internal error")


def body_too_large(limit: int) -> TooLarge:
    """Return the error for a body of more than `limit` bytes."""
    return TooLarge(f"the body is larger than {limit} bytes: send fewer rows per request")


def unexpected_body(limit: int) -> TooLarge:
    """Return the error for a body of more than `limit` bytes in a request that is not a prediction."""
    return TooLarge(f"the body is larger than {limit} bytes, which only predictions accept: check the method and path")


def first_problems(problems: Iterable[Problem]) -> list[Problem]:
    """Return at most MAX_DETAILS + 1 problems: one more than is reported shows that there are others."""
    return list(islice(problems, MAX_DETAILS + 1))


def pointer(*parts: str | int) -> str:
    """Return the JSON pointer (RFC 6901) of a location in a body, shortened if it is very long."""
    text = "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in parts)
    return text if len(text) <= MAX_POINTER_LENGTH else text[:MAX_POINTER_LENGTH] + "…"
