"""The codes of text cells, by whole columns, as a model reads them cell by cell (`nn.columns`).

Numbers and dates are read as arrays, other kinds once per distinct text.
"""

import numpy as np
import pyarrow
from numpy.typing import NDArray

from nn import Date, Number
from nn.columns import Column
from nn.numbers import read_numbers
from training.data.columns import read_seconds
from training.files.table import FLOAT, null_words, try_cast
from training.text.date_text import parse_dates
from training.text.number_text import parse_numbers


def text_codes(column: Column, cells: pyarrow.ChunkedArray) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Return the codes of text cells (B,), NaN where there is none, and which cells the column refuses."""
    cells = null_words(cells, column.nothing)
    if isinstance(column, Number):
        return _number_codes(column, cells)
    if isinstance(column, Date):
        times, wrong = parse_dates(cells, column.order)
        codes = np.full(len(cells), np.nan)
        codes[times.is_valid().to_numpy()] = read_seconds(times.drop_null())
        return codes, wrong
    encoded = cells.combine_chunks().dictionary_encode()
    codes = np.array([*(_code(column, text) for text in encoded.dictionary.to_pylist()), np.nan])
    indices = encoded.indices.fill_null(len(codes) - 1).to_numpy(zero_copy_only=False)
    return codes[indices], np.isnan(codes[indices]) & cells.is_valid().to_numpy()


def _number_codes(column: Number, cells: pyarrow.ChunkedArray) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    is_plain = column.decimal in ("", ".") and not column.thousands
    numbers = try_cast(cells, FLOAT) if is_plain else None
    if numbers is None:
        numbers, _ = parse_numbers(cells, column.text_format)
    codes = read_numbers(numbers.fill_null(np.nan).to_numpy()).astype(np.float64)
    codes[np.isinf(codes)] = np.nan
    return codes, cells.is_valid().to_numpy() & np.isnan(codes)


def _code(column: Column, text: str) -> float:
    try:
        return column.read_text(text)
    except (ValueError, OverflowError):
        return float("nan")
