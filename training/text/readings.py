"""How the text of a column becomes values: the readings that fit all cells of a column.

A reading is the type of the values and, unless programs write them so, the format of their text and the words that mean
nothing. It is found on the whole column, recorded in the model (`settings`), and applied there cell by cell
(`nn.columns`).
"""

from dataclasses import dataclass, replace
from typing import Any, Self

import pyarrow
import pyarrow.compute as pc

from nn.number_format import NumberFormat
from training.files.table import BOOLEAN, FLOAT, INTEGER, TEXT, TIME, TIME_UTC, TRIED_VALUES, can_cast, null_words
from training.text.date_text import ISO, find_date_orders, parse_dates
from training.text.number_text import find_number_formats, parse_numbers

NULL = pyarrow.null()
# The type of a column is the first of these to which all its values can be cast, if there is one.
PROGRAM_TYPES = (INTEGER, FLOAT, BOOLEAN, TIME, TIME_UTC)
# What programs write where a number or a date is missing, in lower case.
WORDS_FOR_NOTHING = (
    "none n/a #n/a #na <na> <n/a> na n.a. n.a n/d n.d. n.d nan -nan null (null) nil nat \\n - -- --- . .. ... * ?"
    " missing (missing) unknown undefined blank (blank) #div/0! #value! #ref! #name? #null! #num! 1.#ind -1.#ind"
    " 1.#qnan"
)
WORDS_FOR_BOOLEANS = "^(?i:true|false)$"
LEADING_ZEROS = "^0[0-9]"
CODE = "^[0-9]{2,}E[0-9]+$"  # no program writes the number 120 as 12E1
GROUPED_BY_POINTS = r"^[-+]?(?:[1-9][0-9]{0,2}(?:\.[0-9]{3})+|[0-9]{1,3})$"
COMPACT_DATE = "^(?:19|20)[0-9]{6}$"
MAX_DISTINCT_CODES = 0.5  # of the rows: with more distinct values, codes would be an identifier


@dataclass(frozen=True)
class TextReading:
    """The type of the values, the format of their text unless programs write them so, and the words for nothing."""

    type: pyarrow.DataType = TEXT
    number: NumberFormat | None = None
    order: str = ISO
    nothing: tuple[str, ...] = ()
    recorded: bool = False  # also of plain numbers: in a file with types, text is not read as a number otherwise

    @property
    def decimal(self) -> str:
        """The decimal separator of numbers."""
        return self.number.decimal if self.number else "."

    @property
    def shows_decimal(self) -> bool:
        """Whether the numbers show which separator is the decimal one."""
        return self.type == FLOAT if self.number is None else "," in (self.decimal, self.number.thousands)

    @property
    def settings(self) -> dict[str, Any]:
        """The settings by which a column of a model records this reading."""
        words: dict[str, Any] = {"nothing": self.nothing} if self.nothing else {}
        if self.type in (TIME, TIME_UTC):
            return words | ({"order": self.order} if self.order else {})
        number = self.number or (NumberFormat() if words or self.recorded else None)
        if number is None or self.type not in (INTEGER, FLOAT):
            return {}
        return words | {"decimal": number.decimal, "thousands": number.thousands, "unit": number.unit}

    @classmethod
    def of_numbers(cls, settings: dict[str, Any]) -> Self:
        """Return the reading of numbers with these `settings`."""
        number = NumberFormat(**{key: settings[key] for key in ("decimal", "thousands", "unit") if key in settings})
        return cls(FLOAT, number, nothing=tuple(settings.get("nothing", ())))

    def read(self, cells: pyarrow.ChunkedArray) -> pyarrow.ChunkedArray:
        """Return text cells, which this reading fits, as values of its type."""
        if self.type == NULL:
            return pyarrow.chunked_array([pyarrow.nulls(len(cells))])
        cells = null_words(cells, self.nothing)
        if self.number:
            return parse_numbers(cells, self.number)[0]
        if self.type == TIME:
            return parse_dates(cells, self.order)[0]
        return cells.cast(self.type)


