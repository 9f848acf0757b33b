"""Reading the files in which people keep data: `.npz`, CSV and Parquet.

What comes out is what the file holds, or one sentence that says what is wrong with it and where.
A table is read block by block, as often as somebody wants it, so that it may be larger than memory.
"""

import codecs
import csv
import zipfile
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt
import pyarrow
import pyarrow.compute
import pyarrow.csv
import pyarrow.parquet

from training.errors import TrainingError
from training.files.spill import spill

# Commas come last: where both cut lines alike, they are those of decimals.
DELIMITERS = "\t;|,"
SNIFFED_LINES = 100
MISSING = ["", "?", "NA", "N/A", "NaN", "nan", "null", "NULL"]
BLOCK_BYTES = 2**24
BLOCK_ROWS = 2**16
WHOLE, FRACTION, BOOLEAN, TEXT = pyarrow.int64(), pyarrow.float64(), pyarrow.bool_(), pyarrow.string()
TIME, TIME_UTC = pyarrow.timestamp("us"), pyarrow.timestamp("us", "UTC")
# What a column of text may turn out to hold; what no longer fits falls back on what comes later.
READINGS = [WHOLE, FRACTION, BOOLEAN, TIME, TIME_UTC, TEXT]


@dataclass(frozen=True)
class Arrays:
    """What a `.npz` holds: values (B, …) and targets (B,), and a test part where there is one."""

    x: npt.NDArray[Any]
    y: npt.NDArray[Any]
    test: tuple[npt.NDArray[Any], npt.NDArray[Any]] | None = None


@dataclass(frozen=True)
class Table:
    """The columns of a file with their types, how many rows there are, and these in blocks.

    What is read is as it is stored: where the file is `written`, text, and its types are only what that looks like.
    """

    path: Path
    types: dict[str, pyarrow.DataType]
    rows: int
    read: Callable[[], Iterator[pyarrow.Table]]
    written: bool = False

    def as_text(self, names: Iterable[str]) -> "Table":
        """Return the table with some columns as they are written, if they are, whatever they look like."""
        texts = {name: TEXT for name in names if self.written and name in self.types}
        return replace(self, types=self.types | texts)

    def blocks(self, names: list[str] | None = None) -> Iterator[pyarrow.Table]:
        """Read the rows from the beginning, with all columns or some."""
        for block in self.read():
            yield self.typed(block, names)

    def typed(self, block: pyarrow.Table, names: Iterable[str] | None = None) -> pyarrow.Table:
        """Turn columns as they are stored into those of the table's types."""
        names = list(self.types) if names is None else list(names)
        stored = [_trimmed(block.column(name)) if self.written else block.column(name) for name in names]
        columns = [_cast(column, self.types[name]) for name, column in zip(names, stored, strict=True)]
        return pyarrow.table(columns, names=names)


def read_file(
    path: Path, *, delimiter: str | None = None, header: bool | None = None, names: Collection[str] = ()
) -> Arrays | Table:
    """Read a file. The delimiter and the header of a CSV are found where they are not given. Raises TrainingError.

    One of `names` in the first line tells that it is a header.
    """
    readers: dict[str, Callable[[], Arrays | Table]] = {
        ".npz": lambda: _read_npz(path),
        ".csv": lambda: _read_csv(path, delimiter, header, names),
        ".parquet": lambda: _read_parquet(path),
    }
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise TrainingError(f"{path}: expected a file that ends in {', '.join(readers)}")
    try:
        if path.stat().st_size == 0:
            raise TrainingError(f"{path} is empty")
        return reader()
    except OSError as error:
        raise TrainingError(f"{path} can't be read: {error.strerror or error}") from error


def _read_npz(path: Path) -> Arrays:
    if not zipfile.is_zipfile(path):
        raise TrainingError(f"{path} is not a .npz file, or damaged")
    try:
        with zipfile.ZipFile(path) as archive:
            names = [name.removesuffix(".npy") for name in archive.namelist()]
            for x, y in (("x_train", "y_train"), ("X", "y"), ("x", "y")):
                if x in names and y in names:
                    pairs = [(x, y), *([("x_test", "y_test")] if {"x_test", "y_test"} <= set(names) else [])]
                    parts = [_read_pair(path, archive, *pair) for pair in pairs]
                    return Arrays(*parts[0], parts[1] if len(parts) == 2 else None)
    except (ValueError, zipfile.BadZipFile, EOFError) as error:
        if isinstance(error, TrainingError):
            raise
        raise TrainingError(f"{path} is damaged: {error}") from error
    found = ", ".join(names) or "nothing"
    raise TrainingError(f"{path}: expected arrays x_train and y_train, or X and y; found {found}")


