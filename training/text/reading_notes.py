"""What training says about the columns of a table: a sentence for each guess, with the option that overrules it."""

from collections.abc import Iterator
from shlex import quote
from typing import Any

import numpy as np
import pyarrow
import pyarrow.compute as pc
from numpy.typing import NDArray

from nn.number_format import NumberFormat
from training.files.table import BOOLEAN, FLOAT, INTEGER, TEXT, TIME, TRIED_VALUES, can_cast, null_words
from training.text.choices import Choices
from training.text.date_text import parse_dates
from training.text.number_text import parse_numbers
from training.text.readings import NULL, TextReading, has_leading_zeros, words_for_nothing

MIN_KIND_SHARE = 0.95  # of the values are numbers or dates: the others are probably mistakes


def reading_notes(
    name: str, cells: pyarrow.ChunkedArray, reading: TextReading, possible: list[TextReading], choices: Choices
) -> Iterator[str]:
    """Yield notes on the reading of a column of text cells, which was chosen from the possible ones."""
    values = cells.drop_null()
    if reading.type == TEXT and name not in choices.categories:
        yield from _text_notes(name, values)
    if reading.type in (NULL, TEXT, BOOLEAN):
        return
    if reading.nothing:
        words, count, values = ", ".join(reading.nothing), len(values), null_words(values, reading.nothing).drop_null()
        yield (
            f"column {name}: {words} {'mean' if len(reading.nothing) > 1 else 'means'} that a value is missing"
            f" ({count - len(values):,} cells); --categories {quote(name)} makes it a category"
        )
    others = [other for other in possible if (other.number, other.order) != (reading.number, reading.order)]
    decided = choices.decimal if reading.type == FLOAT else choices.dayfirst
    if others and decided is None:
        yield f"column {name} is read {_what(reading)}: {_ambiguous(values, reading, others[0])}"
    elif reading.type == INTEGER and has_leading_zeros(values) and name not in choices.numbers:
        example = values.filter(pc.match_substring_regex(values, "^0"))[0]
        yield (
            f"column {name} is read as numbers, {example} as {int(example.as_py())}: as text nearly every value is"
            f" different; --categories {quote(name)} makes it a category"
        )
    elif reading.number or reading.order or reading.recorded or (reading.type == TIME and can_cast(values, INTEGER)):
        example = values.slice(0, 1)
        instead = (
            f"--numbers {quote(name)} reads numbers"
            if can_cast(values, INTEGER)
            else f"--categories {quote(name)} reads text"
        )
        yield f"column {name} is read {_what(reading)}: {example[0]} as {_shown(reading, example)}; {instead}"


def first_other(cells: pyarrow.ChunkedArray, kind: str, first_row: int) -> str:
    """Return the first text cell that is no number, or no date, with its row."""
    values = cells.drop_null()
    words = words_for_nothing(values)
    is_word = pc.is_in(cells, pyarrow.array(words, cells.type)).to_numpy()
    other = np.flatnonzero((_no_numbers(cells) if kind == "numbers" else _no_dates(cells)) & ~is_word)
    row = int(other[0]) if len(other) else int(cells.is_valid().to_numpy().argmax())
    return f"such as {cells[row].as_py()!r} in row {first_row + row:,}"


def _text_notes(name: str, values: pyarrow.ChunkedArray) -> Iterator[str]:
    if can_cast(values, FLOAT):
        example = values.filter(pc.match_substring_regex(values, "^[-+]?0[0-9]|E"))[0]
        instead = f"--numbers {quote(name)} reads numbers"
        yield f"column {name} is read as text, because of codes such as {example}; {instead}"
        return
    for kind, find_others in (("numbers", _no_numbers), ("dates", _no_dates)):
        tried = find_others(values.slice(0, TRIED_VALUES))
        if len(tried) - tried.sum() >= MIN_KIND_SHARE * len(tried):
            others = find_others(values)
            if 0 < others.sum() <= (1 - MIN_KIND_SHARE) * len(values):
                yield (
                    f"column {name} is read as text, although {len(values) - others.sum():,} of {len(values):,} values"
                    f" are {kind}, because of {values[int(others.argmax())].as_py()!r}: correct it, or leave the cell"
                    " empty"
                )


def _no_numbers(cells: pyarrow.ChunkedArray) -> NDArray[Any]:
    formats = (NumberFormat("."), NumberFormat(","), NumberFormat(".", ","), NumberFormat(",", "."))
    return np.min([parse_numbers(cells, number)[1] for number in formats], axis=0)  # type: ignore[no-any-return]


def _no_dates(cells: pyarrow.ChunkedArray) -> NDArray[Any]:
    return np.min([parse_dates(cells, order)[1] for order in ("dmy", "mdy", "time")], axis=0)  # type: ignore[no-any-return]


def _what(reading: TextReading) -> str:
    if reading.type in (INTEGER, FLOAT):
        number = reading.number or NumberFormat()
        unit = f" of the unit {number.unit}" if number.unit else ""
        return f"as numbers{unit} with a decimal {'comma' if number.decimal == ',' else 'point'}"
    kinds = {"dmy": "as dates with the day first", "mdy": "as dates with the month first", "time": "as times of day"}
    return kinds.get(reading.order, "as dates")


def _ambiguous(values: pyarrow.ChunkedArray, reading: TextReading, other: TextReading) -> str:
    """Name a value that two readings read differently, both values, and the option that decides."""
    different = pc.not_equal(reading.read(values), other.read(values)).to_numpy()
    example = values.slice(int(different.argmax()), 1)
    option = (
        f"--decimal '{other.decimal}'" if reading.type == FLOAT else f"--dayfirst {str(other.order == 'dmy').lower()}"
    )
    return f"{example[0]} as {_shown(reading, example)}; {option} reads it as {_shown(other, example)}"


def _shown(reading: TextReading, example: pyarrow.ChunkedArray) -> str:
    """Return the value of a column of one cell."""
    value: Any = reading.read(example)[0].as_py()
    if isinstance(value, int | float):
        return f"{value:.15g}"
    return (
        str(value.isoformat()).removesuffix("T00:00:00") if reading.order != "time" else str(value.time().isoformat())
    )