def find_readings(cells: pyarrow.ChunkedArray, only: str = "") -> list[TextReading]:
    """Return the readings that fit all text cells; several where separators or dates may mean two things.

    If there is none, it is text; if `only` is "numbers" or "dates", the list is empty then.
    """
    values = cells.drop_null()
    if not len(values):
        return [TextReading(NULL)]
    if readings := _find(values, only, PROGRAM_TYPES, is_text=False):
        return readings
    words = words_for_nothing(values)
    rest = null_words(values, words).drop_null()
    if not len(rest):
        return [] if only else [TextReading()]
    readings = _find(rest, only, PROGRAM_TYPES if words else (), is_text=True)
    accept_words = [replace(reading, nothing=words) for reading in readings if reading.type not in (TEXT, BOOLEAN)]
    return accept_words or ([] if only else [TextReading()])


def words_for_nothing(values: pyarrow.ChunkedArray) -> tuple[str, ...]:
    """Return the words among text cells that mean a missing value, if the other cells are numbers or dates."""
    is_word = pc.is_in(pc.utf8_lower(values), pyarrow.array(WORDS_FOR_NOTHING.split(), values.type))
    return tuple(sorted(pc.unique(values.filter(is_word)).to_pylist()))


def _find(
    values: pyarrow.ChunkedArray, only: str, types: tuple[pyarrow.DataType, ...], *, is_text: bool
) -> list[TextReading]:
    """Return the readings of cells that programs wrote as one of the types and, if `is_text`, that people wrote."""
    readings = [] if only == "dates" else _find_program_readings(values, types, is_number=only == "numbers")
    if is_text and only != "dates":
        readings = readings or [TextReading(FLOAT, number) for number in find_number_formats(values)]
    if (is_text or only == "dates") and only != "numbers":
        readings = readings or [TextReading(TIME, order=order) for order in find_date_orders(values)]
    return readings


def _find_program_readings(
    values: pyarrow.ChunkedArray, types: tuple[pyarrow.DataType, ...], *, is_number: bool
) -> list[TextReading]:
    """Return the readings of values as programs write them; codes that look like numbers are text, unless `is_number`.

    A whole number may be a date, and a point may separate thousands.
    """
    first = values.slice(0, TRIED_VALUES)
    data_type = next((kind for kind in types if can_cast(first, kind) and can_cast(values, kind)), None)
    if data_type == INTEGER:
        return _find_whole_numbers(values, is_number=is_number)
    if data_type == FLOAT:
        return _find_numbers(values, is_number=is_number)
    if data_type is None or is_number:
        return []
    is_mixed = data_type == BOOLEAN and not all_match(values, WORDS_FOR_BOOLEANS)
    return [TextReading() if is_mixed else TextReading(data_type)]


def _find_whole_numbers(values: pyarrow.ChunkedArray, *, is_number: bool) -> list[TextReading]:
    if _contain(values, "x"):  # Arrow reads 0x1f as 31
        return [] if is_number else [TextReading()]
    if is_number:
        return [TextReading(INTEGER)]
    if has_leading_zeros(values) and len(pc.unique(values)) <= MAX_DISTINCT_CODES * len(values):
        return [TextReading()]
    is_date = all_match(values, COMPACT_DATE) and find_date_orders(values) == [ISO]
    return [TextReading(TIME if is_date else INTEGER)]


def _find_numbers(values: pyarrow.ChunkedArray, *, is_number: bool) -> list[TextReading]:
    if _contain(values, "nan"):  # which Arrow reads as a number
        return []
    if not is_number and _any_match(values.filter(pc.match_substring(values, "E")), CODE):
        return [TextReading()]
    first = values.slice(0, TRIED_VALUES)
    may_have_groups = all_match(first, GROUPED_BY_POINTS) and all_match(values, GROUPED_BY_POINTS)
    grouped = [TextReading(FLOAT, NumberFormat(",", "."))] if may_have_groups and _contain(values, ".") else []
    return [TextReading(FLOAT), *grouped]


def _contain(values: pyarrow.ChunkedArray, part: str) -> bool:
    """Return whether a text cell contains this part, in capitals or not."""
    return bool(pc.any(pc.match_substring(values, part, ignore_case=True)).as_py())


def has_leading_zeros(values: pyarrow.ChunkedArray) -> bool:
    """Return whether one of several whole numbers in text has leading zeros."""
    return _any_match(values.filter(pc.starts_with(values, "0")), LEADING_ZEROS)


def _any_match(values: pyarrow.ChunkedArray, pattern: str) -> bool:
    return bool(pc.any(pc.match_substring_regex(values, pattern)).as_py())


def all_match(values: pyarrow.ChunkedArray, pattern: str) -> bool:
    """Return whether all text cells match a regular expression."""
    return bool(pc.all(pc.match_substring_regex(values, pattern)).as_py())
