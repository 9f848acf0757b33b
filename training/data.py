"""Data to learn from: raw rows and class numbers, in a part to train on and a part to test with."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from nn.features import Float32, read_numbers
from nn.model import Label
from training.errors import TrainingError
from training.files import Raw, read_file

TEST_SHARE = 0.2


@dataclass(frozen=True)
class Part:
    """Raw rows (B, I) and class numbers (B,)."""

    rows: Float32
    classes: npt.NDArray[np.intp]


@dataclass(frozen=True)
class DataSet:
    """A training part and a test part, the names of the columns (None for a grid, such as pixels) and the labels."""

    train: Part
    test: Part
    names: list[str] | None
    labels: tuple[Label, ...]
    source: dict[str, Any]


def load(data: str, target: str | None, seed: int) -> DataSet:
    """Load `digits` or a file, and split off a test part where it brings none."""
    if data == "digits":
        digits = load_digits()
        raw, source = Raw(digits.images, digits.target), {"source": "digits"}
    else:
        path = Path(data)
        raw, source = read_file(path, target), {"source": path.name, "sha256": _digest(path)}
    y_train, labels = _encode(raw.y)
    train = Part(_rows(raw.x, raw.names), y_train)
    if raw.test is None:
        train, test = _split(train, labels, seed)
    else:
        test = Part(_rows(raw.test[0], raw.names), _encode_as(raw.test[1], labels))
        if test.rows.shape[1] != train.rows.shape[1]:
            raise TrainingError(f"x_train has {train.rows.shape[1]} values a row, x_test {test.rows.shape[1]}")
    grid = raw.names is None and (raw.x.ndim > 2 or raw.x.dtype == np.uint8)
    names = None if grid else raw.names or [f"x{i}" for i in range(train.rows.shape[1])]
    return DataSet(train, test, names, labels, source)


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _rows(x: npt.NDArray[Any], names: list[str] | None) -> Float32:
    """Flatten (B, …) to raw rows (B, I) of finite float32 numbers."""
    if not (np.issubdtype(x.dtype, np.number) and np.isrealobj(x)):
        raise TrainingError(f"the data hold {x.dtype} values; only numbers can be trained on")
    rows = read_numbers(x.reshape(len(x), -1))
    if not rows.size:
        raise TrainingError("the data have no rows")
    if not (finite := np.isfinite(rows)).all():
        row, column = (int(i) for i in np.argwhere(~finite)[0])
        place = f"row {row}, {names[column] if names else f'value {column}'}"
        raise TrainingError(f"the data hold NaN, infinity or a number too large for float32: first in {place}")
    return rows


def _encode(y: npt.NDArray[Any]) -> tuple[npt.NDArray[np.intp], tuple[Label, ...]]:
    """Number the classes in the order of their labels, which keep their type."""
    if np.issubdtype(y.dtype, np.floating) and not np.array_equal(y, np.floor(y)):
        raise TrainingError("the targets are not classes but fractions; only classification can be trained")
    if y.dtype == object:
        y = np.array(y.tolist())
    values, classes = np.unique(y, return_inverse=True)
    labels = tuple(values.tolist())
    if not labels:
        raise TrainingError("the data have no rows")
    if not isinstance(labels[0], str | int | float | bool):
        raise TrainingError(f"the targets are {y.dtype} values; expected strings, whole numbers or booleans")
    if len(labels) < 2:
        raise TrainingError(f"the targets are all {labels[0]!r}: there is nothing to tell apart")
    return classes.astype(np.intp), labels


def _encode_as(y: npt.NDArray[Any], labels: tuple[Label, ...]) -> npt.NDArray[np.intp]:
    """Number the classes of a test part as those of the training part."""
    known = np.array(labels)
    classes = np.searchsorted(known, y.ravel())
    if not np.array_equal(known[np.minimum(classes, len(known) - 1)], y.ravel()):
        raise TrainingError("y_test holds a class that y_train does not")
    return classes


def _split(part: Part, labels: tuple[Label, ...], seed: int) -> tuple[Part, Part]:
    """Split off a test part in which every class has its share."""
    counts = np.bincount(part.classes)
    if counts.min() < 2:
        raise TrainingError(
            f"class {labels[int(counts.argmin())]!r} has one row only; at least two are needed, one to test with"
        )
    test_rows = max(round(len(part.rows) * TEST_SHARE), len(labels))
    x_train, x_test, y_train, y_test = train_test_split(
        part.rows, part.classes, test_size=test_rows, stratify=part.classes, random_state=seed
    )
    return Part(x_train, y_train), Part(x_test, y_test)
