"""Predicts the rows of a file, block by block, into another file that is replaced atomically."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.csv
import pyarrow.parquet
from tqdm import tqdm

from nn import Model
from nn.columns import text
from store.durable import sync_folder, temporary_beside
from training.errors import TrainingError
from training.files.column_types import TEXT
from training.files.read import read_file
from training.files.table import Table
from training.scoring.blocks import read_blocks

WRITERS = {".csv": pyarrow.csv.CSVWriter, ".parquet": pyarrow.parquet.ParquetWriter}


def predict_file(
    model: Model, data: Path, out: Path, *, delimiter: str | None = None, header: bool | None = None
) -> int:
    """Write the rows of a file unchanged, followed by their predictions; return the number of rows.

    A classification adds `prediction` and the `probability` of each class, a regression `prediction` alone.
    On a TrainingError nothing is written.
    """
    if out.suffix.lower() not in WRITERS:
        raise TrainingError(f"{out}: give a file that ends in {' or '.join(WRITERS)}")
    names = [column.name for column in model.features.columns]
    source = read_file(data, delimiter=delimiter, header=header, names=names)
    if isinstance(source, Table):
        _check_names(source, model)
    rows = 0
    total = source.rows if isinstance(source, Table) else len(source.x)
    bar = tqdm(total=total, unit=" rows", unit_scale=True, disable=None, leave=False)
    with bar, _writer(out) as write:
        for block in read_blocks(source, model.features):
            predictions = _predictions(model, block.codes)
            write(predictions if block.table is None else _append_columns(block.table, predictions))
            rows += len(block.codes)
            bar.update(len(block.codes))
    return rows


def _check_names(table: Table, model: Model) -> None:
    if duplicates := [name for name in _prediction_names(model) if name in table.types]:
        raise TrainingError(f"{table.path} has a column {duplicates[0]!r} already: rename it")


def _prediction_names(model: Model) -> list[str]:
    return ["prediction", *(f"probability {text(label)}" for label in model.labels)]


def _predictions(model: Model, codes: Any) -> pyarrow.Table:
    outputs = model.predict(codes)
    if model.task == "regression":
        return pyarrow.table({"prediction": outputs[:, 0]})
    columns = [pyarrow.array(model.best_labels(outputs)), *(pyarrow.array(column) for column in outputs.T)]
    return pyarrow.table(columns, names=_prediction_names(model))


def _append_columns(table: pyarrow.Table, predictions: pyarrow.Table) -> pyarrow.Table:
    # pyarrow can read string views from Parquet, but not write them as CSV.
    is_view = [pyarrow.types.is_string_view(field.type) for field in table.schema]
    columns = [column.cast(TEXT) if view else column for column, view in zip(table.columns, is_view, strict=True)]
    return pyarrow.table([*columns, *predictions.columns], names=[*table.column_names, *predictions.column_names])


@contextmanager
def _writer(out: Path) -> Iterator[Any]:
    """Write tables into a temporary file, which replaces `out` when it is complete and synced to the disk."""
    temporary = temporary_beside(out)
    writer: Any = None

    def write(table: pyarrow.Table) -> None:
        nonlocal writer
        if writer is None:
            writer = WRITERS[out.suffix.lower()](str(temporary), table.schema)
        writer.write_table(table)

    try:
        yield write
        if writer is not None:
            writer.close()
            with temporary.open("rb") as file:
                os.fsync(file.fileno())
            temporary.replace(out)
            sync_folder(out.parent)
    except OSError as error:
        raise TrainingError(f"{out} can't be written: {error.strerror or error}") from error
    finally:
        temporary.unlink(missing_ok=True)
