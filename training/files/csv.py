"""Reads CSV files: detects the encoding, the delimiter and the header; the cells are read as text."""

import codecs
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path

import pyarrow
import pyarrow.csv

from training.errors import TrainingError
from training.files.bad_rows import BadRows
from training.files.csv_layout import Layout, find_layout
from training.files.table import GZIP_SUFFIX, TEXT, ReadOptions, Table, check_unique

BLOCK_BYTES = 2**20  # pyarrow reads up to 32 blocks ahead
SNIFFED_BYTES = 2**20
MARKS = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}


def read_csv(path: Path, options: ReadOptions) -> Table:
    """Open a CSV file, which may be compressed by gzip, as a table of text. Raises TrainingError."""
    with _open(path, None) as file:
        start = file.read(SNIFFED_BYTES)
    encoding = _detect_encoding(path, start)
    layout = find_layout(path, start.decode(encoding, errors="replace"), options)
    check_unique(str(path), layout.names)
    blocks = partial(_read_blocks, path, encoding, layout, options.bad_rows)
    types = dict.fromkeys(layout.names, TEXT)
    return Table(path, types, None, blocks, stored_as_text=True, index=layout.index)


def _open(path: Path, encoding: str | None) -> pyarrow.NativeFile:
    """Open a file, uncompressed and, if it has another encoding, in UTF-8."""
    compression = "gzip" if path.suffix.lower() == GZIP_SUFFIX else None
    file = pyarrow.input_stream(str(path), compression=compression)
    return file if encoding in (None, "utf-8-sig") else pyarrow.transcoding_input_stream(file, encoding, "utf-8")


def _detect_encoding(path: Path, start: bytes) -> str:
    """Return the encoding. Raises TrainingError if the first line is not UTF-8; pyarrow checks the cells it reads."""
    for mark, encoding in MARKS.items():
        if start.startswith(mark):
            return encoding
    # Without a mark, every second byte of Latin letters, digits and delimiters is 0.
    for encoding, zeros in (("utf-16-le", start[1:1000:2]), ("utf-16-be", start[:1000:2])):
        if zeros and zeros.count(0) > len(zeros) / 2:
            return encoding
    try:
        codecs.getincrementaldecoder("utf-8")().decode(start.partition(b"\n")[0])
    except UnicodeDecodeError as error:
        raise TrainingError(f"{path}, line 1: invalid UTF8 data: save the file as UTF-8") from error
    return "utf-8-sig"


def _read_blocks(
    path: Path, encoding: str, layout: Layout, bad_rows: BadRows, columns: list[str]
) -> Iterator[pyarrow.Table]:
    """Yield columns as text, block by block (all columns if `columns` is empty).

    A row with a different number of values goes to `bad_rows`. If that raises TrainingError, the block that contains
    the row has not been yielded.
    """

    def record_invalid(row: pyarrow.csv.InvalidRow) -> str:
        invalid.append((row.number, f"expected {row.expected_columns} values, got {row.actual_columns}"))
        return "skip"

    invalid: list[tuple[int, str]] = []
    names = layout.names
    # pyarrow numbers rows only when it reads in a single thread.
    read = pyarrow.csv.ReadOptions(
        use_threads=False, block_size=BLOCK_BYTES, column_names=names, skip_rows=layout.skipped_lines
    )
    parse = pyarrow.csv.ParseOptions(
        delimiter=layout.delimiter, invalid_row_handler=record_invalid, newlines_in_values=True
    )
    convert = pyarrow.csv.ConvertOptions(column_types=dict.fromkeys(names, TEXT), include_columns=columns)
    rows = 0
    try:
        with closing(_open(path, encoding)) as file, pyarrow.csv.open_csv(file, read, parse, convert) as reader:
            for batch in reader:
                _report(path, layout, invalid, bad_rows)
                rows += batch.num_rows
                yield pyarrow.Table.from_batches([batch])
    except (OSError, pyarrow.ArrowInvalid, UnicodeDecodeError, EOFError) as error:
        reason = str(error).splitlines()[0]
        hint = ": save the file as UTF-8" if "UTF8" in reason else ""
        raise TrainingError(f"{path} can't be read as CSV: {reason}{hint}") from error
    _report(path, layout, invalid, bad_rows)
    if not rows:
        raise TrainingError(f"{path} has a header but no rows")


def _report(path: Path, layout: Layout, invalid: list[tuple[int, str]], bad_rows: BadRows) -> None:
    while invalid:
        number, problem = invalid.pop(0)
        bad_rows.add_line(path, number, number - layout.skipped_lines, problem)
