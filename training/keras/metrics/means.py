"""Metrics that are the mean of a value of each row: shares of right answers, and errors of regressions."""

from typing import Any

import numpy as np
import numpy.typing as npt

from nn.activations import Array
from training.keras.checks import check_number, check_positive_integer
from training.keras.engine.data_adapter import TargetArray
from training.keras.metrics.base import Mean


class Accuracy(Mean):
    """The share of outputs that equal their targets; the string "accuracy" means the one that fits the model."""

    def values(self, y: TargetArray, outputs: Array) -> npt.NDArray[Any]:
        """Return the share of each row (B,)."""
        return np.asarray((y.reshape(outputs.shape) == outputs).mean(axis=1))


class SparseCategoricalAccuracy(Mean):
    """The share of rows whose largest output is that of the class y."""

    def values(self, y: TargetArray, outputs: Array) -> npt.NDArray[Any]:
        """Return whether it is (B,)."""
        return np.asarray(outputs.argmax(axis=1) == y.ravel())


class CategoricalAccuracy(Mean):
    """The share of rows whose largest output is that of the largest target."""

    def values(self, y: TargetArray, outputs: Array) -> npt.NDArray[Any]:
        """Return whether it is (B,)."""
        return np.asarray(outputs.argmax(axis=1) == y.argmax(axis=1))


class BinaryAccuracy(Mean):
    """The share of outputs that lie on the right side of the threshold."""

    def __init__(self, name: str | None = None, threshold: float = 0.5, **unknown: Any) -> None:
        super().__init__(name, **unknown)
        check_number("threshold", threshold, 0, 1)
        self.threshold = float(threshold)

    def values(self, y: TargetArray, outputs: Array) -> npt.NDArray[Any]:
        """Return the share of each row (B,)."""
        return np.asarray((y.reshape(outputs.shape) == (outputs > self.threshold)).mean(axis=1))


class SparseTopKCategoricalAccuracy(Mean):
    """The share of rows in which fewer than k outputs are larger than that of the class y."""

    def __init__(self, k: int = 5, name: str | None = None, **unknown: Any) -> None:
        super().__init__(name, **unknown)
        check_positive_integer("k", k)
        self.k = k

    def values(self, y: TargetArray, outputs: Array) -> npt.NDArray[Any]:
        """Return whether they are (B,)."""
        truth = outputs[np.arange(len(y)), y.ravel()]
        return np.asarray((outputs > truth[:, None]).sum(axis=1) < self.k)


class TopKCategoricalAccuracy(SparseTopKCategoricalAccuracy):
    """The share of rows in which fewer than k outputs are larger than that of the largest target."""

    def values(self, y: TargetArray, outputs: Array) -> npt.NDArray[Any]:
        """Return whether they are (B,)."""
        return super().values(y.argmax(axis=1), outputs)


class MeanAbsoluteError(Mean):
    """|output - y|, the mean over the outputs."""

    direction = "min"

    def values(self, y: TargetArray, outputs: Array) -> npt.NDArray[Any]:
        """Return the error of each row (B,)."""
        return np.asarray(np.abs(outputs - y.reshape(outputs.shape)).mean(axis=1))


class MeanSquaredError(Mean):
    """(output - y)², the mean over the outputs."""

    direction = "min"

    def values(self, y: TargetArray, outputs: Array) -> npt.NDArray[Any]:
        """Return the error of each row (B,)."""
        return np.asarray(np.square(outputs - y.reshape(outputs.shape)).mean(axis=1))