def _read_pair(
    path: Path, archive: zipfile.ZipFile, x_name: str, y_name: str
) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    x, y = _read_member(path, archive, x_name), _read_member(path, archive, y_name)
    if x.ndim < 2:
        raise TrainingError(f"{path}: {x_name} has the shape {x.shape}; expected one row for each example")
    if y.shape not in ((len(x),), (len(x), 1)):
        raise TrainingError(f"{path}: {y_name} has the shape {y.shape}, but {x_name} has {len(x)} rows")
    return x, y.ravel()


def _read_member(path: Path, archive: zipfile.ZipFile, name: str) -> npt.NDArray[Any]:
    """Unpack one array into a mapped file: compressed as it is, it may be larger than memory."""
    with archive.open(f"{name}.npy") as member:
        version = np.lib.format.read_magic(member)
        read_header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, fortran_order, dtype = read_header(member)
        if dtype.hasobject:
            raise TrainingError(f"{path} holds pickled objects, which are never loaded: save plain arrays")
        stored = shape[::-1] if fortran_order else shape
        array = spill(_chunks(member, dtype), (int(np.prod(shape)),), dtype)
        return array.reshape(stored).T if fortran_order else array.reshape(stored)


def _chunks(member: IO[bytes], dtype: np.dtype[Any]) -> Iterator[npt.NDArray[Any]]:
    size = max(dtype.itemsize, 1)
    while chunk := member.read(BLOCK_BYTES // size * size):
        yield np.frombuffer(chunk, dtype)


def _read_csv(path: Path, delimiter: str | None, header: bool | None, known: Collection[str]) -> Table:
    _check_encoding(path)
    with path.open(newline="", encoding="utf-8-sig", errors="replace") as file:
        delimiter = _find_delimiter(file) if delimiter is None else delimiter
        file.seek(0)
        first, before, lines = _first_line(path, file, delimiter)
    has_header = _is_header(first, known) if header is None else header
    # pandas writes its index without a name, and others a delimiter at the end of each line.
    unnamed = "column {}" if has_header else "c{}"
    names = [cell if cell and has_header else unnamed.format(number) for number, cell in enumerate(first, 1)]
    if len(set(names)) != len(names):
        raise TrainingError(f"{path} has two columns of the same name: {', '.join(names)}")

    def read() -> Iterator[pyarrow.Table]:
        yield from _csv_blocks(path, delimiter, names, lines if has_header else before)

    types, rows = _find_types(path, names, read())
    return Table(path, types, rows, read, written=True)


def _check_encoding(path: Path) -> None:
    """Refuse what the names of the columns can't be read from; pyarrow checks the cells."""
    with path.open("rb") as file:
        start = file.readline(BLOCK_BYTES)
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise TrainingError(f"{path} is written in UTF-16: save the file as UTF-8")
    try:
        codecs.getincrementaldecoder("utf-8")().decode(start)
    except UnicodeDecodeError as error:
        raise TrainingError(f"{path}, line 1: invalid UTF8 data: save the file as UTF-8") from error


def _first_line(path: Path, file: IO[str], delimiter: str) -> tuple[list[str], int, int]:
    """Return the cells of the first line that isn't empty, and how many lines end before and with it."""
    records = csv.reader(file, delimiter=delimiter)
    before = 0
    try:
        for record in records:
            if cells := [cell.strip() for cell in record if len(record) > 1 or cell.strip()]:
                return cells, before, records.line_num
            before = records.line_num
    except csv.Error as error:
        raise TrainingError(f"{path}, line {before + 1}: {error}: is a quote never closed?") from error
    raise TrainingError(f"{path} is empty")


def _find_delimiter(file: IO[str]) -> str:
    """Return what cuts the most of the first lines into as many cells as the first, and that into more than one."""
    lines = [line for line in islice(file, SNIFFED_LINES) if line.strip()]
    found, most = ",", 0
    for delimiter in DELIMITERS:
        try:
            widths = [len(record) for record in csv.reader(lines, delimiter=delimiter)]
        except csv.Error:
            continue
        if widths and widths[0] > 1 and (same := widths.count(widths[0])) > most:
            found, most = delimiter, same
    return found


def _is_header(first: list[str], known: Collection[str]) -> bool:
    """Tell names from values: one is known, or but for one none is empty, and none is a number."""
    if not set(known).isdisjoint(first):
        return True
    return first.count("") <= 1 and not any(_fits(pyarrow.chunked_array([[cell]]), FRACTION) for cell in first)


def _fits(column: pyarrow.ChunkedArray, reading: pyarrow.DataType) -> bool:
    try:
        column.cast(reading)
    except pyarrow.ArrowInvalid:
        return False
    return True


def _csv_blocks(path: Path, delimiter: str, names: list[str], skip: int) -> Iterator[pyarrow.Table]:
    """Read everything as the text that it is."""

    def refuse(row: pyarrow.csv.InvalidRow) -> str:
        bad.append(f"line {row.number}: {row.actual_columns} values, but there are {row.expected_columns} columns")
        return "skip"

    bad: list[str] = []
    try:
        reader = pyarrow.csv.open_csv(
            path,
            # Rows are only numbered where they are read one after another.
            read_options=pyarrow.csv.ReadOptions(
                use_threads=False, block_size=BLOCK_BYTES, column_names=names, skip_rows=skip
            ),
            parse_options=pyarrow.csv.ParseOptions(
                delimiter=delimiter, invalid_row_handler=refuse, newlines_in_values=True
            ),
            convert_options=pyarrow.csv.ConvertOptions(column_types=dict.fromkeys(names, TEXT)),
        )
        for batch in reader:
            if bad:
                break
            yield pyarrow.Table.from_batches([batch])
    except pyarrow.ArrowInvalid as error:
        reason = str(error).splitlines()[0]
        hint = ": save the file as UTF-8" if "UTF8" in reason else ""
        raise TrainingError(f"{path} can't be read as CSV: {reason}{hint}") from error
    if bad:
        raise TrainingError(f"{path}, {bad[0]}")


def _trimmed(column: pyarrow.ChunkedArray) -> pyarrow.ChunkedArray:
    """Take away the spaces around text; a word for nothing is null."""
    text = pyarrow.compute.utf8_trim_whitespace(column)
    return pyarrow.compute.if_else(pyarrow.compute.is_in(text, pyarrow.array(MISSING)), None, text)


def _find_types(
    path: Path, names: list[str], blocks: Iterator[pyarrow.Table]
) -> tuple[dict[str, pyarrow.DataType], int]:
    """Find what each column of text holds, from all its rows, and count these."""
    found: dict[str, int] = {}
    rows = 0
    for block in blocks:
        rows += block.num_rows
        for name in names:
            column = _trimmed(block.column(name))
            if column.null_count < len(column):
                found[name] = _reading(column, found.get(name))
    if not rows:
        raise TrainingError(f"{path} has a header but no rows")
    return {name: READINGS[found[name]] if name in found else pyarrow.null() for name in names}, rows


def _reading(column: pyarrow.ChunkedArray, before: int | None) -> int:
    """Return the first reading that fits this block, and those before it."""
    for number, reading in enumerate(READINGS):
        # Whole numbers are fractions too; nothing else is a special case of what comes later, but for text.
        possible = before is None or number == before or reading == TEXT or (before == 0 and reading == FRACTION)
        if possible and _fits(column, reading):
            return number
    return len(READINGS) - 1


def _read_parquet(path: Path) -> Table:
    try:
        with pyarrow.parquet.ParquetFile(path) as file:
            schema, rows = file.schema_arrow, file.metadata.num_rows
    except pyarrow.ArrowInvalid as error:
        raise TrainingError(f"{path} can't be read as Parquet: {str(error).splitlines()[0]}") from error
    if len(set(schema.names)) != len(schema.names):
        raise TrainingError(f"{path} has two columns of the same name: {', '.join(schema.names)}")

    def read() -> Iterator[pyarrow.Table]:
        with pyarrow.parquet.ParquetFile(path) as file:
            try:
                for batch in file.iter_batches(BLOCK_ROWS):
                    yield pyarrow.Table.from_batches([batch])
            except (OSError, pyarrow.ArrowInvalid) as error:
                raise TrainingError(f"{path} is damaged: {str(error).splitlines()[0]}") from error
        if not rows:
            yield schema.empty_table()

    return Table(path, {field.name: _plain_type(path, field) for field in schema}, rows, read)


def _plain_type(path: Path, field: pyarrow.Field) -> pyarrow.DataType:
    """Return which of our few types a column of Parquet is read as."""
    types = pyarrow.types
    kind = field.type.value_type if types.is_dictionary(field.type) else field.type
    if types.is_null(kind):
        return kind
    tests: list[tuple[Callable[[pyarrow.DataType], bool], pyarrow.DataType]] = [
        (types.is_boolean, BOOLEAN),
        (types.is_uint64, FRACTION),
        (types.is_integer, WHOLE),
        (types.is_floating, FRACTION),
        (types.is_decimal, FRACTION),
        (types.is_date, TIME),
        (types.is_timestamp, TIME if getattr(kind, "tz", None) is None else TIME_UTC),
        (types.is_string, TEXT),
        (types.is_large_string, TEXT),
        (types.is_string_view, TEXT),
    ]
    for test, plain in tests:
        if test(kind):
            return plain
    raise TrainingError(
        f"{path}: column {field.name} holds {field.type} values; expected numbers, text, booleans or dates"
    )


def _cast(column: pyarrow.ChunkedArray, kind: pyarrow.DataType) -> pyarrow.Array:
    """Return a column in the type that was found for it; a NaN, as pandas writes it, is missing."""
    if pyarrow.types.is_null(kind):
        return pyarrow.nulls(len(column))
    column = column.cast(kind, safe=False) if column.type != kind else column
    if kind == FRACTION:
        column = pyarrow.compute.if_else(pyarrow.compute.is_nan(column), None, column)
    return column
