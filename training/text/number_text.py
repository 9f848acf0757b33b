"""Numbers in text, by the whole column: finds the formats that fit all cells, and reads cells in a format.

Cells are reduced to shapes: each digit becomes 9, but for a leading zero. A column of a million numbers has a few dozen
shapes, and whether a format fits depends on the shape alone.
"""

import re
import unicodedata
from collections.abc import Iterator

import numpy as np
import pyarrow
import pyarrow.compute as pc
from numpy.typing import NDArray

from nn.number_format import MINUS, SPACES, THOUSANDS, NumberFormat, is_unit
from training.files.table import FLOAT, TRIED_VALUES

MAX_SHAPES = 5_000
CURRENCIES = (
    "AED ARS AUD BRL CAD CHF CLP CNY COP CZK DKK EUR GBP HKD HUF IDR ILS INR JPY KRW MXN MYR NOK NZD PHP PLN RON RUB"
    " SAR SEK SGD THB TRY TWD UAH USD VND ZAR A$ C$ R$ US$ Fr kr Kč zł"
)
NUMERAL = re.compile(rf"([.,]?[09](?:[09.,'\N{{RIGHT SINGLE QUOTATION MARK}}{SPACES}]*[09])?[.,]?(?:[eE][-+]?[09]+)?)")


def parse_numbers(cells: pyarrow.ChunkedArray, number: NumberFormat) -> tuple[pyarrow.ChunkedArray, NDArray[np.bool_]]:
    """Return the numbers that text cells mean (null where there is none), and which cells have another format."""
    fits = pc.match_substring_regex(cells, number.pattern).fill_null(False)
    text = pc.if_else(fits, cells, None)
    if number.unit:
        text = pc.replace_substring(text, number.unit, "")
    negative = pc.match_substring(text, "(")
    text = pc.replace_substring_regex(text, f"[{number.ignored}]", "")
    for written, meant in ((number.decimal, "."), (MINUS[1], MINUS[0])):
        text = text if written == meant else pc.replace_substring(text, written, meant)
    numbers = text.cast(FLOAT)
    numbers = pc.if_else(negative, pc.negate(numbers), numbers)
    return numbers, cells.is_valid().to_numpy() & ~fits.to_numpy()


def find_number_formats(cells: pyarrow.ChunkedArray) -> list[NumberFormat]:
    """Return the formats in which all cells are numbers; several where a separator may mean two things."""
    for tried in (cells.slice(0, TRIED_VALUES), cells):
        shapes = _shapes(tried)
        formats = [] if shapes is None else list(_formats(shapes))
        if not formats:
            break
    return formats


def _shapes(cells: pyarrow.ChunkedArray) -> list[str] | None:
    """Return the distinct shapes of cells, or None if there are too many."""
    text = pc.unique(cells.cast(pyarrow.large_string()))
    for pattern, replacement in ((r"^([^0-9]*)0", "\\1\0"), (r"[0-9]", "9"), ("\0", "0"), ("9{4,}", "9999")):
        text = pc.unique(pc.replace_substring_regex(text, pattern, replacement))
    return text.to_pylist() if len(text) <= MAX_SHAPES else None


def _formats(shapes: list[str]) -> Iterator[NumberFormat]:
    unit = _find_unit(shapes)
    if unit is None:
        return
    written = "".join(shapes)
    for decimal in ".,":
        fitting = []
        for thousands in ("", ",", ".", " ", "'"):
            # A separator that no cell has would mean nothing.
            unused = thousands and not any(separator in written for separator in THOUSANDS[thousands])
            if thousands == decimal or unused or (decimal == "," and "," not in written and thousands != "."):
                continue
            number = NumberFormat(decimal, thousands, unit)
            if all(re.match(number.pattern, shape) for shape in shapes):
                fitting.append(number)
        # If the numbers have no groups, any separator of groups would fit.
        yield from fitting[:1]


def _find_unit(shapes: list[str]) -> str | None:
    """Return the unit that all numbers have, or a currency that some have; None if they are not numbers of one unit."""
    units, without = set[str](), False
    for shape in shapes:
        parts = NUMERAL.split(shape)
        if len(parts) != 3:
            return None
        before, after = parts[0].strip(f'="({MINUS}+{SPACES}'), parts[2].strip(f'")({SPACES}')
        if (before and after) or (before and not _is_currency(before)):
            return None
        units.add(before or after)
        without |= not (before or after)
    units.discard("")
    if len(units) > 1:
        return None
    unit = next(iter(units), "")
    return unit if is_unit(unit) and (not without or not unit or _is_currency(unit)) else None


def _is_currency(unit: str) -> bool:
    return unit in CURRENCIES.split() or any(unicodedata.category(character) == "Sc" for character in unit)
