"""The Open Inference Protocol V2 with its binary tensors: named tensors in, named tensors out."""

import re

import orjson

from service.errors import BadRequest, InvalidInput, Malformed, NotFound, NotJSON, RequestError, TooLarge
from service.prediction.forward import Predictions
from service.prediction.messages import Headers, Request
from service.protocols.body import check_json, parse_json, unpack
from service.protocols.codec import Codec, CodecDescription, DecodedRequest, EncodedResponse
from service.protocols.json_cost import reserve_parsing
from service.protocols.json_schema import STRING, record
from service.protocols.open_inference.fast_json import parse_tensor
from service.protocols.open_inference.inputs import InputReader
from service.protocols.open_inference.json_schema import describe_request, describe_response, example_request
from service.protocols.open_inference.outputs import OutputWriter
from service.protocols.open_inference.request import attach, read_request
from service.protocols.open_inference.tensor import BYTES, Tensor, pack
from service.protocols.rows import check_row_count
from service.settings import Settings
from store import Version

LENGTH_HEADER = "Inference-Header-Content-Length"  # the length of the JSON part, which precedes the binary tensors
BYTES_TYPE = "application/octet-stream"
IN_JSON = "are returned as JSON or classifications: request binary outputs with binary_data or binary_data_output"


class OpenInferenceCodec(Codec):
    """`{"inputs": tensors}` -> `{"outputs": tensors}`, each tensor in JSON or in binary after the JSON."""

    name = "inference"
    title = "Open Inference Protocol (KServe V2)"
    binary = BYTES_TYPE
    statuses = Codec.statuses | {400: "The body is not valid JSON, or not a valid input for the model."}
    # The readiness routes report their state beside the error.
    error = record(*("name", "ready", "live"), error=STRING, name=STRING, ready={"const": False}, live={"const": True})

    def __init__(self, version: Version, settings: Settings) -> None:
        super().__init__(version, settings)
        self._inputs = InputReader(version.name, self.model.features, settings)
        self._outputs = OutputWriter(version.name, self.model)

    @staticmethod
    def is_binary(headers: Headers) -> bool:
        return headers.get(LENGTH_HEADER.lower()) is not None

    def decode(self, request: Request) -> DecodedRequest:
        """Decode JSON and the binary tensors after it; a body without JSON is one row of the only input."""
        check_json(request.headers, BYTES_TYPE)
        if not self.is_binary(request.headers):
            return self._read(request, unpack(request, self.settings.max_body_bytes), memoryview(b""))
        body = unpack(request, self.settings.max_binary_bytes)
        length = _read_length(request.headers, len(body))
        if length == 0:
            codes = self._inputs.read([self._raw_tensor(body)], request.reservation)
            return DecodedRequest(codes, (request.request_id, self._outputs.choose([], binary=True)))
        if length > (limit := self.settings.max_body_bytes):
            raise TooLarge(f"the JSON part is larger than {limit} bytes: send the tensors in binary")
        return self._read(request, body[:length], memoryview(body)[length:])

    def _read(self, request: Request, text: bytes | bytearray, raw: memoryview) -> DecodedRequest:
        plain = None if raw or not self.model.features.only_numbers else parse_tensor(text, self.settings.max_rows)
        parsed = read_request(_parse(request, text) if plain is None else plain)
        if parsed.timeout is not None:
            request.allow(parsed.timeout)
        request_id = request.request_id if parsed.request_id is None else parsed.request_id
        outputs = self._outputs.choose(parsed.outputs, parsed.binary)
        codes = self._inputs.read(attach(parsed.inputs, raw), request.reservation)
        # Only binary numbers are encoded as one block: JSON and classifications take time for each row.
        if any(output.top or not output.binary for output in outputs):
            check_row_count(len(codes), self.settings.max_rows, IN_JSON)
        return DecodedRequest(codes, (request_id, outputs))

    def _raw_tensor(self, body: bytes | bytearray) -> Tensor:
        if len(self._inputs.specs) != 1:
            raise BadRequest(f"{LENGTH_HEADER} is 0, but model '{self.version.name}' has several inputs: send JSON")
        ((name, spec),) = self._inputs.specs.items()
        raw = memoryview(pack(body) if spec.datatype == BYTES else body)
        return Tensor(name, spec.datatype, [1, *spec.shape[1:]], raw=raw)

    def response_bytes(self, decoded: DecodedRequest) -> int:
        _, outputs = decoded.options
        return len(decoded.codes) * sum(map(self._outputs.row_bytes, outputs))

    def encode(self, decoded: DecodedRequest, predictions: Predictions) -> EncodedResponse:
        """Encode the output tensors in the order in which they were requested."""
        request_id, outputs = decoded.options
        tensors = [self._outputs.write(output, predictions) for output in outputs]
        response = {
            "model_name": self.version.name,
            "model_version": str(self.version.number),
            "id": request_id,
            "outputs": [described for described, _ in tensors],
        }
        text = orjson.dumps(response, option=orjson.OPT_SERIALIZE_NUMPY)
        if not any(output.binary for output in outputs):
            return EncodedResponse(text)
        body = b"".join([text, *(raw for _, raw in tensors)])
        return EncodedResponse(body, {"Content-Type": BYTES_TYPE, LENGTH_HEADER: str(len(text))})

    def describe(self) -> CodecDescription:
        return CodecDescription(
            describe_request(self.version), describe_response(self.version), example_request(self.version)
        )

    @staticmethod
    def encode_error(error: RequestError) -> tuple[int, bytes]:
        """Return the status and the JSON body of an error, with Triton's message where clients rely on it."""
        status = 400 if isinstance(error, InvalidInput) else error.status
        message = str(error)
        if isinstance(error, NotFound) and error.name is not None:
            version = "" if error.version is None else f" version {error.version}"
            message = f"Request for unknown model: '{error.name}'{version} is not found"
        return status, orjson.dumps({"error": message})


def _read_length(headers: Headers, body_length: int) -> int:
    given = headers.get(LENGTH_HEADER.lower()) or ""
    if not re.fullmatch("[0-9]{1,12}", given) or int(given) > body_length:
        raise Malformed(f"the header {LENGTH_HEADER} must be an integer from 0 to {body_length}, the body length")
    return int(given)


def _parse(request: Request, text: bytes | bytearray) -> object:
    reserve_parsing(request, text)
    try:
        return parse_json(text)
    except NotJSON as error:
        if b"binary_data_size" in text and not OpenInferenceCodec.is_binary(request.headers):
            raise Malformed(
                f"{error}; if binary tensors follow the JSON, send its length in the header {LENGTH_HEADER}"
            ) from error
        raise
