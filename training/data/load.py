"""Loads the data set given by the settings."""

from pathlib import Path

from sklearn.datasets import load_digits

from training.config import Config
from training.data.dataset import DataSet
from training.data.from_arrays import load_arrays
from training.data.from_table import load_table
from training.errors import TrainingError
from training.files.npz import Arrays
from training.files.read import file_sha256, read_file
from training.files.table import ReadOptions, Table


def load_dataset(config: Config) -> DataSet:
    """Load `digits` or a file; hold out a test set if the file has none. Raises TrainingError."""
    if config.data == "digits":
        _refuse_columns(config, "digits is a data set of images with its own targets")
        digits = load_digits()
        return load_arrays(Arrays(digits.images, digits.target), config, {"source": "digits"})
    path = Path(config.data)
    names = [config.target] if config.target else []
    raw = read_file(path, ReadOptions(names, delimiter=config.delimiter, header=config.header))
    source = {"source": path.name, "sha256": file_sha256(path)}
    if isinstance(raw, Table):
        return load_table(raw, config, source)
    _refuse_columns(config, "the columns of a .npz file have no names, and its targets are in y or y_train")
    return load_arrays(raw, config, source)


def _refuse_columns(config: Config, reason: str) -> None:
    """Raise TrainingError if the settings name columns, which only tables have."""
    for option, value in (("target", config.target), ("categories", config.categories)):
        if value:
            raise TrainingError(f"remove --{option}; {reason}")
