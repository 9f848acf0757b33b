"""Reads CSV files: delimiter, header and the types of the columns are detected, the cells are read as text."""

import codecs
import csv
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import IO

import pyarrow
import pyarrow.csv

from training.errors import TrainingError
from training.files.column_types import FLOAT, TEXT, can_cast, infer_types
from training.files.table import Table

# The comma comes last: where two delimiters split the lines equally well, the comma is a decimal comma.
DELIMITERS = "\t;|,"
SNIFFED_LINES = 100
BLOCK_BYTES = 2**24


@dataclass(frozen=True)
class CSVOptions:
    """How to read a CSV: the delimiter and the header are detected where they are not given.

    A first line that holds one of `known_names` is a header.
    """

    delimiter: str | None = None
    header: bool | None = None
    known_names: Collection[str] = ()


def read_csv(path: Path, options: CSVOptions) -> Table:
    """Open a CSV as a table, and read it once for the types of its columns. Raises TrainingError."""
    _check_encoding(path)
    with path.open(newline="", encoding="utf-8-sig", errors="replace") as file:
        delimiter = _detect_delimiter(file) if options.delimiter is None else options.delimiter
        file.seek(0)
        first, lines_before, lines_through = _first_record(path, file, delimiter)
    has_header = _is_header(first, options.known_names) if options.header is None else options.header
    # pandas writes its index without a name, and some programs write a delimiter at the end of each line.
    unnamed = "column {}" if has_header else "c{}"
    names = [cell if cell and has_header else unnamed.format(number) for number, cell in enumerate(first, 1)]
    if len(set(names)) != len(names):
        raise TrainingError(f"{path} has two columns of the same name: {', '.join(names)}")

    def blocks() -> Iterator[pyarrow.Table]:
        yield from _read_blocks(path, delimiter, names, lines_through if has_header else lines_before)

    types, rows = infer_types(names, blocks())
    if not rows:
        raise TrainingError(f"{path} has a header but no rows")
    return Table(path, types, rows, blocks, stored_as_text=True)


def _check_encoding(path: Path) -> None:
    """Refuse a first line that is not UTF-8, so that names can be read; pyarrow checks the cells."""
    with path.open("rb") as file:
        start = file.readline(BLOCK_BYTES)
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise TrainingError(f"{path} is written in UTF-16: save the file as UTF-8")
    try:
        codecs.getincrementaldecoder("utf-8")().decode(start)
    except UnicodeDecodeError as error:
        raise TrainingError(f"{path}, line 1: invalid UTF8 data: save the file as UTF-8") from error


def _first_record(path: Path, file: IO[str], delimiter: str) -> tuple[list[str], int, int]:
    """Return the cells of the first record that isn't empty, and how many lines end before it and with it."""
    records = csv.reader(file, delimiter=delimiter)
    lines_before = 0
    try:
        for record in records:
            if cells := [cell.strip() for cell in record if len(record) > 1 or cell.strip()]:
                return cells, lines_before, records.line_num
            lines_before = records.line_num
    except csv.Error as error:
        raise TrainingError(f"{path}, line {lines_before + 1}: {error}: is a quote never closed?") from error
    raise TrainingError(f"{path} is empty")


def _detect_delimiter(file: IO[str]) -> str:
    """Return the delimiter that splits the most lines into as many cells (two at least) as the first line."""
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
    """Return whether a record holds a known name, or no number and at most one empty cell."""
    if not set(known_names).isdisjoint(first):
        return True
    return first.count("") <= 1 and not any(can_cast(pyarrow.chunked_array([[cell]]), FLOAT) for cell in first)


def _read_blocks(path: Path, delimiter: str, names: list[str], skip_rows: int) -> Iterator[pyarrow.Table]:
    """Read all cells as text, block by block; stop at the first block with a row of another width."""

    def record_invalid(row: pyarrow.csv.InvalidRow) -> str:
        invalid.append(f"line {row.number}: {row.actual_columns} values, but there are {row.expected_columns} columns")
        return "skip"

    invalid: list[str] = []
    try:
        for batch in _open(path, delimiter, names, skip_rows, record_invalid):
            if invalid:
                break
            yield pyarrow.Table.from_batches([batch])
    except pyarrow.ArrowInvalid as error:
        reason = str(error).splitlines()[0]
        hint = ": save the file as UTF-8" if "UTF8" in reason else ""
        raise TrainingError(f"{path} can't be read as CSV: {reason}{hint}") from error
    if invalid:
        raise TrainingError(f"{path}, {invalid[0]}")


def _open(
    path: Path,
    delimiter: str,
    names: list[str],
    skip_rows: int,
    on_invalid_row: Callable[[pyarrow.csv.InvalidRow], str],
) -> pyarrow.csv.CSVStreamingReader:
    return pyarrow.csv.open_csv(
        path,
        # pyarrow numbers rows only if it reads them in one thread.
        read_options=pyarrow.csv.ReadOptions(
            use_threads=False, block_size=BLOCK_BYTES, column_names=names, skip_rows=skip_rows
        ),
        parse_options=pyarrow.csv.ParseOptions(
            delimiter=delimiter, invalid_row_handler=on_invalid_row, newlines_in_values=True
        ),
        convert_options=pyarrow.csv.ConvertOptions(column_types=dict.fromkeys(names, TEXT)),
    )
