"""From a table to a data set: targets, fitted columns, and the codes of the rows."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow
from numpy.typing import NDArray

from nn import Features
from nn.columns import Column
from training.config import Config
from training.data.columns import FIT_SAMPLE_ROWS, Sample, finite_numbers, fit_columns, read_seconds
from training.data.dataset import DataSet, RowIndex, Split, split_rows
from training.data.targets import check_names, find_targets
from training.errors import TrainingError
from training.files.spill import spill
from training.files.table import FLOAT, INTEGER, TEXT, TIME, TIME_UTC, Table
from training.text.typed_table import TypedTable


def load_table(table: TypedTable, config: Config, source: dict[str, Any], fold: int | None = None) -> DataSet:
    """Make a data set from a table in three passes: targets, features, codes.

    If that fails, the error has the notes on the columns.
    """
    notes = list(table.notes)
    try:
        return _load_table(table, config, source, fold, notes)
    except TrainingError as error:
        add_notes(error, notes)
        raise


def add_notes(error: TrainingError, notes: list[str]) -> None:
    """Let an error say what training had found out about the columns."""
    for note in notes:
        error.add_note(note)


def _load_table(
    table: TypedTable, config: Config, source: dict[str, Any], fold: int | None, notes: list[str]
) -> DataSet:
    target = find_target(table, config.target)
    raw, has_target = _read_targets(table, target)
    if not has_target.all():
        notes.append(f"{(~has_target).sum():,} rows dropped: the target {target} is missing")
    targets, y = find_targets(raw, config.task)
    targets = replace(targets, reading=table.readings.get(target, targets.reading))
    row_splits = split_rows(y, targets, config, own_test=config.test_data is not None, fold=fold)
    names = [name for name in table.types if name != target]
    if not names:
        raise TrainingError(f"{table.path} has no column besides the target {target}")
    check_names(names, f"{table.path}: the name of a column")
    sample = _sample(table, names, np.flatnonzero(has_target)[row_splits[0]])
    features = fit_columns(sample, config, table.choices, table.readings, notes)
    codes = _table_codes(table, features, has_target)
    numbers = np.flatnonzero(has_target) + table.first_row
    train, validation, test = (_complete_rows(Split(features, codes, y, rows, numbers), notes) for rows in row_splits)
    if len(row_splits[2]) and not len(test):
        lacking = "every test row lacks a value that all training rows have"
        raise TrainingError(f"{table.path}: {lacking}; try another --seed to hold out other rows")
    return DataSet(train, validation, test, targets, source, notes, first_row=table.first_row)


def find_target(table: Table, target: str | None) -> str:
    """Return the target. Raises TrainingError unless the table has this column."""
    columns = ", ".join(table.types)
    if target is None:
        raise TrainingError(f"{table.path}: set --target to the column to predict; the columns are {columns}")
    if target not in table.types:
        raise TrainingError(f"{table.path} has no column {target!r}; the columns are {columns}")
    return target


def _read_targets(table: Table, target: str) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    """Return the targets that are not missing, and a mask of the rows that have one."""
    if table.types[target] in (TIME, TIME_UTC):
        raise TrainingError(
            f"{table.path}: the target {target} contains dates; only classes and numbers can be predicted"
        )
    column = table.whole_column(target)
    has_target = column.is_valid().to_numpy()
    if not has_target.any():
        raise TrainingError(f"{table.path}: all values of the target {target} are missing")
    values = column.drop_null()
    return np.array(values.to_pylist()) if table.types[target] == TEXT else values.to_numpy(), has_target


def _sample(table: Table, names: list[str], rows: RowIndex) -> Sample:
    """Return a sample of the training rows, and what is known of all rows."""
    step = -(-len(rows) // FIT_SAMPLE_ROWS)
    sample, blocks, first = rows[::step], [], 0
    nullable, flags = set[str](), {name for name in names if table.types[name] in (INTEGER, FLOAT)}
    for block in table.blocks(names):
        bounds = [first, first + block.num_rows]
        in_block, sampled = (index[slice(*np.searchsorted(index, bounds))] for index in (rows, sample))
        columns = zip(names, block.take(in_block - first).columns, strict=True)
        nullable |= {name for name, column in columns if column.null_count}
        flags -= {name for name in flags if not _is_zero_or_one(block.column(name))}
        blocks.append(block.take(sampled - first))
        first += block.num_rows
    return Sample(pyarrow.concat_tables(blocks), nullable, flags)


def _is_zero_or_one(column: pyarrow.ChunkedArray) -> bool:
    """Return whether all numbers of a column are 0 or 1."""
    values = column.drop_null()
    bounds = pyarrow.compute.min_max(values).as_py()
    if len(values) and (bounds["min"] < 0 or bounds["max"] > 1):
        return False
    flags = pyarrow.array([0, 1], values.type)
    return bool(pyarrow.compute.all(pyarrow.compute.is_in(values, flags), min_count=0).as_py())


def _table_codes(table: Table, features: Features, has_target: NDArray[np.bool_]) -> NDArray[Any]:
    """Encode the rows that have a target as codes (N, K)."""
    dtype = np.float32 if features.only_numbers else np.float64

    def blocks() -> Iterator[NDArray[Any]]:
        first = 0
        for block in table.blocks([column.name for column in features.columns]):
            kept = block.filter(pyarrow.array(has_target[first : first + block.num_rows]))
            pairs = zip(features.columns, kept.columns, strict=True)
            yield np.stack([encode_column(*pair) for pair in pairs], axis=1)
            first += block.num_rows

    return spill(blocks(), (int(has_target.sum()), len(features)), dtype)


def encode_column(column: Column, cells: pyarrow.ChunkedArray) -> NDArray[np.float64]:
    """Encode a typed column as codes (B,).

    Numbers and dates are converted as whole arrays. Categories and booleans are encoded once per distinct value, by the
    method that the service calls.
    """
    codes = np.full(len(cells), np.nan)
    present = cells.is_valid().to_numpy()
    values = cells.drop_null()
    if cells.type in (TIME, TIME_UTC):
        codes[present] = read_seconds(values)
    elif column.kind == "number":
        codes[present] = finite_numbers(column.name, values.to_numpy())
    elif len(values):
        encoded = values.combine_chunks().dictionary_encode()
        distinct = column.read(encoded.dictionary.to_pylist())
        if distinct is None:
            raise TrainingError(f"column {column.name} contains an invalid value; expected {column.expected}")
        codes[present] = distinct[encoded.indices.to_numpy()]
    return codes


def _complete_rows(split: Split, notes: list[str]) -> Split:
    """Drop rows that lack a value which all training rows have: the service rejects such rows."""
    complete = split.complete
    if complete.all():
        return split
    notes.append(f"{(~complete).sum():,} rows dropped: they lack values that all training rows have")
    return split.choose(split.rows[complete])
