"""The target to predict: classes with their labels, or the values of a regression."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from nn.model import Label
from nn.numbers import find_nonfinite, read_numbers
from training.errors import TrainingError

MAX_INTEGER_CLASSES = 20  # integers with more distinct values are the target of a regression


@dataclass(frozen=True)
class Targets:
    """The task, and the labels of a classification in the order of their numbers."""

    task: str
    labels: tuple[Label, ...] = ()

    def encode(self, y: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Turn targets (B,) into class numbers (B,), or into values (B,) for a regression."""
        if self.task == "regression":
            values = read_numbers(y)
            if wrong := find_nonfinite(values):
                raise TrainingError(f"the target of row {wrong[0][0]} is NaN, infinite or too large for float32")
            return values
        labels = np.array(self.labels)
        classes = np.minimum(np.searchsorted(labels, y), len(labels) - 1)
        if (unseen := labels[classes] != y).any():
            raise TrainingError(f"the target {y[unseen][0]!s} is a class that the training part does not have")
        return classes.astype(np.intp)


def find_targets(y: npt.NDArray[Any], task: str | None) -> tuple[Targets, npt.NDArray[Any]]:
    """Infer the task if it is not given, and the classes; return them, and y encoded by them (B,).

    Raises TrainingError if there is nothing to learn.
    """
    if not len(y):
        raise TrainingError("the data have no rows with a target")
    if y.dtype.kind not in "biufU":
        raise TrainingError(f"the targets are {y.dtype} values; expected text, numbers or booleans")
    distinct = np.unique(y)
    if len(distinct) < 2:
        raise TrainingError(f"the targets are all {distinct[0]!s}: there is nothing to tell apart")
    integral = y.dtype.kind in "biuU" or bool((distinct == np.floor(distinct)).all())
    if task is None:
        few_values = y.dtype.kind in "bU" or len(distinct) <= MAX_INTEGER_CLASSES
        task = "classification" if integral and few_values else "regression"
    if task == "regression" and y.dtype.kind in "bU":
        raise TrainingError(f"the targets are not numbers, such as {distinct[0]!s}; a regression needs numbers")
    if task == "classification" and not integral:
        raise TrainingError("the targets are not classes but fractions: try --task regression")
    targets = Targets(task, tuple(distinct.tolist()) if task == "classification" else ())
    return targets, targets.encode(y)
