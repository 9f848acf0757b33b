"""Predicts the rows of a file, block by block, and writes them to another file atomically."""

import os
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import pyarrow
import pyarrow.csv
import pyarrow.parquet
from tqdm import tqdm

from nn import Model
from nn.columns import text
from store.durable import atomic_write
from training.data.blocks import read_blocks
from training.errors import TrainingError
from training.files.npz import Arrays
from training.files.read import read_file
from training.files.table import TEXT, ReadOptions, Table
from training.scoring.unseen_values import UnseenValues

WRITERS = {".csv": pyarrow.csv.CSVWriter, ".parquet": pyarrow.parquet.ParquetWriter}


def predict_file(model: Model, data: Path, out: Path, options: ReadOptions) -> tuple[list[int], UnseenValues]:
    """Write the columns of a table unchanged, followed by the predictions.

    Returns the number of rows of each part, and the values that training has not seen.

    A classification adds the columns `prediction` and `probability LABEL` for each class, a regression only
    `prediction`. For a `.npz` file, only these columns are written: of all rows, those of a test part last. If
    TrainingError is raised, nothing is written.
    """
    if out.suffix.lower() not in WRITERS:
        raise TrainingError(f"{out}: unknown file type; expected {' or '.join(WRITERS)}")
    source, unseen = read_file(data, options), UnseenValues(model.features)
    added = ["prediction", *(f"probability {text(label)}" for label in model.labels)]
    own_names = list(source.types) if isinstance(source, Table) else []
    if duplicates := [name for name in added if name in own_names]:
        raise TrainingError(f"{data} already has a column {duplicates[0]!r}: rename it")
    parts: list[Arrays | Table] = [source] if isinstance(source, Table) else [*source.parts]
    total = source.rows if isinstance(source, Table) else sum(len(part.x) for part in source.parts)
    bar = tqdm(total=total, unit=" rows", unit_scale=True, disable=None, leave=False)
    rows = [0] * len(parts)

    def predicted_tables() -> Iterator[pyarrow.Table]:
        for number, part in enumerate(parts):
            for block in read_blocks(part, model.features, own_names, options.bad_rows):
                outputs = model.predict(block.codes)
                predictions = [model.best_labels(outputs), *outputs.T] if model.labels else [outputs[:, 0]]
                own = [_writable(block.kept.column(name)) for name in own_names]
                yield pyarrow.table([*own, *map(pyarrow.array, predictions)], names=[*own_names, *added])
                unseen.add(block.codes)
                rows[number] += len(block.codes)
                bar.update(len(block.codes))

    with bar:
        _write_tables(out, predicted_tables())
    return rows, unseen


def _writable(column: pyarrow.ChunkedArray) -> pyarrow.ChunkedArray:
    """Cast string views to strings: pyarrow can read string views from Parquet, but cannot write them as CSV."""
    return column.cast(TEXT) if pyarrow.types.is_string_view(column.type) else column


def _write_tables(out: Path, tables: Iterator[pyarrow.Table]) -> None:
    """Write at least one table to a temporary file, which replaces `out` once it is complete and synced to disk.

    The schema is that of the first table.
    """
    try:
        with atomic_write(out) as temporary:
            first = next(tables)
            with WRITERS[out.suffix.lower()](str(temporary), first.schema) as writer:
                for table in chain([first], tables):
                    writer.write_table(table)
            with temporary.open("rb") as file:
                os.fsync(file.fileno())
    except OSError as error:
        raise TrainingError(f"{out} can't be written: {error.strerror or error}") from error
    except (pyarrow.ArrowInvalid, pyarrow.ArrowNotImplementedError) as error:  # a list or an object in a cell
        raise TrainingError(f"{out} can't be written: {error}; write .parquet, or leave the column out") from error
