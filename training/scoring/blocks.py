"""The rows of a file, block by block, as the codes that a published model takes."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow

from nn import Category, Features
from nn.columns import Column
from training.data.dataset import ROWS_PER_CHUNK
from training.data.from_arrays import array_codes
from training.data.from_table import encode_block
from training.errors import TrainingError
from training.files.column_types import BOOLEAN, FLOAT, INTEGER, TEXT, TIME, TIME_UTC
from training.files.npz import Arrays
from training.files.table import Table

# The types that a column of a file may have for each kind; a column of nulls is always possible.
ACCEPTED_TYPES = {
    "number": (INTEGER, FLOAT),
    "boolean": (BOOLEAN,),
    "date": (TIME, TIME_UTC),
    "category": (TEXT, INTEGER, FLOAT, BOOLEAN),
}
INTEGER_PATTERN = re.compile(r"[-+]?[0-9]{1,18}(\.0*)?")


@dataclass(frozen=True)
class Block:
    """Some rows of a file: their codes (B, K), and the part of the table as it is stored, if they are in a table."""

    codes: npt.NDArray[Any]
    table: pyarrow.Table | None = None


def read_blocks(data: Arrays | Table, features: Features) -> Iterator[Block]:
    """Yield the rows of a file block by block. Raises TrainingError where the model does not accept them."""
    return _array_blocks(data, features) if isinstance(data, Arrays) else _table_blocks(data, features)


def _array_blocks(arrays: Arrays, features: Features) -> Iterator[Block]:
    codes = array_codes(arrays.x)
    if codes.shape[1] != len(features):
        raise TrainingError(f"the data have {codes.shape[1]} values a row, the model takes {len(features)}")
    for start in range(0, len(codes), ROWS_PER_CHUNK):
        yield Block(codes[start : start + ROWS_PER_CHUNK])


def _table_blocks(table: Table, features: Features) -> Iterator[Block]:
    # A file may hold only some categories, which look like numbers or dates: they stay text.
    table = table.as_text(column.name for column in features.columns if isinstance(column, Category))
    for column in features.columns:
        _check_column(table, column)
    first_row = 1
    names = [column.name for column in features.columns if column.name in table.types]
    for stored in table.stored_blocks():
        codes = encode_block(features, _select_columns(table, table.cast(stored, names), stored.num_rows, features))
        _check_missing(table, features, codes, first_row)
        first_row += len(codes)
        yield Block(codes, stored)


def _check_column(table: Table, column: Column) -> None:
    data_type = table.types.get(column.name)
    if data_type is None:
        if not column.missing:
            names = ", ".join(table.types)
            raise TrainingError(f"{table.path} has no column {column.name!r}, which the model takes; there are {names}")
    elif data_type not in ACCEPTED_TYPES[column.kind] and not pyarrow.types.is_null(data_type):
        raise TrainingError(f"{table.path}: column {column.name} holds {data_type} values; expected {column.expected}")


def _select_columns(table: Table, block: pyarrow.Table, rows: int, features: Features) -> pyarrow.Table:
    """Return the columns of the model: nulls for an absent column, integer categories written as in training."""
    columns = []
    for column in features.columns:
        if column.name not in table.types:
            columns.append(pyarrow.nulls(rows))
            continue
        cells = block.column(column.name)
        integers = isinstance(column, Category) and all(map(INTEGER_PATTERN.fullmatch, column.categories))
        columns.append(_normalise_integers(cells) if table.stored_as_text and integers else cells)
    return pyarrow.table(columns, names=[column.name for column in features.columns])


def _normalise_integers(cells: pyarrow.ChunkedArray) -> pyarrow.Array:
    """Write 03 and 3.0 as 3; text that is not an integer is unchanged."""
    encoded = cells.combine_chunks().dictionary_encode()
    values = [
        str(int(value.partition(".")[0])) if INTEGER_PATTERN.fullmatch(value) else value
        for value in encoded.dictionary.to_pylist()
    ]
    return pyarrow.array(values, TEXT).take(encoded.indices)


def _check_missing(table: Table, features: Features, codes: npt.NDArray[Any], first_row: int) -> None:
    required = np.array([not column.missing for column in features.columns])
    if (missing := np.isnan(codes) & required).any():
        row, column = (int(i) for i in np.argwhere(missing)[0])
        name = features.columns[column].name
        raise TrainingError(
            f"{table.path}, row {first_row + row}: {name} is missing, which training did not see: give a value,"
            " or leave the row out"
        )
