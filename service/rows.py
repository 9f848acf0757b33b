"""The body of a prediction request: marshmallow checks the envelope, one field turns rows into an array.

The field looks at the types of all cells at once; only where one is wrong does it go from cell to
cell to say which.
"""

from collections.abc import Iterator
from itertools import chain, islice
from typing import Any

import numpy as np
from marshmallow import Schema, ValidationError, fields

from nn import Features
from nn.features import Float32, read_numbers
from service.errors import MOST_DETAILS, InvalidInput, Problem, TooLarge, pointer

KEY = "instances"
NUMBERS = {int, float}
KINDS = {dict: "an object", list: "a list", str: "a string", bool: "a boolean", type(None): "null"}
# What marshmallow finds wrong with the envelope: its word, what was expected, what came.
ENVELOPE = {
    "required": ("a list of rows", "nothing"),
    "null": ("a list of rows", "null"),
    "unknown": (f"no key but {KEY}", "another key"),
}


class Rows(fields.Field[Float32]):
    """A list of rows, each a list of one number for each feature -> raw rows (B, I)."""

    default_error_messages = {"required": "required", "null": "null"}  # noqa: RUF012

    def __init__(self, features: Features, max_rows: int) -> None:
        super().__init__(required=True)
        self.features, self.max_rows = features, max_rows

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Float32:
        if type(value) is list and len(value) > self.max_rows:
            raise TooLarge(f"{len(value)} rows; at most {self.max_rows} are taken in a request")
        rows = _convert(value, len(self.features))
        if rows is None:
            raise ValidationError(list(islice(_problems(value, len(self.features)), MOST_DETAILS + 1)))
        return rows


class RequestSchema(Schema):
    """The envelope: an object with the key `instances` and no other."""

    error_messages = {"type": "type", "unknown": "unknown"}  # noqa: RUF012


def request_schema(features: Features, max_rows: int) -> Schema:
    """Return the schema of the requests to a model."""
    return RequestSchema.from_dict({KEY: Rows(features, max_rows)})()


def read_body(schema: Schema, body: Any) -> Float32:
    """Turn a parsed body into raw rows (B, I). Raises InvalidInput with every place that is wrong."""
    try:
        rows: Float32 = schema.load(body)[KEY]
    except ValidationError as error:
        raise InvalidInput([*_envelope_problems(error.messages_dict, body)]) from error
    return rows


def _envelope_problems(messages: dict[str, Any], body: Any) -> Iterator[Problem]:
    for key, found in messages.items():
        for message in found:
            if isinstance(message, Problem):
                yield message
            elif message == "type":
                yield Problem("", f"an object with the key {KEY}", kind(body))
            else:
                yield Problem(pointer(key), *ENVELOPE[message])


def _convert(rows: Any, width: int) -> Float32 | None:
    """Return rows as an array, or None where anything is wrong with them."""
    if type(rows) is not list or not rows or set(map(type, rows)) != {list} or set(map(len, rows)) != {width}:
        return None
    # numpy takes true for 1 and "2.5" for 2.5; the types tell, at the speed of a set.
    if not set(map(type, chain.from_iterable(rows))) <= NUMBERS:
        return None
    array = read_numbers(rows)
    return array if np.isfinite(array).all() else None


def _problems(rows: Any, width: int) -> Iterator[Problem]:
    if type(rows) is not list or not rows:
        yield Problem(pointer(KEY), "a list of at least one row", kind(rows) if rows != [] else "an empty list")
        return
    for number, row in enumerate(rows):
        if type(row) is not list:
            yield Problem(pointer(KEY, number), f"a list of {width} numbers", kind(row))
        elif len(row) != width:
            yield Problem(pointer(KEY, number), _values(width), _values(len(row)))
        else:
            yield from _cell_problems(number, row)


def _cell_problems(number: int, row: list[Any]) -> Iterator[Problem]:
    for place, cell in enumerate(row):
        if type(cell) not in NUMBERS:
            yield Problem(pointer(KEY, number, place), "a number", kind(cell))
        elif not np.isfinite(read_numbers(cell)):
            yield Problem(pointer(KEY, number, place), "a number within ±3.4e38 (float32)", "a larger one")


def _values(count: int) -> str:
    return "1 value" if count == 1 else f"{count} values"


def kind(value: Any) -> str:
    """Name the kind of a JSON value."""
    return KINDS.get(type(value), "a number")
