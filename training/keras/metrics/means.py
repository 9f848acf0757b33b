"""Metrics that are means over the samples: accuracies, and regression errors."""

from typing import Any

import numpy as np
import numpy.typing as npt

from nn.activations import Array
from training.keras.checks import check_number, check_positive_integer
from training.keras.engine.data_adapter import TargetArray
from training.keras.metrics.base import Mean


class Accuracy(Mean):
    """Calculates how often outputs equal targets.

    The string "accuracy" does not select this class, but the accuracy that fits the targets: sparse categorical,
    categorical or binary.
    """

    def values(self, y: TargetArray, outputs: Array) -> npt.NDArray[Any]:
        return np.asarray((y.reshape(outputs.shape) == outputs).mean(axis=1))


class SparseCategoricalAccuracy(Mean):
    """Calculates how often the largest output is that of the class index y."""

    def values(self, y: TargetArray, outputs: Array) -> npt.NDArray[Any]:
        return np.asarray(outputs.argmax(axis=1) == y.ravel())


class CategoricalAccuracy(Mean):
    """Calculates how often the largest output is that of the one-hot target."""

    def values(self, y: TargetArray, outputs: Array) -> npt.NDArray[Any]:
        return np.asarray(outputs.argmax(axis=1) == y.argmax(axis=1))


class BinaryAccuracy(Mean):
    """Calculates how often outputs match binary targets.

    Args:
        name: Optional name of the metric.
        threshold: Output above which a prediction is positive.
    """

    def __init__(self, name: str | None = None, threshold: float = 0.5, **unknown: Any) -> None:
        super().__init__(name, **unknown)
        check_number("threshold", threshold, 0, 1)
        self.threshold = float(threshold)

    def values(self, y: TargetArray, outputs: Array) -> npt.NDArray[Any]:
        return np.asarray((y.reshape(outputs.shape) == (outputs > self.threshold)).mean(axis=1))


class SparseTopKCategoricalAccuracy(Mean):
    """Computes how often the class index y is among the top k predictions.

    Args:
        k: Number of top outputs to consider.
        name: Optional name of the metric.
    """

    def __init__(self, k: int = 5, name: str | None = None, **unknown: Any) -> None:
        super().__init__(name, **unknown)
        check_positive_integer("k", k)
        self.k = k

    def values(self, y: TargetArray, outputs: Array) -> npt.NDArray[Any]:
        truth = outputs[np.arange(len(y)), y.ravel()]
        return np.asarray((outputs > truth[:, None]).sum(axis=1) < self.k)


class TopKCategoricalAccuracy(SparseTopKCategoricalAccuracy):
    """Computes how often the class of the one-hot target is among the top k predictions."""

    def values(self, y: TargetArray, outputs: Array) -> npt.NDArray[Any]:
        return super().values(y.argmax(axis=1), outputs)


class MeanAbsoluteError(Mean):
    """Computes the mean of the absolute errors |output - y|."""

    direction = "min"

    def values(self, y: TargetArray, outputs: Array) -> npt.NDArray[Any]:
        return np.asarray(np.abs(outputs - y.reshape(outputs.shape)).mean(axis=1))


class MeanSquaredError(Mean):
    """Computes the mean of the squared errors (output - y)²."""

    direction = "min"

    def values(self, y: TargetArray, outputs: Array) -> npt.NDArray[Any]:
        return np.asarray(np.square(outputs - y.reshape(outputs.shape)).mean(axis=1))
