"""From the table of a file to a data set: what each column is, and the codes of its rows."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow

from nn import Features
from nn.columns import Column
from training.config import Config
from training.data.columns import SAMPLE_ROWS, finite_numbers, fit_columns, read_seconds
from training.data.dataset import CHUNK_ROWS, DataSet, Part, split_parts
from training.data.split import Rows
from training.data.targets import find_targets
from training.errors import TrainingError
from training.files.numeric_text import nearly_numbers
from training.files.read import TEXT, TIME, TIME_UTC, Table
from training.files.spill import spill


def load_table(table: Table, config: Config, source: dict[str, Any]) -> DataSet:
    """Read the table for the targets, for what its texts are, for the features and for the codes."""
    if not table.rows:
        raise TrainingError(f"{table.path} has no rows")
    raw, known = _read_targets(table, config.target)
    notes = [] if known.all() else [f"{np.count_nonzero(~known):,} rows have no {config.target} and are left out"]
    notes += nearly_numbers(table)
    targets = find_targets(raw, config.task)
    y = targets.encode(raw)
    parts = split_parts(y, targets, config, test=True)
    of_file = np.flatnonzero(known)
    names = [name for name in table.types if name != config.target]
    if not names:
        raise TrainingError(f"{table.path} has no column beside the target {config.target}")
    sample, missing = _sample(table, names, of_file[parts[0]])
    fitted = fit_columns(sample, missing, config.bins)
    codes = _table_codes(table, fitted.features, known)
    train, validation, test = (
        Part(fitted.features, codes, y, _readable(fitted.features, codes, rows, notes)) for rows in parts
    )
    return DataSet(train, validation, test, targets, source, notes + fitted.notes)


def _read_targets(table: Table, target: str | None) -> tuple[npt.NDArray[Any], npt.NDArray[np.bool_]]:
    """Return the targets that there are, and which rows of the file have one."""
    columns = ", ".join(table.types)
    if target is None:
        raise TrainingError(f"{table.path}: name the column to predict with --target; there are {columns}")
    if target not in table.types:
        raise TrainingError(f"{table.path} has no column {target!r}; there are {columns}")
    if table.types[target] in (TIME, TIME_UTC):
        raise TrainingError(f"{table.path}: the target {target} holds dates, which can't be predicted")
    column = pyarrow.chunked_array([c for block in table.blocks([target]) for c in block.column(0).chunks])
    known = column.is_valid().to_numpy()
    if not known.any():
        raise TrainingError(f"{table.path}: all values of the target {target} are missing")
    values = column.drop_null()
    return np.array(values.to_pylist()) if table.types[target] == TEXT else values.to_numpy(), known


def _sample(table: Table, names: list[str], rows: Rows) -> tuple[pyarrow.Table, dict[str, int]]:
    """Return training rows to judge the columns by, and how many values each lacks in the whole training part."""
    step = -(-len(rows) // SAMPLE_ROWS)
    chosen, blocks, first = rows[::step], [], 0
    missing = dict.fromkeys(names, 0)
    for block in table.blocks(names):
        last = first + block.num_rows
        trained, sampled = (part[np.searchsorted(part, first) : np.searchsorted(part, last)] for part in (rows, chosen))
        for name, column in zip(names, block.take(trained - first).columns, strict=True):
            missing[name] += column.null_count
        blocks.append(block.take(sampled - first))
        first = last
    return pyarrow.concat_tables(blocks), missing


def _table_codes(table: Table, features: Features, known: npt.NDArray[np.bool_]) -> npt.NDArray[Any]:
    """Turn the rows that have a target into codes (N, K), as the service turns the rows of a request."""
    dtype = np.float32 if features.only_numbers else np.float64

    def blocks() -> Iterator[npt.NDArray[Any]]:
        first = 0
        for block in table.blocks([column.name for column in features.columns]):
            kept = block.filter(pyarrow.array(known[first : first + block.num_rows]))
            yield read_block(features, kept).astype(dtype)
            first += block.num_rows

    return spill(blocks(), (int(known.sum()), len(features)), dtype)


def read_block(features: Features, block: pyarrow.Table) -> npt.NDArray[np.float64]:
    """Turn typed columns into codes (B, K), with the same code as a request's, each different value once."""
    columns = [_column_codes(column, block.column(column.name)) for column in features.columns]
    return np.stack(columns, axis=1)


def _column_codes(column: Column, cells: pyarrow.ChunkedArray) -> npt.NDArray[np.float64]:
    codes = np.full(len(cells), np.nan)
    present = cells.is_valid().to_numpy()
    given = cells.drop_null()
    if cells.type in (TIME, TIME_UTC):
        codes[present] = read_seconds(given)
    elif column.kind == "number":
        codes[present] = finite_numbers(column.name, given.to_numpy())
    elif len(given):
        words = given.combine_chunks().dictionary_encode()
        read = column.read(words.dictionary.to_pylist())
        if read is None:
            raise TrainingError(f"column {column.name} holds what is not {column.expected}")
        codes[present] = read[words.indices.to_numpy()]
    return codes


def _readable(features: Features, codes: npt.NDArray[Any], rows: Rows, notes: list[str]) -> Rows:
    """Leave out rows that lack a value which no training row lacks: the service would refuse them too."""
    never = [j for j, column in enumerate(features.columns) if not column.missing]
    wrong = np.concatenate(
        [
            np.isnan(codes[rows[start : start + CHUNK_ROWS]][:, never]).any(axis=1)
            for start in range(0, len(rows), CHUNK_ROWS)
        ]
        or [np.empty(0, bool)]
    )
    if wrong.any():
        notes.append(f"{np.count_nonzero(wrong):,} rows lack values that no training row lacks, and are left out")
    return np.asarray(rows[~wrong])
