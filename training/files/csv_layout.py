"""The layout of a CSV file, found in its first lines: the delimiter, what stands before the rows, and the header.

Before the header there may be a line `sep=;`, comments, and titles. The header may be shorter than the rows, by a row
name in front (as R writes) or by a delimiter at the end of each row.
"""

import csv
import re
from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from io import StringIO
from itertools import islice, takewhile
from pathlib import Path
from typing import NamedTuple

from training.errors import TrainingError
from training.files.table import ReadOptions

# The comma comes last: where two delimiters split the lines equally well, the comma is a decimal comma.
DELIMITERS = "\t;|,"
SNIFFED_ROWS = 100
DECLARED_DELIMITER = re.compile(r"sep=(.)\r?\n?", re.IGNORECASE)


@dataclass(frozen=True)
class Layout:
    """The delimiter, the number of lines before the first row, the names of the columns, and those without a name."""

    delimiter: str
    skipped_lines: int
    names: list[str]
    index: tuple[str, ...] = ()


class Record(NamedTuple):
    """A record with the number of lines before it and up to its end."""

    cells: list[str]
    before: int
    through: int

    @property
    def values(self) -> int:
        """The number of cells that are not empty."""
        return sum(cell != "" for cell in self.cells)


def find_layout(path: Path, start: str, options: ReadOptions) -> Layout:
    """Find the layout in the first text of a file. Raises TrainingError."""
    declared = DECLARED_DELIMITER.fullmatch(start.split("\n", 1)[0] + "\n")
    delimiter = options.delimiter or (declared[1] if declared else _detect_delimiter(start))
    records = [*islice(_records(path, start, delimiter), SNIFFED_ROWS)][1 if declared else 0 :]
    if not records:
        raise TrainingError(f"{path} is empty")
    width = _usual_width(len(record.cells) for record in records)
    first = _find_header(records, width, options)
    if first is None:
        # Here, too, lines of another width may precede the rows.
        head = next((record for record in records if len(record.cells) == width), records[0])
        return Layout(delimiter, head.before, [f"c{number}" for number in range(1, len(head.cells) + 1)])
    head, rows = records[first], records[first + 1 :]
    cells = head.cells
    if len(cells) == width - 1 and rows:
        # A delimiter ends each row, or a name that has no header begins it.
        ends = all(row.cells[-1] == "" for row in rows if len(row.cells) == width)
        cells = [*cells, ""] if ends else ["", *cells]
    names = [cell or f"column {number}" for number, cell in enumerate(cells, 1)]
    return Layout(delimiter, head.through, names, () if cells[0] else (names[0],))


def _find_header(records: list[Record], width: int, options: ReadOptions) -> int | None:
    """Return the number of the record that is the header, or None if there is none.

    It is the first one with a known name, or the first after comments and titles.
    """
    if options.header is False:
        return None
    before_data = [*takewhile(lambda record: not any(map(_is_value, record.cells)), records)]
    for number, record in enumerate(before_data):
        if not set(options.columns).isdisjoint(record.cells):
            return number
    followed = zip(records, [*records[1:], None], strict=True)
    first = next((i for i, pair in enumerate(followed) if not _is_before_header(*pair, width)), len(records) - 1)
    is_header = _is_header(records[first].cells, options.columns) if options.header is None else options.header
    return first if is_header else None


def _records(path: Path, start: str, delimiter: str) -> Iterator[Record]:
    """Yield the records that are not empty, their cells without spaces around them."""
    reader = csv.reader(StringIO(start, newline=""), delimiter=delimiter)
    before = 0
    try:
        for record in reader:
            if len(record) > 1 or (record and record[0].strip()):
                yield Record([cell.strip() for cell in record], before, reader.line_num)
            before = reader.line_num
    except csv.Error as error:
        raise TrainingError(f"{path}, line {before + 1}: {error}: check for an unclosed quote") from error


def _detect_delimiter(start: str) -> str:
    """Return the delimiter that splits the most lines into the same number of cells, which is at least two."""
    lines = [line for line in islice(StringIO(start, newline=""), SNIFFED_ROWS) if line.strip()]
    best, best_count = ",", 0
    for delimiter in DELIMITERS:
        try:
            widths = Counter(len(record) for record in csv.reader(lines, delimiter=delimiter))
        except csv.Error:
            continue
        count = max((count for width, count in widths.items() if width > 1), default=0)
        if count > best_count:
            best, best_count = delimiter, count
    return best


def _usual_width(widths: Iterator[int]) -> int:
    """Return the most frequent number of cells, and of several the one that comes first."""
    return Counter(widths).most_common(1)[0][0]


def _is_before_header(record: Record, following: Record | None, width: int) -> bool:
    """Return whether a record is a comment, or a title: a single value where rows have several."""
    if record.cells[0].startswith("#"):
        return len(record.cells) != width or (following is not None and _is_header(following.cells, ()))
    return width > 1 and record.values <= 1 and len(record.cells) in (1, width)


def _is_header(first: list[str], known_names: Collection[str]) -> bool:
    """Return whether a record is a header: it contains a known name, or no numbers and at most one empty cell."""
    if not set(known_names).isdisjoint(first):
        return True
    return first.count("") <= 1 and not any(map(_is_value, first))


def _is_value(cell: str) -> bool:
    """Return whether a cell is a number or a date, and no name."""
    try:
        float(cell)
    except ValueError:
        return any(map(str.isdigit, cell)) and not any(map(str.isalpha, cell))
    return True
