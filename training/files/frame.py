"""Reads a data frame as a table, and names it for the provenance of a version."""

import hashlib
from collections.abc import Iterator
from functools import partial
from typing import Any

import pyarrow

from training.errors import TrainingError
from training.files.table import Table, check_unique, column_type, declared_categories, index_columns

FRAME = "the data frame"


def read_frame(rows: pyarrow.Table) -> Table:
    """Return the rows of a data frame as a table, numbered from 0. Raises TrainingError."""
    check_unique(FRAME, rows.column_names)
    types = {field.name: column_type(field.type) for field in rows.schema}
    index = index_columns(rows.schema)
    blocks = partial(_whole, rows)
    categories = declared_categories(rows.schema)
    return Table(FRAME, types, rows.num_rows, blocks, first_row=0, index=index, categories=categories)


def _whole(rows: pyarrow.Table, columns: list[str]) -> Iterator[pyarrow.Table]:
    yield rows.select(columns)


def frame_sha256(rows: pyarrow.Table) -> str:
    """Return a digest of the names, types and values of a data frame."""
    rows = rows.replace_schema_metadata().combine_chunks()
    with pyarrow.ipc.new_stream(sink := pyarrow.BufferOutputStream(), rows.schema) as writer:
        writer.write_table(rows)
    return hashlib.sha256(sink.getvalue()).hexdigest()


def to_arrow(frame: Any) -> pyarrow.Table:
    """Convert a data frame of pandas or Polars, or return a PyArrow table. Raises TrainingError."""
    if isinstance(frame, pyarrow.Table):
        return frame
    try:
        if hasattr(frame, "to_arrow"):
            return frame.to_arrow()
        if hasattr(frame, "columns") and hasattr(frame, "iloc"):
            return pyarrow.Table.from_pandas(frame, preserve_index=False)
    except (pyarrow.ArrowException, ValueError) as error:
        raise TrainingError(f"{FRAME} can't be read: {' '.join(map(str, error.args))}") from error
    raise TrainingError(f"expected a data frame or the path of a file, got {type(frame).__name__}")
