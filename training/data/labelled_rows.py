"""The rows of a file that have a target, as codes of given features and encoded targets.

The features and the classes are those of a model, or of a training set: nothing is fitted to these rows.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow
from numpy.typing import NDArray

from nn import Features
from nn.columns import text
from nn.number_format import NumberFormat
from training.data.blocks import read_blocks
from training.data.dataset import RowIndex, Split
from training.data.targets import Targets
from training.errors import TrainingError
from training.files.bad_rows import BadRows
from training.files.npz import Arrays
from training.files.table import BOOLEAN, TEXT, Table, null_words, try_cast
from training.text.number_text import parse_numbers

LabelledBlocks = Iterator[tuple[NDArray[Any], NDArray[Any]]]


def labelled_blocks(
    data: Arrays | Table, features: Features, targets: Targets, target: str | None, bad_rows: BadRows
) -> LabelledBlocks:
    """Yield the codes (B, K) and the targets (B,) of the rows that have a target, block by block.

    Raises TrainingError.
    """
    return ((codes, y) for codes, y, _ in _numbered_blocks(data, features, targets, target, bad_rows))


def read_test_set(data: Arrays | Table, place: str, train: Split, targets: Targets, target: str | None) -> Split:
    """Return the rows of a file or a data frame of their own as the test set. Raises TrainingError."""
    blocks = _numbered_blocks(data, train.features, targets, target, BadRows())
    codes, y, numbers = (np.concatenate(parts) for parts in zip(*blocks, strict=True))
    if not len(y):
        raise TrainingError(f"{place} has no row with a target")
    return Split(train.features, codes.astype(train.codes.dtype), y, np.arange(len(y)), numbers)


def _numbered_blocks(
    data: Arrays | Table, features: Features, targets: Targets, target: str | None, bad_rows: BadRows
) -> Iterator[tuple[NDArray[Any], NDArray[Any], RowIndex]]:
    """Yield the codes, the targets and the numbers of the rows that have a target."""
    kept = [target] if isinstance(data, Table) and target in data.types else []
    for block in read_blocks(data, features, kept, bad_rows):
        if isinstance(data, Arrays):
            y, problems = _encode(block.kept.tolist(), targets)
            if problems:
                raise TrainingError(next(iter(problems.values())))
            yield block.codes, y, block.numbers
        elif not kept:
            problem = f"has no target column {target!r}" if target else "needs --target, the column of true values"
            raise TrainingError(f"{data.path} {problem}; the columns are {', '.join(data.types)}")
        else:
            cells = _typed(data.column(block.kept, kept[0]), targets)
            valid = cells.is_valid().to_numpy()
            codes, numbers = block.codes[valid], block.numbers[valid]
            y, problems = _encode(cells.drop_null().to_pylist(), targets)
            for row, problem in problems.items():
                bad_rows.add(data.path, "row", int(numbers[row]), problem)
            good = np.array([row not in problems for row in range(len(numbers))], bool)
            yield codes[good], y, numbers[good]


def _typed(cells: pyarrow.ChunkedArray, targets: Targets) -> pyarrow.ChunkedArray:
    """Return text as the values that it meant in training; text that means none stays what it is."""
    if cells.type != TEXT or any(isinstance(label, str) for label in targets.labels):
        return cells
    reading = targets.reading
    values = null_words(cells, reading.nothing)
    if all(isinstance(label, bool) for label in targets.labels) and targets.labels:
        booleans = try_cast(values, BOOLEAN)
        return values if booleans is None else booleans
    numbers, wrong = parse_numbers(values, reading.number or NumberFormat())
    return values if wrong.any() else numbers


def _encode(values: list[Any], targets: Targets) -> tuple[NDArray[Any], dict[int, str]]:
    """Return the class indices, or the values of a regression, and the problems of the rows that have none."""
    if targets.task == "regression":
        problem = "the target column contains values that are not numbers; the model is a regression"
        problems = {row: problem for row, value in enumerate(values) if not isinstance(value, int | float)}
        numbers = [value for row, value in enumerate(values) if row not in problems]
        return targets.encode(np.array(numbers, np.float64)), problems
    classes = {text(label): number for number, label in enumerate(targets.labels)}
    found = [classes.get(text(value)) if isinstance(value, str | int | float) else None for value in values]
    known = ", ".join(list(classes)[:10])
    problems = {
        row: f"unknown class {values[row]!s} in the target column; the classes of the model are {known}"
        for row, number in enumerate(found)
        if number is None
    }
    return np.array([number for number in found if number is not None], np.intp), problems
