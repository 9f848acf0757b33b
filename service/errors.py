"""What can be wrong with a call, and the status and JSON that say so. The only place that knows both.

Details say where (a JSON pointer, RFC 6901), what was expected and what kind of thing came, never
the value itself: that may be somebody's secret.
"""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from typing import Any

MOST_DETAILS = 20
LONGEST_POINTER = 200
NO_SUCH_PATH = "there is no such path: GET / shows those that are"


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong with a body."""

    pointer: str
    expected: str
    got: str


class CallError(Exception):
    """A call that is answered with an error. `reason` and `outcome` are its labels in the metrics."""

    status = 500
    reason = "internal"
    outcome = "invalid"
    headers: dict[str, str] = {}  # noqa: RUF012

    def __init__(self, message: str, problems: Sequence[Problem] = ()) -> None:
        super().__init__(message)
        self.problems = tuple(problems[:MOST_DETAILS])

    def body(self) -> dict[str, Any]:
        """Return the JSON of the answer."""
        body: dict[str, Any] = {"error": str(self)}
        if self.problems:
            body["details"] = [asdict(problem) for problem in self.problems]
        return body


class NotJSON(CallError):
    """The body is no JSON."""

    status = 400
    reason = "not_json"


class Malformed(CallError):
    """The body is not in the form that it says it is."""

    status = 400
    reason = "malformed"


class BadRequest(CallError):
    """The body is JSON, but not a request of this protocol."""

    status = 400
    reason = "invalid_input"


class NotFound(CallError):
    """There is no such model, version or alias; what was looked up is kept for protocols with words of their own."""

    status = 404
    reason = "not_found"

    def __init__(
        self, message: str, name: str | None = None, version: str | None = None, alias: str | None = None
    ) -> None:
        super().__init__(message)
        self.name, self.version, self.alias = name, version, alias


class TooLarge(CallError):
    """The body has too many bytes or rows."""

    status = 413
    reason = "too_large"


class WrongContentType(CallError):
    """The body says that it is something else than JSON."""

    status = 415
    reason = "content_type"


class InvalidInput(CallError):
    """The body is JSON, but no input of this model."""

    status = 422
    reason = "invalid_input"

    def __init__(self, problems: Sequence[Problem]) -> None:
        first = problems[0]
        others = "more" if len(problems) > MOST_DETAILS else f"{len(problems) - 1} more"
        more = f" (and {others})" if len(problems) > 1 else ""
        place = first.pointer or "the body"
        super().__init__(f"{place}: expected {first.expected}, got {first.got}{more}", problems)


class NotLoaded(CallError):
    """The model is known, but it can't answer (yet)."""

    status = 503
    reason = "not_loaded"
    outcome = "error"
    headers = {"Retry-After": "1"}  # noqa: RUF012


class Overloaded(CallError):
    """More work than is taken on."""

    status = 503
    reason = "overloaded"
    outcome = "shed"
    headers = {"Retry-After": "1"}  # noqa: RUF012


class ClientGone(CallError):
    """Nobody waits for the answer any more. The status is nginx's; it is counted, and never sent."""

    status = 499
    reason = "client_gone"
    outcome = "expired"

    def __init__(self) -> None:
        super().__init__("the client has gone")


class Unexpected(CallError):
    """A mistake of this program; what happened is in the log, under the request's ID."""

    outcome = "error"

    def __init__(self) -> None:
        super().__init__("internal error")


def first_problems(problems: Iterable[Problem]) -> list[Problem]:
    """Return as many problems as are told, and one more where there are more; the others are never looked for."""
    return list(islice(problems, MOST_DETAILS + 1))


def pointer(*parts: str | int) -> str:
    """Return the JSON pointer to a place in a body."""
    escaped = (str(part).replace("~", "~0").replace("/", "~1") for part in parts)
    whole = "".join(f"/{part}" for part in escaped)
    return whole if len(whole) <= LONGEST_POINTER else whole[:LONGEST_POINTER] + "…"
