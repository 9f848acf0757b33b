"""Dates in text, by the whole column: finds the orders of day, month and year that fit all cells, and reads cells."""

import re
from collections.abc import Callable
from functools import partial

import numpy as np
import pyarrow
import pyarrow.compute as pc
from numpy.typing import NDArray

from nn.date_format import read_date, read_iso_date
from training.files.table import TIME, TRIED_VALUES, try_cast

ISO = ""  # the order of ISO 8601, which all models read
DAY, YEAR, TIME_OF_DAY = "([0-9]{2})", "([0-9]{4})", "[T ][0-9]{2}:[0-9]{2}(?::[0-9]{2})?"
# The parts of a date, and their order in ISO 8601.
REORDERED = {
    "ymd": ((YEAR, DAY, DAY), r"\1-\2-\3\4"),
    "dmy": ((DAY, DAY, YEAR), r"\3-\2-\1\4"),
    "mdy": ((DAY, DAY, YEAR), r"\3-\1-\2\4"),
}


def parse_dates(cells: pyarrow.ChunkedArray, order: str) -> tuple[pyarrow.ChunkedArray, NDArray[np.bool_]]:
    """Return the points in time that text cells mean (null where there is none), and which cells are no dates."""
    iso = _reorder(cells, order) if order else cells
    if iso is not None and (times := try_cast(iso, TIME)) is not None:
        return times, np.zeros(len(cells), bool)
    encoded = cells.combine_chunks().dictionary_encode()
    read = _reader(order)
    microseconds = [_microseconds(read, text) for text in encoded.dictionary.to_pylist()]
    parsed = pyarrow.array(microseconds, pyarrow.int64()).cast(TIME).take(encoded.indices)
    return pyarrow.chunked_array([parsed]), cells.is_valid().to_numpy() & ~parsed.is_valid().to_numpy(False)


def find_date_orders(cells: pyarrow.ChunkedArray) -> list[str]:
    """Return the orders in which all cells are dates: one, or day first and month first where both are possible."""
    texts = pc.unique(cells.slice(0, TRIED_VALUES)).to_pylist()
    orders = [order for order in (ISO, "ymd", "time", "dmy", "mdy") if _all_dates(texts, order)]
    if not orders:
        return []
    values = pc.unique(cells)
    fitting = (order for order in orders if not parse_dates(pyarrow.chunked_array([values]), order)[1].any())
    first = next(fitting, None)
    if first in (ISO, "ymd", "time"):
        return [first]
    orders = [order for order in (first, *fitting) if order is not None]
    # Nobody writes the month first with points.
    return ["dmy"] if "dmy" in orders and not pc.any(pc.match_substring_regex(values, "[-/]")).as_py() else orders


def _reorder(cells: pyarrow.ChunkedArray, order: str) -> pyarrow.ChunkedArray | None:
    """Return dates of two-digit days and months as ISO 8601, which is parsed much faster; None if some are not."""
    present = cells.drop_null()
    first = present[0].as_py() if len(present) else ""
    separator = next((character for character in first[2:5] if character in "-/."), None)
    if order not in REORDERED or separator is None:
        return None
    parts, iso = REORDERED[order]
    pattern = f"^{re.escape(separator).join(parts)}({TIME_OF_DAY})?$"
    if not pc.all(pc.match_substring_regex(present, pattern)).as_py():
        return None
    return pc.replace_substring_regex(cells, pattern, iso)


def _reader(order: str) -> Callable[[str], float]:
    return partial(read_date, order=order) if order else read_iso_date


def _all_dates(texts: list[str], order: str) -> bool:
    read = _reader(order)
    return all(_microseconds(read, text) is not None for text in texts)


def _microseconds(read: Callable[[str], float], text: str | None) -> int | None:
    try:
        return None if text is None else round(read(text) * 1e6)
    except (ValueError, OverflowError):
        return None
