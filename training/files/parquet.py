"""Reads Parquet files."""

from collections.abc import Iterator
from pathlib import Path

import pyarrow
import pyarrow.parquet

from training.errors import TrainingError
from training.files.table import ReadOptions, Table, check_unique, column_type, declared_categories, index_columns

BLOCK_ROWS = 2**16


def read_parquet(path: Path, options: ReadOptions) -> Table:
    """Open a Parquet file as a table. Raises TrainingError."""
    try:
        with pyarrow.parquet.ParquetFile(path) as file:
            schema, rows = file.schema_arrow, file.metadata.num_rows
    except pyarrow.ArrowInvalid as error:
        raise TrainingError(f"{path} can't be read as Parquet: {str(error).splitlines()[0]}") from error
    check_unique(str(path), schema.names)

    def blocks(columns: list[str]) -> Iterator[pyarrow.Table]:
        with pyarrow.parquet.ParquetFile(path) as file:
            try:
                for batch in file.iter_batches(BLOCK_ROWS, columns=columns):
                    yield pyarrow.Table.from_batches([batch])
            except (OSError, pyarrow.ArrowInvalid) as error:
                raise TrainingError(f"{path} is damaged: {str(error).splitlines()[0]}") from error
        if not rows:
            yield schema.empty_table().select(columns)

    types = {field.name: column_type(field.type) for field in schema}
    return Table(path, types, rows, blocks, index=index_columns(schema), categories=declared_categories(schema))
