"""The rows of a file that have a target, as codes of given features and encoded targets.

The features and the classes are those of a model, or of a training set: nothing is fitted to these rows.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nn import Features
from nn.columns import text
from training.data.blocks import read_blocks
from training.data.dataset import RowIndex, Split
from training.data.targets import Targets
from training.errors import TrainingError
from training.files.npz import Arrays
from training.files.table import Table

LabelledBlocks = Iterator[tuple[NDArray[Any], NDArray[Any]]]


def labelled_blocks(data: Arrays | Table, features: Features, targets: Targets, target: str | None) -> LabelledBlocks:
    """Yield the codes (B, K) and the targets (B,) of the rows that have a target, block by block.

    Raises TrainingError.
    """
    return ((codes, y) for codes, y, _ in _numbered_blocks(data, features, targets, target))


def read_test_set(data: Arrays | Table, place: str, train: Split, targets: Targets, target: str | None) -> Split:
    """Return the rows of a file or a data frame of their own as the test set. Raises TrainingError."""
    blocks = _numbered_blocks(data, train.features, targets, target)
    codes, y, numbers = (np.concatenate(parts) for parts in zip(*blocks, strict=True))
    if not len(y):
        raise TrainingError(f"{place} has no row with a target")
    return Split(train.features, codes.astype(train.codes.dtype), y, np.arange(len(y)), numbers)


def _numbered_blocks(
    data: Arrays | Table, features: Features, targets: Targets, target: str | None
) -> Iterator[tuple[NDArray[Any], NDArray[Any], RowIndex]]:
    """Yield the codes, the targets and the numbers of the rows that have a target."""
    if isinstance(data, Table) and target is not None and any(isinstance(label, str) for label in targets.labels):
        data = data.as_text([target])
    kept = [target] if isinstance(data, Table) and target in data.types else []
    first = data.first_row if isinstance(data, Table) else 0
    for codes, stored in read_blocks(data, features, kept):
        numbers = np.arange(first, first + len(codes))
        first += len(codes)
        if isinstance(data, Arrays):
            yield codes, _encode(stored.tolist(), targets), numbers
        elif not kept:
            problem = f"has no target column {target!r}" if target else "needs --target, the column of true values"
            raise TrainingError(f"{data.path} {problem}; the columns are {', '.join(data.types)}")
        else:
            cells = data.column(stored, kept[0])
            valid = cells.is_valid().to_numpy()
            yield codes[valid], _encode(cells.drop_null().to_pylist(), targets), numbers[valid]


def _encode(values: list[Any], targets: Targets) -> NDArray[Any]:
    """Return class indices, or the values of a regression."""
    if targets.task == "regression":
        if not all(isinstance(value, int | float) for value in values):
            raise TrainingError("the target column contains values that are not numbers; the model is a regression")
        return targets.encode(np.array(values, np.float64))
    classes = {text(label): number for number, label in enumerate(targets.labels)}
    numbers = [classes.get(text(value)) if isinstance(value, str | int | float) else None for value in values]
    if None in numbers:
        unseen, labels = values[numbers.index(None)], ", ".join(list(classes)[:10])
        raise TrainingError(f"unknown class {unseen!s} in the target column; the classes of the model are {labels}")
    return np.array(numbers, np.intp)
