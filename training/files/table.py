"""A table in a file: its columns and their types, its rows read block by block; and how a table is to be read."""

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pyarrow
import pyarrow.compute

INTEGER, FLOAT, BOOLEAN, TEXT = pyarrow.int64(), pyarrow.float64(), pyarrow.bool_(), pyarrow.string()
TIME, TIME_UTC = pyarrow.timestamp("us"), pyarrow.timestamp("us", "UTC")
NA_VALUES = ["", "?", "NA", "N/A", "NaN", "nan", "null", "NULL"]


@dataclass(frozen=True)
class ReadOptions:
    """The columns that are needed of a file, and the format of a CSV, which is detected where it is not given.

    A first line that holds one of the names `columns` is a header. Where `others` holds, all columns are needed.
    """

    columns: Collection[str] = ()
    others: bool = True
    delimiter: str | None = None
    header: bool | None = None


@dataclass(frozen=True)
class Table:
    """The columns of a file with their types, the number of rows, and the rows in blocks.

    `stored_blocks` yields some columns of the rows as they are stored. Where `stored_as_text` holds (a CSV), all of
    these are text; `types` are inferred from it for the columns that are needed, the others stay text.
    """

    path: Path
    types: dict[str, pyarrow.DataType]
    rows: int
    stored_blocks: Callable[[list[str]], Iterator[pyarrow.Table]]
    stored_as_text: bool = False

    def as_text(self, names: Iterable[str]) -> "Table":
        """Return the table with some columns typed as text if they are stored as text, whatever was inferred."""
        texts = {name: TEXT for name in names if self.stored_as_text and name in self.types}
        return replace(self, types=self.types | texts)

    def blocks(self, names: list[str]) -> Iterator[pyarrow.Table]:
        """Read some columns of the rows from the beginning, cast to their types."""
        for block in self.stored_blocks(names):
            yield pyarrow.table([self.column(block, name) for name in names], names=names)

    def column(self, block: pyarrow.Table, name: str) -> pyarrow.ChunkedArray:
        """Return a column of a stored block, cast to its type; NaN, by which pandas stores a missing value, is null."""
        column, data_type = block.column(name), self.types[name]
        if pyarrow.types.is_null(data_type):
            return pyarrow.chunked_array([pyarrow.nulls(len(column))])
        column = strip_text(column) if self.stored_as_text else column
        column = column.cast(data_type, safe=False) if column.type != data_type else column
        return pyarrow.compute.if_else(pyarrow.compute.is_nan(column), None, column) if data_type == FLOAT else column


def strip_text(column: pyarrow.ChunkedArray) -> pyarrow.ChunkedArray:
    """Strip whitespace around text, and replace each of NA_VALUES by null."""
    text = pyarrow.compute.utf8_trim_whitespace(column)
    return pyarrow.compute.if_else(pyarrow.compute.is_in(text, pyarrow.array(NA_VALUES)), None, text)
