"""Finds the reading of each text column of a table, and stores the columns as the values that the text means.

A file is parsed once: its text is kept in a temporary file, column by column, while the readings are found. Where the
text of a column may mean two things, the other columns of the file decide, unless the user does.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from shlex import quote

import pyarrow
import pyarrow.compute as pc

from training.errors import TrainingError
from training.files.spill import spill_table
from training.files.table import BOOLEAN, FLOAT, INTEGER, TEXT, TIME, TIME_UTC, Table, can_cast, strip_text
from training.text.choices import Choices
from training.text.reading_notes import first_other, reading_notes
from training.text.readings import NULL, PROGRAM_TYPES, TextReading, find_readings

MAX_UNIT_CLASSES = 20  # more amounts of a unit are the target of a regression


@dataclass(frozen=True)
class TypedTable(Table):
    """A table of values: the readings of the columns that were text, the user's choices, and notes on the guesses."""

    readings: dict[str, TextReading] = field(default_factory=dict)
    choices: Choices = Choices()
    notes: list[str] = field(default_factory=list)


def read_types(table: Table, choices: Choices, target: str) -> TypedTable:
    """Find the reading of each text column, and return the table of values. Raises TrainingError."""
    choices.check(table.types, target)
    names = [name for name in table.types if name not in choices.drop]
    _check_table(table, names)
    text = _parse(table, names) if table.stored_as_text else table
    clean = _as_parsed if table.stored_as_text else strip_text
    cells = {name: clean(text.whole_column(name)) for name in names if _is_text(text, name)}
    possible = {name: _find(cells[name], name, choices, target, table.first_row) for name in cells}
    readings = _choose(possible, choices)
    if not table.stored_as_text:
        readings = {name: _record(reading) for name, reading in readings.items()}
    notes = [f"column {name} dropped: --drop names it" for name in choices.drop]
    unnamed = [name for name in table.index if name not in (*choices.named, target)]
    for name in (name for name in unnamed if not table.stored_as_text or _is_index(cells[name])):
        option = "dates" if text.types[name] in (TIME, TIME_UTC) else "numbers"
        notes.append(f"column {name} dropped: it is the index of a data frame; --{option} {quote(name)} keeps it")
        choices = replace(choices, drop=(*choices.drop, name))
    types = {name: readings[name].type if name in readings else text.types[name] for name in names}
    types = {name: data_type for name, data_type in types.items() if name not in choices.drop}
    _check_kinds(types, choices)
    for name in (name for name in types if name in readings):
        notes += reading_notes(name, cells[name], readings[name], possible[name], choices)
    typed = TypedTable(table.path, types, text.rows, text.stored_blocks, first_row=table.first_row)
    typed = replace(typed, readings=readings, choices=choices, notes=notes)
    if all(reading == TextReading() for reading in readings.values()):
        return typed
    stored = spill_table(_read_blocks(text, typed, clean), pyarrow.schema(types.items()))
    return replace(typed, rows=stored.num_rows, stored_blocks=partial(_blocks, stored))


def _check_table(table: Table, names: list[str]) -> None:
    """Raise TrainingError unless a table has rows, and these columns types that a model can have."""
    if table.rows == 0:
        raise TrainingError(f"{table.path} has no rows")
    for name in names:
        if table.types[name] not in (TEXT, *PROGRAM_TYPES, NULL):
            problem = f"{table.path}: column {name} contains {table.types[name]} values"
            raise TrainingError(f"{problem}; expected numbers, text, booleans or dates, or --drop {quote(name)}")


def _record(reading: TextReading) -> TextReading:
    """Return the reading of text in a file that has types: recorded for numbers, and none for true and false."""
    return TextReading() if reading.type == BOOLEAN else replace(reading, recorded=reading.type in (INTEGER, FLOAT))


def _as_parsed(cells: pyarrow.ChunkedArray) -> pyarrow.ChunkedArray:
    """Return the text cells of a parsed file, which are stripped already."""
    return cells


def _is_text(table: Table, name: str) -> bool:
    return table.types[name] == TEXT and name not in table.categories


