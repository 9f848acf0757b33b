"""The target to predict: classes with their labels, or the values of a regression."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from nn.model import Label
from nn.numbers import find_nonfinite, read_numbers
from nn.text import check_name
from training.errors import TrainingError
from training.text.readings import TextReading

TARGET_READING = "target_reading"  # in the manifest: how the text of the target was read
MAX_INTEGER_CLASSES = 20  # integers with more distinct values are the target of a regression


@dataclass(frozen=True)
class Targets:
    """The task, for a classification the labels in the order of the class indices, and how their text was read."""

    task: str
    labels: tuple[Label, ...] = ()
    reading: TextReading = TextReading()

    def encode(self, y: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Convert targets (B,) to class indices (B,), or to float32 values (B,) for a regression."""
        if self.task == "regression":
            values = read_numbers(y)
            if wrong := find_nonfinite(values):
                raise TrainingError(f"the target of row {wrong[0][0]} is NaN, infinite or too large for float32")
            return values
        labels = np.array(self.labels)
        classes = np.minimum(np.searchsorted(labels, y), len(labels) - 1)
        if (unseen := labels[classes] != y).any():
            raise TrainingError(f"unknown class {y[unseen][0]!s}: it does not occur in the training set")
        return classes.astype(np.intp)


def check_names(names: Iterable[str], what: str) -> None:
    """Raise TrainingError for a name that no model can have."""
    for name in names:
        try:
            check_name(name, what)
        except ValueError as error:
            raise TrainingError(str(error)) from error


def find_targets(y: npt.NDArray[Any], task: str | None) -> tuple[Targets, npt.NDArray[Any]]:
    """Detect the task, unless it is given, and the classes; return them with the encoded targets (B,).

    Raises TrainingError if the targets do not fit the task or have fewer than two distinct values.
    """
    if not len(y):
        raise TrainingError("the data have no rows with a target")
    if y.dtype.kind not in "biufU":
        raise TrainingError(f"the targets are {y.dtype} values; expected text, numbers or booleans")
    distinct = np.unique(y)
    if len(distinct) < 2:
        raise TrainingError(f"all targets are {distinct[0]!s}; at least two distinct values are required")
    integral = y.dtype.kind in "biuU" or bool((distinct == np.floor(distinct)).all())
    if task is None:
        few_values = y.dtype.kind in "bU" or len(distinct) <= MAX_INTEGER_CLASSES
        task = "classification" if integral and few_values else "regression"
    if task == "regression" and y.dtype.kind in "bU":
        raise TrainingError(f"the targets are not numbers, for example {distinct[0]!s}; use --task classification")
    if task == "classification" and not integral:
        raise TrainingError("the targets are fractions, not classes; use --task regression")
    if task == "classification" and y.dtype.kind == "U":
        check_names(distinct.tolist(), "a class")
    targets = Targets(task, tuple(distinct.tolist()) if task == "classification" else ())
    encoded = targets.encode(y)
    if task == "regression" and np.ptp(encoded) == 0:
        raise TrainingError("all targets are equal after rounding to float32; subtract a constant offset from them")
    return targets, encoded
