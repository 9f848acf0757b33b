"""The body of a prediction request: marshmallow checks the envelope, one field turns rows into an array.

The field looks at the types of all cells at once; only where one is wrong does it go from cell to
cell to say which.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import islice
from typing import Any

from marshmallow import Schema, ValidationError, fields

from nn import Features
from nn.columns import NUMBERS, Cell, Column
from nn.features import Codes
from service.errors import MOST_DETAILS, InvalidInput, Problem, TooLarge, pointer
from service.schemas import JsonSchema, rows_schema

KEY, TOP = "instances", "top"
PLACE = partial(pointer, KEY)
KINDS = {dict: "an object", list: "a list", str: "a string", bool: "a boolean", type(None): "null"}
# What marshmallow finds wrong with the envelope: its word, what was expected, what came.
ENVELOPE = {
    "required": ("a list of rows", "nothing"),
    "null": ("a list of rows", "null"),
    "unknown": (f"no key but {KEY} and {TOP}", "another key"),
}


class Rows(fields.Field[Codes]):
    """A list of rows, each a list of cells or an object by feature name -> codes (B, K)."""

    default_error_messages = {"required": "required", "null": "null"}  # noqa: RUF012

    def __init__(
        self,
        features: Features,
        max_rows: int,
        *,
        place: Callable[..., str] = PLACE,
        required: bool = True,
    ) -> None:
        super().__init__(required=required)
        self.features, self.max_rows, self.place = features, max_rows, place
        self._names = [column.name for column in features.columns]
        self._known = frozenset([*self._names, *features.dropped])

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Codes:
        if type(value) is list and len(value) > self.max_rows:
            raise TooLarge(f"{len(value)} rows; at most {self.max_rows} are taken in a request")
        cells = self._cells(value)
        codes = None if cells is None else self.features.read(cells)
        if codes is None:
            raise ValidationError(list(islice(self._problems(value), MOST_DETAILS + 1)))
        return codes

    def json_schema(self) -> JsonSchema:
        """Describe what it takes."""
        return rows_schema(self.features, self.max_rows)

    def _cells(self, rows: Any) -> list[list[Cell]] | None:
        """Return the rows with their cells in order, or None where one has too few or too many."""
        if type(rows) is not list:
            return None
        types = set(map(type, rows))
        if types == {list} and set(map(len, rows)) == {len(self._names)}:
            return rows
        if types == {dict} and all(row.keys() <= self._known for row in rows):
            return [[row.get(name) for name in self._names] for row in rows]
        return None

    def _problems(self, rows: Any) -> Iterator[Problem]:
        """Go from row to row, and where one does not read from cell to cell, and say what is wrong."""
        if type(rows) is not list or not rows:
            yield Problem(self.place(), "a list of at least one row", kind(rows) if rows != [] else "an empty list")
            return
        shape = dict if type(rows[0]) is dict else list
        for number, row in enumerate(rows):
            if type(row) is not shape:
                expected = f"a list of {values(len(self._names))}" if shape is list else "an object like the first row"
                yield Problem(self.place(number), expected, kind(row))
            elif (cells := self._cells([row])) is None or self.features.read(cells) is None:
                yield from self._row_problems(number, row)

    def _row_problems(self, number: int, row: Any) -> Iterator[Problem]:
        if type(row) is list and len(row) != len(self._names):
            yield Problem(self.place(number), values(len(self._names)), values(len(row)))
            return
        if type(row) is dict:
            for key in sorted(row.keys() - self._known):
                yield Problem(self.place(number, key), "the name of a feature", "an unknown key")
        keys: Sequence[Any] = self._names if type(row) is dict else range(len(row))
        for key, column in zip(keys, self.features.columns, strict=True):
            place = self.place(number, key)
            if type(row) is list or key in row:
                yield from _cell_problems(column, row[key], place)
            elif not column.missing:
                yield Problem(place, column.expected, "nothing")


class Top(fields.Field[int]):
    """How many of the best labels of each row are wanted."""

    default_error_messages = {"null": "null"}  # noqa: RUF012

    def __init__(self, labels: int) -> None:
        super().__init__()
        self.labels = labels

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> int:
        if type(value) is not int or value < 1 or not self.labels:
            expected = "a whole number from 1 on" if self.labels else "no such key: a regression has no labels"
            raise ValidationError([Problem(pointer(TOP), expected, kind(value))])
        return value

    def json_schema(self) -> JsonSchema:
        """Describe what it takes; of a regression nothing."""
        return {"type": "integer", "minimum": 1} if self.labels else {"not": {}}


class RequestSchema(Schema):
    """The envelope: an object with the key `instances`, perhaps `top`, and no other."""

    error_messages = {"type": "type", "unknown": "unknown"}  # noqa: RUF012


def request_schema(features: Features, max_rows: int, labels: int) -> Schema:
    """Return the schema of the requests to a model of so many labels."""
    return RequestSchema.from_dict({KEY: Rows(features, max_rows), TOP: Top(labels)})()


def read_body(schema: Schema, body: Any) -> dict[str, Any]:
    """Turn a parsed body into the codes of its rows (B, K), and what else is asked.

    Raises InvalidInput with every place that is wrong.
    """
    try:
        loaded: dict[str, Any] = schema.load(body)
    except ValidationError as error:
        raise InvalidInput([*_envelope_problems(error.messages_dict, body)]) from error
    return loaded


def _envelope_problems(messages: dict[str, Any], body: Any) -> Iterator[Problem]:
    for key, found in messages.items():
        for message in found:
            if isinstance(message, Problem):
                yield message
            elif message == "type":
                yield Problem("", f"an object with the key {KEY}", kind(body))
            else:
                yield Problem(pointer(key), *ENVELOPE[message])


def _cell_problems(column: Column, cell: Any, place: str) -> Iterator[Problem]:
    if column.read([cell]) is not None:
        return
    if column.kind == "number" and type(cell) in NUMBERS:
        yield Problem(place, "a number within ±3.4e38 (float32)", "a larger one")
    else:
        or_null = " or null" if column.missing else ""
        yield Problem(place, column.expected + or_null, kind(cell))


def values(count: int) -> str:
    """Say how many values."""
    return "1 value" if count == 1 else f"{count} values"


def kind(value: Any) -> str:
    """Name the kind of a JSON value."""
    return KINDS.get(type(value), "a number")