def _is_index(cells: pyarrow.ChunkedArray) -> bool:
    """Return whether text cells are whole numbers, all different."""
    return can_cast(cells, INTEGER) and len(pc.unique(cells)) == len(cells) and not cells.null_count


def _check_kinds(types: dict[str, pyarrow.DataType], choices: Choices) -> None:
    """Raise TrainingError if a column that is no text in its file is not of the kind that the user says."""
    for name, data_type in types.items():
        if name in choices.numbers and data_type not in (INTEGER, FLOAT, NULL):
            raise TrainingError(f"numbers: column {name} contains {data_type} values")
        if name in choices.dates and data_type not in (TIME, TIME_UTC, NULL):
            raise TrainingError(f"dates: column {name} contains {data_type} values")
        if name in choices.categories and data_type in (TIME, TIME_UTC):
            raise TrainingError(f"categories: column {name} contains dates, which can't be categories")


def _parse(table: Table, names: list[str]) -> Table:
    """Return a table of the text of these columns, which is parsed now."""
    text = spill_table(table.blocks(names), pyarrow.schema([(name, TEXT) for name in names]))
    return replace(table, rows=text.num_rows, stored_blocks=partial(_blocks, text), stored_as_text=False)


def _blocks(table: pyarrow.Table, names: list[str]) -> Iterator[pyarrow.Table]:
    return (pyarrow.Table.from_batches([batch]) for batch in table.select(names).to_batches())


def _read_blocks(
    text: Table, typed: TypedTable, clean: Callable[[pyarrow.ChunkedArray], pyarrow.ChunkedArray]
) -> Iterator[pyarrow.Table]:
    names = list(typed.types)
    for block in text.blocks(names):
        columns = (block.column(name) for name in names)
        readings = typed.readings
        yield pyarrow.table(
            [
                cells if readings.get(name, TextReading()) == TextReading() else readings[name].read(clean(cells))
                for name, cells in zip(names, columns, strict=True)
            ],
            names=names,
        )


def _find(cells: pyarrow.ChunkedArray, name: str, choices: Choices, target: str, first_row: int) -> list[TextReading]:
    """Return the possible readings of a column, of the kind that the user has chosen. Raises TrainingError."""
    if name == target and name not in choices.named:
        return _find_target(cells)
    if name in choices.categories:
        # Numbers as programs write them are compared as numbers, other text as it is.
        first = find_readings(cells)[0]
        return [first if first in map(TextReading, (INTEGER, FLOAT, BOOLEAN)) else TextReading()]
    only = "numbers" if name in choices.numbers else "dates" if name in choices.dates else ""
    readings = find_readings(cells, only)
    if not readings:
        raise TrainingError(f"{only}: column {name} contains other text, {first_other(cells, only, first_row)}")
    return readings


def _find_target(cells: pyarrow.ChunkedArray) -> list[TextReading]:
    """Return the possible readings of the target: no dates but plain ones, and a few amounts of a unit are classes."""
    possible = find_readings(cells)
    if possible[0].type == TIME and not can_cast(cells, TIME):
        return [TextReading(INTEGER if can_cast(cells, INTEGER) else TEXT)]
    has_unit = possible[0].number is not None and possible[0].number.unit
    return [TextReading()] if has_unit and len(pc.unique(cells.drop_null())) <= MAX_UNIT_CLASSES else possible


def _choose(possible: dict[str, list[TextReading]], choices: Choices) -> dict[str, TextReading]:
    """Choose one reading of each column: as the user says, else as all columns say that can be read in one way only."""
    certain = [readings[0] for readings in possible.values() if len(readings) == 1]
    decimals = {reading.decimal for reading in certain if reading.shows_decimal}
    orders = {reading.order for reading in certain} & {"dmy", "mdy"}
    decimal = choices.decimal or (decimals.pop() if len(decimals) == 1 else "")
    order = orders.pop() if len(orders) == 1 else "mdy"
    if choices.dayfirst is not None:
        order = "dmy" if choices.dayfirst else "mdy"
    return {
        name: next(
            (reading for reading in readings if (reading.order or reading.decimal) in (order, decimal)), readings[0]
        )
        for name, readings in possible.items()
    }
