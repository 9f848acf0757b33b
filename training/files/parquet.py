"""Reads Parquet files; maps their column types to the types of a table."""

from collections.abc import Iterator
from pathlib import Path

import pyarrow
import pyarrow.parquet
from pyarrow import types

from training.errors import TrainingError
from training.files.table import BOOLEAN, FLOAT, INTEGER, TEXT, TIME, TIME_UTC, ReadOptions, Table

BLOCK_ROWS = 2**16


def read_parquet(path: Path, options: ReadOptions) -> Table:
    """Open a Parquet file as a table. Raises TrainingError."""
    try:
        with pyarrow.parquet.ParquetFile(path) as file:
            schema, rows = file.schema_arrow, file.metadata.num_rows
    except pyarrow.ArrowInvalid as error:
        raise TrainingError(f"{path} can't be read as Parquet: {str(error).splitlines()[0]}") from error
    if len(set(schema.names)) != len(schema.names):
        raise TrainingError(f"{path} has duplicate column names: {', '.join(schema.names)}")

    def blocks(columns: list[str]) -> Iterator[pyarrow.Table]:
        with pyarrow.parquet.ParquetFile(path) as file:
            try:
                for batch in file.iter_batches(BLOCK_ROWS, columns=columns):
                    yield pyarrow.Table.from_batches([batch])
            except (OSError, pyarrow.ArrowInvalid) as error:
                raise TrainingError(f"{path} is damaged: {str(error).splitlines()[0]}") from error
        if not rows:
            yield schema.empty_table().select(columns)

    return Table(path, {field.name: _column_type(path, field) for field in schema}, rows, blocks)


def _column_type(path: Path, field: pyarrow.Field) -> pyarrow.DataType:
    """Return the table type of a Parquet column. Raises TrainingError for an unsupported type."""
    stored = field.type.value_type if types.is_dictionary(field.type) else field.type
    tests = {
        pyarrow.null(): [types.is_null],
        BOOLEAN: [types.is_boolean],
        FLOAT: [types.is_floating, types.is_decimal, types.is_uint64],
        INTEGER: [types.is_integer],
        TIME if getattr(stored, "tz", None) is None else TIME_UTC: [types.is_timestamp, types.is_date],
        TEXT: [types.is_string, types.is_large_string, types.is_string_view],
    }
    for column_type, accepted in tests.items():
        if any(test(stored) for test in accepted):
            return column_type
    raise TrainingError(
        f"{path}: column {field.name} contains {field.type} values; expected numbers, text, booleans or dates"
    )
