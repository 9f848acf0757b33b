"""Reads Parquet files, whose many types are read as the few of `column_types`."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow
import pyarrow.parquet

from training.errors import TrainingError
from training.files.column_types import BOOLEAN, FLOAT, INTEGER, TEXT, TIME, TIME_UTC
from training.files.table import Table

BLOCK_ROWS = 2**16


def read_parquet(path: Path) -> Table:
    """Open a Parquet file as a table. Raises TrainingError."""
    try:
        with pyarrow.parquet.ParquetFile(path) as file:
            schema, rows = file.schema_arrow, file.metadata.num_rows
    except pyarrow.ArrowInvalid as error:
        raise TrainingError(f"{path} can't be read as Parquet: {str(error).splitlines()[0]}") from error
    if len(set(schema.names)) != len(schema.names):
        raise TrainingError(f"{path} has two columns of the same name: {', '.join(schema.names)}")

    def blocks() -> Iterator[pyarrow.Table]:
        with pyarrow.parquet.ParquetFile(path) as file:
            try:
                for batch in file.iter_batches(BLOCK_ROWS):
                    yield pyarrow.Table.from_batches([batch])
            except (OSError, pyarrow.ArrowInvalid) as error:
                raise TrainingError(f"{path} is damaged: {str(error).splitlines()[0]}") from error
        if not rows:
            yield schema.empty_table()

    return Table(path, {field.name: _column_type(path, field) for field in schema}, rows, blocks)


def _column_type(path: Path, field: pyarrow.Field) -> pyarrow.DataType:
    """Return the type as which a column of Parquet is read."""
    types = pyarrow.types
    stored = field.type.value_type if types.is_dictionary(field.type) else field.type
    if types.is_null(stored):
        return stored
    tests: list[tuple[Callable[[pyarrow.DataType], bool], pyarrow.DataType]] = [
        (types.is_boolean, BOOLEAN),
        (types.is_uint64, FLOAT),
        (types.is_integer, INTEGER),
        (types.is_floating, FLOAT),
        (types.is_decimal, FLOAT),
        (types.is_date, TIME),
        (types.is_timestamp, TIME if getattr(stored, "tz", None) is None else TIME_UTC),
        (types.is_string, TEXT),
        (types.is_large_string, TEXT),
        (types.is_string_view, TEXT),
    ]
    for test, column_type in tests:
        if test(stored):
            return column_type
    raise TrainingError(
        f"{path}: column {field.name} holds {field.type} values; expected numbers, text, booleans or dates"
    )
