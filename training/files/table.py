"""A table in a file: columns, types, and rows that are read block by block; and the options for reading it."""

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow
import pyarrow.compute
from pyarrow import types

from training.errors import TrainingError
from training.files.bad_rows import BadRows

INTEGER, FLOAT, BOOLEAN, TEXT = pyarrow.int64(), pyarrow.float64(), pyarrow.bool_(), pyarrow.string()
TIME, TIME_UTC = pyarrow.timestamp("us"), pyarrow.timestamp("us", "UTC")
NA_VALUES = ["", "?", "NA", "N/A", "NaN", "nan", "null", "NULL"]
GZIP_SUFFIX = ".gz"  # may follow the suffix of a text file
TRIED_VALUES = 100  # the first ones exclude most readings: a failing cast is slow, in proportion to what fails


@dataclass(frozen=True)
class ReadOptions:
    """The format of a CSV file; `delimiter` and `header` are detected if they are None.

    A first line that contains one of the names in `columns` is a header. Rows that can't be read go to `bad_rows`.
    """

    columns: Collection[str] = ()
    delimiter: str | None = None
    header: bool | None = None
    bad_rows: BadRows = field(default_factory=BadRows)


@dataclass(frozen=True)
class Table:
    """The columns of a file (or a data frame) with their types, the number of rows if known, and the rows in blocks.

    `stored_blocks` yields the requested columns as stored. If `stored_as_text` is true (CSV), all of them are text.
    `index` are the columns that may be the index of a data frame of pandas, `categories` those that were declared as
    such.
    """

    path: Path | str
    types: dict[str, pyarrow.DataType]
    rows: int | None
    stored_blocks: Callable[[list[str]], Iterator[pyarrow.Table]]
    stored_as_text: bool = False
    first_row: int = 1  # the number of the first row
    index: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()

    def blocks(self, names: list[str]) -> Iterator[pyarrow.Table]:
        """Yield these columns, cast to their types, from the first row on."""
        for block in self.stored_blocks(names):
            yield pyarrow.table([self.column(block, name) for name in names], names=names)

    def whole_column(self, name: str) -> pyarrow.ChunkedArray:
        """Return all cells of a column, cast to its type."""
        return pyarrow.concat_tables(self.blocks([name])).column(0)

    def column(self, block: pyarrow.Table, name: str) -> pyarrow.ChunkedArray:
        """Return a column of a stored block, cast to its type; NaN (a missing value in pandas) becomes null."""
        column, data_type = block.column(name), self.types[name]
        if types.is_null(data_type):
            return pyarrow.chunked_array([pyarrow.nulls(len(column))])
        column = strip_text(column) if self.stored_as_text else column
        if types.is_dictionary(column.type):
            column = column.cast(column.type.value_type)
        column = column.cast(data_type, safe=False) if column.type != data_type else column
        return pyarrow.compute.if_else(pyarrow.compute.is_nan(column), None, column) if data_type == FLOAT else column


def index_columns(schema: pyarrow.Schema) -> tuple[str, ...]:
    """Return the columns that are the index of the data frame of pandas from which a schema was made."""
    columns = (schema.pandas_metadata or {}).get("index_columns", [])
    return tuple(name for name in columns if isinstance(name, str) and name in schema.names)


def declared_categories(schema: pyarrow.Schema) -> tuple[str, ...]:
    """Return the columns that were declared as categories: their text is a name, whatever it looks like."""
    return tuple(field.name for field in schema if types.is_dictionary(field.type))


def check_unique(place: str, names: Collection[str]) -> None:
    """Raise TrainingError if two columns have the same name."""
    if len(set(names)) != len(names):
        raise TrainingError(f"{place} has duplicate column names: {', '.join(names)}")


def strip_text(column: pyarrow.ChunkedArray) -> pyarrow.ChunkedArray:
    """Strip surrounding whitespace; replace each of NA_VALUES by null."""
    return null_words(pyarrow.compute.utf8_trim_whitespace(column), NA_VALUES)


def null_words(column: pyarrow.ChunkedArray, words: Collection[str]) -> pyarrow.ChunkedArray:
    """Replace the text cells that are one of these words by null."""
    is_word = pyarrow.compute.is_in(column, pyarrow.array(words, column.type))
    return pyarrow.compute.if_else(is_word, None, column) if words else column


def column_type(stored: pyarrow.DataType) -> pyarrow.DataType:
    """Return the type that a stored column has in a table: one of those above, or its own if no model can have it."""
    if types.is_dictionary(stored):
        # Numbers that someone declared as categories are names.
        stored = TEXT if types.is_integer(stored.value_type) else stored.value_type
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
    return stored


def try_cast(text: pyarrow.ChunkedArray, data_type: pyarrow.DataType) -> pyarrow.ChunkedArray | None:
    """Return a text column as a type, or None if a value can't be cast to it."""
    try:
        return text.cast(data_type)
    except pyarrow.ArrowInvalid:
        return None


def can_cast(text: pyarrow.ChunkedArray, data_type: pyarrow.DataType) -> bool:
    """Return whether every value of a text column can be cast to a type."""
    return try_cast(text, data_type) is not None
