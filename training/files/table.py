"""A table in a file: its columns and their types, its rows read block by block."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pyarrow
import pyarrow.compute

from training.files.column_types import FLOAT, TEXT, strip_text


@dataclass(frozen=True)
class Table:
    """The columns of a file with their types, the number of rows, and the rows in blocks.

    `stored_blocks` yields the rows as they are stored. Where `stored_as_text` holds (a CSV), all of these are text,
    and `types` are inferred from it.
    """

    path: Path
    types: dict[str, pyarrow.DataType]
    rows: int
    stored_blocks: Callable[[], Iterator[pyarrow.Table]]
    stored_as_text: bool = False

    def as_text(self, names: Iterable[str]) -> "Table":
        """Return the table with some columns typed as text if they are stored as text, whatever was inferred."""
        texts = {name: TEXT for name in names if self.stored_as_text and name in self.types}
        return replace(self, types=self.types | texts)

    def blocks(self, names: list[str] | None = None) -> Iterator[pyarrow.Table]:
        """Read the rows from the beginning, with all columns or some, cast to their types."""
        for block in self.stored_blocks():
            yield self.cast(block, names)

    def cast(self, block: pyarrow.Table, names: Iterable[str] | None = None) -> pyarrow.Table:
        """Cast columns of a stored block to the types of the table."""
        names = list(self.types) if names is None else list(names)
        stored = [strip_text(block.column(name)) if self.stored_as_text else block.column(name) for name in names]
        columns = [_cast(column, self.types[name]) for name, column in zip(names, stored, strict=True)]
        return pyarrow.table(columns, names=names)


def _cast(column: pyarrow.ChunkedArray, data_type: pyarrow.DataType) -> pyarrow.Array:
    """Cast a column; NaN, which pandas writes for a missing value, becomes null."""
    if pyarrow.types.is_null(data_type):
        return pyarrow.nulls(len(column))
    column = column.cast(data_type, safe=False) if column.type != data_type else column
    if data_type == FLOAT:
        column = pyarrow.compute.if_else(pyarrow.compute.is_nan(column), None, column)
    return column
