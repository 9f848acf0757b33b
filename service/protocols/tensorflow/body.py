"""The body of a request to TensorFlow Serving, whose rows also come column by column.

Whatever the metadata says is taken: a model of numbers has one input, `input`, of shape (-1, K); any
other has for each column an input of shape (-1, 1).
"""

from collections.abc import Iterator
from functools import partial
from typing import Any

from marshmallow import EXCLUDE, Schema, ValidationError, fields

from nn import Features
from nn.columns import Cell
from nn.features import Codes
from service.errors import Problem, first_problems, pointer
from service.protocols.json_schema import JsonSchema, list_row, object_row, record
from service.protocols.rows import Rows, absent, check_count, kind, values

INSTANCES, INPUTS, SIGNATURE = "instances", "inputs", "signature_name"
INPUT = "input"
SERVING_DEFAULT = "serving_default"


class Instances(Rows):
    """Rows; also `{"input": row}` for a model of numbers, and for others objects whose cells are lists of one."""

    def __init__(self, features: Features, max_rows: int) -> None:
        super().__init__(features, max_rows, required=False)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Codes:
        if type(value) is list and value and type(value[0]) is dict:
            check_count(len(value), self.max_rows)
            plain = _the_input if self.features.only_numbers else _single_cells
            value = [plain(row) for row in value]
        return super()._deserialize(value, attr, data, **kwargs)


class Inputs(fields.Field[Codes]):
    """An object of columns by name, each a list of cells; for a model of numbers also rows (B, K) -> codes (B, K)."""

    def __init__(self, features: Features, max_rows: int) -> None:
        super().__init__(error_messages=absent("a list of rows", pointer(INPUTS)))
        self.features, self.max_rows = features, max_rows
        self._by_row = Rows(features, max_rows, place=partial(pointer, INPUTS))
        self._by_column = Rows(features, max_rows, place=self._place)
        self._known = frozenset([*(column.name for column in features.columns), *features.dropped])

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Codes:
        if self.features.only_numbers and INPUT not in self._known:
            value = _the_input(value)
        if type(value) is dict:
            reader, value = self._by_column, self._rows(value)
        elif self.features.only_numbers:
            reader = self._by_row
        else:
            raise ValidationError([Problem(pointer(INPUTS), "an object of columns by name", kind(value))])
        codes: Codes = reader.deserialize(value)
        return codes

    def json_schema(self) -> JsonSchema:
        """Describe what it takes."""
        if self.features.only_numbers:
            rows = {"type": "array", "minItems": 1, "items": list_row(self.features)}
            return {"anyOf": [rows, record({INPUT: rows})]}
        columns = object_row(self.features)
        cells = columns["properties"].items()
        return columns | {"properties": {name: {"type": "array", "items": cell} for name, cell in cells}}

    def _rows(self, columns: dict[str, Any]) -> list[list[Cell]]:
        """Turn columns into rows; what may be missing is, where it has no column."""
        count = next((len(cells) for cells in columns.values() if type(cells) is list), 0)
        if problems := first_problems(self._problems(columns, count)):
            raise ValidationError(problems)
        check_count(count, self.max_rows)
        cells = [map(_single, columns.get(column.name, [None] * count)) for column in self.features.columns]
        return [list(row) for row in zip(*cells, strict=True)]

    def _problems(self, columns: dict[str, Any], count: int) -> Iterator[Problem]:
        for name in columns:
            if name not in self._known:
                yield Problem(pointer(INPUTS, name), "the name of a feature", "an unknown key")
        for column in self.features.columns:
            place = pointer(INPUTS, column.name)
            if column.name not in columns:
                if not column.missing:
                    yield Problem(place, "a list of values", "nothing")
            elif type(cells := columns[column.name]) is not list:
                yield Problem(place, "a list of values", kind(cells))
            elif len(cells) != count:
                yield Problem(place, f"{values(count)}, as in the first column", values(len(cells)))

    def _place(self, *row_and_column: int) -> str:
        """Point to a cell: its column comes first."""
        names = (self.features.columns[j].name for j in row_and_column[1:])
        return pointer(INPUTS, *names, *row_and_column[:1])


def predict_schema(features: Features, max_rows: int) -> Schema:
    """Return the schema of the requests to a model. TensorFlow Serving passes over other keys."""
    return Schema.from_dict(
        {
            INSTANCES: Instances(features, max_rows),
            INPUTS: Inputs(features, max_rows),
            SIGNATURE: fields.Raw(load_default="", allow_none=True, metadata={"enum": ["", SERVING_DEFAULT]}),
        }
    )(unknown=EXCLUDE)


def _the_input(value: Any) -> Any:
    """Return what stands under the name of the one input, where that and a list is all there is."""
    return value[INPUT] if type(value) is dict and value.keys() == {INPUT} and type(value[INPUT]) is list else value


def _single_cells(row: Any) -> Any:
    return {name: _single(cell) for name, cell in row.items()} if type(row) is dict else row


def _single(cell: Any) -> Any:
    return cell[0] if type(cell) is list and len(cell) == 1 else cell
