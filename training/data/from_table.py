"""From the table of a file to a data set: targets, fitted columns, and the codes of the rows."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow

from nn import Features
from nn.columns import Column
from training.config import Config
from training.data.columns import FIT_SAMPLE_ROWS, finite_numbers, fit_columns, read_seconds
from training.data.dataset import ROWS_PER_CHUNK, DataSet, Split, split_rows
from training.data.split import RowIndex
from training.data.targets import find_targets
from training.errors import TrainingError
from training.files.numeric_text import numeric_text_warnings
from training.files.spill import spill
from training.files.table import TEXT, TIME, TIME_UTC, Table


def load_table(table: Table, config: Config, source: dict[str, Any]) -> DataSet:
    """Make a data set of a table: four passes, for the targets, the notes, the features and the codes."""
    if not table.rows:
        raise TrainingError(f"{table.path} has no rows")
    raw, has_target = _read_targets(table, config.target)
    notes = [] if has_target.all() else [f"{(~has_target).sum():,} rows have no {config.target} and are left out"]
    notes += numeric_text_warnings(table)
    targets = find_targets(raw, config.task)
    y = targets.encode(raw)
    row_splits = split_rows(y, targets, config, test=True)
    file_rows = np.flatnonzero(has_target)
    names = [name for name in table.types if name != config.target]
    if not names:
        raise TrainingError(f"{table.path} has no column beside the target {config.target}")
    sample, missing = _sample(table, names, file_rows[row_splits[0]])
    fitted = fit_columns(sample, missing, config.bins)
    codes = _table_codes(table, fitted.features, has_target)
    train, validation, test = (
        Split(fitted.features, codes, y, _complete_rows(fitted.features, codes, rows, notes)) for rows in row_splits
    )
    return DataSet(train, validation, test, targets, source, notes + fitted.notes)


def _read_targets(table: Table, target: str | None) -> tuple[npt.NDArray[Any], npt.NDArray[np.bool_]]:
    """Return the targets that are not missing, and a mask of the rows of the file that have one."""
    columns = ", ".join(table.types)
    if target is None:
        raise TrainingError(f"{table.path}: name the column to predict with --target; there are {columns}")
    if target not in table.types:
        raise TrainingError(f"{table.path} has no column {target!r}; there are {columns}")
    if table.types[target] in (TIME, TIME_UTC):
        raise TrainingError(f"{table.path}: the target {target} holds dates, which can't be predicted")
    column = pyarrow.chunked_array([c for block in table.blocks([target]) for c in block.column(0).chunks])
    has_target = column.is_valid().to_numpy()
    if not has_target.any():
        raise TrainingError(f"{table.path}: all values of the target {target} are missing")
    values = column.drop_null()
    return np.array(values.to_pylist()) if table.types[target] == TEXT else values.to_numpy(), has_target


def _sample(table: Table, names: list[str], rows: RowIndex) -> tuple[pyarrow.Table, dict[str, int]]:
    """Return sampled training rows, and the number of missing values of each column in all training rows."""
    step = -(-len(rows) // FIT_SAMPLE_ROWS)
    sample, blocks, first = rows[::step], [], 0
    missing = dict.fromkeys(names, 0)
    for block in table.blocks(names):
        last = first + block.num_rows
        in_block, sampled = (
            index[np.searchsorted(index, first) : np.searchsorted(index, last)] for index in (rows, sample)
        )
        for name, column in zip(names, block.take(in_block - first).columns, strict=True):
            missing[name] += column.null_count
        blocks.append(block.take(sampled - first))
        first = last
    return pyarrow.concat_tables(blocks), missing


def _table_codes(table: Table, features: Features, has_target: npt.NDArray[np.bool_]) -> npt.NDArray[Any]:
    """Encode the rows that have a target as codes (N, K), with the code that encodes the rows of a request."""
    dtype = np.float32 if features.only_numbers else np.float64

    def blocks() -> Iterator[npt.NDArray[Any]]:
        first = 0
        for block in table.blocks([column.name for column in features.columns]):
            kept = block.filter(pyarrow.array(has_target[first : first + block.num_rows]))
            yield encode_columns(features, kept.columns).astype(dtype)
            first += block.num_rows

    return spill(blocks(), (int(has_target.sum()), len(features)), dtype)


def encode_columns(features: Features, columns: list[pyarrow.ChunkedArray]) -> npt.NDArray[np.float64]:
    """Encode typed columns as codes (B, K), with the code that encodes a request, each distinct value once."""
    return np.stack([_column_codes(*pair) for pair in zip(features.columns, columns, strict=True)], axis=1)


def _column_codes(column: Column, cells: pyarrow.ChunkedArray) -> npt.NDArray[np.float64]:
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
            raise TrainingError(f"column {column.name} holds what is not {column.expected}")
        codes[present] = distinct[encoded.indices.to_numpy()]
    return codes


def _complete_rows(features: Features, codes: npt.NDArray[Any], rows: RowIndex, notes: list[str]) -> RowIndex:
    """Leave out rows without a value that no training row lacks: the service refuses them too."""
    required = [j for j, column in enumerate(features.columns) if not column.missing]
    incomplete = np.concatenate(
        [
            np.isnan(codes[rows[start : start + ROWS_PER_CHUNK]][:, required]).any(axis=1)
            for start in range(0, len(rows), ROWS_PER_CHUNK)
        ]
        or [np.empty(0, bool)]
    )
    if incomplete.any():
        notes.append(f"{np.count_nonzero(incomplete):,} rows lack values that no training row lacks, and are left out")
    return np.asarray(rows[~incomplete])
