"""Reads CSV files: detects delimiter, header and column types; the cells are read as text."""

import codecs
import csv
from collections.abc import Collection, Iterator
from functools import partial
from itertools import islice
from pathlib import Path
from typing import IO

import pyarrow
import pyarrow.csv

from training.errors import TrainingError
from training.files.table import (
    BOOLEAN,
    FLOAT,
    INTEGER,
    TEXT,
    TIME,
    TIME_UTC,
    ReadOptions,
    Table,
    check_unique,
    strip_text,
)

# The comma comes last: where two delimiters split the lines equally well, the comma is a decimal comma.
DELIMITERS = "\t;|,"
SNIFFED_LINES = 100
BLOCK_BYTES = 2**24
# The type of a column is the first of these to which all its values can be cast; every value can be text.
INFERRED_TYPES = [INTEGER, FLOAT, BOOLEAN, TIME, TIME_UTC, TEXT]
TRIED_VALUES = 100


def read_csv(path: Path, options: ReadOptions) -> Table:
    """Open a CSV file as a table; read it once to infer the types of its columns. Raises TrainingError."""
    _check_encoding(path)
    with path.open(newline="", encoding="utf-8-sig", errors="replace") as file:
        delimiter = _detect_delimiter(file) if options.delimiter is None else options.delimiter
        file.seek(0)
        first, lines_before, lines_through = _first_record(path, file, delimiter)
    has_header = _is_header(first, options.columns) if options.header is None else options.header
    # pandas writes its index without a name, and some programs end each line with a delimiter.
    unnamed = "column {}" if has_header else "c{}"
    names = [cell if cell and has_header else unnamed.format(number) for number, cell in enumerate(first, 1)]
    check_unique(str(path), names)
    blocks = partial(_read_blocks, path, delimiter, names, lines_through if has_header else lines_before)
    needed = [name for name in names if options.others or name in options.columns]
    inferred, rows = _infer_types(needed, blocks(needed))
    if not rows:
        raise TrainingError(f"{path} has a header but no rows")
    return Table(path, dict.fromkeys(names, TEXT) | inferred, rows, blocks, stored_as_text=True)


def _check_encoding(path: Path) -> None:
    """Raise TrainingError if the first line, with the column names, is not UTF-8; pyarrow checks the cells it reads."""
    with path.open("rb") as file:
        start = file.readline(BLOCK_BYTES)
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise TrainingError(f"{path} is encoded in UTF-16: save the file as UTF-8")
    try:
        codecs.getincrementaldecoder("utf-8")().decode(start)
    except UnicodeDecodeError as error:
        raise TrainingError(f"{path}, line 1: invalid UTF8 data: save the file as UTF-8") from error


def _first_record(path: Path, file: IO[str], delimiter: str) -> tuple[list[str], int, int]:
    """Return the cells of the first non-empty record, and the number of lines before it and up to its end."""
    records = csv.reader(file, delimiter=delimiter)
    lines_before = 0
    try:
        for record in records:
            if cells := [cell.strip() for cell in record if len(record) > 1 or cell.strip()]:
                return cells, lines_before, records.line_num
            lines_before = records.line_num
    except csv.Error as error:
        raise TrainingError(f"{path}, line {lines_before + 1}: {error}: check for an unclosed quote") from error
    raise TrainingError(f"{path} is empty")


def _detect_delimiter(file: IO[str]) -> str:
    """Return the delimiter that splits the most lines into as many cells as the first line, which has at least two."""
    lines = [line for line in islice(file, SNIFFED_LINES) if line.strip()]
    best, best_count = ",", 0
    for delimiter in DELIMITERS:
        try:
            widths = [len(record) for record in csv.reader(lines, delimiter=delimiter)]
        except csv.Error:
            continue
        if widths and widths[0] > 1 and (count := widths.count(widths[0])) > best_count:
            best, best_count = delimiter, count
    return best


def _is_header(first: list[str], known_names: Collection[str]) -> bool:
    """Return whether a record is a header: it contains a known name, or no numbers and at most one empty cell."""
    if not set(known_names).isdisjoint(first):
        return True
    return first.count("") <= 1 and not any(_can_cast(pyarrow.scalar(cell), FLOAT) for cell in first)


def _read_blocks(
    path: Path, delimiter: str, names: list[str], skip_rows: int, columns: list[str]
) -> Iterator[pyarrow.Table]:
    """Yield columns as text, block by block (all columns if `columns` is empty).

    Raises TrainingError for a row with a different number of values, instead of yielding the block that contains it.
    """

    def record_invalid(row: pyarrow.csv.InvalidRow) -> str:
        invalid.append(f"line {row.number}: expected {row.expected_columns} values, got {row.actual_columns}")
        return "skip"

    invalid: list[str] = []
    # pyarrow numbers rows only when it reads in a single thread.
    read = pyarrow.csv.ReadOptions(use_threads=False, block_size=BLOCK_BYTES, column_names=names, skip_rows=skip_rows)
    parse = pyarrow.csv.ParseOptions(delimiter=delimiter, invalid_row_handler=record_invalid, newlines_in_values=True)
    convert = pyarrow.csv.ConvertOptions(column_types=dict.fromkeys(names, TEXT), include_columns=columns)
    try:
        with pyarrow.csv.open_csv(path, read, parse, convert) as reader:
            for batch in reader:
                if invalid:
                    break
                yield pyarrow.Table.from_batches([batch])
    except pyarrow.ArrowInvalid as error:
        reason = str(error).splitlines()[0]
        hint = ": save the file as UTF-8" if "UTF8" in reason else ""
        raise TrainingError(f"{path} can't be read as CSV: {reason}{hint}") from error
    if invalid:
        raise TrainingError(f"{path}, {invalid[0]}")


def _infer_types(names: list[str], blocks: Iterator[pyarrow.Table]) -> tuple[dict[str, pyarrow.DataType], int]:
    """Infer the type of each column from all rows; return the types and the number of rows."""
    types = dict.fromkeys(names, pyarrow.null())
    rows = 0
    for block in blocks:
        rows += block.num_rows
        for name in names:
            column = strip_text(block.column(name)).drop_null()
            if len(column):
                types[name] = _infer_type(column, types[name])
    return types, rows


def _infer_type(column: pyarrow.ChunkedArray, previous: pyarrow.DataType) -> pyarrow.DataType:
    """Return the first type that fits the values of this block and of all previous blocks."""
    # Integers can be widened to floats; every other type can be widened to text only.
    widened = {pyarrow.null(): INFERRED_TYPES, INTEGER: [INTEGER, FLOAT, TEXT]}
    # A failing cast is slow, in proportion to the values that fail: the first values exclude most types.
    first = column.slice(0, TRIED_VALUES)
    possible = widened.get(previous, [previous, TEXT])
    return next(data_type for data_type in possible if _can_cast(first, data_type) and _can_cast(column, data_type))


def _can_cast(text: pyarrow.ChunkedArray | pyarrow.Scalar, data_type: pyarrow.DataType) -> bool:
    """Return whether every value of a text column (or a single value) can be cast to a type."""
    try:
        text.cast(data_type)
    except pyarrow.ArrowInvalid:
        return False
    return True
