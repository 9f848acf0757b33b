"""What a protocol has to say: which bodies it takes, what they ask, how they are answered, and how errors look."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, NamedTuple

import orjson
from marshmallow import Schema

from nn.features import Codes
from service.errors import CallError, pointer
from service.prediction.forward import Predicted
from service.prediction.messages import Headers, Request
from service.protocols.json_schema import JsonSchema, record
from service.protocols.rows import KEY
from service.settings import Settings
from store import Version

JSON = {"Content-Type": "application/json"}
# What OpenAPI says of errors.
ERROR = record({"error": {"type": "string"}})
STATUSES = {
    400: "The body is not JSON, or not what its headers say.",
    404: "There is no such model, version or alias.",
    408: "The body took too long to come.",
    413: "Too many bytes or rows.",
    415: "A Content-Type or Content-Encoding that is not taken.",
    503: "Nothing of it could be loaded (yet), too many requests wait for it, or too much is asked; see Retry-After.",
}


@dataclass(slots=True)
class Asked:
    """The codes (B, K) of the rows of a request, and whatever the codec needs to answer it."""

    codes: Codes
    how: Any = None


@dataclass(slots=True)
class Reply:
    """The body of an answer, and headers besides those that every answer has."""

    body: bytes
    headers: Mapping[str, str] = field(default_factory=lambda: JSON)


class Described(NamedTuple):
    """How a codec speaks for its version: JSON Schema, of the request what its marshmallow `schema` leaves out."""

    request: JsonSchema
    answer: JsonSchema
    example: JsonSchema
    schema: Schema | None = None


class Codec:
    """Speaks one protocol for one version; made when the version is loaded. It keeps nothing of a request."""

    name: ClassVar[str]  # in the metrics
    title: ClassVar[str]  # for people
    binary: ClassVar[str | None] = None  # the content type that it takes and gives beside JSON
    statuses: ClassVar[Mapping[int, str]] = STATUSES
    error: ClassVar[JsonSchema] = ERROR

    def __init__(self, version: Version, settings: Settings) -> None:
        self.version, self.model, self.settings = version, version.artifact.model, settings

    @staticmethod
    def is_binary(headers: Headers) -> bool:
        """Tell whether a body with these headers holds binary numbers, of which more bytes are taken."""
        return False

    def decode(self, request: Request) -> Asked:
        """Read the body. Raises CallError."""
        raise NotImplementedError

    def encode(self, asked: Asked, predicted: Predicted) -> Reply:
        """Write the answer."""
        raise NotImplementedError

    def describe(self) -> Described:
        """Say what it takes and gives, with an example that works."""
        raise NotImplementedError

    @staticmethod
    def place(row: int) -> str:
        """Name a row in an error, such as by a JSON pointer."""
        return pointer(KEY, row)

    @staticmethod
    def refuse(error: CallError) -> tuple[int, bytes]:
        """Return status and JSON of an error."""
        return error.status, orjson.dumps(error.body())
