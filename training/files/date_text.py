"""Dates in text, by the whole column: finds the orders of day, month and year that fit all cells, and reads cells."""

from collections.abc import Callable
from functools import partial

import numpy as np
import pyarrow
import pyarrow.compute as pc
from numpy.typing import NDArray

from nn.date_format import read_date, read_iso_date
from training.files.table import TIME, TRIED_VALUES

ISO = ""  # the order of ISO 8601, which all models read


def parse_dates(cells: pyarrow.ChunkedArray, order: str) -> tuple[pyarrow.ChunkedArray, NDArray[np.bool_]]:
    """Return the points in time that text cells mean (null where there is none), and which cells are no dates."""
    encoded = cells.combine_chunks().dictionary_encode()
    read = _reader(order)
    times = [_microseconds(read, text) for text in encoded.dictionary.to_pylist()]
    parsed = pyarrow.array(times, pyarrow.int64()).cast(TIME).take(encoded.indices)
    return pyarrow.chunked_array([parsed]), cells.is_valid().to_numpy() & ~parsed.is_valid().to_numpy(False)


def find_date_orders(cells: pyarrow.ChunkedArray) -> list[str]:
    """Return the orders in which all cells are dates: one, or day first and month first where both are possible."""
    texts = pc.unique(cells.slice(0, TRIED_VALUES)).to_pylist()
    orders = [order for order in (ISO, "ymd", "time", "dmy", "mdy") if _all_dates(texts, order)]
    if not orders:
        return []
    texts = pc.unique(cells).to_pylist()
    for order in (ISO, "ymd", "time"):
        if order in orders and _all_dates(texts, order):
            return [order]
    orders = [order for order in ("dmy", "mdy") if order in orders and _all_dates(texts, order)]
    # Nobody writes the month first with points.
    return ["dmy"] if "dmy" in orders and all("/" not in text and "-" not in text for text in texts) else orders


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
