"""The rows of a file, block by block, as the codes of a published model."""

import re
from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow
from numpy.typing import NDArray

from nn import Category, Features
from nn.columns import Column
from training.data.dataset import Split
from training.data.from_arrays import array_codes
from training.data.from_table import encode_columns
from training.errors import TrainingError
from training.files.npz import Arrays
from training.files.table import BOOLEAN, FLOAT, INTEGER, TEXT, TIME, TIME_UTC, Table

# The accepted types of a file column for each kind; a column of nulls is accepted for every kind.
ACCEPTED_TYPES = {
    "number": (INTEGER, FLOAT),
    "boolean": (BOOLEAN,),
    "date": (TIME, TIME_UTC),
    "category": (TEXT, INTEGER, FLOAT, BOOLEAN),
}
Blocks = Iterator[tuple[NDArray[Any], Any]]
INTEGER_PATTERN = re.compile(r"[-+]?[0-9]{1,18}(\.0*)?")


def read_blocks(data: Arrays | Table, features: Features, kept: list[str]) -> Blocks:
    """Yield, block by block, the codes (B, K) of the rows, and the stored targets (B,) of arrays or columns `kept` of a
    table.

    Raises TrainingError if the model does not accept the rows.
    """
    return _array_blocks(data, features) if isinstance(data, Arrays) else _table_blocks(data, features, kept)


def _array_blocks(arrays: Arrays, features: Features) -> Blocks:
    codes = array_codes(arrays.x)
    if codes.shape[1] != len(features):
        raise TrainingError(f"the data have {codes.shape[1]} values per row, the model expects {len(features)}")
    return Split(features, codes, arrays.y, np.arange(len(codes))).chunks()


def _table_blocks(table: Table, features: Features, kept: list[str]) -> Blocks:
    # In this file, all values of a category may look like numbers or dates. Read them as text, as in training.
    table = table.as_text(column.name for column in features.columns if isinstance(column, Category))
    for column in features.columns:
        _check_column(table, column)
    names = [column.name for column in features.columns if column.name in table.types]
    first_row = 1
    for stored in table.stored_blocks(list(dict.fromkeys([*names, *kept]))):
        codes = encode_columns(features, [_column_cells(table, stored, column) for column in features.columns])
        _check_missing(table, features, codes, first_row)
        first_row += len(codes)
        yield codes, stored.select(kept)


def _check_column(table: Table, column: Column) -> None:
    data_type = table.types.get(column.name)
    if data_type is None:
        if not column.missing:
            names = ", ".join(table.types)
            raise TrainingError(
                f"{table.path} has no column {column.name!r}, which the model requires; the columns are {names}"
            )
    elif data_type not in ACCEPTED_TYPES[column.kind] and not pyarrow.types.is_null(data_type):
        raise TrainingError(
            f"{table.path}: column {column.name} contains {data_type} values; expected {column.expected}"
        )


def _column_cells(table: Table, stored: pyarrow.Table, column: Column) -> pyarrow.ChunkedArray:
    """Return the cells of a model column: nulls if the file lacks it; integer categories normalised, so 03 is 3."""
    if column.name not in table.types:
        return pyarrow.chunked_array([pyarrow.nulls(stored.num_rows)])
    cells = table.column(stored, column.name)
    integers = isinstance(column, Category) and all(map(INTEGER_PATTERN.fullmatch, column.categories))
    if not (integers and table.stored_as_text):
        return cells
    encoded = cells.combine_chunks().dictionary_encode()
    values = [
        str(int(value.partition(".")[0])) if INTEGER_PATTERN.fullmatch(value) else value
        for value in encoded.dictionary.to_pylist()
    ]
    return pyarrow.chunked_array([pyarrow.array(values, TEXT).take(encoded.indices)])


def _check_missing(table: Table, features: Features, codes: NDArray[Any], first_row: int) -> None:
    required = np.array([not column.missing for column in features.columns])
    if (missing := np.isnan(codes) & required).any():
        row, column = (int(i) for i in np.argwhere(missing)[0])
        name = features.columns[column].name
        raise TrainingError(
            f"{table.path}, row {first_row + row}: {name} is missing, but was never missing in training:"
            " add a value or remove the row"
        )
