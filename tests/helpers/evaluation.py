"""Evaluation results without a model."""

import numpy as np

from training.evaluation.scores import EvaluationResult


def classification_result(correct: np.ndarray) -> EvaluationResult:
    """Return a result of two classes; `correct` marks the correctly predicted rows."""
    outputs = np.where(correct[:, None], [0.9, 0.1], [0.1, 0.9]).astype(np.float32)
    return EvaluationResult(outputs, np.where(correct, 0.1, 2.3), np.zeros(len(correct), np.intp))
