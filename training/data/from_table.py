"""From a table to a data set: targets, fitted columns, and the codes of the rows."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow
from numpy.typing import NDArray

from nn import Features
from nn.columns import Column
from training.config import Config
from training.data.columns import FIT_SAMPLE_ROWS, finite_numbers, fit_columns, read_seconds
from training.data.dataset import DataSet, RowIndex, Split, split_rows
from training.data.targets import check_names, find_targets
from training.errors import TrainingError
from training.files.numeric_text import numeric_text_warnings
from training.files.spill import spill
from training.files.table import TEXT, TIME, TIME_UTC, Table


def load_table(table: Table, config: Config, source: dict[str, Any], fold: int | None = None) -> DataSet:
    """Make a data set from a table in four passes: targets, notes, features, codes."""
    if not table.rows:
        raise TrainingError(f"{table.path} has no rows")
    raw, has_target = _read_targets(table, config.target)
    notes = [] if has_target.all() else [f"{(~has_target).sum():,} rows dropped: the target {config.target} is missing"]
    notes += numeric_text_warnings(table)
    targets, y = find_targets(raw, config.task)
    row_splits = split_rows(y, targets, config, own_test=config.test_data is not None, fold=fold)
    names = [name for name in table.types if name != config.target]
    if not names:
        raise TrainingError(f"{table.path} has no column besides the target {config.target}")
    check_names(names, f"{table.path}: the name of a column")
    features, column_notes = fit_columns(
        *_sample(table, names, np.flatnonzero(has_target)[row_splits[0]]), config.bins, config.categories or ()
    )
    codes = _table_codes(table, features, has_target)
    numbers = np.flatnonzero(has_target) + table.first_row
    train, validation, test = (_complete_rows(Split(features, codes, y, rows, numbers), notes) for rows in row_splits)
    if len(row_splits[2]) and not len(test):
        lacking = "every test row lacks a value that all training rows have"
        raise TrainingError(f"{table.path}: {lacking}; try another --seed to hold out other rows")
    all_notes = notes + column_notes
    return DataSet(train, validation, test, targets, source, all_notes, first_row=table.first_row)


def _read_targets(table: Table, target: str | None) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    """Return the targets that are not missing, and a mask of the rows that have one."""
    columns = ", ".join(table.types)
    if target is None:
        raise TrainingError(f"{table.path}: set --target to the column to predict; the columns are {columns}")
    if target not in table.types:
        raise TrainingError(f"{table.path} has no column {target!r}; the columns are {columns}")
    if table.types[target] in (TIME, TIME_UTC):
        raise TrainingError(
            f"{table.path}: the target {target} contains dates; only classes and numbers can be predicted"
        )
    column = pyarrow.concat_tables(table.blocks([target])).column(0)
    has_target = column.is_valid().to_numpy()
    if not has_target.any():
        raise TrainingError(f"{table.path}: all values of the target {target} are missing")
    values = column.drop_null()
    return np.array(values.to_pylist()) if table.types[target] == TEXT else values.to_numpy(), has_target


def _sample(table: Table, names: list[str], rows: RowIndex) -> tuple[pyarrow.Table, set[str]]:
    """Return a sample of the training rows, and the names of the columns with missing values in any training row."""
    step = -(-len(rows) // FIT_SAMPLE_ROWS)
    sample, blocks, first = rows[::step], [], 0
    nullable: set[str] = set()
    for block in table.blocks(names):
        bounds = [first, first + block.num_rows]
        in_block, sampled = (index[slice(*np.searchsorted(index, bounds))] for index in (rows, sample))
        columns = zip(names, block.take(in_block - first).columns, strict=True)
        nullable |= {name for name, column in columns if column.null_count}
        blocks.append(block.take(sampled - first))
        first += block.num_rows
    return pyarrow.concat_tables(blocks), nullable


def _table_codes(table: Table, features: Features, has_target: NDArray[np.bool_]) -> NDArray[Any]:
    """Encode the rows that have a target as codes (N, K)."""
    dtype = np.float32 if features.only_numbers else np.float64

    def blocks() -> Iterator[NDArray[Any]]:
        first = 0
        for block in table.blocks([column.name for column in features.columns]):
            kept = block.filter(pyarrow.array(has_target[first : first + block.num_rows]))
            yield encode_columns(features, kept.columns)
            first += block.num_rows

    return spill(blocks(), (int(has_target.sum()), len(features)), dtype)


def encode_columns(features: Features, columns: list[pyarrow.ChunkedArray]) -> NDArray[np.float64]:
    """Encode typed columns as codes (B, K).

    Numbers and dates are converted as whole arrays. Categories and booleans are encoded once per distinct value, by the
    method that the service calls.
    """
    return np.stack([_column_codes(*pair) for pair in zip(features.columns, columns, strict=True)], axis=1)


def _column_codes(column: Column, cells: pyarrow.ChunkedArray) -> NDArray[np.float64]:
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
