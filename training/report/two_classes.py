"""The choice of a threshold between two classes: what each threshold flags, finds and costs."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score, roc_auc_score

from training.evaluation.scores import EvaluationResult
from training.report.outcome_plots import ranking_curves

THRESHOLDS = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95)
COST_RATIO = 5  # of a missed row to a false alarm, until the reader changes it


@dataclass(frozen=True)
class Threshold:
    """The numbers of rows if those with at least this probability are flagged."""

    probability: float
    flagged: int
    found: int
    positives: int
    rows: int

    @property
    def precision(self) -> float:
        """The share of the flagged rows that are positive; NaN if none is flagged."""
        return self.found / self.flagged if self.flagged else float("nan")

    @property
    def recall(self) -> float:
        """The share of the positive rows that are flagged."""
        return self.found / self.positives

    @property
    def false_alarms(self) -> int:
        """The flagged rows that are not positive."""
        return self.flagged - self.found

    @property
    def missed(self) -> int:
        """The positive rows that are not flagged."""
        return self.positives - self.found


def two_classes(result: EvaluationResult, labels: tuple[Any, ...]) -> dict[str, Any] | None:
    """Return the curves and the thresholds for the rarer class, or None if the rows have only one class."""
    counts = np.bincount(result.targets, minlength=2)
    if not counts.all():
        return None
    positive = int(counts[1] <= counts[0])
    is_positive, scores = result.targets == positive, result.outputs[:, positive]
    return {
        "positive": labels[positive],
        "share": float(is_positive.mean()),
        "auc": float(roc_auc_score(is_positive, scores)),
        "precision": float(average_precision_score(is_positive, scores)),
        "curves": ranking_curves(is_positive, scores),
        "thresholds": [_threshold(is_positive, scores, probability) for probability in THRESHOLDS],
        "cost_ratio": COST_RATIO,
    }


def _threshold(is_positive: NDArray[np.bool_], scores: NDArray[np.float32], probability: float) -> Threshold:
    flagged = scores >= probability
    found = int((flagged & is_positive).sum())
    return Threshold(probability, int(flagged.sum()), found, int(is_positive.sum()), len(scores))
