"""Metrics of binary classifiers based on true and false positives and negatives."""

from typing import Any

import numpy as np
import numpy.typing as npt

from nn.activations import Array
from training.keras.checks import check_number, check_positive_integer, invalid_argument
from training.keras.engine.data_adapter import TargetArray
from training.keras.metrics.base import Metric


class _ConfusionMetric(Metric):
    """Base class of the metrics that count true and false positives at each of several thresholds."""

    def __init__(self, points: npt.NDArray[np.float64], name: str | None, **unknown: Any) -> None:
        self.points = points
        super().__init__(name, **unknown)

    def reset(self) -> None:
        # Row 0 counts negative targets, row 1 positive ones: false and true positives at each threshold.
        self.positives = np.zeros((2, len(self.points)))
        self.totals = np.zeros(2)

    def update(self, y: TargetArray, outputs: Array) -> None:
        """Accumulates a batch; each output of a sample counts separately."""
        truth = y.reshape(outputs.shape).astype(bool)
        # The number of thresholds below each output.
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
    """Computes the precision of the predictions: the fraction of true positives among predicted positives.

    Args:
        thresholds: Output above which a prediction is positive, from 0 to 1; 0.5 by default.
        name: Optional name of the metric.
    """

    def result(self) -> float:
        false, true = self.positives[:, 0]
        return float(true / (true + false)) if true + false else 0.0


class Recall(_AtThreshold):
    """Computes the recall of the predictions: the fraction of true positives among positive targets.

    Args:
        thresholds: Output above which a prediction is positive, from 0 to 1; 0.5 by default.
        name: Optional name of the metric.
    """

    def result(self) -> float:
        return float(self.positives[1, 0] / self.totals[1]) if self.totals[1] else 0.0


class AUC(_ConfusionMetric):
    """Approximates the AUC (area under the curve) of the ROC or PR curve.

    Between its points, the ROC curve is interpolated linearly, and the PR curve as in Davis & Goadrich 2006.

    Args:
        num_thresholds: Number of thresholds, which are the points of the curve.
        curve: "ROC" for the true positive rate over the false positive rate, "PR" for precision over recall.
        name: Optional name of the metric.
    """

    def __init__(self, num_thresholds: int = 200, curve: str = "ROC", name: str | None = None, **unknown: Any) -> None:
        check_positive_integer("num_thresholds", num_thresholds)
        if num_thresholds < 2:
            raise invalid_argument("num_thresholds", "an integer > 1", num_thresholds)
        if curve not in ("ROC", "PR"):
            raise invalid_argument("curve", "'ROC' or 'PR'", curve)
        self.num_thresholds, self.curve = num_thresholds, curve
        inner = np.arange(1, num_thresholds - 1) / (num_thresholds - 1)
        super().__init__(np.array([-1e-7, *inner, 1 + 1e-7]), name, **unknown)

    def result(self) -> float:
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
