"""Reads JSON lines: an object in each line, with the types of JSON.

The types of a column are those of all lines, so the file is parsed twice. JSON has no dates: they are text, which is
read as the text of other files is.
"""

import gzip
from collections.abc import Iterator
from functools import partial
from io import BytesIO
from pathlib import Path

import pyarrow
import pyarrow.json

from training.errors import TrainingError
from training.files.table import GZIP_SUFFIX, TEXT, ReadOptions, Table, check_unique, column_type

JSON_BLOCK_BYTES = 2**22


def read_json_lines(path: Path, options: ReadOptions) -> Table:
    """Open a file of JSON lines, which may be compressed by gzip, as a table. Raises TrainingError."""
    schema, rows = pyarrow.schema([]), 0
    for block in _read_blocks(path, None):
        fields = [field.with_type(TEXT) if pyarrow.types.is_timestamp(field.type) else field for field in block.schema]
        try:
            schema = pyarrow.unify_schemas([schema, pyarrow.schema(fields)], promote_options="permissive")
        except pyarrow.ArrowTypeError as error:
            raise TrainingError(f"{path}: a column has values of several types: {error}") from error
        rows += block.num_rows
    check_unique(str(path), schema.names)
    types = {field.name: column_type(field.type) for field in schema}
    return Table(path, types, rows, partial(_read_columns, path, schema))


def _read_columns(path: Path, schema: pyarrow.Schema, columns: list[str]) -> Iterator[pyarrow.Table]:
    return (block.select(columns) for block in _read_blocks(path, schema))


def _read_blocks(path: Path, schema: pyarrow.Schema | None) -> Iterator[pyarrow.Table]:
    """Yield the lines in blocks, with the types of a schema or with their own."""
    parse = pyarrow.json.ParseOptions(explicit_schema=schema)
    first = 1
    with gzip.open(path) if path.suffix.lower() == GZIP_SUFFIX else path.open("rb") as file:
        while lines := file.readlines(JSON_BLOCK_BYTES):
            read = pyarrow.json.ReadOptions(use_threads=False, block_size=sum(map(len, lines)) + 1)
            try:
                yield pyarrow.json.read_json(BytesIO(b"".join(lines)), read, parse)
            except pyarrow.ArrowInvalid as error:
                problem = str(error).splitlines()[0]
                place = f"rows are counted from line {first}"
                raise TrainingError(f"{path} can't be read as JSON lines: {problem} ({place})") from error
            first += len(lines)
