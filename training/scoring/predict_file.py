"""Predicting a whole file: block by block, into a file that appears complete or not at all."""

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
from training.files.read import TEXT, Table, read_file
from training.scoring.score_file import blocks

WRITERS = {".csv": pyarrow.csv.CSVWriter, ".parquet": pyarrow.parquet.ParquetWriter}


def predict_file(
    model: Model, data: Path, out: Path, *, delimiter: str | None = None, header: bool | None = None
) -> int:
    """Write the rows of a table, as they are, with their predictions beside them; return how many there are.

    A classification adds `prediction` and the `probability` of each class, a regression `prediction` alone.
    Raises TrainingError; then nothing is written.
    """
    if out.suffix.lower() not in WRITERS:
        raise TrainingError(f"{out}: give a file that ends in {' or '.join(WRITERS)}")
    names = [column.name for column in model.features.columns]
    raw = read_file(data, delimiter=delimiter, header=header, names=names)
    if isinstance(raw, Table) and (taken := [name for name in _names(model) if name in raw.types]):
        raise TrainingError(f"{data} has a column {taken[0]!r} already: rename it")
    rows = 0
    total = raw.rows if isinstance(raw, Table) else len(raw.x)
    bar = tqdm(total=total, unit=" rows", unit_scale=True, disable=None, leave=False)
    with bar, _writer(out) as write:
        for block in blocks(raw, model.features):
            answers = _answers(model, block.codes)
            write(answers if block.table is None else _beside(block.table, answers))
            rows += len(block.codes)
            bar.update(len(block.codes))
    return rows


def _names(model: Model) -> list[str]:
    return ["prediction", *(f"probability {text(label)}" for label in model.labels)]


def _answers(model: Model, codes: Any) -> pyarrow.Table:
    outputs = model.predict(codes)
    if model.task == "regression":
        return pyarrow.table({"prediction": outputs[:, 0]})
    columns = [pyarrow.array(model.best_labels(outputs)), *(pyarrow.array(column) for column in outputs.T)]
    return pyarrow.table(columns, names=_names(model))


def _beside(table: pyarrow.Table, answers: pyarrow.Table) -> pyarrow.Table:
    # What pyarrow can read of Parquet but not write as CSV.
    views = [pyarrow.types.is_string_view(field.type) for field in table.schema]
    columns = [column.cast(TEXT) if view else column for column, view in zip(table.columns, views, strict=True)]
    return pyarrow.table([*columns, *answers.columns], names=[*table.column_names, *answers.column_names])


@contextmanager
def _writer(out: Path) -> Iterator[Any]:
    """Write tables into a file beside `out`, which takes its place when it is whole and on the disk."""
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
