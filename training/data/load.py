"""Loads the data set given by the settings."""

from dataclasses import replace
from pathlib import Path

from sklearn.datasets import load_digits

from training.config import Config
from training.data.dataset import DataSet
from training.data.from_arrays import load_arrays
from training.data.from_table import load_table
from training.data.labelled_rows import read_test_set
from training.errors import TrainingError
from training.files.npz import Arrays
from training.files.read import file_sha256, read_file
from training.files.table import ReadOptions, Table


def load_dataset(config: Config, fold: int | None = None) -> DataSet:
    """Load `digits` or a file. The test set is a part of it, a file of its own, the fold with this number, or empty.

    Raises TrainingError.
    """
    data = _load_training_data(config, fold)
    if config.test_data is None:
        return data
    path = Path(config.test_data)
    own = [column.name for column in data.features.columns] + ([config.target] if config.target else [])
    raw = read_file(path, ReadOptions(own, others=False, delimiter=config.delimiter, header=config.header))
    raw = raw.parts[-1] if isinstance(raw, Arrays) else raw
    test = read_test_set(raw, path, data.train, data.targets, config.target)
    source = data.source | {"test": {"source": path.name, "sha256": file_sha256(path)}}
    return replace(data, test=test, source=source)


def _load_training_data(config: Config, fold: int | None) -> DataSet:
    if config.data == "digits":
        _refuse_columns(config, "digits is a data set of images with its own targets")
        digits = load_digits()
        return load_arrays(Arrays(digits.images, digits.target), config, {"source": "digits"}, fold)
    path = Path(config.data)
    names = [config.target] if config.target else []
    raw = read_file(path, ReadOptions(names, delimiter=config.delimiter, header=config.header))
    source = {"source": path.name, "sha256": file_sha256(path)}
    if isinstance(raw, Table):
        return load_table(raw, config, source, fold)
    _refuse_columns(config, "the columns of a .npz file have no names, and its targets are in y or y_train")
    return load_arrays(raw, config, source, fold)


def _refuse_columns(config: Config, reason: str) -> None:
    """Raise TrainingError if the settings name columns, which only tables have."""
    for option, value in (("target", config.target), ("categories", config.categories)):
        if value:
            raise TrainingError(f"remove --{option}; {reason}")
