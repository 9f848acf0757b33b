"""The interface of a protocol: how bodies are decoded, responses encoded, errors written, and all of it described."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, NamedTuple

import numpy as np
import numpy.typing as npt
import orjson

from nn.activations import Array
from nn.features import Codes
from service.errors import RequestError
from service.prediction.forward import Predictions
from service.prediction.messages import Headers, Request, Response
from service.protocols.json_schema import STRING, JsonSchema, record
from service.settings import Settings
from store import Version

JSON_HEADERS = {"Content-Type": "application/json"}
# The statuses of errors in OpenAPI.
STATUSES = {
    400: "The body is not JSON, or not what its headers say.",
    404: "There is no such model, version or alias.",
    408: "The body took too long to come.",
    413: "Too many bytes or rows.",
    415: "A Content-Type or Content-Encoding that is not taken.",
    503: "Nothing of it could be loaded (yet), too many requests wait for it, or too much is asked; see Retry-After.",
}


@dataclass(slots=True)  # made in less time than a NamedTuple
class DecodedRequest:
    """The codes (B, K) of the rows of a request, and the options that the codec needs to encode its response."""

    codes: Codes
    options: Any = None


@dataclass(slots=True)
class EncodedResponse:
    """The body of a response, and headers besides those that every response has."""

    body: bytes
    headers: Mapping[str, str] = field(default_factory=lambda: JSON_HEADERS)


class CodecDescription(NamedTuple):
    """A codec for one version in JSON Schema, with a request that works."""

    request: JsonSchema
    response: JsonSchema
    example: JsonSchema


class Codec:
    """One protocol for one version, made when the version is loaded. It keeps nothing of a request.

    The base class itself stands for the routes that belong to no protocol.
    """

    name: ClassVar[str] = "service"  # in the metrics
    title: ClassVar[str] = "The service"  # for people
    binary: ClassVar[str | None] = None  # the content type of requests and responses beside JSON
    statuses: ClassVar[dict[int, str]] = STATUSES
    error: ClassVar[JsonSchema] = record(error=STRING)

    def __init__(self, version: Version, settings: Settings) -> None:
        self.version, self.model, self.settings = version, version.artifact.model, settings

    @staticmethod
    def is_binary(headers: Headers) -> bool:
        """Tell whether a body with these headers is binary, and so may be larger."""
        return False

    def decode(self, request: Request) -> DecodedRequest:
        """Decode the body. Raises RequestError."""
        raise NotImplementedError

    def encode(self, decoded: DecodedRequest, predictions: Predictions) -> EncodedResponse:
        """Encode the response."""
        raise NotImplementedError

    def describe(self) -> CodecDescription:
        """Describe requests and responses, with an example that works."""
        raise NotImplementedError

    @staticmethod
    def location(row: int) -> str:
        """Name a row in an error, such as by a JSON pointer; it may have come in columns."""
        return f"row {row}"

    @staticmethod
    def encode_error(error: RequestError) -> tuple[int, bytes]:
        """Return status and JSON of an error."""
        return error.status, orjson.dumps(error.body())


def example_row(version: Version) -> Any:
    """Return a golden row; by name where the columns have names of their own, as people would write it."""
    artifact = version.artifact
    row, columns = artifact.golden.rows[0], artifact.model.features.columns
    numbered = all(column.name == f"x{number}" for number, column in enumerate(columns))
    return row if numbered else dict(zip((column.name for column in columns), row, strict=True))


def error_response(codec: type[Codec], error: RequestError, request_id: str) -> Response:
    """Return the response to a request that failed, in the form of a protocol."""
    status, body = codec.encode_error(error)
    return Response(status, {**JSON_HEADERS, **error.headers, "X-Request-ID": request_id}, body)


def top_classes(outputs: Array, count: int) -> npt.NDArray[np.intp]:
    """Return the most probable classes (B, count) of each row, the best first; of equals, the first."""
    return np.argsort(-outputs, axis=1, kind="stable")[:, :count]
