"""What can be wrong with a request, and the status and JSON that report it. The only place that knows both.

Details say where (a JSON pointer, RFC 6901), what was expected and what kind of thing came, never
the value itself: that may be somebody's secret.
"""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from typing import Any

MAX_DETAILS = 20
MAX_POINTER_LENGTH = 200
NO_SUCH_PATH = "there is no such path: GET / shows those that are"


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong with a body."""

    pointer: str
    expected: str
    got: str


class RequestError(Exception):
    """A request that is answered with an error. `reason` and `outcome` are its labels in the metrics."""

    status = 500
    reason = "internal"
    outcome = "invalid"
    headers: dict[str, str] = {}  # noqa: RUF012

    def __init__(self, message: str, problems: Sequence[Problem] = ()) -> None:
        super().__init__(message)
        self.problems = tuple(problems[:MAX_DETAILS])

    def body(self) -> dict[str, Any]:
        """Return the JSON of the response."""
        body: dict[str, Any] = {"error": str(self)}
        if self.problems:
            body["details"] = [asdict(problem) for problem in self.problems]
        return body


class NotJSON(RequestError):
    """The body is not JSON."""

    status = 400
    reason = "not_json"


class Malformed(RequestError):
    """The body is not in the format that its headers declare."""

    status = 400
    reason = "malformed"


class BadRequest(RequestError):
    """The body is JSON, but not a request of this protocol."""

    status = 400
    reason = "invalid_input"


class NotFound(RequestError):
    """There is no such model, version or alias; what was looked up is kept for protocols with messages of their own."""

    status = 404
    reason = "not_found"

    def __init__(
        self, message: str, name: str | None = None, version: str | None = None, alias: str | None = None
    ) -> None:
        super().__init__(message)
        self.name, self.version, self.alias = name, version, alias


class TooLarge(RequestError):
    """The body has too many bytes or rows."""

    status = 413
    reason = "too_large"


class WrongContentType(RequestError):
    """The content type or encoding of the body is not supported."""

    status = 415
    reason = "content_type"


class InvalidInput(RequestError):
    """The body is JSON, but not a valid input of this model."""

    status = 422
    reason = "invalid_input"

    def __init__(self, problems: Sequence[Problem]) -> None:
        first = problems[0]
        others = "more" if len(problems) > MAX_DETAILS else f"{len(problems) - 1} more"
        more = f" (and {others})" if len(problems) > 1 else ""
        location = first.pointer or "the body"
        super().__init__(f"{location}: expected {first.expected}, got {first.got}{more}", problems)


class NotLoaded(RequestError):
    """The model is known, but not loaded (yet)."""

    status = 503
    reason = "not_loaded"
    outcome = "error"
    headers = {"Retry-After": "1"}  # noqa: RUF012


class Overloaded(RequestError):
    """More work than is accepted."""

    status = 503
    reason = "overloaded"
    outcome = "shed"
    headers = {"Retry-After": "1"}  # noqa: RUF012


class ClientGone(RequestError):
    """The client is gone. The status is nginx's; it is counted, and never sent."""

    status = 499
    reason = "client_gone"
    outcome = "expired"

    def __init__(self) -> None:
        super().__init__("the client has gone")


class Unexpected(RequestError):
    """An unexpected error; what happened is in the log, under the request's ID."""

    outcome = "error"

    def __init__(self) -> None:
        super().__init__("internal error")


def first_problems(problems: Iterable[Problem]) -> list[Problem]:
    """Return as many problems as are reported, and one more where there are more; no others are looked for."""
    return list(islice(problems, MAX_DETAILS + 1))


def pointer(*parts: str | int) -> str:
    """Return the JSON pointer to a location in a body."""
    escaped = (str(part).replace("~", "~0").replace("/", "~1") for part in parts)
    text = "".join(f"/{part}" for part in escaped)
    return text if len(text) <= MAX_POINTER_LENGTH else text[:MAX_POINTER_LENGTH] + "…"
