"""The types of columns, and which of them a column of text holds.

A column of text has the first of `INFERRED_TYPES` to which all its values can be cast; text fits all.
"""

from collections.abc import Iterable

import pyarrow
import pyarrow.compute

INTEGER, FLOAT, BOOLEAN, TEXT = pyarrow.int64(), pyarrow.float64(), pyarrow.bool_(), pyarrow.string()
TIME, TIME_UTC = pyarrow.timestamp("us"), pyarrow.timestamp("us", "UTC")
INFERRED_TYPES = [INTEGER, FLOAT, BOOLEAN, TIME, TIME_UTC, TEXT]
NA_VALUES = ["", "?", "NA", "N/A", "NaN", "nan", "null", "NULL"]


def strip_text(column: pyarrow.ChunkedArray) -> pyarrow.ChunkedArray:
    """Strip whitespace around text, and replace each of NA_VALUES by null."""
    text = pyarrow.compute.utf8_trim_whitespace(column)
    return pyarrow.compute.if_else(pyarrow.compute.is_in(text, pyarrow.array(NA_VALUES)), None, text)


def can_cast(column: pyarrow.ChunkedArray, data_type: pyarrow.DataType) -> bool:
    """Return whether every value of a column of text can be cast to a type."""
    try:
        column.cast(data_type)
    except pyarrow.ArrowInvalid:
        return False
    return True


def infer_types(names: list[str], blocks: Iterable[pyarrow.Table]) -> tuple[dict[str, pyarrow.DataType], int]:
    """Infer the type of each column of text from all rows; return the types and the number of rows."""
    inferred: dict[str, int] = {}
    rows = 0
    for block in blocks:
        rows += block.num_rows
        for name in names:
            column = strip_text(block.column(name))
            if column.null_count < len(column):
                inferred[name] = _infer(column, inferred.get(name))
    return {name: INFERRED_TYPES[inferred[name]] if name in inferred else pyarrow.null() for name in names}, rows


def _infer(column: pyarrow.ChunkedArray, previous: int | None) -> int:
    """Return the number of the first type that fits this block and the blocks before it."""
    for number, data_type in enumerate(INFERRED_TYPES):
        # Integers are floats too; no other type is a special case of a later one, except of text.
        widened = data_type == TEXT or (previous == 0 and data_type == FLOAT)
        if (previous is None or number == previous or widened) and can_cast(column, data_type):
            return number
    return len(INFERRED_TYPES) - 1
