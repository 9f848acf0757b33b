"""What is to be predicted: classes by their labels, or values."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from nn.model import Label
from training.errors import TrainingError

FEW_VALUES = 20  # whole numbers with no more are taken for classes


@dataclass(frozen=True)
class Targets:
    """The task, and the labels of a classification in the order of their numbers."""

    task: str
    labels: tuple[Label, ...] = ()

    def encode(self, y: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Turn targets (B,) into class numbers (B,), or into values (B,) for a regression."""
        if self.task == "regression":
            return _values(y)
        known = np.array(self.labels)
        classes = np.minimum(np.searchsorted(known, y), len(known) - 1)
        if (strange := known[classes] != y).any():
            raise TrainingError(f"the target {y[strange][0]!s} is a class that the training part does not have")
        return classes.astype(np.intp)


def find_targets(y: npt.NDArray[Any], task: str | None) -> Targets:
    """Find the task where it is not told, and the classes. Raises TrainingError where there is nothing to learn."""
    if not len(y):
        raise TrainingError("the data have no rows with a target")
    if y.dtype.kind not in "biufU":
        raise TrainingError(f"the targets are {y.dtype} values; expected text, numbers or booleans")
    different = np.unique(y)
    if len(different) < 2:
        raise TrainingError(f"the targets are all {different[0]!s}: there is nothing to tell apart")
    whole = y.dtype.kind in "biuU" or bool((different == np.floor(different)).all())
    if task is None:
        few = y.dtype.kind in "bU" or len(different) <= FEW_VALUES
        task = "classification" if whole and few else "regression"
    if task == "regression":
        if y.dtype.kind in "bU":
            raise TrainingError(f"the targets are not numbers, such as {different[0]!s}; a regression needs numbers")
        _values(y)
        return Targets("regression")
    if not whole:
        raise TrainingError("the targets are not classes but fractions: try --task regression")
    return Targets("classification", tuple(different.tolist()))


def _values(y: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
    with np.errstate(over="ignore"):
        values = y.astype(np.float64).astype(np.float32)
    if not (finite := np.isfinite(values)).all():
        row = int(np.flatnonzero(~finite)[0])
        raise TrainingError(f"the target of row {row} is NaN, infinite or too large for float32")
    return values
