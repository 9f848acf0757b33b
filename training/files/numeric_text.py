"""Detects text columns that were meant to be numeric: nearly all values are numbers or have decimal commas."""

from collections.abc import Iterator
from dataclasses import dataclass

import pyarrow
import pyarrow.compute

from training.files.table import TEXT, Table

MIN_NUMERIC_SHARE = 0.95
NUMBER_PATTERN = r"^[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?$"
DECIMAL_COMMA_PATTERN = r"^[-+]?[0-9]+(,[0-9]+)?$"


@dataclass
class _Counts:
    """Counts for a text column: values, numbers, numbers with a decimal comma; and the first row without a number."""

    values: int = 0
    numbers: int = 0
    decimal_commas: int = 0
    first_other: int | None = None

    def add(self, cells: pyarrow.ChunkedArray, first_row: int) -> None:
        """Count the cells of one block, whose first row has the number `first_row`."""
        is_number, has_comma = (
            pyarrow.compute.match_substring_regex(cells, pattern).fill_null(False).to_numpy()
            for pattern in (NUMBER_PATTERN, DECIMAL_COMMA_PATTERN)
        )
        self.values += len(cells) - cells.null_count
        self.numbers += int(is_number.sum())
        self.decimal_commas += int(has_comma.sum())
        others = cells.is_valid().to_numpy() & ~is_number
        if self.first_other is None and others.any():
            self.first_other = first_row + int(others.argmax())

    def warning(self, name: str) -> str | None:
        """Return a warning if the column is nearly numeric."""
        if self.first_other is not None and self.numbers >= MIN_NUMERIC_SHARE * self.values:
            return (
                f"column {name} is read as text, although {self.numbers:,} of {self.values:,} values are numbers;"
                f" the first other value is in row {self.first_other:,}"
            )
        if self.decimal_commas >= MIN_NUMERIC_SHARE * self.values:
            return f"column {name} is read as text: its numbers have decimal commas; replace them with decimal points"
        return None


def numeric_text_warnings(table: Table) -> Iterator[str]:
    """Yield a warning for each column of a CSV file that would be numeric except for a few cells."""
    names = [name for name, data_type in table.types.items() if table.stored_as_text and data_type == TEXT]
    counts = {name: _Counts() for name in names}
    rows = 0
    for block in table.blocks(names) if names else ():
        for name, cells in zip(names, block.columns, strict=True):
            counts[name].add(cells, rows + 1)
        rows += block.num_rows
    yield from (warning for name in names if (warning := counts[name].warning(name)))
