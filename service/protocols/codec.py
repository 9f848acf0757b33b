"""The interface of a protocol: decode requests, encode responses and errors, and describe both in JSON Schema."""

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

NUMBER_BYTES, BINARY_BYTES, LABEL_BYTES = 12, 4, 64  # of an output: in JSON, in binary, as a label with its probability
NUMBER_CODE_BYTES, CODE_BYTES = 5, 9  # of a code, float32 or float64, and whether it is finite
JSON_HEADERS = {"Content-Type": "application/json"}
# The error responses of a prediction, in OpenAPI.
STATUSES = {
    400: "The body is not valid JSON, or does not match its headers.",
    404: "Unknown model, version or alias.",
    408: "The request body was not received in time.",
    413: "The request has too many bytes, rows or values, or the response would be too large.",
    415: "The Content-Type or Content-Encoding is not supported.",
    503: "No version of the model is loaded, too many requests wait, or large bodies hold too much memory; see"
    " Retry-After.",
    504: "The request was not computed within the time that it allows.",
}


@dataclass(slots=True)  # faster to create than a NamedTuple
class DecodedRequest:
    """The codes (B, K) of the rows of a request, and the options that the codec needs to encode the response."""

    codes: Codes
    options: Any = None


@dataclass(slots=True)
class EncodedResponse:
    """The body of a response, and the headers that describe the body."""

    body: bytes
    headers: Mapping[str, str] = field(default_factory=lambda: JSON_HEADERS)


class CodecDescription(NamedTuple):
    """The JSON Schemas of the requests and responses of one version, and an example request that succeeds."""

    request: JsonSchema
    response: JsonSchema
    example: JsonSchema


class Codec:
    """One protocol for one version, created when the version is loaded. It holds no state between requests.

    The base class represents the routes that belong to no protocol.
    """

    name: ClassVar[str] = "service"  # a label in the metrics
    title: ClassVar[str] = "Service"  # a heading in the documentation
    binary: ClassVar[str | None] = None  # the content type accepted and returned besides JSON
    statuses: ClassVar[dict[int, str]] = STATUSES
    error: ClassVar[JsonSchema] = record(error=STRING)

    def __init__(self, version: Version, settings: Settings) -> None:
        self.version, self.model, self.settings = version, version.artifact.model, settings
        self.row_bytes = self.model.network.outputs * NUMBER_BYTES

    @staticmethod
    def is_binary(headers: Headers) -> bool:
        """Return whether a body with these headers is binary; the size limit of binary bodies is higher."""
        return False

    def decode(self, request: Request) -> DecodedRequest:
        """Decode and validate the body. Raises RequestError."""
        raise NotImplementedError

    def response_bytes(self, decoded: DecodedRequest) -> int:
        """Return the estimated size of the response, which is known before the forward pass."""
        return len(decoded.codes) * self.row_bytes

    def encode(self, decoded: DecodedRequest, predictions: Predictions) -> EncodedResponse:
        raise NotImplementedError

    def describe(self) -> CodecDescription:
        raise NotImplementedError

    @staticmethod
    def location(row: int) -> str:
        """Return the location of a row for an error: not a JSON pointer here, because rows may be sent as columns."""
        return f"row {row}"

    @staticmethod
    def encode_error(error: RequestError) -> tuple[int, bytes]:
        """Return the status and the JSON body of an error."""
        return error.status, orjson.dumps(error.body())


def example_row(version: Version) -> Any:
    """Return a golden row: an object by feature name, or a list if the columns have only default names (x0, x1)."""
    artifact = version.artifact
    row, columns = artifact.golden.rows[0], artifact.model.features.columns
    numbered = all(column.name == f"x{number}" for number, column in enumerate(columns))
    return row if numbered else dict(zip((column.name for column in columns), row, strict=True))


def error_response(codec: type[Codec], error: RequestError, request_id: str) -> Response:
    """Return the response to a failed request in the format of the protocol."""
    status, body = codec.encode_error(error)
    return Response(status, {**JSON_HEADERS, **error.headers, "X-Request-ID": request_id}, body)


def top_classes(outputs: Array, count: int) -> npt.NDArray[np.intp]:
    """Return the most probable classes (B, count) of each row, in descending order; ties keep the class order."""
    return np.argsort(-outputs, axis=1, kind="stable")[:, :count]
