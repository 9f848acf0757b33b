"""Loads the data set given by the settings."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

from sklearn.datasets import load_digits

from training.config import Config
from training.data.dataset import DataSet
from training.data.from_arrays import load_arrays
from training.data.from_table import add_notes, find_target, load_table
from training.data.labelled_rows import read_test_set
from training.errors import TrainingError
from training.files.frame import frame_sha256, read_frame, to_arrow
from training.files.npz import Arrays
from training.files.read import file_sha256, read_file
from training.files.table import ReadOptions, Table
from training.text.choices import COLUMN_OPTIONS, Choices
from training.text.typed_table import TypedTable, read_types


@dataclass(frozen=True)
class Source:
    """Rows for training or testing, and their provenance: a name, and a digest if they are not built in."""

    rows: Arrays | Table
    provenance: dict[str, Any]

    @classmethod
    def of_frame(cls, frame: Any) -> Self:
        """Read a data frame. Raises TrainingError."""
        rows = to_arrow(frame)
        return cls(read_frame(rows), {"source": "data frame", "sha256": frame_sha256(rows)})

    @classmethod
    def of_file(cls, path: Path, options: ReadOptions) -> Self:
        """Read a file. Raises TrainingError."""
        return cls(read_file(path, options), {"source": path.name, "sha256": file_sha256(path)})


def load_dataset(
    config: Config, fold: int | None = None, *, data: Source | None = None, test: Source | None = None
) -> DataSet:
    """Load the training data, and a test set: a part of them, rows of their own, the fold with this number, or none.

    Sources that are not given are the files of the settings. Raises TrainingError.
    """
    data = data or training_source(config)
    load = load_table if isinstance(data.rows, TypedTable) else load_arrays
    dataset = load(data.rows, config, data.provenance, fold)  # type: ignore[arg-type]  # as chosen above
    if config.test_data is None:
        return dataset
    own = [column.name for column in dataset.features.columns] + ([config.target] if config.target else [])
    options = ReadOptions(own, delimiter=config.delimiter, header=config.header)
    test = test or Source.of_file(Path(config.test_data), options)
    rows = test.rows.parts[-1] if isinstance(test.rows, Arrays) else test.rows
    try:
        held_out = read_test_set(rows, config.test_data, dataset.train, dataset.targets, config.target)
    except TrainingError as error:
        add_notes(error, dataset.notes)
        raise
    first_row = rows.first_row if isinstance(rows, Table) else 0
    source = dataset.source | {"test": test.provenance}
    return replace(dataset, test=held_out, source=source, first_row=first_row)


def training_source(config: Config, frame: Source | None = None) -> Source:
    """Return the data of a data frame or, if there is none, of the file that the settings name, with their types.

    Raises TrainingError.
    """
    if frame is None and config.data == "digits":
        _refuse_columns(config, "digits is a data set of images with its own targets")
        digits = load_digits()
        return Source(Arrays(digits.images, digits.target), {"source": "digits"})
    names = [config.target] if config.target else []
    options = ReadOptions(names, delimiter=config.delimiter, header=config.header)
    source = frame or Source.of_file(Path(config.data), options)
    if isinstance(source.rows, Arrays):
        _refuse_columns(config, "the columns of a .npz file have no names, and its targets are in y or y_train")
        return source
    target = find_target(source.rows, config.target)
    return replace(source, rows=read_types(source.rows, _choices(config), target))


def _choices(config: Config) -> Choices:
    names = {option: getattr(config, option) or () for option in COLUMN_OPTIONS}
    return Choices(**names, decimal=config.decimal, dayfirst=config.dayfirst)


def _refuse_columns(config: Config, reason: str) -> None:
    """Raise TrainingError if the settings concern columns, which only tables have."""
    for option in ("target", *COLUMN_OPTIONS):
        if getattr(config, option):
            raise TrainingError(f"remove --{option}; {reason}")
