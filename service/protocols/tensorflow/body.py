"""The body of a TensorFlow Serving request, which holds rows or columns.

The inputs are those that the metadata declares: a model of numbers has one input, `input`, of shape (-1, K); any other
model has one input of shape (-1, 1) per column.
"""

from collections.abc import Iterator
from functools import partial
from typing import Any

from marshmallow import EXCLUDE, Schema, ValidationError, fields

from nn import Features
from nn.columns import Cell
from nn.features import Codes
from service.errors import Problem, first_problems, pointer
from service.protocols.json_schema import JsonSchema, array, list_row, object_row, record
from service.protocols.rows import INSTANCES_KEY, RowsField, check_row_count, count_values, json_kind

INPUTS_KEY, SIGNATURE_KEY = "inputs", "signature_name"
INPUT_KEY = "input"


class InstancesField(RowsField):
    """Rows. A model of numbers also accepts `{"input": row}`; any other model also accepts a cell as a list of one."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Codes:
        if type(value) is list and value and type(value[0]) is dict:
            check_row_count(len(value), self.max_rows)
            plain = _the_input if self.features.only_numbers else _single_cells
            value = [plain(row) for row in value]
        return super()._deserialize(value, attr, data, **kwargs)


class InputsField(RowsField):
    """An object of columns by name, each a list of cells; a model of numbers also accepts rows -> codes (B, K)."""

    def __init__(self, features: Features, max_rows: int) -> None:
        super().__init__(features, max_rows, partial(pointer, INPUTS_KEY))
        self._by_column = RowsField(features, max_rows, self._point_to_column)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Codes:
        if self.features.only_numbers and INPUT_KEY not in self._known:
            value = _the_input(value)
        if type(value) is dict:
            codes: Codes = self._by_column.deserialize(self._rows(value))
            return codes
        if not self.features.only_numbers:
            raise ValidationError([Problem(self.location(), "an object of columns by name", json_kind(value))])
        return super()._deserialize(value, attr, data, **kwargs)

    def _rows(self, columns: dict[str, Any]) -> list[list[Cell]]:
        """Turn columns into rows. A column that may be missing may be absent: its value is then null in every row."""
        count = next((len(cells) for cells in columns.values() if type(cells) is list), 0)
        if problems := first_problems(self._column_problems(columns, count)):
            raise ValidationError(problems)
        check_row_count(count, self.max_rows)
        cells = [map(_single, columns.get(name, [None] * count)) for name in self._names]
        return [list(row) for row in zip(*cells, strict=True)]

    def _column_problems(self, columns: dict[str, Any], count: int) -> Iterator[Problem]:
        for name in columns:
            if name not in self._known:
                yield Problem(self.location(name), "the name of a feature", "an unknown key")
        for column in self.features.columns:
            location = self.location(column.name)
            if column.name not in columns:
                if not column.missing:
                    yield Problem(location, "a list of values", "nothing")
            elif type(cells := columns[column.name]) is not list:
                yield Problem(location, "a list of values", json_kind(cells))
            elif len(cells) != count:
                yield Problem(location, f"{count_values(count)}, as in the first column", count_values(len(cells)))

    def _point_to_column(self, *row_and_column: int) -> str:
        """Return the pointer to a cell, or to all columns; the column precedes the row."""
        names = (self._names[j] for j in row_and_column[1:])
        return self.location(*names, *row_and_column[:1])


def describe_inputs(features: Features) -> JsonSchema:
    """Describe the values that InputsField accepts."""
    if features.only_numbers:
        rows = array(list_row(features)) | {"minItems": 1}
        return {"anyOf": [rows, record(input=rows)]}
    columns = object_row(features)
    return columns | {"properties": {name: array(cell) for name, cell in columns["properties"].items()}}


def predict_schema(features: Features, max_rows: int) -> Schema:
    """Return the schema of requests to a model. Unknown keys are ignored, as in TensorFlow Serving."""
    return Schema.from_dict(
        {
            INSTANCES_KEY: InstancesField(features, max_rows),
            INPUTS_KEY: InputsField(features, max_rows),
            SIGNATURE_KEY: fields.Raw(load_default="", allow_none=True),
        }
    )(unknown=EXCLUDE, partial=[INSTANCES_KEY, INPUTS_KEY])  # either is enough


def _the_input(value: Any) -> Any:
    """Unwrap `{"input": [...]}`; any other value is returned unchanged."""
    wrapped = type(value) is dict and value.keys() == {INPUT_KEY} and type(value[INPUT_KEY]) is list
    return value[INPUT_KEY] if wrapped else value


def _single_cells(row: Any) -> Any:
    return {name: _single(cell) for name, cell in row.items()} if type(row) is dict else row


def _single(cell: Any) -> Any:
    return cell[0] if type(cell) is list and len(cell) == 1 else cell
