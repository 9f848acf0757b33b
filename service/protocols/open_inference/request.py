"""The JSON of an inference request: marshmallow checks the envelope, two fields its lists of tensors.

What an object has beside what is asked for here is passed over. Tensors are read one by one while
they are looked up, so that a long list of unknown ones ends at the first.
"""

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from marshmallow import EXCLUDE, Schema, ValidationError, fields

from service.errors import BadRequest, pointer
from service.protocols.open_inference.tensor import Tensor, quote
from service.protocols.rows import kind

WORDS = {dict: "an object", list: "a list", str: "a string", bool: "true or false", int: "a whole number"}
INPUTS, OUTPUTS, PARAMETERS = "inputs", "outputs", "parameters"


class Wanted(NamedTuple):
    """An output that is asked for: whether as bytes, and as how many best labels, where that is said."""

    name: str
    binary: bool | None = None
    best: int | None = None

    @property
    def at_once(self) -> bool:
        """Whether it is written as bytes at once: of the best labels a text is made for each."""
        return bool(self.binary) and self.best is None


class Read(NamedTuple):
    """What a request says: its ID, its inputs, the outputs it names, whether as bytes unless they say so themselves."""

    identity: str | None
    inputs: Iterable[Tensor]
    outputs: Iterable[Wanted]
    binary: bool


class Inputs(fields.Field[Iterator[Tensor]]):
    """A list of tensors, each with its data or the size of its bytes."""

    default_error_messages = {"required": "expected a list, got nothing", "null": "expected a list, got null"}  # noqa: RUF012

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Iterator[Tensor]:
        _check(value, list, INPUTS)
        return (_tensor(record, INPUTS, place) for place, record in enumerate(value))


class Outputs(fields.Field[Iterator[Wanted]]):
    """A list of tensors by name; none is all."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Iterator[Wanted]:
        _check(value, list, OUTPUTS)
        return (_wanted(record, OUTPUTS, place) for place, record in enumerate(value))


class InferenceRequest(Schema):
    """The envelope."""

    error_messages = {"type": "expected an object"}  # noqa: RUF012

    id = fields.String(allow_none=True, error_messages={"invalid": "expected a string"})
    parameters = fields.Dict(allow_none=True, error_messages={"invalid": "expected an object"})
    inputs = Inputs(required=True)
    outputs = Outputs(allow_none=True)


SCHEMA = InferenceRequest(unknown=EXCLUDE)


def read_request(body: Any) -> Read:
    """Read parsed JSON. Raises BadRequest."""
    try:
        loaded = SCHEMA.load(body)
    except ValidationError as error:
        key, (message, *_) = next(iter(error.messages_dict.items()))
        place = pointer(key) if key in SCHEMA.fields else "the body"
        raise BadRequest(f"{place}: {message}") from error
    binary = _take(loaded.get(PARAMETERS) or {}, "binary_data_output", bool, PARAMETERS)
    return Read(loaded.get("id"), loaded[INPUTS], loaded.get(OUTPUTS) or (), bool(binary))


def attach(tensors: Iterable[Tensor], raw: memoryview) -> Iterator[Tensor]:
    """Give each tensor without data its bytes, in their order. Raises BadRequest where there are too few or many."""
    for tensor in tensors:
        if tensor.data is None:
            tensor.raw, raw = raw[: tensor.size], raw[tensor.size :]
            if lacking := tensor.size - len(tensor.raw):
                name = quote(tensor.name)
                raise BadRequest(f"unexpected size for input {name}, expecting {lacking} additional bytes")
        yield tensor
    if raw:
        raise BadRequest(f"unexpected additional input data: {len(raw)} bytes after those of the inputs")


def _tensor(record: Any, *place: str | int) -> Tensor:
    _check(record, dict, *place)
    name, datatype = (_require(record, key, str, *place) for key in ("name", "datatype"))
    shape = _require(record, "shape", list, *place)
    if not set(map(type, shape)) <= {int} or min(shape, default=0) < 0:
        raise BadRequest(f"{pointer(*place, 'shape')}: expected whole numbers from 0 on")
    size = _take(_parameters(record, *place), "binary_data_size", int, *place, PARAMETERS)
    data = record.get("data")
    if (size is None) == (data is None):
        both = "both data and" if data is not None else "neither data nor"
        raise BadRequest(f"input {quote(name)} has {both} a binary_data_size")
    if size is not None and size < 0:
        raise BadRequest(f"input {quote(name)} has a negative binary_data_size")
    return Tensor(name, datatype, shape, data, size or 0)


def _wanted(record: Any, *place: str | int) -> Wanted:
    _check(record, dict, *place)
    name = _require(record, "name", str, *place)
    parameters = _parameters(record, *place)
    binary = _take(parameters, "binary_data", bool, *place, PARAMETERS)
    best = _take(parameters, "classification", int, *place, PARAMETERS)
    if best is not None and best < 1:
        raise BadRequest(f"{pointer(*place, PARAMETERS, 'classification')}: expected a number from 1 on")
    return Wanted(name, binary, best)


def _parameters(record: dict[str, Any], *place: str | int) -> dict[str, Any]:
    return _take(record, PARAMETERS, dict, *place) or {}


def _take(record: dict[str, Any], key: str, expected: type, *place: str | int) -> Any:
    """Return a value of this type, or None where there is none."""
    value = record.get(key)
    if value is not None:
        _check(value, expected, *place, key)
    return value


def _require(record: dict[str, Any], key: str, expected: type, *place: str | int) -> Any:
    _check(record.get(key), expected, *place, key)
    return record[key]


def _check(value: Any, expected: type, *place: str | int) -> None:
    if type(value) is not expected:
        raise BadRequest(f"{pointer(*place)}: expected {WORDS[expected]}, got {kind(value)}")
