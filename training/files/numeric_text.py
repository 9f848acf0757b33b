"""Columns of text that were meant to be numbers: all but a few cells are, or have decimal commas."""

from collections.abc import Iterator

import numpy as np
import pyarrow
import pyarrow.compute

from training.files.read import TEXT, Table

NEARLY_ALL = 0.95
NUMBER = r"^[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?$"
DECIMAL_COMMA = r"^[-+]?[0-9]+(,[0-9]+)?$"


def nearly_numbers(table: Table) -> Iterator[str]:
    """Yield a sentence for each column of a written table that a few cells keep from being numbers."""
    names = [name for name, kind in table.types.items() if table.written and kind == TEXT]
    if not names:
        return
    numbers, commas, values = (dict.fromkeys(names, 0) for _ in range(3))
    first: dict[str, int] = {}
    rows = 0
    for block in table.blocks(names):
        for name, cells in zip(names, block.columns, strict=True):
            fits = _fitting(cells, NUMBER)
            numbers[name] += int(np.count_nonzero(fits))
            commas[name] += int(np.count_nonzero(_fitting(cells, DECIMAL_COMMA)))
            others = cells.is_valid().to_numpy() & ~fits
            values[name] += len(cells) - cells.null_count
            if name not in first and others.any():
                first[name] = rows + int(others.argmax()) + 1
        rows += block.num_rows
    for name in names:
        if name in first and numbers[name] >= NEARLY_ALL * values[name]:
            yield (
                f"column {name} is text, but {numbers[name]:,} of {values[name]:,} values are numbers:"
                f" the first other value is in row {first[name]:,}"
            )
        elif commas[name] >= NEARLY_ALL * values[name]:
            yield f"column {name} is text, but its values are numbers with decimal commas: write them with points"


def _fitting(cells: pyarrow.ChunkedArray, pattern: str) -> np.ndarray:
    matches = pyarrow.compute.match_substring_regex(cells, pattern)
    return np.asarray(matches.fill_null(False).to_numpy())
