"""Metrics of binary classifiers that are computed from true and false positives and negatives."""

from typing import Any

import numpy as np
import numpy.typing as npt

from nn.activations import Array
from training.errors import TrainingError
from training.keras.checks import check_number, check_positive_integer
from training.keras.engine.data_adapter import TargetArray
from training.keras.metrics.base import Metric


class _ConfusionMetric(Metric):
    """Counts of true and false positives and negatives at each of some thresholds."""

    def __init__(self, points: npt.NDArray[np.float64], name: str | None, **unknown: Any) -> None:
        self.points = points
        super().__init__(name, **unknown)

    def reset(self) -> None:
        """Remove all batches."""
        self.positives = np.zeros((2, len(self.points)))  # of false and of true targets
        self.totals = np.zeros(2)

    def update(self, y: TargetArray, outputs: Array) -> None:
        """Add a batch, every output of a row by itself."""
        truth = y.reshape(outputs.shape).astype(bool)
        # How many thresholds lie below an output.
        below = np.searchsorted(self.points, outputs, side="left")
        for target in (0, 1):
            chosen = truth == bool(target)
            counts = np.bincount(below[chosen], minlength=len(self.points) + 1)
            self.positives[target] += counts[::-1].cumsum()[::-1][1:]
            self.totals[target] += chosen.sum()


class _AtThreshold(_ConfusionMetric):
    def __init__(self, thresholds: float | None = None, name: str | None = None, **unknown: Any) -> None:
        self.thresholds = 0.5 if thresholds is None else thresholds
        check_number("thresholds", self.thresholds, 0, 1)
        super().__init__(np.array([self.thresholds]), name, **unknown)


class Precision(_AtThreshold):
    """True positives among positives."""

    def result(self) -> float:
        """Return the value so far."""
        false, true = self.positives[:, 0]
        return float(true / (true + false)) if true + false else 0.0


class Recall(_AtThreshold):
    """True positives among positive targets."""

    def result(self) -> float:
        """Return the value so far."""
        return float(self.positives[1, 0] / self.totals[1]) if self.totals[1] else 0.0


class AUC(_ConfusionMetric):
    """The area under the curve of true over false positives (ROC), or of precision over recall (PR).

    The curve has `num_thresholds` points, between which the area is that of trapezoids (ROC) or follows
    Davis & Goadrich 2006 (PR).
    """

    def __init__(self, num_thresholds: int = 200, curve: str = "ROC", name: str | None = None, **unknown: Any) -> None:
        check_positive_integer("num_thresholds", num_thresholds)
        if num_thresholds < 2 or curve not in ("ROC", "PR"):
            raise TrainingError(f"AUC takes at least 2 thresholds and ROC or PR, got {num_thresholds} and {curve!r}")
        self.num_thresholds, self.curve = num_thresholds, curve
        inner = np.arange(1, num_thresholds - 1) / (num_thresholds - 1)
        super().__init__(np.array([-1e-7, *inner, 1 + 1e-7]), name, **unknown)

    def result(self) -> float:
        """Return the value so far."""
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
