"""The body of a prediction request: marshmallow validates the envelope, and one field converts the rows to an array.

The field checks the types of all cells at once, and checks cell by cell only to locate an error. Only a few problems
are reported, and the search stops after them: rejecting a body full of errors takes little longer than parsing it.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import chain
from typing import Any

from marshmallow import EXCLUDE, RAISE, Schema, ValidationError, fields

from nn import Features
from nn.columns import Cell, Column
from nn.features import Codes
from nn.numbers import NUMBERS
from service.errors import InvalidInput, Problem, TooLarge, first_problems, pointer

INSTANCES_KEY, TOP_KEY = "instances", "top"
row_location = partial(pointer, INSTANCES_KEY)
JSON_KINDS = {dict: "an object", list: "a list", str: "a string", bool: "a boolean", type(None): "null"}


class RowsField(fields.Field[Codes]):
    """A list of rows, each a list of cells or an object by feature name -> codes (B, K)."""

    def __init__(self, features: Features, max_rows: int, location: Callable[..., str] = row_location) -> None:
        super().__init__(required=True, error_messages=missing_messages("a list of rows", location()))
        self.features, self.max_rows, self.location = features, max_rows, location
        self._names = [column.name for column in features.columns]
        self._known = frozenset([*self._names, *features.dropped])

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Codes:
        if type(value) is list:
            check_row_count(len(value), self.max_rows)
        cells = self._cells(value)
        codes = None if cells is None else self.features.read(cells)
        if codes is None:
            raise ValidationError(first_problems(self._problems(value)))
        return codes

    def _cells(self, rows: Any) -> list[list[Cell]] | None:
        """Return the rows with their cells in column order, or None if a row does not match the columns."""
        if type(rows) is not list:
            return None
        types = set(map(type, rows))
        if types == {list} and set(map(len, rows)) == {len(self._names)}:
            return rows
        if types == {dict} and all(row.keys() <= self._known for row in rows):
            return [[row.get(name) for name in self._names] for row in rows]
        return None

    def _problems(self, rows: Any) -> Iterator[Problem]:
        """Yield the problems row by row, and cell by cell within an invalid row."""
        if type(rows) is not list or not rows:
            got = "an empty list" if rows == [] else json_kind(rows)
            yield Problem(self.location(), "a list of at least one row", got)
            return
        shape = dict if type(rows[0]) is dict else list
        expected = "an object like the first row" if shape is dict else f"a list of {count_values(len(self._names))}"
        for number, row in enumerate(rows):
            if type(row) is not shape:
                yield Problem(self.location(number), expected, json_kind(row))
            elif (cells := self._cells([row])) is None or self.features.read(cells) is None:
                yield from self._row_problems(number, row)

    def _row_problems(self, number: int, row: Any) -> Iterator[Problem]:
        if type(row) is list and len(row) != len(self._names):
            yield Problem(self.location(number), count_values(len(self._names)), count_values(len(row)))
            return
        if type(row) is dict:
            for key in row:
                if key not in self._known:
                    yield Problem(self.location(number, key), "the name of a feature", "an unknown key")
        keys: Sequence[Any] = self._names if type(row) is dict else range(len(row))
        for key, column in zip(keys, self.features.columns, strict=True):
            location = self.location(number, key)
            if type(row) is dict and key not in row:
                if not column.missing:
                    yield Problem(location, column.expected, "nothing")
            elif column.read([row[key]]) is None:
                yield _cell_problem(column, row[key], location)


class TopField(fields.Field[int]):
    """The number of most probable labels to return for each row."""

    def __init__(self, labels: int) -> None:
        self.expected = "a positive integer" if labels else "the key to be absent (a regression has no labels)"
        super().__init__(error_messages=missing_messages(self.expected, pointer(TOP_KEY)))
        self.labels = labels

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> int:
        if type(value) is not int or value < 1 or not self.labels:
            raise ValidationError([Problem(pointer(TOP_KEY), self.expected, json_kind(value))])
        return value


def request_schema(features: Features, max_rows: int, labels: int) -> Schema:
    """Return the schema of requests to a model: an object with `instances` and, for a classifier, optionally `top`."""
    return Schema.from_dict({INSTANCES_KEY: RowsField(features, max_rows), TOP_KEY: TopField(labels)})()


def read_body(schema: Schema, body: Any) -> dict[str, Any]:
    """Return the codes (B, K) of the rows of a parsed body, and the values of its other keys.

    Raises InvalidInput with the location of each problem.
    """
    if type(body) is not dict:
        raise InvalidInput([Problem("", f"an object with the key {INSTANCES_KEY}", json_kind(body))])
    loaded: dict[str, Any] = {}
    problems: Iterable[Problem] = ()
    try:
        loaded = schema.load(body, unknown=EXCLUDE)  # marshmallow reports unknown keys slowly
    except ValidationError as error:
        error.__traceback__ = None  # a reference cycle through its frames would keep the body alive
        problems = chain.from_iterable(error.messages_dict.values())
    if schema.unknown == RAISE:
        expected = f"only the keys {INSTANCES_KEY} and {TOP_KEY}"
        unknown = (Problem(pointer(key), expected, "an unknown key") for key in body if key not in schema.fields)
        problems = chain(problems, unknown)
    if reported := first_problems(problems):
        raise InvalidInput(reported)
    return loaded


def check_row_count(rows: int, max_rows: int, limit: str = "are accepted per request; send several requests") -> None:
    """Raise TooLarge if there are more than `max_rows`; `limit` completes the message."""
    if rows > max_rows:
        raise TooLarge(f"{rows} rows; at most {max_rows} {limit}")


def missing_messages(expected: str, location: str) -> dict[str, Any]:
    """Return the error messages of a marshmallow field that is missing or null."""
    return {"required": [Problem(location, expected, "nothing")], "null": [Problem(location, expected, "null")]}


def _cell_problem(column: Column, cell: Any, location: str) -> Problem:
    if column.kind == "number" and type(cell) in NUMBERS:
        return Problem(location, "a number within ±3.4e38 (float32)", "a larger one")
    or_null = ", or null" if column.missing else ""
    return Problem(location, column.expected + or_null, json_kind(cell))


def count_values(count: int) -> str:
    return "1 value" if count == 1 else f"{count} values"


def json_kind(value: Any) -> str:
    """Return the JSON type of a value as it appears in messages."""
    return JSON_KINDS.get(type(value), "a number")
