"""The JSON of an inference request: its envelope and its lists of tensors.

Unknown keys are ignored. Tensors are read lazily, so that reading a long list stops at the first invalid tensor.
"""

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from service.errors import BadRequest, pointer
from service.protocols.open_inference.tensor import Tensor, quote
from service.protocols.rows import json_kind

TYPE_NAMES = {dict: "an object", list: "a list", str: "a string", bool: "true or false", int: "an integer"}
INPUTS, OUTPUTS, PARAMETERS = "inputs", "outputs", "parameters"


class RequestedOutput(NamedTuple):
    """A requested output: whether it is binary, and the number of top labels to return instead; None if unspecified."""

    name: str
    binary: bool | None = None
    top: int | None = None


class InferenceRequest(NamedTuple):
    """The ID of a request, its inputs, the requested outputs, whether outputs are binary by default, and its timeout.

    The timeout is in seconds, None if there is none. Triton's parameter is in microseconds, and 0 means none.
    """

    request_id: str | None
    inputs: Iterable[Tensor]
    outputs: Iterable[RequestedOutput]
    binary: bool
    timeout: float | None


def read_request(body: Any) -> InferenceRequest:
    """Read parsed JSON. Raises BadRequest."""
    if type(body) is not dict:
        raise BadRequest("the body: expected an object")
    inputs, outputs = (_take(body, key, list) for key in (INPUTS, OUTPUTS))
    for key, kind in (("id", str), (PARAMETERS, dict)):
        if body.get(key) is not None and type(body[key]) is not kind:
            raise BadRequest(f"{pointer(key)}: expected {TYPE_NAMES[kind]}")
    if inputs is None:
        raise BadRequest(f"{pointer(INPUTS)}: expected a list, got {'null' if INPUTS in body else 'nothing'}")
    parameters = body.get(PARAMETERS) or {}
    binary = _take(parameters, "binary_data_output", bool, PARAMETERS)
    timeout = _take(parameters, "timeout", int, PARAMETERS)
    if timeout is not None and timeout < 0:
        raise BadRequest(f"{pointer(PARAMETERS, 'timeout')}: expected a non-negative integer of microseconds")
    return InferenceRequest(
        body.get("id"),
        (_tensor(record, INPUTS, number) for number, record in enumerate(inputs)),
        (_requested_output(record, OUTPUTS, number) for number, record in enumerate(outputs or ())),
        bool(binary),
        timeout / 1e6 if timeout else None,
    )


def attach(tensors: Iterable[Tensor], raw: memoryview) -> Iterator[Tensor]:
    """Assign the binary data to the tensors without JSON data, in order. Raises BadRequest if the sizes differ."""
    for tensor in tensors:
        if tensor.data is None:
            tensor.raw, raw = raw[: tensor.size], raw[tensor.size :]
            if lacking := tensor.size - len(tensor.raw):
                name = quote(tensor.name)
                raise BadRequest(f"unexpected size for input {name}, expecting {lacking} additional bytes")
        yield tensor
    if raw:
        raise BadRequest(f"unexpected additional input data: {len(raw)} bytes after the data of the inputs")


def _tensor(record: Any, *location: str | int) -> Tensor:
    if type(record) is not dict:
        raise _unexpected(record, dict, *location)
    name, datatype = (_require(record, key, str, *location) for key in ("name", "datatype"))
    shape = _require(record, "shape", list, *location)
    if not set(map(type, shape)) <= {int} or min(shape, default=0) < 0:
        raise BadRequest(f"{pointer(*location, 'shape')}: expected non-negative integers")
    size = _parameter(record, "binary_data_size", int, *location)
    data = record.get("data")
    if (size is None) == (data is None):
        both = "both data and" if data is not None else "neither data nor"
        raise BadRequest(f"input {quote(name)} has {both} binary_data_size")
    if size is not None and size < 0:
        raise BadRequest(f"input {quote(name)} has a negative binary_data_size")
    return Tensor(name, datatype, shape, data, size or 0)


def _requested_output(record: Any, *location: str | int) -> RequestedOutput:
    if type(record) is not dict:
        raise _unexpected(record, dict, *location)
    name = _require(record, "name", str, *location)
    binary = _parameter(record, "binary_data", bool, *location)
    top = _parameter(record, "classification", int, *location)
    if top is not None and top < 1:
        raise BadRequest(f"{pointer(*location, PARAMETERS, 'classification')}: expected a positive integer")
    return RequestedOutput(name, binary, top)


def _parameter(record: dict[str, Any], key: str, expected: type, *location: str | int) -> Any:
    parameters = _take(record, PARAMETERS, dict, *location) or {}
    return _take(parameters, key, expected, *location, PARAMETERS)


def _take(record: dict[str, Any], key: str, expected: type, *location: str | int) -> Any:
    """Return a value of the expected type, or None if it is absent or null. Raises BadRequest."""
    value = record.get(key)
    if value is not None and type(value) is not expected:
        raise _unexpected(value, expected, *location, key)
    return value


def _require(record: dict[str, Any], key: str, expected: type, *location: str | int) -> Any:
    value = record.get(key)
    if type(value) is not expected:
        raise _unexpected(value, expected, *location, key)
    return value


def _unexpected(value: Any, expected: type, *location: str | int) -> BadRequest:
    return BadRequest(f"{pointer(*location)}: expected {TYPE_NAMES[expected]}, got {json_kind(value)}")
