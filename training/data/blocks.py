"""The rows of a file, block by block, as the codes of a published model."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import chain
from shlex import quote
from typing import Any, NamedTuple

import numpy as np
import pyarrow
from numpy.typing import NDArray

from nn import Boolean, Category, Features, Number
from nn.columns import WHOLE_NUMBER, Column, number_text
from training.data.dataset import RowIndex, Split
from training.data.from_arrays import array_codes
from training.data.from_table import encode_column
from training.data.text_codes import text_codes
from training.errors import TrainingError
from training.files.bad_rows import BadRows
from training.files.npz import Arrays
from training.files.table import BOOLEAN, FLOAT, INTEGER, TEXT, TIME, TIME_UTC, Table, strip_text

# The accepted types of a file column for each kind; a column of nulls is accepted for every kind.
ACCEPTED_TYPES = {
    "number": (INTEGER, FLOAT),
    "boolean": (BOOLEAN,),
    "date": (TIME, TIME_UTC, TEXT),
    "category": (TEXT, INTEGER, FLOAT, BOOLEAN),
}

INPUT_BYTES = 2**23  # of a block, so that a model with many inputs takes no more memory than one with few


class Block(NamedTuple):
    """The codes (B, K) of rows, their numbers in the file (B,), and the targets of arrays or columns of a table."""

    codes: NDArray[Any]
    numbers: RowIndex
    kept: Any

    def parts(self, features: Features) -> "Iterator[Block]":
        """Yield the rows in parts whose inputs take at most INPUT_BYTES."""
        rows = max(INPUT_BYTES // (features.width * np.dtype(np.float32).itemsize), 1)
        for start in range(0, max(len(self.codes), 1), rows):
            part = slice(start, start + rows)
            kept = self.kept.slice(start, rows) if isinstance(self.kept, pyarrow.Table) else self.kept[part]
            yield Block(self.codes[part], self.numbers[part], kept)


def read_blocks(data: Arrays | Table, features: Features, kept: list[str], bad_rows: BadRows) -> Iterator[Block]:
    """Yield the rows block by block; of a table also the columns `kept`, as they are stored.

    Raises TrainingError if the model does not accept the data, or if it does not accept a row and none is skipped.
    """
    if isinstance(data, Arrays):
        blocks = _array_blocks(data, features)
    else:
        blocks = _table_blocks(data, features, kept, bad_rows)
    return chain.from_iterable(block.parts(features) for block in blocks)


def _array_blocks(arrays: Arrays, features: Features) -> Iterator[Block]:
    codes, first = array_codes(arrays.x), 0
    if codes.shape[1] != len(features):
        raise TrainingError(f"the data have {codes.shape[1]} values per row, the model expects {len(features)}")
    for chunk, targets in Split(features, codes, arrays.y, np.arange(len(codes))).chunks():
        yield Block(chunk, np.arange(first, first + len(chunk)), targets)
        first += len(chunk)


def _table_blocks(table: Table, features: Features, kept: list[str], bad_rows: BadRows) -> Iterator[Block]:
    for column in features.columns:
        _check_column(table, column)
    names = [column.name for column in features.columns if column.name in table.types]
    columns = [_as_format_1(column, table) for column in features.columns]
    first = table.first_row
    for stored in table.stored_blocks(list(dict.fromkeys([*names, *kept]))):
        numbers = bad_rows.numbers_in_file(np.arange(first, first + stored.num_rows))
        first += stored.num_rows
        codes = np.empty((stored.num_rows, len(columns)))
        good = np.ones(stored.num_rows, bool)
        for j, column in enumerate(columns):
            codes[:, j], problems = _read_column(table, stored, column)
            for row, problem in problems.items():
                bad_rows.add(table.path, "row", int(numbers[row]), problem)
                good[row] = False
        own = stored.select(kept)
        yield Block(codes, numbers, own) if good.all() else Block(codes[good], numbers[good], own.filter(good))


def _check_column(table: Table, column: Column) -> None:
    data_type = table.types.get(column.name)
    accepted = ACCEPTED_TYPES[column.kind]
    if isinstance(column, Number) and column.decimal:
        accepted = (*accepted, TEXT)
    if isinstance(column, Boolean) and column.numbers:
        accepted = (*accepted, INTEGER, FLOAT)
    if data_type is None:
        if not column.missing:
            names = ", ".join(table.types)
            raise TrainingError(
                f"{table.path} has no column {column.name!r}, which the model requires; the columns are {names}"
            )
    elif not table.stored_as_text and data_type not in accepted and not pyarrow.types.is_null(data_type):
        raise TrainingError(
            f"{table.path}: column {column.name} contains {data_type} values; expected {column.expected}"
        )


def _as_format_1(column: Column, table: Table) -> Column:
    """Return a category whose values are all integers as one of numbers: models of format 1 read text files so."""
    if not table.stored_as_text or not isinstance(column, Category):
        return column
    integers = all(WHOLE_NUMBER.fullmatch(value) and value == number_text(value) for value in column.categories)
    return replace(column, numbers=True) if integers else column


def _read_column(table: Table, stored: pyarrow.Table, column: Column) -> tuple[NDArray[np.float64], dict[int, str]]:
    """Return the codes of a column (B,), all missing if the file lacks it, and the problems of rows in the block."""
    if column.name not in table.types:
        return np.full(stored.num_rows, np.nan), {}
    cells = table.column(stored, column.name)
    if cells.type != TEXT:
        codes, wrong = encode_column(column, cells), np.zeros(len(cells), bool)
    else:
        codes, wrong = text_codes(column, cells if isinstance(column, Category) else strip_text(cells))
    is_flag = isinstance(column, Boolean) and column.numbers
    more = f" (train with --numbers {quote(column.name)} to accept other numbers)" if is_flag else ""
    problems = {
        int(row): f"{column.name} is {cells[int(row)].as_py()!r}; expected {column.expected}{more}"
        for row in np.flatnonzero(wrong)
    }
    if not column.missing:
        missing = f"{column.name} is missing, but was never missing in training: add a value or remove the row"
        problems |= dict.fromkeys(np.flatnonzero(np.isnan(codes) & ~wrong).tolist(), missing)
    return codes, problems
