"""The inputs of a model in the Open Inference Protocol: named tensors, and their conversion to codes.

A model of numbers has one tensor with all columns; any other model has one tensor per column.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

import numpy as np

from nn import Boolean, Features, Number
from nn.columns import Column
from nn.features import Codes
from nn.numbers import Float32, find_nonfinite, read_numbers
from service.errors import BadRequest
from service.prediction.memory_budget import Reservation
from service.protocols.codec import CODE_BYTES, NUMBER_CODE_BYTES
from service.protocols.open_inference.tensor import BOOL, BYTES, NUMERIC_DATATYPES, Tensor, quote, show
from service.protocols.rows import check_row_count, json_kind
from service.settings import Settings

INPUT_TENSOR = "input"


class InputSpec(NamedTuple):
    """One input tensor: the datatype and shape in the metadata, and all accepted datatypes.

    Those in `vectorized` are read without a Python object per element.
    """

    datatype: str
    shape: list[int]
    datatypes: frozenset[str]
    vectorized: frozenset[str] = frozenset()


# By kind of column.
INPUT_SPECS = {
    "number": InputSpec("FP32", [-1, 1], NUMERIC_DATATYPES, NUMERIC_DATATYPES),
    "boolean": InputSpec(BOOL, [-1, 1], frozenset([BOOL]), frozenset([BOOL])),
    "category": InputSpec(BYTES, [-1, 1], NUMERIC_DATATYPES | {BOOL, BYTES}),
    "date": InputSpec(BYTES, [-1, 1], frozenset([BYTES])),
}


def input_specs(features: Features) -> dict[str, InputSpec]:
    """Return the inputs of a model by name."""
    if features.only_numbers:
        return {INPUT_TENSOR: INPUT_SPECS["number"]._replace(shape=[-1, len(features)])}
    return {column.name: _input_spec(column) for column in features.columns}


def _input_spec(column: Column) -> InputSpec:
    spec = INPUT_SPECS[column.kind]
    if isinstance(column, Number) and column.decimal:
        return spec._replace(datatypes=spec.datatypes | {BYTES})
    if isinstance(column, Boolean) and column.numbers:
        return spec._replace(datatypes=spec.datatypes | NUMERIC_DATATYPES)
    return spec


class InputReader:
    """Converts the tensors of requests to one model into codes."""

    def __init__(self, model: str, features: Features, settings: Settings) -> None:
        self._model, self._features, self._settings = model, features, settings
        self.specs = input_specs(features)
        self._optional = {column.name for column in features.columns if column.missing}
        self._ignored = frozenset([] if features.only_numbers else features.dropped)
        self._row_bytes = len(features) * (NUMBER_CODE_BYTES if features.only_numbers else CODE_BYTES)

    def read(self, tensors: Iterable[Tensor], reservation: Reservation) -> Codes:
        """Return codes (B, K). Raises RequestError."""
        given = self._by_name(tensors)
        rows = self._count_rows(given)
        reservation.grow(rows * self._row_bytes)
        if self._features.only_numbers:
            return _read_numbers(given[INPUT_TENSOR]).reshape(rows, len(self._features))
        codes = np.full((rows, len(self._features)), np.nan)
        for j, column in enumerate(self._features.columns):
            if column.name in given:
                codes[:, j] = _read_column(column, given[column.name])
        return codes

    def _by_name(self, tensors: Iterable[Tensor]) -> dict[str, Tensor]:
        """Return the tensors by name. Raises BadRequest unless all are known, valid and complete."""
        given: dict[str, Tensor] = {}
        for tensor in tensors:
            if tensor.name in self._ignored:
                continue
            if tensor.name not in self.specs:
                raise BadRequest(f"unexpected inference input {quote(tensor.name)} for model '{self._model}'")
            if tensor.name in given:
                raise BadRequest(f"input {quote(tensor.name)} already exists in request")
            self._check_tensor(tensor, self.specs[tensor.name])
            given[tensor.name] = tensor
        absent = [name for name in self.specs if name not in given and name not in self._optional]
        if absent or not given:
            names = ", ".join(map(quote, absent[:5])) or "expected at least one"
            raise BadRequest(f"missing inputs for model '{self._model}': {names}")
        return given

    def _check_tensor(self, tensor: Tensor, spec: InputSpec) -> None:
        name, shape = quote(tensor.name), tensor.shape
        if tensor.datatype not in spec.datatypes:
            raise BadRequest(
                f"inference input {name} data-type is {quote(tensor.datatype)}, "
                f"but model '{self._model}' expects '{spec.datatype}'"
            )
        # A single column may have the shape (B,) or (B, 1).
        if shape[1:] != spec.shape[1:] and not (len(shape) == 1 and spec.shape[1:] == [1]):
            raise BadRequest(
                f"unexpected shape for input {name} for model '{self._model}'. "
                f"Expected {show(spec.shape)}, got {show(shape)}"
            )

    def _count_rows(self, given: Mapping[str, Tensor]) -> int:
        counts = {tensor.shape[0] for tensor in given.values()}
        rows = max(counts)
        if len(counts) > 1:
            raise BadRequest(f"the inputs have different numbers of rows, such as {min(counts)} and {rows}")
        if rows == 0:
            raise BadRequest("expected at least one row")
        # Creating Python objects holds the interpreter lock, as parsing JSON does.
        vectorized = all(
            tensor.raw is not None and tensor.datatype in self.specs[name].vectorized for name, tensor in given.items()
        )
        check_row_count(rows, self._settings.max_binary_rows if vectorized else self._settings.max_rows)
        return rows


def _read_column(column: Column, tensor: Tensor) -> Codes:
    if tensor.datatype in INPUT_SPECS[column.kind].vectorized:
        return _read_numbers(tensor, column.expected, column.missing)
    cells = tensor.cells()
    if tensor.datatype != BYTES and (infinite := np.isinf(tensor.numbers())).any():
        raise tensor.element_error(int(infinite.argmax()), column.expected, f"a number beyond {tensor.datatype}")
    codes = column.read(cells)
    if codes is None:
        first = next(row for row, cell in enumerate(cells) if column.read([cell]) is None)
        raise tensor.element_error(first, column.expected, json_kind(cells[first]))
    return codes


def _read_numbers(tensor: Tensor, expected: str = "a number", missing: bool = False) -> Float32:
    """Round numbers to float32 as the native protocol does; missing values are NaN."""
    numbers = tensor.numbers()
    codes = numbers if numbers.dtype == np.float32 else read_numbers(numbers)
    if wrong := find_nonfinite(codes, nan_allowed=missing):
        first = wrong[0][0]
        limit = "±65504 (float16)" if tensor.datatype == "FP16" else "±3.4e38 (float32)"
        got = "NaN or null" if np.isnan(codes[first]) else f"a number beyond {limit}"
        raise tensor.element_error(first, expected, got)
    return codes
