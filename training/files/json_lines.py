"""Reads JSON lines: an object in each line, with the types of JSON."""

from collections.abc import Iterator
from pathlib import Path

import pyarrow
import pyarrow.json

from training.errors import TrainingError
from training.files.table import ReadOptions, Table, check_unique, column_type

JSON_BLOCK_BYTES = 2**23


def read_json_lines(path: Path, options: ReadOptions) -> Table:
    """Open a file of JSON lines, which may be compressed by gzip, as a table. Raises TrainingError."""
    blocks = _read_blocks(path)
    schema = next(blocks).schema
    check_unique(str(path), schema.names)
    types = {field.name: column_type(str(path), field) for field in schema}
    return Table(path, types, None, lambda columns: (block.select(columns) for block in _read_blocks(path)))


def _read_blocks(path: Path) -> Iterator[pyarrow.Table]:
    compression = "gzip" if path.suffix.lower() == ".gz" else None
    try:
        with pyarrow.input_stream(str(path), compression=compression) as file:
            for batch in pyarrow.json.open_json(file, pyarrow.json.ReadOptions(block_size=JSON_BLOCK_BYTES)):
                yield pyarrow.Table.from_batches([batch])
    except pyarrow.ArrowInvalid as error:
        raise TrainingError(f"{path} can't be read as JSON lines: {str(error).splitlines()[0]}") from error
