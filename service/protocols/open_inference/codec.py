"""The Open Inference Protocol V2, with its binary tensors: named tensors in, named tensors out."""

import re
from collections.abc import Mapping
from typing import ClassVar, NamedTuple

import orjson

from service.errors import BadRequest, CallError, InvalidInput, Malformed, NotFound, NotJSON, TooLarge
from service.prediction.forward import Predicted
from service.prediction.messages import Headers, Request
from service.protocols.body import check_json, parse_json, unpack
from service.protocols.codec import ERROR, JSON, STATUSES, Asked, Codec, Described, Reply
from service.protocols.json_schema import JsonSchema, record
from service.protocols.open_inference.fast_json import parse_tensor
from service.protocols.open_inference.inputs import InputReader
from service.protocols.open_inference.json_schema import describe_answer, describe_request, example_request
from service.protocols.open_inference.outputs import OutputWriter
from service.protocols.open_inference.request import Wanted, attach, read_request
from service.protocols.open_inference.tensor import BYTES, Tensor, pack
from service.protocols.rows import check_count
from service.settings import Settings
from store import Version

LENGTH = "Inference-Header-Content-Length"  # of the JSON; what follows it are the bytes of tensors
BYTES_TYPE = "application/octet-stream"
IN_JSON = "are answered in JSON or as classifications: ask for outputs with binary_data, or binary_data_output"


class How(NamedTuple):
    """The ID of a request, and the outputs that it asks for."""

    identity: str
    wanted: list[Wanted]


class Inference(Codec):
    """`{"inputs": tensors}` -> `{"outputs": tensors}`, each tensor in the JSON or as bytes after it."""

    name: ClassVar[str] = "inference"
    title: ClassVar[str] = "Open Inference Protocol, KServe V2"
    binary: ClassVar[str | None] = BYTES_TYPE
    statuses: ClassVar[Mapping[int, str]] = STATUSES | {400: "The body is not JSON, or no valid input of this model."}
    # What is not ready says so, beside why.
    error: ClassVar[JsonSchema] = record(
        ERROR["properties"] | {"name": {"type": "string"}, "ready": {"const": False}, "live": {"const": True}},
        *("name", "ready", "live"),
    )

    def __init__(self, version: Version, settings: Settings) -> None:
        super().__init__(version, settings)
        self._inputs = InputReader(version.name, self.model.features, settings)
        self._outputs = OutputWriter(version.name, self.model)

    @staticmethod
    def is_binary(headers: Headers) -> bool:
        """A body whose headers say how long its JSON is has bytes after it."""
        return headers.get(LENGTH.lower()) is not None

    def decode(self, request: Request) -> Asked:
        """Read JSON, and the bytes after it; a body without any JSON is the only input of a single row."""
        check_json(request.headers, BYTES_TYPE)
        if not self.is_binary(request.headers):
            return self._read(request, unpack(request, self.settings.max_body_bytes), memoryview(b""))
        body = unpack(request, self.settings.max_binary_bytes)
        length = _read_length(request.headers, len(body))
        if length == 0:
            codes = self._inputs.read([self._raw_tensor(body)])
            return Asked(codes, How(request.identity, self._outputs.choose([], binary=True)))
        if length > (most := self.settings.max_body_bytes):
            raise TooLarge(f"the JSON is larger than {most} bytes: send tensors as bytes after it")
        return self._read(request, body[:length], memoryview(body)[length:])

    def _read(self, request: Request, text: bytes | bytearray, raw: memoryview) -> Asked:
        plain = None if raw or not self.model.features.only_numbers else parse_tensor(text)
        asked = read_request(_parse(request, text) if plain is None else plain)
        identity = request.identity if asked.identity is None else asked.identity
        wanted = self._outputs.choose(asked.outputs, asked.binary)
        codes = self._inputs.read(attach(asked.inputs, raw))
        if not all(one.at_once for one in wanted):
            check_count(len(codes), self.settings.max_rows, IN_JSON)
        return Asked(codes, How(identity, wanted))

    def _raw_tensor(self, body: bytes | bytearray) -> Tensor:
        if len(self._inputs.slots) != 1:
            raise BadRequest(f"{LENGTH} is 0, but model '{self.version.name}' has several inputs: send JSON too")
        ((name, slot),) = self._inputs.slots.items()
        raw = memoryview(pack(body) if slot.datatype == BYTES else body)
        return Tensor(name, slot.datatype, [1, *slot.shape[1:]], raw=raw)

    def encode(self, asked: Asked, predicted: Predicted) -> Reply:
        """Write the tensors, in the order in which they are asked for."""
        how: How = asked.how
        tensors = [self._outputs.write(wanted, predicted) for wanted in how.wanted]
        answer = {
            "model_name": self.version.name,
            "model_version": str(self.version.number),
            "id": how.identity,
            "outputs": [described for described, _ in tensors],
        }
        text = orjson.dumps(answer, option=orjson.OPT_SERIALIZE_NUMPY)
        if not any(wanted.binary for wanted in how.wanted):
            return Reply(text, JSON)
        body = b"".join([text, *(raw for _, raw in tensors)])
        return Reply(body, {"Content-Type": BYTES_TYPE, LENGTH: str(len(text))})

    def describe(self) -> Described:
        """Say what it takes and gives in JSON, with an example that works."""
        return Described(describe_request(self.version), describe_answer(self.version), example_request(self.version))

    @staticmethod
    def place(row: int) -> str:
        """Name a row."""
        return f"row {row}"

    @staticmethod
    def refuse(error: CallError) -> tuple[int, bytes]:
        """Return status and JSON of an error, with Triton's words where clients look for them."""
        status = 400 if isinstance(error, InvalidInput) else error.status
        message = str(error)
        if isinstance(error, NotFound) and error.name is not None:
            version = "" if error.version is None else f" version {error.version}"
            message = f"Request for unknown model: '{error.name}'{version} is not found"
        return status, orjson.dumps({"error": message})


def _read_length(headers: Headers, most: int) -> int:
    given = headers.get(LENGTH.lower()) or ""
    if not re.fullmatch("[0-9]{1,12}", given) or int(given) > most:
        raise Malformed(f"the header {LENGTH} is no number of bytes that the body has: there are {most}")
    return int(given)


def _parse(request: Request, text: bytes | bytearray) -> object:
    try:
        return parse_json(text)
    except NotJSON as error:
        if b"binary_data_size" in text and not Inference.is_binary(request.headers):
            raise Malformed(f"{error}; where bytes follow it, the header {LENGTH} says how long the JSON is") from error
        raise
