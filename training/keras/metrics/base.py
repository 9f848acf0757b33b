"""What is reported beside the loss: figures that are gathered batch by batch and read when somebody looks.

Weights of rows count in the loss alone. Names, defaults and formulas are those of Keras 3 (`keras/src/metrics/`).
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from nn.activations import Array
from training.errors import TrainingError
from training.keras.checks import check_count, check_number, refuse_arguments
from training.keras.lookup import look_up, snake_case

Targets = npt.NDArray[Any]


class Metric:
    """Gathers targets (B,) or (B, C) and outputs (B, C) by `update`; `result` is the figure so far."""

    direction = "max"  # what is better

    def __init__(self, name: str | None = None, **unknown: Any) -> None:
        refuse_arguments(self, unknown)
        self.name = name or snake_case(type(self).__name__)
        self.reset()

    def reset(self) -> None:
        """Forget what was gathered."""
        raise NotImplementedError

    def update(self, y: Targets, outputs: Array) -> None:
        """Gather a batch."""
        raise NotImplementedError

    def result(self) -> float:
        """Return the figure."""
        raise NotImplementedError


class Mean(Metric):
    """The mean over the rows of a value of each."""

    def values(self, y: Targets, outputs: Array) -> npt.NDArray[Any]:
        """Return the value of each row (B,)."""
        raise NotImplementedError

    def reset(self) -> None:
        """Forget what was gathered."""
        self._total, self._rows = 0.0, 0

    def update(self, y: Targets, outputs: Array) -> None:
        """Gather a batch."""
        self.add(float(self.values(y, outputs).sum()), len(y))

    def add(self, total: float, rows: int) -> None:
        """Gather the sum over some rows."""
        self._total += total
        self._rows += rows

    def result(self) -> float:
        """Return the mean so far."""
        return self._total / self._rows if self._rows else 0.0


class Accuracy(Mean):
    """The share of outputs that equal their targets; the string "accuracy" means the one that fits the model."""

    def values(self, y: Targets, outputs: Array) -> npt.NDArray[Any]:
        """Return the share of each row (B,)."""
        return np.asarray((y.reshape(outputs.shape) == outputs).mean(axis=1))


class SparseCategoricalAccuracy(Mean):
    """The share of rows whose largest output is that of the class y."""

    def values(self, y: Targets, outputs: Array) -> npt.NDArray[Any]:
        """Return whether it is (B,)."""
        return np.asarray(outputs.argmax(axis=1) == y.ravel())


class CategoricalAccuracy(Mean):
    """The share of rows whose largest output is that of the largest target."""

    def values(self, y: Targets, outputs: Array) -> npt.NDArray[Any]:
        """Return whether it is (B,)."""
        return np.asarray(outputs.argmax(axis=1) == y.argmax(axis=1))


class BinaryAccuracy(Mean):
    """The share of outputs that lie on the right side of the threshold."""

    def __init__(self, name: str | None = None, threshold: float = 0.5, **unknown: Any) -> None:
        super().__init__(name, **unknown)
        check_number("threshold", threshold, 0, 1)
        self.threshold = float(threshold)

    def values(self, y: Targets, outputs: Array) -> npt.NDArray[Any]:
        """Return the share of each row (B,)."""
        return np.asarray((y.reshape(outputs.shape) == (outputs > self.threshold)).mean(axis=1))


class SparseTopKCategoricalAccuracy(Mean):
    """The share of rows in which fewer than k outputs are larger than that of the class y."""

    def __init__(self, k: int = 5, name: str | None = None, **unknown: Any) -> None:
        super().__init__(name, **unknown)
        check_count("k", k)
        self.k = k

    def values(self, y: Targets, outputs: Array) -> npt.NDArray[Any]:
        """Return whether they are (B,)."""
        truth = outputs[np.arange(len(y)), y.ravel()]
        return np.asarray((outputs > truth[:, None]).sum(axis=1) < self.k)


class TopKCategoricalAccuracy(SparseTopKCategoricalAccuracy):
    """The share of rows in which fewer than k outputs are larger than that of the largest target."""

    def values(self, y: Targets, outputs: Array) -> npt.NDArray[Any]:
        """Return whether they are (B,)."""
        return super().values(y.argmax(axis=1), outputs)


class MeanAbsoluteError(Mean):
    """|output - y|, the mean over the outputs."""

    direction = "min"

    def values(self, y: Targets, outputs: Array) -> npt.NDArray[Any]:
        """Return the error of each row (B,)."""
        return np.asarray(np.abs(outputs - y.reshape(outputs.shape)).mean(axis=1))


class MeanSquaredError(Mean):
    """(output - y)², the mean over the outputs."""

    direction = "min"

    def values(self, y: Targets, outputs: Array) -> npt.NDArray[Any]:
        """Return the error of each row (B,)."""
        return np.asarray(np.square(outputs - y.reshape(outputs.shape)).mean(axis=1))


class _Confusion(Metric):
    """Counts of true and false positives and negatives at each of some thresholds."""

    def __init__(self, points: npt.NDArray[np.float64], name: str | None, **unknown: Any) -> None:
        self.points = points
        super().__init__(name, **unknown)

    def reset(self) -> None:
        """Forget what was gathered."""
        self.positives = np.zeros((2, len(self.points)))  # of false and of true targets
        self.totals = np.zeros(2)

    def update(self, y: Targets, outputs: Array) -> None:
        """Gather a batch, every output of a row by itself."""
        truth = y.reshape(outputs.shape).astype(bool)
        # How many thresholds lie below an output.
        below = np.searchsorted(self.points, outputs, side="left")
        for target in (0, 1):
            chosen = truth == bool(target)
            counts = np.bincount(below[chosen], minlength=len(self.points) + 1)
            self.positives[target] += counts[::-1].cumsum()[::-1][1:]
            self.totals[target] += chosen.sum()


class Precision(_Confusion):
    """True positives among positives."""

    def __init__(self, thresholds: float | None = None, name: str | None = None, **unknown: Any) -> None:
        self.thresholds = 0.5 if thresholds is None else thresholds
        check_number("thresholds", self.thresholds, 0, 1)
        super().__init__(np.array([self.thresholds]), name, **unknown)

    def result(self) -> float:
        """Return the figure."""
        false, true = self.positives[:, 0]
        return float(true / (true + false)) if true + false else 0.0


class Recall(_Confusion):
    """True positives among what should be positive."""

    def __init__(self, thresholds: float | None = None, name: str | None = None, **unknown: Any) -> None:
        self.thresholds = 0.5 if thresholds is None else thresholds
        check_number("thresholds", self.thresholds, 0, 1)
        super().__init__(np.array([self.thresholds]), name, **unknown)

    def result(self) -> float:
        """Return the figure."""
        return float(self.positives[1, 0] / self.totals[1]) if self.totals[1] else 0.0


class AUC(_Confusion):
    """The area under the curve of true over false positives (ROC), or of precision over recall (PR).

    The curve has `num_thresholds` points, between which the area is that of trapezoids (ROC) or follows
    Davis & Goadrich 2006 (PR).
    """

    def __init__(self, num_thresholds: int = 200, curve: str = "ROC", name: str | None = None, **unknown: Any) -> None:
        check_count("num_thresholds", num_thresholds)
        if num_thresholds < 2 or curve not in ("ROC", "PR"):
            raise TrainingError(f"AUC takes at least 2 thresholds and ROC or PR, got {num_thresholds} and {curve!r}")
        self.num_thresholds, self.curve = num_thresholds, curve
        inner = np.arange(1, num_thresholds - 1) / (num_thresholds - 1)
        super().__init__(np.array([-1e-7, *inner, 1 + 1e-7]), name, **unknown)

    def result(self) -> float:
        """Return the figure."""
        false, true = self.positives
        if not self.totals[1] or (self.curve == "ROC" and not self.totals[0]):
            return 0.0
        if self.curve == "ROC":
            x, y = false / self.totals[0], true / self.totals[1]
            return float(((x[:-1] - x[1:]) * (y[:-1] + y[1:]) / 2).sum())
        return self._precision_recall(true, true + false)

    def _precision_recall(self, true: Array, positive: Array) -> float:
        gained, added = true[:-1] - true[1:], positive[:-1] - positive[1:]
        slope = gained / np.maximum(added, 1e-300)
        intercept = true[1:] - slope * positive[1:]
        both = (positive[:-1] > 0) & (positive[1:] > 0)
        ratio = np.where(both, positive[:-1] / np.maximum(positive[1:], 1e-300), 1)
        return float((slope * (gained + intercept * np.log(ratio))).sum() / self.totals[1])


METRICS: dict[str, type[Any]] = {
    "accuracy": Accuracy,
    "sparse_categorical_accuracy": SparseCategoricalAccuracy,
    "categorical_accuracy": CategoricalAccuracy,
    "binary_accuracy": BinaryAccuracy,
    "sparse_top_k_categorical_accuracy": SparseTopKCategoricalAccuracy,
    "top_k_categorical_accuracy": TopKCategoricalAccuracy,
    "mean_absolute_error": MeanAbsoluteError,
    "mae": MeanAbsoluteError,
    "mean_squared_error": MeanSquaredError,
    "mse": MeanSquaredError,
    "auc": AUC,
    "precision": Precision,
    "recall": Recall,
}
ACCURACY = ("accuracy", "acc")


def check_metric(identifier: Any) -> None:
    """Refuse what is no metric."""
    if not isinstance(identifier, Metric) and str(identifier).lower() not in ACCURACY:
        look_up("metric", identifier, METRICS)


def get_metric(identifier: Any, y: Targets, outputs: int) -> Metric:
    """Look up a metric by name, or take one as it is; "accuracy" is the one that fits targets and outputs."""
    if isinstance(identifier, Metric):
        identifier.reset()
        return identifier
    if str(identifier).lower() in ACCURACY:
        if outputs == 1:
            return BinaryAccuracy(name=identifier)
        return (SparseCategoricalAccuracy if y.ndim == 1 else CategoricalAccuracy)(name=identifier)
    metric: Metric = look_up("metric", identifier, METRICS)(name=identifier)
    return metric
